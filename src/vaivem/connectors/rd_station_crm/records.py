"""One shape for each kind of record, whichever of the two APIs it came from.

The APIs' own shapes stay in `shapes_v1` and `shapes_v2`; everything else works with these plain dicts:

- contact: ``id, name, emails [str], phones [str], phone_types {phone: type}, job_title, birthday,
  organization (id), custom {key: value}, deals [id] (v1 only), created_at, updated_at``
- organization: ``id, name, description, website, address, owner (id), segments [id], custom {key: value},
  created_at, updated_at``
- deal: ``id, name, status, pipeline, stage, owner, source, campaign, lost_reason, organization (ids),
  contacts [id] or None when the answer did not say, one_time_price, recurrence_price, total_price,
  expected_close_date, rating, closed_at, custom, names {relation: name}, created_at, updated_at``

What is written has the keys of our fields without their group (``name``, ``email``, ``custom.<key>``): the
`changes` that `Values.to_create` and `Values.to_update` give.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.connectors.sdk import Written
from vaivem.core.identity import normalise_phone
from vaivem.core.likeness import has_address, has_number, moment_of

Record = dict[str, Any]
Changes = Mapping[str, Any]

CUSTOM = "custom."
OPEN = ("ongoing", "paused")


def flat_contact(contact: Record) -> Record:
    """Return a contact by field key, to compare with what a rule wants."""
    plain = {key: contact.get(key) for key in ("name", "job_title", "birthday", "organization")}
    lists = {"email": contact.get("emails") or [], "phone": contact.get("phones") or []}
    return plain | lists | flat_custom(contact)


def flat_organization(organization: Record) -> Record:
    """Return an organization by field key."""
    plain = {
        key: organization.get(key)
        for key in ("name", "description", "website", "address", "owner", "segments")
    }
    return plain | flat_custom(organization)


DEAL_KEYS = (
    "name", "pipeline", "stage", "owner", "source", "campaign", "lost_reason", "organization", "status",
    "one_time_price", "recurrence_price", "expected_close_date", "rating",
)  # fmt: skip


def flat_deal(deal: Record) -> Record:
    """Return a deal by field key."""
    return {"id": deal["id"]} | {key: deal.get(key) for key in DEAL_KEYS} | flat_custom(deal)


_FLAT = {"contact": flat_contact, "organization": flat_organization, "deal": flat_deal}


def fields_told(object_key: str, record: Record) -> Record | None:
    """Return what a webhook's document tells of a record, by field key; None for objects without fields."""
    if object_key not in _FLAT:
        return None
    held = record.keys() | {key for key in ("email", "phone") if f"{key}s" in record}
    fields = _FLAT[object_key]({"id": "", **record})
    return {key: value for key, value in fields.items() if key in held - {"id"} or key.startswith(CUSTOM)}


def written(object_key: str, changes: Changes, record: Record) -> Written:
    """Return what a write of `changes` left in a record, as the vendor's answer shows it."""
    now = _FLAT[object_key](record)
    values = {key: now[key] for key in changes if key in now}
    return Written(object_key, str(record["id"]), values, moment_of(record.get("updated_at")))


def flat_custom(record: Record) -> Record:
    """Return a record's own fields as ``custom.<key>``."""
    return {f"{CUSTOM}{key}": value for key, value in (record.get("custom") or {}).items()}


def custom_of(changes: Changes) -> Record:
    """Return the own fields among changes, by their key at the vendor."""
    return {key.removeprefix(CUSTOM): value for key, value in changes.items() if key.startswith(CUSTOM)}


def has_email(contact: Record, email: str) -> bool:
    """Say whether a contact has an address."""
    return has_address(contact["emails"], email)


def has_phone(contact: Record, phone: str) -> bool:
    """Say whether a contact has a phone number."""
    return has_number(contact["phones"], phone)


def phone_spellings(phone: str) -> tuple[str, ...]:
    """Return how people write a phone number: the vendor keeps and compares it as typed."""
    number = normalise_phone(phone) or phone
    spellings = [number, number.removeprefix("+")]
    if number.startswith("+55") and len(number) in (13, 14):
        area, local = number[3:5], number[5:]
        dashed = f"{local[:-4]}-{local[-4:]}"
        spellings += [f"{area}{local}", f"({area}) {dashed}", f"{area} {dashed}", f"+55 {area} {dashed}"]
    return tuple(dict.fromkeys([*spellings, phone]))
