"""Where a person sees an envelope."""

from __future__ import annotations

from vaivem.connectors.sdk import Connection, load_manifest

_MANIFEST = load_manifest(__package__)


def envelope_address(connection: Connection) -> str:
    """Return the address of an envelope at the vendor, with ``{envelope}`` where its id belongs."""
    base = _MANIFEST.address("web", connection.settings).replace("{", "{{").replace("}", "}}")
    return base + "/documents/details/{envelope}"
