"""The operators of tests."""

from __future__ import annotations

from enum import StrEnum


class Operator(StrEnum):
    """What a test compares. In brackets: what its `value` is, if it has one."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    ONE_OF = "one_of"  # [list]
    NONE_OF = "none_of"  # [list]
    GREATER = "greater"  # [number]
    LESS = "less"  # [number]
    BETWEEN = "between"  # [two numbers or two dates; both ends count]
    BEFORE = "before"  # [date]
    AFTER = "after"  # [date]
    WITHIN_DAYS = "within_days"  # [days: ahead of today, or past when negative]
    IS_EMPTY = "is_empty"
    IS_NOT_EMPTY = "is_not_empty"
    IS_TRUE = "is_true"
    IS_FALSE = "is_false"


WITHOUT_VALUE = frozenset({Operator.IS_EMPTY, Operator.IS_NOT_EMPTY, Operator.IS_TRUE, Operator.IS_FALSE})
WITH_LIST = frozenset({Operator.ONE_OF, Operator.NONE_OF, Operator.BETWEEN})

NEGATIONS = {
    Operator.NOT_EQUALS: Operator.EQUALS,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.NONE_OF: Operator.ONE_OF,
}
"""Operators that pass where another fails, on an empty value too."""
