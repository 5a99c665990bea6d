"""Checks of the values in a write, one function per kind of field."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from vaivem.simulators.kit.webhooks import check_address
from vaivem.simulators.rd_station_crm.problems import Problem, RefusedError
from vaivem.simulators.rd_station_crm.schema import Field
from vaivem.simulators.rd_station_crm.times import read_date, read_time

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_crm.account import Account

_OBJECT_ID = re.compile(r"[0-9a-f]{24}\Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_BIRTHDAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})\Z")
_LEAP_YEAR = 2000
_LEGAL = {
    "category": ("communications", "data_processing"),
    "type": (
        "consent",
        "legitimate_interest",
        "pre_existent_contract",
        "judicial_process",
        "vital_interest",
        "public_interest",
    ),
    "status": ("granted", "declined"),
}

INVALID = "Não é válido."
BLANK = "não pode ficar em branco."
NOT_IN_LIST = "Não está incluído na lista."

Check = Callable[["Account", str, Field, Any], Any]


class _InvalidError(ValueError):
    """The value does not fit; the text is the vendor's message."""


def clean(
    account: "Account", fields: Mapping[str, Field], data: Mapping[str, Any], *, creating: bool
) -> dict[str, Any]:
    """Return the checked values of a write, without unknown and read-only keys.

    RefusedError lists every value that does not fit. Custom field values pass unchecked here.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, field in fields.items():
        if field.read_only:
            continue
        if name not in data:
            if creating and field.required:
                problems.append(_required(name))
            continue
        value = data[name]
        if value is None or value == "":
            if field.required:
                problems.append(_required(name))
            else:
                values[name] = _copy(field.default) if field.kind != "text" else value
            continue
        try:
            values[name] = _CHECKS[field.kind](account, name, field, value)
        except _InvalidError as error:
            problems.append(Problem(name, str(error)))
        except _IdError as error:
            problems.append(Problem(name, str(error), whole=True))
    if problems:
        raise RefusedError(*problems)
    return values


def defaults(fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return what a new record holds before anything is written to it."""
    return {name: _copy(field.default) for name, field in fields.items()}


def is_object_id(value: object) -> bool:
    """Tell whether a value has the form of a record's id."""
    return isinstance(value, str) and bool(_OBJECT_ID.match(value))


class _IdError(ValueError):
    """An id of bad form, or of no record; the text is the whole message."""


def _required(name: str) -> Problem:
    if name == "created_by_id":
        return Problem(name, "Created by is required", "REQUIRED", whole=True)
    return Problem(name, BLANK, "REQUIRED")


def _copy(default: Any) -> Any:
    return default.copy() if isinstance(default, list | dict) else default


