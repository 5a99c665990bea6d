"""A wait for an event as the editor shows it: what is awaited, whose it is, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from vaivem.core.fields import Field, FieldType
from vaivem.hub.messages import connector_text
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.editing.conditions import Choice, Choices, GroupForm, group_form
from vaivem.hub.rules.editing.form import UNITS, mapping_of
from vaivem.hub.rules.editing.marks import Found
from vaivem.hub.rules.editing.options import OptionForm, option_forms
from vaivem.hub.rules.editing.pickable import Pickable, of_event
from vaivem.hub.rules.editing.shown import shown_value

PERSON_TYPES = frozenset({FieldType.EMAIL, FieldType.CPF, FieldType.CNPJ, FieldType.CPF_CNPJ})
NEVER_COMPARED = frozenset({FieldType.OBJECT, FieldType.LIST, FieldType.BOOLEAN})
SAME_FOR_ALL = ("today", "rule.title")
OPEN = "open"  # a text that may hold anything
_TEXTS = frozenset({FieldType.TEXT, FieldType.LONG_TEXT, FieldType.OPTION, FieldType.OPTIONS})
_NUMBERS = (FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY)
_KINDS = {
    FieldType.CPF: "tax", FieldType.CNPJ: "tax", FieldType.CPF_CNPJ: "tax",
    FieldType.DATE: "time", FieldType.DATETIME: "time", **dict.fromkeys(_NUMBERS, "number"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AwaitForm:
    """What is awaited. `fields` tell whose event it is; `known` is what the run knows of that."""

    events: tuple[Choices, ...]
    help: str
    options: tuple[OptionForm, ...]
    fields: tuple[Choice, ...]
    known: tuple[Choice, ...]
    group: GroupForm
    amounts: tuple[tuple[str, str, str], ...]


def await_form(
    step: Mapping[str, Any],
    place: str,
    path: str,
    catalog: WorkspaceCatalog,
    found: Found,
    readable: list[Pickable],
    *,
    automation: bool,
) -> AwaitForm:
    """Return the form of a wait for an event."""
    ref, key = step.get("connection", ""), str(step.get("trigger") or "")
    row, seen, shape = catalog.connection(ref), catalog.seen(ref), catalog.trigger(ref, key)
    told = told_by(step, catalog)
    about = mapping_of(step.get("about"))
    asked = next((one for one in told if one.path == about.get("field")), None)
    return AwaitForm(
        events=_events(catalog, str(row.pk) if row else str(ref), key),
        help=connector_text(row.connector, f"triggers.{key}.help") if row and key else "",
        options=option_forms(shape.options, mapping_of(step.get("options")), seen, empty=_("any"))
        if shape and seen
        else (),
        fields=_fields(told, str(about.get("field") or "")),
        known=_known(readable, str(about.get("as") or ""), asked, automation=automation),
        group=group_form(step.get("if"), f"{place}.if", f"{path}.if", told, found),
        amounts=amounts(mapping_of(step.get("for"))),
    )


def told_by(step: Mapping[str, Any], catalog: WorkspaceCatalog) -> list[Pickable]:
    """Return what the awaited event tells."""
    when = {"connection": step.get("connection", ""), "trigger": step.get("trigger")}
    return of_event({"when": when}, catalog, {})


def given_by(place: str, number: str, step: Mapping[str, Any], catalog: WorkspaceCatalog) -> list[Pickable]:
    """Return what a wait for an event gives to later steps: whether it came, and what it told."""
    step_id = str(step.get("id") or "")
    if not step_id:
        return []
    lead = _("Step %(number)s: %(field)s")
    came = Field(f"steps.{step_id}.happened", FieldType.BOOLEAN)
    label = lead % {"number": number, "field": _("it happened in time")}
    return [
        Pickable(came.key, label, came, "", place),
        *(
            Pickable(
                f"steps.{step_id}.{one.path}", lead % {"number": number, "field": one.label}, one.field,
                one.value, place, one.connector,
            )
            for one in told_by(step, catalog)
        ),
    ]  # fmt: skip


def amounts(data: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Return a time in the units that it is asked in."""
    names = {"days": _("days"), "hours": _("hours"), "minutes": _("minutes")}
    return tuple((unit, shown_value(data.get(unit, 0)), str(names[unit])) for unit in UNITS)


def _events(catalog: WorkspaceCatalog, ref: str, chosen: str) -> tuple[Choices, ...]:
    """Return everything that can be awaited, by connection."""
    groups = []
    for row in catalog.connections.values():
        connector = catalog.connector(row.pk)
        if connector is None or not connector.triggers:
            continue
        entries = tuple(
            Choice(
                f"{row.pk}|{one.key}",
                words.trigger_name(row.connector, one.key),
                str(row.pk) == ref and one.key == chosen,
            )
            for one in connector.triggers
        )
        groups.append(Choices(f"{connector.manifest.name} · {row.name}", entries))
    if any(one.chosen for group in groups for one in group.entries):
        return tuple(groups)
    label = _("something that is no longer there") if chosen else _("choose what happens")
    return (Choices("", (Choice(f"{ref}|{chosen}" if chosen else "", label, True),)), *groups)


def _fields(told: list[Pickable], chosen: str) -> tuple[Choice, ...]:
    """Return the fields that can tell whose event it is: addresses and CPF first, then ids and texts."""
    fitting = [one for one in told if one.field.type not in NEVER_COMPARED]
    people = [one for one in fitting if one.field.type in PERSON_TYPES]
    found = [
        Choice(one.path, one.label, one.path == chosen)
        for one in (*people, *(one for one in fitting if one not in people))
    ]
    if chosen and not any(one.chosen for one in found):
        found.append(Choice(chosen, chosen, True))
    return (Choice("", _("the same record"), not chosen), *found)


def _known(
    readable: list[Pickable], chosen: str, asked: Pickable | None, *, automation: bool
) -> tuple[Choice, ...]:
    """Return what a run knows that can be the same as the field `asked`; what was chosen stays."""
    offered = [
        one
        for one in readable
        if one.path == chosen or (one.path not in SAME_FOR_ALL and may_match(asked, one))
    ]
    found = [Choice(one.path, one.label, one.path == chosen) for one in offered]
    if chosen and not any(one.chosen for one in found):
        found.append(Choice(chosen, chosen, True))
    first = _("the automation's person") if automation else _("choose a field")
    if not found and not automation:
        first = _("this rule knows nothing of that kind")
    return (Choice("", first, not chosen), *found)


def may_match(asked: Pickable | None, known: Pickable) -> bool:
    """Say whether two fields can ever hold the same value.

    An address is no phone, and a record's id is one only in its own system. A text that no connector declares
    (somebody's own field, what stands in metadata) may hold any of these.
    """
    if known.field.type in NEVER_COMPARED:
        return False
    if asked is None:
        return True
    one, other = _kind(asked), _kind(known)
    return one == other or OPEN in (one, other)


def _kind(field: Pickable) -> str:
    type_ = field.field.type
    if type_ in _TEXTS:
        return "text" if field.field.label_key else OPEN
    if type_ is FieldType.RECORD:
        return f"record of {field.connector}"
    return _KINDS.get(type_, type_.value)
