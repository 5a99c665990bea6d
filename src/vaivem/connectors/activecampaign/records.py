"""Contacts, accounts and deals as plain dicts with our names, and back into what the vendor takes.

- contact: ``id, email, first_name, last_name, phone, lists [ids of the lists that it gets], account (id),
  custom {number: value}, created_at, updated_at``
- account: ``id, name, website, owner (id), custom, created_at, updated_at``
- deal: ``id, title, description, status (open, won, lost), pipeline, stage, owner, contact, account (ids),
  value, currency, percent, custom, created_at, updated_at``

What is written has the keys of our fields without their group. A deal's value is in cents at the vendor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vaivem.connectors.activecampaign.client import whole
from vaivem.connectors.activecampaign.custom_values import CUSTOM, OwnFields, custom_of, major
from vaivem.connectors.sdk import Connection, Written
from vaivem.core.likeness import moment_of
from vaivem.core.numbers import parse_number

Record = dict[str, Any]

STATUSES = ("open", "won", "lost")
SUBSCRIBED = "1"
_CONTACT = {"email": "email", "first_name": "firstName", "last_name": "lastName", "phone": "phone"}
_ACCOUNT = {"name": "name", "website": "accountUrl", "owner": "owner"}
_DEAL = {
    "title": "title", "description": "description", "pipeline": "group", "stage": "stage", "owner": "owner",
    "contact": "contact", "account": "account", "percent": "percent",
}  # fmt: skip
NAMES: Mapping[str, Mapping[str, str]] = {"contact": _CONTACT, "account": _ACCOUNT, "deal": _DEAL}
IDS = frozenset({"owner", "contact", "account", "pipeline", "stage"})
# How webhooks name what was changed in a deal.
_UPDATED = {
    "stageid": "stage", "pipelineid": "pipeline", "group": "pipeline", "contactid": "contact",
    "orgid": "account", "customer_account": "account", "ownerid": "owner",
}  # fmt: skip


def contact_from(connection: Connection, body: Mapping[str, Any]) -> Record:
    """Return a contact out of an answer: its values, lists and account stand beside it."""
    row = _object(body.get("contact"))
    own = OwnFields(connection, "contact")
    values = [one for one in body.get("fieldValues") or () if isinstance(one, Mapping)]
    lists = [one for one in body.get("contactLists") or () if isinstance(one, Mapping)]
    accounts = [one for one in body.get("accountContacts") or () if isinstance(one, Mapping)]
    return {
        "id": str(row.get("id") or ""),
        **{ours: row.get(theirs) or None for ours, theirs in _CONTACT.items()},
        "lists": [str(one["list"]) for one in lists if str(one.get("status")) == SUBSCRIBED],
        "account": next((text(one.get("account")) for one in accounts), None),
        "custom": {str(one["field"]): own.read(str(one["field"]), one.get("value")) for one in values},
        "created_at": _utc(row.get("created_utc_timestamp")) or row.get("cdate"),
        "updated_at": _utc(row.get("updated_utc_timestamp")) or row.get("udate"),
    }


def account_from(row: Mapping[str, Any], custom: Mapping[str, Any]) -> Record:
    """Return an account out of an answer."""
    return {
        "id": str(row.get("id") or ""),
        "name": row.get("name") or None,
        "website": row.get("accountUrl") or None,
        "owner": text(row.get("owner")),
        "custom": dict(custom),
        "created_at": row.get("createdTimestamp"),
        "updated_at": row.get("updatedTimestamp"),
    }


def deal_from(row: Mapping[str, Any], custom: Mapping[str, Any]) -> Record:
    """Return a deal out of an answer."""
    deal: Record = {"id": str(row.get("id") or "")}
    for ours, theirs in _DEAL.items():
        value = row.get(theirs)
        deal[ours] = text(value) if ours in IDS else value or None
    # `account` and `customerAccount` are the same; where the contact's organization is meant, it is elsewhere
    deal["account"] = text(row.get("customerAccount")) or deal["account"]
    cents = parse_number(row.get("value"))
    deal["value"] = None if cents is None else major(cents)
    deal["currency"] = str(row["currency"]).upper() if row.get("currency") else None
    deal["status"] = status_of(row.get("status"))
    deal["percent"] = None if row.get("percent") in (None, "") else int(float(str(row["percent"])))
    deal["custom"] = dict(custom)
    deal["created_at"], deal["updated_at"] = row.get("cdate"), row.get("mdate")
    return deal


def values_from(connection: Connection, object_key: str, rows: Iterable[Mapping[str, Any]]) -> Record:
    """Return an account's or a deal's own values by number, out of their list."""
    own = OwnFields(connection, object_key)
    numbered = ((str(row.get("customFieldId")), row.get("fieldValue")) for row in rows)
    return {number: own.read(number, value) for number, value in numbered}


def status_of(value: Any) -> str | None:
    """Return a deal's status in words."""
    number = str(value)
    return STATUSES[int(number)] if number.isdecimal() and int(number) < len(STATUSES) else None


