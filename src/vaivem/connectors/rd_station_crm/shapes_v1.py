"""API v1's own shapes, to and from our records. Pure.

v1 embeds related records and speaks of the same things with other words; its misspellings are the vendor's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from vaivem.connectors.rd_station_crm.records import Changes, Record, custom_of

# Inside {"deal": {…}}; relations that stand beside it are in `deal_create` and `deal_update`.
DEAL = {
    "name": "name",
    "owner": "user_id",
    "rating": "rating",
    "expected_close_date": "prediction_date",
    "lost_reason": "deal_lost_reason_id",
}
STATUS: Mapping[str, Mapping[str, Any]] = {
    "won": {"win": True},
    "lost": {"win": False},
    "paused": {"hold": True},
    "ongoing": {"win": None, "hold": None},
}
DISCOUNTS = {"amount": "value", "percentage": "percent"}
BILLINGS = {"one-time": "spare", "monthly": "monthly"}
RELATIONS = {
    "pipeline": "deal_pipeline",
    "stage": "deal_stage",
    "owner": "user",
    "source": "deal_source",
    "campaign": "campaign",
    "organization": "organization",
}
TIMES = ("created_at", "updated_at")


def contact_from(data: Mapping[str, Any]) -> Record:
    """Read a contact."""
    phones = [phone for phone in data.get("phones") or () if phone.get("phone")]
    return {
        "id": id_of(data),
        "name": data.get("name"),
        "job_title": data.get("title"),
        "birthday": _birthday_from(data.get("birthday")),
        "organization": data.get("organization_id") or id_of(data.get("organization") or {}) or None,
        "emails": [email["email"] for email in data.get("emails") or () if email.get("email")],
        "phones": [phone["phone"] for phone in phones],
        "phone_types": {phone["phone"]: phone.get("type") for phone in phones},
        "custom": _custom_from(data.get("contact_custom_fields")),
        "deals": _deal_ids(data),
        **{time: data.get(time) for time in TIMES},
    }


def contact_to(changes: Changes, types: Mapping[str, str]) -> dict[str, Any]:
    """Write what changes in a contact."""
    names = {"name": "name", "job_title": "title", "organization": "organization_id", "deals": "deal_ids"}
    body = _renamed(changes, names)
    if "birthday" in changes:
        body["birthday"] = _birthday_to(changes["birthday"])
    if "email" in changes:
        body["emails"] = [{"email": email} for email in _listed(changes["email"])]
    if "phone" in changes:
        phones = _listed(changes["phone"])
        body["phones"] = [{"phone": phone, "type": types.get(phone) or "work"} for phone in phones]
    return {"contact": _with_custom(body, changes, "contact_custom_fields")}


def organization_from(data: Mapping[str, Any]) -> Record:
    """Read an organization. Lists call its own fields otherwise than single answers."""
    return {
        "id": id_of(data),
        "name": data.get("name"),
        "description": data.get("resume"),
        "website": data.get("url"),
        "address": data.get("address"),
        "owner": data.get("user_id") or id_of(data.get("user") or {}) or None,
        "segments": [],
        "custom": _custom_from(data.get("organization_custom_fields") or data.get("custom_fields")),
        **{time: data.get(time) for time in TIMES},
    }


def organization_to(changes: Changes) -> dict[str, Any]:
    """Write what changes in an organization."""
    names = {
        "name": "name",
        "description": "resume",
        "website": "url",
        "address": "address",
        "owner": "user_id",
    }
    body = _with_custom(_renamed(changes, names), changes, "organization_custom_fields")
    return {"organization": body}


def deal_from(data: Mapping[str, Any]) -> Record:
    """Read a deal. `contacts` is None where the answer does not hold them."""
    related = {ours: data.get(theirs) or {} for ours, theirs in RELATIONS.items()}
    stage = related["stage"]
    ids: Record = {ours: id_of(relation) or None for ours, relation in related.items()}
    ids["pipeline"] = ids["pipeline"] or stage.get("deal_pipeline_id")
    ids["source"] = ids["source"] or data.get("deal_source_id")
    ids["campaign"] = ids["campaign"] or data.get("campaign_id")
    contacts = data.get("contacts")
    return {
        "id": id_of(data),
        "name": data.get("name"),
        "status": status_of(data),
        **ids,
        "lost_reason": data.get("deal_lost_reason_id") or id_of(data.get("deal_lost_reason") or {}) or None,
        "contacts": [id_of(contact) for contact in contacts] if isinstance(contacts, list) else None,
        "one_time_price": data.get("amount_unique"),
        "recurrence_price": data.get("amount_montly"),
        "total_price": data.get("amount_total"),
        "expected_close_date": data.get("prediction_date"),
        "rating": data.get("rating"),
        "closed_at": data.get("closed_at"),
        "custom": _custom_from(data.get("deal_custom_fields")),
        "names": {ours: relation["name"] for ours, relation in related.items() if relation.get("name")},
        **{time: data.get(time) for time in TIMES},
    }


def status_of(data: Mapping[str, Any]) -> str:
    """Return our word for v1's pair of flags."""
    if data.get("win") is not None:
        return "won" if data["win"] else "lost"
    return "paused" if data.get("hold") else "ongoing"


