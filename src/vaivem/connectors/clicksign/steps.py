"""What each of the vendor's events means for a document and its signers (`sdk/documents.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.clicksign.sendings import SENT_TO
from vaivem.connectors.sdk.documents import (
    CHANGED,
    CLOSED,
    COMPLETED,
    DECLINED,
    OPENED,
    RECIPIENT_FIELDS,
    SENT,
    VOIDED,
    Step,
)

STATES_OF: Mapping[str, str] = {
    "add_signer": SENT,
    SENT_TO: SENT,
    "signature_started": OPENED,
    "sign": COMPLETED,
    "refusal": DECLINED,
    "document_closed": CLOSED,
    "cancel": VOIDED,
    "deadline": VOIDED,
}
# Whatever else becomes of a document; of one that is not running yet, nobody was told anything.
CHANGES = frozenset({"remove_signer", "close", "auto_close", "deadline", "update_deadline"})
NOT_TOLD = frozenset({"step.sender"})
_OF_ONE = frozenset({OPENED, COMPLETED, DECLINED})
_OF_ALL = frozenset({VOIDED, CLOSED, CHANGED})


def step_of(kind: str, data: Mapping[str, Any]) -> Step | None:
    """Return what an event means, None for one that is no step."""
    document = data["document"]
    state = STATES_OF.get(kind) or (CHANGED if kind in CHANGES else None)
    if state is None or (state == SENT and document["status"] != "running"):
        return None  # added to a draft: nobody was sent anything yet
    if kind == "deadline" and document["status"] != "canceled":
        state = CHANGED  # somebody had signed: it is completed, and told so
    if state == CHANGED and document["status"] == "draft":
        return None
    added = data.get("added") if state == SENT else None
    alone = state in _OF_ONE or kind == SENT_TO
    people = [data["signer"]] if alone else added or data["signers"]
    if data["in_order"] and state in _OF_ALL:  # whose turn has not come was sent nothing
        people = [one for one in people if one.get("key") in data["acted"]]
    at = data["event"]["occurred_at"]
    completed = at if state == COMPLETED else document["finished_at"] if state == CLOSED else None
    told = {
        "id": document["key"],
        "name": document["name"],
        "url": document["url"],
        "sender": None,
        # Else only that it was sent is known, not when.
        "sent_at": at if kind == "add_signer" else data["event"].get("sent_at"),
        "completed_at": completed,
    }
    return Step(state, [recipient_of(one) for one in people if one], told, at)


def recipient_of(signer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a signer as steps have them."""
    return {"id": signer.get("key"), **{key: signer.get(key) for key in RECIPIENT_FIELDS}}
