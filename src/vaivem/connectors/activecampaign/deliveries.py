"""What the vendor's deliveries say: forms whose names have brackets, one event each.

https://developers.activecampaign.com/page/webhooks. The names of a contact's own fields are their numbers or
their personalisation tags in small letters; several values of one are joined by bars.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from vaivem.connectors.activecampaign.custom_values import OwnFields
from vaivem.connectors.activecampaign.records import Record, contact_shown, deal_changed, deal_from
from vaivem.connectors.sdk import Connection, Event
from vaivem.core.errors import UnreadableError
from vaivem.core.likeness import moment_of
from vaivem.core.numbers import parse_number

MOST_PARTS = 20_000
NEAR_SECONDS = 2.0  # a webhook's time is when it was told, a list's when it was done
CAUGHT_UP = "caught_up"
OBJECTS = {"account": "account", "deal": "deal"}
_PART = re.compile(r"\[([^\]]*)\]")
_BY_API = "api"
TAGGED = {"contact_tag_added": "tags_on", "contact_tag_removed": "tags_off"}


def nested(body: bytes) -> Record:
    """Return a form as nested objects: ``contact[fields][1]=x`` is ``{"contact": {"fields": {"1": "x"}}}``.

    Empty brackets count up. Raises UnreadableError for what is no form.
    """
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_PARTS)
    except ValueError as error:
        raise UnreadableError(detail=str(error)) from error
    found: Record = {}
    for name, value in pairs:
        head, bracket, _ = name.partition("[")
        _put(found, [head, *(_PART.findall(name) if bracket else ())], value)
    return found


def _put(found: Record, path: list[str], value: str) -> None:
    place = found
    for part, after in zip(path, [*path[1:], None], strict=True):
        key = part or str(len(place))
        if after is None:
            if isinstance(place.get(key), Mapping):
                key = str(len(place))  # a name that is a text and an object: neither is lost
            place[key] = value
            return
        inner = place.get(key)
        if not isinstance(inner, dict):
            inner = place[key] = {} if inner is None else {"0": inner}
        place = inner


def event_of(connection: Connection, form: Mapping[str, Any]) -> Event:
    """Return the event of a delivery. Raises UnreadableError where it names no record."""
    kind = str(form.get("type") or "")
    object_key = OBJECTS.get(kind.partition("_")[0], "contact")
    row = _object(form.get(object_key))
    record = str(row.get("id") or "")
    if not kind or not record.isdecimal():
        raise UnreadableError(detail="no type, or no id of a record")
    caught_up = bool(form.get(CAUGHT_UP))
    happened = moment_of(form.get("date_time"))
    data = _data(form, object_key, caught_up=caught_up)
    by_api = form.get("initiated_from") == _BY_API
    title = _title(data, object_key, row)
    second = happened.isoformat(timespec="seconds") if happened else ""
    return Event(
        kind=kind,
        object=object_key,
        record=record,
        # A real one has no mark of its own: the whole request tells it from others.
        same=(kind, record, data["tag"]["name"], second) if caught_up else (),
        data=data,
        title=title,
        occurred=happened,
        terms=_terms(form, record, title),
        changed=_changed(connection, form, data, kind),
        # By the API it may be ours, and only content tells: the times of a write and of its event differ.
        version=None if by_api else happened,
        near=NEAR_SECONDS if caught_up else 0.0,
    )


def _data(form: Mapping[str, Any], object_key: str, *, caught_up: bool) -> dict[str, Any]:
    updated = _object(form.get("updated_fields"))
    data: dict[str, Any] = {
        "event": {
            "name": form.get("type"),
            "at": form.get("date_time"),
            "source": form.get("initiated_from") or None,
            "caught_up": caught_up,
        },
        "tag": {"name": str(form.get("tag") or "")},
        "list": {"id": _list_id(form)},
        "updated": [str(name) for name in updated.values()],
    }
    data |= {name: told for name in ("contact", "account") if (told := _told(name, form))}
    if "contact" in data and data["event"]["name"] in TAGGED and data["tag"]["name"]:
        data["contact"][TAGGED[data["event"]["name"]]] = [data["tag"]["name"]]
    if object_key == "deal":
        data["deal"] = deal_of(_object(form.get("deal")))
    return data


def _told(name: str, form: Mapping[str, Any]) -> Record:
    """Return what a delivery says of a contact or a company, its own record or that of a deal."""
    row, deal = _object(form.get(name)), _object(form.get("deal"))
    own = str(row.get("id") or "").isdecimal()
    if name == "account":
        told = {"id": row.get("id"), "name": row.get("name"), "website": row.get("website")} if own else {}
    elif own:
        parts = (row.get("first_name"), row.get("last_name"))
        told = {
            "id": row.get("id"),
            "email": row.get("email"),
            "name": " ".join(str(part) for part in parts if part),
            "phone": row.get("phone"),
        }
    else:
        told = {"id": deal.get("contactid"), "email": deal.get("contact_email")}
    return {key: str(value) for key, value in told.items() if value} if told.get("id") else {}


def deal_of(row: Mapping[str, Any]) -> Record:
    """Return a deal as a webhook tells it. `value_raw` is in whole units there, unlike in the API."""
    amount = parse_number(row.get("value_raw"))
    cents = None if amount is None else str(amount * 100)
    like_api = {
        **row,
        "group": row.get("pipelineid"),
        "stage": row.get("stageid"),
        "contact": row.get("contactid"),
        "account": row.get("orgid"),
        "value": cents,
    }
    return deal_from(like_api, {})


def _changed(
    connection: Connection, form: Mapping[str, Any], data: Mapping[str, Any], kind: str
) -> Record | None:
    """Return what the record's fields are now, as our own writes are kept; None where that is not told."""
    if kind == "deal_update":
        return deal_changed(data["deal"], data["updated"])
    contact = _object(form.get("contact"))
    if kind != "update":
        return None
    own = OwnFields(connection, "contact")
    perstags = {str(one.value): one.label for one in connection.options("perstags")}
    values = {
        perstags.get(str(key).lower(), str(key)): value
        for key, value in _object(contact.get("fields")).items()
    }
    custom = {number: own.read(number, value) for number, value in values.items()}
    return contact_shown(connection, {**contact, "custom": custom})


def _title(data: Mapping[str, Any], object_key: str, row: Mapping[str, Any]) -> str:
    """Return what people see; the same of a webhook and of a list's row, which are compared by it."""
    named = {"contact": row.get("email"), "deal": row.get("title"), "account": row.get("name")}[object_key]
    return " · ".join(str(part) for part in (named, data["tag"]["name"]) if part)


def _terms(form: Mapping[str, Any], record: str, title: str) -> tuple[str, ...]:
    contact, deal = _object(form.get("contact")), _object(form.get("deal"))
    found: Iterable[Any] = (
        record,
        title,
        contact.get("email"),
        contact.get("phone"),
        f"{contact.get('first_name') or ''} {contact.get('last_name') or ''}".strip(),
        contact.get("id"),
        contact.get("orgname"),
        deal.get("contact_email"),
    )
    return tuple(dict.fromkeys(str(term) for term in found if term))


def _list_id(form: Mapping[str, Any]) -> str | None:
    """Return the list of an event, "0" being none: a bare number, ``list[id]`` or ``list[][id]``."""
    told = form.get("list")
    while isinstance(told, Mapping):
        told = told.get("id") or next(iter(told.values()), None)
    return str(told) if told not in (None, "", "0") else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
