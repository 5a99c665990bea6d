"""A rule as people read it: one sentence, its conditions, and each step with the fields it fills."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaivem.core.changes import Change
from vaivem.core.conditions import Group, Joint, Test
from vaivem.core.errors import RuleError
from vaivem.core.fields import Field, WritePolicy
from vaivem.core.rules import Automation, Inside, Rule, parse_rule
from vaivem.core.steps import (
    ActionStep,
    AwaitStep,
    BranchStep,
    ConnectionRef,
    EmailStep,
    FieldMapping,
    FindStep,
    KeyChoice,
    KeyKind,
    Missing,
    NotifyStep,
    OnBad,
    Origin,
    Source,
    Step,
    StopStep,
    WaitStep,
)
from vaivem.engine.offers import choices
from vaivem.hub.history.why import operator_name, shown
from vaivem.hub.messages import connector_text, named
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.given import name_of, names_given

_PLACEHOLDER = re.compile(r"\{\{\s*([\w.\[\]]+)[^{}]*\}\}")
_PLACE = re.compile(r"(then|else)\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of what a field receives: fixed text, or the name of a field that is read."""

    text: str
    is_field: bool = False


@dataclass(frozen=True, slots=True)
class Mapped:
    """One field of a step: what it receives, when that is written, what happens to a bad value."""

    key: str
    label: str
    required: bool
    parts: tuple[Part, ...]
    write: str
    bad: str


@dataclass(frozen=True, slots=True)
class StepShown:
    """One step. `number` is its place ("2.1": inside step 2); `lead` says on which way of a branch."""

    number: str
    title: str
    connector: str = ""
    connection: str = ""
    lead: str = ""
    notes: tuple[str, ...] = ()
    rows: tuple[Mapped, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleShown:
    """A whole rule in words."""

    sentence: str
    conditions: tuple[str, ...]
    steps: tuple[StepShown, ...]


def ends_of(definition: Mapping[str, Any], catalog: WorkspaceCatalog) -> tuple[str, str]:
    """Return the connectors that a rule starts from and first does something at, "" where there is none."""
    when = definition.get("when")
    start = when.get("connection") if isinstance(when, Mapping) else None
    steps = definition.get("then")
    refs = [step.get("connection") for step in steps or () if isinstance(step, Mapping)]
    target = next((ref for ref in refs if ref is not None), None)
    return _connector(start, catalog), _connector(target, catalog)


def sentence_of(definition: Mapping[str, Any], catalog: WorkspaceCatalog) -> str:
    """Return a definition as one sentence, "" for a draft that cannot be read yet."""
    try:
        return _sentence(parse_rule(definition), catalog)
    except RuleError:
        return ""


def shown_rule(rule: Rule, catalog: WorkspaceCatalog) -> RuleShown:
    """Return a rule in words."""
    telling = _Telling(rule, catalog)
    conditions = tuple(telling.conditions(rule.condition)) if rule.condition else ()
    if rule.when.changed:
        conditions = (telling.change(rule.when.changed), *conditions)
    if rule.automation:
        conditions = (telling.automation(rule.automation), *conditions)
    return RuleShown(_sentence(rule, catalog), conditions, tuple(telling.steps()))


def _sentence(rule: Rule, catalog: WorkspaceCatalog) -> str:
    row = catalog.connection(rule.when.connection)
    connector = row.connector if row else ""
    does = [_does(step, catalog) for step in rule.then]
    return _("When %(happens)s %(where)s: %(does)s.") % {
        "happens": words.trigger_name(connector, rule.when.trigger),
        "where": _where(rule.when.connection, catalog),
        "does": ", ".join(does),
    }


def _does(step: Step, catalog: WorkspaceCatalog) -> str:
    if isinstance(step, ActionStep | FindStep):
        row = catalog.connection(step.connection)
        name = words.action_name(row.connector if row else "", step.action)
        return f"{name} {_where(step.connection, catalog)}"
    if isinstance(step, WaitStep):
        return _wait(step)
    if isinstance(step, AwaitStep):
        return _await(step, catalog)
    if isinstance(step, StopStep):
        return _("stop if a condition holds")
    if isinstance(step, NotifyStep):
        return _notify(step, catalog)
    return _("go one of two ways") if isinstance(step, BranchStep) else _("send an e-mail")


def _notify(step: NotifyStep, catalog: WorkspaceCatalog) -> str:
    return _("notify %(member)s") % {"member": catalog.members.get(step.member) or step.member}


def _where(ref: ConnectionRef, catalog: WorkspaceCatalog) -> str:
    row = catalog.connection(ref)
    if row is None:
        return _("in a connection that is gone")
    return _("%(in_the)s “%(name)s”") % {"in_the": named(row.connector)["in_the"], "name": row.name}


def _wait(step: WaitStep, name: Callable[[str], str] = str) -> str:
    if step.duration is not None:
        return _("wait %(time)s") % {"time": _duration(step.duration)}
    if step.shift:
        return _("wait until %(date)s, moved by %(time)s") % {
            "date": name(str(step.until)),
            "time": _duration(step.shift),
        }
    return _("wait until %(date)s") % {"date": name(str(step.until))}


def _await(step: AwaitStep, catalog: WorkspaceCatalog) -> str:
    row = catalog.connection(step.connection)
    return _("wait until %(happens)s %(where)s, for %(time)s at most") % {
        "happens": words.trigger_name(row.connector if row else "", step.trigger),
        "where": _where(step.connection, catalog),
        "time": _duration(step.limit),
    }


def _duration(time: timedelta) -> str:
    sign, seconds = ("−", -time.total_seconds()) if time < timedelta() else ("", time.total_seconds())
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes % 1440 // 60
    parts = [
        ngettext("%(n)s day", "%(n)s days", days) % {"n": days} if days else "",
        ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours} if hours else "",
        f"{minutes % 60} min" if minutes % 60 or minutes == 0 else "",
    ]
    return sign + " ".join(part for part in parts if part)


