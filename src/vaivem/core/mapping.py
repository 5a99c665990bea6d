"""Mapping: filling the fields of a step from a scope.

A scope is what a run's mappings read: the event's data at the top level, what earlier steps put out as
``steps.<id>``, and ``rule`` (id, title) and ``today`` (YYYY-MM-DD).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from vaivem.core.convert import convert
from vaivem.core.errors import Problem, RecordError
from vaivem.core.fields import Field, WritePolicy, group_of
from vaivem.core.numbers import DEFAULT_ZONE
from vaivem.core.paths import Read, Scope, reader
from vaivem.core.steps import ActionStep, FieldMapping, FindStep, OnBad, Origin, Repeat, Source
from vaivem.core.templates import TemplateError, compiled
from vaivem.core.values import Element, Filled, Values, is_empty

__all__ = ["Filled", "MappingError", "MappingPlan", "Values", "resolve", "source_reader"]

Evaluate = Callable[[Scope, str], Any]


class MappingError(RecordError):
    """This record does not fit the rule; `problems` lists every field that is wrong, its key as path."""

    default_code = "mapping_failed"


def resolve(
    step: ActionStep | FindStep, fields: Mapping[str, Field], scope: Scope, *, zone: str = DEFAULT_ZONE
) -> Values:
    """Fill the step's fields. Raises MappingError with all problems; skipped fields are in `values.notes`.

    To fill the same step often, keep a `MappingPlan`.
    """
    return MappingPlan(step, fields).resolve(scope, zone=zone)


def source_reader(source: Source) -> Evaluate:
    """Return a function that gives a source's value in a scope; the second argument is the time zone."""
    if source.origin is Origin.VALUE:
        return lambda scope, zone: source.content
    if source.origin is Origin.FROM:
        read = reader(source.content)
        return lambda scope, zone: read(scope)
    template = compiled(source.content)
    return lambda scope, zone: template.render(scope, zone=zone)


def html_reader(source: Source) -> Evaluate:
    """Return a function that gives a source's value as HTML: what comes from a scope is escaped."""
    if source.origin is Origin.FROM:
        read = reader(source.content)
        return lambda scope, zone: escape(str(seen)) if (seen := read(scope)) is not None else None
    if source.origin is Origin.VALUE:
        return lambda scope, zone: source.content
    template = compiled(source.content, html=True)
    return lambda scope, zone: str(template.render(scope, zone=zone))


class MappingPlan:
    """A step's mappings with everything prepared that does not depend on the scope.

    `fields` are those the action can take. A mapping of a field that is not among them (deleted at the vendor
    since) is a problem of each run: it is never left out in silence.
    """

    def __init__(self, step: ActionStep | FindStep, fields: Mapping[str, Field]) -> None:
        repeats = step.repeat if isinstance(step, ActionStep) else {}
        groups = {group_of(mapping.field) for mapping in step.mappings}
        self._unknown = [Problem("field_gone", path=m.field) for m in step.mappings if m.field not in fields]
        lines = [_Line.prepare(m, fields[m.field]) for m in step.mappings if m.field in fields]
        self._plain = [line for line in lines if group_of(line.key) not in repeats]
        self._repeated = [
            _RepeatedGroup.prepare(group, repeat, lines, fields.values())
            for group, repeat in repeats.items()
            if group in groups
        ]
        self._required = [
            field
            for key, field in fields.items()
            if field.required and group_of(key) not in repeats and group_of(key) in groups | {""}
        ]

    def resolve(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> Values:
        """Fill the fields. Raises MappingError."""
        values, failed = self.attempt(scope, zone=zone)
        if failed:
            raise MappingError(problems=failed)
        return values

    def attempt(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> tuple[Values, tuple[Problem, ...]]:
        """Fill the fields, and return with them what would make `resolve` raise."""
        failed = list(self._unknown)
        notes: list[Problem] = []
        filled = {line.key: line.fill(scope, zone, failed, notes) for line in self._plain}
        failed += _missing(self._required, filled, failed)
        repeated = {group.name: group.fill(scope, zone, failed, notes) for group in self._repeated}
        return Values(filled, repeated, notes), tuple(failed)


@dataclass(frozen=True, slots=True)
class _Line:
    """One mapping, prepared. `key` is the field's."""

    key: str
    field: Field
    mapping: FieldMapping
    evaluate: Evaluate
    write: WritePolicy

    @classmethod
    def prepare(cls, mapping: FieldMapping, field: Field) -> _Line:
        return cls(mapping.field, field, mapping, source_reader(mapping.source), mapping.write or field.write)

    def fill(self, scope: Scope, zone: str, failed: list[Problem], notes: list[Problem]) -> Filled:
        mapping = self.mapping
        try:
            raw = self.evaluate(scope, zone)
        except TemplateError as error:
            problem: Problem | None = Problem(error.code, error.params, self.key, error.detail)
            value = None
        else:
            converted = convert(raw, self.field, zone=zone, on_bad=mapping.on_bad, cut=mapping.cut)
            value, problem = converted.value, converted.problem
        if problem is None:
            return Filled(self.field, value, self.write, mapping.clear, mapping.source.content)
        if mapping.on_bad is OnBad.FAIL:
            failed.append(problem)
        else:
            notes.append(problem)
        if mapping.on_bad is OnBad.USE:
            value = convert(mapping.instead, self.field, zone=zone).value
        # A value that does not fit is not an empty one: it must never clear the target.
        return Filled(self.field, value, self.write, False, mapping.source.content, problem)


@dataclass(frozen=True, slots=True)
class _RepeatedGroup:
    """The mappings of a group that is filled once for each element of a list."""

    name: str
    element: str
    read: Read
    lines: list[_Line]
    required: list[Field]

    @classmethod
    def prepare(cls, group: str, repeat: Repeat, lines: list[_Line], fields: Any) -> _RepeatedGroup:
        own = [line for line in lines if group_of(line.key) == group]
        required = [field for field in fields if field.required and group_of(field.key) == group]
        return cls(group, repeat.name, reader(repeat.over), own, required)

    def fill(
        self, scope: Scope, zone: str, failed: list[Problem], notes: list[Problem]
    ) -> tuple[Element, ...]:
        found = self.read(scope)
        elements = found if isinstance(found, list | tuple) else [] if is_empty(found) else [found]
        return tuple(
            self._fill_one(scope, number, one, zone, failed, notes) for number, one in enumerate(elements)
        )

    def _fill_one(
        self, scope: Scope, number: int, one: Any, zone: str, failed: list[Problem], notes: list[Problem]
    ) -> Element:
        wrong: list[Problem] = []
        noted: list[Problem] = []
        inner = {**scope, self.element: one}
        filled = {line.key: line.fill(inner, zone, wrong, noted) for line in self.lines}
        if any(one.value is not None for one in filled.values()):
            wrong += _missing(self.required, filled, wrong)
        failed += [_numbered(problem, number) for problem in wrong]
        notes += [_numbered(problem, number) for problem in noted]
        return {key.removeprefix(f"{self.name}."): one for key, one in filled.items()}


def _missing(required: list[Field], filled: Element, failed: list[Problem]) -> list[Problem]:
    known = {problem.path for problem in failed}
    empty = (
        f for f in required if f.key not in known and (f.key not in filled or filled[f.key].value is None)
    )
    return [
        Problem("required_missing", {"label": field.label} if field.label else {}, field.key)
        for field in empty
    ]


def _numbered(problem: Problem, number: int) -> Problem:
    """Say which element of the list a problem is about, counted from 1 as people do."""
    return Problem(problem.code, {**problem.params, "element": number + 1}, problem.path, problem.detail)
