"""Repeating runs with the rule of today, over the REST API."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from vaivem.core.errors import Problem
from vaivem.engine.replays import Part, ReplayState
from vaivem.hub.api.access import workspace_of
from vaivem.hub.api.errors import ApiError, gone
from vaivem.hub.api.once import answered, once
from vaivem.hub.api.shapes import DoneOut, Given, PageOut
from vaivem.hub.history.detail import find_run
from vaivem.hub.history.filters import MAX_ID, read_cursor, read_filters
from vaivem.hub.history.names import Names
from vaivem.hub.history.rules_of import rules_meant
from vaivem.hub.messages import explain_run
from vaivem.hub.replays import sets
from vaivem.hub.replays.comparison import Comparer, Comparison
from vaivem.hub.replays.sets import ReplayRow, ReplaySet
from vaivem.hub.shell.clock import now

router = Router(tags=["replays"])
MAX_PAGE = 100
FILTERS = ("status", "rule", "connection", "period", "from", "to", "q")


class ReplayIn(Given):
    """What to repeat: runs by id, or `filters` as `GET /runs` takes them; one of the two."""

    runs: list[str] = Field(default_factory=list, max_length=1000)
    filters: dict[str, str] = Field(default_factory=dict)


class StartIn(Given):
    """How to begin. `again`: ``<rule>:<step>`` of what had been done and is done once more."""

    again: list[str] = Field(default_factory=list, max_length=200)
    older: bool = Field(default=False, description="Also runs whose record has had a newer event since.")


class ReplayOut(Schema):
    """A set of runs. `state`: looking, looked_at, under_way, done, stopping, stopped.

    `counts`: how many of its runs are new, ready, fails, nothing, cannot, overtaken (before), queued, done,
    failed, ended, left_out (since).
    """

    id: str
    state: str
    asked: dict[str, Any]
    again: list[str]
    older: bool
    made: datetime
    started: datetime | None
    ended: datetime | None
    runs: int
    counts: dict[str, int]
    seconds_left: float | None


class TickOut(Schema):
    """A step that had been done in some of the runs."""

    key: str
    rule: int
    step: str
    runs: int


class ReplayDetailOut(ReplayOut):
    """A set with the steps that had been done."""

    done_before: list[TickOut]


class LineOut(Schema):
    """One field: what it was filled with then, and what it would be now."""

    field: str
    label: str
    then: str
    now: str
    problem: str
    changed: bool


class StepOut(Schema):
    """One step. `will`: do, update (what was done), leave_out (it would be one more), look, unsure."""

    step: str
    name: str
    will: str
    fields: list[LineOut]


class ReplayRunOut(Schema):
    """One run of a set. `repeated_by` is the run that repeats it; `steps` are what would be sent."""

    run: str
    rule: int
    part: str
    code: str
    message: str
    repeated_by: str | None
    steps: list[StepOut]


class AskedRuns(Given):
    """Which runs of a set."""

    part: str = Field("", description="One of the names in `counts`.")
    after: str = ""
    limit: int = Field(20, ge=1, le=MAX_PAGE)


@router.get("", response=PageOut[ReplayOut])
def list_replays(request: HttpRequest, before: str = "", limit: int = 50) -> dict[str, Any]:
    """List the sets, newest first."""
    size = max(1, min(limit, MAX_PAGE))
    found = sets.latest(workspace_of(request).pk, before=read_cursor(before), limit=size + 1)
    following = str(found[size - 1].id) if len(found) > size else None
    return {"items": [_set(one) for one in found[:size]], "next": following}


@router.post("", response={201: ReplayOut})
def ask(request: HttpRequest, payload: ReplayIn) -> Status[Any]:
    """Ask for a set. It is looked at first; nothing is sent before it is started."""
    before = answered(request)
    if before is not None:
        return before
    return once(request, lambda: _json(_made(request, payload)))


def _made(request: HttpRequest, payload: ReplayIn) -> ReplaySet:
    workspace = workspace_of(request)
    if bool(payload.runs) == bool(payload.filters):
        raise ApiError(422, Problem("request_invalid", {"message": "runs | filters"}, "runs"))
    if unknown := sorted(payload.filters.keys() - set(FILTERS)):
        raise ApiError(
            422, Problem("request_invalid", {"message": ", ".join(FILTERS)}, f"filters.{unknown[0]}")
        )
    if payload.runs:
        number = sets.ask_for_runs(workspace, [_id(run) for run in payload.runs])
    else:
        filters = read_filters(payload.filters, now=now(), zone=workspace.zone)
        number = sets.ask_for(workspace, filters, rules_meant(workspace.pk, filters), payload.filters)
    found = sets.find(workspace.pk, number)
    if found is None:
        raise gone()
    return found


@router.get("/{number}", response=ReplayDetailOut)
def one_replay(request: HttpRequest, number: str) -> dict[str, Any]:
    """Show a set: how far it is, and what had been done in its runs."""
    found = _found(request, number)
    ticks = sets.tickable(workspace_of(request), found) if found.state is ReplayState.LOOKED_AT else []
    done = [{"key": key, "rule": rule, "step": step, "runs": runs} for key, rule, step, runs in ticks]
    return {**_set(found), "done_before": done}


@router.get("/{number}/runs", response=PageOut[ReplayRunOut])
def runs(request: HttpRequest, number: str, asked: Query[AskedRuns]) -> dict[str, Any]:
    """List the runs of a set, oldest first, each before and after; `next` is the value of `after`."""
    found, ws = _found(request, number), workspace_of(request)
    rows = sets.runs_of(
        ws.pk, found.id, part=_part(asked.part), after=read_cursor(asked.after) or 0, limit=asked.limit + 1
    )
    names = Names(ws)
    comparer = Comparer(names)
    following = str(rows[asked.limit - 1].run) if len(rows) > asked.limit else None
    return {"items": [_run(ws.pk, row, comparer, names) for row in rows[: asked.limit]], "next": following}


@router.post("/{number}/start", response=DoneOut)
def start(request: HttpRequest, number: str, payload: StartIn) -> DoneOut:
    """Begin. A set whose rule was changed since it was looked at is looked at anew instead."""
    sets.start(workspace_of(request), _found(request, number), payload.again, older=payload.older)
    return DoneOut()


@router.post("/{number}/stop", response=DoneOut)
def stop(request: HttpRequest, number: str) -> DoneOut:
    """Stop: what has begun ends, the rest is left out."""
    sets.stop(workspace_of(request), _found(request, number))
    return DoneOut()


def _found(request: HttpRequest, number: str) -> ReplaySet:
    found = sets.find(workspace_of(request).pk, _id(number))
    if found is None:
        raise gone()
    return found


def _id(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > MAX_ID:
        raise gone()
    return int(text)


def _part(text: str) -> Part | None:
    if not text:
        return None
    try:
        return Part[text.upper()]
    except KeyError as error:
        raise ApiError(400, Problem("filter_wrong", path="part")) from error


def _set(found: ReplaySet) -> dict[str, Any]:
    plain = ("asked", "older", "made", "started", "ended")
    return {
        "id": str(found.id),
        "state": found.state.name.lower(),
        "again": list(found.again),
        "runs": found.total,
        "counts": {part.name.lower(): number for part, number in found.counts.items()},
        "seconds_left": found.seconds_left(now()),
        **{name: getattr(found, name) for name in plain},
    }


def _json(found: ReplaySet) -> dict[str, Any]:
    answer: dict[str, Any] = ReplayOut.model_validate(_set(found)).model_dump(mode="json")
    return answer


def _run(ws: int, row: ReplayRow, comparer: Comparer, names: Names) -> dict[str, Any]:
    detail = find_run(ws, row.run) if row.part <= Part.OVERTAKEN else None
    compared = comparer.compare(detail) if detail else Comparison()
    told = explain_run(row.code, row.params, names.target(row.rule))[:3] if row.code else []
    return {
        "run": str(row.run),
        "rule": row.rule,
        "part": row.part.name.lower(),
        "code": row.code,
        "message": " ".join(str(one) for one in told),
        "repeated_by": str(row.new_id) if row.new_id else None,
        "steps": [
            {
                "step": step.id,
                "name": step.name,
                "will": step.will,
                "fields": [
                    {**asdict(line), "field": line.key, "changed": line.changed} for line in step.lines
                ],
            }
            for step in compared.steps
        ],
    }
