"""What each of the vendor's messages means for a document and its recipients (`sdk/documents.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.sdk.documents import CLOSED, COMPLETED, DECLINED, OPENED, SENT, VOIDED, Step

STATES_OF: Mapping[str, str] = {
    "recipient-sent": SENT,
    "recipient-delivered": OPENED,  # the vendor's word for that
    "recipient-completed": COMPLETED,
    "recipient-declined": DECLINED,
    "envelope-voided": VOIDED,
    "envelope-completed": CLOSED,
}
_TOLD = ("name", "first_name", "last_name", "email", "phone")


def step_of(kind: str, data: Mapping[str, Any], *, everybody: bool) -> Step | None:
    """Return what a message means, None for one that is no step. `everybody`: not only those who sign."""
    state = STATES_OF.get(kind)
    if state is None:
        return None
    envelope, own = data["envelope"], data["recipient"]
    alone = kind.startswith("recipient-")
    people = [own] if alone else data["recipients"] if everybody else data["signers"]
    about = own if alone else envelope
    told = {
        "id": str(envelope["id"]).lower(),
        "name": envelope["subject"],
        "url": envelope["url"],
        "sender": data["sender"]["name"] or data["sender"]["email"],
        "sent_at": own.get("sent_at") if alone else envelope["sent_at"],
        "completed_at": about.get("completed_at") if state in (COMPLETED, CLOSED) else None,
    }
    return Step(state, [_recipient(one) for one in people if one], told, data["event"]["occurred_at"])


def _recipient(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipient; what it is known by is its address, which JSON and XML agree on."""
    known = raw.get("email") or raw.get("name") or raw.get("id")
    return {"id": str(known or "").casefold(), **{key: raw.get(key) for key in _TOLD}}
