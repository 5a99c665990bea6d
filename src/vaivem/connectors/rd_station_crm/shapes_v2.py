"""API v2's own shapes, to and from our records. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vaivem.connectors.rd_station_crm.records import Changes, Record, custom_of

# Our key, the vendor's key.
CONTACT = {
    "name": "name",
    "job_title": "job_title",
    "birthday": "birthday",
    "organization": "organization_id",
}
ORGANIZATION = {
    "name": "name",
    "description": "description",
    "website": "url",
    "owner": "owner_id",
    "segments": "segment_ids",
}
DEAL = {
    "name": "name",
    "pipeline": "pipeline_id",
    "stage": "stage_id",
    "owner": "owner_id",
    "source": "source_id",
    "campaign": "campaign_id",
    "lost_reason": "lost_reason_id",
    "organization": "organization_id",
    "contacts": "contact_ids",
    "one_time_price": "one_time_price",
    "recurrence_price": "recurrence_price",
    "expected_close_date": "expected_close_date",
    "rating": "rating",
    "status": "status",
}
PRODUCT = {
    "product": "product_id",
    "price": "price",
    "quantity": "quantity",
    "discount_type": "discount_type",
    "discount": "discount",
    "billing": "billing_frequency",
}
TIMES = ("created_at", "updated_at")


def contact_from(data: Mapping[str, Any]) -> Record:
    """Read a contact; the webhook's document has the same shape."""
    phones = [phone for phone in data.get("phones") or () if phone.get("phone")]
    return {
        "id": str(data["id"]),
        **{ours: data.get(theirs) for ours, theirs in CONTACT.items()},
        "emails": [email["email"] for email in data.get("emails") or () if email.get("email")],
        "phones": [phone["phone"] for phone in phones],
        "phone_types": {phone["phone"]: phone.get("type") for phone in phones},
        "custom": dict(data.get("custom_fields") or {}),
        **{time: data.get(time) for time in TIMES},
    }


def contact_to(changes: Changes, types: Mapping[str, str]) -> dict[str, Any]:
    """Write what changes in a contact. `types` are the kinds of the phones that it has already."""
    body = _renamed(changes, CONTACT)
    if "email" in changes:
        body["emails"] = [{"email": email} for email in _listed(changes["email"])]
    if "phone" in changes:
        body["phones"] = [
            {"phone": phone, "type": types.get(phone) or phone_type(phone)}
            for phone in _listed(changes["phone"])
        ]
    return _with_custom(body, changes)


def phone_type(phone: str) -> str:
    """Return the vendor's kind of a number: Brazilian mobiles have nine digits and begin with 9."""
    mobile = phone.startswith("+55") and len(phone) == 14 and phone[5] == "9"
    return "mobile" if mobile else "work"


def organization_from(data: Mapping[str, Any]) -> Record:
    """Read an organization; the webhook's document has the same shape."""
    address = data.get("address")
    return {
        "id": str(data["id"]),
        **{ours: data.get(theirs) for ours, theirs in ORGANIZATION.items()},
        "address": address.get("line") if isinstance(address, Mapping) else address,
        "custom": dict(data.get("custom_fields") or {}),
        **{time: data.get(time) for time in TIMES},
    }


def organization_to(changes: Changes) -> dict[str, Any]:
    """Write what changes in an organization."""
    body = _renamed(changes, ORGANIZATION)
    if "address" in changes:
        body["address"] = {"line": changes["address"]}
    return _with_custom(body, changes)


def deal_from(data: Mapping[str, Any]) -> Record:
    """Read a deal."""
    return {
        "id": str(data["id"]),
        **{ours: data.get(theirs) for ours, theirs in DEAL.items()},
        "contacts": [str(contact) for contact in data.get("contact_ids") or ()],
        "total_price": data.get("total_price"),
        "closed_at": data.get("closed_at"),
        "custom": dict(data.get("custom_fields") or {}),
        "names": {},
        **{time: data.get(time) for time in TIMES},
    }


def deal_to(changes: Changes) -> dict[str, Any]:
    """Write what changes in a deal."""
    return _with_custom(_renamed(changes, DEAL), changes)


def product_from(data: Mapping[str, Any]) -> Record:
    """Read a product's line in a deal."""
    return {"id": str(data["id"]), **{ours: data.get(theirs) for ours, theirs in PRODUCT.items()}}


def product_to(changes: Changes) -> dict[str, Any]:
    """Write a product's line in a deal."""
    return _renamed(changes, PRODUCT)


def note_from(data: Mapping[str, Any]) -> Record:
    """Read a note."""
    return {"id": str(data["id"]), "text": data.get("description"), "created_at": data.get("registered_at")}


def task_from(data: Mapping[str, Any]) -> Record:
    """Read a task."""
    return {
        "id": str(data["id"]),
        "name": data.get("name"),
        "type": data.get("type"),
        "due": data.get("due_date"),
        "deal": data.get("deal_id"),
        "created_at": data.get("created_at"),
    }


def _renamed(changes: Changes, names: Mapping[str, str]) -> dict[str, Any]:
    return {names[key]: value for key, value in changes.items() if key in names}


def _with_custom(body: dict[str, Any], changes: Changes) -> dict[str, Any]:
    custom = custom_of(changes)
    return {**body, "custom_fields": custom} if custom else body


def _listed(value: Any) -> Iterable[str]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)
