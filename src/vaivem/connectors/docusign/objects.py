"""Envelopes and recipients: from the vendor's summary (REST, Connect) to what mappings read.

The vendor leaves out what it has nothing for, and writes numbers and truths as texts. So nothing here expects
anything: what is missing is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vaivem.core.fields import Field, FieldType
from vaivem.core.folding import squeeze

Raw = Mapping[str, Any]

# Every list of recipients, those who sign first: an event about the envelope shows the first of all.
SIGNER_LISTS = ("signers", "inPersonSigners", "notaries", "witnesses", "participants", "seals")
OTHER_LISTS = ("carbonCopies", "certifiedDeliveries", "agents", "editors", "intermediaries")
SIGNER_TYPES = frozenset(SIGNER_LISTS)
# The state words of the vendor's lists are put into one order, so that late news never goes backwards.
RANKS = {"created": 0, "sent": 1, "delivered": 2, "signed": 3, "completed": 4, "declined": 5, "voided": 5}


def field(key: str, type_: FieldType = FieldType.TEXT, sample: Any = None, **parts: Any) -> Field:
    """Return a field whose text key is ``fields.<key>``."""
    return Field(key, type_, label_key=f"fields.{key}", sample=sample, **parts)


EVENT_FIELDS = (
    field("event.name", sample="envelope-completed"),
    field("event.occurred_at", FieldType.DATETIME, "2026-11-19T14:31:42+00:00"),
)

ENVELOPE_FIELDS = (
    field("envelope.id", FieldType.RECORD, "a70a5ef2-0b1c-4e0d-9f57-5a2c7f3b1e94"),
    field("envelope.subject", sample="Contrato Padaria Três Irmãos"),
    field("envelope.status", sample="completed"),
    field("envelope.message", FieldType.LONG_TEXT, "Segue o contrato para assinatura."),
    field("envelope.url", FieldType.URL, "https://app.docusign.com/documents/details/a70a5ef2"),
    field("envelope.created_at", FieldType.DATETIME, "2026-11-17T12:10:00+00:00"),
    field("envelope.sent_at", FieldType.DATETIME, "2026-11-17T12:12:03+00:00"),
    field("envelope.delivered_at", FieldType.DATETIME, "2026-11-18T09:00:11+00:00"),
    field("envelope.completed_at", FieldType.DATETIME, "2026-11-19T14:31:40+00:00"),
    field("envelope.declined_at", FieldType.DATETIME),
    field("envelope.voided_at", FieldType.DATETIME),
    field("envelope.voided_reason"),
    field("envelope.expires_at", FieldType.DATETIME, "2027-03-17T12:12:03+00:00"),
    field("envelope.custom", FieldType.OBJECT, {"Centro de custo": "Vendas"}),
    field("sender.name", sample="Bia Souza"),
    field("sender.email", FieldType.EMAIL, "bia@raiarsolar.example"),
    field("documents", FieldType.LIST),
    field("tabs", FieldType.OBJECT, {"Empresa": "Padaria Três Irmãos Ltda", "Valor": "31900"}),
)

RECIPIENT_FIELDS = (
    field("recipient.name", sample="Otávio Lemos"),
    field("recipient.first_name", sample="Otávio"),
    field("recipient.last_name", sample="Lemos"),
    field("recipient.email", FieldType.EMAIL, "otavio@tresirmaos.example"),
    field("recipient.phone", FieldType.PHONE, "+5511955550142"),
    field("recipient.role", sample="Cliente"),
    field("recipient.kind", sample="signers"),
    field("recipient.status", sample="completed"),
    field("recipient.order", FieldType.INTEGER, 1),
    field("recipient.sent_at", FieldType.DATETIME, "2026-11-17T12:12:03+00:00"),
    field("recipient.delivered_at", FieldType.DATETIME, "2026-11-18T09:00:11+00:00"),
    field("recipient.completed_at", FieldType.DATETIME, "2026-11-19T14:31:38+00:00"),
    field("recipient.declined_at", FieldType.DATETIME),
    field("recipient.declined_reason", FieldType.LONG_TEXT),
    field("recipient.tabs", FieldType.OBJECT, {"Empresa": "Padaria Três Irmãos Ltda"}),
    field("recipient.id", FieldType.RECORD, "1"),
    field("signers", FieldType.LIST),
    field("recipients", FieldType.LIST),
)


def envelope_data(raw: Raw, envelope: str, url: str) -> dict[str, Any]:
    """Return an envelope in our words; `envelope` is its id, which a thin summary may lack."""
    return {
        "id": envelope,
        "subject": _text(raw.get("emailSubject")),
        "status": _text(raw.get("status"), lower=True),
        "message": _text(raw.get("emailBlurb"), lines=True),
        "url": url,
        "created_at": instant(raw.get("createdDateTime")),
        "sent_at": instant(raw.get("initialSentDateTime")) or instant(raw.get("sentDateTime")),
        "delivered_at": instant(raw.get("deliveredDateTime")),
        "completed_at": instant(raw.get("completedDateTime")),
        "declined_at": instant(raw.get("declinedDateTime")),
        "voided_at": instant(raw.get("voidedDateTime")),
        "voided_reason": _text(raw.get("voidedReason")),
        "expires_at": instant(raw.get("expireDateTime")),
        "changed_at": instant(raw.get("statusChangedDateTime")),
        "custom": custom_values(as_object(raw.get("customFields"))),
    }


def custom_values(raw: Raw) -> dict[str, Any]:
    """Return the envelope's custom fields by their names."""
    listed = [*_list(raw.get("textCustomFields")), *_list(raw.get("listCustomFields"))]
    return {name: _text(one.get("value")) for one in listed if (name := _text(one.get("name")))}


