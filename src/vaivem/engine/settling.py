"""Fixed choices (a funnel, a stage, an owner): settled when a rule is checked.

They are kept as the vendor's own values, so that a renamed stage is still the same one. The core knows one
list of options a field; two funnels may each have a stage of the same name, so a choice that depends on
another is looked up under that one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, TypeVar

from vaivem.connectors import sdk
from vaivem.core.catalog import ActionShape
from vaivem.core.errors import Problem
from vaivem.core.fields import Field, FieldType
from vaivem.core.folding import fold
from vaivem.core.rules import (
    ActionStep,
    BranchStep,
    FieldMapping,
    FindStep,
    Origin,
    Rule,
    Source,
    Step,
)
from vaivem.core.steps import ConnectionRef
from vaivem.engine.offers import choices

ListedStep = TypeVar("ListedStep", ActionStep, FindStep)
MAX_LISTED = 50


class Offers(Protocol):
    """What is needed of a catalog: an action's shape, and the connection as its connector sees it."""

    def action(self, ref: ConnectionRef, key: str) -> ActionShape | None:
        """Return an action of a connection."""
        ...

    def seen(self, ref: ConnectionRef) -> sdk.Connection | None:
        """Return a connection as its connector sees it."""
        ...


class Settling:
    """Settles one rule's choices; `problems` are dependent ones that are not offered under their parent."""

    def __init__(self, catalog: Offers) -> None:
        self.catalog = catalog
        self.problems: list[Problem] = []

    def rule(self, rule: Rule) -> Rule:
        """Return the rule with its fixed choices as the vendor's values."""
        return replace(rule, then=self._steps(rule.then, "then"))

    def _steps(self, steps: tuple[Step, ...], path: str) -> tuple[Step, ...]:
        return tuple(self._step(step, f"{path}[{number}]") for number, step in enumerate(steps))

    def _step(self, step: Step, path: str) -> Step:
        if isinstance(step, BranchStep):
            return replace(
                step,
                then=self._steps(step.then, f"{path}.then"),
                otherwise=self._steps(step.otherwise, f"{path}.else"),
            )
        if isinstance(step, ActionStep):
            return self._listed(step, path)
        return self._listed(step, path) if isinstance(step, FindStep) else step

    def _listed(self, step: ListedStep, path: str) -> ListedStep:
        shape, seen = (
            self.catalog.action(step.connection, step.action),
            self.catalog.seen(step.connection),
        )
        if shape is None or seen is None:
            return step
        fields = {field.key: field for field in shape.fields}
        fixed = {m.field: m.source.content for m in step.mappings if m.source.origin is Origin.VALUE}
        mappings = []
        for mapping in step.mappings:
            field = fields.get(mapping.field)
            parent = fields.get(field.depends_on) if field and field.depends_on else None
            if field is None or field.type is not FieldType.OPTION or mapping.field not in fixed:
                mappings.append(mapping)
            elif parent is None or parent.key not in fixed:
                mappings.append(_with_value(mapping, _value_of(field, mapping.source.content)))
            else:
                value = _value_of(parent, fixed[parent.key])
                place = f"{path}.fields.{mapping.field}"
                mappings.append(self._settled(mapping, field, seen, value, place))
        return replace(step, mappings=tuple(mappings))

    def _settled(
        self, mapping: FieldMapping, field: Field, seen: sdk.Connection, parent: object, path: str
    ) -> FieldMapping:
        offered = choices(seen, field, parent)
        if not offered:  # never read: the vendor refuses what is wrong
            return mapping
        found = _value_of(replace(field, options=offered), mapping.source.content)
        if found not in {option.value for option in offered}:
            listed = [option.label or str(option.value) for option in offered[:MAX_LISTED]]
            params = {"field": field.key, "value": str(mapping.source.content), "choices": listed}
            self.problems.append(Problem("unknown_option", params, path))
            return mapping
        return _with_value(mapping, found)


def _with_value(mapping: FieldMapping, value: object) -> FieldMapping:
    return replace(mapping, source=Source(Origin.VALUE, value))


def _value_of(field: Field, wanted: object) -> object:
    """Return the value of the option that `wanted` is, or names; `wanted` itself when there is none."""
    text = str(wanted)
    for option in field.options:
        if str(option.value) == text:
            return option.value
    return next((option.value for option in field.options if fold(option.label) == fold(text)), wanted)
