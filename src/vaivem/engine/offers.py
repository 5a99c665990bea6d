"""What a connection offers to rules, from the last copies of its vendor's lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from vaivem.connectors import sdk
from vaivem.core.catalog import ActionShape, TriggerShape
from vaivem.core.fields import Field, FieldType, Option

NO_VALUES = frozenset({FieldType.LIST, FieldType.OBJECT, FieldType.OPTIONS})


def trigger_shape(connector: sdk.Connector, seen: sdk.Connection, key: str) -> TriggerShape | None:
    """Return a trigger of a connection, None when there is no such one."""
    try:
        found = connector.trigger(key)
    except KeyError:
        return None
    fields = found.fields(seen)
    return TriggerShape(
        found.kinds, fields, filled(seen, found.options), changing(found, fields), tuple(found.follows)
    )


def changing(trigger: sdk.Trigger, fields: Iterable[Field]) -> tuple[str, ...]:
    """Return the fields whose change from a value to a value a trigger tells: plain ones of its groups."""
    return tuple(
        field.key
        for field in fields
        if any(field.key == one or field.key.startswith(f"{one}.") for one in trigger.changes)
        and not (field.many or field.type in NO_VALUES or field.key.endswith((".id", ".url")))
    )


def action_shape(connector: sdk.Connector, seen: sdk.Connection, key: str) -> ActionShape | None:
    """Return an action of a connection; None also for one that its way of connecting cannot do."""
    try:
        found = connector.action(key)
    except KeyError:
        return None
    if not found.available(seen):
        return None
    return ActionShape(
        fields=filled(seen, found.fields(seen)),
        groups=found.groups,
        keys=found.keys,
        options=filled(seen, found.options),
        reads_only=found.reads_only,
        counts=found.counts,
    )


def filled(seen: sdk.Connection, fields: Iterable[Field]) -> tuple[Field, ...]:
    """Return the fields with the choices of their live lists."""
    return tuple(
        replace(field, options=choices(seen, field)) if field.source and not field.options else field
        for field in fields
    )


def choices(seen: sdk.Connection, field: Field, parent: Any = None) -> tuple[Option, ...]:
    """Return what a field is chosen from, as last read.

    For a field that depends on another, the choices under `parent` (the other's value), or of all parents.
    """
    if not field.source:
        return field.options
    if field.depends_on is None:
        return seen.options(field.source) or field.options
    if parent is not None:
        return seen.options(f"{field.source}/{parent}")
    lists: Mapping[str, Any] = seen.catalog.get("lists", {})
    found = [name for name in lists if name.startswith(f"{field.source}/")]
    return tuple(option for name in found for option in seen.options(name))
