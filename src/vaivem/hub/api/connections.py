"""Connections over the REST API. Ways that need a person's sign-in are for the pages."""

from __future__ import annotations

from typing import Any

from django.db import connection as database
from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status

from vaivem.connectors.sdk import Connector
from vaivem.connectors.sdk.manifest import AuthMethod
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.errors import Problem, VaivemError
from vaivem.hub.api.access import workspace_of
from vaivem.hub.api.errors import STATUSES, ApiError, gone
from vaivem.hub.api.once import answered, once
from vaivem.hub.api.shapes import (
    ConnectionIn,
    ConnectionOut,
    ConnectorOut,
    DoneOut,
    PageOut,
    TestedOut,
)
from vaivem.hub.connections.addresses import hook_address
from vaivem.hub.connections.change_views import registered_address, tested
from vaivem.hub.connections.forms import cleaned
from vaivem.hub.connections.lines import as_connection, config, unsaved_connection
from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.connections.saving import Access, forget, save_new
from vaivem.hub.connections.trying import ask_account, ask_removal
from vaivem.hub.connections.usage import rules_using
from vaivem.hub.rules import publishing
from vaivem.hub.rules.models import RuleState

router = Router(tags=["connections"])


def find(request: HttpRequest, number: int) -> Connection:
    """Return a connection of the token's workspace; raises ApiError for any other, and for a removed one."""
    rows = Connection.objects.exclude(state=ConnectionState.REMOVED)
    row = rows.filter(workspace=workspace_of(request), pk=number).first()
    if row is None:
        raise gone()
    return row


def connection_out(row: Connection) -> dict[str, Any]:
    """Return a connection as the API shows it: nothing secret."""
    account = {part: str(row.account.get(part) or "") for part in ("id", "name")}
    plain = {
        name: getattr(row, name)
        for name in ("connector", "name", "slug", "method", "settings", "test_account", "created", "expires")
    }
    more = {"id": row.pk, "state": str(row.state), "account": account, "hook": hook_address(row)}
    return ConnectionOut.model_validate(plain | more).model_dump(mode="json")


@router.get("/connectors", response=list[ConnectorOut])
def connectors(request: HttpRequest) -> list[dict[str, Any]]:
    """List the systems that can be connected."""
    return [
        {
            "key": connector.key,
            "name": connector.manifest.name,
            "methods": [method.key for method in connector.manifest.auth],
            "triggers": [trigger.key for trigger in connector.triggers],
            "actions": [action.key for action in connector.actions],
        }
        for connector in map(get_connector, connector_keys())
    ]


@router.get("/connections", response=PageOut[ConnectionOut])
def list_connections(request: HttpRequest, before: int | None = None, limit: int = 50) -> dict[str, Any]:
    """List the connections, newest first."""
    rows = Connection.objects.filter(workspace=workspace_of(request)).exclude(state=ConnectionState.REMOVED)
    rows = rows.filter(pk__lt=before) if before else rows
    size = max(1, min(limit, 200))
    found = list(rows.order_by("-pk")[: size + 1])
    items = [connection_out(row) for row in found[:size]]
    return {"items": items, "next": str(found[size - 1].pk) if len(found) > size else None}


@router.post("/connections", response={201: ConnectionOut})
def create(request: HttpRequest, payload: ConnectionIn) -> Status[Any]:
    """Test the credentials at the vendor and, when they are accepted, keep the connection."""
    before = answered(request)
    if before is not None:
        return before
    workspace = workspace_of(request)
    if payload.connector not in connector_keys():
        problem = Problem("connector_unknown", {"connector": payload.connector}, "connector")
        raise ApiError(422, problem)
    connector = get_connector(payload.connector)
    method = _method(connector, payload.method)
    credentials = _credentials(connector, method, payload.credentials)
    settings = _settings(connector, payload.settings)
    line = unsaved_connection(workspace.pk, connector.key, method.key, credentials, settings)
    try:  # before the row is made: no lock is held while the vendor thinks
        account = ask_account(config(), line)
    except VaivemError as error:
        status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
        raise ApiError(status, *error.problems, connector=connector.key) from error
    access = Access(connector.key, method.key, credentials, settings, account)
    name = payload.name or connector.suggested_name(account)
    return once(request, lambda: connection_out(save_new(workspace, None, name, access)))


@router.get("/connections/{number}", response=ConnectionOut)
def one(request: HttpRequest, number: int) -> dict[str, Any]:
    """Show a connection."""
    return connection_out(find(request, number))


@router.post("/connections/{number}/test", response=TestedOut)
def test(request: HttpRequest, number: int) -> dict[str, Any]:
    """Ask the vendor whether the connection works."""
    checks = [finding.to_dict() for finding in tested(find(request, number))]
    return {"ok": all(check["state"] != "bad" for check in checks), "checks": checks}


@router.delete("/connections/{number}", response=DoneOut)
def remove(request: HttpRequest, number: int, anyway: bool = False) -> DoneOut:
    """Remove our webhooks at the vendor and forget the access; rules that need it are paused.

    `anyway` removes it even when the vendor cannot be asked.
    """
    row = find(request, number)
    if not anyway:
        try:
            ask_removal(config(), as_connection(row), registered_address(row))
        except VaivemError as error:
            raise ApiError(502, *error.problems, connector=row.connector) from error
    for rule in rules_using(row):
        if rule.state == RuleState.ON:
            publishing.pause(rule)
    forget(row, None)
    return DoneOut()


def _method(connector: Connector, wanted: str) -> AuthMethod:
    methods = [method for method in connector.manifest.auth if not wanted or method.key == wanted]
    pasted = next((method for method in methods if method.oauth is None), None)
    if pasted is not None:
        return pasted
    if methods:
        raise ApiError(422, Problem("connect_in_browser", {}, "method"), connector=connector.key)
    keys = [method.key for method in connector.manifest.auth]
    problem = Problem("method_unknown", {"choices": keys}, "method")
    raise ApiError(422, problem, connector=connector.key)


def _credentials(connector: Connector, method: AuthMethod, given: dict[str, str]) -> dict[str, Any]:
    known = {field.key: field for field in method.fields}
    unknown = [
        Problem("option_unknown", {"option": key}, f"credentials.{key}") for key in given.keys() - known
    ]
    found = {key: cleaned(known[key], value) for key, value in given.items() if key in known}
    missing = [
        Problem("option_missing", {"option": key}, f"credentials.{key}")
        for key, field in known.items()
        if field.required and not found.get(key)
    ]
    if unknown or missing:
        raise ApiError(422, *unknown, *missing, connector=connector.key)
    return found


def _settings(connector: Connector, given: dict[str, Any]) -> dict[str, Any]:
    known = {setting.key: setting for setting in connector.manifest.settings}
    problems = [
        Problem("option_unknown", {"option": key}, f"settings.{key}") for key in given.keys() - known.keys()
    ]
    problems += [
        Problem(
            "unknown_option",
            {"field": key, "value": value, "choices": list(known[key].choices)},
            f"settings.{key}",
        )
        for key, value in given.items()
        if key in known and known[key].choices and value not in known[key].choices
    ]
    if problems:
        raise ApiError(422, *problems, connector=connector.key)
    return given


def workers() -> int:
    """Return how many worker processes hold a lease."""
    with database.cursor() as cursor:
        cursor.execute("select count(*) from worker where until > clock_timestamp()")
        number: int = cursor.fetchone()[0]
    return number
