"""The vendor's deliveries: one subscription for all events, to an address with a secret of its own.

https://developers.activecampaign.com/page/webhooks. Nothing is signed and no header can be asked for, so that
the secret in the address is the only proof. Each is sent once, however it is answered; 410 ends the webhook.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

from vaivem.connectors.activecampaign import catch_up, client, finding
from vaivem.connectors.activecampaign.deliveries import event_of, nested
from vaivem.connectors.sdk import (
    Connection,
    Delivery,
    Event,
    Reader,
    Reply,
    Subscriptions,
    Webhooks,
    Writer,
    as_documented,
)
from vaivem.core.errors import RecordError, RuleError, SignatureError

NAME = "Vaivém"
SECRET_BYTES = 24
# Who caused it: a visitor, a user, the API, an automation. Our own writes come too and are told apart later.
SOURCES = ("public", "admin", "api", "system")
HTTPS_PORT = 443  # the vendor delivers to no other with https


class ActiveCampaignWebhooks(Webhooks):
    """Deliveries of ActiveCampaign."""

    unreadable = Reply(200)  # it would not be sent again

    @override
    def verify(self, delivery: Delivery, connection: Connection) -> None:
        kept = str((connection.credentials.get("webhook") or {}).get("secret") or "")
        given = delivery.path.strip("/")
        if not kept or not hmac.compare_digest(kept.encode(), given.encode()):
            raise SignatureError(detail=f"the secret in the address is {'wrong' if given else 'missing'}")

    @override
    def is_probe(self, delivery: Delivery, connection: Connection) -> bool:
        return not delivery.body.strip()

    @override
    def parse(self, delivery: Delivery, connection: Connection) -> list[Event]:
        with as_documented():
            return [event_of(connection, nested(delivery.body))]

    @override
    async def ensure(self, writer: Writer, address: str, kinds: Sequence[str]) -> Subscriptions:
        """Have one subscription with our secret. A key that is over shows here: its 403 says no more."""
        parts = urlsplit(address)
        if parts.scheme == "https" and parts.port not in (None, HTTPS_PORT):
            raise RuleError("webhook_port", params={"port": parts.port})
        await writer.read(client.me())
        known = str((writer.connection.credentials.get("webhook") or {}).get("secret") or "")
        secret = known or secrets.token_urlsafe(SECRET_BYTES)
        wanted = await _wanted(writer, f"{address}/{secret}", kinds)
        ours = await _ours(writer, address)
        mended: list[str] = []
        sound = next((hook for hook in ours if _is_sound(hook, wanted)), None)
        if sound is None and ours:
            sound = ours[0]
            await writer.send(client.update_webhook(str(sound["id"]), wanted))
            mended.append("webhook")
        for hook in ours:
            if hook is not sound:
                await _delete(writer, hook)
                mended.append("double")
        if sound is None:
            sound = client.one(await writer.send(client.create_webhook(wanted)), "webhook")
        number = str(sound.get("id") or "")
        return Subscriptions((number,), {"secret": secret}, tuple(dict.fromkeys(mended)))

    @override
    async def remove(self, writer: Writer, address: str) -> None:
        for hook in await _ours(writer, address):
            await _delete(writer, hook)

    @override
    async def missed(self, reader: Reader, since: datetime, until: datetime) -> list[Delivery]:
        """Read the contacts and deals that were changed between two moments, as deliveries."""
        return await catch_up.missed(reader, since, until)


async def _wanted(reader: Reader, address: str, kinds: Sequence[str]) -> dict[str, Any]:
    """Return the subscription as we want it: of the events that the account's plan has."""
    try:
        told = (await reader.read(client.webhook_events())).json
    except RecordError:
        told = None  # an account that does not list them is asked for all
    listed = told.get("webhookEvents") if isinstance(told, Mapping) else None
    offered = {str(one) for one in listed} if isinstance(listed, list) else set(kinds)
    events = [kind for kind in kinds if kind in offered]
    return {"name": NAME, "url": address, "events": events, "sources": list(SOURCES), "listid": 0}


async def _ours(reader: Reader, address: str) -> list[Mapping[str, Any]]:
    rows = [row async for row in finding.every(reader, client.webhooks(), "webhooks")]
    return [row for row in rows if _leads_to(str(row.get("url") or ""), address)]


def _leads_to(url: str, address: str) -> bool:
    return url == address or url.startswith(f"{address}/")


async def _delete(writer: Writer, hook: Mapping[str, Any]) -> None:
    try:
        await writer.send(client.delete_webhook(str(hook["id"])))
    except RecordError as error:
        if error.code != "record_not_found":
            raise


def _is_sound(hook: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a subscription has our secret, every event and every source, and is of no one list."""
    told = {key: set(map(str, hook.get(key) or ())) for key in ("events", "sources")}
    whole = all(set(wanted[key]) <= told[key] for key in told)
    return whole and hook.get("url") == wanted["url"] and str(hook.get("listid") or "0") == "0"
