"""What happened at Clicksign while Vaivém was away, in one bounded look.

The vendor forbids polling, so this runs after an absence and never on a schedule. Each finding becomes a
delivery in the webhook's own shape, marked as ours; `webhooks` reads it as any other, and what arrived by
webhook too is the same event.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from vaivem.connectors.clicksign import client
from vaivem.connectors.clicksign.objects import listed_document, listed_signer, moment
from vaivem.connectors.sdk import Delivery, Reader

PAGES = 10
# Of what happened, that which a trigger uses. `document_closed` is made from the document's state when the
# list of events does not hold it.
KINDS = frozenset({"sign", "refusal", "cancel", "deadline", "document_closed"})

Raw = Mapping[str, Any]


async def missed(
    reader: Reader, since: datetime, until: datetime, first: datetime | None = None
) -> list[Delivery]:
    """Read the envelopes that changed between two moments, at most `PAGES` pages of them, oldest first.

    `first` is from when on what happened to them counts, if that is earlier.
    """
    window = (since.isoformat(), until.isoformat())
    found: list[tuple[datetime, Delivery]] = []
    changed = client.list_envelopes(modified=window)
    envelopes = [row async for row in client.each(reader, changed, pages=PAGES)]
    for envelope in envelopes:
        if envelope.get("attributes", {}).get("status") != "draft":
            found += await _in_envelope(reader, envelope, first or since, until)
    found.sort(key=lambda pair: pair[0])
    return [delivery for _, delivery in found]


async def _in_envelope(
    reader: Reader, envelope: Raw, since: datetime, until: datetime
) -> list[tuple[datetime, Delivery]]:
    documents = [row async for row in client.each(reader, client.list_documents(envelope["id"]))]
    recent = [row for row in documents if _changed_since(row, since)]
    if not recent:
        return []
    signers = [listed_signer(row) async for row in client.each(reader, client.list_signers(envelope["id"]))]
    found: list[tuple[datetime, Delivery]] = []
    for resource in recent:
        document = _document(resource, envelope, signers)
        listing = client.list_document_events(envelope["id"], resource["id"])
        events = [_event(row) async for row in client.each(reader, listing)]
        for event in _with_closing(events, document):
            when = moment(event["occurred_at"])
            if event["name"] in KINDS and when is not None and since <= when <= until:
                found.append((when, _delivery(event, document, envelope)))
    return found


def _changed_since(resource: Raw, since: datetime) -> bool:
    attributes = resource.get("attributes", {})
    changed = moment(attributes.get("modified"))
    return attributes.get("status") != "draft" and (changed is None or changed >= since)


def _document(resource: Raw, envelope: Raw, signers: list[dict[str, Any]]) -> dict[str, Any]:
    attributes = envelope.get("attributes", {})
    shared = {key: attributes.get(key) for key in ("deadline_at", "auto_close", "locale")}
    return {**listed_document(resource), **shared, "signers": signers}


def _event(resource: Raw) -> dict[str, Any]:
    attributes = resource.get("attributes", {})
    return {
        "name": attributes.get("name"),
        "data": attributes.get("data"),
        "occurred_at": attributes.get("created"),
    }


def _with_closing(events: list[dict[str, Any]], document: Raw) -> list[dict[str, Any]]:
    """Add the `document_closed` of a closed document whose list of events does not hold it."""
    if document["status"] != "closed" or any(event["name"] == "document_closed" for event in events):
        return events
    ends = (event["occurred_at"] for event in events if event["name"] in ("close", "auto_close", "deadline"))
    closed = next(ends, None) or document["finished_at"]
    return [*events, {"name": "document_closed", "data": None, "occurred_at": closed}]


def _delivery(event: Raw, document: Raw, envelope: Raw) -> Delivery:
    body = {
        "event": event,
        "document": document,
        "envelope": {"key": envelope["id"], "name": envelope.get("attributes", {}).get("name")},
        "vaivem": {"caught_up": True},
    }
    headers = {"content-type": "application/json", "event": str(event["name"])}
    return Delivery("POST", "", "", headers, orjson.dumps(body))
