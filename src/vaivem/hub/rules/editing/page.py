"""The whole editor as its templates need it: one draft, what is wrong with it, and what it would write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _

from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.core.errors import VaivemError
from vaivem.core.fields import group_of
from vaivem.core.mapping import source_reader
from vaivem.core.paths import PathError
from vaivem.core.rules import Rule as Definition
from vaivem.core.steps import EmailStep, NotifyStep
from vaivem.hub.messages import connector_text, explain
from vaivem.hub.rules import publishing, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.editing.acts import is_full
from vaivem.hub.rules.editing.awaits import PERSON_TYPES
from vaivem.hub.rules.editing.changing import ChangeForm, change_form
from vaivem.hub.rules.editing.conditions import Choice, GroupForm, group_form
from vaivem.hub.rules.editing.form import mapping_of
from vaivem.hub.rules.editing.marks import Blocking, Found, Mark
from vaivem.hub.rules.editing.options import OptionForm, option_forms
from vaivem.hub.rules.editing.pickable import Pickable, always, object_names, of_event
from vaivem.hub.rules.editing.samples import Sample, sample_for
from vaivem.hub.rules.editing.steps import StepMaker, StepsForm
from vaivem.hub.rules.models import Rule
from vaivem.hub.rules.previews import Line, StepPreview, preview


@dataclass(frozen=True, slots=True)
class WhenForm:
    """How the rule starts. `connections` are those that something can start from."""

    connections: tuple[Choice, ...]
    triggers: tuple[Choice, ...]
    options: tuple[OptionForm, ...]
    change: ChangeForm | None
    help: str
    connector: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class AutomationForm:
    """Whether a person runs through it once at a time: who that is, and what the next event does."""

    persons: tuple[Choice, ...]
    insides: tuple[Choice, ...]
    marks: tuple[Mark, ...]

    @property
    def on(self) -> bool:
        """Whether the rule is an automation."""
        return not self.persons[0].chosen


@dataclass(frozen=True, slots=True)
class Shown:
    """One step's preview in blocks of lines that belong together."""

    step: StepPreview
    blocks: tuple[tuple[str, tuple[Line, ...]], ...]


@dataclass(frozen=True, slots=True)
class Editor:
    """What stands on the editor's page."""

    title: str
    title_marks: tuple[Mark, ...]
    when: WhenForm
    automation: AutomationForm
    group: GroupForm
    steps: StepsForm
    steps_marks: tuple[Mark, ...]
    blocking: list[Blocking]
    sample: Sample
    sample_problem: str
    fields: list[Pickable]
    given: list[Pickable]
    previews: tuple[Shown, ...]
    full: bool

    @property
    def tokens(self) -> dict[str, str]:
        """The names of all fields by their path, for the script that shows them in texts."""
        return {one.path: one.label for one in (*self.fields, *self.given, *always())}


def editor(
    rule: Rule, definition: Mapping[str, Any], catalog: WorkspaceCatalog, now: datetime, sample: str = ""
) -> Editor:
    """Return the editor for a definition, which may be half done."""
    zone = rule.workspace.zone
    checked = publishing.check(definition, catalog, zone=zone)
    found = Found(checked.problems, definition, catalog)
    example = sample_for(definition, catalog, sample)
    event = [*of_event(definition, catalog, example.scope), *always()]
    previews = preview(checked.read, catalog, example.scope, now, zone) if checked.read else []
    mails = _mails(checked.read, example.scope, zone) if checked.read else {}
    source = mapping_of(definition.get("when")).get("connection", "")
    shown = {one.place: one for one in previews}
    automation = bool(definition.get("automation"))
    maker = StepMaker(catalog, found, event, shown, example.scope, mails, source, automation=automation)
    group = group_form(definition.get("if"), "if", "if", event, found)
    steps = maker.steps(definition.get("then"), "then", "then")
    return Editor(
        title=str(definition.get("title") or ""),
        title_marks=found.at("title"),
        when=_when(mapping_of(definition.get("when")), catalog, found),
        automation=_automation(mapping_of(definition.get("automation")), event, found),
        group=group,
        steps=steps,
        steps_marks=found.at("then"),
        blocking=found.blocking(),
        sample=example,
        sample_problem=str(explain(example.problem)) if example.problem else "",
        fields=[*event, *maker.elements],
        given=maker.given,
        previews=tuple(_shown(one) for one in previews),
        full=is_full(definition),
    )


