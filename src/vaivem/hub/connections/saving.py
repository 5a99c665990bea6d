"""What happens to connections: made, reconnected, renamed, changed, removed. Each leaves an audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction

from vaivem.connectors.sdk import Account
from vaivem.connectors.sdk.registry import get_connector
from vaivem.engine.control import leave_connection, open_gate, wake_chore
from vaivem.hub.connections.lines import vault
from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.connections.names import free_name, slug_of
from vaivem.hub.connections.pasting import listed
from vaivem.hub.shell import clock
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member, Workspace
from vaivem.vault import VaultError


class WrongAccountError(Exception):
    """A reconnect with another account than the connection's."""

    def __init__(self, wanted: str, found: str) -> None:
        self.wanted = wanted
        self.found = found
        super().__init__(f"{found} instead of {wanted}")


@dataclass(frozen=True, slots=True)
class Access:
    """What proves who we are, as just tested."""

    connector: str
    method: str
    credentials: Mapping[str, Any]
    settings: Mapping[str, Any]
    account: Account = field(default_factory=lambda: Account(""))


@transaction.atomic
def save_new(
    workspace: Workspace, member: Member | None, name: str, access: Access, *, test_account: bool = False
) -> Connection:
    """Keep a new connection. Its name gets a number when it was taken meanwhile."""
    chosen = free_name(workspace, name)
    row = Connection(
        workspace=workspace, connector=access.connector, name=chosen, slug=slug_of(chosen),
        test_account=test_account,
    )  # fmt: skip
    _fill(row, access)
    row.save()
    audit.note(workspace, member, "connection.made", str(row), after=shown(row))
    _wake(row)
    return row


@transaction.atomic
def save_reconnected(row: Connection, member: Member | None, access: Access) -> Connection:
    """Give a connection new credentials, of the same account; what was held goes on by itself."""
    refuse_other_account(row, access.account)
    row = Connection.objects.select_for_update().get(pk=row.pk)
    before = shown(row)
    kept = _kept_secrets(row, access)
    _fill(
        row,
        Access(
            access.connector, access.method, {**access.credentials, **kept}, access.settings, access.account
        ),
    )
    row.state = ConnectionState.WORKING
    row.save()
    with database.cursor() as cursor:
        open_gate(cursor, row.pk)
    audit.note(row.workspace, member, "connection.reconnected", str(row), before=before, after=shown(row))
    _wake(row)
    return row


def _kept_secrets(row: Connection, access: Access) -> Mapping[str, Any]:
    """Return what outlives a reconnect: what was agreed for the webhook, and lists of secrets not given anew.

    Nothing when no key opens it: then it is agreed anew.
    """
    try:
        before = vault().open(bytes(row.credentials)) if row.credentials else {}
    except VaultError:
        return {}
    method = get_connector(access.connector).manifest.method(access.method)
    lists = [field.key for field in method.fields if field.many and not access.credentials.get(field.key)]
    return {key: before[key] for key in ("webhook", *lists) if before.get(key)}


def refuse_other_account(row: Connection, account: Account) -> None:
    """Raise WrongAccountError when both accounts are known and differ."""
    known = str(row.account.get("id") or "")
    if known and account.id and known != account.id:
        raise WrongAccountError(str(row.account.get("name") or known), account.name or account.id)


def rename(row: Connection, member: Member, name: str) -> None:
    """Give a connection another name. Rules know it by its number, so they go on."""
    before = row.name
    row.name, row.slug = name, slug_of(name)
    row.save(update_fields=["name", "slug"])
    audit.note(
        row.workspace, member, "connection.renamed", name, before={"name": before}, after={"name": name}
    )


def change_settings(row: Connection, member: Member, settings: Mapping[str, Any]) -> None:
    """Keep other settings and let the vendor's lists be read again."""
    before = dict(row.settings)
    row.settings = dict(settings)
    row.catch_up = bool(settings.get("catch_up", row.catch_up))
    row.save(update_fields=["settings", "catch_up"])
    changed = {key for key in {*before, *settings} if before.get(key) != settings.get(key)}
    audit.note(
        row.workspace, member, "connection.changed", str(row),
        before={key: before.get(key) for key in changed}, after={key: settings.get(key) for key in changed},
    )  # fmt: skip
    _wake(row)


@transaction.atomic
def change_secrets(row: Connection, member: Member, changed: Mapping[str, list[str]]) -> None:
    """Keep other lists of secrets (signing keys of a vendor); the audit entry tells how many, not which."""
    if not changed:
        return
    row = Connection.objects.select_for_update().get(pk=row.pk)  # a worker saves fresh tokens meanwhile
    credentials = vault().open(bytes(row.credentials))
    before = {key: len(listed(credentials.get(key))) for key in changed}
    row.credentials = vault().seal({**credentials, **changed})
    row.save(update_fields=["credentials"])
    after = {key: len(secrets) for key, secrets in changed.items()}
    audit.note(row.workspace, member, "connection.changed", str(row), before=before, after=after)
    _wake(row)


@transaction.atomic
def forget(row: Connection, member: Member | None) -> None:
    """Take a connection away for good: its secrets are wiped, its address answers 410 from now on.

    Runs that wait for it end as failed, saying so.
    """
    before = shown(row)
    row.state, row.removed = ConnectionState.REMOVED, clock.now()
    row.credentials, row.wants_hook = vault().seal({}), False
    row.expires = row.refresh_until = None
    row.save()
    with database.cursor() as cursor:
        leave_connection(cursor, row.workspace_id, row.pk)
    audit.note(row.workspace, member, "connection.removed", str(row), before=before)


def shown(row: Connection) -> dict[str, Any]:
    """Return what the audit log keeps of a connection: nothing secret."""
    return {
        "name": row.name,
        "connector": row.connector,
        "method": row.method,
        "account": row.account.get("name") or "",
        "state": str(row.state),
    }


def _fill(row: Connection, access: Access) -> None:
    manifest = get_connector(access.connector).manifest
    oauth = manifest.method(access.method).oauth
    row.method = access.method
    row.settings = dict(access.settings)
    row.catch_up = bool(access.settings.get("catch_up", True))
    if access.account.id or access.account.name or access.account.details or not row.account:
        row.account = {
            "id": access.account.id,
            "name": access.account.name,
            "details": dict(access.account.details),
        }
    now = clock.now()
    row.expires = row.refreshed = row.refresh_until = None
    if oauth is not None:
        lasts = float(access.credentials.get("lasts_seconds") or oauth.access_seconds or 3600)
        row.expires, row.refreshed = now + timedelta(seconds=lasts), now
        if oauth.refresh_idle_days:
            row.refresh_until = now + timedelta(days=oauth.refresh_idle_days)
    row.credentials = vault().seal(dict(access.credentials))


def _wake(row: Connection) -> None:
    """Let the workers look after the webhook and the lists at once, not at their next round."""
    with database.cursor() as cursor:
        if row.wants_hook:
            wake_chore(cursor, "ensure_webhook", {"connection": row.pk})
        wake_chore(cursor, "refresh_catalog", {"connection": row.pk})
