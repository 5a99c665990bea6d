"""Makes a chaos run's workspace, connections and rules, with Django ready on its database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.sdk import Account
from vaivem.hub.connections.lines import vault
from vaivem.hub.connections.models import Connection, OAuthApp
from vaivem.hub.connections.saving import Access, save_new, save_reconnected
from vaivem.hub.rules import publishing
from vaivem.hub.workspaces.access import make_owner, make_workspace
from vaivem.hub.workspaces.models import Member, Workspace

FIELDS = {f"thing.{name}": {"from": name} for name in ("event", "record", "place", "email", "keys")}


def seed(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Make what `plan` asks for; return the hook and the ids of each way.

    ``{"token", "url", "ways": [{"name", "actions", "settings", "workspace", "wait", "method"}]}``: a way is a
    source connection, a target connection, and a rule between them for each of its actions, which waits for
    so many minutes first.
    """
    owner = Member.objects.first() or make_owner("Chaos", "chaos@chaos.example", None, "Chaos").member
    first = Workspace.objects.order_by("id")[0]
    made: dict[str, Any] = {}
    for way in plan["ways"]:
        workspace = make_workspace(way["workspace"]) if way.get("workspace") else first
        settings = {"address_api": plan["url"], **way.get("settings", {})}
        source = _connect(workspace, owner, f"{way['name']} source", plan["token"], settings)
        target = _connect(workspace, owner, f"{way['name']} target", plan["token"], settings, way["method"])
        rules = [
            _rule(
                workspace, owner, source.pk, target.pk, action, f"{way['name']} {number}", way.get("wait", 0)
            )
            for number, action in enumerate(way["actions"])
        ]
        made[way["name"]] = {"hook": source.hook, "source": source.pk, "target": target.pk, "rules": rules}
    _let_run_wild()
    return made


def _let_run_wild() -> None:
    """What is done to the rules here is what the breaker is there to stop."""
    Workspace.objects.update(record_changes=10**9, busy_runs=10**9)


def _connect(
    workspace: Any, owner: Member, name: str, token: str, settings: Mapping[str, Any], method: str = "token"
) -> Connection:
    credentials = {"token": token}
    if method in ("oauth", "rotating"):
        secret = vault().seal({"client_secret": "s"})
        OAuthApp.objects.update_or_create(
            workspace=None, connector="counted", defaults={"client_id": "c", "client_secret": secret}
        )
        credentials = {"access_token": "access-1-", "refresh_token": "kept"}
        settings = {**settings, "address_token": f"{settings['address_api']}/token"}
    access = Access("counted", method, credentials, settings, Account("1", name))
    return save_new(workspace, owner, name, access)


def reconnect(conn: int, token: str) -> None:
    """Give a connection new credentials, as its page does."""
    row = Connection.objects.get(pk=conn)
    access = Access(row.connector, row.method, {"token": token}, row.settings, Account("1", row.name))
    save_reconnected(row, Member.objects.first(), access)


def _rule(
    workspace: Any, owner: Member, source: int, target: int, action: str, title: str, minutes: int
) -> int:
    steps: list[Mapping[str, Any]] = [
        {"id": "do", "kind": "action", "connection": target, "action": action, "fields": FIELDS}
    ]
    if minutes:
        steps.insert(0, {"id": "pause", "kind": "wait", "for": {"minutes": minutes}})
    definition = {"title": title, "when": {"connection": source, "trigger": "happened"}, "then": steps}
    rule = publishing.create(workspace, definition, owner)
    publishing.publish(rule, owner)
    return int(rule.pk)
