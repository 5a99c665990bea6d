"""Leads: their fields, as rules fill and read them, and as the vendor writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.sdk import Connection, RecordRef
from vaivem.core.fields import Field, FieldType, Option, WritePolicy
from vaivem.core.likeness import document_type

Lead = dict[str, Any]

PLAIN = (
    "name", "job_title", "birthdate", "bio", "website", "personal_phone", "mobile_phone", "city", "state",
    "country", "twitter", "facebook", "linkedin",
)  # fmt: skip
LEGAL_BASES = (
    "consent", "legitimate_interest", "pre_existent_contract", "judicial_process", "public_interest",
    "vital_interest",
)  # fmt: skip
CUSTOM = "custom."

_TYPES = {
    "EMAIL_INPUT": FieldType.EMAIL,
    "COMBO_BOX": FieldType.OPTION,
    "RADIO_BUTTON": FieldType.OPTION,
    "URL_INPUT": FieldType.URL,
    "TEXT_AREA": FieldType.LONG_TEXT,
    "NUMBER_INPUT": FieldType.INTEGER,
    "MULTIPLE_CHOICE": FieldType.OPTIONS,
}


def field(key: str, type_: FieldType = FieldType.TEXT, **parts: Any) -> Field:
    """Return a field whose label is the text ``fields.<key>``."""
    return Field(key=key, type=type_, label_key=f"fields.{key}", group=key.partition(".")[0], **parts)


def choice(key: str, *values: str, **parts: Any) -> Field:
    """Return a field with fixed choices, whose labels are the texts ``fields.<key>.<value>``."""
    return field(key, FieldType.OPTION, options=tuple(Option(value) for value in values), **parts)


def who_fields() -> tuple[Field, ...]:
    """Return what says which lead is meant: its code where it is known, else its addresses."""
    return (
        field("lead.uuid", FieldType.RECORD),
        field("lead.email", FieldType.EMAIL, many=True, sample=["ana@padaria.example"]),
    )


def written_fields(connection: Connection) -> tuple[Field, ...]:
    """Return what can be written of a lead, the account's own fields included."""
    return (
        field("lead.name", sample="Ana Lima"),
        field("lead.job_title", sample="Diretora financeira"),
        field("lead.birthdate", FieldType.DATE, sample="1988-04-12"),
        field("lead.bio", FieldType.LONG_TEXT),
        field("lead.website", FieldType.URL),
        field("lead.personal_phone", FieldType.PHONE, sample="+551130001234"),
        field("lead.mobile_phone", FieldType.PHONE, sample="+5511912345678"),
        field("lead.city", sample="São Paulo"),
        field("lead.state", sample="SP"),
        field("lead.country", sample="Brasil"),
        field("lead.twitter"),
        field("lead.facebook"),
        field("lead.linkedin"),
        field("lead.tags", many=True, sample=["cliente"]),
        choice("lead.legal_basis", *LEGAL_BASES, write=WritePolicy.EMPTY),
        choice("lead.consent", "granted", "declined", write=WritePolicy.EMPTY),
        *connection.custom_fields("lead"),
    )


def own_field(row: Mapping[str, Any]) -> Field | None:
    """Return one of the account's own fields as a field of ours; None for a built-in one."""
    key = str(row.get("api_identifier") or "")
    if not row.get("custom_field") or not key:
        return None
    type_ = _TYPES.get(str(row.get("presentation_type")), FieldType.TEXT)
    if row.get("data_type") == "BOOLEAN":
        type_ = FieldType.BOOLEAN
    label = _in_portuguese(row.get("label")) or _in_portuguese(row.get("name")) or key
    if type_ is FieldType.TEXT:
        type_ = document_type(label) or FieldType.TEXT
    rules = row.get("validation_rules") or {}
    valid = rules.get("valid_options") or () if isinstance(rules, Mapping) else ()
    options = tuple(
        Option(str(one["value"]), _in_portuguese(one.get("label")) or str(one["value"])) for one in valid
    )
    if not options and type_ in (FieldType.OPTION, FieldType.OPTIONS):
        type_ = FieldType.TEXT
    return Field(key=f"lead.{CUSTOM}{key}", type=type_, label=label, group="lead", options=options)


def _in_portuguese(names: Any) -> str:
    if not isinstance(names, Mapping):
        return str(names or "")
    return str(names.get("pt-BR") or names.get("default") or next(iter(names.values()), ""))


def lead_from(row: Mapping[str, Any]) -> Lead:
    """Return a lead out of an answer or a webhook, its own fields under ``custom``."""
    lead: Lead = {"id": str(row.get("uuid") or ""), "email": row.get("email")}
    lead |= {key: row.get(key) for key in PLAIN}
    lead["emails"] = [lead["email"], *(row.get("extra_emails") or ())] if lead["email"] else []
    lead["tags"] = list(row.get("tags") or ())
    bases = [one for one in row.get("legal_bases") or () if one.get("category") == "communications"]
    lead["legal_basis"] = bases[0].get("type") if bases else None
    lead["consent"] = bases[0].get("status") if bases else None
    lead["custom"] = {key: value for key, value in row.items() if key.startswith("cf_")}
    return lead


def flat(lead: Lead) -> Lead:
    """Return a lead by field key, to compare with what a rule wants."""
    plain = {key: lead[key] for key in (*PLAIN, "tags", "legal_basis", "consent")}
    return plain | {f"{CUSTOM}{key}": value for key, value in lead["custom"].items()}


def body_for(changes: Mapping[str, Any], before: Lead | None) -> dict[str, Any]:
    """Return the body that makes `changes`, by our field keys.

    The legal basis is one value of two parts. A person who declined is never written back as one who agreed.
    """
    body: dict[str, Any] = {}
    for key, value in changes.items():
        if key == "tags":
            body["tags"] = [str(tag).lower() for tag in value or ()]
        elif key not in ("legal_basis", "consent"):
            body[key.removeprefix(CUSTOM)] = value
    declined = before is not None and before["consent"] == "declined"
    if {"legal_basis", "consent"} & changes.keys() and not declined:
        known = before or {}
        basis = changes.get("legal_basis") or known.get("legal_basis") or "consent"
        status = changes.get("consent") or known.get("consent") or "granted"
        body["legal_bases"] = [{"category": "communications", "type": basis, "status": status}]
    return body


def web_address(connection: Connection, uuid: str) -> str:
    """Return a lead's address for people."""
    base = str(connection.settings.get("address_web") or "").rstrip("/")
    return f"{base}/leads/public/{uuid}" if base and uuid else ""


def output(connection: Connection, lead: Lead) -> Lead:
    """Return a lead as later steps and mappings read it."""
    words = str(lead["name"] or "").split()
    return {
        **lead,
        "uuid": lead["id"],
        "first_name": words[0] if words else "",
        "last_name": " ".join(words[1:]),
        "phone": lead["mobile_phone"] or lead["personal_phone"],
        "url": web_address(connection, lead["id"]),
    }


def ref(connection: Connection, lead: Lead, did: str) -> RecordRef:
    """Return a lead as history shows it."""
    name = str(lead["name"] or lead["email"] or "")
    return RecordRef("lead", lead["id"], did, name, web_address(connection, lead["id"]))
