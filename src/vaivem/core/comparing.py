"""How a test compares one value, by its operator and the type of the field.

Text is compared without case and accents. Numbers and dates are read as people write them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from vaivem.core.fields import FieldType
from vaivem.core.folding import fold
from vaivem.core.identity import normalise_cpf_cnpj, normalise_email, normalise_phone
from vaivem.core.numbers import parse_date, parse_moment, parse_number, zone_info
from vaivem.core.operators import Operator
from vaivem.core.paths import Scope
from vaivem.core.truth import parse_boolean
from vaivem.core.values import is_empty

Compare = Callable[[Any, Scope, str], bool]
"""Takes a value that is not empty (but for the tests without a value), the scope and the time zone."""

TODAY = "today"
"""What a date in a test may be instead of a fixed one."""

_NUMBERS = frozenset({FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY})
_MOMENTS = frozenset({FieldType.DATE, FieldType.DATETIME})
_NORMALISED: dict[FieldType, Callable[[str], str | None]] = {
    FieldType.EMAIL: normalise_email,
    FieldType.PHONE: normalise_phone,
    FieldType.CPF: normalise_cpf_cnpj,
    FieldType.CNPJ: normalise_cpf_cnpj,
    FieldType.CPF_CNPJ: normalise_cpf_cnpj,
}


def comparison(operator: Operator, expected: Any, type_: FieldType | None) -> Compare:
    """Return the comparison of a positive operator (negative ones turn its answer round)."""
    if operator in _BARE:
        return _BARE[operator]
    if operator in _TEXTUAL:
        return _textual(_TEXTUAL[operator], expected)
    if operator is Operator.EQUALS:
        return _equality(expected, type_)
    if operator is Operator.ONE_OF:
        choices = [_equality(choice, type_) for choice in expected]
        return lambda value, scope, zone: any(same(value, scope, zone) for same in choices)
    if operator is Operator.BETWEEN:
        return _between(expected, type_)
    if operator in (Operator.GREATER, Operator.LESS):
        return _number_order(expected, 1 if operator is Operator.GREATER else -1)
    if operator is Operator.WITHIN_DAYS:
        return _within_days(expected)
    return _moment_order(expected, 1 if operator is Operator.AFTER else -1)


_BARE: dict[Operator, Compare] = {
    Operator.IS_EMPTY: lambda value, scope, zone: is_empty(value),
    Operator.IS_NOT_EMPTY: lambda value, scope, zone: not is_empty(value),
    Operator.IS_TRUE: lambda value, scope, zone: parse_boolean(value) is True,
    # A box that nobody ticked is often not sent at all.
    Operator.IS_FALSE: lambda value, scope, zone: is_empty(value) or parse_boolean(value) is False,
}

_TEXTUAL: dict[Operator, Callable[[str, str], bool]] = {
    Operator.CONTAINS: lambda value, expected: expected in value,
    Operator.STARTS_WITH: lambda value, expected: value.startswith(expected),
    Operator.ENDS_WITH: lambda value, expected: value.endswith(expected),
}


def _textual(test: Callable[[str, str], bool], expected: Any) -> Compare:
    folded = fold(_text(expected))
    return lambda value, scope, zone: test(fold(_text(value)), folded)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _equality(expected: Any, type_: FieldType | None) -> Compare:
    if type_ in _MOMENTS:
        return lambda value, scope, zone: _order(value, expected, scope, zone) == 0
    if type_ is FieldType.BOOLEAN or isinstance(expected, bool):
        wanted = parse_boolean(expected)
        return lambda value, scope, zone: wanted is not None and parse_boolean(value) is wanted
    number = parse_number(expected)
    folded = fold(_text(expected))
    normalise = _NORMALISED.get(type_) if type_ else None
    normal = normalise(_text(expected)) if normalise else None

    def same(value: Any, scope: Scope, zone: str) -> bool:
        if normalise is not None and normal is not None:
            return normalise(_text(value)) == normal
        # Two texts of digits are texts: "007" is not "7", unless the field is a number.
        counts = type_ in _NUMBERS or not (isinstance(value, str) and isinstance(expected, str))
        if counts and number is not None and (seen := parse_number(value)) is not None:
            return seen == number
        return fold(_text(value)) == folded

    return same


def _number_order(expected: Any, sign: int) -> Compare:
    bound = parse_number(expected)

    def compare(value: Any, scope: Scope, zone: str) -> bool:
        seen = parse_number(value)
        return seen is not None and bound is not None and (seen - bound) * sign > 0

    return compare


def _moment_order(expected: Any, sign: int) -> Compare:
    def compare(value: Any, scope: Scope, zone: str) -> bool:
        order = _order(value, expected, scope, zone)
        return order is not None and order * sign > 0

    return compare


def _order(value: Any, expected: Any, scope: Scope, zone: str) -> int | None:
    """Return -1, 0 or 1 as a value is before, at or after a date; days are compared when one has no time."""
    expected = scope["today"] if expected == TODAY else expected
    bound = parse_moment(expected, zone)
    seen = parse_moment(value, zone)
    if bound is None or seen is None:
        return None
    if not (isinstance(bound, datetime) and isinstance(seen, datetime)):
        bound, seen = _day(bound, zone), _day(seen, zone)
    return (seen > bound) - (seen < bound)


def _day(moment: date, zone: str) -> date:
    return moment.astimezone(zone_info(zone)).date() if isinstance(moment, datetime) else moment


def _between(expected: Any, type_: FieldType | None) -> Compare:
    low, high = expected
    first, last = parse_number(low), parse_number(high)
    if type_ not in _MOMENTS and first is not None and last is not None:

        def within_numbers(value: Any, scope: Scope, zone: str) -> bool:
            seen = parse_number(value)
            return seen is not None and first <= seen <= last

        return within_numbers

    def within_moments(value: Any, scope: Scope, zone: str) -> bool:
        after, before = _order(value, low, scope, zone), _order(value, high, scope, zone)
        return after is not None and before is not None and after >= 0 >= before

    return within_moments


def _within_days(expected: Any) -> Compare:
    number = parse_number(expected)

    def compare(value: Any, scope: Scope, zone: str) -> bool:
        day, today = parse_date(value, zone), parse_date(scope["today"], zone)
        if day is None or today is None or number is None:
            return False
        distance = day - today
        limit = timedelta(days=min(abs(int(number)), 10**6))
        return timedelta() <= distance <= limit if number >= 0 else -limit <= distance <= timedelta()

    return compare
