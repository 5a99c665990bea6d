"""What a rule would write for an event of the past, field by field. Nothing is sent, nothing is read anew.

What a run read before its first step is taken from its journal; what a mapping takes from an earlier step is
known only when that step has been done, and says so.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from vaivem.connectors.sdk import Answer, Call, Connection, Event, Trigger
from vaivem.core.compiled_steps import (
    CompiledAction,
    CompiledBranch,
    CompiledEmail,
    CompiledNotify,
    CompiledStep,
    CompiledStop,
)
from vaivem.core.compiler import CompiledRule
from vaivem.core.conditions import each_test
from vaivem.core.errors import Problem, RetryError
from vaivem.core.fields import Field, group_of
from vaivem.core.mapping import MappingError
from vaivem.core.steps import ActionStep, FieldMapping, FindStep, OnBad, Origin, Source
from vaivem.core.templates import paths_of

T = TypeVar("T")
LATER = "steps."


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run read at a vendor: the name of the call, and its answer."""

    name: str
    status: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One field. `later`: its value comes from an earlier step. `element` counts repeats from 1, else 0."""

    key: str
    field: Field | None
    value: Any = None
    element: int = 0
    later: bool = False
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class ForeseenStep:
    """One step that would be done, with its fields."""

    id: str
    step: CompiledStep
    lines: tuple[Foreseen, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What keeps it from being done."""
        return tuple(line.problem for line in self.lines if line.problem is not None)


