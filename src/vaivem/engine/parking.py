"""Why a run stops for now. Raised inside a run, turned into a parked lane by whoever works the lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

LOOK_SHARE = 0.25


@dataclass
class ParkError(Exception):
    """The run waits until `due` (None: until something wakes it).

    `state` is one of retry, held, limit, claim, wait, decision, doubt. `keeps` says that a write is in
    doubt: its intent and claims stay. `failed` counts the try as a failure of the vendor.
    """

    state: str
    code: str
    due: datetime | None
    conn: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    keeps: bool = False
    failed: bool = False
    pause: float = 0.0


def look_pause(waited: float, *, first: float, last: float) -> float:
    """Return the seconds until a run looks again for what another one holds: a quarter of the time waited.

    The other may wait for days itself, and each look may cost reads at the vendor.
    """
    return min(last, max(first, LOOK_SHARE * waited))


@dataclass
class SkipStepError(Exception):
    """The step is left out: a person chose to, or who would get its letter opted out."""

    code: str = "skipped_by_person"
    params: Mapping[str, Any] = field(default_factory=dict)
