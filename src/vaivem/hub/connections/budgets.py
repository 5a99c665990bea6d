"""What Vaivém spent today of a vendor's budget of a day, and how long the rest lasts at this pace: a guess.

Other apps of the account spend the same budget, and the vendor does not tell what is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection as database
from django.utils.translation import gettext as _

from vaivem.connectors.sdk import Quota
from vaivem.hub.shell.templatetags.shell import num

DAY = timedelta(days=1)
PACE = timedelta(hours=1)  # what the pace is reckoned from
STEP = timedelta(minutes=10)  # as the engine counts

Spent = Sequence[tuple[datetime, int]]  # begin of ten minutes, cost


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget of a day. `size` 0: not known. `until`: when it is used up at this pace, if that is today."""

    used: int
    size: int
    ends: datetime
    until: datetime | None = None

    @property
    def text(self) -> str:
        """The use in words: 12,340 of 30,000."""
        if not self.size:
            return num(self.used)
        return _("%(used)s of %(size)s") % {"used": num(self.used), "size": num(self.size)}


def budget_of(quota: Quota, spent: Spent, now: datetime) -> Budget:
    """Return how a budget stands, from what was spent in each ten minutes."""
    began, ends = quota.began(now), quota.ends(now)
    used = sum(cost for at, cost in spent if at >= began)
    lately = [(at, cost) for at, cost in spent if at > now - PACE]
    seconds = (now - min((at for at, _cost in lately), default=now)).total_seconds()
    pace = sum(cost for _at, cost in lately) / max(seconds, STEP.total_seconds())
    left = quota.size - used
    until = None
    if quota.size and pace > 0:
        moment = now + timedelta(seconds=min(max(0, left) / pace, DAY.total_seconds()))
        until = moment if moment < ends else None
    return Budget(used, quota.size, ends, until)


def read_spent(connections: Sequence[int], now: datetime) -> Mapping[int, Spent]:
    """Return what each connection spent in the last 24 hours."""
    found: dict[int, list[tuple[datetime, int]]] = {}
    if not connections:
        return found
    with database.cursor() as cursor:
        cursor.execute(
            "select conn, at, cost from spending where conn = any(%s) and at > %s order by at",
            [list(connections), now - DAY - STEP],
        )
        for conn, at, cost in cursor.fetchall():
            found.setdefault(conn, []).append((at, int(cost)))
    return found
