"""Who is inside a rule, over the REST API: where each is, and moving them to the version of today."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from ninja import Router

from vaivem.hub.api.errors import gone
from vaivem.hub.api.rules import find
from vaivem.hub.api.shapes import InsideOut, MovedOut, MovingOut, PageOut
from vaivem.hub.history import detail
from vaivem.hub.rules import inside, publishing, taking_along

router = Router(tags=["rules"])


@router.get("/{number}/inside", response=PageOut[InsideOut])
def who_is_where(request: HttpRequest, number: int, after: str = "", limit: int = 50) -> dict[str, Any]:
    """List the people who are in an automation, and the step that each is at; `next` is the value of `after`.

    `POST /runs/{run}/retry` lets one go on now, `POST /runs/{run}/stop` takes one out.
    """
    size = max(1, min(limit, 200))
    rows, following = inside.people(find(request, number), after=after[:300], limit=size)
    plain = ("key", "person", "since", "version", "state", "code", "due", "number", "can_move")
    items = [
        {"run": str(row.run), "step": row.step_id, **{name: getattr(row, name) for name in plain}}
        for row in rows
    ]
    return {"items": items, "next": following or None}


@router.get("/{number}/inside/move", response=MovingOut)
def moving(request: HttpRequest, number: int, draft: bool = False) -> dict[str, Any]:
    """Say who would go on in the version of today, or with `draft` in the draft, and who would stay.

    A draft that cannot be published is refused as publishing it would be.
    """
    rule = find(request, number)
    found = publishing.asks(rule) if draft else taking_along.look(rule)
    if found is None:
        return {"groups": [], "busy": 0, "going": 0, "staying": 0}
    return {**asdict(found), "going": found.going, "staying": found.staying}


@router.post("/{number}/inside/move", response=MovedOut)
def move_all(request: HttpRequest, number: int) -> dict[str, Any]:
    """Let all who wait at a step of an earlier version go on in the version of today, where they can."""
    rule = find(request, number)
    return {"moved": taking_along.move(rule, None), "staying": taking_along.look(rule).staying}


@router.post("/{number}/inside/{run}/move", response=MovedOut)
def move_one(request: HttpRequest, number: int, run: int) -> dict[str, Any]:
    """Let one run that waits at a step go on in the version of today; `moved` is 0 where it cannot."""
    rule = find(request, number)
    found = detail.find_run(rule.workspace_id, run)
    if found is None or found.run.rule != rule.pk:
        raise gone()
    return {"moved": taking_along.move(rule, None, run=run), "staying": taking_along.look(rule).staying}
