"""What happened to a person: the events that told of one of their records, and the runs these made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vaivem.engine.ids import time_of
from vaivem.hub.history.filters import Shown
from vaivem.hub.history.lines import BADGES, Badge
from vaivem.hub.history.names import Names
from vaivem.hub.history.rows import SHOWN, fetch

PAGE = 25
RUNS = (
    "select r.event_id, r.id, r.rule, r.status::int from run r"
    " where r.ws = %(ws)s and r.{column} = any(%(ids)s)"
    " union all select i.event_id, i.run_id, i.rule, 0 from item i"
    " where i.ws = %(ws)s and i.{item} = any(%(ids)s) order by 2"
)


@dataclass(frozen=True, slots=True)
class RunMade:
    """A run that an event made."""

    id: int
    rule: str
    badge: Badge


@dataclass(frozen=True, slots=True)
class Happened:
    """An event. `system` is the connection's name."""

    id: int
    at: datetime
    title: str
    words: str
    connector: str
    system: str
    runs: tuple[RunMade, ...]


def timeline(
    ws: int, records: Sequence[int], names: Names, *, before: int | None = None
) -> tuple[list[Happened], int | None]:
    """Return a page of events that told of these records, the newest first, and where the next one begins."""
    query = (
        "select distinct h.event_id from heard h where h.ws = %(ws)s and h.record_id = any(%(ids)s)"
        " and h.event_id < %(before)s order by 1 desc limit %(n)s"
    )
    asked = {"ws": ws, "ids": list(records), "before": before or 2**63 - 1, "n": PAGE + 1}
    found = fetch(query, asked, int)
    ids = found[:PAGE]
    runs = _runs(ws, ids, names)
    return _events(ws, ids, runs, names), ids[-1] if len(found) > PAGE else None


def _events(ws: int, ids: list[int], runs: dict[int, list[RunMade]], names: Names) -> list[Happened]:
    query = (
        "select id, conn, kind, title, record, occurred from event where ws = %(ws)s and id = any(%(ids)s)"
        " order by id desc"
    )

    def happened(
        number: int, conn: int, kind: str, title: str, record: str, occurred: datetime | None
    ) -> Happened:
        return Happened(
            number,
            occurred or time_of(number),
            title or record,
            names.trigger(conn, kind),
            names.connector(conn),
            names.connection(conn),
            tuple(runs.get(number, ())),
        )

    # What came late, found by a look back, stands where it happened.
    return sorted(fetch(query, {"ws": ws, "ids": ids}, happened), key=lambda one: one.at, reverse=True)


def runs_of(ws: int, numbers: Sequence[int], names: Names) -> dict[int, RunMade]:
    """Return runs by their number; those that are forgotten are left out."""
    found = _read(RUNS.format(column="id", item="run_id"), ws, list(filter(None, numbers)), names)
    return {run.id: run for _event, run in found}


def _runs(ws: int, events: list[int], names: Names) -> dict[int, list[RunMade]]:
    found: dict[int, list[RunMade]] = {}
    for event, run in _read(RUNS.format(column="event_id", item="event_id"), ws, events, names):
        found.setdefault(event, []).append(run)
    return found


def _read(query: str, ws: int, ids: list[int], names: Names) -> list[tuple[int, RunMade]]:
    rows: list[tuple[Any, ...]] = fetch(query, {"ws": ws, "ids": ids}, tuple)
    return [
        (event, RunMade(number, names.rule(rule), BADGES[SHOWN.get(status, Shown.WAITING)]))
        for event, number, rule, status in rows
    ]
