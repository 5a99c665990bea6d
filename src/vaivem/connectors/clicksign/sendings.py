"""That a document was sent to its signers, of which the vendor tells nothing.

The first delivery whose document is running says it: each signer but the one who acts was sent it too. It is
an event for each of them, of a kind of ours, and the same whenever it is told again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from vaivem.connectors.clicksign.objects import moment, search_terms
from vaivem.connectors.sdk import Event

Raw = Mapping[str, Any]

SENT_TO = "sent_to_signer"  # not one of the vendor's


def sendings(event: Event, document: Raw, about: Collection[str]) -> Iterator[Event]:
    """Yield that a running document was sent to each signer but those whom the event itself is about (keys).

    With an order of signing nobody knows whose turn has come: the payload does not say who is in which group.
    """
    if document.get("status") != "running" or document.get("sequence_enabled"):
        return
    data, at = event.data, event.data["event"]["occurred_at"]
    for signer in data["signers"]:
        key = signer.get("key")
        if not key or key in about:
            continue
        own = {**data, "event": {"name": SENT_TO, "occurred_at": at}, "signer": signer}
        yield Event(
            kind=SENT_TO,
            object=event.object,
            record=event.record,
            same=(SENT_TO, event.record, str(key)),
            data=own,
            title=" · ".join(filter(None, (data["document"]["filename"], signer.get("name")))),
            occurred=moment(at),
            terms=search_terms(own),
        )
