"""Notes who changed what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.hub.workspaces.models import AuditEntry, Member, Workspace


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
        action=action,
        object=what[:160],
        before=dict(before or {}),
        after=dict(after or {}),
    )
