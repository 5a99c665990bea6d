"""The engine's time: the database's clock plus its shift, read in one place.

Every process measures how far the database's clock is from its own, so that all processes agree on what is
due, and so that a test can let days pass by one update of the table `clock`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg


class Clock:
    """What time it is for events, ids and deferrals. Leases use the real clock instead."""

    def __init__(self) -> None:
        self._offset = 0.0  # seconds between the database's vv_now() and time.time()

    async def adjust(self, connection: asyncpg.Connection | asyncpg.Pool) -> None:
        """Measure the database's clock again."""
        before = time.time()
        there: datetime = await connection.fetchval("select vv_now()")
        self._offset = there.timestamp() - (before + time.time()) / 2

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
