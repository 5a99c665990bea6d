"""DocuSign's Connect: one configuration for each connection, signed messages, and what they missed.

https://developers.docusign.com/docs/esign-rest-api/reference/connect/connectconfigurations
https://developers.docusign.com/platform/webhooks/connect/validate
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from typing_extensions import override

from vaivem.connectors.docusign import catch_up, client
from vaivem.connectors.docusign.links import envelope_address
from vaivem.connectors.docusign.messages import events_of
from vaivem.connectors.docusign.objects import is_true
from vaivem.connectors.docusign.slimming import slim
from vaivem.connectors.sdk import Connection, Delivery, Event, Reader, Subscriptions, Webhooks, Writer
from vaivem.core.errors import RecordError, RuleError, SignatureError, UncertainError

NAME = "Vaivém"
SIGNATURE = "x-docusign-signature-"
MOST_SIGNATURES = 100  # the vendor lets an account have so many keys
# With these no envelope has to be read again.
INCLUDED = ("recipients", "custom_fields", "tabs")

Raw = Mapping[str, Any]


def hmac_keys(connection: Connection) -> list[str]:
    """Return the keys that messages may be signed with."""
    kept = connection.credentials.get("hmac_keys") or ()
    listed = kept.splitlines() if isinstance(kept, str) else kept
    return [key for one in listed if (key := str(one).strip())]


class DocusignWebhooks(Webhooks):
    """Messages of one account."""

    max_bytes = 64 * 1024 * 1024
    past_days = 180  # the vendor lists six months

    @override
    def by_hand(self, connection: Connection) -> bool:
        return connection.settings.get("connect") == "hand"

    @override
    def verify(self, delivery: Delivery, connection: Connection) -> None:
        """Compare each signature with the HMAC-SHA256 of the raw body under each key that is listed.

        The vendor signs with every active key; which number is of which key is not said.
        """
        given = [
            value.strip().encode() for name, value in delivery.headers.items() if name.startswith(SIGNATURE)
        ]
        if not given:
            raise SignatureError("signature_missing")
        proved = False
        for key in hmac_keys(connection):
            expected = base64.b64encode(hmac.new(key.encode(), delivery.body, hashlib.sha256).digest())
            for one in given[:MOST_SIGNATURES]:
                proved |= hmac.compare_digest(expected, one)
        if not proved:
            raise SignatureError("signature_wrong")

    @override
    def slim(self, delivery: Delivery, connection: Connection) -> Delivery:
        return slim(delivery)

    @override
    def parse(self, delivery: Delivery, connection: Connection) -> list[Event]:
        return events_of(delivery, connection, envelope_address(connection))

    @override
    async def ensure(self, writer: Writer, address: str, kinds: Sequence[str]) -> Subscriptions:
        """Adopt the configuration that publishes to `address`, mend it, or make it; a second one is removed.

        Without a key every message would come unsigned and be refused, so it is asked for first.
        """
        if not hmac_keys(writer.connection):
            raise RuleError("hmac_key_missing")
        wanted = _wanted(address, kinds)
        ours = await _ours(writer, address)
        if not ours:
            made = _first(
                client.one(await writer.send(client.create_configuration(writer.connection, wanted)))
            )
            return Subscriptions((_id(made),))
        kept, *doubled = ours
        mended = _repairs(kept, wanted)
        if mended:
            body = {**wanted, "connectId": _id(kept), "events": _joined(kept, wanted)}
            await writer.send(client.update_configuration(writer.connection, body))
        for one in doubled:
            await _delete(writer, _id(one))
        return Subscriptions((_id(kept),), mended=(*mended, *(["doubled"] if doubled else [])))

    @override
    async def remove(self, writer: Writer, address: str) -> None:
        """Remove every configuration that publishes to `address`."""
        for one in await _ours(writer, address):
            await _delete(writer, _id(one))

    @override
    async def missed(self, reader: Reader, since: datetime, until: datetime) -> list[Delivery]:
        """Return what the list of changes tells, as messages of the vendor's own shape."""
        if not reader.connection.settings.get("catch_up", True):
            return []
        return await catch_up.missed(reader, since, until)

    @override
    async def past(self, reader: Reader, first: datetime, since: datetime, until: datetime) -> list[Delivery]:
        """Return what the list of changes tells of the past, with the steps since `first`."""
        return await catch_up.missed(reader, since, until, first)


def _wanted(address: str, kinds: Sequence[str]) -> dict[str, Any]:
    """Return the configuration as it has to be. The vendor writes truths as texts."""
    return {
        "configurationType": "custom",
        "name": NAME,
        "urlToPublishTo": address,
        "allowEnvelopePublish": "true",  # without it nothing is ever published
        "allUsers": "true",
        "deliveryMode": "SIM",
        "enableLog": "true",
        "requiresAcknowledgement": "true",  # without it a message that we could not take is lost
        "includeHMAC": "true",
        "includeEnvelopeVoidReason": "true",
        "eventData": {"version": "restv2.1", "format": "json", "includeData": list(INCLUDED)},
        "events": list(kinds),
    }


def _repairs(there: Raw, wanted: Raw) -> tuple[str, ...]:
    """Return what has to be put right: switched off, events or parts missing, another kind of message."""
    data = there.get("eventData")
    data = data if isinstance(data, Mapping) else {}
    on = ("allowEnvelopePublish", "requiresAcknowledgement", "includeHMAC", "allUsers")
    checks = {
        "status": all(is_true(there.get(name)) for name in on),
        "events": set(wanted["events"]) <= set(_texts(there.get("events"))),
        "content": set(INCLUDED) <= set(_texts(data.get("includeData"))),
        "format": there.get("deliveryMode") == "SIM" and data.get("version") == "restv2.1",
    }
    return tuple(name for name, right in checks.items() if not right)


def _joined(there: Raw, wanted: Raw) -> list[str]:
    """Return the events to ask for: never fewer than it has."""
    return list(dict.fromkeys([*_texts(there.get("events")), *wanted["events"]]))


def _texts(value: Any) -> list[str]:
    """Return a list of texts; the vendor describes some as one text with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [str(one) for one in value] if isinstance(value, list) else []


async def _ours(reader: Reader, address: str) -> list[Raw]:
    listed = client.rows(await reader.read(client.configurations(reader.connection)), "configurations")
    return [row for row in listed if row.get("urlToPublishTo") == address]


async def _delete(writer: Writer, configuration: str) -> None:
    try:
        await writer.send(client.delete_configuration(writer.connection, configuration))
    except RecordError as error:
        if error.code != "record_not_found":
            raise


def _first(content: Raw) -> Raw:
    """Return a configuration that was answered bare, or in a list of one."""
    listed = content.get("configurations")
    return listed[0] if isinstance(listed, list) and listed else content


def _id(configuration: Raw) -> str:
    found = str(configuration.get("connectId") or "")
    if not found:
        raise UncertainError("vendor_answer_unexpected", params={"call": "connect"})
    return found
