"""What calls cost of a vendor's budget of a day, counted for people; the vendor alone knows what is left.

A call only adds to a counter in memory; what was counted is added to the table every few seconds. A crash
loses those seconds.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import asyncpg

from vaivem.engine.clock import Clock
from vaivem.engine.statements import statement

FLUSH_SECONDS = 2.0
BUCKET_SECONDS = 600


class Spending:
    """Counts one process's calls."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._costs: Counter[tuple[int, int]] = Counter()  # by connection and begin of the ten minutes
        self._calls: Counter[tuple[int, int]] = Counter()

    def note(self, conn: int, cost: int) -> None:
        """Note that a call was answered."""
        key = (conn, int(self._clock.time()) // BUCKET_SECONDS * BUCKET_SECONDS)
        self._costs[key] += cost
        self._calls[key] += 1

    async def flush(self) -> None:
        """Add what was counted to the table."""
        if not self._calls:
            return
        costs, calls = self._costs, self._calls
        self._costs, self._calls = Counter(), Counter()
        columns = [[conn for conn, _ in calls], [at for _, at in calls], [costs[key] for key in calls]]
        await self._pool.execute(statement("spending", "add"), *columns, list(calls.values()))

    async def run(self) -> None:
        """Flush now and then, for as long as the worker lives."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()