def _text(_account: "Account", _name: str, field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _InvalidError("must be string.")
    if field.max_chars and len(value) > field.max_chars:
        raise _InvalidError(f"é muito longo (máximo: {field.max_chars} caracteres).")
    if field.required and not value.strip():
        raise _InvalidError(BLANK)
    return value


def _number(_account: "Account", _name: str, _field: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _InvalidError("Não é um número.")
    return float(value)


def _integer(_account: "Account", _name: str, _field: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _InvalidError("Não é um número.")
    return value


def _rating(account: "Account", name: str, field: Field, value: Any) -> int:
    rating = _integer(account, name, field, value)
    if not 1 <= rating <= 5:
        raise _InvalidError(NOT_IN_LIST)
    return rating


def _flag(_account: "Account", _name: str, _field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _InvalidError(INVALID)
    return value


def _choice(_account: "Account", _name: str, field: Field, value: Any) -> str:
    if value not in field.choices:
        raise _InvalidError(NOT_IN_LIST)
    return str(value)


def _date(_account: "Account", _name: str, _field: Field, value: Any) -> str:
    try:
        return read_date(value)
    except (ValueError, TypeError) as error:
        raise _InvalidError(INVALID) from error


def _time(_account: "Account", _name: str, _field: Field, value: Any) -> str:
    try:
        return read_time(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise _InvalidError(INVALID) from error


def _birthday(_account: "Account", _name: str, _field: Field, value: Any) -> str:
    match = _BIRTHDAY.match(value) if isinstance(value, str) else None
    if not match:
        raise _InvalidError(INVALID)
    year, month, day = (int(part) for part in match.groups())
    try:
        # Year 0000 means that the year is unknown; 29 February must pass then.
        date(year or _LEAP_YEAR, month, day)
    except ValueError as error:
        raise _InvalidError(INVALID) from error
    return str(value)


def _ref(account: "Account", name: str, field: Field, value: Any) -> str:
    if not is_object_id(value):
        raise _IdError(f"{name} must be BSON::ObjectId or is in invalid format")
    if value not in account.tables[field.table]:
        raise _IdError(f"{name} não encontrado.")
    return str(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _InvalidError(INVALID)
    return value


def _refs(account: "Account", name: str, field: Field, value: Any) -> list[str]:
    return list(dict.fromkeys(_ref(account, name, field, item) for item in _list(value)))


def _texts(_account: "Account", _name: str, _field: Field, value: Any) -> list[str]:
    if not all(isinstance(item, str) and item for item in _list(value)):
        raise _InvalidError(INVALID)
    return list(dict.fromkeys(value))


def _emails(_account: "Account", _name: str, _field: Field, value: Any) -> list[dict[str, str]]:
    emails = [item.get("email") if isinstance(item, dict) else None for item in _list(value)]
    if not all(isinstance(email, str) and _EMAIL.match(email) for email in emails):
        raise _InvalidError(INVALID)
    return [{"email": str(email)} for email in emails]


def _phones(_account: "Account", _name: str, field: Field, value: Any) -> list[dict[str, Any]]:
    phones = []
    for item in _list(value):
        number = item.get("phone") if isinstance(item, dict) else None
        if not isinstance(number, str) or not number.strip():
            raise _InvalidError(INVALID)
        kind = item.get("type") or field.choices[0]
        if kind not in field.choices:
            raise _InvalidError(NOT_IN_LIST)
        phones.append({"phone": number, "type": kind})
    return phones


def _profiles(_account: "Account", _name: str, field: Field, value: Any) -> list[dict[str, str]]:
    profiles = []
    for item in _list(value):
        if not isinstance(item, dict) or item.get("type") not in field.choices:
            raise _InvalidError(NOT_IN_LIST)
        profiles.append({"type": item["type"], "username": str(item.get("username", ""))})
    return profiles


def _legal_bases(_account: "Account", _name: str, _field: Field, value: Any) -> list[dict[str, str]]:
    for item in _list(value):
        if not isinstance(item, dict) or any(item.get(key) not in allowed for key, allowed in _LEGAL.items()):
            raise _InvalidError(NOT_IN_LIST)
    return [{key: item[key] for key in _LEGAL} for item in value]


def _address(_account: "Account", _name: str, _field: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _InvalidError(INVALID)
    return {key: value.get(key) for key in ("line", "latitude", "longitude")}


def _custom(_account: "Account", _name: str, _field: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _InvalidError(INVALID)
    return dict(value)


def _rules(_account: "Account", _name: str, _field: Field, value: Any) -> list[dict[str, Any]]:
    if not all(isinstance(item, dict) for item in _list(value)):
        raise _InvalidError(INVALID)
    return [
        {"property": r.get("property"), "value": r.get("value"), "always": bool(r.get("always"))}
        for r in value
    ]


def _distribution(_account: "Account", _name: str, _field: Field, value: Any) -> dict[str, Any]:
    kinds = ("all", "all_admins", "all_users", "owner", "team", "user")
    if not isinstance(value, dict) or value.get("rule_type") not in kinds:
        raise _InvalidError(NOT_IN_LIST)
    return dict(value)


def _https(_account: "Account", _name: str, _field: Field, value: Any) -> str:
    """The vendor takes https only; a loopback address passes, because nothing leaves the machine there."""
    try:
        check_address(str(value))
    except ValueError as error:
        raise _InvalidError("must be a valid HTTPS URL.") from error
    return str(value)


_CHECKS: dict[str, Check] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "rating": _rating,
    "flag": _flag,
    "choice": _choice,
    "date": _date,
    "time": _time,
    "birthday": _birthday,
    "ref": _ref,
    "refs": _refs,
    "texts": _texts,
    "emails": _emails,
    "phones": _phones,
    "profiles": _profiles,
    "legal_bases": _legal_bases,
    "address": _address,
    "custom": _custom,
    "rules": _rules,
    "distribution": _distribution,
    "https": _https,
}
