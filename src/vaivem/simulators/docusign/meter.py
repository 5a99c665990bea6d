"""How much may be called: by clock hour and in bursts for each account; and how often an envelope is read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from typing_extensions import override

from vaivem.simulators.docusign.account import Record
from vaivem.simulators.docusign.quirks import Quirks
from vaivem.simulators.docusign.times import stamp
from vaivem.simulators.kit.limits import Limit, Limits, Reading, parse_limit

BURST_SECONDS = 30.0
BURSTS = {"demo": 200, "production": 500}
HOUR = 3600
POLLING_SECONDS = 15 * 60
VIOLATIONS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class AccountReading(Reading):
    """A reading of both limits: of the hour (the kit's own names) and of the burst."""

    counted: bool = False
    resets_at: int = 0
    burst_limit: int = 0
    burst_remaining: int = 0
    refused_by: str = ""


class Meter(Limits):
    """Counted for each account. The hour is one of the simulated clock, the burst one of real time."""

    def __init__(
        self, now: Callable[[], datetime], quirks: Quirks, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._quirks = quirks
        self._bursts: dict[str, deque[float]] = {}
        self._hours: dict[str, tuple[int, int]] = {}
        super().__init__(Limit(BURSTS["demo"], BURST_SECONDS), monotonic)

    @override
    def clear(self) -> None:
        super().clear()
        self._bursts.clear()
        self._hours.clear()

    @override
    def take(self) -> Reading:
        """What is not of an account is not counted."""
        return AccountReading(True, 0, 0, 0.0)

    def take_for(self, account: str) -> AccountReading:
        """Count one call of an account."""
        burst = self._burst()
        at = self._measure(burst)
        hour = int(self._now().timestamp()) // HOUR
        started, used = self._hours.get(account, (hour, 0))
        used = used if started == hour else 0
        window = self._window(account, burst.seconds)
        refused_by = self._refusal(used, len(window), burst)
        if refused_by:
            self.refused += 1
        else:
            window.append(at)
            used += 1
        self._hours[account] = (hour, used)
        resets_at = (hour + 1) * HOUR
        wait = resets_at - self._now().timestamp() if refused_by == "hour" else burst.seconds
        if refused_by == "burst" and window:
            wait = max(0.0, window[0] + burst.seconds - at)
        return AccountReading(
            not refused_by,
            self._quirks.hourly_calls,
            max(0, self._quirks.hourly_calls - used),
            wait,
            counted=True,
            resets_at=resets_at,
            burst_limit=burst.count,
            burst_remaining=max(0, burst.count - len(window)),
            refused_by=refused_by,
        )

    @override
    def as_dict(self) -> dict[str, Any]:
        burst = self._burst()
        used = {account: calls for account, (_hour, calls) in self._hours.items()}
        shown = {"limit": burst.count if self.mode != "off" else None, "window_seconds": burst.seconds}
        return {
            **super().as_dict(),
            **shown,
            "hourly_limit": self._quirks.hourly_calls,
            "used_this_hour": used,
        }

    def _burst(self) -> Limit:
        documented = Limit(BURSTS[self._quirks.environment], BURST_SECONDS)
        return parse_limit(self.mode, documented) or documented

    def _refusal(self, used: int, in_burst: int, burst: Limit) -> str:
        if self.mode == "off":
            return ""
        if self.mode == "documented" and used >= self._quirks.hourly_calls:
            return "hour"
        return "burst" if in_burst >= burst.count else ""

    def _measure(self, burst: Limit) -> float:
        """Note the arrival, of whichever account, for `max_in_window`; return the moment."""
        now = self._monotonic()
        while self._arrived and self._arrived[0] <= now - burst.seconds:
            self._arrived.popleft()
        self.total += 1
        self._arrived.append(now)
        self.max_in_window = max(self.max_in_window, len(self._arrived))
        return now

    def _window(self, account: str, seconds: float) -> deque[float]:
        window = self._bursts.setdefault(account, deque())
        while window and window[0] <= self._monotonic() - seconds:
            window.popleft()
        return window


class Polling:
    """Notes who reads the same thing of an envelope again within a quarter of an hour (simulated time)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.clear()

    def clear(self) -> None:
        """Nothing was read."""
        self._read: dict[str, datetime] = {}
        self._listed: dict[str, datetime] = {}
        self.violations: deque[Record] = deque(maxlen=VIOLATIONS_KEPT)
        self.count = self.reads = self.lists = self.quick_lists = 0

    def read(self, envelope_id: str, path: str) -> bool:
        """Note a GET of an envelope's resource; False when it came too soon."""
        now, before = self._now(), self._read.get(path)
        self._read[path] = now
        self.reads += 1
        if before is None or (now - before).total_seconds() >= POLLING_SECONDS:
            return True
        self.count += 1
        apart = round((now - before).total_seconds(), 3)
        self.violations.append(
            {"envelope": envelope_id, "path": path, "at": stamp(now), "seconds_apart": apart}
        )
        return False

    def listed(self, account: str) -> None:
        """Note that the list of changes is read from its start; sooner than that it is counted apart."""
        now, before = self._now(), self._listed.get(account)
        self._listed[account] = now
        self.lists += 1
        if before is not None and (now - before).total_seconds() < POLLING_SECONDS:
            self.quick_lists += 1

    def as_dict(self) -> Record:
        """For the control app: `violations` counts all, `newest` holds the last ones."""
        return {
            "reads": self.reads,
            "violations": self.count,
            "newest": list(self.violations),
            "lists": self.lists,
            "lists_within_15_minutes": self.quick_lists,
        }
