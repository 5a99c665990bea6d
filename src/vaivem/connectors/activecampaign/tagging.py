"""Tags: those that are missing are made, those that a contact has stay. Nothing is ever replaced."""

from __future__ import annotations

from collections.abc import Iterable

from vaivem.connectors.activecampaign import client, finding
from vaivem.connectors.sdk import ActionContext, Answer, Idempotent, Keyed
from vaivem.core.errors import RecordError
from vaivem.core.folding import fold


async def add_tags(
    context: ActionContext, contact_id: str, names: Iterable[str], *, new: bool = False
) -> list[str]:
    """Put tags on a contact; return the names of those that it did not have. A `new` one has none."""
    wanted = {await settle_tag(context, name, anew=False): name for name in each_once(names)}
    if not wanted:
        return []
    held = {} if new else await finding.contact_tags(context, contact_id)
    missing = [tag for tag in wanted if tag not in held]
    for tag in missing:
        try:
            await context.write(client.add_tag(contact_id, tag), Idempotent(), _taken)
        except RecordError:
            now = await settle_tag(context, wanted[tag])
            if now == tag:
                raise
            await context.write(client.add_tag(contact_id, now), Idempotent(), _taken)
    return [wanted[tag] for tag in missing]


async def remove_tags(context: ActionContext, contact_id: str, names: Iterable[str]) -> list[str]:
    """Take tags off a contact; return the names of those that it had. Unknown ones it cannot have."""
    held = await finding.contact_tags(context, contact_id)
    removed: list[str] = []
    for name in each_once(names):
        tag = await finding.tag_id(context, name)
        if tag is None or tag not in held:
            continue

        async def is_off(tag: str = tag) -> dict[str, str] | None:
            return None if tag in await finding.contact_tags(context, contact_id) else {}

        # A repeat is refused, as the link is gone: then the look says that it is done.
        off = Keyed(f"contactTag:{held[tag]}", is_off)
        await context.write(client.remove_tag(held[tag]), off, _taken)
        removed.append(name)
    return removed


async def settle_tag(context: ActionContext, name: str, *, anew: bool = True) -> str:
    """Return the id of a tag, made where there is none of its name; `anew` as in `finding.tag_id`.

    Looked for before it is claimed: nearly always it is there, and everybody's runs want the same few tags.
    """
    if known := await finding.tag_id(context, name, anew=anew):
        return known
    key = f"name:{fold(name)}"
    async with context.claim("tag", key):
        found = await finding.tag_id(context, name)
        if found is not None:
            return found

        async def find() -> str | None:
            return await finding.tag_id(context, name)

        # The vendor keeps names unique: a second one is refused, and the first one found.
        return await context.write(
            client.create_tag(name), Keyed(key, find), lambda answer: str(client.one(answer, "tag")["id"])
        )


def _taken(answer: Answer) -> dict[str, str]:
    return {}


def each_once(names: Iterable[str]) -> list[str]:
    """Return names without those that differ in case and accents alone."""
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(fold(str(name)), str(name).strip())
    return list(known.values())
