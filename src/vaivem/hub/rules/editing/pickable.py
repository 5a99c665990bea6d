"""What a rule's fields and conditions can read: the event's fields, and what earlier steps gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from vaivem.core.fields import Field, FieldType
from vaivem.core.paths import PathError, read
from vaivem.hub.messages import connector_text
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.editing.form import mapping_of

MAX_FOUND = 40
ICONS = {
    FieldType.EMAIL: "mail", FieldType.PHONE: "people", FieldType.CPF: "people", FieldType.CNPJ: "people",
    FieldType.CPF_CNPJ: "people", FieldType.MONEY: "money", FieldType.DATE: "cal", FieldType.DATETIME: "cal",
    FieldType.URL: "link", FieldType.RECORD: "rule", FieldType.LIST: "people",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pickable:
    """One value that can be read. `step` is the place of the step that gives it, "" for the event."""

    path: str
    label: str
    field: Field
    value: str = ""
    step: str = ""
    connector: str = ""

    @property
    def code(self) -> str:
        """How a text names it."""
        return f"{{{{ {self.path} }}}}"

    @property
    def icon(self) -> str:
        """The icon that stands before its name."""
        return ICONS.get(self.field.type, "doc")

    @property
    def is_list(self) -> bool:
        """Whether it holds several values or records."""
        return self.field.is_list


def of_event(
    definition: Mapping[str, Any], catalog: WorkspaceCatalog, sample: Mapping[str, Any]
) -> list[Pickable]:
    """Return what the event offers, and what the example shows of its open parts (metadata)."""
    when = mapping_of(definition.get("when"))
    ref, key = when.get("connection", ""), str(when.get("trigger") or "")
    seen, shape = catalog.seen(ref), catalog.trigger(ref, key)
    if seen is None or shape is None:
        return []
    found = []
    for field in shape.fields:
        name = words.label(seen.connector, field)
        value = _value(sample, field.key)
        if field.type is not FieldType.OBJECT:
            found.append(Pickable(field.key, name, field, shown(value), "", seen.connector))
        if field.type is FieldType.OBJECT and isinstance(value, Mapping):
            found += _inside(field.key, name, value)
    return found


def of_step(place: str, number: str, step: Mapping[str, Any], catalog: WorkspaceCatalog) -> list[Pickable]:
    """Return what a step gives to later ones."""
    step_id, ref = str(step.get("id") or ""), step.get("connection", "")
    seen, connector = catalog.seen(ref), catalog.connector(ref)
    if seen is None or connector is None or not step_id:
        return []
    try:
        action = connector.action(str(step.get("action") or ""))
    except KeyError:
        return []
    return [
        Pickable(
            f"steps.{step_id}.{field.key}",
            _("Step %(number)s: %(field)s") % {"number": number, "field": words.label(seen.connector, field)},
            field,
            shown(field.sample),
            place,
            seen.connector,
        )
        for field in action.outputs(seen)
    ]


def of_element(over: str, name: str, event: list[Pickable], sample: Mapping[str, Any]) -> list[Pickable]:
    """Return what one element of a list offers that a group of fields is repeated over."""
    known = {one.path for one in event}
    elements = _value(sample, over)
    first = next(iter(elements), None) if isinstance(elements, list) else None
    if not isinstance(first, Mapping):
        return []
    return [
        Pickable(f"{name}.{key}", f"{name}: {key}", Field(f"{name}.{key}"), shown(value))
        for key, value in first.items()
        if f"{name}.{key}" not in known and not isinstance(value, Mapping | list)
    ]


def always() -> list[Pickable]:
    """Return what every run knows."""
    return [
        Pickable("today", _("Today"), Field("today", FieldType.DATE)),
        Pickable("rule.title", _("The rule's name"), Field("rule.title")),
    ]


def object_names(connector: str, group: str) -> str:
    """Return the name of a group of fields."""
    return connector_text(connector, f"objects.{group}") or group


def _inside(path: str, name: str, value: Mapping[str, Any]) -> Iterator[Pickable]:
    for key, inner in list(value.items())[:MAX_FOUND]:
        if isinstance(inner, Mapping | list) or '"' in key:
            continue
        plain = key.replace("_", "").isalnum() and key.isascii()
        place = f"{path}.{key}" if plain else f'{path}["{key}"]'
        yield Pickable(place, f"{name} “{key}”", Field(place), shown(inner))


def _value(sample: Mapping[str, Any], path: str) -> Any:
    try:
        return read(sample, path)
    except PathError:
        return None


def shown(value: Any) -> str:
    """Return a value of the example as people read it, "" for what has no short form."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str | int | float):
        return str(value)[:200]
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        return ", ".join(str(one) for one in value)[:200]
    if isinstance(value, list):
        return str(len(value))
    return ""
