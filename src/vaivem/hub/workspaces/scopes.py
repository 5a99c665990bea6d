"""What an API token may do: reading or changing, in each area of the API.

``read`` and ``write`` alone mean every area; ``rules:read`` means one. Changing does not include reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

AREAS: Mapping[str, Any] = {
    "connections": _("Connections"),
    "rules": _("Rules and recipes"),
    "history": _("Events, runs, decisions and replays"),
    "settings": _("Members, audit log, who opted out of e-mails"),
}
ACTS = ("read", "write")
SCOPES = ACTS + tuple(f"{area}:{act}" for area in AREAS for act in ACTS)

# The first part of a path below /api/v1, and its area. "" needs no more than a valid token.
AREA_OF = {
    "connectors": "connections",
    "connections": "connections",
    "rules": "rules",
    "combinations": "rules",
    "recipes": "rules",
    "events": "history",
    "runs": "history",
    "decisions": "history",
    "rejected": "history",
    "replays": "history",
    "members": "settings",
    "audit": "settings",
    "opted-out": "settings",
    "health": "",
}


def needed(path: str, *, write: bool) -> str | None:
    """Return the scope that a path below /api/v1 needs, "" for none; None when the path has no area."""
    area = AREA_OF.get(path.strip("/").partition("/")[0])
    if area is None:
        return None
    return f"{area}:{'write' if write else 'read'}" if area else ""


def allows(scopes: Iterable[str], scope: str) -> bool:
    """Say whether a token with these scopes may do what needs `scope`."""
    given = set(scopes)
    return not scope or scope in given or scope.partition(":")[2] in given
