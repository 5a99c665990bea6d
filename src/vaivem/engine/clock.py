"""The engine's time: the database's clock plus its shift, read in one place.

Every process measures how far the database's clock is from its own, so that all processes agree on what is
due, and so that a test can let days pass by one update of the table `clock`.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from vaivem.engine.statements import statement

if TYPE_CHECKING:
    import asyncpg

LEAST_STEP_SECONDS = 5.0
CLOCKS = timedelta(hours=1)  # what a vendor's clock may be ahead of ours

log = logging.getLogger(__name__)


def boot_time() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


async def went_back(pool: asyncpg.Pool, seconds: float) -> None:
    """Let nothing wait for a time that the clock has been at before, and left again."""
    log.warning("The database's clock went back by %.0f seconds", seconds)
    for table in ("lanes", "pending", "gates", "buckets", "windows"):
        await pool.execute(statement("clock", table), seconds)


class Clock:
    """What time it is for events, ids and deferrals. Leases use the real clock instead."""

    def __init__(self) -> None:
        self._offset = 0.0  # seconds between the database's vv_now() and time.time()
        self._ahead: float | None = None  # seconds between vv_now() and a clock that nobody sets

    async def adjust(self, connection: asyncpg.Connection | asyncpg.Pool) -> float:
        """Measure the database's clock again; return the seconds that it went back since the last time.

        Less than a few seconds are the measurement's own, and count as none.
        """
        before, steady = time.time(), boot_time()
        there: datetime = await connection.fetchval("select vv_now()")
        self._offset = there.timestamp() - (before + time.time()) / 2
        was, self._ahead = self._ahead, there.timestamp() - (steady + boot_time()) / 2
        back = 0.0 if was is None else was - self._ahead
        return back if back > LEAST_STEP_SECONDS else 0.0

    def set(self, there: datetime) -> None:
        """Take the database's clock as just read."""
        self._offset = there.timestamp() - time.time()

    def time(self) -> float:
        """Return seconds since 1970."""
        return time.time() + self._offset

    def now(self) -> datetime:
        """Return the moment, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def after(self, seconds: float) -> datetime:
        """Return the moment that many seconds from now."""
        return self.now() + timedelta(seconds=seconds)
