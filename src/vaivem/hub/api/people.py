"""Members and the audit log over the REST API, to be read."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from vaivem.hub.api.access import workspace_of
from vaivem.hub.api.shapes import Given, PageOut
from vaivem.hub.workspaces.models import Membership
from vaivem.hub.workspaces.trail import PAGE, Wanted, read_trail

router = Router(tags=["settings"])
MAX_PAGE = 200


class MemberOut(Schema):
    """A member of the workspace."""

    id: int
    name: str
    email: str
    role: str
    last_login: datetime | None


class AuditOut(Schema):
    """Something that was changed. `via` is the API token that did it, if one did."""

    id: int
    at: datetime
    member: str
    via: str
    action: str
    object: str
    before: dict[str, Any]
    after: dict[str, Any]


class AskedAudit(Given):
    """What the audit log is narrowed by. `kind` is what an action begins with, such as ``rule``."""

    member: int | None = None
    kind: str = ""
    period: Literal["", "day", "week", "month"] = ""
    q: str = Field("", description="Part of the object's name")
    before: int | None = None
    limit: int = Field(PAGE, ge=1, le=MAX_PAGE)


@router.get("/members", response=PageOut[MemberOut])
def list_members(request: HttpRequest) -> dict[str, Any]:
    """List the members with their roles."""
    rows = Membership.objects.filter(workspace=workspace_of(request)).select_related("member").order_by("id")
    items = [
        {
            "id": row.member.pk,
            "name": row.member.name,
            "email": row.member.email,
            "role": row.role,
            "last_login": row.member.last_login,
        }
        for row in rows
    ]
    return {"items": items, "next": None}


@router.get("/audit", response=PageOut[AuditOut])
def list_audit(request: HttpRequest, asked: Query[AskedAudit]) -> dict[str, Any]:
    """List who changed what, newest first."""
    wanted = Wanted(asked.member, asked.kind, asked.period, asked.q, asked.before)
    rows, older = read_trail(workspace_of(request), wanted, asked.limit)
    items = [
        {
            "id": row.pk,
            "at": row.at,
            "member": row.member.email if row.member else "",
            "via": row.via,
            "action": row.action,
            "object": row.object,
            "before": row.before,
            "after": row.after,
        }
        for row in rows
    ]
    return {"items": items, "next": str(older) if older else None}
