"""Whether a sent value fits its field. API v2 is strict: no text for a number, no 0 or 1 for a boolean."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vaivem.simulators.pipedrive.problems import RefusedError
from vaivem.simulators.pipedrive.schema import CURRENCIES, Spec
from vaivem.simulators.pipedrive.times import read_clock, read_date, read_time

if TYPE_CHECKING:
    from vaivem.simulators.pipedrive.account import Account

ADDRESS_PARTS = (
    "value",
    "country",
    "admin_area_level_1",
    "admin_area_level_2",
    "locality",
    "sublocality",
    "route",
    "street_number",
    "subpremise",
    "postal_code",
)
VISIBLE = (1, 3, 5, 7)


def check(account: Account, name: str, spec: Spec, value: Any) -> Any:
    """Return the value as it is kept; RefusedError when the field does not take it."""
    if value is None:
        if not spec.nullable:
            raise RefusedError(name, "must not be null")
        return [] if isinstance(spec.default, tuple) else None
    return _CHECKS[spec.kind](account, name, spec, value)


def is_number(value: Any) -> bool:
    """Whether it is a JSON number (true and false are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def whole_if_it_is(number: float) -> int | float:
    """1200.0 as 1200: the vendor writes no needless fraction."""
    return int(number) if float(number).is_integer() else number


def is_int(value: Any) -> bool:
    """Whether it is a whole JSON number."""
    return isinstance(value, int) and not isinstance(value, bool)


def _text(_account: Account, name: str, spec: Spec, value: Any) -> str:
    if not isinstance(value, str):
        raise RefusedError(name, "must be a string")
    if spec.max_length and len(value) > spec.max_length:
        raise RefusedError(name, f"must be at most {spec.max_length} characters long")
    if spec.choices and value not in spec.choices:
        raise RefusedError(name, f"must be one of {', '.join(spec.choices)}")
    if not spec.nullable and not value.strip():
        raise RefusedError(name, "must not be empty")
    return value


def _int(_account: Account, name: str, _spec: Spec, value: Any) -> int:
    if not is_int(value):
        raise RefusedError(name, "must be an integer")
    return int(value)


def _number(_account: Account, name: str, _spec: Spec, value: Any) -> int | float:
    if not is_number(value):
        raise RefusedError(name, "must be a number")
    return whole_if_it_is(value)


def _percent(account: Account, name: str, spec: Spec, value: Any) -> int | float:
    number = _number(account, name, spec, value)
    if not 0 <= number <= 100:
        raise RefusedError(name, "must be between 0 and 100")
    return number


def _bool(_account: Account, name: str, _spec: Spec, value: Any) -> bool:
    if not isinstance(value, bool):
        raise RefusedError(name, "must be a boolean")
    return value


def _flag(_account: Account, name: str, _spec: Spec, value: Any) -> bool:
    if value not in (0, 1, True, False):
        raise RefusedError(name, "must be 0 or 1")
    return bool(value)


def _id(account: Account, name: str, spec: Spec, value: Any) -> int:
    number = _int(account, name, spec, value)
    if not account.exists(spec.ref, number):
        raise RefusedError(name, f"{spec.ref} {number} does not exist")
    if spec.ref == "users" and not account.tables["users"][number]["active_flag"]:
        raise RefusedError(name, f"user {number} is not active")
    return number


def _uuid(account: Account, name: str, spec: Spec, value: Any) -> str:
    try:
        text = str(UUID(str(value)))
    except ValueError as error:
        raise RefusedError(name, "must be a valid uuid") from error
    if not account.exists(spec.ref, text):
        raise RefusedError(name, f"{spec.ref} {text} does not exist")
    return text


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise RefusedError(name, "must be an array")
    return value


def _uuids(account: Account, name: str, spec: Spec, value: Any) -> list[str]:
    return [_uuid(account, name, spec, item) for item in _list(name, value)]


def _ints(account: Account, name: str, spec: Spec, value: Any) -> list[int]:
    return [_int(account, name, spec, item) for item in _list(name, value)]


def _visible(account: Account, name: str, spec: Spec, value: Any) -> int:
    # Leads and products of API v1 send it as text.
    number = int(value) if isinstance(value, str) and value.isdigit() else _int(account, name, spec, value)
    if number not in VISIBLE:
        raise RefusedError(name, "must be one of 1, 3, 5, 7")
    return number


def _read(reader: Callable[[str], str], form: str) -> Callable[[Account, str, Spec, Any], str]:
    def read(_account: Account, name: str, _spec: Spec, value: Any) -> str:
        try:
            return reader(value)
        except (TypeError, ValueError) as error:
            raise RefusedError(name, f"must be in the format {form}") from error

    return read


def _currency(_account: Account, name: str, _spec: Spec, value: Any) -> str:
    if value not in CURRENCIES:
        raise RefusedError(name, "must be a currency of the account")
    return str(value)


def _items(name: str, value: Any, known: set[str]) -> list[dict[str, Any]]:
    for item in _list(name, value):
        if not isinstance(item, dict) or set(item) - known:
            raise RefusedError(name, f"must be an array of objects of {', '.join(sorted(known))}")
    items: list[dict[str, Any]] = value
    return items


def _contacts(_account: Account, name: str, _spec: Spec, value: Any) -> list[dict[str, Any]]:
    """E-mails, phones, messengers: at most one is primary; where none is, the first."""
    items = _items(name, value, {"value", "primary", "label"})
    if any(not isinstance(item.get("value"), str) for item in items):
        raise RefusedError(name, "value must be a string")
    if sum(item.get("primary") is True for item in items) > 1:
        raise RefusedError(name, "only one item can be primary")
    kept = [item for item in items if item["value"].strip()]
    first = next((place for place, item in enumerate(kept) if item.get("primary") is True), 0)
    return [
        {"value": item["value"], "primary": place == first, "label": str(item.get("label") or "work")}
        for place, item in enumerate(kept)
    ]


def _address(_account: Account, name: str, _spec: Spec, value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict) or set(value) - {*ADDRESS_PARTS, "formatted_address"}:
        raise RefusedError(name, f"must be an object of {', '.join(ADDRESS_PARTS)}")
    if not isinstance(value.get("value"), str):
        raise RefusedError(name, "value must be a string")
    return {part: value.get(part) for part in ADDRESS_PARTS} if value["value"] else None


def _participants(account: Account, name: str, spec: Spec, value: Any) -> list[dict[str, Any]]:
    items = _items(name, value, {"person_id", "primary"})
    person = Spec("id", "persons", nullable=False)
    first = next((place for place, item in enumerate(items) if item.get("primary") is True), 0)
    return [
        {
            "person_id": check(account, f"{name}.person_id", person, item.get("person_id")),
            "primary": place == first,
        }
        for place, item in enumerate(items)
    ]


def _attendees(_account: Account, name: str, _spec: Spec, value: Any) -> list[dict[str, Any]]:
    known = ("email", "name", "status", "is_organizer", "person_id", "user_id")
    return [{key: item.get(key) for key in known} for item in _items(name, value, set(known))]


def _prices(_account: Account, name: str, _spec: Spec, value: Any) -> list[dict[str, Any]]:
    items = _items(name, value, {"price", "currency", "cost", "direct_cost", "notes", "product_id"})
    if any(not is_number(item.get("price", 0)) or item.get("currency") not in CURRENCIES for item in items):
        raise RefusedError(name, "must have a price and a currency")
    return [
        {
            "price": item.get("price", 0),
            "currency": item["currency"],
            "cost": item.get("cost", 0),
            "direct_cost": item.get("direct_cost"),
            "notes": item.get("notes", ""),
        }
        for item in items
    ]


def _money(_account: Account, name: str, _spec: Spec, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not is_number(value.get("amount")):
        raise RefusedError(name, "must be an object of amount and currency")
    if value.get("currency") not in CURRENCIES:
        raise RefusedError(f"{name}.currency", "must be a currency of the account")
    return {"amount": value["amount"], "currency": value["currency"]}


def _activity_type(account: Account, name: str, _spec: Spec, value: Any) -> str:
    types = account.tables["activity_types"].values()
    if not any(item["key_string"] == value and item["active_flag"] for item in types):
        raise RefusedError(name, "must be the key_string of an activity type")
    return str(value)


_CHECKS: dict[str, Callable[[Any, str, Spec, Any], Any]] = {
    "text": _text,
    "int": _int,
    "number": _number,
    "percent": _percent,
    "bool": _bool,
    "flag": _flag,
    "id": _id,
    "uuid": _uuid,
    "uuids": _uuids,
    "ints": _ints,
    "visible": _visible,
    "time": _read(read_time, "YYYY-MM-DDTHH:MM:SSZ"),
    "date": _read(read_date, "YYYY-MM-DD"),
    "clock": _read(read_clock, "HH:MM:SS"),
    "currency": _currency,
    "contacts": _contacts,
    "address": _address,
    "participants": _participants,
    "attendees": _attendees,
    "prices": _prices,
    "money": _money,
    "activity_type": _activity_type,
}
