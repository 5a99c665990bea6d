"""Who opted out of the e-mails of rules, over the REST API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from vaivem.core.errors import Problem
from vaivem.hub.api.access import workspace_of
from vaivem.hub.api.errors import ApiError, gone
from vaivem.hub.api.once import once
from vaivem.hub.api.shapes import DoneOut, Given, PageOut
from vaivem.hub.mail import opting_out

router = Router(tags=["settings"])
PAGE, MAX_PAGE = 50, 200


class OptedOut(Schema):
    """An address that opted out. `how` is ``link``, ``member`` or ``api``."""

    id: int
    address: str
    opted_out: datetime
    how: str


class AddressIn(Given):
    """An address that wants no more e-mails."""

    address: str = Field(max_length=254)


class Asked(Given):
    """What the list is narrowed by. `q` is part of an address."""

    q: str = Field("", max_length=254)
    before: int | None = None
    limit: int = Field(PAGE, ge=1, le=MAX_PAGE)


@router.get("", response=PageOut[OptedOut])
def list_opted_out(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    """List the addresses to which rules send no e-mails, by their number from the highest on."""
    rows = opting_out.opted_out(workspace_of(request), asked.q.strip()).order_by("-id")
    if asked.before is not None:
        rows = rows.filter(pk__lt=asked.before)
    found = list(rows[: asked.limit + 1])
    more = len(found) > asked.limit
    return {"items": found[: asked.limit], "next": str(found[asked.limit - 1].pk) if more else None}


@router.post("", response={201: OptedOut})
def add(request: HttpRequest, payload: AddressIn) -> Status[Any]:
    """Let an address opt out, as if its link had been used."""

    def make() -> dict[str, Any]:
        row = opting_out.add(workspace_of(request), payload.address, None, opting_out.BY_PROGRAM)
        if row is None:
            raise ApiError(422, Problem("bad_email", {"value": payload.address}, "address"))
        row.refresh_from_db()
        return OptedOut.from_orm(row).model_dump(mode="json")

    return once(request, make)


@router.delete("/{number}", response=DoneOut)
def remove(request: HttpRequest, number: int) -> DoneOut:
    """Let e-mails go to an address again."""
    row = opting_out.opted_out(workspace_of(request)).filter(pk=number).first()
    if row is None:
        raise gone()
    opting_out.opt_in(row, None, opting_out.BY_PROGRAM)
    return DoneOut()
