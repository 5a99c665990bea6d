"""The OAuth apps that people sign in through: the workspace's own, else the operator's for everybody."""

from __future__ import annotations

from django.db.models import F

from vaivem.connectors.sdk import App
from vaivem.core.errors import RuleError
from vaivem.hub.connections.lines import vault
from vaivem.hub.connections.models import OAuthApp
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member, Workspace
from vaivem.logs import hide
from vaivem.vault import VaultError


def find_app(workspace: Workspace, connector: str) -> OAuthApp | None:
    """Return the app that this workspace signs in through, if there is one."""
    rows = OAuthApp.objects.filter(connector=connector, workspace__in=[workspace]) | OAuthApp.objects.filter(
        connector=connector, workspace=None
    )
    return rows.order_by(F("workspace").asc(nulls_last=True)).first()


def open_app(row: OAuthApp) -> App:
    """Return the app with its secret; raises RuleError when no key here opens it."""
    try:
        secret = vault().open(bytes(row.client_secret))["client_secret"]
    except VaultError as error:
        raise RuleError("oauth_app_locked", detail=str(error)) from error
    hide(secret)
    return App(row.client_id, str(secret))


def save_app(
    workspace: Workspace | None,
    connector: str,
    client_id: str,
    client_secret: str,
    member: Member | None = None,
) -> OAuthApp:
    """Keep an app; without a workspace it is for everybody. The secret is never shown again."""
    sealed = vault().seal({"client_secret": client_secret})
    row, made = OAuthApp.objects.update_or_create(
        workspace=workspace, connector=connector, defaults={"client_id": client_id, "client_secret": sealed}
    )
    audit.note(
        workspace,
        member,
        "oauth_app.made" if made else "oauth_app.changed",
        connector,
        after={"client_id": client_id},
    )
    return row
