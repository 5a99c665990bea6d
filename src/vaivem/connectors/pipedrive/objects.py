"""Persons, organizations, deals: their fields, as rules fill and read them, and their address for people."""

from __future__ import annotations

from typing import Any

from vaivem.connectors.pipedrive.records import Record
from vaivem.connectors.sdk import Connection, RecordRef
from vaivem.core.fields import Field, FieldType, Option, WritePolicy

STATUSES = ("open", "won", "lost")
CREATED = WritePolicy.CREATED


def field(key: str, type_: FieldType = FieldType.TEXT, **parts: Any) -> Field:
    """Return a field whose label is the text ``fields.<key>``."""
    return Field(key=key, type=type_, label_key=f"fields.{key}", group=key.partition(".")[0], **parts)


def choice(key: str, *values: str, **parts: Any) -> Field:
    """Return a field with fixed choices, whose labels are the texts ``fields.<key>.<value>``."""
    return field(key, FieldType.OPTION, options=tuple(Option(value) for value in values), **parts)


def live(connection: Connection, key: str, source: str, **parts: Any) -> Field:
    """Return a field that is chosen from one of the account's lists."""
    return field(key, FieldType.OPTION, source=source, options=connection.options(source), **parts)


def person_fields(connection: Connection) -> tuple[Field, ...]:
    """Return what can be written of a person, the account's own fields included."""
    return (
        field("person.name", write=CREATED, max_length=255, sample="Ana Lima"),
        field("person.email", FieldType.EMAIL, sample="ana@padaria.example"),
        field("person.phone", FieldType.PHONE, sample="+5511912345678"),
        field("person.organization", FieldType.RECORD),
        field("person.job_title", sample="Diretora financeira"),
        live(connection, "person.owner", "users", write=CREATED),
        *connection.custom_fields("person"),
    )


def organization_fields(connection: Connection) -> tuple[Field, ...]:
    """Return what can be written of an organization, the account's own fields included."""
    return (
        field("organization.name", required=True, write=CREATED, max_length=255, sample="Padaria Lima Ltda."),
        field("organization.address"),
        field("organization.website", FieldType.URL),
        live(connection, "organization.owner", "users", write=CREATED),
        *connection.custom_fields("organization"),
    )


def deal_fields(connection: Connection, *, new: bool) -> tuple[Field, ...]:
    """Return what can be written of a deal, the account's own fields included. `new`: it may be made."""
    reference = connection.settings.get("reference_field")
    own = [one for one in connection.custom_fields("deal") if one.key != f"deal.custom.{reference}"]
    return (
        field("deal.title", required=new, write=CREATED, max_length=255, sample="Ana Lima: proposta"),
        live(connection, "deal.pipeline", "pipelines", required=new, write=CREATED),
        field(
            "deal.stage",
            FieldType.OPTION,
            required=new,
            write=CREATED,
            source="stages",
            depends_on="deal.pipeline",
        ),
        field("deal.person", FieldType.RECORD),
        field("deal.organization", FieldType.RECORD),
        live(connection, "deal.owner", "users", write=CREATED),
        field("deal.value", FieldType.MONEY, sample=1500.0),
        field("deal.currency", min_length=3, max_length=3, sample="BRL"),
        field("deal.expected_close_date", FieldType.DATE, sample="2026-12-31"),
        field("deal.probability", FieldType.NUMBER, sample=50),
        choice("deal.status", *STATUSES),
        field("deal.lost_reason", max_length=150, sample="Preço"),
        *own,
    )


def web_address(connection: Connection, object_key: str, record_id: str | None) -> str:
    """Return a record's address for people, "" while the company's own domain is not known."""
    domain = (connection.account.get("details") or {}).get("domain")
    base = str(
        connection.settings.get("address_web") or (f"https://{domain}.pipedrive.com" if domain else "")
    )
    return f"{base.rstrip('/')}/{object_key}/{record_id}" if base and record_id else ""


def output(connection: Connection, object_key: str, record: Record) -> Record:
    """Return a record as later steps and mappings read it."""
    shown = {key: value for key, value in record.items() if key not in ("email_items", "phone_items")}
    shown["url"] = web_address(connection, object_key, record["id"])
    if object_key == "person":
        shown["email"] = next(iter(record["emails"]), None)
        shown["phone"] = next(iter(record["phones"]), None)
    if object_key == "deal":
        shown |= {
            "pipeline_name": label(connection, "pipelines", record["pipeline"]),
            "stage_name": label(connection, f"stages/{record['pipeline']}", record["stage"]),
        }
    if "owner" in record:
        shown["owner_name"] = label(connection, "users", record["owner"])
    return shown


def label(connection: Connection, source: str, value: str | None) -> str:
    """Return what people call an entry of one of the account's lists."""
    return next((one.label for one in connection.options(source) if str(one.value) == value), "")


def ref(connection: Connection, object_key: str, record: Record, did: str) -> RecordRef:
    """Return a record as history shows it."""
    name = str(record.get("title" if object_key == "deal" else "name") or "")
    return RecordRef(object_key, record["id"], did, name, web_address(connection, object_key, record["id"]))


def candidate(connection: Connection, object_key: str, record: Record) -> dict[str, Any]:
    """Return what tells a record apart when a person chooses."""
    told = ("emails", "phones") if object_key == "person" else ("status", "value", "currency")
    shown = {key: record[key] for key in told if record.get(key) is not None}
    name = str(record.get("title" if object_key == "deal" else "name") or "")
    url = web_address(connection, object_key, record["id"])
    return {"id": record["id"], "name": name, "url": url, **shown, "created_at": record["created_at"]}
