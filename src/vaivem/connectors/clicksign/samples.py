"""Built-in examples of what mappings read, shown until the first real event has come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vaivem.connectors.clicksign.objects import (
    DOCUMENT_FIELDS,
    ENVELOPE_FIELDS,
    EVENT_FIELDS,
    REFUSAL_FIELDS,
    SIGNER_FIELDS,
    signer_data,
)
from vaivem.core.fields import Field

_STATUS = {"sign": "running", "refusal": "running", "cancel": "canceled"}

_SECOND_SIGNER = {
    "key": "2b7d6d0e-54c1-4f0a-9d59-6b8c0a1e7f42",
    "name": "Júlia Prates",
    "email": "julia@raiarsolar.example",
    "phone_number": "11955550199",
    "documentation": "111.444.777-35",
    "birthday": "1990-07-21",
    "sign_as": "contractor",
}


def sample(kind: str) -> dict[str, Any]:
    """Return an example of an event of that kind, put together from the fields' own samples."""
    fields: tuple[Field, ...] = EVENT_FIELDS + DOCUMENT_FIELDS + SIGNER_FIELDS
    fields += REFUSAL_FIELDS if kind == "refusal" else ()
    fields += ENVELOPE_FIELDS if kind == "document_closed" else ()
    data = _nested(fields)
    data["event"]["name"] = kind
    data["document"]["status"] = _STATUS.get(kind, "closed")
    if data["document"]["status"] == "running":
        data["document"]["finished_at"] = None
    data["signers"] = [dict(data["signer"]), signer_data(_SECOND_SIGNER)]
    if "documents" in data["envelope"]:
        document = {key: data["document"][key] for key in ("key", "filename", "status")}
        data["envelope"]["documents"] = [document]
    return data


def moved_sample(prefix: str, mark: str) -> dict[str, Any]:
    """Return an example of a step: the first signer has signed."""
    data = sample("sign")
    signer = data["signer"]
    told = ("name", "first_name", "last_name", "email", "phone")
    recipient = {"id": signer["key"], **{key: signer[key] for key in told}}
    step = {
        "state": "completed",
        "at": data["event"]["occurred_at"],
        "tags": [prefix, *(f"{prefix}-{mark}_{name}" for name in ("Sent", "Delivered", "Completed"))],
        "document": data["document"]["key"],
        "name": data["document"]["name"],
        "url": None,
        "sender": None,
        "sent_at": None,
        "completed_at": data["event"]["occurred_at"],
        "recipients": [recipient],
        "with_email": [recipient],
    }
    return {**data, "step": step}


def _nested(fields: Iterable[Field]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for field in fields:
        group, _, name = field.key.partition(".")
        if name:
            data.setdefault(group, {})[name] = field.sample
    return data
