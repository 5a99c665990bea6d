"""Runs as lists show them: a status in a word, what came of it in a few more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vaivem.engine.bulk import WAITS as BULK
from vaivem.hub.history.filters import Shown
from vaivem.hub.history.names import Names
from vaivem.hub.history.queries import RunRow
from vaivem.hub.messages import Explained, explain, explain_run
from vaivem.hub.shell.templatetags.shell import day_time

RECORDS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Badge:
    """A status: the pill's kind, its icon and its word."""

    kind: str
    icon: str
    word: str | Promise


BADGES = {
    Shown.DONE: Badge("ok", "ok", gettext_lazy("Done")),
    Shown.WAITING: Badge("wait", "clock", gettext_lazy("Waiting")),
    Shown.FAILED: Badge("bad", "bad", gettext_lazy("Failed")),
    Shown.NEEDS_YOU: Badge("warn", "hand", gettext_lazy("Needs you")),
    Shown.NOTHING: Badge("off", "skip", gettext_lazy("No action")),
    Shown.STOPPED: Badge("off", "x", gettext_lazy("Stopped")),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One run with its words. `source` and `target` are connectors, "" where none is known."""

    run: RunRow
    badge: Badge
    title: str
    note: str
    rule: str
    source: str
    target: str
    new_day: date | None = None


def lines(rows: Iterable[RunRow], names: Names, now: datetime, after: datetime | None = None) -> list[Line]:
    """Return the lines of a page; the first of each day says so. `after`: the run above the first one."""
    return list(_lines(rows, names, now, timezone.localtime(after).date() if after else None))


def _lines(rows: Iterable[RunRow], names: Names, now: datetime, day: date | None) -> Iterator[Line]:
    for row in rows:
        of = timezone.localtime(row.at).date()
        yield Line(
            run=row,
            badge=BADGES[row.shown],
            title=title_of(row, names),
            note=note(row, names, now),
            rule=names.rule(row.rule),
            source=names.connector(row.event_conn),
            target=names.target(row.rule),
            new_day=of if of != day else None,
        )
        day = of


def title_of(row: RunRow, names: Names) -> str:
    """Return what a run is about."""
    return row.title or row.record or names.trigger(row.event_conn, row.kind) or str(row.id)


def note(row: RunRow, names: Names, now: datetime) -> str:
    """Return what came of a run, or why it waits, in a few words."""
    if row.shown is Shown.DONE:
        return ", ".join(did(record, names) for record in row.records[:RECORDS_SHOWN])
    if row.shown in (Shown.FAILED, Shown.NOTHING):
        return reasons(row, names)[0].text
    if row.shown is Shown.STOPPED:
        return explain(row.code).text if row.code else ""
    return waits(row, names, now)


def reasons(row: RunRow, names: Names) -> list[Explained]:
    """Return why a run ended as it did, or waits: the words of the system that it is about."""
    conn = row.conn or next((int(r.get("conn") or 0) for r in row.records), 0)
    connector = names.connector(conn) or names.target(row.rule)
    return explain_run(row.code, row.params, connector)


def did(record: dict[str, Any], names: Names) -> str:
    """Return what was done to a record: "created deal"."""
    name = names.object(int(record.get("conn") or 0), str(record.get("object"))).lower()
    words = {
        "created": _("created %(object)s"),
        "updated": _("updated %(object)s"),
        "found": _("found %(object)s"),
        "kept": _("left %(object)s as it was"),
    }
    return words.get(str(record.get("did")), "%(object)s") % {"object": name}


def waits(row: RunRow, names: Names, now: datetime) -> str:
    """Return what a run waits for, and until when if that is known."""
    if row.state == "queued" and row.ahead:
        text = ngettext(
            "%(number)s run of the same record is before it",
            "%(number)s runs of the same record are before it",
            row.ahead,
        )
        return text % {"number": row.ahead}
    plain = {
        "queued": _("its turn comes in a moment"),
        "running": _("being worked at this moment"),
        "answered": _("answered; it goes on in a moment"),
        "rule_paused": _("the rule is paused"),
    }
    if row.state in plain:
        return plain[row.state]
    why = reasons(row, names)[0].text.rstrip(".") if row.code else ""
    timed = row.state != "decision" and row.code != BULK  # an import ends when it does
    if row.due is not None and row.due > now and timed:
        return _("%(why)s; goes on %(when)s") % {"why": why, "when": day_time(row.due, now)}
    return why
