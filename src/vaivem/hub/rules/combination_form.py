"""The form of a field combination: which field of the source fills each field of the object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from vaivem.core.fields import Field, FieldType, Option
from vaivem.engine.offers import choices
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.combining import offered
from vaivem.hub.rules.editing.conditions import Choice, Choices
from vaivem.hub.rules.editing.form import mapping_of, source_of
from vaivem.hub.rules.editing.shown import liquid_of
from vaivem.hub.rules.models import Combination
from vaivem.hub.rules.suggesting import Suggesting

OTHER = "other"
_ONE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
DEFAULTS = ("name", "email")  # beside what must be filled


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of the object: what it can be filled from, and what fills it now."""

    key: str
    label: str
    required: bool
    picks: tuple[Choices, ...]
    text: str
    shown: str
    hint: str = ""


class CombinationForm:
    """A combination's fields as a form shows and gives them back."""

    def __init__(self, row: Combination, catalog: WorkspaceCatalog) -> None:
        self.row = row
        self.target = catalog.seen(row.target_id)
        self.known, self.required, _action = offered(row.target_id, row.object, catalog)
        self.readable = _readable(row.source_id, catalog)
        self.suggesting = Suggesting(catalog, row.source_id, "", self.readable.values())
        self.usual = self.suggesting.of_object(row.target_id, row.object)
        source = catalog.seen(row.source_id)
        self.names = {
            key: words.label(source.connector, field) if source else key
            for key, field in self.readable.items()
        }

    def defaults(self) -> dict[str, Any]:
        """Return the fields that a new combination begins with: names, e-mail, and what must be filled."""
        found: dict[str, Any] = {}
        for key, field in self.known.items():
            source = self.suggestion(field)
            if key in self.required or (source and key.rpartition(".")[2] in DEFAULTS):
                found[key] = source or {"text": ""}
        return found

    def suggestion(self, field: Field) -> dict[str, Any] | None:
        """Return what recipes fill it from, else the source's field of the same name, type and kind."""
        return self.usual.get(field.key) or self.suggesting.field(field, self.row.target_id)

    def suggested(self) -> dict[str, Any]:
        """Return what the remaining fields could be filled from."""
        rest = {key: self.suggestion(one) for key, one in self.known.items() if key not in self.row.fields}
        return {key: source for key, source in rest.items() if source}

    def read(self, given: QueryDict) -> dict[str, Any]:
        """Return the fields that the form says; how a field is written stays as it was."""
        fields = {}
        for key in dict.fromkeys(given.getlist("field")):
            pick = given.get(f"pick:{key}", "")
            kind, _sep, value = pick.partition("|")
            field = self.known.get(key)
            old = mapping_of(
                self.row.fields.get(key) or (field and not self.row.pk and self.suggestion(field))
            )
            if kind == "from":
                source: dict[str, Any] = {"from": value}
            elif kind == "value":
                source = {"value": value}
            elif kind == OTHER:
                source = source_of(given.get(f"text:{key}", "").strip())
            elif key in self.required:
                source = {"text": ""}
            else:
                continue
            rest = {name: one for name, one in old.items() if name not in ("from", "text", "value")}
            fields[key] = source | rest
        return fields

    def _begun(self, key: str) -> dict[str, Any] | None:
        """Return what a field of a new combination began with: the form shows no more than its source."""
        field = None if self.row.pk else self.known.get(key)
        return self.suggestion(field) if field else None

    def rows(self) -> list[FieldRow]:
        """Return the fields that are filled, in the object's order."""
        places = {key: place for place, key in enumerate(self.known)}
        keys = sorted(self.row.fields, key=lambda key: places.get(key, len(places)))
        return [self._field(key, mapping_of(self.row.fields[key])) for key in keys]

    def more(self) -> list[tuple[str, str]]:
        """Return the keys and names of the remaining fields.

        What names a record there is left to the steps of a rule: no event of the source knows its code.
        """
        return [
            (key, self._label(key))
            for key, field in self.known.items()
            if key not in self.row.fields and field.type is not FieldType.RECORD
        ]

    def _label(self, key: str) -> str:
        field = self.known.get(key)
        return words.label(self.target.connector, field) if field and self.target else key

    def _field(self, key: str, mapping: Mapping[str, Any]) -> FieldRow:
        field = self.known.get(key)
        chosen, text = OTHER, liquid_of(mapping)
        shown = _ONE.sub(lambda found: f"[{self.names.get(found[1], found[1])}]", text)
        if mapping.get("from") in self.readable:
            chosen, text, shown = f"from|{mapping['from']}", "", self.names[mapping["from"]]
        options = [(f"value|{one.value}", one.label or str(one.value)) for one in self._options(field)]
        for value, label in options:
            if "value" in mapping and value == f"value|{mapping['value']}":
                chosen, text, shown = value, "", label
        if not text and chosen == OTHER:
            chosen = ""
        sources = [(f"from|{one}", name) for one, name in self.names.items()]
        blank = [("", _("choose…") if key in self.required else _("leave alone"))]
        groups = ((("", blank)), (_("Fields"), sources), (_("Fixed"), [*options, (OTHER, _("a text…"))]))
        picks = tuple(
            Choices(name, tuple(Choice(value, label, value == chosen) for value, label in entries))
            for name, entries in groups
        )
        hint = words.type_name(field) if field else ""
        return FieldRow(key, self._label(key), key in self.required, picks, text, shown, hint)

    def _options(self, field: Field | None) -> tuple[Option, ...]:
        """Return what a field is chosen from; the choice that opens its list is one of this combination."""
        if field is None or self.target is None:
            return ()
        if field.depends_on is None:
            return field.options
        return choices(self.target, field, mapping_of(self.row.fields.get(field.depends_on)).get("value", ""))


def _readable(source: int, catalog: WorkspaceCatalog) -> dict[str, Field]:
    """Return what the events of a connection offer, whichever trigger tells of them."""
    connector = catalog.connector(source)
    found: dict[str, Field] = {}
    for trigger in connector.triggers if connector else ():
        shape = catalog.trigger(source, trigger.key)
        for field in shape.fields if shape else ():
            if field.type is not FieldType.OBJECT:
                found.setdefault(field.key, field)
    return found
