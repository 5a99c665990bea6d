"""Custom fields: their definitions, and their values in the three forms the vendor has (v2, v1, webhooks)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vaivem.simulators.pipedrive.problems import RefusedError
from vaivem.simulators.pipedrive.schema import CURRENCIES, Record, Spec
from vaivem.simulators.pipedrive.times import read_clock, read_date
from vaivem.simulators.pipedrive.values import ADDRESS_PARTS, check, is_int, is_number, whole_if_it_is

if TYPE_CHECKING:
    from vaivem.simulators.pipedrive.account import Account

CREATABLE = (
    "varchar", "text", "double", "phone", "date", "daterange", "time", "timerange", "set", "enum",
    "varchar_auto", "address", "monetary", "org", "people", "user",
)  # fmt: skip
SEARCHABLE = frozenset({"address", "varchar", "text", "varchar_auto", "double", "monetary", "phone"})
_TEXT_LENGTHS = {"varchar": 255, "varchar_auto": 255, "phone": 255, "text": 65_535}
_TABLES = {"org": "organizations", "people": "persons", "user": "users"}
_ZONE = {"timezone_id": 467, "timezone_name": "America/Sao_Paulo"}
_SUBFIELDS = {
    "monetary": ("currency",),
    "daterange": ("until",),
    "time": ("timezone_id",),
    "timerange": ("timezone_id", "until"),
    "address": (
        "subpremise", "street_number", "route", "sublocality", "locality", "admin_area_level_1",
        "admin_area_level_2", "country", "postal_code", "formatted_address",
    ),
}  # fmt: skip


def definitions(account: Account, entity: str) -> list[Record]:
    """The custom fields of an entity that are not deleted, oldest first."""
    return [f for f in account.tables["fields"].values() if f["entity"] == entity and not f["is_deleted"]]


def definition(account: Account, entity: str, code: object) -> Record | None:
    """One custom field by its 40 hexadecimal digits."""
    return next((field for field in definitions(account, entity) if field["field_code"] == code), None)


def check_values(account: Account, entity: str, sent: Any) -> Record:
    """Return the values of sent custom fields as they are kept; those of deleted fields are passed over."""
    if not isinstance(sent, dict):
        raise RefusedError("custom_fields", "must be an object")
    kept: Record = {}
    for code, value in sent.items():
        field = definition(account, entity, code)
        if field is None:
            deleted = account.tables["fields"].values()
            if any(item["field_code"] == code and item["entity"] == entity for item in deleted):
                continue
            raise RefusedError(f"custom_fields.{code}", "there is no such field")
        kept[code] = None if value is None else _CHECKS[field["field_type"]](account, field, value)
    return kept


def without_option(value: Any, option_id: int) -> Any:
    """A value of an option field after one of its options was deleted."""
    if isinstance(value, list):
        return [item for item in value if item != option_id] or None
    return None if value == option_id else value


def v2_value(field: Record, value: Any, labels: bool) -> Any:
    """The value as API v2 gives it; `labels` makes options objects."""
    if not labels or value is None or field["field_type"] not in ("enum", "set"):
        return value
    if field["field_type"] == "enum":
        return {"id": value, "label": option_label(field, value)}
    return [{"id": item, "label": option_label(field, item)} for item in value]


def v1_values(fields: Iterable[Record], values: Mapping[str, Any]) -> Record:
    """All values flat, as API v1 and its webhooks have them: options as text, parts under `<code>_<part>`."""
    flat: Record = {}
    for field in fields:
        code, kind, value = field["field_code"], field["field_type"], values.get(field["field_code"])
        if kind == "set":
            flat[code] = value and ",".join(str(item) for item in value)
        elif kind == "enum":
            flat[code] = None if value is None else str(value)
        elif kind in _SUBFIELDS:
            flat[code] = value and value["value"]
            for part in _SUBFIELDS[kind]:
                flat[f"{code}_{part}"] = value and value.get(part)
        else:
            flat[code] = value
    return flat


def from_v1(account: Account, entity: str, body: Record) -> Record:
    """Take the flat custom values out of a body of API v1 and return them in v2's form."""
    values: Record = {}
    for field in definitions(account, entity):
        code, kind = field["field_code"], field["field_type"]
        parts = {part: body.pop(f"{code}_{part}", None) for part in _SUBFIELDS.get(kind, ())}
        if code not in body:
            continue
        value = body.pop(code)
        if value in ("", None):
            values[code] = None
        elif kind == "set":
            items = value if isinstance(value, list) else str(value).split(",")
            values[code] = [_whole(code, item) for item in items]
        elif kind in ("enum", "user", "org", "people"):
            values[code] = _whole(code, value)
        elif kind == "double":
            values[code] = _double(code, value)
        elif kind in _SUBFIELDS:
            amount = _double(code, value) if kind == "monetary" else value
            given = {part: item for part, item in parts.items() if item is not None}
            values[code] = {"value": amount, **({"currency": "BRL"} if kind == "monetary" else {}), **given}
        else:
            values[code] = value
    return values


