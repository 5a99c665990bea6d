"""A rule's definition: a trigger, conditions and ordered steps, to and from its JSON or YAML form.

`docs` and the REST API show the form; `parse_rule` gathers everything that is wrong with one, with its place
(``then[0].fields.deal.name``). Whether fields and connections exist is another question: see `checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from vaivem.core.changes import Change
from vaivem.core.condition_form import MAX_TESTS, group_to_dict, read_group
from vaivem.core.conditions import Group, Test, each_test
from vaivem.core.errors import Problem, RuleError
from vaivem.core.fields import FieldType
from vaivem.core.reading import Reading, joined
from vaivem.core.step_form import read_connection, read_options, read_steps, steps_to_list
from vaivem.core.steps import (
    ActionStep,
    AwaitStep,
    BranchStep,
    ConnectionRef,
    EmailStep,
    Empty,
    FieldMapping,
    FindStep,
    KeyChoice,
    KeyKind,
    Missing,
    NotifyStep,
    OnBad,
    Origin,
    Repeat,
    Source,
    Step,
    StopStep,
    WaitStep,
    each_step,
)
from vaivem.core.values import is_empty

__all__ = [
    "ActionStep", "Automation", "AwaitStep", "BranchStep", "Change", "ConnectionRef", "EmailStep", "Empty",
    "FieldMapping", "FindStep", "Group", "Inside", "KeyChoice", "KeyKind", "Missing", "NotifyStep", "OnBad",
    "Origin", "Repeat", "Rule", "RuleDefinitionError", "Source", "Step", "StopStep", "Test", "TriggerUse",
    "WaitStep", "parse_rule", "read_rule", "rule_to_dict",
]  # fmt: skip

MAX_STEPS = 50


class RuleDefinitionError(RuleError):
    """A definition that cannot be read; `problems` lists all that is wrong with it."""

    default_code = "rule_definition_wrong"


@dataclass(frozen=True, slots=True)
class TriggerUse:
    """The trigger that a rule starts from; with `changed`, only when a field goes from a value to a value."""

    connection: ConnectionRef
    trigger: str
    options: Mapping[str, Any] = field(default_factory=dict)
    changed: Change | None = None


class Inside(StrEnum):
    """What becomes of an event of a person who is still in the automation."""

    WAIT = "wait"  # its run begins when the person is through
    SKIP = "skip"  # it does nothing, and says so


@dataclass(frozen=True, slots=True)
class Automation:
    """What makes a rule an automation: a person runs through it once at a time.

    `person` is the path of the e-mail address, CPF or CNPJ that says who it is.
    """

    person: str
    inside: Inside = Inside.WAIT


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as a person defined it."""

    title: str
    when: TriggerUse
    then: tuple[Step, ...]
    condition: Group | None = None
    automation: Automation | None = None

    def all_steps(self) -> list[tuple[str, Step]]:
        """Return every step with its place, those inside branches included, in order."""
        return list(each_step(self.then, "then"))

    def connections(self) -> set[ConnectionRef]:
        """Return every connection that the rule uses."""
        kinds = ActionStep | FindStep | AwaitStep
        used = {step.connection for _, step in self.all_steps() if isinstance(step, kinds)}
        return used | {self.when.connection}


def parse_rule(data: Mapping[str, Any]) -> Rule:
    """Read a rule's definition. Raises RuleDefinitionError with all problems."""
    rule, problems = read_rule(data)
    if problems:
        raise RuleDefinitionError(problems=problems)
    return rule


def read_rule(data: Mapping[str, Any]) -> tuple[Rule, tuple[Problem, ...]]:
    """Read as much of a definition as can be read, and everything that is wrong with it."""
    reading = Reading()
    content = reading.mapping(data, "", {"title", "when", "if", "then", "automation"})
    rule = Rule(
        title=reading.text(content, "title", ""),
        when=_read_when(reading, content.get("when")),
        then=read_steps(reading, content.get("then"), "then"),
        condition=read_group(reading, content["if"], "if") if content.get("if") else None,
        automation=_read_automation(reading, content.get("automation")),
    )
    _check_whole(reading, rule)
    return rule, tuple(reading.problems)


def _check_whole(reading: Reading, rule: Rule) -> None:
    steps = rule.all_steps()
    if not steps and not any(problem.path.startswith("then") for problem in reading.problems):
        reading.note("then", "rule_no_steps")
    if len(steps) > MAX_STEPS:
        reading.note("then", "rule_too_many_steps", max=MAX_STEPS)
    seen: set[str] = set()
    for path, step in steps:
        if step.id and step.id in seen:
            reading.note(joined(path, "id"), "rule_step_id_twice", id=step.id)
        seen.add(step.id)
    groups = [("if", rule.condition)] if rule.condition else []
    groups += [
        (joined(path, "if"), step.condition)
        for path, step in steps
        if isinstance(step, BranchStep | StopStep | AwaitStep) and step.condition is not None
    ]
    for path, group in groups:
        if sum(1 for _ in each_test(group)) > MAX_TESTS:
            reading.note(path, "rule_too_many_tests", max=MAX_TESTS)


def _read_when(reading: Reading, data: Any) -> TriggerUse:
    if data is None:
        reading.note("when", "rule_missing", key="when")
        return TriggerUse("", "")
    content = reading.mapping(data, "when", {"connection", "trigger", "options", "changed"})
    return TriggerUse(
        connection=read_connection(reading, content, "when"),
        trigger=reading.text(content, "trigger", "when"),
        options=read_options(reading, content, "when"),
        changed=_read_changed(reading, content.get("changed")),
    )


def _read_changed(reading: Reading, data: Any) -> Change | None:
    if data is None:
        return None
    content = reading.mapping(data, "when.changed", {"field", "from", "to", "type"})
    ends = {key: reading.plain(content.get(key), f"when.changed.{key}") for key in ("from", "to")}
    for key, value in ends.items():
        if isinstance(value, list | Mapping):
            reading.note(f"when.changed.{key}", "rule_wrong_type", expected="text")
            ends[key] = None
    return Change(
        field=reading.source(content, "field", "when.changed"),
        before=None if is_empty(ends["from"]) else ends["from"],
        after=None if is_empty(ends["to"]) else ends["to"],
        type=reading.choice(content, "type", "when.changed", FieldType, FieldType.TEXT)
        if content.get("type")
        else None,
    )


def _read_automation(reading: Reading, data: Any) -> Automation | None:
    if data is None:
        return None
    content = reading.mapping(data, "automation", {"person", "inside"})
    return Automation(
        person=reading.source(content, "person", "automation"),
        inside=reading.choice(content, "inside", "automation", Inside, Inside.WAIT),
    )


def rule_to_dict(rule: Rule) -> dict[str, Any]:
    """Return the form that `parse_rule` reads; it is JSON."""
    when: dict[str, Any] = {"connection": rule.when.connection, "trigger": rule.when.trigger}
    if rule.when.options:
        when["options"] = dict(rule.when.options)
    if rule.when.changed is not None:
        when["changed"] = _changed_to_dict(rule.when.changed)
    condition = {} if rule.condition is None else {"if": group_to_dict(rule.condition)}
    data = {"title": rule.title, "when": when, **condition, "then": steps_to_list(rule.then)}
    if rule.automation is not None:
        data["automation"] = {"person": rule.automation.person, "inside": rule.automation.inside.value}
    return data


def _changed_to_dict(change: Change) -> dict[str, Any]:
    ends = {"from": change.before, "to": change.after, "type": change.type.value if change.type else None}
    return {"field": change.field} | {key: value for key, value in ends.items() if value is not None}
