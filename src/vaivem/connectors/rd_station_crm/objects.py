"""Contacts, organizations, deals: their fields, as rules fill and read them."""

from __future__ import annotations

from typing import Any

from vaivem.connectors.rd_station_crm.custom_values import custom_field
from vaivem.connectors.rd_station_crm.records import Record
from vaivem.connectors.sdk import Connection
from vaivem.core.fields import Field, FieldType, Option, WritePolicy

STATUSES = ("ongoing", "won", "lost", "paused")
TASK_TYPES = ("call", "email", "meeting", "task", "lunch", "visit", "whatsapp")
WEB_PATHS = {"deal": "deals", "contact": "contacts", "organization": "organizations"}


def field(key: str, type_: FieldType = FieldType.TEXT, **parts: Any) -> Field:
    """Return a field whose label is the text ``fields.<key>``."""
    return Field(key=key, type=type_, label_key=f"fields.{key}", group=key.partition(".")[0], **parts)


def choice(key: str, *values: str, **parts: Any) -> Field:
    """Return a field with fixed choices, whose labels are the texts ``fields.<key>.<value>``."""
    return field(key, FieldType.OPTION, options=tuple(Option(value) for value in values), **parts)


def live(connection: Connection, key: str, source: str, **parts: Any) -> Field:
    """Return a field that is chosen from one of the account's lists."""
    return field(key, FieldType.OPTION, source=source, options=connection.options(source), **parts)


CREATED = WritePolicy.CREATED

CONTACT_FIELDS = (
    field("contact.name", write=CREATED, sample="Ana Lima"),
    field("contact.email", FieldType.EMAIL, sample="ana@example.com"),
    field("contact.phone", FieldType.PHONE, sample="+5511912345678"),
    field("contact.job_title", sample="Diretora financeira"),
    field("contact.birthday", FieldType.DATE, sample="1988-04-12"),
)

ORGANIZATION_FIELDS = (
    field("organization.name", required=True, min_length=2, write=CREATED, sample="Padaria Lima Ltda."),
    field("organization.description", FieldType.LONG_TEXT),
    field("organization.website", FieldType.URL),
    field("organization.address"),
)


def contact_fields(connection: Connection) -> tuple[Field, ...]:
    """Return the fields of a contact, the account's own included."""
    return CONTACT_FIELDS + connection.custom_fields("contact")


def organization_fields(connection: Connection) -> tuple[Field, ...]:
    """Return the fields of an organization, the account's own included."""
    owner = live(connection, "organization.owner", "users", write=CREATED)
    segments = field(
        "organization.segments",
        FieldType.OPTIONS,
        source="segments",
        options=connection.options("segments"),
    )
    # v1 knows segments by name only and has no list of them.
    more = (owner, segments) if connection.method == "oauth" else (owner,)
    return (*ORGANIZATION_FIELDS, *more, *connection.custom_fields("organization"))


def deal_fields(connection: Connection, *, new: bool) -> tuple[Field, ...]:
    """Return the fields of a deal, the account's own included. `new`: the action may make one."""
    stages = "stages"  # listed for one funnel: ``stages/<pipeline>``
    funnel = (
        field("deal.name", required=new, min_length=2, write=CREATED, sample="Contrato – Ana Lima"),
        live(connection, "deal.pipeline", "pipelines", required=new, write=CREATED),
        field(
            "deal.stage",
            FieldType.OPTION,
            required=new,
            write=CREATED,
            source=stages,
            depends_on="deal.pipeline",
        ),
        live(connection, "deal.owner", "users", write=CREATED),
        live(connection, "deal.source", "sources", write=CREATED),
        live(connection, "deal.campaign", "campaigns"),
    )
    amounts = (
        field("deal.one_time_price", FieldType.MONEY, sample=1500.0),
        field("deal.recurrence_price", FieldType.MONEY, sample=199.9),
    )
    rest = (
        field("deal.expected_close_date", FieldType.DATE, sample="2026-12-31"),
        field("deal.rating", FieldType.INTEGER, sample=3),
        choice("deal.status", *STATUSES),
        live(connection, "deal.lost_reason", "lost_reasons"),
    )
    # v1 reckons a deal's values from its products and takes none by themselves.
    own = connection.custom_fields("deal")
    reference = connection.settings.get("reference_field")
    shown = tuple(field for field in own if field.key != f"deal.custom.{reference}")
    return funnel + (amounts if connection.method == "oauth" else ()) + rest + shown


def product_fields(connection: Connection) -> tuple[Field, ...]:
    """Return the fields of a product's line in a deal."""
    billings = (
        ("one-time", "monthly", "annually") if connection.method == "oauth" else ("one-time", "monthly")
    )
    return (
        live(connection, "product.product", "products", required=True),
        field("product.price", FieldType.MONEY, sample=1500.0),
        field("product.quantity", FieldType.NUMBER, sample=1),
        field("product.discount", FieldType.MONEY, sample=10.0),
        choice("product.discount_type", "amount", "percentage"),
        choice("product.billing", *billings),
    )


def own_field(object_key: str, row: Any) -> Field:
    """Return one of the account's own fields, from its definition as the clients read it."""
    return custom_field(
        object_key,
        row["key"],
        row["label"],
        row["type"],
        row["options"],
        new_options=row["new_options"],
        required=row["required"],
    )


def web_address(connection: Connection, object_key: str, record_id: str) -> str:
    """Return a record's address for people, "" where none is known."""
    address = str(connection.settings.get("address_web") or "").rstrip("/")
    path = WEB_PATHS.get(object_key)
    return f"{address}/{path}/{record_id}" if address and path and record_id else ""


def contact_output(connection: Connection, contact: Record) -> Record:
    """Return a contact as later steps and mappings read it."""
    words = str(contact["name"] or "").split()
    return {
        "id": contact["id"],
        "name": contact["name"],
        "first_name": words[0] if words else "",
        "last_name": " ".join(words[1:]),
        "email": next(iter(contact["emails"]), None),
        "phone": next(iter(contact["phones"]), None),
        "emails": contact["emails"],
        "phones": contact["phones"],
        "job_title": contact["job_title"],
        "birthday": contact["birthday"],
        "organization": contact["organization"],
        "custom": contact["custom"],
        "url": web_address(connection, "contact", contact["id"]),
        "created_at": contact["created_at"],
        "updated_at": contact["updated_at"],
    }


def organization_output(connection: Connection, organization: Record) -> Record:
    """Return an organization as later steps and mappings read it."""
    return organization | {"url": web_address(connection, "organization", organization["id"])}


def deal_output(connection: Connection, deal: Record) -> Record:
    """Return a deal as later steps and mappings read it: ids, and beside them the names that are known."""
    sources = {
        "pipeline": "pipelines",
        "owner": "users",
        "source": "sources",
        "campaign": "campaigns",
        "lost_reason": "lost_reasons",
        "stage": f"stages/{deal['pipeline']}",
    }
    names = {
        f"{key}_name": deal["names"].get(key) or _label(connection, source, deal[key])
        for key, source in sources.items()
    }
    plain = {key: value for key, value in deal.items() if key != "names"}
    return plain | names | {"url": web_address(connection, "deal", deal["id"])}


def _label(connection: Connection, source: str, value: Any) -> str:
    if not value:
        return ""
    return next((option.label for option in connection.options(source) if option.value == value), "")
