"""The address that vendors reach us at: the operator's (VAIVEM_PUBLIC_URL), or the one chosen in Settings."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse

from vaivem.engine.control import wake_chore
from vaivem.hub.connections.lines import config
from vaivem.hub.connections.models import Connection

FACT = "public_address"


class AddressError(ValueError):
    """Not an address that vendors could reach; the text is for people."""


def public_address() -> str:
    """Return the public address without a slash at the end, "" when there is none."""
    return config().public_url or chosen_address()


def chosen_address() -> str:
    """Return the address chosen in Settings, which the operator's own wins over."""
    with connection.cursor() as cursor:
        cursor.execute("select value::text from fact where name = %s", [FACT])
        row = cursor.fetchone()
    return str(json.loads(row[0]).get("url") or "") if row else ""


def choose_address(url: str) -> str:
    """Keep the address ("" for none) and let the registered webhooks move to it; return it as kept."""
    kept = checked(url) if url.strip() else ""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into fact (name, value, at) values (%s, %s::jsonb, vv_now())"
            " on conflict (name) do update set value = excluded.value, at = excluded.at",
            [FACT, json.dumps({"url": kept})],
        )
        for number in Connection.objects.filter(wants_hook=True, removed=None).values_list("pk", flat=True):
            wake_chore(cursor, "ensure_webhook", {"connection": number})
    return kept


def checked(url: str) -> str:
    """Return a whole address without a slash at the end; raises AddressError."""
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise AddressError(url)
    return url.strip().rstrip("/")


def hook_address(row: Connection) -> str:
    """Return where the connection's events arrive, "" when nobody outside could reach it."""
    public = public_address()
    if not public and row.test_account:
        public = config().local_url
    return f"{public}/hook/{row.hook}" if public else ""


def return_address(request: HttpRequest) -> str:
    """Return where vendors send people back to after they allowed the access."""
    path = reverse("oauth_callback")
    public = public_address()
    return f"{public}{path}" if public else request.build_absolute_uri(path)
