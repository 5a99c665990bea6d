"""The fields of each kind of record, by API v2's names, and what may be written into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spec:
    """One field: its kind (see `values`), the table an id points at, and what is allowed.

    `writes`: create, change, both or none.
    """

    kind: str
    ref: str = ""
    nullable: bool = True
    choices: tuple[str, ...] = ()
    writes: str = "both"
    default: Any = None
    max_length: int = 0


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of record. `custom` is the set of custom fields it has; `name` the word in events and search."""

    name: str
    label: str
    fields: dict[str, Spec]
    required: tuple[str, ...] = ()
    custom: str = ""
    optional: tuple[str, ...] = field(default=())


def _read(kind: str, ref: str = "", default: Any = None) -> Spec:
    return Spec(kind, ref, writes="none", default=default)


_TIMES = {"add_time": Spec("time", writes="create"), "update_time": _read("time")}
_READ_TIMES = {"add_time": _read("time"), "update_time": _read("time")}
_NAME = Spec("text", nullable=False, max_length=255)
_OWNER = Spec("id", "users", nullable=False)
_VISIBLE = Spec("visible", nullable=False, default=3)
_LABELS = Spec("ints", default=())
_FLAG = Spec("bool", nullable=False, default=False)
_FREQUENCIES = ("one-time", "annually", "semi-annually", "quarterly", "monthly", "weekly")
_BILLING = {
    "billing_frequency": Spec("text", nullable=False, choices=_FREQUENCIES, default="one-time"),
    "billing_frequency_cycles": Spec("int"),
}

PERSON = {
    "name": Spec("text", max_length=255),
    "first_name": Spec("text", max_length=255),
    "last_name": Spec("text", max_length=255),
    "owner_id": _OWNER,
    "org_id": Spec("id", "organizations"),
    **_TIMES,
    "emails": Spec("contacts", default=()),
    "phones": Spec("contacts", default=()),
    "is_deleted": _read("bool", default=False),
    "visible_to": _VISIBLE,
    "label_ids": _LABELS,
    "picture_id": _read("int"),
    "postal_address": Spec("address"),
    "notes": Spec("text", max_length=10_000),
    "im": Spec("contacts", default=()),
    "birthday": Spec("date"),
    "job_title": Spec("text", max_length=255),
    "marketing_status": Spec(
        "text", choices=("no_consent", "unsubscribed", "subscribed", "archived"), default="no_consent"
    ),
}
CONTACT_SYNC = ("postal_address", "notes", "im", "birthday", "job_title")
ORGANIZATION = {
    "name": _NAME,
    "owner_id": _OWNER,
    **_TIMES,
    "is_deleted": _read("bool", default=False),
    "visible_to": _VISIBLE,
    "address": Spec("address"),
    "label_ids": _LABELS,
    "website": Spec("text", max_length=255),
    "linkedin": Spec("text", max_length=255),
    "industry": Spec("int"),
    "annual_revenue": Spec("int"),
    "employee_count": Spec("int"),
}
DEAL = {
    "title": _NAME,
    "creator_user_id": _read("int"),
    "owner_id": _OWNER,
    "value": Spec("number", default=0),
    "person_id": Spec("id", "persons"),
    "org_id": Spec("id", "organizations"),
    "stage_id": Spec("id", "stages", nullable=False),
    "pipeline_id": Spec("id", "pipelines", nullable=False),
    "currency": Spec("currency", nullable=False),
    "archive_time": Spec("time"),
    **_TIMES,
    "stage_change_time": _read("time"),
    "status": Spec("text", nullable=False, choices=("open", "won", "lost"), default="open"),
    "is_archived": _FLAG,
    "is_deleted": _FLAG,
    "probability": Spec("percent"),
    "lost_reason": Spec("text", max_length=150),
    "visible_to": _VISIBLE,
    "close_time": Spec("time"),
    "won_time": Spec("time"),
    "lost_time": Spec("time"),
    "local_won_date": _read("date"),
    "local_lost_date": _read("date"),
    "local_close_date": _read("date"),
    "expected_close_date": Spec("date"),
    "label_ids": _LABELS,
    "origin": _read("text"),
    "origin_id": _read("text"),
    "channel": _read("int"),
    "channel_id": _read("text"),
    "acv": _read("number"),
    "arr": _read("number"),
    "mrr": _read("number"),
}
ACTIVITY = {
    "subject": Spec("text", max_length=255),
    "type": Spec("activity_type"),
    "owner_id": _OWNER,
    "creator_user_id": _read("int"),
    "is_deleted": _read("bool", default=False),
    **_READ_TIMES,
    "deal_id": Spec("id", "deals"),
    "lead_id": Spec("uuid", "leads"),
    "person_id": Spec("id", "persons"),
    "org_id": Spec("id", "organizations"),
    "project_id": Spec("int"),
    "due_date": Spec("date"),
    "due_time": Spec("clock"),
    "duration": Spec("clock"),
    "busy": Spec("bool", default=False),
    "done": Spec("bool", default=False),
    "marked_as_done_time": _read("time"),
    "location": Spec("address"),
    "participants": Spec("participants", default=()),
    "attendees": Spec("attendees", default=()),
    "conference_meeting_client": _read("text"),
    "conference_meeting_url": _read("text"),
    "conference_meeting_id": _read("text"),
    "public_description": Spec("text"),
    "priority": Spec("int"),
    "note": Spec("text"),
}
PIPELINE = {
    "name": _NAME,
    "order_nr": _read("int"),
    "is_deleted": _read("bool", default=False),
    "is_deal_probability_enabled": _FLAG,
    **_READ_TIMES,
}
STAGE = {
    "order_nr": _read("int"),
    "name": _NAME,
    "is_deleted": _read("bool", default=False),
    "deal_probability": Spec("percent", default=100),
    "pipeline_id": Spec("id", "pipelines", nullable=False),
    "is_deal_rot_enabled": _FLAG,
    "days_to_rotten": Spec("int"),
    **_READ_TIMES,
}
PRODUCT = {
    "name": _NAME,
    "code": Spec("text", max_length=255),
    "description": Spec("text"),
    "unit": Spec("text", max_length=255),
    "tax": Spec("number", nullable=False, default=0),
    "category": Spec("number"),
    "owner_id": _OWNER,
    "is_deleted": _read("bool", default=False),
    "is_linkable": Spec("bool", nullable=False, default=True),
    "visible_to": _VISIBLE,
    **_READ_TIMES,
    "prices": Spec("prices", default=()),
    **_BILLING,
}
DEAL_PRODUCT = {
    "deal_id": _read("int"),
    "product_id": Spec("id", "products", nullable=False, writes="create"),
    "name": _read("text"),
    "product_variation_id": Spec("int"),
    "order_nr": _read("int"),
    **_READ_TIMES,
    "item_price": Spec("number", nullable=False),
    "quantity": Spec("number", nullable=False),
    "sum": _read("number"),
    "currency": _read("text"),
    "comments": Spec("text", default=""),
    "discount": Spec("number", nullable=False, default=0),
    "discount_type": Spec("text", nullable=False, choices=("percentage", "amount"), default="percentage"),
    "tax": Spec("number", nullable=False, default=0),
    "tax_method": Spec(
        "text", nullable=False, choices=("exclusive", "inclusive", "none"), default="inclusive"
    ),
    "is_enabled": Spec("bool", nullable=False, default=True),
    **_BILLING,
    "billing_start_date": Spec("date"),
}
NOTE = {
    "content": Spec("text", nullable=False, max_length=100_000),
    "user_id": Spec("id", "users", nullable=False),
    "add_time": Spec("time"),
    "update_time": _read("time"),
    "is_deleted": _read("bool", default=False),
    "deal_id": Spec("id", "deals"),
    "person_id": Spec("id", "persons"),
    "org_id": Spec("id", "organizations"),
    "lead_id": Spec("uuid", "leads"),
    "project_id": Spec("int"),
    "task_id": Spec("int"),
    **{f"pinned_to_{name}_flag": Spec("flag", default=False) for name in
       ("lead", "deal", "organization", "person", "project", "task")},
}  # fmt: skip
LEAD = {
    "title": _NAME,
    "owner_id": _OWNER,
    "creator_id": _read("int"),
    "label_ids": Spec("uuids", "lead_labels", default=()),
    "person_id": Spec("id", "persons"),
    "organization_id": Spec("id", "organizations"),
    "source_name": _read("text", default="API"),
    "origin": _read("text", default="API"),
    "origin_id": Spec("text", writes="create"),
    "channel": Spec("int"),
    "channel_id": Spec("text"),
    "source_deal_id": _read("int"),
    "is_archived": Spec("bool", nullable=False, default=False, writes="change"),
    "was_seen": _FLAG,
    "value": Spec("money"),
    "expected_close_date": Spec("date"),
    "next_activity_id": _read("int"),
    **_READ_TIMES,
    "visible_to": Spec("visible", nullable=False, default=3),
}

