"""Compiling a rule: everything the engine needs to run it, in one JSON object, and prepared when loaded.

A version of a rule is stored compiled. It holds the definition, the fields of each step as they were, and the
ids of its connections, so that a run can finish its version whatever happens to the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from vaivem.core.catalog import ActionShape, Catalog
from vaivem.core.conditions import PreparedGroup, Verdict, each_test, with_types
from vaivem.core.convert import convert
from vaivem.core.errors import Problem, RuleError
from vaivem.core.fields import Field, FieldType, group_of
from vaivem.core.mapping import MappingError, MappingPlan, source_reader
from vaivem.core.numbers import DEFAULT_ZONE, parse_datetime
from vaivem.core.paths import Scope, reader
from vaivem.core.rules import Rule, TriggerUse, parse_rule, rule_to_dict
from vaivem.core.steps import (
    ActionStep,
    BranchStep,
    ConnectionRef,
    EmailStep,
    FindStep,
    Origin,
    Source,
    Step,
    WaitStep,
)
from vaivem.core.templates import TemplateError, paths_of
from vaivem.core.values import Values

FORMAT = 1


class CompiledAction:
    """An action or a lookup, ready to run."""

    def __init__(self, step: ActionStep | FindStep, connection_id: int, fields: Mapping[str, Field]) -> None:
        self.step = step
        self.id = step.id
        self.connection_id = connection_id
        self.fields = fields
        self._plan = MappingPlan(step, fields)

    def resolve(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> Values:
        """Fill the fields. Raises MappingError with all problems."""
        return self._plan.resolve(scope, zone=zone)


class CompiledWait:
    """A wait, ready to run."""

    def __init__(self, step: WaitStep) -> None:
        self.step = step
        self.id = step.id
        self._read = reader(step.until) if step.until else None

    def until(self, scope: Scope, *, now: datetime, zone: str = DEFAULT_ZONE) -> datetime:
        """Return when the run goes on; it may be past. Raises MappingError when there is no such date."""
        if self._read is None:
            return now + (self.step.duration or timedelta())
        seen = self._read(scope)
        moment = parse_datetime(seen, zone)
        if moment is None:
            params = {"value": "" if seen is None else str(seen)[:120], "field": self.step.until}
            raise MappingError(problems=(Problem("wait_no_date", params, "until"),))
        return moment + self.step.shift


class CompiledBranch:
    """A branch, ready to run."""

    def __init__(
        self, step: BranchStep, then: tuple[CompiledStep, ...], otherwise: tuple[CompiledStep, ...]
    ) -> None:
        self.step = step
        self.id = step.id
        self.then = then
        self.otherwise = otherwise
        self._conditions = PreparedGroup(step.condition)

    def choose(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> tuple[Verdict, tuple[CompiledStep, ...]]:
        """Return the verdict, and the steps to go on with."""
        verdict = self._conditions.evaluate(scope, zone=zone)
        return verdict, self.then if verdict.passed else self.otherwise


@dataclass(frozen=True, slots=True)
class EmailContent:
    """An e-mail to send: plain text."""

    to: tuple[str, ...]
    subject: str
    body: str


class CompiledEmail:
    """An e-mail step, ready to run."""

    def __init__(self, step: EmailStep) -> None:
        self.step = step
        self.id = step.id
        self._parts = {
            name: source_reader(source)
            for name, source in (("to", step.to), ("subject", step.subject), ("body", step.body))
        }

    def fill(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> EmailContent:
        """Return the e-mail. Raises MappingError when an address, the subject or a template is wrong."""
        problems: list[Problem] = []
        found: dict[str, Any] = {}
        for name, evaluate in self._parts.items():
            try:
                converted = convert(evaluate(scope, zone), _EMAIL_FIELDS[name], zone=zone)
            except TemplateError as error:
                problems.append(Problem(error.code, error.params, name, error.detail))
                continue
            if converted.problem is not None:
                problems.append(converted.problem)
            elif converted.value is None and name != "body":
                problems.append(Problem("required_missing", path=name))
            found[name] = converted.value
        if problems:
            raise MappingError(problems=tuple(problems))
        return EmailContent(tuple(found["to"]), found["subject"], found["body"] or "")


_EMAIL_FIELDS = {
    "to": Field("to", FieldType.EMAIL, many=True),
    "subject": Field("subject", FieldType.TEXT, max_length=250),
    "body": Field("body", FieldType.LONG_TEXT),
}

CompiledStep = CompiledAction | CompiledWait | CompiledBranch | CompiledEmail


class CompiledRule:
    """One version of a rule, ready to run. Immutable; made by `compile_rule` or `from_dict`.

    `connections` are the ids of the connections that the rule names, `kinds` the event kinds that it listens
    to, `fields` the target fields of each step by the step's id. `places` numbers the steps from 1 on, those
    inside branches included: the journal knows them by it.
    """

    def __init__(
        self,
        rule: Rule,
        kinds: frozenset[str],
        connections: Mapping[ConnectionRef, int],
        fields: Mapping[str, Mapping[str, Field]],
    ) -> None:
        self.rule = rule
        self.kinds = kinds
        self.connections = connections
        self.fields = fields
        self.steps = self._prepare(rule.then)
        self.paths = paths_read(rule)
        self.places = {step.id: place for place, (_, step) in enumerate(rule.all_steps(), start=1)}
        self._conditions = PreparedGroup(rule.condition) if rule.condition else None
        self._by_id = {step.id: step for step in _flat(self.steps)}

    @property
    def trigger(self) -> TriggerUse:
        """The trigger that the rule starts from."""
        return self.rule.when

    @property
    def connection_id(self) -> int:
        """The id of the trigger's connection."""
        return self.connections[self.rule.when.connection]

    def step(self, step_id: str) -> CompiledStep:
        """Return a step, in a branch or not. Raises KeyError."""
        return self._by_id[step_id]

    def passes(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> Verdict:
        """Evaluate the rule's conditions; a rule without any lets everything through."""
        if self._conditions is None:
            return Verdict(True)
        return self._conditions.evaluate(scope, zone=zone)

    def refreshed(self, catalog: Catalog) -> CompiledRule:
        """Return the same rule with its fields as they are now (new options of lists); gone ones are dropped.

        What the catalog cannot tell stays as it was.
        """
        fields: dict[str, Mapping[str, Field]] = {}
        for _, step in self.rule.all_steps():
            if isinstance(step, ActionStep | FindStep):
                shape = catalog.action(step.connection, step.action)
                fields[step.id] = fields_used(step, shape) if shape else self.fields[step.id]
        return CompiledRule(self.rule, self.kinds, self.connections, fields)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form that is stored with the version."""
        return {
            "format": FORMAT,
            "rule": rule_to_dict(self.rule),
            "kinds": sorted(self.kinds),
            "connections": [[ref, number] for ref, number in self.connections.items()],
            "fields": {
                step_id: [field.to_dict() for field in fields.values()]
                for step_id, fields in self.fields.items()
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CompiledRule:
        """Read what `to_dict` wrote. Raises RuleError for a format of another version."""
        if data.get("format") != FORMAT:
            raise RuleError("compiled_format_unknown", params={"format": data.get("format")})
        return cls(
            rule=parse_rule(data["rule"]),
            kinds=frozenset(data["kinds"]),
            connections=dict(data["connections"]),
            fields={
                step_id: {field["key"]: Field.from_dict(field) for field in fields}
                for step_id, fields in data["fields"].items()
            },
        )

    def _prepare(self, steps: tuple[Step, ...]) -> tuple[CompiledStep, ...]:
        return tuple(self._prepare_one(step) for step in steps)

    def _prepare_one(self, step: Step) -> CompiledStep:
        if isinstance(step, ActionStep | FindStep):
            return CompiledAction(step, self.connections[step.connection], self.fields[step.id])
        if isinstance(step, WaitStep):
            return CompiledWait(step)
        if isinstance(step, BranchStep):
            return CompiledBranch(step, self._prepare(step.then), self._prepare(step.otherwise))
        return CompiledEmail(step)


def compile_rule(rule: Rule, catalog: Catalog) -> CompiledRule:
    """Compile a rule that `checks.check_rule` found right. Raises RuleError with what the catalog lacks."""
    problems: list[Problem] = []
    connections: dict[ConnectionRef, int] = {}
    for ref in rule.connections():
        number = catalog.connection_id(ref)
        if number is None:
            problems.append(Problem("connection_unknown", {"connection": ref}))
        else:
            connections[ref] = number
    trigger = catalog.trigger(rule.when.connection, rule.when.trigger)
    if trigger is None:
        problems.append(Problem("trigger_unknown", {"trigger": rule.when.trigger}, "when.trigger"))
    fields: dict[str, Mapping[str, Field]] = {}
    for path, step in rule.all_steps():
        if isinstance(step, ActionStep | FindStep):
            shape = catalog.action(step.connection, step.action)
            if shape is None:
                problems.append(Problem("action_unknown", {"action": step.action}, f"{path}.action"))
            else:
                fields[step.id] = fields_used(step, shape)
    if problems or trigger is None:
        raise RuleError(problems=tuple(problems))
    types = {field.key: field.type for field in trigger.fields}
    return CompiledRule(_typed(rule, types), trigger.kinds, connections, fields)


def _typed(rule: Rule, types: Mapping[str, FieldType]) -> Rule:
    """Return the rule with every test knowing its field's type."""
    condition = with_types(rule.condition, types) if rule.condition else None
    return replace(rule, condition=condition, then=_typed_steps(rule.then, types))


def _typed_steps(steps: tuple[Step, ...], types: Mapping[str, FieldType]) -> tuple[Step, ...]:
    return tuple(
        replace(
            step,
            condition=with_types(step.condition, types),
            then=_typed_steps(step.then, types),
            otherwise=_typed_steps(step.otherwise, types),
        )
        if isinstance(step, BranchStep)
        else step
        for step in steps
    )


def fields_used(step: ActionStep | FindStep, shape: ActionShape) -> dict[str, Field]:
    """Return the fields that a step maps, its key field, and those that it would have to map."""
    mapped = {mapping.field for mapping in step.mappings}
    if isinstance(step, ActionStep) and step.key and step.key.field:
        mapped.add(step.key.field)
    groups = {group_of(key) for key in mapped} | {""}
    used: dict[str, Field] = {}
    for field in shape.fields:
        required = field.key in shape.required or field.required
        if field.key in mapped or (required and group_of(field.key) in groups):
            used[field.key] = replace(field, required=True) if required else field
    return used


def paths_read(rule: Rule) -> frozenset[str]:
    """Return every path that a rule reads; so a connector knows what it need not fetch."""
    paths = {test.field for test in each_test(rule.condition)} if rule.condition else set()
    for _, step in rule.all_steps():
        if isinstance(step, ActionStep | FindStep):
            paths |= _sources_read(mapping.source for mapping in step.mappings)
            paths |= {
                repeat.over for repeat in (step.repeat.values() if isinstance(step, ActionStep) else ())
            }
        elif isinstance(step, BranchStep):
            paths |= {test.field for test in each_test(step.condition)}
        elif isinstance(step, EmailStep):
            paths |= _sources_read((step.to, step.subject, step.body))
        elif step.until:
            paths.add(step.until)
    return frozenset(paths)


def _sources_read(sources: Iterable[Source]) -> set[str]:
    paths: set[str] = set()
    for source in sources:
        if source.origin is Origin.FROM:
            paths.add(source.content)
        elif source.origin is Origin.TEXT:
            paths |= paths_of(source.content)
    return paths


def _flat(steps: Iterable[CompiledStep]) -> Iterable[CompiledStep]:
    for step in steps:
        yield step
        if isinstance(step, CompiledBranch):
            yield from _flat(step.then)
            yield from _flat(step.otherwise)
