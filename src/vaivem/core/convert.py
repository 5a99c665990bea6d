"""Converting a value to what its field takes. Bad data never raises: it comes back as a Problem.

Codes, all with `label` (the field's literal name, if any) and `value` (shortened) in their params:
``too_long`` (max, length), ``too_short`` (min, length), ``bad_number``, ``bad_integer``, ``bad_date``,
``bad_boolean``, ``bad_email``, ``bad_phone``, ``phone_no_area_code``, ``bad_cpf``, ``bad_cnpj``,
``bad_cpf_cnpj``, ``unknown_option`` (choices), ``bad_url``, ``bad_record``, ``bad_object``, ``bad_text``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from vaivem.core.errors import Problem
from vaivem.core.fields import Field, FieldType, Option
from vaivem.core.folding import digits_of, fold, squeeze
from vaivem.core.identity import (
    normalise_cnpj,
    normalise_cpf,
    normalise_cpf_cnpj,
    normalise_phone,
    parse_email,
)
from vaivem.core.numbers import DEFAULT_ZONE, as_json, parse_date, parse_datetime, parse_number, to_cents
from vaivem.core.steps import OnBad
from vaivem.core.truth import parse_boolean
from vaivem.core.values import is_empty

MAX_LISTED_CHOICES = 50
MAX_SHOWN_LENGTH = 120


class Converted(msgspec.Struct, frozen=True):
    """A value in the form that FieldType states, None when empty; and what was wrong with it, if anything."""

    value: Any
    problem: Problem | None = None


class _BadValueError(Exception):
    """Inside this module: the value does not fit."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def convert(
    value: Any,
    field: Field,
    *,
    zone: str = DEFAULT_ZONE,
    on_bad: OnBad | str = OnBad.FAIL,
    cut: bool = False,
) -> Converted:
    """Convert `value` to what `field` takes.

    With a problem, the value is None, or the value as it came when `on_bad` says ``as_is``. `cut` shortens a
    text to the field's maximum. Times without an offset are in `zone`.
    """
    if is_empty(value):
        return Converted(None)
    try:
        converted = _convert(value, field, zone, cut)
        return Converted(None if is_empty(converted) else converted)
    except _BadValueError as bad:
        params = {"value": _shown(value), **({"label": field.label} if field.label else {}), **bad.params}
        problem = Problem(bad.code, params, field.key)
        return Converted(value if on_bad == OnBad.AS_IS else None, problem)


def _convert(value: Any, field: Field, zone: str, cut: bool) -> Any:
    one = _CONVERTERS[field.type]
    if field.many and field.type is not FieldType.LIST:
        found = [one(item, field, zone, cut) for item in _listed(value) if not is_empty(item)]
        return _without_doubles(found)
    if isinstance(value, list | tuple) and field.type not in _TAKES_LISTS:
        value = _single(value, field)
        if value is None:
            return None
    return one(value, field, zone, cut)


def _single(values: list[Any] | tuple[Any, ...], field: Field) -> Any:
    """Bring a list into a field for one value: texts joined, else the first."""
    filled = [value for value in values if not is_empty(value)]
    if filled and field.type in _TEXTS and all(isinstance(value, str | int | float) for value in filled):
        return ", ".join(squeeze(_text_of(value)) for value in filled)
    return filled[0] if filled else None


