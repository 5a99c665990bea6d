"""The simulator's own time, so that a test can let a month pass in a millisecond."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Real time plus an offset. It always ticks; moving it calls every listener once."""

    def __init__(self) -> None:
        self._offset = timedelta(0)
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """The simulated instant, aware, in UTC."""
        return datetime.now(UTC) + self._offset

    @property
    def offset_seconds(self) -> float:
        """How far the simulated time is ahead of the real one (negative: behind)."""
        return self._offset.total_seconds()

    def advance(self, seconds: float) -> None:
        """Move by ``seconds``; a negative number goes back."""
        self._move(self._offset + timedelta(seconds=seconds))

    def set(self, at: datetime) -> None:
        """Make it ``at`` now (aware); time goes on from there. A naive instant raises ``ValueError``."""
        if at.tzinfo is None:
            raise ValueError("the instant needs an offset, for example 2026-11-19T11:42:00-03:00")
        self._move(at - datetime.now(UTC))

    def real(self) -> None:
        """Go back to the machine's time."""
        self._move(timedelta(0))

    def on_move(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called after every move."""
        self._listeners.append(listener)

    def _move(self, offset: timedelta) -> None:
        self._offset = offset
        for listener in self._listeners:
            listener()
