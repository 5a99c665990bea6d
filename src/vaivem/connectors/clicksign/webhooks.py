"""Clicksign's webhooks: one subscription per connection, signed deliveries, and a look back after an absence.

https://developers.clicksign.com/docs/eventos
https://developers.clicksign.com/docs/disparos-de-webhooks
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from typing_extensions import override

from vaivem.connectors.clicksign import catch_up, client
from vaivem.connectors.clicksign.objects import moment, search_terms, signers_of_event, webhook_data
from vaivem.connectors.clicksign.sendings import SENT_TO, activated, sendings, signatures
from vaivem.connectors.sdk import (
    Connection,
    Delivery,
    Event,
    Reader,
    Subscriptions,
    Webhooks,
    Writer,
    as_documented,
)
from vaivem.core.errors import RecordError, SignatureError, UncertainError, UnreadableError

# All that concerns documents and signers, so that a new rule needs no change at the vendor. Left out are the
# WhatsApp acceptance terms (no document) and `add_image`.
EVENTS = (
    "upload", "add_signer", "remove_signer", "signature_started", "sign", "refusal", "close", "auto_close",
    "deadline", "document_closed", "cancel", "update_deadline", "update_auto_close", "update_locale",
    "custom", "attempts_by_whatsapp_exceeded", "attempts_by_liveness_or_facematch_exceeded",
    "liveness_refused", "facematch_refused", "documentscopy_refused", "biometric_refused", "ocr_refused",
)  # fmt: skip

# What happens at most once to a document, and so is the same whenever it is told again: by a retry, or by our
# own look back, which does not know the webhook's `occurred_at`.
ONCE_PER_DOCUMENT = frozenset({"upload", "close", "auto_close", "deadline", "document_closed", "cancel"})
ONCE_PER_SIGNER = frozenset({"sign"})


class ClicksignWebhooks(Webhooks):
    """Deliveries of one Clicksign account."""

    derived = frozenset({SENT_TO})
    past_days = 180  # asked for by a person, once: that is no polling

    @override
    def verify(self, delivery: Delivery, connection: Connection) -> None:
        """Compare `Content-Hmac` with the HMAC-SHA256 of the raw body under each secret we know."""
        given = delivery.headers.get("content-hmac", "").strip().lower().removeprefix("sha256=").encode()
        if not given:
            raise SignatureError("signature_missing")
        known = (connection.credentials.get("webhook") or {}).get("secrets", ())
        proved = False
        for secret in filter(None, known):
            expected = hmac.new(str(secret).encode(), delivery.body, hashlib.sha256).hexdigest().encode()
            proved |= hmac.compare_digest(expected, given)
        if not proved:
            raise SignatureError("signature_wrong")

    @override
    def parse(self, delivery: Delivery, connection: Connection) -> list[Event]:
        """Return one event per document of the delivery (the vendor shows both an object and an array).

        Behind them what they say besides (`sendings`): to whom the document was sent, who had signed it.
        """
        payload = _payload(delivery.body)
        event = payload.get("event")
        if not isinstance(event, dict) or not isinstance(event.get("name"), str):
            raise UnreadableError(detail="no event.name")
        with as_documented():
            if isinstance(payload.get("acceptance"), dict):
                return [_acceptance(event, payload["acceptance"])]
            documents = payload.get("document")
            listed = documents if isinstance(documents, list) else [documents]
            if not listed:
                raise UnreadableError(detail="no document")
            told = [_event(event, document, payload) for document in listed]
            if event["name"] == SENT_TO:
                return [one for made in told for one in activated(made)]
            about = signers_of_event(event)
            pairs = list(zip(told, listed, strict=True))
            sent = [one for made, document in pairs for one in sendings(made, document, about)]
            signed = [
                replace(_event(one, document, payload), implied=True)
                for document in listed
                for one in signatures(event, document)
            ]
            return [*told, *sent, *signed]

    @override
    async def ensure(self, writer: Writer, address: str, kinds: Sequence[str]) -> Subscriptions:
        """Adopt the webhook that delivers to `address`, mend it, or make it. Others are left alone."""
        wanted = tuple(dict.fromkeys((*EVENTS, *kinds)))
        ours = await self._ours(writer, address)
        if not ours:
            try:
                made = client.one(await writer.send(client.create_webhook(address, wanted)))
            except RecordError as error:
                # Made meanwhile (a restart while the answer was under way): then it is in the list now.
                ours = await self._ours(writer, address)
                if error.code != "already_used" or not ours:
                    raise
            else:
                return _standing([made], ())
        mended: list[str] = []
        for webhook in ours:
            changes = _repairs(webhook["attributes"], wanted)
            if changes:
                client.one(await writer.send(client.update_webhook(webhook["id"], changes)))
                mended += changes
        return _standing(ours, tuple(mended))

    @override
    async def remove(self, writer: Writer, address: str) -> None:
        """Remove every webhook that delivers to `address`."""
        for webhook in await self._ours(writer, address):
            try:
                await writer.send(client.delete_webhook(webhook["id"]))
            except RecordError as error:
                if error.code != "record_not_found":
                    raise

    @override
    async def missed(self, reader: Reader, since: datetime, until: datetime) -> list[Delivery]:
        """Return what happened to documents between two moments, as deliveries in the webhook's shape."""
        if not reader.connection.settings.get("catch_up", True):
            return []
        return await catch_up.missed(reader, since, until)

    @override
    async def past(self, reader: Reader, first: datetime, since: datetime, until: datetime) -> list[Delivery]:
        """Return what happened since `first` to the documents that changed last between two moments."""
        return await catch_up.missed(reader, since, until, first)

    @staticmethod
    async def _ours(reader: Reader, address: str) -> list[Mapping[str, Any]]:
        listed = [row async for row in client.each(reader, client.list_webhooks())]
        return [row for row in listed if row.get("attributes", {}).get("endpoint") == address]