def body_for(connection: Connection, object_key: str, changes: Mapping[str, Any]) -> Record:
    """Return the body that makes `changes`, by our field keys."""
    body: Record = {}
    for key, value in changes.items():
        if key in NAMES[object_key]:
            body[NAMES[object_key][key]] = _written(object_key, key, value)
        elif key == "status":
            body["status"] = STATUSES.index(value)
        elif key == "value":
            body["value"] = round((value or 0) * 100)
        elif key == "currency":
            body["currency"] = str(value).lower()
    custom = custom_of(changes)
    if custom:
        named = "fieldValues" if object_key == "contact" else "fields"
        body[named] = OwnFields(connection, object_key).written(custom)
    return body


def not_told(before: Mapping[str, Any], object_key: str, row: Mapping[str, Any]) -> Record:
    """Return what a record was before, as far as an answer leaves it out."""
    return {
        ours: before[ours]
        for ours, theirs in NAMES[object_key].items()
        if theirs not in row and ours in before
    }


def flat(record: Record) -> Record:
    """Return a record by field key, to compare with what a rule wants."""
    plain = {key: value for key, value in record.items() if key != "custom"}
    return plain | {f"{CUSTOM}{number}": value for number, value in record["custom"].items()}


def contact_shown(connection: Connection, contact: Mapping[str, Any]) -> Record:
    """Return a contact's fields as our writes and the vendor's events are compared: all of them, each time.

    An event tells the whole contact and not what was changed.
    """
    custom = contact.get("custom") or {}
    numbers = dict.fromkeys((*OwnFields(connection, "contact").numbers, *custom))
    shown = {key: contact.get(key) or "" for key in _CONTACT}
    return shown | {f"{CUSTOM}{number}": custom.get(number) or "" for number in numbers}


def contact_written(connection: Connection, contact: Record) -> Written:
    """Return what a write left in a contact."""
    version = moment_of(contact["updated_at"])
    return Written("contact", contact["id"], contact_shown(connection, contact), version)


def deal_written(changes: Mapping[str, Any], deal: Record) -> Written:
    """Return what a write of `changes` left in a deal."""
    now = flat(deal) if "custom" in deal else deal
    values = {key: now.get(key, changes[key]) for key in changes}
    return Written("deal", deal["id"], values, moment_of(deal.get("updated_at")))


def deal_changed(deal: Record, names: Iterable[str]) -> Record | None:
    """Return what a deal's changed fields are now, by field key; None where an event does not name them."""
    now = flat(deal)
    known = [_UPDATED.get(name, name) for name in names]
    return {key: now.get(key) for key in known} or None


def text(value: Any) -> str | None:
    """Return an id as text; None for none, which the vendor also writes as "0"."""
    return None if value in (None, "", "0", 0) else str(value)


def _utc(value: Any) -> str | None:
    """Return a time of the vendor's without a zone, which is UTC, with one."""
    return f"{str(value).replace(' ', 'T')}+00:00" if value and not str(value).startswith("0000") else None


def _written(object_key: str, key: str, value: Any) -> Any:
    if value is None:
        return ""
    if key == "owner" and object_key == "account":
        return whole(value)
    return value


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
