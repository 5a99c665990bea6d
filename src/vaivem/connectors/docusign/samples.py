"""Built-in examples of what mappings read, shown until the first real event has come."""

from __future__ import annotations

from typing import Any

from vaivem.connectors.docusign.happenings import ENVELOPE_STEPS
from vaivem.connectors.docusign.messages import WHOLE
from vaivem.connectors.docusign.objects import ENVELOPE_FIELDS, EVENT_FIELDS, RECIPIENT_FIELDS

_REACHED = {
    "sent": {"sent"},
    "delivered": {"sent", "delivered"},
    "completed": {"sent", "delivered", "completed"},
    "declined": {"sent", "delivered", "declined"},
    "voided": {"sent", "voided"},
}
_AT = "2026-11-19T14:31:42+00:00"


def sample(kind: str) -> dict[str, Any]:
    """Return an example of an event of that kind, put together from the fields' own samples."""
    data: dict[str, Any] = {"told": WHOLE}
    for one in EVENT_FIELDS + ENVELOPE_FIELDS + RECIPIENT_FIELDS:
        group, _, name = one.key.partition(".")
        if name:
            data.setdefault(group, {})[name] = one.sample
        else:
            data[group] = one.sample
    data["event"]["name"] = kind
    who, _, step = kind.partition("-")
    _set(data["recipient"], step)
    _set(data["envelope"], step if who == "envelope" else "sent" if step == "sent" else "delivered")
    if step == "declined":
        data["recipient"]["declined_reason"] = "O valor não é o combinado."
    if step == "voided":
        data["envelope"]["voided_reason"] = "Proposta refeita"
    other = {
        **data["recipient"], "id": "2", "name": "Júlia Prates", "first_name": "Júlia", "last_name": "Prates",
        "email": "julia@raiarsolar.example", "role": "Fornecedor", "order": 2, "tabs": {},
    }  # fmt: skip
    copy = {**other, "id": "3", "email": "contratos@raiarsolar.example", "kind": "carbonCopies", "role": None}
    data["signers"] = [dict(data["recipient"]), other]
    data["recipients"] = [*data["signers"], copy]
    data["documents"] = [{"id": "1", "name": "Contrato.pdf", "type": "content", "order": 1}]
    return data


def moved_sample(prefix: str, mark: str) -> dict[str, Any]:
    """Return an example of a step: the first signer has signed."""
    data = sample("recipient-completed")
    who, envelope = data["recipient"], data["envelope"]
    told = ("name", "first_name", "last_name", "email", "phone")
    recipient = {"id": who["email"], **{key: who[key] for key in told}}
    step = {
        "state": "completed",
        "at": data["event"]["occurred_at"],
        "tags": [prefix, *(f"{prefix}-{mark}_{name}" for name in ("Sent", "Delivered", "Completed"))],
        "document": envelope["id"],
        "name": envelope["subject"],
        "url": envelope["url"],
        "sender": data["sender"]["name"],
        "sent_at": who["sent_at"],
        "completed_at": who["completed_at"],
        "recipients": [recipient],
        "with_email": [recipient],
    }
    return {**data, "step": step}


def _set(record: dict[str, Any], step: str) -> None:
    """Let a record be in the state of a step: the times of what has not happened are empty."""
    record["status"] = step
    for one in ENVELOPE_STEPS:
        if f"{one}_at" in record:
            reached = one in _REACHED[step]
            record[f"{one}_at"] = (record[f"{one}_at"] or _AT) if reached else None