ENTITIES = {
    "persons": Entity("person", "Person", PERSON, (), "person", ("marketing_status",)),
    "organizations": Entity("organization", "Organization", ORGANIZATION, ("name",), "organization"),
    "deals": Entity("deal", "Deal", DEAL, ("title",), "deal"),
    "activities": Entity("activity", "Activity", ACTIVITY, (), "", ("attendees",)),
    "pipelines": Entity("pipeline", "Pipeline", PIPELINE, ("name",)),
    "stages": Entity("stage", "Stage", STAGE, ("name", "pipeline_id")),
    "products": Entity("product", "Product", PRODUCT, ("name",), "product"),
    "deal_products": Entity(
        "deal_product", "Deal product", DEAL_PRODUCT, ("product_id", "item_price", "quantity")
    ),
    "notes": Entity("note", "Note", NOTE, ("content",)),
    "leads": Entity("lead", "Lead", LEAD, ("title",), "deal"),
}
# What is kept as it is, without fields of its own to check.
PLAIN_TABLES = (
    "users", "fields", "activity_types", "lead_labels", "webhooks", "files", "filters", "conversions",
    "followers",
)  # fmt: skip
CURRENCIES = {
    "BRL": ("Brazilian Real", "R$"),
    "USD": ("US Dollar", "$"),
    "EUR": ("Euro", "€"),
    "GBP": ("British Pound Sterling", "£"),
    "ARS": ("Argentine Peso", "AR$"),
    "CLP": ("Chilean Peso", "CL$"),
    "COP": ("Colombian Peso", "CO$"),
    "MXN": ("Mexican Peso", "MX$"),
}
DECIMALS = {"CLP": 0}
