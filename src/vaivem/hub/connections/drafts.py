"""A connection that is being made: kept in the session between two steps, its secrets sealed."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from vaivem.connectors import sdk
from vaivem.connectors.sdk import Account
from vaivem.hub.connections.lines import unsaved_connection, vault
from vaivem.hub.connections.models import Connection
from vaivem.hub.connections.saving import Access
from vaivem.hub.connections.trying import Finding
from vaivem.hub.workspaces.models import Workspace
from vaivem.vault import VaultError

KEY = "connecting"


@dataclass(frozen=True, slots=True)
class Draft:
    """What was entered, and what the vendor has said so far. `tag` tells one try from another."""

    workspace: int
    connector: str
    method: str
    name: str
    settings: Mapping[str, Any]
    credentials: Mapping[str, Any]
    row: int | None = None
    tag: str = field(default_factory=lambda: secrets.token_urlsafe(6))
    account: Mapping[str, Any] | None = None
    findings: tuple[Finding, ...] = ()

    def connection(self) -> sdk.Connection:
        """Return the connection as it would be."""
        return unsaved_connection(
            self.workspace, self.connector, self.method, self.credentials, self.settings,
            number=self.row or 0, name=self.name, account=self.account,
        )  # fmt: skip

    def access(self) -> Access:
        """Return what there is to save."""
        account = self.account or {"id": ""}
        return Access(self.connector, self.method, self.credentials, self.settings, Account(**account))

    def found(self, *findings: Finding, account: Account | None = None) -> Draft:
        """Return the draft with more lines, and whose account it is."""
        told = self.account
        if account is not None:
            told = {"id": account.id, "name": account.name, "details": dict(account.details)}
        return replace(self, findings=(*self.findings, *findings), account=told)

    @property
    def stopped(self) -> bool:
        """Whether something is bad."""
        return any(finding.state == "bad" for finding in self.findings)


def keep(session: SessionBase, draft: Draft) -> None:
    """Put the draft into the session, secrets sealed."""
    sealed = base64.b64encode(vault().seal(dict(draft.credentials))).decode()
    session[KEY] = {
        "workspace": draft.workspace,
        "connector": draft.connector,
        "method": draft.method,
        "name": draft.name,
        "settings": dict(draft.settings),
        "row": draft.row,
        "tag": draft.tag,
        "account": draft.account,
        "findings": [finding.to_dict() for finding in draft.findings],
        "sealed": sealed,
    }


def take(session: SessionBase, workspace: Workspace, connector: str, row: Connection | None) -> Draft | None:
    """Return the draft for exactly this page, if there is one."""
    kept = session.get(KEY)
    wanted = (workspace.pk, connector, row.pk if row else None)
    if not kept or (kept["workspace"], kept["connector"], kept["row"]) != wanted:
        return None
    content = {name: value for name, value in kept.items() if name != "sealed"}
    try:
        content["credentials"] = vault().open(base64.b64decode(kept["sealed"]))
    except VaultError:  # its key was retired meanwhile: the person types them again
        return None
    content["findings"] = tuple(Finding(**finding) for finding in kept["findings"])
    return Draft(**content)


def drop(session: SessionBase) -> None:
    """Forget the draft."""
    session.pop(KEY, None)
