"""What each kind of record holds, and by what API v2 can filter and sort it: the vendor's tables as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NOTE_MAX_CHARS = 524_288
TASK_TYPES = ("call", "email", "meeting", "task", "lunch", "visit", "whatsapp")
DEAL_STATUSES = ("ongoing", "won", "lost", "paused")
EVENT_ENTITIES = ("campaign", "contact", "deal", "lost_reason", "organization", "product", "source", "task")
EVENT_NAMES = tuple(
    f"crm_{entity}_{verb}" for entity in EVENT_ENTITIES for verb in ("created", "updated", "deleted")
)


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a record.

    `kind` names its check in `validation`; `table` is where a reference points; `default` is what a new
    record has when nothing was sent; `write_only` values are taken and never shown.
    """

    kind: str
    table: str = ""
    choices: tuple[str, ...] = ()
    default: Any = None
    required: bool = False
    read_only: bool = False
    write_only: bool = False
    max_chars: int = 0


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of record. `filters` maps a field to how its value reads (text, number, date, time, id)."""

    label: str
    fields: Mapping[str, Field]
    filters: Mapping[str, str] = field(default_factory=dict)
    contains: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    sorts: tuple[str, ...] = ()
    custom: str = ""  # the custom fields' `entity`, where records of this kind have them
    capped: bool = False  # only the first 10,000 records of a filter can be listed


def _ref(table: str, *, required: bool = False) -> Field:
    return Field("ref", table=table, required=required)


def _named(label: str, *, described: bool) -> Entity:
    fields = {"name": _NAME, **({"description": _TEXT} if described else {})}
    return Entity(label, fields, {"name": "text"}, frozenset({"name"}), sorts=("name",))


_TEXT = Field("text")
_NAME = Field("text", required=True)
_TIMES = {"created_at": "time", "updated_at": "time"}
_CUSTOM = Field("custom", default={})
_PRICE = Field("number", default=0.0)

CONTACTS = Entity(
    "Contact",
    {
        "name": _NAME,
        "job_title": _TEXT,
        "emails": Field("emails", default=[]),
        "phones": Field("phones", default=[], choices=("work", "fax", "home", "mobile")),
        "birthday": Field("birthday"),
        "social_profiles": Field("profiles", default=[], choices=("facebook", "linkedin", "skype")),
        "organization_id": _ref("organizations"),
        "legal_bases": Field("legal_bases", default=[]),
        "custom_fields": _CUSTOM,
    },
    {
        "name": "text",
        "job_title": "text",
        "email": "text",
        "phone": "text",
        "organization_id": "id",
        **_TIMES,
    },
    frozenset({"name", "job_title"}),
    sorts=("name", "created_at"),
    custom="contact",
    capped=True,
)

ORGANIZATIONS = Entity(
    "Organization",
    {
        "name": Field("text", required=True),
        "description": _TEXT,
        "url": _TEXT,
        "address": Field("address"),
        "segment_ids": Field("refs", table="segments", default=[]),
        "follower_ids": Field("refs", table="users", default=[]),
        "owner_id": _ref("users"),
        "custom_fields": _CUSTOM,
    },
    {"name": "text", "owner_id": "id", "segment_ids": "id", **_TIMES},
    frozenset({"name"}),
    sorts=("name", "created_at", "updated_at"),
    custom="organization",
    capped=True,
)

DEALS = Entity(
    "Deal",
    {
        "name": _NAME,
        "recurrence_price": _PRICE,
        "one_time_price": _PRICE,
        "total_price": Field("number", default=0.0, read_only=True),
        "expected_close_date": Field("date"),
        "rating": Field("rating", default=1),
        "status": Field("choice", choices=DEAL_STATUSES, default="ongoing"),
        "closed_at": Field("time", read_only=True),
        "pipeline_id": _ref("pipelines"),
        "stage_id": _ref("stages"),
        "owner_id": _ref("users"),
        "source_id": _ref("sources"),
        "campaign_id": _ref("campaigns"),
        "lost_reason_id": _ref("lost_reasons"),
        "organization_id": _ref("organizations"),
        "contact_ids": Field("refs", table="contacts", default=[]),
        "custom_fields": _CUSTOM,
        "distribution_settings": Field("distribution", write_only=True),
    },
    {
        "id": "id",
        "name": "text",
        "rating": "number",
        "status": "text",
        "closed_at": "time",
        **_TIMES,
        "expected_close_date": "date",
        "total_price": "number",
        "organization_id": "id",
        "contact_id": "id",
        "stage_id": "id",
        "pipeline_id": "id",
        "lost_reason_id": "id",
        "campaign_id": "id",
        "owner_id": "id",
        "product_ids": "id",
    },
    frozenset({"name"}),
    frozenset({"has:product"}),
    ("name", "rating", "created_at", "updated_at", "closed_at"),
    custom="deal",
    capped=True,
)

DEAL_PRODUCTS = Entity(
    "Deal product",
    {
        "product_id": _ref("products", required=True),
        "price": _PRICE,
        "quantity": Field("number", default=1),
        "discount_type": Field("choice", choices=("amount", "percentage"), default="amount"),
        "discount": Field("number", default=0.0),
        "total_price": Field("number", read_only=True),
        "billing_frequency": Field("choice", choices=("one-time", "monthly", "annually"), default="one-time"),
    },
)

NOTES = Entity(
    "Note",
    {
        "description": Field("text", required=True, max_chars=NOTE_MAX_CHARS),
        "user_id": _ref("users"),
        "registered_at": Field("time"),
        "pinned_at": Field("time", read_only=True),
        "edited_by_id": Field("ref", table="users", read_only=True),
        "edited_at": Field("time", read_only=True),
    },
    {"registered_at": "time", "user_id": "id"},
    flags=frozenset({"is:pinned"}),
    sorts=("registered_at",),
)

TASKS = Entity(
    "Task",
    {
        "name": _NAME,
        "description": _TEXT,
        "type": Field("choice", choices=TASK_TYPES, default="task"),
        "status": Field("choice", choices=("open", "completed", "canceled"), default="open"),
        "due_date": Field("time"),
        "created_by_id": _ref("users", required=True),
        "completed_at": Field("time", read_only=True),
        "completed_by_id": Field("ref", table="users", read_only=True),
        "deal_id": _ref("deals", required=True),
        "owner_ids": Field("refs", table="users", default=[]),
    },
    {
        "deal_id": "id",
        "type": "text",
        "owner_ids": "id",
        "completed_at": "time",
        "due_date": "time",
        "status": "text",
    },
    sorts=("due_date", "deal_id", "completed_at", "updated_at"),
)

PIPELINES = Entity(
    "Pipeline",
    {
        "name": _NAME,
        "order": Field("integer"),
        "stage_ids": Field("refs", table="stages", read_only=True, default=[]),
    },
    sorts=("order",),
)

STAGES = Entity(
    "Stage",
    {"name": _NAME, "description": _TEXT, "objective": _TEXT, "order": Field("integer")},
    sorts=("order",),
)

PRODUCTS = Entity(
    "Product",
    {
        "name": _NAME,
        "description": _TEXT,
        "price": Field("number", required=True),
        "visible": Field("flag", required=True),
        "custom_fields": _CUSTOM,
    },
    {"name": "text"},
    flags=frozenset({"is:visible"}),
    sorts=("name",),
    custom="product",
)

CUSTOM_FIELDS = Entity(
    "Custom field",
    {
        "name": _NAME,
        "slug": Field("text", read_only=True),
        "type": Field("choice", choices=("text", "date", "option", "multiple_choice"), required=True),
        "entity": Field("choice", choices=("deal", "contact", "organization", "product"), required=True),
        "options": Field("texts", default=[]),
        "unique": Field("flag", default=False),
        "allow_new_option": Field("flag", default=False),
        "order": Field("integer"),
        "required_rules": Field("rules", default=[]),
        "display_rules": Field("rules", default=[]),
    },
    {"entity": "text", "slug": "text"},
    flags=frozenset({"is:required", "is:visible"}),
    sorts=("slug", "order"),
)

USERS = Entity(
    "User",
    {"name": _NAME, "email": _TEXT, "phone": _TEXT},
    flags=frozenset({"is:active", "is:visible"}),
)

TEAMS = Entity("Team", {"name": _NAME, "user_ids": Field("refs", table="users", default=[])})

WEBHOOKS = Entity(
    "Webhook",
    {
        "name": _TEXT,
        "event_name": Field("choice", choices=EVENT_NAMES, required=True),
        "http_method": Field("choice", choices=("POST",), default="POST"),
        "url": Field("https", required=True),
        "status": Field("choice", choices=("active", "suspended", "inactive"), default="active"),
        "auth_header": Field("text", write_only=True),
        "auth_key": Field("text", write_only=True),
    },
)

FILES = Entity("File", {"name": _NAME, "size": Field("integer"), "url": _TEXT})

ENTITIES: dict[str, Entity] = {
    "contacts": CONTACTS,
    "organizations": ORGANIZATIONS,
    "deals": DEALS,
    "deal_products": DEAL_PRODUCTS,
    "notes": NOTES,
    "tasks": TASKS,
    "pipelines": PIPELINES,
    "stages": STAGES,
    "sources": _named("Source", described=True),
    "campaigns": _named("Campaign", described=True),
    "lost_reasons": _named("Lost reason", described=False),
    "segments": _named("Segment", described=False),
    "products": PRODUCTS,
    "custom_fields": CUSTOM_FIELDS,
    "users": USERS,
    "teams": TEAMS,
    "webhooks": WEBHOOKS,
    "files": FILES,
}
