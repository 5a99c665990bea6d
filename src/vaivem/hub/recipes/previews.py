"""What a rule would write, field by field, for an example of its event. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from vaivem.core.compiler import CompiledAction, compile_rule
from vaivem.core.errors import Problem
from vaivem.core.fields import Field
from vaivem.core.mapping import MappingError
from vaivem.core.numbers import DEFAULT_ZONE
from vaivem.core.rules import Rule
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
    """One step that writes or looks up. `problems` keep it from being filled."""

    connector: str
    connection: str
    name: str
    lines: tuple[Line, ...] = ()
    problems: tuple[str, ...] = ()


def preview(
    rule: Rule, catalog: WorkspaceCatalog, sample: Mapping[str, Any], now: datetime, zone: str = DEFAULT_ZONE
) -> list[StepPreview]:
    """Return every action of a checked rule as it would be filled from `sample`.

    Steps whose values come from steps before them show those as empty.
    """
    compiled = compile_rule(rule, catalog)
    today = now.astimezone(ZoneInfo(zone)).date().isoformat()
    scope = {**sample, "steps": {}, "rule": {"title": rule.title}, "today": today}
    found = []
    for _, step in rule.all_steps():
        prepared = compiled.step(step.id)
        if isinstance(prepared, CompiledAction):
            found.append(_step(prepared, catalog, scope, zone))
    return found


def sample_of(rule: Rule, catalog: WorkspaceCatalog) -> Mapping[str, Any]:
    """Return the built-in example of the event that a rule starts from."""
    connector = catalog.connector(rule.when.connection)
    return {} if connector is None else connector.trigger(rule.when.trigger).sample


def _step(
    step: CompiledAction, catalog: WorkspaceCatalog, scope: Mapping[str, Any], zone: str
) -> StepPreview:
    row = catalog.connections[step.connection_id]
    name = words.action_name(row.connector, step.step.action)
    try:
        values = step.resolve(scope, zone=zone)
    except MappingError as error:
        problems = tuple(_sentence(problem, row.connector) for problem in error.problems)
        return StepPreview(row.connector, row.name, name, problems=problems)
    lines = tuple(_line(step.fields, row.connector, found) for found in values.preview())
    return StepPreview(row.connector, row.name, name, lines)


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
