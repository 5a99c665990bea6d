"""Test accounts that this installation serves: which a workspace may still connect, and connecting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from pyreqwest.client import SyncClientBuilder
from pyreqwest.exceptions import PyreqwestError

from vaivem.connectors import sdk
from vaivem.connectors.sdk import Connector
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.errors import RetryError
from vaivem.hub.connections.lines import config
from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.connections.oauth_apps import find_app, save_app
from vaivem.hub.connections.saving import Access, save_new
from vaivem.hub.connections.trying import ask_account, ask_catalog
from vaivem.hub.workspaces.models import Member, Workspace

PATIENCE = timedelta(seconds=5)


def connected(workspace: Workspace, key: str = "") -> Sequence[Connection]:
    """Return the workspace's test accounts, of one connector if it is named."""
    rows = Connection.objects.filter(workspace=workspace, test_account=True)
    rows = rows.exclude(state=ConnectionState.REMOVED)
    return list((rows.filter(connector=key) if key else rows).order_by("connector", "pk"))


def offered(workspace: Workspace) -> list[Connector]:
    """Return the connectors whose test account is served here and not connected in this workspace."""
    taken = {row.connector for row in connected(workspace)}
    keys = [key for key in config().test_accounts if key in connector_keys() and key not in taken]
    found = [one for one in map(get_connector, keys) if one.manifest.test_account is not None]
    return sorted(found, key=lambda one: one.manifest.name.lower())


def connect(workspace: Workspace, member: Member, key: str) -> Connection:
    """Connect the test account that is served for this connector, or return the one that is connected.

    Raises VaivemError when it does not answer.
    """
    known = connected(workspace, key)
    if known:
        return known[0]
    url = config().test_accounts[key]
    return connect_served(workspace, member, get_connector(key), url, _granted(url))


def connect_served(
    workspace: Workspace, member: Member, connector: Connector, url: str, given: Mapping[str, str]
) -> Connection:
    """Connect a test account that answers at `url` and gave these credentials; its lists are read at once."""
    how = connector.manifest.test_account
    if how is None:
        raise ValueError(connector.key)
    credentials, chosen = how.fill(url, given)
    if how.app is not None and find_app(workspace, connector.key) is None:
        client_id, client_secret = (part.format_map(given) for part in how.app)
        save_app(workspace, connector.key, client_id, client_secret, member)
    seen = sdk.Connection(
        0, workspace.pk, connector.key, connector.manifest.name, how.method, credentials,
        connector.manifest.defaults() | dict(chosen),
    )  # fmt: skip
    account = ask_account(config(), seen)
    about = {"id": account.id, "name": account.name, "details": dict(account.details)}
    catalog = ask_catalog(config(), replace(seen, account=about))
    access = Access(connector.key, how.method, credentials, chosen, account)
    row = save_new(workspace, member, connector.suggested_name(account), access, test_account=True)
    Connection.objects.filter(pk=row.pk).update(catalog=catalog)
    row.refresh_from_db()
    return row


def _granted(url: str) -> Mapping[str, str]:
    """Ask a test account for credentials of our own. Its address is the operator's, so nothing guards it."""
    with SyncClientBuilder().no_proxy().timeout(PATIENCE).error_for_status(True).build() as client:
        try:
            given: Mapping[str, str] = client.post(f"{url}/_control/grant").build().send().json()
        except PyreqwestError as error:
            raise RetryError("vendor_test_account_silent", detail=str(error)) from error
    return given
