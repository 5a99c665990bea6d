"""History is kept as long as each workspace says; what unfinished runs need is kept longer."""

from __future__ import annotations

import logging

import asyncpg

from vaivem.engine.clock import Clock
from vaivem.engine.ids import id_at
from vaivem.engine.statements import statement

BATCH = 5000
SEEN_DAYS = 30

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
        for name in ("forget_digests", "forget_ids", "prune_chore_log", "prune_links"):
            await self._pool.execute(statement("chores", name))

    async def _thin(self, ws: int, days: int) -> None:
        bound = id_at(self._clock.after(-days * 86400.0))
        for name in ("thin_steps", "thin_runs", "thin_terms", "thin_events", "thin_rejected"):
            deleted = BATCH
            while deleted == BATCH:
                done: str = await self._pool.execute(statement("chores", name), ws, bound, BATCH)
                deleted = int(done.rpartition(" ")[2])
