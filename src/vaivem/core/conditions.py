"""Conditions: groups of tests on the values of a scope, and why they passed or failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from vaivem.core.comparing import Compare, comparison
from vaivem.core.fields import FieldType
from vaivem.core.numbers import DEFAULT_ZONE
from vaivem.core.operators import NEGATIONS, WITHOUT_VALUE, Operator
from vaivem.core.paths import Read, Scope, reader
from vaivem.core.values import is_empty

MAX_SHOWN_LENGTH = 200


class Joint(StrEnum):
    """How the members of a group count."""

    ALL = "all"
    ANY = "any"
    NOT = "not"  # none of them may pass


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison. `type` is the field's own, where known: it decides how both sides are read."""

    __test__ = False  # not a test of pytest's

    field: str
    operator: Operator
    value: Any = None
    type: FieldType | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Tests and groups joined by "all", "any" or "not"."""

    joint: Joint
    members: tuple[Group | Test, ...]


def each_test(group: Group) -> Iterator[Test]:
    """Return every test of a group and of the groups in it."""
    for member in group.members:
        if isinstance(member, Test):
            yield member
        else:
            yield from each_test(member)


def with_types(group: Group, types: Mapping[str, FieldType]) -> Group:
    """Return the group with the type of its field (by path) in every test that does not state one."""
    return Group(
        group.joint,
        tuple(
            with_types(member, types)
            if isinstance(member, Group)
            else replace(member, type=member.type or types.get(member.field))
            for member in group.members
        ),
    )


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test with the value it saw."""

    __test__ = False  # not a test of pytest's

    test: Test
    seen: Any
    passed: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the form that history keeps; long values are shortened."""
        seen = self.seen
        if not isinstance(seen, bool | int | float | None):
            text = seen if isinstance(seen, str) else repr(seen)
            seen = text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}…"
        return {
            "field": self.test.field,
            "is": self.test.operator.value,
            "value": self.test.value,
            "seen": seen,
            "passed": self.passed,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether conditions passed; `reasons` are the tests that decided it (for a failure, the failed)."""

    passed: bool
    reasons: tuple[TestResult, ...] = ()


def evaluate(group: Group, scope: Scope, *, zone: str = DEFAULT_ZONE) -> Verdict:
    """Evaluate conditions. To evaluate the same ones often, keep a `PreparedGroup`."""
    return PreparedGroup(group).evaluate(scope, zone=zone)


class PreparedGroup:
    """Conditions with paths and expected values read once.

    A test on a list (``signers[].email``) passes when one element does; a negative one when none does.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self._members = [
            _PreparedTest.prepare(member) if isinstance(member, Test) else PreparedGroup(member)
            for member in group.members
        ]

    def evaluate(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> Verdict:
        """Evaluate all tests, so that every reason is known. `scope` holds ``today``."""
        verdicts = [member.evaluate(scope, zone=zone) for member in self._members]
        passing = [verdict for verdict in verdicts if verdict.passed]
        if self.group.joint is Joint.ALL:
            passed, deciding = (
                len(passing) == len(verdicts),
                [v for v in verdicts if not v.passed] or verdicts,
            )
        elif self.group.joint is Joint.ANY:
            passed, deciding = bool(passing), passing or verdicts
        else:
            passed, deciding = not passing, passing or verdicts
        return Verdict(passed, tuple(reason for verdict in deciding for reason in verdict.reasons))


@dataclass(frozen=True, slots=True)
class _PreparedTest:
    test: Test
    read: Read
    compare: Compare
    negative: bool

    @classmethod
    def prepare(cls, test: Test) -> _PreparedTest:
        positive = NEGATIONS.get(test.operator, test.operator)
        compare = comparison(positive, test.value, test.type)
        return cls(test, reader(test.field), compare, test.operator in NEGATIONS)

    def evaluate(self, scope: Scope, *, zone: str) -> Verdict:
        seen = self.read(scope)
        if self.test.operator in WITHOUT_VALUE:
            passed = self.compare(seen, scope, zone)
        else:
            values = seen if isinstance(seen, list | tuple) else (seen,)
            passed = any(not is_empty(value) and self.compare(value, scope, zone) for value in values)
        passed = passed is not self.negative
        return Verdict(passed, (TestResult(self.test, seen, passed),))
