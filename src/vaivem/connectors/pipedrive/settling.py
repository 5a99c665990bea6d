"""Makes one record be there, once: what persons, organizations and deals have in common.

The vendor knows no upsert, no unique field and no idempotency key. So a record is looked for under a claim of
its keys, and one whose creation got no answer is looked for among the newest, which the list shows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from vaivem.connectors.pipedrive import client, finding
from vaivem.connectors.pipedrive.objects import candidate
from vaivem.connectors.pipedrive.records import Record, body_for, flat, record_from, written
from vaivem.connectors.sdk import ActionContext, Answer, Claim, Findable, Idempotent
from vaivem.core.likeness import oldest
from vaivem.core.mapping import Values

Fits = Callable[[Record], bool]


async def known(
    context: ActionContext, object_key: str, claim: Claim, claims: Iterable[str], fits: Fits
) -> Record | None:
    """Return the record that is remembered for a claim's keys, unless it is gone or no longer the one."""
    if not claim.known:
        return None
    record = await finding.one(context, object_key, claim.known)
    if record is None:
        for key in claims:
            context.forget(object_key, key)
        return None
    return record if fits(record) else None


async def pick(
    context: ActionContext, object_key: str, found: list[Record], claims: Iterable[str], **about: Any
) -> Record | None:
    """Return the one record that is meant: a person chooses between several. None means a new one."""
    if len(found) < 2 and not about.pop("ask", False):
        return next(iter(found), None)
    about.pop("ask", None)
    candidates = [candidate(context.connection, object_key, record) for record in found]
    chosen = await context.choose(object_key, list(candidates), **about)
    for key in claims if chosen else ():
        context.remember(object_key, key, str(chosen))
    return next((record for record in found if record["id"] == chosen), None)


async def create(
    context: ActionContext,
    object_key: str,
    changes: Record,
    claims: Iterable[str],
    fits: Fits,
    declined: frozenset[str] = frozenset(),
) -> Record:
    """Make a record. `fits` knows it among the newest; `declined` are those like it that are others."""
    connection = context.connection

    async def find() -> Record | None:
        lately = await finding.made_lately(context, object_key, context.now)
        return oldest(record for record in lately if fits(record) and record["id"] not in declined)

    made = await context.write(
        client.create(object_key, body_for(connection, object_key, changes, {})),
        Findable(find),
        _taker(context, object_key),
        remember={key: lambda record: str(record["id"]) for key in claims},
        leaves=partial(written, object_key, changes),
    )
    return await finding.whole(context, object_key, made)


async def update(
    context: ActionContext, object_key: str, record: Record, changes: Record
) -> tuple[Record, str]:
    """Write changes to a record, if there are any; return it and what was done."""
    if not changes:
        return record, "kept"
    body = body_for(context.connection, object_key, changes, record)
    call = client.update(object_key, record["id"], body)
    leaves = partial(written, object_key, changes)
    updated = await context.write(call, Idempotent(), _taker(context, object_key), leaves=leaves)
    return await finding.whole(context, object_key, updated), "updated"


def changes_of(values: Values, record: Record) -> Record:
    """Return what a rule changes in a record, by the write policies."""
    return values.to_update(flat(record))


def _taker(context: ActionContext, object_key: str) -> Callable[[Answer], Record]:
    return lambda answer: record_from(context.connection, object_key, client.one(answer))