class _Telling:
    """Tells one rule, with the names of what its trigger offers to read."""

    def __init__(self, rule: Rule, catalog: WorkspaceCatalog) -> None:
        self.rule = rule
        self.catalog = catalog
        self.labels: dict[str, str] = {}
        self.fields: dict[str, Field] = {}
        row, shape = (
            catalog.connection(rule.when.connection),
            catalog.trigger(rule.when.connection, rule.when.trigger),
        )
        if row is not None and shape is not None:
            self.fields = {field.key: field for field in shape.fields}
            self.labels = {field.key: words.label(row.connector, field) for field in shape.fields}

    def steps(self) -> Iterator[StepShown]:
        """Tell every step, those inside branches right after theirs."""
        for path, step in self.rule.all_steps():
            places = _PLACE.findall(path)
            number = ".".join(str(int(place) + 1) for _, place in places)
            lead = ""
            if len(places) > 1:
                lead = _("If so") if places[-1][0] == "then" else _("Otherwise")
            yield self._step(step, number, lead)
            self.labels |= names_given(step, number, self.catalog)

    def automation(self, automation: Automation) -> str:
        """Tell that a person runs through the rule once at a time."""
        once = _("An automation: the person known by “%(field)s” runs through it once at a time.")
        waits = automation.inside is Inside.WAIT
        more = _("The next event waits.") if waits else _("The next event is skipped.")
        return f"{once % {'field': self._name(automation.person)}} {more}"

    def change(self, change: Change) -> str:
        """Tell the change that the rule waits for."""
        named = {"field": self._name(change.field), "before": self._value(change, change.before)}
        named["after"] = self._value(change, change.after)
        if change.before is None and change.after is None:
            return _("“%(field)s” changes") % named
        if change.before is None:
            return _("“%(field)s” changes to “%(after)s”") % named
        if change.after is None:
            return _("“%(field)s” changes from “%(before)s” to another value") % named
        return _("“%(field)s” changes from “%(before)s” to “%(after)s”") % named

    def _value(self, change: Change, value: Any) -> str:
        """Return a value as people read it: the name of a choice."""
        row = self.catalog.connection(self.rule.when.connection)
        seen = self.catalog.seen(self.rule.when.connection)
        field = self.fields.get(change.field)
        if value is None or row is None or seen is None or field is None:
            return shown(value)
        return words.option_name(row.connector, replace(field, options=choices(seen, field)), value)

    def conditions(self, group: Group) -> Iterator[str]:
        """Tell the tests of a group, one a line; groups inside it stand in one line."""
        for member in group.members:
            text = self._test(member) if isinstance(member, Test) else self._joined(member)
            yield _("not: %(test)s") % {"test": text} if group.joint is Joint.NOT else text

    def _joined(self, group: Group) -> str:
        joint = _("or") if group.joint is Joint.ANY else _("and")
        return f" {joint} ".join(self.conditions(group))

    def _test(self, test: Test) -> str:
        wanted = shown(test.value)
        text = f"{self._name(test.field)} {operator_name(test.operator.value)}"
        return f"{text} “{wanted}”" if wanted else text

    def _name(self, path: str) -> str:
        return name_of(path, self.labels)

    def _step(self, step: Step, number: str, lead: str) -> StepShown:
        if isinstance(step, ActionStep | FindStep):
            return self._filling(step, number, lead)
        if isinstance(step, BranchStep | StopStep):
            title = (
                _("go one of two ways") if isinstance(step, BranchStep) else _("stop if a condition holds")
            )
            joint = (
                _("if one of these is so:") if step.condition.joint is Joint.ANY else _("if all this is so:")
            )
            notes = (joint, *self.conditions(step.condition))
            return StepShown(number, _capital(title), lead=lead, notes=notes)
        if isinstance(step, NotifyStep):
            told = Mapped("text", _("Text"), True, self._parts(step.text), "", "")
            return StepShown(number, _capital(_notify(step, self.catalog)), lead=lead, rows=(told,))
        if isinstance(step, EmailStep):
            rows = tuple(
                Mapped(key, label, True, self._parts(source), "", "")
                for (key, source), label in zip(
                    step.sources.items(), (_("To"), _("Subject"), _("Text"), _("HTML")), strict=False
                )
            )
            notes = (_("also to who opted out, for it is transactional"),) if step.transactional else ()
            return StepShown(number, _capital(_("send an e-mail")), lead=lead, rows=rows, notes=notes)
        if isinstance(step, AwaitStep):
            return self._awaited(step, number, lead)
        return StepShown(number, _capital(_wait(step, self._name)), lead=lead)

    def _awaited(self, step: AwaitStep, number: str, lead: str) -> StepShown:
        row, shape = (
            self.catalog.connection(step.connection),
            self.catalog.trigger(step.connection, step.trigger),
        )
        own, connector = self.labels, row.connector if row else ""
        told = {field.key: words.label(connector, field) for field in shape.fields} if shape else {}
        about = _("It is about the same record.")
        if step.about is not None:
            known = self._name(step.equals) if step.equals else _("the automation's person")
            names = {"field": name_of(step.about, told), "known": known}
            about = _("“%(field)s” is the same as: %(known)s.") % names
        self.labels = told
        tests = self.conditions(step.condition) if step.condition else ()
        notes = (about, *tests)
        self.labels = own
        return StepShown(number, _capital(_await(step, self.catalog)), lead=lead, notes=notes)

    def _filling(self, step: ActionStep | FindStep, number: str, lead: str) -> StepShown:
        row, shape = (
            self.catalog.connection(step.connection),
            self.catalog.action(step.connection, step.action),
        )
        connector = row.connector if row else ""
        fields = {field.key: field for field in shape.fields} if shape else {}
        places = {key: place for place, key in enumerate(fields)}
        mappings = sorted(step.mappings, key=lambda one: places.get(one.field, len(places)))
        return StepShown(
            number=number,
            title=_capital(words.action_name(connector, step.action)),
            connector=connector,
            connection=row.name if row else str(step.connection),
            lead=lead,
            notes=tuple(self._notes(step, connector)),
            rows=tuple(self._mapped(one, fields.get(one.field), step, connector) for one in mappings),
        )

    def _notes(self, step: ActionStep | FindStep, connector: str) -> Iterator[str]:
        if isinstance(step, FindStep):
            yield _found_nothing(step.missing)
            return
        if step.key is not None:
            yield _recognised(step.key, connector)
        for group, repeat in step.repeat.items():
            name = connector_text(connector, f"objects.{group}") or group
            yield _("%(object)s: once for each of “%(list)s”.") % {
                "object": name,
                "list": self._name(repeat.over),
            }

    def _mapped(
        self, mapping: FieldMapping, field: Field | None, step: ActionStep | FindStep, connector: str
    ) -> Mapped:
        write = mapping.write or (field.write if field else WritePolicy.ALWAYS)
        return Mapped(
            key=mapping.field,
            label=words.label(connector, field) if field else mapping.field,
            required=bool(field and field.required),
            parts=self._parts(mapping.source, field, connector),
            write="" if isinstance(step, FindStep) else written_words(write, mapping),
            bad="" if isinstance(step, FindStep) else bad_words(mapping),
        )

    def _parts(self, source: Source, field: Field | None = None, connector: str = "") -> tuple[Part, ...]:
        if source.origin is Origin.FROM:
            return (Part(self._name(str(source.content)), True),)
        if source.origin is Origin.VALUE:
            value = source.content
            return (Part(words.option_name(connector, field, value) if field else shown(value)),)
        return tuple(self._pieces(str(source.content)))

    def _pieces(self, text: str) -> Iterator[Part]:
        end = 0
        for found in _PLACEHOLDER.finditer(text):
            if found.start() > end:
                yield Part(text[end : found.start()])
            yield Part(self._name(found[1]), True)
            end = found.end()
        if end < len(text):
            yield Part(text[end:])


