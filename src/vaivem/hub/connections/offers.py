"""What a connector can make at the vendor for us: a field for our reference, say."""

from __future__ import annotations

from vaivem.connectors.sdk.registry import get_connector
from vaivem.hub.connections.forms import settings_of
from vaivem.hub.connections.models import Connection
from vaivem.hub.messages import connector_text


def offers(row: Connection) -> list[dict[str, str]]:
    """Return what the connector can make at the vendor: settings that have a text for the button."""
    found = []
    for setting in settings_of(get_connector(row.connector), row.method):
        text = connector_text(row.connector, f"settings.{setting.key}.make")
        if text and not row.settings.get(setting.key):
            help_text = connector_text(row.connector, f"settings.{setting.key}.help")
            found.append({"key": setting.key, "text": text, "help": help_text})
    return found
