"""History is kept as long as each workspace says; what unfinished runs need is kept longer."""

from __future__ import annotations

import logging

import asyncpg

from vaivem.engine.clock import Clock
from vaivem.engine.ids import id_at
from vaivem.engine.statements import statement

BATCH = 5000
LOCK_SECONDS = 2
THINNED = (
    "thin_steps", "thin_decisions", "thin_runs", "thin_terms", "thin_events", "thin_rejected",
    "thin_replay_runs", "thin_replays",
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
        """Delete in batches, workspace by workspace; then forget what need not be remembered any more."""
        await self.make_partitions()
        for row in await self._pool.fetch(statement("chores", "workspaces")):
            await self._thin(row["id"], row["retention_days"])
        for name in ("forget_digests", "forget_ids", "prune_chore_log", "prune_links", "prune_call_windows"):
            await self._pool.execute(statement("chores", name))
        for row in await self._pool.fetch(statement("chores", "old_weeks")):
            await self._drop_if_empty(row["names"])

    async def _drop_if_empty(self, partitions: list[str]) -> None:
        """Drop a week's partitions when there is no history in any of them: a run needs all of its week's.

        Work goes first: what is in use now is dropped another night.
        """
        tables = ", ".join(f'"{name}"' for name in partitions)
        async with self._pool.acquire() as db:
            try:
                async with db.transaction():
                    await db.execute(f"set local lock_timeout = '{LOCK_SECONDS}s'")
                    if await self._any_row(db, partitions):
                        return
                    await db.execute(f"lock table {tables} in access exclusive mode")
                    if not await self._any_row(db, partitions):
                        await db.execute(f"drop table {tables}")
            except asyncpg.LockNotAvailableError:
                log.info("Partitions %s are in use: they are dropped another night", tables)

    @staticmethod
    async def _any_row(db: asyncpg.pool.PoolConnectionProxy, partitions: list[str]) -> bool:
        for name in partitions:
            if await db.fetchval(f'select exists (select 1 from "{name}")'):  # noqa: S608 - a name of the catalog
                return True
        return False

    async def _thin(self, ws: int, days: int) -> None:
        bound = id_at(self._clock.after(-days * 86400.0))
        for name in THINNED:
            deleted = BATCH
            while deleted == BATCH:
                done: str = await self._pool.execute(statement("chores", name), ws, bound, BATCH)
                deleted = int(done.rpartition(" ")[2])
