"""Whether a target already holds a value, by the type of the field: vendors answer in forms of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vaivem.core.fields import FieldType
from vaivem.core.folding import squeeze
from vaivem.core.identity import normalise_email, normalise_phone
from vaivem.core.numbers import parse_moment, parse_number

_NUMBERS = frozenset({FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY})
_MOMENTS = frozenset({FieldType.DATE, FieldType.DATETIME})
_DOCUMENTS = frozenset({FieldType.CPF, FieldType.CNPJ, FieldType.CPF_CNPJ})
_MASK = str.maketrans("", "", " .-/")


def same_value(type_: FieldType, one: Any, other: Any) -> bool:
    """Say whether two values of a field are the same. Case counts in text, not in e-mail addresses."""
    return bool(one == other) or (one is not None and _comparable(type_, one) == _comparable(type_, other))


def merged_list(type_: FieldType, current: Any, added: Any) -> list[Any] | None:
    """Return `current` with what it lacks of `added`, or None when it lacks nothing."""
    held = _as_list(current)
    known = [_comparable(type_, item) for item in held]
    missing: list[Any] = []
    for item in _as_list(added):
        comparable = _comparable(type_, item)
        if comparable not in known:
            known.append(comparable)
            missing.append(item)
    return held + missing if missing else None


def _as_list(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _comparable(type_: FieldType, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_comparable(type_, item) for item in value]
    if isinstance(value, Mapping):
        return {key: _comparable(FieldType.OBJECT, item) for key, item in value.items()}
    if type_ in _NUMBERS:
        number = parse_number(value)
        return value if number is None else number
    if type_ in _MOMENTS:
        return _comparable_moment(type_, value)
    if isinstance(value, bool):
        return value
    text = squeeze(str(value))
    if type_ is FieldType.EMAIL:
        return normalise_email(text) or text
    if type_ is FieldType.PHONE:
        return normalise_phone(text) or text
    if type_ in _DOCUMENTS:
        return text.translate(_MASK).upper()
    if type_ in (FieldType.OPTIONS, FieldType.LIST):
        return text.casefold()
    return text


def _comparable_moment(type_: FieldType, value: Any) -> Any:
    moment = parse_moment(value)
    if isinstance(moment, datetime):
        # A day is compared as written: a vendor that keeps days as midnight UTC means that day.
        return moment.date() if type_ is FieldType.DATE else moment.replace(microsecond=0).timestamp()
    return value if moment is None else moment
