"""One run, one event, and what is known of them: read-only, from the engine's tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

from vaivem.hub.history.filters import Filters, Shown
from vaivem.hub.history.queries import EventRow, RunRow, runs

MOST_BEHIND = 1000
PLACES = 1000  # a step's number in its rule times this, plus its calls, is `n`


@dataclass(frozen=True, slots=True)
class CallRow:
    """One exchange with a vendor, or one thing a run waited for or was told.

    `n` is its place in the run, `attempt` counts repeats of that place. `status` 0: no answer came.
    """

    n: int
    attempt: int
    step: str
    name: str
    conn: int
    write: bool
    done: bool
    method: str
    url: str
    status: int
    request: bytes | None
    response: bytes | None
    code: str
    ms: int
    at: datetime

    @property
    def place(self) -> int:
        """The number of the rule's step, 0 for what comes before the first."""
        return self.n // PLACES

    @property
    def is_call(self) -> bool:
        """Whether something was sent."""
        return bool(self.method)


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What waits for a person, or what was answered. `kind` is ``doubt`` or ``choice``."""

    id: int
    run_id: int
    event_id: int
    rule: int
    conn: int
    slot: str
    kind: str
    question: dict[str, Any]
    asked: datetime
    answer: dict[str, Any] | None
    answered: datetime | None
    answered_by: int | None
    event_title: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """An event with the delivery that brought it, as it came (what proves the sender is masked)."""

    event: EventRow
    part: int
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class RunDetail:
    """All that is kept of a run. `behind` is how many runs of its record wait for it."""

    run: RunRow
    received: Received | None
    calls: list[CallRow]
    decisions: list[DecisionRow]
    behind: int

    @property
    def open_decision(self) -> DecisionRow | None:
        """What a person has to settle, if anything."""
        return next((one for one in self.decisions if one.answer is None), None)


def find_run(ws: int, number: int) -> RunDetail | None:
    """Return a run of this workspace, ended or not."""
    page = runs(ws, Filters(), before=number + 1, limit=1)
    if not page.rows or page.rows[0].id != number:
        return None
    run, asked = page.rows[0], decisions(ws, run=number)
    if run.shown is Shown.NEEDS_YOU and all(one.answer is not None for one in asked):
        run = replace(run, shown=Shown.WAITING, state="answered", code="")  # until a worker takes it up
    return RunDetail(
        run=run,
        received=find_event(ws, run.event_id),
        calls=_calls(ws, number),
        decisions=asked,
        behind=_behind(ws, number),
    )


def find_event(ws: int, number: int) -> Received | None:
    """Return an event of this workspace."""
    rows = _rows(
        "select id, conn, kind, object, record, title, occurred, bulk, items::int as runs, part::int as part,"
        " method, path, query, headers, body, coalesce(a.times, 0) as again, a.last as again_at,"
        " coalesce(a.alike, false) as alike"
        " from event e left join repeated a on a.ws = e.ws and a.event_id = e.id"
        " where e.ws = %(ws)s and id = %(id)s",
        ws=ws,
        id=number,
    )
    if not rows:
        return None
    row = rows[0]
    delivery = {name: row.pop(name) for name in ("part", "method", "path", "query")}
    headers, body = json.loads(bytes(row.pop("headers")) or b"{}"), bytes(row.pop("body"))
    return Received(EventRow(**row), **delivery, headers=headers, body=body)


def runs_of_event(ws: int, event: int) -> list[int]:
    """Return the ids of an event's runs, oldest first."""
    rows = _rows(
        "select id from run where ws = %(ws)s and event_id = %(event)s"
        " union select run_id from item where ws = %(ws)s and event_id = %(event)s order by 1",
        ws=ws,
        event=event,
    )
    return [row["id"] for row in rows]


def decisions(
    ws: int, *, run: int | None = None, before: int | None = None, limit: int = 100
) -> list[DecisionRow]:
    """Return a run's decisions in order, or the open ones of the workspace, newest first."""
    where = "run_id = %(run)s order by id" if run else "answer is null and id < %(before)s order by id desc"
    return decision_rows(where, ws=ws, run=run, before=before or 2**63 - 1, limit=limit)


def decision_rows(where: str, **params: Any) -> list[DecisionRow]:
    """Return decisions of a workspace (``ws``); `where` is a fixed text with an order, ``limit`` a number."""
    rows = _rows(
        "select id, run_id, event_id, rule, conn, slot, kind, question::text, asked, answer::text,"  # noqa: S608 - fixed parts only
        " answered, answered_by, coalesce((select e.title from event e"
        " where e.ws = d.ws and e.id = d.event_id), '') as event_title"
        f" from decision d where ws = %(ws)s and {where} limit %(limit)s",
        **params,
    )
    for row in rows:
        row["question"] = json.loads(row["question"])
        row["answer"] = json.loads(row["answer"]) if row["answer"] else None
    return [DecisionRow(**row) for row in rows]


def decision_one(ws: int, number: int) -> DecisionRow | None:
    """Return a decision, answered or not."""
    rows = _rows("select run_id from decision where ws = %(ws)s and id = %(id)s", ws=ws, id=number)
    found = decisions(ws, run=rows[0]["run_id"]) if rows else []
    return next((one for one in found if one.id == number), None)


def _calls(ws: int, run: int) -> list[CallRow]:
    rows = _rows(
        "select n, try::int as attempt, step, name, conn, write, done, method, url, status::int as status,"
        " request, response, code, ms, at from step where ws = %(ws)s and run_id = %(run)s and n >= 0"
        " order by n, try",
        ws=ws,
        run=run,
    )
    for row in rows:
        for part in ("request", "response"):
            row[part] = None if row[part] is None else bytes(row[part])
    return [CallRow(**row) for row in rows]


def _behind(ws: int, run: int) -> int:
    return behind(ws, [run]).get(run, 0)


def behind(ws: int, runs: list[int]) -> dict[int, int]:
    """Return how many runs wait for each of these: later ones of its record, and others that need its record.

    At most MOST_BEHIND are counted of either.
    """
    rows = _rows(
        "select r.run, (select count(*) from (select 1 from item i"
        "  join item b on b.ws = i.ws and b.lane = i.lane and b.seq > i.seq"
        "  where i.ws = %(ws)s and i.run_id = r.run limit %(most)s) x)"
        " + (select count(*) from (select 1 from pending p where p.ws = %(ws)s and p.state = 'claim'"
        "  and p.params->>'run' = r.run::text limit %(most)s) y) as waiting"
        " from unnest(%(runs)s::bigint[]) r(run)",
        ws=ws,
        runs=runs,
        most=MOST_BEHIND,
    )
    return {row["run"]: int(row["waiting"]) for row in rows}


def _rows(query: str, **params: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
