"""History is kept as long as each workspace says; what unfinished runs need is kept longer."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import asyncpg

from vaivem.engine.clock import Clock
from vaivem.engine.ids import SHIFT, id_at
from vaivem.engine.statements import statement

BATCH = 5000
REST = 4.0  # after each batch, times what it took: there is all night, and events come meanwhile
SEEN_PAGES = 64  # of what was delivered before, at once: about 5,000 rows
REMEMBERED_DAYS = 30  # deliveries, at the least
LOCK_MILLISECONDS = 200  # events wait no longer than this for a partition to be dropped
LOCK_TRIES = 8
LOCK_PAUSE_SECONDS = 0.5
WEEK_MILLISECONDS = 604_800_000
LEAST = -(1 << 63)
WALKED = (  # many, and each with its time in its key
    ("next_old_steps", "thin_steps"),
    ("next_old_runs", "thin_runs"),
    ("next_old_events", "thin_events"),
    ("next_old_heard", "thin_heard"),
)
THINNED = ("thin_decisions", "thin_repeated", "thin_rejected", "thin_replay_runs", "thin_replays")
FORGOTTEN = (
    "forget_records", "forget_news", "forget_documents", "forget_fields", "forget_old_keys",
    "forget_document_events", "forget_people", "forget_names", "forget_merged_names", "forget_changes",
)  # fmt: skip

log = logging.getLogger(__name__)


class Retention:
    """Makes partitions ahead, and deletes what is old."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def make_partitions(self) -> None:
        """Make the history's partitions for the weeks to come."""
        await self._pool.execute(statement("chores", "make_partitions"))

    async def run(self) -> None:
        """Drop weeks that nobody keeps, delete in batches what is left, workspace by workspace.

        Then forget what need not be remembered any more.
        """
        await self.make_partitions()
        workspaces = await self._pool.fetch(statement("chores", "workspaces"))
        longest = max((row["retention_days"] for row in workspaces), default=0)
        bound = id_at(self._clock.after(-longest * 86400.0))
        for name in ("forget_told", "forget_values"):
            await self._pool.execute(statement("changes", name))
        for row in await self._pool.fetch(statement("chores", "old_weeks")):
            if (row["week"] + 1) * WEEK_MILLISECONDS << SHIFT <= bound:
                await self._drop(row["names"])
        for row in workspaces:
            await self._thin(row["id"], row["retention_days"])
        await self._forget_seen(max(REMEMBERED_DAYS, longest))
        for name in ("prune_chore_log", "prune_links", "prune_call_windows"):
            await self._pool.execute(statement("chores", name))
        await self._pool.execute(statement("answers", "forget"))
        await self._pool.execute(statement("breaker", "forget_hours"))
        await self._pool.execute(statement("echoes", "forget"))
        await self._pool.execute(statement("spending", "forget"))
        await self._pool.execute(statement("linking", "forget"))
        for name in FORGOTTEN:
            await self._pool.execute(statement("people", name))
        for row in await self._pool.fetch(statement("chores", "old_weeks")):
            await self._drop(row["names"], only_empty=True)

    async def _drop(self, partitions: list[str], *, only_empty: bool = False) -> None:
        """Drop a week's partitions, all or none: a run needs all of its week's.

        Events go first: the lock is asked for shortly, some times; what is in use stays for another night.
        What was deleted row by row leaves its room behind, which a look for rows would read under the lock:
        it is given back before.
        """
        if only_empty:
            if await self._any_row(self._pool, partitions):
                return
            await self._pool.execute(f"vacuum {_named(partitions)}")
        for _ in range(LOCK_TRIES):
            try:
                await self._drop_now(partitions, only_empty=only_empty)
            except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError):
                await asyncio.sleep(LOCK_PAUSE_SECONDS)
            else:
                return
        log.info("Partitions %s are in use: they are dropped another night", ", ".join(partitions))

    async def _drop_now(self, partitions: list[str], *, only_empty: bool) -> None:
        """Drop them, with the lock held for no longer than a look takes.

        Where something still reads old rows, their room is not given back yet: the look is cut short.
        """
        tables = _named(partitions)
        async with self._pool.acquire() as db, db.transaction():
            await db.execute(f"set local lock_timeout = '{LOCK_MILLISECONDS}ms'")
            await db.execute(f"lock table {tables} in access exclusive mode")
            if only_empty:
                await db.execute(f"set local statement_timeout = '{LOCK_MILLISECONDS}ms'")
                if await self._any_row(db, partitions):
                    return
                await db.execute("set local statement_timeout = 0")
            await db.execute(f"drop table {tables}")

    @staticmethod
    async def _any_row(db: asyncpg.Pool | asyncpg.pool.PoolConnectionProxy, partitions: list[str]) -> bool:
        for name in partitions:
            if await db.fetchval(f'select exists (select 1 from "{name}")'):  # noqa: S608 - a name of the catalog
                return True
        return False

    async def _thin(self, ws: int, days: int) -> None:
        bound = id_at(self._clock.after(-days * 86400.0))
        await self._thin_terms(ws, bound)
        for next_old, thin in WALKED:
            await self._walk(statement("chores", next_old), statement("chores", thin), ws, bound)
        for name in THINNED:
            deleted = BATCH
            while deleted == BATCH:
                deleted = await self._delete(statement("chores", name), ws, bound, BATCH)

    async def _walk(self, next_old: str, thin: str, ws: int, bound: int) -> None:
        """Delete what is old from the oldest on, so that no row is read in vain twice."""
        begin = LEAST
        while (end := await self._pool.fetchval(next_old, ws, bound, begin, BATCH)) is not None:
            await self._delete(thin, ws, begin, end)
            begin = end

    async def _thin_terms(self, ws: int, bound: int) -> None:
        begin = (LEAST, LEAST)
        while end := await self._pool.fetchrow(
            statement("chores", "next_old_terms"), ws, bound, BATCH, *begin
        ):
            await self._delete(statement("chores", "thin_terms"), ws, bound, *begin, *end)
            begin = (end["hash"], end["event_id"])

    async def _forget_seen(self, days: int) -> None:
        bound = id_at(self._clock.after(-days * 86400.0))
        pages: int = await self._pool.fetchval(statement("chores", "seen_pages"))
        for first in range(0, pages, SEEN_PAGES):
            span = (first, 0), (first + SEEN_PAGES, 0)
            await self._delete(statement("chores", "forget_seen"), *span, bound)

    async def _delete(self, query: str, *values: Any) -> int:
        """Delete a batch, and rest four times as long; return how many rows went."""
        begun = time.monotonic()
        done: str = await self._pool.execute(query, *values)
        await asyncio.sleep((time.monotonic() - begun) * REST)
        return int(done.rpartition(" ")[2])


def _named(partitions: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in partitions)
