"""Checking a rule against what its connections offer: every problem at once, each with its place.

Codes beside those of `convert` (fixed values) and `templates` (``template_…``, with line and column):
``connection_unknown``, ``trigger_unknown``, ``action_unknown``, ``action_is_lookup``,
``action_is_no_lookup``, ``field_unknown``, ``field_missing``, ``path_unknown``, ``step_unknown``,
``step_not_before``, ``type_clash`` (source, target), ``group_not_repeatable``, ``repeat_unused``,
``key_not_offered`` (offered), ``option_missing``, ``option_unknown``, ``test_value_wrong``, ``email_wrong``,
``member_unknown``, ``await_about_missing``, ``await_as_missing``, ``change_not_told``,
``change_not_followed``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaivem.core.availability import Available, known_paths
from vaivem.core.catalog import ActionShape, Catalog, TriggerShape
from vaivem.core.comparing import TODAY
from vaivem.core.conditions import Group, Test
from vaivem.core.convert import convert
from vaivem.core.errors import Problem
from vaivem.core.fields import COUNTING, Field, FieldType, group_of
from vaivem.core.numbers import DEFAULT_ZONE, parse_moment, parse_number
from vaivem.core.operators import Operator
from vaivem.core.rules import Rule, TriggerUse
from vaivem.core.steps import (
    ActionStep,
    AwaitStep,
    BranchStep,
    ConnectionRef,
    EmailStep,
    FieldMapping,
    FindStep,
    KeyKind,
    NotifyStep,
    OnBad,
    Origin,
    Source,
    Step,
    StopStep,
)
from vaivem.core.templates import TemplateProblem, check_template
from vaivem.core.values import is_empty


def check_rule(rule: Rule, catalog: Catalog, *, zone: str = DEFAULT_ZONE) -> list[Problem]:
    """Return everything that keeps a rule from being switched on."""
    check = _Check(catalog, rule, zone)
    check.rule(rule)
    return check.problems


# Types that hold nothing but their own kind of value; the others may hold anything.
_FAMILIES: Mapping[FieldType, str] = {
    FieldType.INTEGER: "number",
    FieldType.NUMBER: "number",
    FieldType.MONEY: "number",
    FieldType.BOOLEAN: "boolean",
    FieldType.DATE: "moment",
    FieldType.DATETIME: "moment",
    FieldType.EMAIL: "email",
    FieldType.PHONE: "phone",
    FieldType.CPF: "document",
    FieldType.CNPJ: "document",
    FieldType.CPF_CNPJ: "document",
    FieldType.URL: "url",
}


class _Check:
    """The problems found so far, and what is needed to find more."""

    def __init__(self, catalog: Catalog, rule: Rule, zone: str) -> None:
        self.catalog = catalog
        self.zone = zone
        self.problems: list[Problem] = []
        self.step_ids = {step.id for _, step in rule.all_steps()}
        self.connections: dict[ConnectionRef, bool] = {}
        self.types: Mapping[str, FieldType] = {}
        self.when = rule.when.connection
        self.of_person = rule.automation is not None

    def note(self, place: str, code: str, /, **params: Any) -> None:
        self.problems.append(Problem(code, params, place))

    def rule(self, rule: Rule) -> None:
        trigger = None
        if self.connection(rule.when.connection, "when"):
            trigger = self.catalog.trigger(rule.when.connection, rule.when.trigger)
            if trigger is None:
                self.note("when.trigger", "trigger_unknown", trigger=rule.when.trigger)
            else:
                self.options(trigger.options, rule.when.options, "when")
                self.change(trigger, rule.when)
        available = Available(known_paths(trigger.fields if trigger else None), frozenset())
        self.types = {field.key: field.type for field in (trigger or TriggerShape(frozenset())).fields}
        if rule.condition:
            self.group(rule.condition, "if", available)
        if rule.automation and rule.automation.person:
            self.path(rule.automation.person, "automation.person", available)
        self.steps(rule.then, "then", available)

    def change(self, trigger: TriggerShape, when: TriggerUse) -> None:
        """Check the change that a rule waits for: that it is told, and that both values can come."""
        wanted = when.changed
        if wanted is None or not wanted.field:
            return
        if wanted.field not in trigger.changes:
            self.note("when.changed.field", "change_not_told", field=wanted.field)
            return
        field = next(one for one in trigger.fields if one.key == wanted.field)
        chosen = {path: when.options.get(key) or usual for path, key, usual in trigger.follows}
        for key, value in (("from", wanted.before), ("to", wanted.after)):
            if value is None:
                continue
            self.fixed(value, field, f"when.changed.{key}")
            if wanted.field in chosen and str(value) not in chosen[wanted.field]:
                self.note(f"when.changed.{key}", "change_not_followed", value=str(value))

    def connection(self, ref: ConnectionRef, path: str) -> bool:
        if ref not in self.connections:
            self.connections[ref] = self.catalog.connection_id(ref) is not None
        if not self.connections[ref]:
            self.note(f"{path}.connection", "connection_unknown", connection=ref)
        return self.connections[ref]

    def options(self, offered: tuple[Field, ...], chosen: Mapping[str, Any], path: str) -> None:
        known = {field.key: field for field in offered}
        for key, value in chosen.items():
            place = f"{path}.options.{key}"
            if key not in known:
                self.note(place, "option_unknown", option=key)
            else:
                self.fixed(value, known[key], place)
        for key, field in known.items():
            if field.required and is_empty(chosen.get(key)):
                self.note(f"{path}.options.{key}", "option_missing", option=key)

    def fixed(self, value: Any, field: Field, path: str) -> None:
        problem = convert(value, field, zone=self.zone).problem
        if problem is not None:
            self.problems.append(Problem(problem.code, {**problem.params, "field": field.key}, path))

    def group(self, group: Group, path: str, available: Available) -> None:
        single = group.joint.value == "not" and len(group.members) == 1
        for number, member in enumerate(group.members):
            place = f"{path}.{group.joint.value}" + ("" if single else f"[{number}]")
            if isinstance(member, Group):
                self.group(member, place, available)
            else:
                self.test(member, place, available)

    def test(self, test: Test, path: str, available: Available) -> None:
        self.path(test.field, f"{path}.field", available)
        values = test.value if isinstance(test.value, list) else [test.value]
        type_ = test.type or self.types.get(test.field)
        if not all(_fits(test.operator, type_, value, self.zone) for value in values):
            shown = ", ".join(str(value) for value in values)
            self.note(f"{path}.value", "test_value_wrong", value=shown, operator=test.operator.value)

    def path(self, path: str, place: str, available: Available) -> None:
        code = available.trouble(path, self.step_ids)
        if code:
            self.note(place, code, path=path)

    def steps(self, steps: tuple[Step, ...], path: str, available: Available) -> Available:
        for number, step in enumerate(steps):
            available = self.step(step, f"{path}[{number}]", available)
        return available

    def step(self, step: Step, path: str, available: Available) -> Available:
        """Check a step; return what is available after it."""
        if isinstance(step, ActionStep | FindStep):
            self.action(step, path, available)
            return available.after(step.id)
        if isinstance(step, BranchStep):
            self.group(step.condition, f"{path}.if", available)
            after_then = self.steps(step.then, f"{path}.then", available)
            after_else = self.steps(step.otherwise, f"{path}.else", available)
            return after_then.joined(after_else)
        if isinstance(step, EmailStep):
            self.email(step, path, available)
        elif isinstance(step, StopStep):
            self.group(step.condition, f"{path}.if", available)
        elif isinstance(step, NotifyStep):
            self.notify(step, path, available)
        elif isinstance(step, AwaitStep):
            self.awaited(step, path, available)
            return available.after(step.id)
        elif step.until is not None:
            self.path(step.until, f"{path}.until.from", available)
            self.clash(step.until, Field("until", FieldType.DATETIME), f"{path}.until.from")
        return available

    def awaited(self, step: AwaitStep, path: str, available: Available) -> None:
        if not self.connection(step.connection, path):
            return
        trigger = self.catalog.trigger(step.connection, step.trigger)
        if trigger is None:
            self.note(f"{path}.trigger", "trigger_unknown", trigger=step.trigger)
        else:
            self.options(trigger.options, step.options, path)
        told = Available(known_paths(trigger.fields if trigger else None), frozenset())
        if step.about:
            self.path(step.about, f"{path}.about.field", told)
        if step.equals:
            self.path(step.equals, f"{path}.about.as", available)
        elif step.about and not self.of_person:
            self.note(f"{path}.about.as", "await_as_missing")
        ids = {self.catalog.connection_id(ref) for ref in (step.connection, self.when)}
        if step.about is None and len(ids) > 1:
            self.note(f"{path}.about", "await_about_missing")
        if step.condition is not None:
            own, self.types = (
                self.types,
                {field.key: field.type for field in trigger.fields} if trigger else {},
            )
            self.group(step.condition, f"{path}.if", told)
            self.types = own

    def email(self, step: EmailStep, path: str, available: Available) -> None:
        for part, source in step.sources.items():
            self.source(source, f"{path}.{part}", available)
            if part in ("to", "subject") and source.origin is not Origin.FROM and is_empty(source.content):
                self.note(f"{path}.{part}", "field_missing", field=part)
        address = str(step.to.content)
        if step.to.origin is Origin.FROM or "{" in address:
            return
        if convert(address, Field("to", FieldType.EMAIL, many=True)).problem is not None:
            self.note(f"{path}.to", "email_wrong", value=address)

    def notify(self, step: NotifyStep, path: str, available: Available) -> None:
        if step.member and not self.catalog.has_member(step.member):
            self.note(f"{path}.member", "member_unknown", member=step.member)
        self.source(step.text, f"{path}.text", available)
        if step.text.origin is not Origin.FROM and is_empty(step.text.content):
            self.note(f"{path}.text", "field_missing", field="text")

    def source(self, source: Source, path: str, available: Available) -> None:
        if source.origin is Origin.FROM:
            self.path(source.content, f"{path}.from", available)
        elif source.origin is Origin.TEXT:
            for problem in check_template(source.content, available.paths):
                self.problems.append(self.template_problem(problem, f"{path}.text", available))

    def template_problem(self, problem: TemplateProblem, path: str, available: Available) -> Problem:
        code = problem.code
        if code == "template_unknown" and problem.name.startswith("steps."):
            code = available.trouble(problem.name, self.step_ids) or code
        params = {"name": problem.name, "line": problem.line, "column": problem.column}
        return Problem(code, params, path, problem.detail)

    def action(self, step: ActionStep | FindStep, path: str, available: Available) -> None:
        if not self.connection(step.connection, path):
            return
        shape = self.catalog.action(step.connection, step.action)
        if shape is None:
            self.note(f"{path}.action", "action_unknown", action=step.action)
            return
        if shape.reads_only is not isinstance(step, FindStep):
            self.note(f"{path}.action", "action_is_lookup" if shape.reads_only else "action_is_no_lookup")
        self.options(shape.options, step.options, path)
        if isinstance(step, ActionStep):
            self.key(step, shape, path)
            self.repeats(step, shape, path, available)
        fields = {field.key: field for field in shape.fields}
        repeats = step.repeat if isinstance(step, ActionStep) else {}
        for mapping in step.mappings:
            place = f"{path}.fields.{mapping.field}"
            repeat = repeats.get(group_of(mapping.field))
            inside = available.within(repeat.over, repeat.name) if repeat else available
            self.mapping(mapping, fields.get(mapping.field), place, inside)
            counted = fields.get(mapping.field) if mapping.write in COUNTING else None
            if counted is not None and not shape.can_count(counted):
                self.note(f"{place}.write", "field_not_counted", field=mapping.field)
        self.required(step, shape, path)

    def key(self, step: ActionStep, shape: ActionShape, path: str) -> None:
        if step.key is None:
            return
        if step.key.by.value not in shape.keys:
            self.note(f"{path}.key.by", "key_not_offered", by=step.key.by.value, offered=list(shape.keys))
        if step.key.by is KeyKind.FIELD and step.key.field not in {field.key for field in shape.fields}:
            self.note(f"{path}.key.field", "field_unknown", field=step.key.field)

    def repeats(self, step: ActionStep, shape: ActionShape, path: str, available: Available) -> None:
        mapped = {group_of(mapping.field) for mapping in step.mappings}
        for group, repeat in step.repeat.items():
            place = f"{path}.repeat.{group}"
            if group not in shape.groups:
                self.note(place, "group_not_repeatable", group=group)
            elif group not in mapped:
                self.note(place, "repeat_unused", group=group)
            self.path(repeat.over, f"{place}.over", available)

    def mapping(self, mapping: FieldMapping, field: Field | None, path: str, available: Available) -> None:
        self.source(mapping.source, path, available)
        if field is None:
            self.note(path, "field_unknown", field=mapping.field)
            return
        if mapping.source.origin is Origin.VALUE:
            self.fixed(mapping.source.content, field, path)
        elif mapping.source.origin is Origin.FROM:
            self.clash(mapping.source.content, field, path)
        elif "{" not in mapping.source.content:
            self.fixed(mapping.source.content, field, path)
        if mapping.on_bad is OnBad.USE:
            self.fixed(mapping.instead, field, f"{path}.instead")

    def clash(self, source: str, field: Field, path: str) -> None:
        type_ = self.types.get(source)
        one = _FAMILIES.get(type_) if type_ else None
        other = _FAMILIES.get(field.type)
        if type_ and one and other and one != other and (one, other) != ("number", "boolean"):
            self.note(path, "type_clash", source=type_.value, target=field.type.value, field=field.key)

    def required(self, step: ActionStep | FindStep, shape: ActionShape, path: str) -> None:
        filled = {
            mapping.field
            for mapping in step.mappings
            if mapping.source.origin is Origin.FROM or not is_empty(mapping.source.content)
        }
        groups = {group_of(mapping.field) for mapping in step.mappings} | {""}
        if isinstance(step, ActionStep) and shape.fields:
            groups.add(group_of(shape.fields[0].key))  # what the action is about comes first
        for field in shape.fields:
            needed = field.key in shape.required or (field.required and group_of(field.key) in groups)
            if needed and field.key not in filled:
                label = {"label": field.label} if field.label else {}
                self.note(f"{path}.fields.{field.key}", "field_missing", field=field.key, **label)


def _fits(operator: Operator, type_: FieldType | None, value: Any, zone: str) -> bool:
    """Say whether a test's fixed value can be read as its operator needs it."""
    number = parse_number(value) is not None
    moment = value == TODAY or parse_moment(value, zone) is not None
    if operator in (Operator.GREATER, Operator.LESS, Operator.WITHIN_DAYS):
        return number
    if operator in (Operator.BEFORE, Operator.AFTER):
        return moment
    if operator is Operator.BETWEEN:
        return moment if _FAMILIES.get(type_ or FieldType.TEXT) == "moment" else number or moment
    return True
