"""A connection's row as connectors see it, and the vault that its secrets are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings

from vaivem.config import Config
from vaivem.connectors import sdk
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import ReconnectError
from vaivem.hub.connections.models import Connection
from vaivem.logs import hide
from vaivem.vault import Vault, VaultError


def config() -> Config:
    """Return the operator's settings."""
    found: Config = settings.VAIVEM
    return found


def vault() -> Vault:
    """Return what seals and opens secrets."""
    return Vault.from_folder(config().data_dir)


def as_connection(row: Connection) -> sdk.Connection:
    """Return the connection with its secrets opened and the manifest's defaults filled in.

    Raises ReconnectError when no key here opens them.
    """
    try:
        opened = vault().open(bytes(row.credentials)) if row.credentials else {}
    except VaultError as error:
        raise ReconnectError("credentials_locked", detail=str(error)) from error
    hide(opened)
    return replace(without_secrets(row), credentials=opened)


def without_secrets(row: Connection) -> sdk.Connection:
    """Return the connection without its credentials: enough to show what it has and may."""
    return sdk.Connection(
        id=row.pk,
        workspace=row.workspace_id,
        connector=row.connector,
        name=row.name,
        method=row.method,
        settings={**get_connector(row.connector).manifest.defaults(), **row.settings},
        account=row.account,
        catalog=row.catalog,
    )


def unsaved_connection(
    workspace: int,
    connector: str,
    method: str,
    credentials: Mapping[str, Any],
    chosen: Mapping[str, Any],
    *,
    number: int = 0,
    name: str = "",
    account: Mapping[str, Any] | None = None,
) -> sdk.Connection:
    """Return a connection as it would be with these credentials.

    `number` is its id, if it has one; `account` what the vendor has said about itself so far.
    """
    return sdk.Connection(
        id=number,
        workspace=workspace,
        connector=connector,
        name=name,
        method=method,
        credentials=dict(credentials),
        settings={**get_connector(connector).manifest.defaults(), **chosen},
        account=dict(account or {}),
    )
