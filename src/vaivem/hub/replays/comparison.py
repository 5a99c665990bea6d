"""One run before and after: what its rule made of the event then, and what the rule of today would write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.compiled_steps import CompiledAction
from vaivem.core.compiler import CompiledRule
from vaivem.core.errors import VaivemError
from vaivem.core.fields import Field
from vaivem.core.steps import ActionStep
from vaivem.engine.foresight import Foreseen, ForeseenStep, Foresight, JournalReader, Kept, foresee
from vaivem.hub.history.detail import CallRow, RunDetail
from vaivem.hub.history.names import Names
from vaivem.hub.history.why import event_of
from vaivem.hub.messages import explain_problem
from vaivem.hub.rules import words
from vaivem.hub.rules.models import Rule, RuleVersion


@dataclass(frozen=True, slots=True)
class Line:
    """One field: what was sent then and what would be now. `later`: it comes from an earlier step."""

    key: str
    label: str
    then: str = ""
    now: str = ""
    problem: str = ""
    before_problem: str = ""
    later: bool = False
    element: int = 0

    @property
    def changed(self) -> bool:
        """Whether the two differ."""
        return self.then != self.now or self.problem != self.before_problem


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the rule of today.

    `will`: ``do`` it, ``update`` what was done, ``leave_out`` what would be one more, ``look``, or ``unsure``
    (it may have been done). `tick` is the key by which a person has it done all the same.
    """

    id: str
    name: str
    connector: str
    connection: str
    will: str
    tick: str = ""
    lines: tuple[Line, ...] = ()

    @property
    def changes(self) -> tuple[Line, ...]:
        """The lines that differ or are wrong."""
        return tuple(line for line in self.lines if line.changed or line.problem)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Before and after of one run; `ending` and `unknown` as in `Foresight`. None of it is sent."""

    steps: tuple[Step, ...] = ()
    ending: str = ""
    unknown: bool = False


class Comparer:
    """Compares runs of one workspace; versions are read once."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._versions: dict[tuple[int, int], CompiledRule | None] = {}

    def compare(self, detail: RunDetail) -> Comparison:
        """Return what was and what would be."""
        run = detail.run
        rule = self._names.rules.get(run.rule)
        now = self._version(run.rule, rule.version) if rule is not None and rule.version else None
        if now is None or rule is None:
            return Comparison(ending="rule_is_off")
        after = self._foresight(now, detail)
        if after is None:
            return Comparison(ending="event_is_gone" if detail.received is None else "event_unreadable")
        then = self._version(run.rule, run.version)
        before = self._foresight(then, detail) if then is not None else None
        return Comparison(
            tuple(self._step(rule, one, before, detail) for one in after.steps), after.ending, after.unknown
        )

    def _version(self, rule: int, number: int) -> CompiledRule | None:
        key = (rule, number)
        if key not in self._versions:
            row = RuleVersion.objects.filter(
                rule=rule, number=number, rule__workspace=self._names.workspace
            ).first()
            try:
                self._versions[key] = CompiledRule.from_dict(row.compiled) if row else None
            except (VaivemError, KeyError, TypeError, ValueError):
                self._versions[key] = None  # of a release whose form is no longer read
        return self._versions[key]

    def _foresight(self, compiled: CompiledRule, detail: RunDetail) -> Foresight | None:
        received = detail.received
        event = event_of(received, self._names) if received else None
        seen = self._names.seen(received.event.conn) if received else None
        if event is None or seen is None:
            return None
        try:
            trigger = get_connector(seen.connector).trigger(compiled.trigger.trigger)
        except KeyError:
            return None
        kept = [
            Kept(call.name, call.status, call.response or b"")
            for call in detail.calls
            if call.place == 0 and call.done
        ]
        reader, zone = JournalReader(seen, kept), self._names.workspace.zone
        return foresee(compiled, trigger, event, reader, zone=zone, now=detail.run.at)

    def _step(self, rule: Rule, one: ForeseenStep, before: Foresight | None, detail: RunDetail) -> Step:
        former = next((step for step in before.steps if step.id == one.id), None) if before else None
        calls = [call for call in detail.calls if call.step == one.id]
        compiled = one.step
        if not isinstance(compiled, CompiledAction):
            will = _will(calls, adds=True)
            tick = f"{rule.pk}:{one.id}" if will == "leave_out" else ""
            return Step(one.id, _("Send an e-mail"), "", "", will, tick, tuple(_lines("", one, former)))
        conn = compiled.connection_id
        connector = self._names.connector(conn)
        name = words.action_name(connector, compiled.step.action) if connector else compiled.step.action
        action = get_connector(connector).action(compiled.step.action) if connector else None
        if not isinstance(compiled.step, ActionStep):
            will = "look"
        else:
            will = _will(calls, adds=action is not None and action.adds(compiled.step.options))
        return Step(
            id=one.id,
            name=name[:1].upper() + name[1:],
            connector=connector,
            connection=self._names.connection(conn),
            will=will,
            tick=f"{rule.pk}:{one.id}" if will == "leave_out" else "",
            lines=tuple(_lines(connector, one, former)),
        )


def _will(calls: Iterable[CallRow], *, adds: bool) -> str:
    writes = [call for call in calls if call.write]
    if any(call.done for call in writes):
        return "leave_out" if adds else "update"
    unsure = [call for call in writes if call.is_call and (not call.status or call.status >= 500)]
    return "unsure" if unsure and adds else "do"


def _lines(connector: str, one: ForeseenStep, former: ForeseenStep | None) -> Iterable[Line]:
    old = {(line.key, line.element): line for line in former.lines} if former else {}
    for line in one.lines:
        yield _line(connector, line, old.pop((line.key, line.element), None))
    for line in old.values():  # a field that the rule of today leaves alone
        yield replace(_line(connector, line, line), now="", problem="")


def _line(connector: str, line: Foreseen, before: Foreseen | None) -> Line:
    return Line(
        key=line.key,
        label=_label(connector, line.field, line.key),
        then=_shown(connector, before),
        now=_shown(connector, line),
        problem=_problem(connector, line),
        before_problem=_problem(connector, before),
        later=line.later,
        element=line.element,
    )


def _label(connector: str, field: Field | None, key: str) -> str:
    if field is not None and connector:
        return words.label(connector, field)
    return {"to": _("To"), "subject": _("Subject"), "body": _("Text")}.get(key, key)


def _shown(connector: str, line: Foreseen | None) -> str:
    if line is None or line.value is None:
        return ""
    return _value(connector, line.field, line.value)


def _value(connector: str, field: Field | None, value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_value(connector, field, one) for one in value)
    if isinstance(value, Mapping):
        return str(dict(value))
    return words.option_name(connector, field, value) if field is not None and connector else str(value)


def _problem(connector: str, line: Foreseen | None) -> str:
    return explain_problem(line.problem, connector).text if line and line.problem else ""