def webhook_value(field: Record, value: Any) -> Any:
    """The typed object of a webhook of version 2."""
    kind = field["field_type"]
    if value is None:
        return None
    if kind in ("enum", "user", "org", "people"):
        return {"type": kind, "id": value}
    if kind == "set":
        return {"type": kind, "values": [{"id": item} for item in value]}
    if isinstance(value, dict):
        return {"type": kind, **value}
    return {"type": kind, "value": value}


def text_of(field: Record, value: Any) -> str:
    """The value as a person reads it."""
    if value is None:
        return ""
    if field["field_type"] == "enum":
        return option_label(field, value)
    if field["field_type"] == "set":
        return ", ".join(option_label(field, item) for item in value)
    if isinstance(value, dict):
        parts = (value["value"], value.get("currency") or value.get("until"))
        return " ".join(str(part) for part in parts if part is not None)
    return str(value)


def option_label(field: Record, option_id: Any) -> str:
    """The label of an option, empty for one that is not there."""
    return next((o["label"] for o in field["options"] or () if o["id"] == option_id), "")


def subfields(code: str, name: str, kind: str) -> list[Record] | None:
    """The parts of a field as its definition lists them."""
    if kind not in _SUBFIELDS:
        return None
    return [
        {"field_code": f"{code}_{part}", "field_name": f"{part} of {name}", "field_type": "varchar"}
        for part in _SUBFIELDS[kind]
    ]


def _whole(code: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise RefusedError(code, "must be an id") from error


def _double(code: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise RefusedError(code, "must be a number") from error


def _refuse(field: Record, reason: str) -> RefusedError:
    return RefusedError(f"custom_fields.{field['field_code']}", reason)


def _text(_account: Account, field: Record, value: Any) -> str:
    if not isinstance(value, str) or len(value) > _TEXT_LENGTHS[field["field_type"]]:
        raise _refuse(field, f"must be a string of at most {_TEXT_LENGTHS[field['field_type']]} characters")
    return value


def _number(_account: Account, field: Record, value: Any) -> int | float:
    if not is_number(value):
        raise _refuse(field, "must be a number")
    return whole_if_it_is(value)


def _date(_account: Account, field: Record, value: Any) -> str:
    return _parsed(field, read_date, value, "YYYY-MM-DD")


def _parsed(field: Record, read: Callable[[str], str], value: Any, form: str) -> str:
    try:
        return read(value)
    except (TypeError, ValueError) as error:
        raise _refuse(field, f"must be in the format {form}") from error


def _option(_account: Account, field: Record, value: Any) -> int:
    if not is_int(value) or not any(option["id"] == value for option in field["options"]):
        raise _refuse(field, "must be the id of an option")
    return int(value)


def _options(account: Account, field: Record, value: Any) -> list[int]:
    if not isinstance(value, list) or not value:
        raise _refuse(field, "must be an array of at least one option id")
    return [_option(account, field, item) for item in value]


def _parts(field: Record, value: Any, needed: tuple[str, ...], known: tuple[str, ...] = ()) -> Record:
    if not isinstance(value, dict) or set(value) - {*needed, *known} or set(needed) - set(value):
        raise _refuse(field, f"must be an object of {', '.join((*needed, *known))}")
    return value


def _monetary(_account: Account, field: Record, value: Any) -> Record:
    parts = _parts(field, value, ("value", "currency"))
    if not is_number(parts["value"]) or parts["currency"] not in CURRENCIES:
        raise _refuse(field, "must be an amount and a currency of the account")
    return {"value": whole_if_it_is(parts["value"]), "currency": parts["currency"]}


def _date_range(_account: Account, field: Record, value: Any) -> Record:
    parts = _parts(field, value, ("value", "until"))
    return {key: _parsed(field, read_date, parts[key], "YYYY-MM-DD") for key in ("value", "until")}


def _clock(_account: Account, field: Record, value: Any) -> Record:
    ends = ("value", "until") if field["field_type"] == "timerange" else ("value",)
    parts = _parts(field, value, ends, ("timezone_id", "timezone_name"))
    clocks = {key: _parsed(field, read_clock, parts[key], "HH:MM:SS") for key in ends}
    return {**_ZONE, **{key: parts[key] for key in _ZONE if parts.get(key) is not None}, **clocks}


def _address(_account: Account, field: Record, value: Any) -> Record:
    parts = _parts(field, value, ("value",), (*ADDRESS_PARTS[1:], "formatted_address"))
    if not isinstance(parts["value"], str):
        raise _refuse(field, "value must be a string")
    shown = {part: parts.get(part) for part in ADDRESS_PARTS}
    return {**shown, "formatted_address": parts.get("formatted_address") or parts["value"]}


def _link(account: Account, field: Record, value: Any) -> int:
    name, table = f"custom_fields.{field['field_code']}", _TABLES[field["field_type"]]
    return int(check(account, name, Spec("id", table, nullable=False), value))


_CHECKS: dict[str, Callable[[Any, Record, Any], Any]] = {
    "varchar": _text,
    "varchar_auto": _text,
    "text": _text,
    "phone": _text,
    "double": _number,
    "date": _date,
    "enum": _option,
    "set": _options,
    "monetary": _monetary,
    "daterange": _date_range,
    "time": _clock,
    "timerange": _clock,
    "address": _address,
    "org": _link,
    "people": _link,
    "user": _link,
}
