"""What Pipedrive tells an app that a user takes away: a DELETE to its return address.

https://pipedrive.readme.io/docs/app-uninstallation
It is proved by HTTP Basic with the app's own id and secret.
"""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime

import orjson

from vaivem.connectors.sdk import App, Delivery, Removal


def removal(delivery: Delivery, app: App) -> Removal | None:
    """Return whose installation ended; None for what is not this app's DELETE."""
    pair = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
    kind, _, given = delivery.headers.get("authorization", "").partition(" ")
    proved = hmac.compare_digest(given.strip().encode(), pair.encode())
    if delivery.method != "DELETE" or kind.lower() != "basic" or not proved:
        return None
    try:
        told = orjson.loads(delivery.body)
        company, user = told["company_id"], told["user_id"]
    except (ValueError, KeyError, TypeError):
        return None
    if told.get("client_id") != app.client_id:
        return None
    return Removal(f"{company}:{user}", _moment(told.get("timestamp")))


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
