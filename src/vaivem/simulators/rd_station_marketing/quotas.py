"""The vendor's limits: one per area of the API for the account, and one per lead and day."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from typing_extensions import override

from vaivem.simulators.kit.limits import Limit, Limits, Reading
from vaivem.simulators.rd_station_marketing.problems import ProblemError
from vaivem.simulators.rd_station_marketing.quirks import Quirks

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
PLANS = ("light", "basic", "pro", "advanced")
DEFAULT_PLAN = "pro"
# Per lead and period of 24 hours.
PER_LEAD = {"contacts": 24, "tags": 24, "funnels": 24, "events": 120}
# Where a call belongs that counts against nothing.
FREE = "free"
_AREAS = {
    "events": "events",
    "conversions": "events",
    "segmentations": "segmentations",
    "analytics": "analytics",
}


def area_of(method: str, path: str) -> str:
    """The part of the vendor's table of limits that a call falls under."""
    parts = path.strip("/").split("/")
    if parts[:2] == ["integrations", "webhooks"]:
        return "webhooks"
    if parts[0] != "platform" or len(parts) < 2:
        return FREE
    if parts[1] == "contacts":
        return _contact_area(parts)
    if parts[1] == "workflows":
        if method == "POST":
            return "workflow_leads"
        return "workflow" if len(parts) > 2 else "workflows"
    return _AREAS.get(parts[1], FREE)


def _contact_area(parts: list[str]) -> str:
    if len(parts) > 2 and parts[2] == "fields":
        return "fields"
    last = parts[3] if len(parts) > 3 else ""
    return {"tag": "tags", "funnels": "funnels"}.get(last, "contacts")


def documented(plan: str) -> dict[str, Limit]:
    """The account's limits under a plan."""
    advanced, pro = plan == "advanced", plan == "pro"
    busy = Limit(500 if advanced else 120, MINUTE)
    return {
        "contacts": busy,
        "events": busy,
        "segmentations": Limit(240 if advanced else 120, MINUTE),
        "tags": Limit(15_000, DAY),
        "funnels": Limit(1_000_000, DAY),
        "fields": Limit(1_000_000, DAY),
        "webhooks": Limit(1_000_000, DAY),
        "workflows": Limit(40, HOUR),
        "workflow": Limit(15 if advanced else 5 if pro else 1, HOUR),
        "analytics": Limit(60, HOUR),
        "workflow_leads": Limit(100 if advanced else 10 if pro else 1, HOUR),
    }


class AreaLimits(Limits):
    """The account's limits. ``N/SECONDS`` stands for those that are documented per minute; ``off`` for none.

    Those per minute go by the real time, those per hour and per day by the simulated one.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.plan = DEFAULT_PLAN
        self._whole = Limits(Limit(120, MINUTE))
        self._areas: dict[str, Limits] = {}
        super().__init__(Limit(120, MINUTE))

    def set_plan(self, plan: str) -> None:
        """Change the account's plan and count anew. Raises ``ValueError``."""
        if plan not in PLANS:
            raise ValueError(f"a plan is one of {', '.join(PLANS)}")
        self.plan = plan
        self.clear()

    @override
    def clear(self) -> None:
        super().clear()
        self._whole.set_mode("off")
        self._areas = {area: self._limits(limit) for area, limit in documented(self.plan).items()}

    def take_for(self, area: str) -> Reading:
        """Count one call of an area."""
        whole = self._whole.take()
        limits = self._areas.get(area)
        return whole if limits is None else limits.take()

    @override
    def as_dict(self) -> dict[str, Any]:
        areas = {area: limits.as_dict() for area, limits in self._areas.items()}
        whole = self._whole.as_dict()
        refused = sum(area["refused"] for area in areas.values())
        return {**whole, "mode": self.mode, "plan": self.plan, "refused": refused, "areas": areas}

    def _limits(self, limit: Limit) -> Limits:
        if limit.seconds > MINUTE:
            made = Limits(limit, lambda: self._now().timestamp())
            made.set_mode("off" if self.mode == "off" else "documented")
        else:
            made = Limits(limit)
            made.set_mode(self.mode)
        return made


@dataclass(slots=True)
class _Period:
    start: datetime
    usage: int = 0


class LeadQuotas:
    """The calls about one lead in a period of 24 hours that begins with the first; by the simulated clock."""

    def __init__(self, now: Callable[[], datetime], limits: AreaLimits, quirks: Quirks) -> None:
        self._now = now
        self._limits = limits
        self._quirks = quirks
        self._periods: dict[tuple[str, str, str], _Period] = {}

    def clear(self) -> None:
        """Forget all counts."""
        self._periods.clear()

    def spend(self, account: str, area: str, key: str) -> None:
        """Count a call about the lead of this e-mail; ProblemError 429 when the day's are used up.

        A refused call counts too, as the vendor's example shows (`max` 24, `usage` 25).
        """
        if self._limits.mode == "off":
            return
        now = self._now()
        place = (account, area, key)
        period = self._periods.get(place)
        if period is None or not timedelta(0) <= now - period.start < timedelta(seconds=DAY):
            period = self._periods[place] = _Period(now)
        period.usage += 1
        most = PER_LEAD[area]
        if period.usage > most:
            left = DAY - (now - period.start).total_seconds()
            raise self._refusal(key, most, period.usage, math.ceil(left))

    def _refusal(self, key: str, most: int, usage: int, left: int) -> ProblemError:
        text = f"'lead_limiter' rate limit exceeded for {int(DAY)} second(s) period for key '{key}'"
        body = {"error": text, "max": most, "usage": usage, "remaining_time": left}
        headers = {"ratelimit-limit-quotas": str(most), "retry-after-quotas": str(left)}
        if self._quirks.retry_after:
            headers["retry-after"] = str(left)
        return ProblemError(429, body, headers)
