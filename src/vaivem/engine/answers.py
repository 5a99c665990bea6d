"""Answers that serve more than one run: of what may be read only now and then, or is asked again and again.

What became of one record may start many runs at once, in a past above all, and each would have to wait for
its own turn to read the same thing. So the answer of a read is kept in the database for as long as the record
may not be read again, and given to every run whose event happened before that read began. It is private data
of others: bounded in size, deleted when its time is over, shown in a run's history like any answer.

What many runs of bulk look up in the same words (a tag by its name) lasts for as long as its call says
(`Call.lasts`), which spares calls where a vendor allows few. Live events always ask.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import asyncpg
import msgspec

from vaivem.connectors.sdk import Answer, Call
from vaivem.connectors.sdk.manifest import Limit
from vaivem.engine.clock import CLOCKS
from vaivem.engine.statements import statement

OUR_CLOCKS = timedelta(seconds=5)  # what those of our own machines may be apart
MOST_BYTES = 1024 * 1024


class Kept(msgspec.Struct, frozen=True):
    """An answer with the moment at which its read began."""

    at: datetime
    answer: Answer


def window_name(limit: Limit, call: Call) -> str:
    """Return what a record is called in its own limit."""
    return f"{limit.scope} {call.record}"


def own_limit(limits: tuple[Limit, ...], call: Call) -> Limit | None:
    """Return the limit that the record of a call has for itself."""
    return next((one for one in limits if one.each and one.scope == call.scope and call.record), None)


class Answers:
    """Keeps answers, and finds them."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, conn: int, limit: Limit, call: Call, made: datetime | None) -> Kept | None:
        """Return an answer to the same call that tells of what happened at `call.since`, if one is kept.

        `made` is when the run was made that asks: what it is about had happened by then, by our own clock.
        """
        if call.since is None:
            return None
        oldest = call.since + CLOCKS
        if made is not None:
            oldest = min(oldest, made + OUR_CLOCKS)
        name = window_name(limit, call)
        row = await self._pool.fetchrow(statement("answers", "find"), conn, name, _what(call), oldest)
        return Kept(row["at"], Answer(row["status"], {}, row["content"])) if row else None

    async def keep(self, conn: int, limit: Limit, call: Call, at: datetime, answer: Answer) -> None:
        """Keep an answer whose read began at `at`, unless it is too large."""
        if call.since is None or len(answer.content) > MOST_BYTES:
            return
        arguments = (conn, window_name(limit, call), _what(call), at, limit.seconds)
        await self._pool.execute(statement("answers", "keep"), *arguments, answer.status, answer.content)

    async def find_lasting(self, conn: int, call: Call, now: datetime) -> Kept | None:
        """Return an answer to the same call that lasts still, if one is kept."""
        oldest = now - timedelta(seconds=call.lasts)
        what = _what(call)
        row = await self._pool.fetchrow(statement("answers", "find"), conn, what.hex(), what, oldest)
        return Kept(row["at"], Answer(row["status"], {}, row["content"])) if row else None

    async def keep_lasting(self, conn: int, call: Call, at: datetime, answer: Answer) -> None:
        """Keep an answer for as long as its call says, unless it is too large."""
        if len(answer.content) > MOST_BYTES:
            return
        what = _what(call)
        arguments = (conn, what.hex(), what, at, call.lasts, answer.status, answer.content)
        await self._pool.execute(statement("answers", "keep"), *arguments)

    async def forget(self) -> None:
        """Delete those whose time is over."""
        await self._pool.execute(statement("answers", "forget"))


def _what(call: Call) -> bytes:
    whole = repr((call.name, call.method, call.base, call.path, call.query))
    return hashlib.blake2b(whole.encode(), digest_size=16).digest()