def _automation(chosen: Mapping[str, Any], event: list[Pickable], found: Found) -> AutomationForm:
    person, inside = str(chosen.get("person") or ""), str(chosen.get("inside") or "wait")
    persons = [
        Choice(one.path, one.label, one.path == person) for one in event if one.field.type in PERSON_TYPES
    ]
    if person and not any(one.chosen for one in persons):
        persons.append(Choice(person, person, True))
    none = Choice("", _("no: each record on its own"), not person)
    names = {"wait": _("waits until the person is through"), "skip": _("is skipped, and the history says so")}
    insides = tuple(Choice(key, name, key == inside) for key, name in names.items())
    return AutomationForm((none, *persons), insides, found.within("automation"))


def _when(when: Mapping[str, Any], catalog: WorkspaceCatalog, found: Found) -> WhenForm:
    ref, chosen = when.get("connection", ""), str(when.get("trigger") or "")
    row, seen, connector = catalog.connection(ref), catalog.seen(ref), catalog.connector(ref)
    starts = [
        one
        for one in catalog.connections.values()
        if one.connector in connector_keys() and get_connector(one.connector).triggers
    ]
    connections = [
        Choice(str(one.pk), f"{get_connector(one.connector).manifest.name} · {one.name}", one is row)
        for one in starts
    ]
    if row is None or row not in starts:
        label = _("a connection that is gone") if ref else _("choose an account")
        connections.insert(0, Choice(str(ref), label, True))
    name = connector.key if connector else ""
    triggers = [
        Choice(one.key, words.trigger_name(name, one.key), one.key == chosen)
        for one in (connector.triggers if connector else ())
    ]
    if not any(one.chosen for one in triggers):
        triggers.insert(0, Choice(chosen, chosen or _("choose what happens"), True))
    shape = catalog.trigger(ref, chosen)
    options = (
        option_forms(shape.options, mapping_of(when.get("options")), seen, empty=_("any"))
        if shape and seen
        else ()
    )
    help_text = connector_text(name, f"triggers.{chosen}.help") if chosen else ""
    change = change_form(shape, mapping_of(when.get("changed")), seen) if shape and seen else None
    marks = found.within("when")
    return WhenForm(tuple(connections), tuple(triggers), options, change, help_text, name, marks)


def _shown(step: StepPreview) -> Shown:
    blocks = []
    for (element, group), lines in groupby(
        step.lines, key=lambda line: (line.element, group_of(line.key) if line.element else "")
    ):
        title = ""
        if element:
            name = object_names(step.connector, group)
            title = _("%(object)s %(number)s") % {"object": name, "number": element}
        blocks.append((title, tuple(lines)))
    return Shown(step, tuple(blocks))


def _mails(rule: Definition, scope: Mapping[str, Any], zone: str) -> dict[str, str]:
    """Return what each text of an e-mail or a notice would say with the example."""
    found = {}
    for place, step in rule.all_steps():
        if not isinstance(step, EmailStep | NotifyStep):
            continue
        for part in ("to", "subject", "body") if isinstance(step, EmailStep) else ("text",):
            try:
                value = source_reader(getattr(step, part))({**scope, "rule": {"title": rule.title}}, zone)
            except (VaivemError, PathError):
                continue
            found[f"{place}.{part}"] = ", ".join(value) if isinstance(value, list) else str(value or "")
    return found
