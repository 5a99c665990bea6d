"""What an account may spend in a day, beside the limits of how often it may be called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Quota:
    """The budget of a day that all apps of an account share, in the units of `Call.cost`.

    `size` 0: not known. At `reset_hour` (UTC) the vendor starts counting anew.
    """

    size: int = 0
    reset_hour: int = 0

    def began(self, now: datetime) -> datetime:
        """Return when the vendor last started counting."""
        shift = timedelta(hours=self.reset_hour)
        day = (now.astimezone(UTC) - shift).replace(hour=0, minute=0, second=0, microsecond=0)
        return day + shift

    def ends(self, now: datetime) -> datetime:
        """Return when the vendor starts counting anew."""
        return self.began(now) + DAY
