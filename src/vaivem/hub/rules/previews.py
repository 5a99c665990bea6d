"""What a rule would write, field by field, for an example of its event. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from vaivem.core.compiler import fields_used
from vaivem.core.errors import Problem
from vaivem.core.fields import Field
from vaivem.core.mapping import MappingPlan, source_reader
from vaivem.core.numbers import DEFAULT_ZONE
from vaivem.core.paths import PathError
from vaivem.core.rules import Rule
from vaivem.core.steps import ActionStep, FieldMapping, FindStep
from vaivem.core.templates import TemplateError
from vaivem.hub.messages import explain_problem
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog


@dataclass(frozen=True, slots=True)
class Line:
    """One field: what it is filled from and with. `element` counts repeats of its group from 1, else 0."""

    key: str
    label: str
    value: str
    source: str
    policy: str
    element: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StepPreview:
    """One step that writes or looks up, at `place`. `problems` are those that no line shows."""

    connector: str
    connection: str
    name: str
    lines: tuple[Line, ...] = ()
    problems: tuple[str, ...] = ()
    place: str = ""

    @property
    def wrong(self) -> int:
        """How many problems there are."""
        return len(self.problems) + sum(bool(line.problem) for line in self.lines)


def preview(
    rule: Rule, catalog: WorkspaceCatalog, sample: Mapping[str, Any], now: datetime, zone: str = DEFAULT_ZONE
) -> list[StepPreview]:
    """Return every action of a rule as it would be filled from `sample`; what cannot be read is left out.

    What comes from a step before is an example's value: nothing was written.
    """
    today = now.astimezone(ZoneInfo(zone)).date().isoformat()
    scope = {**sample, "steps": {}, "rule": {"title": rule.title}, "today": today}
    found = []
    for place, step in rule.all_steps():
        if isinstance(step, ActionStep | FindStep):
            shown = _step(step, place, catalog, scope, zone)
            found += [shown] if shown else []
            scope["steps"][step.id] = example_of(step, catalog)
    return found


def example_of(step: ActionStep | FindStep, catalog: WorkspaceCatalog) -> dict[str, Any]:
    """Return an example of what a step gives to later ones."""
    seen, connector = catalog.seen(step.connection), catalog.connector(step.connection)
    example: dict[str, Any] = {}
    if seen is None or connector is None:
        return example
    try:
        outputs = connector.action(step.action).outputs(seen)
    except KeyError:
        return example
    for field in outputs:
        inner = example
        *way, last = field.key.split(".")
        for part in way:
            inner = inner.setdefault(part, {})
        inner[last] = field.sample
    return example


def sample_of(rule: Rule, catalog: WorkspaceCatalog) -> Mapping[str, Any]:
    """Return the built-in example of the event that a rule starts from."""
    connector = catalog.connector(rule.when.connection)
    return {} if connector is None else connector.trigger(rule.when.trigger).example(rule.when.options)


def _step(
    step: ActionStep | FindStep, place: str, catalog: WorkspaceCatalog, scope: Mapping[str, Any], zone: str
) -> StepPreview | None:
    row, shape = catalog.connection(step.connection), catalog.action(step.connection, step.action)
    if row is None or shape is None:
        return None
    fields = fields_used(step, shape)
    readable = tuple(one for one in step.mappings if one.field in fields and _is_readable(one))
    whole: ActionStep | FindStep = replace(step, mappings=readable)
    if isinstance(whole, ActionStep):
        whole = replace(whole, repeat={group: one for group, one in whole.repeat.items() if one.over})
    values, failed = MappingPlan(whole, fields).attempt(scope, zone=zone)
    connector, seen = catalog.connector(step.connection), catalog.seen(step.connection)
    if not failed and connector is not None and seen is not None:
        failed = connector.action(step.action).refuses(seen, values, step.options)
    lines = tuple(_line(fields, row.connector, found) for found in values.preview())
    told = {line.key for line in lines if line.problem}
    problems = tuple(_sentence(one, row.connector) for one in failed if one.path not in told)
    name = words.action_name(row.connector, step.action)
    return StepPreview(row.connector, row.name, name, lines, problems, place)


def _is_readable(mapping: FieldMapping) -> bool:
    try:
        source_reader(mapping.source)
    except (TemplateError, PathError):
        return False
    return True


def _line(fields: Mapping[str, Field], connector: str, found: Mapping[str, Any]) -> Line:
    field = fields[found["key"]]
    problem = Problem.from_dict(found["problem"]) if found["problem"] else None
    return Line(
        key=field.key,
        label=words.label(connector, field),
        value=_shown(found["value"], connector, field),
        source=str(found["from"]) if found["from"] is not None else "",
        policy=found["policy"],
        element=found["index"] + 1 if "index" in found else 0,
        problem=_sentence(problem, connector) if problem else "",
    )


def _sentence(problem: Problem, connector: str) -> str:
    return explain_problem(problem, connector).text


def _shown(value: Any, connector: str, field: Field) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_shown(one, connector, field) for one in value)
    return words.option_name(connector, field, value)
