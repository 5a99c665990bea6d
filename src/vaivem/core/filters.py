"""Filters of templates: those for Brazil, and Liquid's own within limits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any

from liquid import RenderContext, Undefined
from liquid.exceptions import FilterError, ResourceLimitError
from liquid.filter import string_filter, with_context
from stdnum.br import cnpj, cpf

from vaivem.core.folding import digits_of, squeeze
from vaivem.core.identity import normalise_cnpj, normalise_cpf
from vaivem.core.numbers import DEFAULT_ZONE, parse_datetime, parse_moment, parse_number, to_cents

ZONE = "_zone"
"""The name under which the time zone is in a template's scope."""

MAX_CHARACTERS = 200_000
MAX_ITEMS = 10_000
MAX_FORM_LENGTH = 100
MAX_NUMBER = 10**30

Filter = Callable[..., Any]

# Words that stay small inside a Brazilian name.
_SMALL_WORDS = frozenset(
    {"da", "das", "de", "do", "dos", "du", "di", "e", "del", "della", "von", "van", "la"}
)


def money_br(value: Any) -> str:
    """1234.5 as "1.234,50"; what is no number stays as it is."""
    number = parse_number(value)
    if number is None:
        return _as_text(value)
    return f"{to_cents(number):,.2f}".translate(str.maketrans(",.", ".,"))


@with_context
def date_br(value: Any, *, context: RenderContext) -> str:
    """A date or moment as dd/mm/yyyy, in the workspace's zone; what is none stays as it is."""
    zone = _zone(context)
    moment = parse_moment(value, zone)
    if moment is None:
        return _as_text(value)
    return (parse_datetime(value, zone) or moment).strftime("%d/%m/%Y")


@with_context
def datetime_br(value: Any, *, context: RenderContext) -> str:
    """A moment as dd/mm/yyyy hh:mm, in the workspace's zone; a date without a time stays one."""
    zone = _zone(context)
    moment = parse_moment(value, zone)
    if moment is None:
        return _as_text(value)
    if not isinstance(moment, datetime):
        return moment.strftime("%d/%m/%Y")
    return (parse_datetime(value, zone) or moment).strftime("%d/%m/%Y %H:%M")


@with_context
def date_as(value: Any, form: Any = "%d/%m/%Y", *, context: RenderContext) -> str:
    """A moment in a form of strftime's, in the workspace's zone; "now" is the run's day."""
    if value in ("now", "today"):
        value = context.globals.get("today")
    moment = parse_datetime(value, _zone(context))
    if moment is None:
        return _as_text(value)
    _checked_size(len(_as_text(form)) * MAX_CHARACTERS // MAX_FORM_LENGTH)
    return moment.strftime(_as_text(form))


def digits(value: Any) -> str:
    """Only the digits."""
    return digits_of(_as_text(value))


def first_name(value: Any) -> str:
    """The first word of a name."""
    return _as_text(value).strip().partition(" ")[0]


def last_name(value: Any) -> str:
    """All but the first word of a name; "" when there is only one."""
    return squeeze(_as_text(value)).partition(" ")[2]


def title_br(value: Any) -> str:
    """A name as Brazilians write it: "ANA DA SILVA" is "Ana da Silva"."""
    words = squeeze(_as_text(value)).lower().split(" ")
    return " ".join(
        word if number and word in _SMALL_WORDS else _capitalised(word) for number, word in enumerate(words)
    )


def _capitalised(word: str) -> str:
    return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))


def mask_cpf(value: Any) -> str:
    """12345678909 as "123.456.789-09"; what is no CPF stays as it is."""
    number = normalise_cpf(_as_text(value))
    return str(cpf.format(number)) if number else _as_text(value)


def mask_cnpj(value: Any) -> str:
    """12ABC34501DE35 as "12.ABC.345/01DE-35"; what is no CNPJ stays as it is."""
    number = normalise_cnpj(_as_text(value))
    return str(cnpj.format(number)) if number else _as_text(value)


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def _zone(context: RenderContext) -> str:
    zone = context.globals.get(ZONE)
    return zone if isinstance(zone, str) else DEFAULT_ZONE


def within_limits(function: Filter) -> Filter:
    """Wrap a filter so that a chain of them cannot grow without end (Liquid's limits see only what is put
    out), and so that whatever a value does to it becomes an error of Liquid's.
    """

    @wraps(function)
    def limited(*arguments: Any, **named: Any) -> Any:
        try:
            return _checked(function(*arguments, **named))
        except (ArithmeticError, AssertionError, TypeError, ValueError) as error:
            raise FilterError(f"{function.__name__}: {error}", token=None) from error

    return limited


def _checked(result: Any) -> Any:
    if isinstance(result, str):
        too_big = len(result) > MAX_CHARACTERS
    elif isinstance(result, list | tuple | range):
        too_big = len(result) > MAX_ITEMS
    else:
        too_big = isinstance(result, int) and abs(result) > MAX_NUMBER
    if too_big:
        raise ResourceLimitError("a value grew too big", token=None)
    return result


def to_json(value: Any) -> str:
    """Write a value as JSON, quotes and all, so that it cannot break a JSON text. Nothing is ``null``."""
    return json.dumps(None if isinstance(value, Undefined) else value, ensure_ascii=False, allow_nan=False)


@string_filter
def replace(text: str, old: Any, new: Any = "") -> str:
    """Liquid's ``replace``, which alone can multiply two texts: its size is known before it is made."""
    old, new = _as_text(old), _as_text(new)
    _checked_size(len(text) + text.count(old) * max(0, len(new) - len(old)))
    return text.replace(old, new)


def join(values: Any, glue: Any = " ") -> str:
    """Liquid's ``join``, whose glue multiplies too."""
    if not isinstance(values, list | tuple):
        return _as_text(values)
    texts = ["" if value is None else _as_text(value) for value in values]
    _checked_size(sum(map(len, texts)) + len(texts) * len(_as_text(glue)))
    return _as_text(glue).join(texts)


def _checked_size(size: int) -> None:
    if size > MAX_CHARACTERS:
        raise ResourceLimitError("a value grew too big", token=None)


FILTERS: Mapping[str, Filter] = {
    "money_br": money_br,
    "date": date_as,
    "date_br": date_br,
    "datetime_br": datetime_br,
    "digits": digits,
    "first_name": first_name,
    "last_name": last_name,
    "title_br": title_br,
    "cpf": mask_cpf,
    "cnpj": mask_cnpj,
    "json": to_json,
    "replace": replace,
    "join": join,
}
"""What is added to Liquid's own filters, or stands in for one of them."""