def _listed(value: Any) -> list[Any]:
    """Read a list, or a text of several separated by commas, semicolons or lines."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str):
        return [part for part in value.replace(";", ",").replace("\n", ",").split(",") if part.strip()]
    return [value]


def _without_doubles(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    number = parse_number(value)
    if number is not None:
        return str(as_json(number))
    if isinstance(value, list | tuple | Mapping):
        raise _BadValueError("bad_text")
    return str(value)


def _text(value: Any, field: Field, zone: str, cut: bool) -> str:
    return _fitted(squeeze(_text_of(value)), field, cut)


def _long_text(value: Any, field: Field, zone: str, cut: bool) -> str:
    return _fitted(_text_of(value).replace("\r\n", "\n").replace("\r", "\n"), field, cut)


def _fitted(text: str, field: Field, cut: bool) -> str:
    if "\x00" in text:
        text = text.replace("\x00", "")  # no vendor and no database takes it
    if field.max_length is not None and len(text) > field.max_length:
        if not cut:
            raise _BadValueError("too_long", max=field.max_length, length=len(text))
        text = text[: field.max_length].rstrip()
    if field.min_length is not None and len(text) < field.min_length:
        raise _BadValueError("too_short", min=field.min_length, length=len(text))
    return text


def _integer(value: Any, field: Field, zone: str, cut: bool) -> int:
    number = parse_number(value)
    if number is None:
        raise _BadValueError("bad_number")
    if number != number.to_integral_value():
        raise _BadValueError("bad_integer")
    return int(number)


def _number(value: Any, field: Field, zone: str, cut: bool) -> int | float:
    number = parse_number(value)
    if number is None:
        raise _BadValueError("bad_number")
    return as_json(number)


def _money(value: Any, field: Field, zone: str, cut: bool) -> int | float:
    number = parse_number(value)
    if number is None:
        raise _BadValueError("bad_number")
    return as_json(to_cents(number))


def _boolean(value: Any, field: Field, zone: str, cut: bool) -> bool:
    truth = parse_boolean(value)
    if truth is None:
        raise _BadValueError("bad_boolean")
    return truth


def _date(value: Any, field: Field, zone: str, cut: bool) -> str:
    day = parse_date(value, zone)
    if day is None:
        raise _BadValueError("bad_date")
    return day.isoformat()


def _datetime(value: Any, field: Field, zone: str, cut: bool) -> str:
    moment = parse_datetime(value, zone)
    if moment is None:
        raise _BadValueError("bad_date")
    return moment.isoformat(timespec="seconds")


def _email(value: Any, field: Field, zone: str, cut: bool) -> str:
    address = parse_email(_text_of(value).removeprefix("mailto:"))
    if address is None:
        raise _BadValueError("bad_email")
    return address


def _phone(value: Any, field: Field, zone: str, cut: bool) -> str:
    text = _text_of(value)
    number = normalise_phone(text)
    if number is None:
        # Brazilian numbers have 8 or 9 digits; whoever leaves out the area code writes just these.
        local = not text.startswith("+") and len(digits_of(text)) in (8, 9)
        raise _BadValueError("phone_no_area_code" if local else "bad_phone")
    return number


def _document(normalise: Callable[[str], str | None], code: str) -> Convert:
    def check(value: Any, field: Field, zone: str, cut: bool) -> str:
        number = normalise(_text_of(value))
        if number is None:
            raise _BadValueError(code)
        return number

    return check


def _option(value: Any, field: Field, zone: str, cut: bool) -> str | int:
    wanted = _text_of(value)
    for option in field.options:
        if str(option.value) == wanted:
            return option.value
    folded = fold(wanted)
    for option in field.options:
        if folded in (fold(option.label), fold(str(option.value))):
            return option.value
    if field.allow_new_option or (field.source and not field.options):
        return wanted  # a live list that was never read cannot refuse; the vendor does
    choices = [_named(option) for option in field.options[:MAX_LISTED_CHOICES]]
    raise _BadValueError("unknown_option", choices=choices)


def _options(value: Any, field: Field, zone: str, cut: bool) -> list[Any]:
    whole = (
        [value]
        if isinstance(value, str) and any(fold(o.label) == fold(value) for o in field.options)
        else None
    )
    found = [_option(item, field, zone, cut) for item in whole or _listed(value) if not is_empty(item)]
    return _without_doubles(found)


def _named(option: Option) -> str:
    return option.label or str(option.value)


def _record(value: Any, field: Field, zone: str, cut: bool) -> str:
    if isinstance(value, Mapping):
        value = value.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int) or is_empty(value):
        raise _BadValueError("bad_record")
    return str(value).strip()


def _url(value: Any, field: Field, zone: str, cut: bool) -> str:
    text = _text_of(value)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _BadValueError("bad_url") from None
    if parts.scheme not in ("http", "https") or not parts.netloc or any(c.isspace() for c in text):
        raise _BadValueError("bad_url")
    return _fitted(text, field, cut)


def _list(value: Any, field: Field, zone: str, cut: bool) -> list[Any]:
    items = [item.strip() if isinstance(item, str) else item for item in _listed(value)]
    return _without_doubles([item for item in items if not is_empty(item)])


def _object(value: Any, field: Field, zone: str, cut: bool) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _BadValueError("bad_object")
    return dict(value)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}…"


Convert = Callable[[Any, Field, str, bool], Any]

_TEXTS = frozenset({FieldType.TEXT, FieldType.LONG_TEXT})
_TAKES_LISTS = frozenset({FieldType.OPTIONS, FieldType.LIST, FieldType.OBJECT})

_CONVERTERS: Mapping[FieldType, Convert] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _long_text,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.MONEY: _money,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.EMAIL: _email,
    FieldType.PHONE: _phone,
    FieldType.CPF: _document(normalise_cpf, "bad_cpf"),
    FieldType.CNPJ: _document(normalise_cnpj, "bad_cnpj"),
    FieldType.CPF_CNPJ: _document(normalise_cpf_cnpj, "bad_cpf_cnpj"),
    FieldType.OPTION: _option,
    FieldType.OPTIONS: _options,
    FieldType.RECORD: _record,
    FieldType.URL: _url,
    FieldType.LIST: _list,
    FieldType.OBJECT: _object,
}
