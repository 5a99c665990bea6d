"""The fields that a recipe fills: those that it always fills, and those that a person maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vaivem.connectors.sdk.documents import RECIPIENT_FIELDS
from vaivem.connectors.sdk.recipes import MARK, Recipe, RecipeChoice, parts
from vaivem.core.fields import Field, FieldType, Option, group_of
from vaivem.hub.connections.models import Connection
from vaivem.hub.messages import connector_text
from vaivem.hub.rules import words
from vaivem.hub.rules.catalog import WorkspaceCatalog

NOT_OFFERED = frozenset({FieldType.RECORD, FieldType.LIST, FieldType.OBJECT})


@dataclass(frozen=True, slots=True)
class Pair:
    """A field with what fills it, by their names, and the fields that no other pair fills."""

    target: str
    source: str
    targets: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Mapped:
    """The page's table. `fixed` are the labels of what is always filled; the last pair is an empty one."""

    fixed: tuple[tuple[str, str], ...]
    pairs: tuple[Pair, ...]
    sources: tuple[Option, ...]


def mapped(
    recipe: Recipe,
    choice: RecipeChoice,
    accounts: Mapping[str, Connection],
    given: str,
    catalog: WorkspaceCatalog,
) -> Mapped | None:
    """Return the table of a mapping, None while an account is not chosen or does not tell its fields."""
    step = next(step for step in recipe.rule["then"] if step["id"] == choice.step)
    target = accounts.get(str(step["connection"]).removeprefix(MARK))
    source = accounts.get(str(recipe.rule["when"]["connection"]).removeprefix(MARK))
    if target is None or source is None:
        return None
    shape = catalog.action(target.pk, step["action"])
    event = catalog.trigger(source.pk, str(recipe.rule["when"]["trigger"]))
    if shape is None or event is None:
        return None
    kept = {key: one for key, one in step["fields"].items() if not key.startswith(MARK)}
    labels = {field.key: words.label(target.connector, field) for field in shape.fields}
    main = group_of(shape.fields[0].key)
    offered = [
        Option(field.key, labels[field.key])
        for field in shape.fields
        if field.key not in kept and field.type not in NOT_OFFERED and group_of(field.key) == main
    ]
    sources = _sources(step, source.connector, event.fields)
    names = {str(one.value): one.label for one in sources}
    fixed = tuple((labels.get(key, key), _said(one, names, source.connector)) for key, one in kept.items())
    return Mapped(fixed, _pairs(given, offered), sources)


def _sources(step: Mapping[str, Any], connector: str, fields: tuple[Field, ...]) -> tuple[Option, ...]:
    """Return what a field can be filled from: what the element of the step's list has, then the event."""
    names = {str(one["as"]) for one in step.get("repeat", {}).values()}
    plain = [field for field in fields if field.type not in (FieldType.LIST, FieldType.OBJECT)]
    usable = [field for field in plain if "[" not in field.key and not field.many]
    own = [field for field in usable if group_of(field.key) in names and _told(field)]
    others = [field for field in usable if group_of(field.key) not in names]
    return tuple(Option(field.key, words.label(connector, field)) for field in (*own, *others))


def _told(field: Field) -> bool:
    return field.key.rpartition(".")[2] in RECIPIENT_FIELDS


def _said(mapping: Mapping[str, Any], names: Mapping[str, str], connector: str) -> str:
    source = str(mapping.get("from", ""))
    return names.get(source) or connector_text(connector, f"fields.{source}") or source


def _pairs(given: str, offered: list[Option]) -> tuple[Pair, ...]:
    split = [(target, source) for target, _, source in (part.partition("=") for part in parts(given))]
    taken = {target for target, _ in split if target}
    known = {str(one.value) for one in offered}
    found = []
    for target, source in (*split, ("", "")):
        free = tuple(one for one in offered if one.value == target or one.value not in taken)
        gone = (Option(target, target),) if target and target not in known else ()
        found.append(Pair(target, source, free + gone))
    return tuple(found)