def _connector(ref: Any, catalog: WorkspaceCatalog) -> str:
    row = catalog.connection(ref) if isinstance(ref, str | int) and not isinstance(ref, bool) else None
    return row.connector if row else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _recognised(key: KeyChoice, connector: str) -> str:
    if key.by is KeyKind.FIELD and key.field:
        name = connector_text(connector, f"fields.{key.field}") or key.field
        return _("It is the same record when “%(field)s” is the same.") % {"field": name}
    return {
        KeyKind.SOURCE: _("It is the same record when it was made from the same source record."),
        KeyKind.CONTACT: _("It is the same record when it belongs to the same contact."),
        KeyKind.NAME: _("It is the same record when its name is the same."),
    }.get(key.by, "")


def _found_nothing(missing: Missing) -> str:
    return {
        Missing.CONTINUE: _("Finding nothing, the rule goes on."),
        Missing.STOP: _("Finding nothing, the rule ends here."),
        Missing.FAIL: _("Finding nothing, the run fails."),
    }[missing]


def written_words(policy: WritePolicy, mapping: FieldMapping) -> str:
    """Say when a field is written."""
    text = {
        WritePolicy.CREATED: _("only when it is created"),
        WritePolicy.ALWAYS: _("always"),
        WritePolicy.EMPTY: _("only where nothing stands"),
        WritePolicy.RAISE: _("raise what stands there by it"),
        WritePolicy.LOWER: _("lower what stands there by it"),
    }[policy]
    return "; ".join([text, _("an empty value empties it")]) if mapping.clear else text


def bad_words(mapping: FieldMapping) -> str:
    """Say what becomes of a value that does not fit, "" where the run fails."""
    text = {
        OnBad.FAIL: "",
        OnBad.SKIP: _("a value that does not fit is left out"),
        OnBad.AS_IS: _("a value that does not fit is sent as it came"),
        OnBad.USE: _("instead of a value that does not fit: “%(value)s”") % {"value": shown(mapping.instead)},
    }[mapping.on_bad]
    cut = _("cut where it is too long") if mapping.cut else ""
    return "; ".join(part for part in (text, cut) if part)
