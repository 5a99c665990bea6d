"""Persons, organizations and deals as plain dicts with our names, and back into what the vendor takes.

- person: ``id, name, first_name, last_name, emails [str], phones [str], email_items, phone_items (the
  vendor's own), owner, organization (ids), job_title, custom {code: value}, created_at, updated_at``
- organization: ``id, name, owner (id), address, website, custom, created_at, updated_at``
- deal: ``id, title, status, pipeline, stage, owner, person, organization (ids), value, currency, probability,
  expected_close_date, lost_reason, won_at, lost_at, closed_at, stage_changed_at, archived, custom,
  created_at, updated_at``

Ids are texts here and numbers at the vendor. What is written has the keys of our fields without their group.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.pipedrive.custom_values import CUSTOM, OwnFields, custom_of, whole
from vaivem.connectors.sdk import Connection, Written
from vaivem.core.identity import normalise_phone
from vaivem.core.likeness import bare_document, has_address, has_number, moment_of

Record = dict[str, Any]

_PERSON = {"name": "name", "first_name": "first_name", "last_name": "last_name", "owner": "owner_id",
           "organization": "org_id", "job_title": "job_title"}  # fmt: skip
_ORGANIZATION = {"name": "name", "owner": "owner_id", "website": "website", "address": "address"}
_DEAL = {
    "title": "title", "status": "status", "pipeline": "pipeline_id", "stage": "stage_id", "owner": "owner_id",
    "person": "person_id", "organization": "org_id", "value": "value", "currency": "currency",
    "probability": "probability", "expected_close_date": "expected_close_date", "lost_reason": "lost_reason",
    "won_at": "won_time", "lost_at": "lost_time", "closed_at": "close_time",
    "stage_changed_at": "stage_change_time", "archived": "is_archived",
}  # fmt: skip
NAMES: Mapping[str, Mapping[str, str]] = {"person": _PERSON, "organization": _ORGANIZATION, "deal": _DEAL}
# What changes by itself with something else.
DERIVED = frozenset(
    ("first_name", "last_name", "won_at", "lost_at", "closed_at", "stage_changed_at", "created_at",
     "updated_at", "emails", "phones")
)  # fmt: skip
IDS = frozenset({"owner", "organization", "person", "pipeline", "stage"})


def record_from(connection: Connection, object_key: str, row: Mapping[str, Any]) -> Record:
    """Return a record out of an answer or a webhook."""
    record: Record = {"id": _text(row.get("id"))}
    for ours, theirs in NAMES[object_key].items():
        value = row.get(theirs)
        record[ours] = _text(_id_of(value)) if ours in IDS else value
    if object_key == "person":
        record["email_items"] = _items(row.get("emails", row.get("email")))
        record["phone_items"] = _items(row.get("phones", row.get("phone")))
        record["emails"] = [item["value"] for item in record["email_items"]]
        record["phones"] = [item["value"] for item in record["phone_items"]]
    if object_key == "organization" and isinstance(record["address"], Mapping):
        record["address"] = record["address"].get("value")
    record["custom"] = OwnFields(connection, object_key).read(row.get("custom_fields"))
    record["created_at"], record["updated_at"] = row.get("add_time"), row.get("update_time")
    return record


def body_for(connection: Connection, object_key: str, changes: Mapping[str, Any], before: Record) -> Record:
    """Return the body that makes `changes`, by our field keys; `before` is the record, {} for a new one."""
    body: Record = {}
    for key, value in changes.items():
        if key in IDS:
            body[NAMES[object_key][key]] = whole(value)
        elif key in ("email", "phone"):
            body[f"{key}s"] = _written_items(value, before.get(f"{key}_items") or [])
        elif key == "address":
            body["address"] = {"value": value} if value is not None else None
        elif not key.startswith(CUSTOM):
            body[NAMES[object_key].get(key, key)] = value
    custom = custom_of(changes)
    if custom:
        currency = changes.get("currency") or before.get("currency")
        body["custom_fields"] = OwnFields(connection, object_key).written(custom, currency)
    return body


def flat(record: Record) -> Record:
    """Return a record by field key, to compare with what a rule wants."""
    plain = {
        key: value for key, value in record.items() if key not in ("custom", "email_items", "phone_items")
    }
    if "emails" in record:
        plain |= {"email": record["emails"], "phone": record["phones"]}
    return plain | {f"{CUSTOM}{code}": value for code, value in record["custom"].items()}


def written(object_key: str, changes: Mapping[str, Any], record: Record) -> Written:
    """Return what a write of `changes` left in a record, as the vendor's answer shows it."""
    now = flat(record)
    values = {key: now[key] for key in changes if key in now}
    return Written(object_key, record["id"], values, moment_of(record["updated_at"]))


def changed(connection: Connection, object_key: str, row: Mapping[str, Any], previous: Any) -> Record | None:
    """Return what a record's changed fields are now, by field key; None when a delivery does not tell.

    `previous` holds the fields that were changed as they were; what the vendor derives of them is no change.
    """
    if not isinstance(previous, Mapping) or not previous:
        return None
    own = {**(row.get("custom_fields") or {}), **(previous.get("custom_fields") or {})}
    earlier = {**row, **previous, "custom_fields": own}
    now = flat(record_from(connection, object_key, row))
    before = flat(record_from(connection, object_key, earlier))
    return {key: value for key, value in now.items() if key not in DERIVED and before.get(key) != value}


def earlier(connection: Connection, object_key: str, now: Record, previous: Mapping[str, Any]) -> Record:
    """Return a record as it was before a change; `previous` holds the fields that were changed."""
    was = record_from(connection, object_key, previous)
    told = {ours for ours, theirs in NAMES[object_key].items() if theirs in previous}
    told |= {
        many for one, many in (("email", "emails"), ("phone", "phones")) if {one, many} & previous.keys()
    }
    return {**now, **{key: was[key] for key in told}, "custom": {**now["custom"], **was["custom"]}}


def has_email(person: Record, email: str) -> bool:
    """Say whether a person has an address."""
    return has_address(person["emails"], email)


def has_phone(person: Record, phone: str) -> bool:
    """Say whether a person has a phone number."""
    return has_number(person["phones"], phone)


def has_document(record: Record, code: str, number: str) -> bool:
    """Say whether an own field holds a CPF or CNPJ, with or without its mask."""
    return bare_document(record["custom"].get(code)) == number


def phone_spellings(phone: str) -> tuple[str, ...]:
    """Return the likeliest ways a number is written: the vendor keeps it as typed, and each search costs."""
    number = normalise_phone(phone) or phone
    if number.startswith("+55") and len(number) in (13, 14):
        area, local = number[3:5], number[5:]
        return number, f"({area}) {local[:-4]}-{local[-4:]}", f"{area}{local}"
    return (number,)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _id_of(value: Any) -> Any:
    """Return a related record's id: v1 and old webhooks nest it."""
    if isinstance(value, Mapping):
        return value.get("id", value.get("value"))
    return value


def _items(value: Any) -> list[dict[str, Any]]:
    """Return e-mails or phones as the vendor's items; empty ones are left out."""
    listed = value if isinstance(value, list) else [value]
    items = [item if isinstance(item, Mapping) else {"value": item} for item in listed if item]
    return [dict(item) for item in items if item.get("value")]


def _written_items(values: Any, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the whole new list: it replaces what is stored, so labels and the primary mark are kept."""
    listed = values if isinstance(values, list) else [values] if values is not None else []
    known = {item["value"]: item for item in before}
    return [dict(known.get(value, {"value": value})) for value in listed]
