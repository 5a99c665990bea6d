"""What a workspace's connections offer to rules (a core `Catalog`), from the last copies of their lists."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from vaivem.connectors import sdk
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.catalog import ActionShape, TriggerShape
from vaivem.core.folding import fold
from vaivem.core.steps import ConnectionRef
from vaivem.engine.offers import action_shape, trigger_shape
from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.rules.models import Combination
from vaivem.hub.workspaces.models import Membership, Workspace


def as_seen(connection: Connection, credentials: Mapping[str, Any] | None = None) -> sdk.Connection:
    """Return a connection as its connector sees it; without credentials it can describe but not call."""
    manifest = get_connector(connection.connector).manifest
    return sdk.Connection(
        id=connection.pk,
        workspace=connection.workspace_id,
        connector=connection.connector,
        name=connection.name,
        method=connection.method,
        credentials=dict(credentials or {}),
        settings=manifest.defaults() | connection.settings,
        account=connection.account,
        catalog=connection.catalog,
    )


class WorkspaceCatalog:
    """The triggers, actions, fields and choices of one workspace's connections.

    A connection is named by its id, its short name (slug) or its name, whatever the letters' case; a name
    that two connections share names neither.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        rows = Connection.objects.filter(workspace=workspace).exclude(state=ConnectionState.REMOVED)
        self.connections = {row.pk: row for row in rows.order_by("name", "id")}
        self._seen: dict[int, sdk.Connection] = {}
        self._by_slug = {row.slug: row.pk for row in self.connections.values()}
        self._by_name: dict[str, int | None] = {}
        for row in self.connections.values():
            name = fold(row.name)
            self._by_name[name] = None if name in self._by_name else row.pk

    def connection_id(self, ref: ConnectionRef) -> int | None:
        """Return the id of a connection."""
        if isinstance(ref, int):
            return ref if ref in self.connections else None
        return self._by_slug.get(ref) or self._by_name.get(fold(ref))

    def connection(self, ref: ConnectionRef) -> Connection | None:
        """Return a connection's row."""
        number = self.connection_id(ref)
        return None if number is None else self.connections[number]

    @cached_property
    def combinations(self) -> dict[int, Combination]:
        """The workspace's field combinations by id, in the order of their titles."""
        rows = Combination.objects.filter(workspace=self.workspace, removed__isnull=True)
        return {row.pk: row for row in rows.order_by("title", "pk")}

    def combination(self, ref: Any) -> Combination | None:
        """Return a combination by its id or title."""
        if isinstance(ref, int) and not isinstance(ref, bool):
            return self.combinations.get(ref)
        return next((row for row in self.combinations.values() if row.title == ref), None)

    @cached_property
    def members(self) -> dict[str, str]:
        """The names of the workspace's members by e-mail address, in the order of their names."""
        rows = Membership.objects.filter(workspace=self.workspace).select_related("member")
        return {row.member.email: str(row.member) for row in rows.order_by("member__name", "member__email")}

    def has_member(self, address: str) -> bool:
        """Say whether somebody with this e-mail address is a member."""
        return address.lower() in {one.lower() for one in self.members}

    def seen(self, ref: ConnectionRef) -> sdk.Connection | None:
        """Return a connection as its connector sees it, without credentials."""
        row = self.connection(ref)
        if row is None or row.connector not in connector_keys():
            return None
        if row.pk not in self._seen:
            self._seen[row.pk] = as_seen(row)
        return self._seen[row.pk]

    def connector(self, ref: ConnectionRef) -> sdk.Connector | None:
        """Return the code that knows a connection's vendor."""
        seen = self.seen(ref)
        return None if seen is None else get_connector(seen.connector)

    def trigger(self, ref: ConnectionRef, key: str) -> TriggerShape | None:
        """Return a trigger of a connection."""
        seen, connector = self.seen(ref), self.connector(ref)
        if seen is None or connector is None:
            return None
        return trigger_shape(connector, seen, key)

    def action(self, ref: ConnectionRef, key: str) -> ActionShape | None:
        """Return an action of a connection; None also for one that its way of connecting cannot do."""
        seen, connector = self.seen(ref), self.connector(ref)
        if seen is None or connector is None:
            return None
        return action_shape(connector, seen, key)
