"""What each of the vendor's messages means for a document and its recipients (`sdk/documents.py`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from vaivem.connectors.docusign.objects import SIGNER_TYPES
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
    "recipient-sent": SENT,
    "recipient-delivered": OPENED,  # the vendor's word for that
    "recipient-completed": COMPLETED,
    "recipient-declined": DECLINED,
    "envelope-voided": VOIDED,
    "envelope-completed": CLOSED,
}
# Whatever else becomes of an envelope that was sent. A draft is nobody's yet.
CHANGES = frozenset(
    {
        "envelope-sent", "envelope-resent", "envelope-delivered", "envelope-declined", "envelope-corrected",
        "recipient-resent", "recipient-authenticationfailed", "recipient-autoresponded",
        "recipient-reassign", "recipient-delegate",
    }
)  # fmt: skip
# Which recipients a rule is about, and the vendor's lists of them.
SIGNERS, COPIES, RECEIVERS, HELPERS = "signers", "copies", "receivers", "helpers"
GROUPS: Mapping[str, frozenset[str]] = {
    SIGNERS: SIGNER_TYPES,
    COPIES: frozenset({"carbonCopies"}),
    RECEIVERS: frozenset({"certifiedDeliveries"}),
    HELPERS: frozenset({"agents", "editors", "intermediaries"}),
}


def lists_of(groups: Collection[str]) -> frozenset[str]:
    """Return the vendor's lists of the recipients that a rule is about; those who sign, without a choice."""
    chosen = [GROUPS[group] for group in groups if group in GROUPS]
    return frozenset[str]().union(*chosen) if chosen else SIGNER_TYPES


def step_of(kind: str, data: Mapping[str, Any], lists: Collection[str] | None = None) -> Step | None:
    """Return what a message means, None for one that is no step. `lists`: whom to count, None: all.

    Whose turn has not come was sent nothing: a change or the end of the envelope is not theirs.
    """
    state = STATES_OF.get(kind) or (CHANGED if kind in CHANGES else None)
    if state is None:
        return None
    envelope, own = data["envelope"], data["recipient"]
    alone = kind.startswith("recipient-")
    people = [own] if alone else data["recipients"]
    if lists is not None and not alone:
        people = [one for one in people if one.get("kind") in lists]
    if state in (VOIDED, CHANGED):
        people = [one for one in people if one.get("status") != "created"]
    about = own if alone else envelope
    told = {
        "id": str(envelope["id"]).lower(),
        "name": envelope["subject"],
        "url": envelope["url"],
        "sender": data["sender"]["name"] or data["sender"]["email"],
        "sent_at": own.get("sent_at") if alone else envelope["sent_at"],
        "completed_at": about.get("completed_at") if state in (COMPLETED, CLOSED) else None,
    }
    return Step(state, [recipient_of(one) for one in people if one], told, data["event"]["occurred_at"])


def recipient_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipient as steps have it; known by its address, which JSON and XML agree on."""
    known = raw.get("email") or raw.get("name") or raw.get("id")
    return {"id": str(known or "").casefold(), **{key: raw.get(key) for key in RECIPIENT_FIELDS}}
