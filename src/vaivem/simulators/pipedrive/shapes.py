"""Records as API v2 shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vaivem.simulators.pipedrive.custom_fields import definitions, v2_value
from vaivem.simulators.pipedrive.schema import CONTACT_SYNC, ENTITIES, Record
from vaivem.simulators.pipedrive.times import rfc

if TYPE_CHECKING:
    from vaivem.simulators.pipedrive.account import Account

# The time fields, so that each is written in its API's way.
TIMES = {
    table: [name for name, spec in entity.fields.items() if spec.kind == "time"]
    for table, entity in ENTITIES.items()
}
_COUNTS: dict[str, tuple[str, Callable[[Record], bool]]] = {
    "activities_count": ("activities", lambda row: True),
    "done_activities_count": ("activities", lambda row: bool(row["done"])),
    "undone_activities_count": ("activities", lambda row: not row["done"]),
    "notes_count": ("notes", lambda row: True),
    "files_count": ("files", lambda row: True),
    "products_count": ("deal_products", lambda row: True),
    "open_deals_count": ("deals", lambda row: bool(row["status"] == "open")),
    "closed_deals_count": ("deals", lambda row: bool(row["status"] != "open")),
    "won_deals_count": ("deals", lambda row: bool(row["status"] == "won")),
    "lost_deals_count": ("deals", lambda row: bool(row["status"] == "lost")),
    "people_count": ("persons", lambda row: True),
}
_POINTERS = {"persons": "person_id", "organizations": "org_id", "deals": "deal_id"}
OPTIONAL = {
    "persons": (
        "next_activity_id",
        "last_activity_id",
        "open_deals_count",
        "related_open_deals_count",
        "closed_deals_count",
        "related_closed_deals_count",
        "participant_open_deals_count",
        "participant_closed_deals_count",
        "email_messages_count",
        "activities_count",
        "done_activities_count",
        "undone_activities_count",
        "files_count",
        "notes_count",
        "followers_count",
        "won_deals_count",
        "related_won_deals_count",
        "lost_deals_count",
        "related_lost_deals_count",
        "last_incoming_mail_time",
        "last_outgoing_mail_time",
        "marketing_status",
        "doi_status",
        "smart_bcc_email",
    ),
    "organizations": (
        "next_activity_id",
        "last_activity_id",
        "open_deals_count",
        "related_open_deals_count",
        "closed_deals_count",
        "related_closed_deals_count",
        "email_messages_count",
        "people_count",
        "activities_count",
        "done_activities_count",
        "undone_activities_count",
        "files_count",
        "notes_count",
        "followers_count",
        "won_deals_count",
        "related_won_deals_count",
        "lost_deals_count",
        "related_lost_deals_count",
        "smart_bcc_email",
    ),
    "deals": (
        "next_activity_id",
        "last_activity_id",
        "first_won_time",
        "products_count",
        "files_count",
        "notes_count",
        "followers_count",
        "email_messages_count",
        "activities_count",
        "done_activities_count",
        "undone_activities_count",
        "participants_count",
        "last_incoming_mail_time",
        "last_outgoing_mail_time",
        "smart_bcc_email",
        "source_lead_id",
    ),
    "activities": ("attendees",),
}


def v2_shape(
    account: Account, table: str, record: Record, include: list[str], only: list[str], labels: bool
) -> Record:
    """Return a record with the optional fields that are asked for; `only` narrows the custom fields."""
    entity = ENTITIES[table]
    hidden = set(entity.optional)
    if table == "persons" and not account.quirks.contact_sync:
        hidden |= set(CONTACT_SYNC)
    shown: Record = {"id": record["id"]}
    for name in entity.fields:
        if name not in hidden:
            shown[name] = record[name]
    for name in TIMES[table]:
        if name in shown:
            shown[name] = rfc(shown[name])
    if entity.custom:
        values = record["custom_fields"]
        shown["custom_fields"] = {
            field["field_code"]: v2_value(field, values.get(field["field_code"]), labels)
            for field in definitions(account, entity.custom)
            if not only or field["field_code"] in only
        }
    for name in include:
        shown[name] = _optional(account, table, record, name)
    if table == "products":
        shown["category"] = None if record["category"] is None else str(record["category"])
        shown["prices"] = [{"product_id": record["id"], **price} for price in record["prices"]]
    return shown


def label_objects(account: Account, record: Record, entity: str) -> list[Record]:
    """The labels of a record with their names."""
    names = {label["id"]: label["label"] for label in account.company["labels"].get(entity, ())}
    return [{"id": label, "label": names.get(label, "")} for label in record["label_ids"]]


def _optional(account: Account, table: str, record: Record, name: str) -> Any:
    if name in record:
        return record[name]
    if name in _COUNTS:
        other, fits = _COUNTS[name]
        return sum(1 for row in hanging(account, table, record, other) if fits(row))
    if name in ("next_activity_id", "last_activity_id"):
        wanted: Callable[[Record], bool] = (
            (lambda row: not row["done"]) if name.startswith("next") else (lambda row: bool(row["done"]))
        )
        found = [row for row in hanging(account, table, record, "activities") if wanted(row)]
        dated = sorted(found, key=lambda row: (row["due_date"] or "9", row["id"]))
        return (dated[0] if name.startswith("next") else dated[-1])["id"] if dated else None
    if name == "source_lead_id":
        return record.get("_source_lead_id")
    if name == "first_won_time":
        lines = account.changelog.get(f"deals/{record['id']}", ())
        won = [line["time"] for line in lines if line["field_key"] == "status" and line["new_value"] == "won"]
        return rfc(won[0] if won else record["won_time"])
    if name == "smart_bcc_email":
        return f"{account.company['domain']}+{ENTITIES[table].name}{record['id']}@pipedrivemail.com"
    return 0 if name.endswith("_count") else None


def hanging(account: Account, table: str, record: Record, other: str) -> list[Record]:
    """What of another table points at the record."""
    pointer = _POINTERS[table]
    return [row for row in account.rows(other) if row.get(pointer) == record["id"]]
