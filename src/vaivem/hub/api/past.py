"""Bringing in what happened before a rule was switched on, over the REST API: look, start, stop, go on."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from vaivem.core.errors import Problem
from vaivem.hub.api.access import workspace_of
from vaivem.hub.api.errors import ApiError
from vaivem.hub.api.rules import find
from vaivem.hub.api.shapes import Given
from vaivem.hub.messages import explain_run
from vaivem.hub.rules import backfilling
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Rule
from vaivem.hub.rules.sentences import ends_of

router = Router(tags=["rules"])


class LookIn(Given):
    """How many days to look back from when the rule was switched on, as far as the system's lists reach."""

    days: int = Field(30, ge=1, le=3650)


class BeginIn(Given):
    """Steps that reach people (see `reaches`) and are done all the same."""

    steps: list[str] = Field(default_factory=list, max_length=50)


class ReachOut(Schema):
    """A step that reaches people: it is left out unless it is named when the work is begun."""

    step: str
    name: str


class PastOut(Schema):
    """How the latest one stands. `state`: none, looking, looked_at, under_way, done, stopped, failed.

    `days`: how far the system's lists reach, 0 where they tell no past. `percent`: of the time that is
    looked at or brought in. `counts`: records, people, events (of the look), taken, unreadable, unforeseen;
    known (in already: not worked again), made_up (of what is in, steps left out then were made up for),
    failed (of what is in and was left as it is), waits (what is in and has not ended: nothing was made up
    for). `left_out`: how many events that are in each step was left out of; named when the work is begun, it
    is made up for. `waiting`: its runs in line. `code` and `message`: why it does not get on. `sample`: what
    some of it would write.
    """

    state: str
    days: int
    since: datetime | None = None
    until: datetime | None = None
    percent: int = 0
    counts: dict[str, int] = {}
    by_step: dict[str, int] = Field({}, description="Records that each step would write, at most")
    by_tag: dict[str, int] = Field({}, description="How many would get each tag, at most")
    left_out: dict[str, int] = Field({}, description="Events that are in without this step")
    waiting: int = 0
    steps: list[str] = []
    reaches: list[ReachOut] = []
    code: str = ""
    message: str = ""
    sample: list[dict[str, Any]] = []


COUNTS = (
    "records", "people", "events", "taken", "unreadable", "unforeseen", "known", "made_up", "failed", "waits"
)  # fmt: skip


def _ends(request: HttpRequest, rule: Rule) -> tuple[str, str]:
    version = rule.versions.filter(number=rule.version or 0).first()
    return ends_of(version.definition if version else rule.draft, WorkspaceCatalog(workspace_of(request)))


def _standing(request: HttpRequest, rule: Rule) -> dict[str, Any]:
    source, _ = _ends(request, rule)  # what may be wrong is where the past is listed
    found, days = backfilling.last(rule), backfilling.reach(source)
    reaches = [{"step": key, "name": name} for key, name in backfilling.reaching(rule)]
    if found is None:
        return {"state": "none", "days": days, "reaches": reaches}
    why = [str(one) for one in explain_run(found.code, found.params, source)] if found.code else []
    events = [asdict(one) | {"number": str(one.number)} for one in backfilling.sample(rule, found)]
    return {
        "state": found.state.name.lower(),
        "days": days,
        "counts": {name: int(found.counts.get(name, 0)) for name in COUNTS},
        "by_step": found.counts.get("by_step", {}),
        "by_tag": found.counts.get("by_tag", {}),
        "left_out": found.counts.get("left_out", {}),
        "steps": list(found.steps),
        "reaches": reaches,
        "message": " ".join(why),
        "sample": events,
        **{name: getattr(found, name) for name in ("since", "until", "percent", "waiting", "code")},
    }


def _did(request: HttpRequest, rule: Rule, did: bool) -> dict[str, Any]:
    """Return how it stands after an act; 409 where there was nothing to do."""
    if not did:
        raise ApiError(409, Problem("past_not_so"))
    return _standing(request, rule)


@router.get("/{number}/past", response=PastOut)
def past(request: HttpRequest, number: int) -> dict[str, Any]:
    """Show how the latest look or work stands, and what it found."""
    return _standing(request, find(request, number))


@router.post("/{number}/past", response=PastOut)
def look(request: HttpRequest, number: int, payload: LookIn) -> dict[str, Any]:
    """Look at what there is and what it would write; nothing is written. Another look is given up.

    422 while some of the past is being brought in: stop that first.
    """
    rule = find(request, number)
    backfilling.look(rule, payload.days, _ends(request, rule)[0], None)
    return _standing(request, rule)


@router.post("/{number}/past/start", response=PastOut)
def start(request: HttpRequest, number: int, payload: BeginIn) -> dict[str, Any]:
    """Begin what was looked at. 409 where nothing is looked at."""
    rule = find(request, number)
    known = {key for key, _ in backfilling.reaching(rule)}
    for step in payload.steps:
        if step not in known:
            raise ApiError(422, Problem("past_step_unknown", {"step": step}, "steps"))
    return _did(request, rule, backfilling.start(rule, payload.steps, None))


@router.post("/{number}/past/stop", response=PastOut)
def stop(request: HttpRequest, number: int) -> dict[str, Any]:
    """Stop a look or the work; runs already in line are done. 409 where nothing is under way."""
    rule = find(request, number)
    return _did(request, rule, backfilling.stop(rule, None))


@router.post("/{number}/past/go-on", response=PastOut)
def go_on(request: HttpRequest, number: int) -> dict[str, Any]:
    """Go on with what was stopped or has failed. 409 where there is nothing to go on with."""
    rule = find(request, number)
    return _did(request, rule, backfilling.go_on(rule, None))
