"""What an access may do at the vendor, in words."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from vaivem.connectors import sdk
from vaivem.connectors.sdk.registry import get_connector
from vaivem.engine.oauth import missing_scopes
from vaivem.hub.connections.trying import Finding
from vaivem.hub.messages import connector_text


def scope_words(connector: str, scopes: Iterable[str]) -> list[tuple[str, str]]:
    """Return each scope as the vendor writes it, with what it is for ("" where nobody wrote that)."""
    return [(one, connector_text(connector, f"scopes.{one}") or "") for one in scopes]


def lacking(connection: sdk.Connection) -> list[Finding]:
    """Return a line about what the access should be allowed to do and is not; none where all is there."""
    flow = get_connector(connection.connector).manifest.method(connection.method).oauth
    missing = missing_scopes(flow, connection.credentials) if flow else ()
    if not missing:
        return []
    words = "; ".join(
        f"{said} ({scope})" if said else scope for scope, said in scope_words(connection.connector, missing)
    )
    return [
        Finding(
            "warn",
            _("The app may not do everything that is needed. Missing: %(scopes)s.") % {"scopes": words},
            _("Give the app these permissions at the vendor, then reconnect."),
        )
    ]
