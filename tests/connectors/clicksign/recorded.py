"""The fixtures of this folder, as deliveries and answers."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from vaivem.connectors.sdk import Answer, Connection, Delivery
from vaivem.connectors.sdk.registry import get_connector

FIXTURES = Path(__file__).with_name("fixtures")
SECRET = "9269a619d4688ac77816263eb8d04276"
DOCUMENT = "db4a2cf7-0e51-4c7c-9d0e-5a2c7f3b1e94"
ENVELOPE = "6f0c1c0e-2f64-4b73-8f5d-9a4b7a1f2c33"
ANA = "916487c8-3f0a-4e0b-a8c7-1f4f1f6f2d10"
BRUNO = "2b7d6d0e-54c1-4f0a-9d59-6b8c0a1e7f42"

connector = get_connector("clicksign")


def connection(*secrets: str, **settings: Any) -> Connection:
    """Return a connection that knows these webhook secrets."""
    return Connection(
        id=7,
        workspace=1,
        connector="clicksign",
        name="Clicksign",
        method="token",
        credentials={"token": "5f2c8e1a-0000-4000-8000-00000000d04b", "webhook": {"secrets": list(secrets)}},
        settings={**connector.manifest.defaults(), **settings},
    )


def signature(body: bytes, secret: str = SECRET) -> str:
    """Return the header's value as the vendor documents it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def delivery(body: bytes, **headers: str) -> Delivery:
    """Return a delivery; header names are written with ``_`` for ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery("POST", "", "", named, body)


def webhook(name: str) -> Delivery:
    """Return a recorded delivery, signed with `SECRET`."""
    body = (FIXTURES / "webhooks" / f"{name}.json").read_bytes()
    headers = json.loads((FIXTURES / "webhooks" / f"{name}.headers.json").read_text("utf-8"))
    lower = {key.lower(): value for key, value in headers.items()}
    return Delivery("POST", "", "", {**lower, "content-hmac": signature(body)}, body)


def webhook_names() -> list[str]:
    """Return the names of all recorded deliveries."""
    found = (FIXTURES / "webhooks").glob("*.json")
    return sorted(path.stem for path in found if not path.stem.endswith(".headers"))


def api(name: str) -> Any:
    """Return the body of a recorded answer."""
    return json.loads((FIXTURES / "api" / f"{name}.json").read_text("utf-8"))


def answered(name: str, status: int = 200, **headers: str) -> Answer:
    """Return a recorded answer."""
    body = (FIXTURES / "api" / f"{name}.json").read_bytes()
    return Answer(status, {key.replace("_", "-"): value for key, value in headers.items()}, body)
