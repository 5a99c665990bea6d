"""The change that a rule waits for, as a sentence: only when a field changes from a value to a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from vaivem.connectors import sdk
from vaivem.core.catalog import TriggerShape
from vaivem.core.fields import Field
from vaivem.engine.offers import choices
from vaivem.hub.rules import words
from vaivem.hub.rules.editing.conditions import Choice
from vaivem.hub.rules.editing.shown import shown_value


@dataclass(frozen=True, slots=True)
class EndForm:
    """The value that a field changes from or to: one of `choices` where there are any, else a text."""

    name: str
    label: str
    value: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class ChangeForm:
    """Which field has to change, none of them by default; and both values once one is chosen."""

    fields: tuple[Choice, ...]
    ends: tuple[EndForm, ...]


def change_form(shape: TriggerShape, chosen: Mapping[str, Any], seen: sdk.Connection) -> ChangeForm | None:
    """Return the form; None where the other tool tells no changes, and none was chosen before."""
    wanted = str(chosen.get("field") or "")
    if not shape.changes and not wanted:
        return None
    by_key = {field.key: field for field in shape.fields}
    fields = [Choice("", _("no field in particular"), not wanted)]
    fields += [Choice(key, words.label(seen.connector, by_key[key]), key == wanted) for key in shape.changes]
    if wanted and wanted not in shape.changes:
        fields.append(Choice(wanted, wanted, True))
    if not wanted:
        return ChangeForm(tuple(fields), ())
    field = by_key.get(wanted, Field(wanted))
    ends = (("from", _("changes from")), ("to", _("to")))
    return ChangeForm(
        tuple(fields),
        tuple(EndForm(key, label, *_end(chosen.get(key), field, seen)) for key, label in ends),
    )


def _end(value: Any, field: Field, seen: sdk.Connection) -> tuple[str, tuple[Choice, ...]]:
    shown = shown_value(value)
    offered = choices(seen, field)
    if not offered:
        return shown, ()
    named = replace(field, options=offered)
    entries = [Choice("", _("any value"), not shown)]
    entries += [
        Choice(str(one.value), words.option_name(seen.connector, named, one.value), str(one.value) == shown)
        for one in offered
    ]
    if shown and not any(one.chosen for one in entries):
        entries.append(Choice(shown, shown, True))
    return shown, tuple(entries)