def deal_create(changes: Changes, *, link: bool) -> dict[str, Any]:
    """Write a new deal: the stage stands inside it. `link` says whether its contacts are told here."""
    body = _deal_body(changes)
    if changes.get("stage"):
        body["deal"]["deal_stage_id"] = changes["stage"]
    if link and changes.get("contacts"):
        body["set_contacts"] = [{"_id": contact} for contact in changes["contacts"]]
    return body


def deal_update(changes: Changes) -> dict[str, Any]:
    """Write what changes in a deal: the stage stands beside it."""
    body = _deal_body(changes)
    if changes.get("stage"):
        body["deal_stage_id"] = changes["stage"]
    return body


def _deal_body(changes: Changes) -> dict[str, Any]:
    deal = _renamed(changes, DEAL) | dict(STATUS.get(changes.get("status") or "", {}))
    body: dict[str, Any] = {"deal": _with_custom(deal, changes, "deal_custom_fields")}
    for ours, theirs in (
        ("source", "deal_source"),
        ("campaign", "campaign"),
        ("organization", "organization"),
    ):
        if changes.get(ours):
            body[theirs] = {"_id": changes[ours]}
    return body


def product_from(data: Mapping[str, Any]) -> Record:
    """Read a product's line in a deal."""
    product = data.get("product_id") or id_of(data.get("product") or {})
    return {
        "id": id_of(data),
        "product": product,
        "price": data.get("price"),
        "quantity": data.get("amount"),
        "discount": data.get("discount"),
        "discount_type": _back(DISCOUNTS, data.get("discount_type")),
        "billing": _back(BILLINGS, data.get("recurrence")),
    }


def product_to(changes: Changes) -> dict[str, Any]:
    """Write a product's line in a deal."""
    names = {"product": "product_id", "price": "price", "quantity": "amount", "discount": "discount"}
    body = _renamed(changes, names)
    if changes.get("discount_type"):
        body["discount_type"] = DISCOUNTS[changes["discount_type"]]
    if changes.get("billing"):
        body["recurrence"] = BILLINGS[changes["billing"]]
    return body


def note_from(data: Mapping[str, Any]) -> Record:
    """Read a note (an "activity")."""
    made = data.get("created_at") or data.get("date")
    return {"id": id_of(data), "text": data.get("text"), "deal": data.get("deal_id"), "created_at": made}


def task_from(data: Mapping[str, Any], zone: str) -> Record:
    """Read a task."""
    return {
        "id": id_of(data),
        "name": data.get("subject"),
        "type": data.get("type"),
        "due": _due_from(data, zone),
        "deal": data.get("deal_id") or id_of(data.get("deal") or {}) or None,
        "created_at": data.get("created_at"),
    }


def task_to(changes: Changes, zone: str) -> dict[str, Any]:
    """Write a task: its day and hour stand apart, in the account's time zone."""
    names = {"name": "subject", "type": "type", "description": "notes", "deal": "deal_id"}
    body = _renamed(changes, names)
    if changes.get("owner"):
        body["user_ids"] = [changes["owner"]]
    if changes.get("due"):
        due = datetime.fromisoformat(changes["due"]).astimezone(ZoneInfo(zone))
        body |= {"date": due.strftime("%Y-%m-%d"), "hour": due.strftime("%H:%M")}
    return {"task": body}


def _due_from(data: Mapping[str, Any], zone: str) -> str | None:
    day, hour = str(data.get("date") or "")[:10], str(data.get("hour") or "00:00")[:5]
    try:
        return datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=ZoneInfo(zone)).isoformat()
    except ValueError:
        return None


def id_of(data: Mapping[str, Any]) -> str:
    """Return a record's id, "" for none: v1 has it as ``id``, ``_id`` or both."""
    return str(data.get("id") or data.get("_id") or "")


def _deal_ids(data: Mapping[str, Any]) -> list[str]:
    if data.get("deal_ids"):
        return [str(deal) for deal in data["deal_ids"]]
    deals = data.get("deals") or ()
    return [id_of(deal) if isinstance(deal, Mapping) else str(deal) for deal in deals]


def _custom_from(values: Any) -> Record:
    if isinstance(values, Mapping):  # lists of organizations have been seen with an object
        return dict(values)
    found = {_custom_key(value): value.get("value") for value in values or ()}
    return {key: value for key, value in found.items() if key}


def _custom_key(value: Mapping[str, Any]) -> str:
    return str(value.get("custom_field_id") or id_of(value.get("custom_field") or {}))


def _with_custom(body: dict[str, Any], changes: Changes, name: str) -> dict[str, Any]:
    custom = custom_of(changes)
    if not custom:
        return body
    return {**body, name: [{"custom_field_id": key, "value": value} for key, value in custom.items()]}


def _birthday_from(value: Any) -> str | None:
    if not isinstance(value, Mapping) or not (value.get("day") and value.get("month")):
        return None
    return f"{int(value.get('year') or 0):04d}-{int(value['month']):02d}-{int(value['day']):02d}"


def _birthday_to(value: str | None) -> dict[str, int] | None:
    if not value:
        return None
    year, month, day = (int(part) for part in value.split("-"))
    return {"day": day, "month": month, "year": year}


def _back(names: Mapping[str, str], theirs: Any) -> str | None:
    return next((ours for ours, word in names.items() if word == theirs), None)


def _renamed(changes: Changes, names: Mapping[str, str]) -> dict[str, Any]:
    return {names[key]: value for key, value in changes.items() if key in names}


def _listed(value: Any) -> Iterable[str]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)