def recipients_data(raw: Raw) -> list[dict[str, Any]]:
    """Return all recipients of a summary, those who sign first, each list in its routing order."""
    found: list[dict[str, Any]] = []
    for kind in (*SIGNER_LISTS, *OTHER_LISTS):
        listed = [recipient_data(one, kind) for one in _list(raw.get(kind))]
        found += sorted(listed, key=lambda one: one["order"] or 0)
    return found


def recipient_data(raw: Raw, kind: str) -> dict[str, Any]:
    """Return a recipient in our words. A name or an e-mail may be missing; they stay None."""
    name = _text(raw.get("name"))
    if kind == "inPersonSigners":  # the host's name is theirs; who signs is told apart
        name = _text(raw.get("signerName")) or name
    first, _, last = (name or "").partition(" ")
    email = raw.get("signerEmail") if kind == "inPersonSigners" else raw.get("email")
    return {
        "id": _text(raw.get("recipientId")),
        "name": name,
        "first_name": _text(raw.get("firstName")) or first or None,
        "last_name": _text(raw.get("lastName")) or last or None,
        "email": _text(email),
        "phone": _phone(as_object(raw.get("phoneNumber"))),
        "role": _text(raw.get("roleName")),
        "kind": kind,
        "status": _text(raw.get("status"), lower=True),
        "order": _whole(raw.get("routingOrder")),
        "sent_at": instant(raw.get("sentDateTime")),
        "delivered_at": instant(raw.get("deliveredDateTime")),
        "completed_at": instant(raw.get("signedDateTime")) or instant(raw.get("completedDateTime")),
        "declined_at": instant(raw.get("declinedDateTime")),
        "declined_reason": _text(raw.get("declinedReason"), lines=True),
        "tabs": tab_values(as_object(raw.get("tabs"))),
    }


def tab_values(raw: Raw) -> dict[str, Any]:
    """Return what a recipient's fields hold, by their labels."""
    found: dict[str, Any] = {}
    for kind, listed in raw.items():
        for tab in _list(listed):
            label, value = _tab(kind, tab)
            if label and (value or label not in found):
                found[label] = value
    return found


def _tab(kind: str, tab: Raw) -> tuple[str | None, str | None]:
    if kind == "radioGroupTabs":
        chosen = (one for one in _list(tab.get("radios")) if is_true(one.get("selected")))
        return _text(tab.get("groupName")), next((_text(one.get("value")) for one in chosen), None)
    label = _text(tab.get("tabLabel"))
    if kind == "checkboxTabs":
        return label, "true" if is_true(tab.get("selected")) else "false"
    return label, _text(tab.get("value"), lines=True)


def joined_tabs(recipients: Iterable[Raw]) -> dict[str, Any]:
    """Return the fields of all recipients; of those with one label, the first that holds something."""
    found: dict[str, Any] = {}
    for recipient in recipients:
        for label, value in recipient["tabs"].items():
            found[label] = found.get(label) or value
    return found


def documents_data(listed: Any) -> list[dict[str, Any]]:
    """Return the documents of an envelope: what they are called, never what is in them."""
    return [
        {
            "id": _text(one.get("documentId")),
            "name": _text(one.get("name")),
            "type": _text(one.get("type")),
            "order": _whole(one.get("order")),
        }
        for one in _list(listed)
    ]


def signers_of(recipients: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return those of the recipients who sign."""
    return [one for one in recipients if one["kind"] in SIGNER_TYPES]


def moment(value: Any) -> datetime | None:
    """Read one of the vendor's times (seven decimals, ``Z``); None for anything without a zone."""
    try:
        read = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
    except ValueError:
        return None
    return read if read is not None and read.tzinfo else None


def instant(value: Any) -> str | None:
    """Return a time of the vendor in ISO 8601 with its offset, to the millisecond."""
    read = moment(value)
    return read.isoformat(timespec="milliseconds") if read else None


def is_true(value: Any) -> bool:
    """Read a truth, which the vendor writes as a text."""
    return str(value).strip().lower() == "true"


def search_terms(data: Raw) -> tuple[str, ...]:
    """Return what history search finds an event by."""
    found: list[Any] = [data["envelope"]["id"], data["envelope"]["subject"]]
    for person in (*data["recipients"], data["recipient"]):
        found += [person.get(part) for part in ("name", "email", "phone")]
    return tuple(dict.fromkeys(str(term) for term in found if term))


def _phone(raw: Raw) -> str | None:
    code, number = _text(raw.get("countryCode")), _text(raw.get("number"))
    if not number:
        return None
    return f"+{code.lstrip('+')}{number}" if code and not number.startswith("+") else number


def _whole(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if text.isdecimal() else None


def _text(value: Any, *, lower: bool = False, lines: bool = False) -> str | None:
    """Return a text, None when there is nothing in it; without `lines` on one line."""
    if not isinstance(value, str | int | float):
        return None
    plain = str(value).strip() if lines else squeeze(str(value))
    return (plain.lower() if lower else plain) or None


def as_object(value: Any) -> Raw:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Raw]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
