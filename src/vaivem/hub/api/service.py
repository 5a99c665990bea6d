"""The REST API under /api/v1: one workspace a token. OpenAPI at /api/v1/openapi.json."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import connection as database
from django.http import HttpRequest
from ninja import NinjaAPI

from vaivem import __version__
from vaivem.hub.api import (
    combinations,
    connections,
    history,
    inside,
    opted_out,
    past,
    people,
    recipes,
    replays,
    rules,
)
from vaivem.hub.api.access import Token, workspace_of
from vaivem.hub.api.errors import add_handlers
from vaivem.hub.api.shapes import HealthOut
from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.shell.clock import now

DESCRIPTION = """
Send `Authorization: Bearer <token>`; `vaivem api-token create` makes one. Every refusal is
`{"error": {"code", "message", "params", "path"}}`, its message in the language of `Accept-Language`.
Lists give `items` and `next`, the value of `before` for the page after. Creates take an `Idempotency-Key`,
which is kept for a day.
"""

api = NinjaAPI(
    title="Vaivém",
    version=__version__,
    description=DESCRIPTION,
    docs_url=None,  # a page that loads scripts from elsewhere
    urls_namespace="api",
    auth=Token(),
)
add_handlers(api)
api.add_router("", connections.router)
api.add_router("/rules", rules.router)
api.add_router("/rules", inside.router)
api.add_router("/rules", past.router)
api.add_router("/combinations", combinations.router)
api.add_router("/recipes", recipes.router)
api.add_router("", history.router)
api.add_router("/replays", replays.router)
api.add_router("", people.router)
api.add_router("/opted-out", opted_out.router)


@api.get("/health", response=HealthOut, tags=["health"])
def health(request: HttpRequest) -> dict[str, Any]:
    """Say how the workspace is doing."""
    ws = workspace_of(request).pk
    with database.cursor() as cursor:
        cursor.execute(
            "select (select count(*) from item where ws = %(ws)s),"
            " (select count(*) from decision where ws = %(ws)s and answer is null)",
            {"ws": ws},
        )
        waiting, decisions = cursor.fetchone()
    rows = Connection.objects.filter(workspace=ws).exclude(state=ConnectionState.REMOVED)
    return {
        "version": __version__,
        "time": now(),
        "workers": connections.workers(),
        "waiting": waiting,
        "decisions": decisions,
        "connections": Counter(rows.values_list("state", flat=True)),
    }
