"""Contacts, accounts, deals: their fields, as rules fill and read them, and their address for people."""

from __future__ import annotations

from typing import Any

from vaivem.connectors.activecampaign.records import STATUSES, Record
from vaivem.connectors.sdk import Connection, RecordRef
from vaivem.core.fields import Field, FieldType, Option, WritePolicy

CREATED, EMPTY = WritePolicy.CREATED, WritePolicy.EMPTY
MOST_TITLE = 255
_PAGES = {"contact": "contacts", "deal": "deals", "account": "accounts"}


def field(key: str, type_: FieldType = FieldType.TEXT, **parts: Any) -> Field:
    """Return a field whose label is the text ``fields.<key>``."""
    return Field(key=key, type=type_, label_key=f"fields.{key}", group=key.partition(".")[0], **parts)


def choice(key: str, *values: str, **parts: Any) -> Field:
    """Return a field with fixed choices, whose labels are the texts ``fields.<key>.<value>``."""
    return field(key, FieldType.OPTION, options=tuple(Option(value) for value in values), **parts)


def option(key: str, *values: str) -> Field:
    """Return a step's own choice, with its help."""
    return Field(
        key=key,
        type=FieldType.OPTION,
        label_key=f"fields.{key}",
        help_key=f"fields.{key}.help",
        options=tuple(Option(value) for value in values),
    )


def live(connection: Connection, key: str, source: str, **parts: Any) -> Field:
    """Return a field that is chosen from one of the account's lists."""
    return field(key, FieldType.OPTION, source=source, options=connection.options(source), **parts)


def tags_field(connection: Connection, key: str, **parts: Any) -> Field:
    """Return a field for tags: those that are there are offered, others are made."""
    return field(
        key,
        FieldType.OPTIONS,
        source="tags",
        options=connection.options("tags"),
        allow_new_option=True,
        **parts,
    )


def who_fields(group: str = "contact") -> tuple[Field, ...]:
    """Return what says which contact is meant: its id where it is known, else its address."""
    return (
        field(f"{group}.id", FieldType.RECORD),
        field(f"{group}.email", FieldType.EMAIL, sample="ana@padaria.example"),
    )


def contact_fields(connection: Connection) -> tuple[Field, ...]:
    """Return what can be written of a contact, the account's own fields included."""
    return (
        *who_fields(),
        field("contact.first_name", sample="Ana"),
        field("contact.last_name", sample="Lima"),
        field("contact.phone", FieldType.PHONE, sample="+5511912345678"),
        tags_field(connection, "contact.tags", sample=["cliente"]),
        field("contact.account", FieldType.RECORD, write=EMPTY),
        field("contact.job_title", sample="Diretora financeira"),
        *connection.custom_fields("contact"),
    )


def account_fields(connection: Connection) -> tuple[Field, ...]:
    """Return what can be written of an account, the account's own fields included."""
    return (
        field("account.name", required=True, write=CREATED, max_length=255, sample="Padaria Lima Ltda."),
        field("account.website", FieldType.URL, sample="https://padaria.example"),
        live(connection, "account.owner", "users", write=CREATED),
        *connection.custom_fields("account"),
    )


def deal_fields(connection: Connection, *, new: bool) -> tuple[Field, ...]:
    """Return what can be written of a deal, the account's own fields included. `new`: it may be made."""
    reference = connection.settings.get("reference_field")
    own = [one for one in connection.custom_fields("deal") if one.key != f"deal.custom.{reference}"]
    return (
        field("deal.title", required=new, write=CREATED, max_length=MOST_TITLE, sample="Ana Lima: contrato"),
        live(connection, "deal.pipeline", "pipelines", required=new, write=CREATED),
        field("deal.stage", FieldType.OPTION, write=CREATED, source="stages", depends_on="deal.pipeline"),
        field("deal.contact", FieldType.RECORD),
        field("deal.account", FieldType.RECORD),
        live(connection, "deal.owner", "users", write=CREATED),
        field("deal.value", FieldType.MONEY, sample=1500.0),
        field("deal.currency", min_length=3, max_length=3, sample="BRL"),
        field("deal.percent", FieldType.INTEGER, sample=50),
        choice("deal.status", *STATUSES),
        field("deal.description", FieldType.LONG_TEXT),
        *own,
    )


def web_address(connection: Connection, object_key: str, record_id: str | None) -> str:
    """Return a record's address for people, "" while the account's own one is not known."""
    details = connection.account.get("details") or {}
    base = str(connection.settings.get("address_web") or details.get("web") or "").rstrip("/")
    page = _PAGES.get(object_key)
    return f"{base}/app/{page}/{record_id}" if base and page and record_id else ""


def label(connection: Connection, source: str, value: str | None) -> str:
    """Return what people call an entry of one of the account's lists."""
    return next((one.label for one in connection.options(source) if str(one.value) == value), "")


def output(connection: Connection, object_key: str, record: Record) -> Record:
    """Return a record as later steps and mappings read it."""
    shown = {**record, "url": web_address(connection, object_key, record["id"])}
    if object_key == "contact":
        parts = (record["first_name"], record["last_name"])
        shown["name"] = " ".join(str(part) for part in parts if part)
        shown["lists"] = [label(connection, "lists", one) or one for one in record["lists"]]
    if object_key == "deal":
        shown["pipeline_name"] = label(connection, "pipelines", record["pipeline"])
        shown["stage_name"] = label(connection, f"stages/{record['pipeline']}", record["stage"])
    if "owner" in record:
        shown["owner_name"] = label(connection, "users", record["owner"])
    return shown


def name_of(object_key: str, record: Record) -> str:
    """Return what people call a record."""
    if object_key == "contact":
        parts = (record.get("first_name"), record.get("last_name"))
        return " ".join(str(part) for part in parts if part) or str(record.get("email") or "")
    return str(record.get("title" if object_key == "deal" else "name") or "")


def ref(connection: Connection, object_key: str, record: Record, did: str) -> RecordRef:
    """Return a record as history shows it."""
    url = web_address(connection, object_key, record["id"])
    return RecordRef(object_key, record["id"], did, name_of(object_key, record), url)


def candidate(connection: Connection, object_key: str, record: Record) -> dict[str, Any]:
    """Return what tells a record apart when a person chooses."""
    told = ("status", "value", "currency") if object_key == "deal" else ("website",)
    shown = {key: record[key] for key in told if record.get(key) is not None}
    url = web_address(connection, object_key, record["id"])
    named = name_of(object_key, record)
    return {"id": record["id"], "name": named, "url": url, **shown, "created_at": record["created_at"]}
