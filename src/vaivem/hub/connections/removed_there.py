"""An app that a person took away at the vendor: its connections say so, and what they had to do waits."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.db import connection as database
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from vaivem.connectors.sdk import Delivery, Removal
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.errors import RuleError
from vaivem.engine.control import hold_gate
from vaivem.hub.connections.models import Connection, ConnectionState, OAuthApp
from vaivem.hub.connections.oauth_apps import find_app, open_app
from vaivem.hub.workspaces import audit

REMOVED_THERE = "removed_there"
MOST_BYTES = 64 * 1024
CLOCKS_DIFFER = timedelta(minutes=2)

log = logging.getLogger(__name__)


def take(request: HttpRequest) -> HttpResponse:
    """Take what a vendor tells an app at its return address. What no app's secret proves is a 401."""
    if int(request.headers.get("content-length") or 0) > MOST_BYTES:
        return HttpResponse(status=413)
    delivery = Delivery(
        request.method or "",
        request.path,
        request.META.get("QUERY_STRING", ""),
        {name.lower(): value for name, value in request.headers.items()},
        request.body,
    )
    known = False
    for app, removal in _removals(delivery):
        known = True
        for row in _connections(app, removal):
            mark(row, removal)
    return HttpResponse(status=200 if known else 401)


def _removals(delivery: Delivery) -> Iterator[tuple[OAuthApp, Removal]]:
    for app in OAuthApp.objects.filter(connector__in=connector_keys()):
        try:
            opened = open_app(app)
        except RuleError as error:
            log.warning("The app of %s cannot be opened: %s", app.connector, error)
            continue
        removal = get_connector(app.connector).removal(delivery, opened)
        if removal is not None:
            yield app, removal


def _connections(app: OAuthApp, removal: Removal) -> list[Connection]:
    """Return the connections of that account through this app, in every workspace that signs in through it.

    A workspace's own app has only its own; the operator's has none of a workspace with another app.
    """
    rows = Connection.objects.select_related("workspace").filter(
        connector=app.connector, account__id=removal.account, removed=None, refreshed__isnull=False
    )
    if app.workspace_id:
        return list(rows.filter(workspace=app.workspace))
    return [row for row in rows if _client(row) == app.client_id]


def _client(row: Connection) -> str:
    used = find_app(row.workspace, row.connector)
    return used.client_id if used else ""


@transaction.atomic
def mark(row: Connection, removal: Removal) -> None:
    """Turn a connection to "removed there", unless it was connected anew since."""
    row = Connection.objects.select_for_update().get(pk=row.pk)
    late = removal.at is not None and row.refreshed is not None and row.refreshed > removal.at + CLOCKS_DIFFER
    if row.state == ConnectionState.REMOVED or late:
        return
    row.state = ConnectionState.RECONNECT
    row.save(update_fields=["state"])
    with database.cursor() as cursor:
        hold_gate(cursor, row.pk, REMOVED_THERE, {})
    audit.note(row.workspace, None, "connection.removed_there", str(row))
    log.warning("Connection %s: the app was removed at the vendor", row.pk)
