"""What a delivery says of before: that a document was sent to its signers, and at its end who signed it.

The vendor tells nothing of sending. What is running or at an end was sent: the first delivery that shows it
says so, for each signer but the one who acts. It is an event for each of them, of a kind of ours, and the
same whenever it is told again; one that we made happen is told at once (`activated`).

At its end a document still lists who signed it: what of that was never delivered is told then, late.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import orjson

from vaivem.connectors.clicksign.objects import moment, search_terms, signers_of_event
from vaivem.connectors.sdk import Delivery, Event

Raw = Mapping[str, Any]

SENT_TO = "sent_to_signer"  # not one of the vendor's
ENDS = frozenset({"close", "auto_close", "deadline", "document_closed", "cancel"})
_SENT = frozenset({"running", "closed", "canceled"})


def sendings(event: Event, document: Raw, about: Collection[str]) -> Iterator[Event]:
    """Yield that a document was sent to each signer but those whom the event itself is about (keys).

    With an order of signing nobody knows whose turn has come: the payload does not say who is in which group.
    """
    if document.get("status") not in _SENT or document.get("sequence_enabled"):
        return
    for signer in event.data["signers"]:
        if signer.get("key") and signer["key"] not in about:
            yield _sent(event, signer)


def signatures(event: Raw, document: Any) -> list[Raw]:
    """Return the signatures that a document lists at its end, in the shape of `sign`; none before."""
    listed = document.get("events") if event.get("name") in ENDS and isinstance(document, dict) else None
    if not isinstance(listed, list):
        return []
    found = (one for one in listed if isinstance(one, dict) and one.get("name") == "sign")
    return [one for one in found if signers_of_event(one)]  # of nobody it would not be the same again


def activation(
    envelope: str, documents: Sequence[Raw], signers: Sequence[Raw], turn: Sequence[Raw], at: str
) -> Delivery:
    """Return that we activated an envelope as a delivery of ours, in the webhook's shape.

    `signers` are all, `turn` those who are asked first; `at` is the vendor's time of it.
    """
    body = {
        "event": {"name": SENT_TO, "data": {"signers": turn}, "occurred_at": at},
        "document": [{**document, "status": "running", "signers": signers} for document in documents],
        "envelope": {"key": envelope},
        "vaivem": {"activated": True},
    }
    headers = {"content-type": "application/json", "event": SENT_TO}
    return Delivery("POST", "", "", headers, orjson.dumps(body))


def activated(event: Event) -> Iterator[Event]:
    """Yield the sendings of a document that we activated (`activation`)."""
    known = {signer["key"]: signer for signer in event.data["signers"]}
    for signer in event.data["added"]:
        yield _sent(event, known.get(signer["key"], signer), known=True)


def _sent(event: Event, signer: Raw, *, known: bool = False) -> Event:
    """Return that a signer was sent a document; `known`: at the event's own time."""
    at = event.data["event"]["occurred_at"]
    told = {"name": SENT_TO, "occurred_at": at, "sent_at": at if known else None}
    own = {**event.data, "event": told, "signer": signer}
    return Event(
        kind=SENT_TO,
        object=event.object,
        record=event.record,
        same=(SENT_TO, event.record, str(signer["key"])),
        data=own,
        title=" · ".join(filter(None, (event.data["document"]["filename"], signer.get("name")))),
        occurred=moment(at),
        terms=search_terms(own),
        implied=True,
    )
