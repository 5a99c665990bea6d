"""Documents and signers: from the shapes of webhooks and of the API to what mappings read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vaivem.core.fields import Field, FieldType

Raw = Mapping[str, Any]

FIRST = "vaivem_first"  # in the metadata of documents of ours
SIGNERS_ACTS = frozenset({"signature_started", "sign", "refusal"})
_FILE_ENDING = re.compile(r"\.(pdf|docx?|odt|rtf|txt|png|jpe?g)$", re.IGNORECASE)


def field(key: str, type_: FieldType = FieldType.TEXT, sample: Any = None) -> Field:
    """Return a field that a rule can map from; its text key is ``fields.<key>``."""
    return Field(key, type_, label_key=f"fields.{key}", sample=sample)


EVENT_FIELDS = (
    field("event.name", FieldType.TEXT, "document_closed"),
    field("event.occurred_at", FieldType.DATETIME, "2026-11-19T11:31:42.000-03:00"),
)

DOCUMENT_FIELDS = (
    field("document.name", FieldType.TEXT, "Contrato Padaria Três Irmãos"),
    field("document.filename", FieldType.TEXT, "Contrato Padaria Três Irmãos.pdf"),
    field("document.key", FieldType.RECORD, "db4a2cf7-0e51-4c7c-9d0e-5a2c7f3b1e94"),
    field("document.status", FieldType.TEXT, "closed"),
    field("document.folder", FieldType.TEXT, "Vendas residenciais"),
    field("document.path", FieldType.TEXT, "/Vendas residenciais/Contrato Padaria Três Irmãos.pdf"),
    field("document.uploaded_at", FieldType.DATETIME, "2026-11-17T09:12:03.000-03:00"),
    field("document.finished_at", FieldType.DATETIME, "2026-11-19T11:31:40.000-03:00"),
    field("document.deadline_at", FieldType.DATETIME, "2026-12-17T09:12:03.000-03:00"),
    field(
        "document.metadata", FieldType.OBJECT, {"empresa": "Padaria Três Irmãos Ltda", "valor": "31.900,00"}
    ),
    field("document.url", FieldType.URL, None),
    field("envelope.id", FieldType.RECORD, "6f0c1c0e-2f64-4b73-8f5d-9a4b7a1f2c33"),
    field("account.key", FieldType.TEXT, "f9d9b699-1d0c-4a53-8a3c-0d1f5b6e7a21"),
)

SIGNER_FIELDS = (
    field("signer.name", FieldType.TEXT, "Otávio Lemos"),
    field("signer.first_name", FieldType.TEXT, "Otávio"),
    field("signer.last_name", FieldType.TEXT, "Lemos"),
    field("signer.email", FieldType.EMAIL, "otavio@tresirmaos.example"),
    field("signer.phone", FieldType.PHONE, "11955550142"),
    field("signer.cpf", FieldType.CPF, "529.982.247-25"),
    field("signer.birthday", FieldType.DATE, "1984-02-03"),
    field("signer.sign_as", FieldType.TEXT, "contractee"),
    field("signer.key", FieldType.RECORD, "916487c8-3f0a-4e0b-a8c7-1f4f1f6f2d10"),
    field("signers", FieldType.LIST),
)

REFUSAL_FIELDS = (
    field("refusal.reasons", FieldType.TEXT, "Valores incorretos"),
    field("refusal.comment", FieldType.LONG_TEXT, "O desconto combinado não está no contrato."),
)

ENVELOPE_FIELDS = (
    field("envelope.name", FieldType.TEXT, "Padaria Três Irmãos"),
    field("envelope.status", FieldType.TEXT, "closed"),
    field("envelope.deadline_at", FieldType.DATETIME, "2026-12-17T09:12:03.000-03:00"),
    field("envelope.created", FieldType.DATETIME, "2026-11-17T09:10:00.000-03:00"),
    field("envelope.documents", FieldType.LIST),
)


def webhook_data(event: Raw, document: Raw, payload: Raw) -> dict[str, Any]:
    """Return what mappings read of one event of one document."""
    details = _object(event.get("data"))
    signers = [signer_data(_object(raw)) for raw in _list(document.get("signers"))]
    return {
        "event": {"name": event.get("name"), "occurred_at": event.get("occurred_at")},
        "document": document_data(document),
        "envelope": {"id": envelope_id(document, payload)},
        "signer": _the_signer(details, signers),
        "signers": signers,
        "added": [signer_data(_object(raw)) for raw in _list(details.get("signers"))],
        "refusal": _refusal(_object(details.get("refusal"))),
        "account": {"key": document.get("account_key") or _object(details.get("account")).get("key")},
        "in_order": bool(document.get("sequence_enabled")),
        "acted": [*_acted(document), *_first(document, signers)],
    }


def document_data(raw: Raw) -> dict[str, Any]:
    """Return a document of a webhook in our words."""
    filename = _text(raw.get("filename"))
    path = _text(raw.get("path"))
    return {
        "key": raw.get("key"),
        "name": _FILE_ENDING.sub("", filename),
        "filename": filename,
        "status": raw.get("status"),
        "path": path,
        "folder": path.rsplit("/", 1)[0].strip("/") if "/" in path else "",
        "uploaded_at": raw.get("uploaded_at"),
        "finished_at": raw.get("finished_at"),
        "deadline_at": raw.get("deadline_at"),
        "metadata": _object(raw.get("metadata")),
        "url": _object(raw.get("links")).get("self"),
    }


def signer_data(raw: Raw) -> dict[str, Any]:
    """Return a signer of a webhook in our words."""
    name = " ".join(_text(raw.get("name")).split())
    first, _, last = name.partition(" ")
    roles = raw.get("sign_as")  # a text in `sign`, a list in `refusal`
    return {
        "key": raw.get("key"),
        "name": name,
        "first_name": first,
        "last_name": last,
        "email": raw.get("email"),
        "phone": raw.get("phone_number"),
        "cpf": raw.get("documentation"),
        "birthday": raw.get("birthday"),
        "sign_as": ", ".join(map(str, roles)) if isinstance(roles, list) else roles,
    }


def envelope_id(document: Raw, payload: Raw) -> str | None:
    """Return the envelope of a document, if anything says it.

    The payload has none today; it is read in case it comes. Documents that Vaivém made carry it in their
    metadata.
    """
    for holder in (payload.get("envelope"), document.get("envelope")):
        known = _object(holder).get("key") or _object(holder).get("id")
        if known:
            return str(known)
    known = _object(document.get("metadata")).get("envelope_id")
    return str(known) if known else None


def envelope_data(resource: Raw) -> dict[str, Any]:
    """Return an envelope of the API in our words."""
    attributes = _object(resource.get("attributes"))
    shown = ("name", "status", "deadline_at", "created")
    return {"id": resource.get("id"), **{key: attributes.get(key) for key in shown}}


def listed_document(resource: Raw) -> dict[str, Any]:
    """Return a document of the API in the shape of a webhook's, as far as the API tells."""
    attributes = _object(resource.get("attributes"))
    closed = attributes.get("status") == "closed"
    return {
        "key": resource.get("id"),
        "filename": attributes.get("filename"),
        "path": f"/{attributes.get('filename') or ''}",
        "status": attributes.get("status"),
        "uploaded_at": attributes.get("created"),
        "updated_at": attributes.get("modified"),
        "finished_at": attributes.get("modified") if closed else None,
        "metadata": _object(attributes.get("metadata")),
    }


