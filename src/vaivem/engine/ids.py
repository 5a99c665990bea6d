"""64-bit, time-ordered ids: 41 bits of milliseconds, 10 bits of node, 12 bits of counter.

So an id is at once the key, the cursor, the sort order and the partition key. Never goes back when the clock
does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

NODE_BITS = 10
COUNTER_BITS = 12
SHIFT = NODE_BITS + COUNTER_BITS
COUNTER_MASK = (1 << COUNTER_BITS) - 1


def id_at(moment: datetime) -> int:
    """Return the lowest id of a moment: a bound for searches by time."""
    return int(moment.timestamp() * 1000) << SHIFT


def time_of(identifier: int) -> datetime:
    """Return when an id was made (UTC, to the millisecond)."""
    return datetime.fromtimestamp((identifier >> SHIFT) / 1000, UTC)


class IdMaker:
    """Makes ids for one process. `node` tells processes apart (a sequence of the database, modulo 1024)."""

    def __init__(self, node: int, now: Callable[[], float]) -> None:
        self._node = (node % (1 << NODE_BITS)) << COUNTER_BITS
        self._now = now
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        """Return an id greater than every one this maker gave before."""
        with self._lock:
            tick = int(self._now() * 1000) << COUNTER_BITS
            self._last = max(tick, self._last + 1)
            milliseconds, counter = self._last >> COUNTER_BITS, self._last & COUNTER_MASK
        return (milliseconds << SHIFT) | self._node | counter
