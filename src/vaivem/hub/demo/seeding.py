"""Makes the demo's workspace, and puts it right at every later start. Safe to run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from vaivem.connectors.sdk import Connector
from vaivem.connectors.sdk.recipes import Recipe, all_recipes
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.hub.connections.lines import vault
from vaivem.hub.connections.models import Connection, OAuthApp
from vaivem.hub.connections.test_accounts import connect_served, connected
from vaivem.hub.recipes.setting_up import ask, chosen_values, fitting, switch_on
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Rule
from vaivem.hub.shell import clock
from vaivem.hub.workspaces.access import make_owner
from vaivem.hub.workspaces.models import Member, Workspace

OWNER = ("Júlia Prates", "julia@demo.example")
WORKSPACE = "Raiar Solar"
HISTORY = timedelta(days=30)


def seed(served: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Connect the served test accounts (as `vaivem sandbox serve` describes them); switch recipes on.

    Return what there is: the workspace's short name, the connections, and whether all of it is new.
    """
    fresh = not Member.objects.exists()
    if fresh:
        make_owner(OWNER[0], OWNER[1], None, WORKSPACE)
    workspace = Workspace.objects.order_by("id")[0]
    owner = Member.objects.order_by("id")[0]
    connections = [row for line in served if (row := _connect(workspace, owner, line)) is not None]
    if not Rule.objects.filter(workspace=workspace).exists():
        for recipe in all_recipes():
            _switch_on(recipe, workspace, owner)
    return {
        "workspace": workspace.slug,
        "connections": {row.connector: row.pk for row in connections},
        "fresh": fresh,
    }


def _switch_on(recipe: Recipe, workspace: Workspace, owner: Member) -> None:
    """Switch a recipe on whose accounts are all there, with what a person in a hurry would choose.

    It counts from before the history that the demo makes for the days before its first start.
    """
    catalog = WorkspaceCatalog(workspace)
    accounts = {key: rows[0] for key, rows in fitting(recipe, catalog).items() if rows}
    if len(accounts) < len(recipe.accounts):
        return
    chosen: dict[str, str] = {}
    for _ in recipe.choices:  # each round may open the next list: a stage needs its funnel
        asked = ask(recipe, accounts, chosen, catalog)
        chosen = chosen_values(asked)
        open_ones = [one for one in asked if one.choice.type == "field" and one.options and not one.value]
        if not open_ones:
            break
        first = open_ones[0]
        depends = first.choice.key in {one.waits_for for one in ask(recipe, accounts, {}, catalog)}
        chosen[first.choice.key] = str(first.options[0 if depends else -1].value)
    given = {key: row.pk for key, row in accounts.items()}
    rule = switch_on(recipe, workspace, given, chosen, owner)
    Rule.objects.filter(pk=rule.pk).update(on_since=clock.now() - HISTORY)


def _connect(workspace: Workspace, owner: Member, line: Mapping[str, Any]) -> Connection | None:
    if line["name"] not in connector_keys():
        return None
    connector = get_connector(line["name"])
    how = connector.manifest.test_account
    if how is None:
        return None
    if how.app is not None:
        _keep_app(connector, [part.format_map(line["credentials"]) for part in how.app])
    known = connected(workspace, connector.key)
    if known:
        _, chosen = how.fill(line["base_url"], line["credentials"])
        Connection.objects.filter(pk=known[0].pk).update(settings={**known[0].settings, **chosen})
        return known[0]
    return connect_served(workspace, owner, connector, line["base_url"], line["credentials"])


def _keep_app(connector: Connector, pair: Sequence[str]) -> None:
    secret = vault().seal({"client_secret": pair[1]})
    OAuthApp.objects.update_or_create(
        workspace=None, connector=connector.key, defaults={"client_id": pair[0], "client_secret": secret}
    )