@dataclass(frozen=True, slots=True)
class Foresight:
    """What would come of an event. `ending` is a code where nothing would be done: ``filtered``, ``not_yet``.

    `unknown`: what the rule reads first is not in the journal, so no more can be said.
    """

    ending: str = ""
    tests: tuple[Mapping[str, Any], ...] = ()
    unknown: bool = False
    steps: tuple[ForeseenStep, ...] = field(default=())

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that would make it fail, known now."""
        return tuple(problem for step in self.steps for problem in step.problems)


class NotKeptError(RetryError):
    """The journal has no such answer."""

    default_code = "answer_not_kept"


class JournalReader:
    """Reads what a run read, in its order (a `Reader`)."""

    def __init__(self, connection: Connection, kept: Iterable[Kept]) -> None:
        self._connection = connection
        self._kept = list(kept)

    @property
    def connection(self) -> Connection:
        """The connection that was read at."""
        return self._connection

    async def read(self, call: Call) -> Answer:
        """Return the answer of that time. Raises NotKeptError."""
        if not self._kept or self._kept[0].name != call.name:
            raise NotKeptError
        kept = self._kept.pop(0)
        return Answer(kept.status, {}, kept.content)


def foresee(
    compiled: CompiledRule, trigger: Trigger, event: Event, reader: JournalReader, *, zone: str, now: datetime
) -> Foresight:
    """Say what a rule would do with an event, as far as that can be known beforehand."""
    options = compiled.trigger.options
    if event.kind not in trigger.kinds or not trigger.accepts(event, options):
        return Foresight("filtered")
    try:
        data = at_once(trigger.scope(reader, event, options))
    except NotKeptError:
        return Foresight(unknown=True)
    if data is None:
        return Foresight("not_yet")
    today = now.astimezone(ZoneInfo(zone)).date().isoformat()
    scope = {**data, "steps": {}, "rule": {"title": compiled.rule.title}, "today": today}
    verdict = compiled.passes(scope, zone=zone)
    if not verdict.passed:
        return Foresight("filtered", tuple(test.to_dict() for test in verdict.reasons))
    return Foresight(steps=tuple(_steps(compiled.steps, scope, zone)))


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine gives that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise NotKeptError


def _steps(steps: Sequence[CompiledStep], scope: Mapping[str, Any], zone: str) -> Iterable[ForeseenStep]:
    for step in steps:
        if isinstance(step, CompiledBranch):
            if any(test.field.startswith(LATER) for test in each_test(step.step.condition)):
                return  # which way it goes is known only then
            yield from _steps(step.choose(scope, zone=zone)[1], scope, zone)
        elif isinstance(step, CompiledAction):
            yield ForeseenStep(step.id, step, tuple(_lines(step, scope, zone)))
        elif isinstance(step, CompiledEmail):
            yield ForeseenStep(step.id, step, tuple(_letter(step, scope, zone)))
        elif isinstance(step, CompiledNotify):
            yield ForeseenStep(step.id, step, tuple(_notice(step, scope, zone)))
        elif isinstance(step, CompiledStop) and _stops(step, scope, zone):
            return


def _lines(step: CompiledAction, scope: Mapping[str, Any], zone: str) -> Iterable[Foreseen]:
    later = {mapping.field for mapping in step.step.mappings if _is_later(mapping, step.step)}
    gone = [one.field for one in step.step.mappings if one.field not in step.fields]
    known = tuple(_lenient(one) for one in step.step.mappings if one.field not in later.union(gone))
    required = {key for key, one in step.fields.items() if one.required and key not in later}
    fields = {key: replace(one, required=False) for key, one in step.fields.items()}
    asking = CompiledAction(replace(step.step, mappings=known), step.connection_id, fields)
    found = asking.resolve(scope, zone=zone).preview()
    yield from (Foreseen(key, None, problem=Problem("field_gone", path=key)) for key in gone)
    failing = {one.field for one in step.step.mappings if one.on_bad is OnBad.FAIL}
    seen: set[str] = set()
    for row in found:
        seen.add(row["key"])
        yield _foreseen(row, fields, required, failing)
    for key in sorted(later):
        yield Foreseen(key, fields.get(key), later=True)
    groups = {group_of(key) for key in seen | later} | {""}
    for key in sorted(required - seen):
        if found and group_of(key) in groups and key not in later:
            yield Foreseen(key, fields[key], problem=Problem("required_missing", path=key))


def _foreseen(
    row: Mapping[str, Any], fields: Mapping[str, Field], required: set[str], failing: set[str]
) -> Foreseen:
    key, value = row["key"], row["value"]
    problem = Problem.from_dict(row["problem"]) if row["problem"] and key in failing else None
    if problem is None and value is None and key in required:
        problem = Problem("required_missing", path=key)
    return Foreseen(key, fields[key], value, row["index"] + 1 if "index" in row else 0, problem=problem)


def _is_later(mapping: FieldMapping, step: ActionStep | FindStep) -> bool:
    source = mapping.source
    repeats = step.repeat if isinstance(step, ActionStep) else {}
    over = repeats.get(group_of(mapping.field))
    if over is not None and over.over.startswith(LATER):
        return True
    return (source.origin is Origin.FROM and str(source.content).startswith(LATER)) or _reads_later(source)


def _reads_later(source: Source) -> bool:
    return source.origin is Origin.TEXT and any(path.startswith(LATER) for path in paths_of(source.content))


def _lenient(mapping: FieldMapping) -> FieldMapping:
    """Return the mapping so that what is wrong is shown beside the others."""
    return replace(mapping, on_bad=OnBad.SKIP) if mapping.on_bad is OnBad.FAIL else mapping


def _letter(step: CompiledEmail, scope: Mapping[str, Any], zone: str) -> Iterable[Foreseen]:
    try:
        content = step.fill(scope, zone=zone)
    except MappingError as error:
        if not any(_reads_later(source) for source in step.step.sources.values()):
            yield from (Foreseen(one.path, None, problem=one) for one in error.problems)
        return
    yield Foreseen("to", None, ", ".join(content.to))
    yield Foreseen("subject", None, content.subject)
    yield Foreseen("body", None, content.body)


def _notice(step: CompiledNotify, scope: Mapping[str, Any], zone: str) -> Iterable[Foreseen]:
    try:
        text = step.fill(scope, zone=zone)
    except MappingError as error:
        if not _reads_later(step.step.text):
            yield from (Foreseen(one.path, None, problem=one) for one in error.problems)
        return
    yield Foreseen("member", None, step.step.member)
    yield Foreseen("text", None, text)


def _stops(step: CompiledStop, scope: Mapping[str, Any], zone: str) -> bool:
    """Say whether nothing after this step can be told: the run ends here, or that is known only then."""
    later = any(test.field.startswith(LATER) for test in each_test(step.step.condition))
    return later or step.look(scope, zone=zone).passed
