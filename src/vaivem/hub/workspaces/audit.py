"""Notes who changed what."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from vaivem.hub.workspaces.models import AuditEntry, Member, Workspace

# The API token that acts in this request, as people recognise it; "" when a person does.
via: ContextVar[str] = ContextVar("audit_via", default="")


def note(
    workspace: Workspace | None,
    member: Member | None,
    action: str,
    what: str = "",
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write one entry. `action` is ``connection.renamed``-like; the values must hold no secret."""
    AuditEntry.objects.create(
        workspace=workspace,
        member=member,
        via=via.get(),
        action=action,
        object=what[:160],
        before=dict(before or {}),
        after=dict(after or {}),
    )
