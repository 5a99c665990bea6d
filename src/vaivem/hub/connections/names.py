"""Names of connections: unique among a workspace's own, whatever their capitals and accents."""

from __future__ import annotations

from itertools import count

from django.utils.text import slugify

from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.workspaces.models import Workspace

MAX_NAME = 80


def slug_of(name: str) -> str:
    """Return the name as rule files write it."""
    return slugify(name)[:MAX_NAME] or "connection"


def is_taken(workspace: Workspace, name: str, own: int = 0) -> bool:
    """Say whether another connection has this name, or one that cannot be told from it."""
    others = Connection.objects.filter(workspace=workspace, slug=slug_of(name))
    return others.exclude(state=ConnectionState.REMOVED).exclude(pk=own).exists()


def free_name(workspace: Workspace, wanted: str, own: int = 0) -> str:
    """Return the wanted name, with a number behind it when it is taken."""
    stem = wanted.strip()[: MAX_NAME - 4] or "Vaivém"
    if not is_taken(workspace, stem, own):
        return stem
    return next(name for n in count(2) if not is_taken(workspace, name := f"{stem} {n}", own))
