"""The audit log as it is read: filtered, a page at a time, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet

from vaivem.hub.shell import clock
from vaivem.hub.workspaces.models import AuditEntry, Workspace

PAGE = 50
PERIODS: Mapping[str, timedelta] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: `kind` is what an action begins with (``rule``), `before` the id to go on from."""

    member: int | None = None
    kind: str = ""
    period: str = ""
    text: str = ""
    before: int | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Wanted:
        """Read the filters of an address; what cannot be read is left out."""

        def number(name: str) -> int | None:
            given = query.get(name, "")
            return int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else None

        period = query.get("period", "")
        return cls(
            number("member"),
            query.get("kind", "")[:30],
            period if period in PERIODS else "",
            query.get("q", "").strip()[:80],
            number("before"),
        )


def read_trail(workspace: Workspace, wanted: Wanted, size: int = PAGE) -> tuple[list[AuditEntry], int | None]:
    """Return a page of entries and the id to go on from, None at the end."""
    rows: QuerySet[AuditEntry] = AuditEntry.objects.filter(workspace=workspace).select_related("member")
    if wanted.member is not None:
        rows = rows.filter(member=wanted.member)
    if wanted.kind:
        rows = rows.filter(action__startswith=f"{wanted.kind}.")
    if wanted.period:
        rows = rows.filter(at__gte=clock.now() - PERIODS[wanted.period])
    if wanted.text:
        rows = rows.filter(object__icontains=wanted.text)
    if wanted.before is not None:
        rows = rows.filter(pk__lt=wanted.before)
    found = list(rows.order_by("-pk")[: size + 1])
    return found[:size], found[size - 1].pk if len(found) > size else None


def changes(entry: AuditEntry) -> list[tuple[str, Any, Any]]:
    """Return what changed: the name, the value before and after; None where there was none.

    The number by which a program knows the thing (``id``) says nothing to a reader, and is left out.
    """
    names = [*entry.before, *(name for name in entry.after if name not in entry.before)]
    names = [name for name in names if name != "id"]
    return [(name, entry.before.get(name), entry.after.get(name)) for name in names]
