"""Compiling a rule: everything the engine needs to run it, in one JSON object, and prepared when loaded.

A version of a rule is stored compiled. It holds the definition, the fields of each step as they were, and the
ids of its connections, so that a run can finish its version whatever happens to the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from vaivem.core.catalog import ActionShape, Catalog
from vaivem.core.compiled_steps import (
    CompiledAction,
    CompiledAwait,
    CompiledBranch,
    CompiledEmail,
    CompiledNotify,
    CompiledStep,
    CompiledStop,
    CompiledWait,
    flat,
)
from vaivem.core.conditions import PreparedGroup, Verdict, each_test, with_types
from vaivem.core.errors import Problem, RuleError
from vaivem.core.fields import Field, FieldType, group_of
from vaivem.core.identity import match_keys
from vaivem.core.numbers import DEFAULT_ZONE
from vaivem.core.paths import Scope, reader
from vaivem.core.rules import Rule, TriggerUse, parse_rule, rule_to_dict
from vaivem.core.steps import (
    ActionStep,
    AwaitStep,
    BranchStep,
    ConnectionRef,
    EmailStep,
    FindStep,
    NotifyStep,
    Origin,
    Source,
    Step,
    StopStep,
    WaitStep,
)
from vaivem.core.templates import paths_of

FORMAT = 1


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
        self._person = reader(rule.automation.person) if rule.automation else None
        self._by_id = {step.id: step for step in flat(self.steps)}

    @property
    def trigger(self) -> TriggerUse:
        """The trigger that the rule starts from."""
        return self.rule.when

    @property
    def connection_id(self) -> int:
        """The id of the trigger's connection."""
        return self.connections[self.rule.when.connection]

    @property
    def awaited(self) -> frozenset[int]:
        """The connections at which its steps wait for something to happen."""
        steps = self._by_id.values()
        return frozenset(step.connection_id for step in steps if isinstance(step, CompiledAwait))

    def step(self, step_id: str) -> CompiledStep:
        """Return a step, in a branch or not. Raises KeyError."""
        return self._by_id[step_id]

    def passes(self, scope: Scope, *, zone: str = DEFAULT_ZONE) -> Verdict:
        """Evaluate the rule's conditions; a rule without any lets everything through."""
        if self._conditions is None:
            return Verdict(True)
        return self._conditions.evaluate(scope, zone=zone)

    def person(self, scope: Scope) -> str:
        """Return the match key of the person that an automation's run is about, "" for nobody."""
        seen = self._person(scope) if self._person else None
        values = list(seen) if isinstance(seen, list | tuple) else [seen]
        keys = match_keys("person", email=values, cpf_cnpj=values)
        return str(keys[0]) if keys else ""

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
        if isinstance(step, AwaitStep):
            return CompiledAwait(step, self.connections[step.connection])
        if isinstance(step, BranchStep):
            return CompiledBranch(step, self._prepare(step.then), self._prepare(step.otherwise))
        if isinstance(step, StopStep):
            return CompiledStop(step)
        if isinstance(step, NotifyStep):
            return CompiledNotify(step)
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
    told: dict[str, Mapping[str, FieldType]] = {}
    for path, step in rule.all_steps():
        if isinstance(step, AwaitStep):
            awaited = catalog.trigger(step.connection, step.trigger)
            if awaited is None:
                problems.append(Problem("trigger_unknown", {"trigger": step.trigger}, f"{path}.trigger"))
            else:
                told[step.id] = {field.key: field.type for field in awaited.fields}
        if isinstance(step, ActionStep | FindStep):
            shape = catalog.action(step.connection, step.action)
            if shape is None:
                problems.append(Problem("action_unknown", {"action": step.action}, f"{path}.action"))
            else:
                fields[step.id] = fields_used(step, shape)
    if problems or trigger is None:
        raise RuleError(problems=tuple(problems))
    types = {field.key: field.type for field in trigger.fields}
    return CompiledRule(_typed(rule, types, told), trigger.kinds, connections, fields)


Types = Mapping[str, FieldType]


def _typed(rule: Rule, types: Types, told: Mapping[str, Types]) -> Rule:
    """Return the rule with every test knowing its field's type; `told`: of awaited triggers, by step."""
    condition = with_types(rule.condition, types) if rule.condition else None
    when, changed = rule.when, rule.when.changed
    if changed is not None:
        when = replace(when, changed=replace(changed, type=changed.type or types.get(changed.field)))
    return replace(rule, when=when, condition=condition, then=_typed_steps(rule.then, types, told))


def _typed_steps(steps: tuple[Step, ...], types: Types, told: Mapping[str, Types]) -> tuple[Step, ...]:
    return tuple(_typed_step(step, types, told) for step in steps)


def _typed_step(step: Step, types: Types, told: Mapping[str, Types]) -> Step:
    if isinstance(step, StopStep):
        return replace(step, condition=with_types(step.condition, types))
    if isinstance(step, AwaitStep) and step.condition is not None:
        return replace(step, condition=with_types(step.condition, told[step.id]))
    if isinstance(step, BranchStep):
        return replace(
            step,
            condition=with_types(step.condition, types),
            then=_typed_steps(step.then, types, told),
            otherwise=_typed_steps(step.otherwise, types, told),
        )
    return step


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
    if rule.automation:
        paths.add(rule.automation.person)
    if rule.when.changed:
        paths.add(rule.when.changed.field)
    return frozenset(paths | paths_of_steps(step for _, step in rule.all_steps()))


def paths_of_steps(steps: Iterable[Step]) -> set[str]:
    """Return every path that these steps read; those inside branches are to be among them."""
    paths: set[str] = set()
    for step in steps:
        if isinstance(step, ActionStep | FindStep):
            paths |= _sources_read(mapping.source for mapping in step.mappings)
            paths |= {
                repeat.over for repeat in (step.repeat.values() if isinstance(step, ActionStep) else ())
            }
        elif isinstance(step, BranchStep | StopStep):
            paths |= {test.field for test in each_test(step.condition)}
        elif isinstance(step, EmailStep):
            paths |= _sources_read(step.sources.values())
        elif isinstance(step, NotifyStep):
            paths |= _sources_read((step.text,))
        elif isinstance(step, AwaitStep):
            paths |= {step.equals} if step.equals else set()
        elif step.until:
            paths.add(step.until)
    return paths


def _sources_read(sources: Iterable[Source]) -> set[str]:
    paths: set[str] = set()
    for source in sources:
        if source.origin is Origin.FROM:
            paths.add(source.content)
        elif source.origin is Origin.TEXT:
            paths |= paths_of(source.content)
    return paths
