"""Field combinations over the REST API."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status

from vaivem.hub.api.access import workspace_of
from vaivem.hub.api.errors import gone, shown
from vaivem.hub.api.once import once
from vaivem.hub.api.shapes import (
    CombinationChangeIn,
    CombinationIn,
    CombinationOut,
    DoneOut,
    PageOut,
    TouchedOut,
)
from vaivem.hub.rules import combining
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.editing.differences import differences
from vaivem.hub.rules.models import Combination
from vaivem.hub.rules.words import connector_at

router = Router(tags=["combinations"])


def find(request: HttpRequest, number: int) -> Combination:
    """Return a combination of the token's workspace, a removed one too; raises ApiError for any other."""
    rows = Combination.objects.select_related("workspace")
    row = rows.filter(workspace=workspace_of(request), pk=number).first()
    if row is None:
        raise gone()
    return row


@router.get("", response=PageOut[CombinationOut])
def list_combinations(request: HttpRequest) -> dict[str, Any]:
    """List the field combinations by title. Alone they send nothing: a rule's step has to use one."""
    rows = WorkspaceCatalog(workspace_of(request)).combinations
    return {"items": list(rows.values()), "next": None}


@router.post("", response={201: CombinationOut})
def create(request: HttpRequest, payload: CombinationIn) -> Status[Any]:
    """Make a field combination; alone it sends nothing."""

    def make() -> dict[str, Any]:
        pair = (payload.source, payload.target)
        row = combining.create(workspace_of(request), payload.title, pair, payload.object, payload.fields)
        return CombinationOut.from_orm(row).model_dump(mode="json")

    return once(request, make)


@router.get("/{number}", response=CombinationOut)
def one(request: HttpRequest, number: int) -> Combination:
    """Show a field combination."""
    return find(request, number)


@router.post("/{number}/preview", response=list[TouchedOut])
def preview(request: HttpRequest, number: int, payload: CombinationChangeIn) -> list[dict[str, Any]]:
    """Say what other fields would make of each rule that uses the combination; nothing is saved."""
    row, catalog = find(request, number), WorkspaceCatalog(workspace_of(request))
    return [
        {
            "rule": one.rule.pk,
            "title": one.rule.title,
            "changes": [
                {"field": change.where, "before": change.before, "after": change.after}
                for change in differences(one.before, one.after, catalog)
            ],
            "problems": [
                shown(problem, connector_at(one.after, problem.path, catalog)) for problem in one.problems
            ],
        }
        for one in combining.touched(row, payload.fields)
    ]


@router.put("/{number}/fields", response=CombinationOut)
def change(request: HttpRequest, number: int, payload: CombinationChangeIn) -> Combination:
    """Change a combination and publish every rule that uses it, all or none.

    409 when a `revision` is given and it is another one by now.
    """
    row = find(request, number)
    combining.change(row, payload.fields, title=payload.title, seen=payload.revision)
    return row


@router.delete("/{number}", response=DoneOut)
def remove(request: HttpRequest, number: int) -> DoneOut:
    """Take a combination away; refused while rules use it."""
    combining.remove(find(request, number))
    return DoneOut()


@router.post("/{number}/bring-back", response=CombinationOut)
def bring_back(request: HttpRequest, number: int) -> Combination:
    """Undo a removal."""
    row = find(request, number)
    combining.bring_back(row)
    return row
