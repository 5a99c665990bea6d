"""The choices that a trigger or an action asks for beside its fields: which stage, which tags, what if."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from vaivem.connectors import sdk
from vaivem.core.fields import Field, FieldType
from vaivem.hub.messages import connector_text
from vaivem.hub.rules import words
from vaivem.hub.rules.editing.conditions import Choice
from vaivem.hub.rules.editing.shown import shown_value

MOST_TICKS = 30


@dataclass(frozen=True, slots=True)
class OptionForm:
    """One of an action's or a trigger's own choices.

    `control`: ``select`` one of `choices`, ``many`` of them, ``text``, or ``list`` of texts with commas.
    A list with `choices` has those to tick, and `value` holds the texts beside them.
    """

    key: str
    label: str
    help: str
    choices: tuple[Choice, ...]
    value: str
    control: str = "text"


def option_forms(
    fields: tuple[Field, ...], chosen: Mapping[str, Any], seen: sdk.Connection, *, empty: str = ""
) -> tuple[OptionForm, ...]:
    """Return the choices that an action or a trigger asks for. `empty` is what none of a live list means."""
    found = []
    for field in fields:
        value, control = chosen.get(field.key), "select"
        if field.type is FieldType.BOOLEAN:
            entries = _yes_or_no(shown_value(value))
        elif field.type is FieldType.OPTIONS:
            fixed = bool(field.options) and not field.allow_new_option
            entries, control = (
                (_picks(field, value, seen), "many") if fixed else (_ticks(field, value), "list")
            )
            ticked = {one.value for one in entries}
            value = value if fixed else [one for one in _listed(value) if str(one) not in ticked]
        elif field.options:
            entries = _fixed(field, shown_value(value), seen)
        else:
            entries = _live(field, chosen, seen, empty) if field.source else ()
            control = "select" if entries else "text"
        shown = ", ".join(map(shown_value, value)) if isinstance(value, list) else shown_value(value)
        help_text = connector_text(seen.connector, field.help_key) if field.help_key else ""
        label = words.label(seen.connector, field)
        found.append(OptionForm(field.key, label, help_text, entries, shown, control))
    return tuple(found)


def _yes_or_no(value: str) -> tuple[Choice, ...]:
    return Choice("", _("no"), value in ("", "false")), Choice("true", _("yes"), value == "true")


def _fixed(field: Field, value: str, seen: sdk.Connection) -> tuple[Choice, ...]:
    default = shown_value(field.sample) or str(field.options[0].value)
    return tuple(
        Choice(
            str(one.value),
            words.option_name(seen.connector, field, one.value),
            str(one.value) == (value or default),
        )
        for one in field.options
    )


def _picks(field: Field, value: Any, seen: sdk.Connection) -> tuple[Choice, ...]:
    picked = {str(one) for one in value} if isinstance(value, list) else {shown_value(value)}
    return tuple(
        Choice(str(one.value), words.option_name(seen.connector, field, one.value), str(one.value) in picked)
        for one in field.options
    )


def _ticks(field: Field, value: Any) -> tuple[Choice, ...]:
    """Return what may be ticked beside texts of one's own: few, and known by their names."""
    if len(field.options) > MOST_TICKS or any(str(one.value) != one.label for one in field.options):
        return ()
    picked = {str(one) for one in _listed(value)}
    return tuple(Choice(one.label, one.label, one.label in picked) for one in field.options)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value not in (None, "") else []


def _live(field: Field, chosen: Mapping[str, Any], seen: sdk.Connection, empty: str) -> tuple[Choice, ...]:
    """Return the entries of one of the account's lists; nothing while it is not known."""
    value = shown_value(chosen.get(field.key))
    parent = shown_value(chosen.get(field.depends_on)) if field.depends_on else ""
    listed = seen.options(f"{field.source}/{parent}" if field.depends_on else str(field.source))
    if not listed and not (field.depends_on and not parent):
        return ()
    entries = [Choice("", empty or _("– none –"), not value)]
    entries += [
        Choice(str(one.value), one.label or str(one.value), str(one.value) == value) for one in listed
    ]
    if value and not any(one.chosen for one in entries):
        entries.append(Choice(value, value, True))  # gone at the vendor: what was chosen is not lost unseen
    return tuple(entries)
