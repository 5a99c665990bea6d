"""What the connect pages of both kinds show: the vendor's steps, the other ways, a missing address."""

from __future__ import annotations

from typing import Any

from vaivem.connectors.sdk import Connector
from vaivem.connectors.sdk.manifest import AuthMethod
from vaivem.hub.connections.addresses import public_address
from vaivem.hub.connections.models import Connection
from vaivem.hub.connections.test_accounts import offered
from vaivem.hub.messages import connector_text
from vaivem.hub.workspaces.models import Workspace


def page_values(
    workspace: Workspace, connector: Connector, method: AuthMethod, row: Connection | None
) -> dict[str, Any]:
    """Return what every connect page shows: the vendor's steps, the other ways, the missing address."""
    key = connector.key
    steps = [connector_text(key, f"auth.{method.key}.steps.{n}") for n in range(1, method.steps + 1)]
    ways = [
        {
            "key": one.key,
            "name": connector_text(key, f"auth.{one.key}.name") or one.key,
            "help": connector_text(key, f"auth.{one.key}.help"),
            "recommended": one.recommended,
            "current": one.key == method.key,
        }
        for one in connector.manifest.auth
    ]
    return {
        "connector": connector,
        "manifest": connector.manifest,
        "method": method,
        "row": row,
        "steps": [step for step in steps if step],
        "ways": ways,
        "offered": [one for one in offered(workspace) if one.key == connector.key] if row is None else [],
        "events_cannot_arrive": bool(connector.triggers) and not public_address(),
    }