def listed_signer(resource: Raw) -> dict[str, Any]:
    """Return a signer of the API in the shape of a webhook's: the names are the same, but for the id."""
    known = ("name", "email", "phone_number", "documentation", "birthday", "has_documentation")
    attributes = _object(resource.get("attributes"))
    return {"key": resource.get("id"), **{key: attributes.get(key) for key in known}}


def _acted(document: Raw) -> list[str]:
    """Return the keys of the signers of whom a document lists that they opened, signed or refused it."""
    listed = (_object(event) for event in _list(document.get("events")))
    keys = (signers_of_event(event) for event in listed if event.get("name") in SIGNERS_ACTS)
    return list(dict.fromkeys(key for found in keys for key in found))


def _first(document: Raw, signers: Sequence[Raw]) -> list[str]:
    """Return the key of the signer who was asked first, where a draft of ours noted who that is."""
    noted = _object(document.get("metadata")).get(FIRST)
    return [str(one["key"]) for one in signers if noted and noted in (one["email"], one["name"])]


def signers_of_event(event: Raw) -> tuple[str, ...]:
    """Return the keys of the signers that an event itself names: who acted, or those that were added."""
    details = _object(event.get("data"))
    named = [_object(raw).get("key") for raw in (details.get("signer"), *_list(details.get("signers")))]
    return tuple(str(key) for key in named if key)


def moment(value: Any) -> datetime | None:
    """Read one of the vendor's times (``Z`` and ``-03:00`` are mixed); None for anything without a zone."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return read if read is not None and read.tzinfo else None


def search_terms(data: Raw) -> tuple[str, ...]:
    """Return what history search finds an event by."""
    document, people = data["document"], [*data["signers"], data["signer"]]
    found = [document["key"], document["filename"], document["name"], data["envelope"]["id"]]
    for person in people:
        found += [person.get(part) for part in ("name", "email", "phone", "cpf")]
    return tuple(dict.fromkeys(str(term) for term in found if term))


def _the_signer(details: Raw, signers: Sequence[Raw]) -> dict[str, Any]:
    """Return whom the event is about: its own signer, else the first of the document.

    The event's own signer is completed from the document's, which may know more.
    """
    named = details.get("signer")
    if not isinstance(named, Mapping):
        return dict(signers[0]) if signers else {}
    own = signer_data(named)
    listed: Raw = next((signer for signer in signers if _same_person(own, signer)), {})
    return {key: value or listed.get(key) for key, value in own.items()}


def _same_person(one: Raw, other: Raw) -> bool:
    if one["key"] and other["key"]:
        return bool(one["key"] == other["key"])
    return bool(one["email"]) and one["email"] == other["email"]


def _refusal(raw: Raw) -> dict[str, Any]:
    reasons = raw.get("reasons")
    return {
        "reasons": ", ".join(map(str, reasons)) if isinstance(reasons, list) else reasons,
        "comment": raw.get("comment"),
    }


def _object(value: Any) -> Raw:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