def _payload(body: bytes) -> dict[str, Any]:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(detail=f"not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise UnreadableError(detail="not a JSON object")
    return payload


def _event(event: Mapping[str, Any], document: Any, payload: Mapping[str, Any]) -> Event:
    if not isinstance(document, dict) or not isinstance(document.get("key"), str) or not document["key"]:
        raise UnreadableError(detail="no document.key")
    kind: str = event["name"]
    data = webhook_data(event, document, payload)
    signer = data["signer"].get("name") if kind in ("sign", "refusal", "signature_started") else None
    return Event(
        kind=kind,
        object="document",
        record=document["key"],
        same=_same(event, document["key"]),
        data=data,
        title=" · ".join(filter(None, (data["document"]["filename"], signer))),
        occurred=moment(event.get("occurred_at")),
        terms=search_terms(data),
    )


def _same(event: Mapping[str, Any], document: str) -> tuple[str, ...]:
    """Return what makes two deliveries one event.

    The vendor gives no delivery id. What can honestly repeat is told apart by its time and by whom it is
    about; without a time the digest of the whole request has to do.
    """
    kind: str = event["name"]
    if kind in ONCE_PER_DOCUMENT:
        return (kind, document)
    people = signers_of_event(event)
    if kind in ONCE_PER_SIGNER and people:
        return (kind, document, *people)
    occurred = event.get("occurred_at")
    return (kind, str(occurred), document, *people) if occurred else ()


def _acceptance(event: Mapping[str, Any], acceptance: Mapping[str, Any]) -> Event:
    """Read a WhatsApp acceptance term: kept and searchable, though no trigger of ours uses it."""
    key = acceptance.get("key")
    if not isinstance(key, str) or not key:
        raise UnreadableError(detail="no acceptance.key")
    occurred = event.get("occurred_at")
    people = (acceptance.get("signer_name"), acceptance.get("signer_phone"))
    return Event(
        kind=event["name"],
        object="acceptance",
        record=key,
        same=(event["name"], str(occurred), key) if occurred else (),
        data={"event": {"name": event["name"], "occurred_at": occurred}, "acceptance": acceptance},
        title=str(acceptance.get("name") or ""),
        occurred=moment(occurred),
        terms=tuple(str(term) for term in (key, acceptance.get("name"), *people) if term),
    )


def _repairs(attributes: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
    """Return what a webhook of ours lacks: never fewer events than it has."""
    changes: dict[str, Any] = {}
    if attributes.get("status") != "active":
        changes["status"] = "active"
    has = attributes.get("events") or []
    if not set(wanted) <= set(has):
        changes["events"] = list(dict.fromkeys([*has, *wanted]))
    return changes


def _standing(webhooks: Sequence[Mapping[str, Any]], mended: tuple[str, ...]) -> Subscriptions:
    secrets = [webhook["attributes"].get("secret") for webhook in webhooks]
    if not all(secrets):
        # Without it every delivery would be refused as not authentic, silently.
        raise UncertainError("vendor_answer_unreadable", detail="a webhook without its secret")
    return Subscriptions(tuple(webhook["id"] for webhook in webhooks), {"secrets": secrets}, mended)
