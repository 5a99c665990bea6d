"""The account's limit of requests in a rolling window, and how near anyone came to it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` requests in any ``seconds``."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The limiter's answer for one request. ``reset_in`` is seconds until a place is free."""

    allowed: bool
    limit: int
    remaining: int
    reset_in: float


def parse_limit(mode: str, documented: Limit) -> Limit | None:
    """``documented``, ``off`` (None) or ``N/SECONDS``. Anything else raises ``ValueError``."""
    if mode == "documented":
        return documented
    if mode == "off":
        return None
    count, _, seconds = mode.partition("/")
    try:
        limit = Limit(int(count), float(seconds))
    except ValueError as error:
        raise ValueError(f"limits are documented, off or N/SECONDS, not {mode!r}") from error
    if limit.count < 1 or limit.seconds <= 0:
        raise ValueError("limits need at least one request and a window longer than nothing")
    return limit


class Limits:
    """A rolling window over real time (the simulated clock does not move it).

    Every arrival counts for ``max_in_window``, the refused ones too: it shows how hard a client pushed.
    Only the accepted ones use up the limit.
    """

    def __init__(self, documented: Limit, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.documented = documented
        self._monotonic = monotonic
        self.mode = "documented"
        self._limit: Limit | None = documented
        self.clear()

    def clear(self) -> None:
        """Forget all counts; the mode stays."""
        self._accepted: deque[float] = deque()
        self._arrived: deque[float] = deque()
        self.max_in_window = 0
        self.refused = 0
        self.total = 0

    def set_mode(self, mode: str) -> None:
        """Change the mode and start counting anew. Raises ``ValueError``."""
        self._limit = parse_limit(mode, self.documented)
        self.mode = mode
        self.clear()

    @property
    def window_seconds(self) -> float:
        """The window in use; with limits off, the documented one, which is still measured."""
        return (self._limit or self.documented).seconds

    def take(self) -> Reading:
        """Count one request and say whether it is let through."""
        now = self._monotonic()
        start = now - self.window_seconds
        _drop_before(self._arrived, start)
        _drop_before(self._accepted, start)
        self.total += 1
        self._arrived.append(now)
        self.max_in_window = max(self.max_in_window, len(self._arrived))
        if self._limit is None:
            return Reading(True, self.documented.count, self.documented.count, 0.0)
        allowed = len(self._accepted) < self._limit.count
        if allowed:
            self._accepted.append(now)
        else:
            self.refused += 1
        remaining = self._limit.count - len(self._accepted)
        return Reading(allowed, self._limit.count, remaining, self._accepted[0] - start)

    def as_dict(self) -> dict[str, Any]:
        """``limit`` is null with limits off."""
        return {
            "mode": self.mode,
            "limit": self._limit.count if self._limit else None,
            "window_seconds": self.window_seconds,
            "max_in_window": self.max_in_window,
            "refused": self.refused,
            "total": self.total,
        }


def _drop_before(times: deque[float], start: float) -> None:
    while times and times[0] <= start:
        times.popleft()
