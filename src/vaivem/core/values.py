"""Values: what a step's mappings came to, and what of it is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from vaivem.core.errors import Problem, RecordError
from vaivem.core.fields import COUNTING, Field, FieldType, WritePolicy, group_of
from vaivem.core.numbers import as_json, parse_number
from vaivem.core.sameness import merged_list, same_value


class Filled(msgspec.Struct, frozen=True):
    """One field with its value: converted, None when the source was empty or the field is skipped.

    `source` is what the rule says (``signer.email``, a template, a fixed value), for screens.
    """

    field: Field
    value: Any
    write: WritePolicy
    clear: bool = False
    source: Any = None
    problem: Problem | None = None


Element = Mapping[str, Filled]


class Values:
    """The mapped fields of one step. Reading is by field key (``values["deal.name"]``).

    A repeated group reads as its first element; `each` gives them all.
    """

    __slots__ = ("_filled", "_repeated", "notes")

    def __init__(
        self,
        filled: Element,
        repeated: Mapping[str, tuple[Element, ...]] | None = None,
        notes: list[Problem] | None = None,
    ) -> None:
        self._filled = filled
        self._repeated = repeated or {}
        self.notes: list[Problem] = notes or []

    def __getitem__(self, key: str) -> Any:
        """Return the converted value, None when it is empty or not mapped."""
        return self.get(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the converted value, or `default` when it is empty or not mapped."""
        filled = self._find(key)
        return default if filled is None or filled.value is None else filled.value

    def has(self, key: str) -> bool:
        """Say whether there is a value."""
        return self.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        """Return the keys of all mapped fields, empty ones too; of repeated groups, the first element's."""
        yield from self._filled
        for group, elements in self._repeated.items():
            for key in elements[0] if elements else ():
                yield f"{group}.{key}"

    def group(self, name: str) -> Values:
        """Return the fields of one group, their keys without its prefix."""
        elements = self._elements(name)
        return Values(elements[0] if elements else {}, notes=self.notes)

    def each(self, name: str) -> list[Values]:
        """Return the elements of a group: one for each of a repeated list, else one.

        Elements without any value are left out, and so are those equal to an earlier one, whatever the case
        of their letters.
        """
        seen: set[str] = set()
        found: list[Values] = []
        for element in self._elements(name):
            content = repr([(key, _folded(filled.value)) for key, filled in element.items()])
            if content not in seen and any(filled.value is not None for filled in element.values()):
                seen.add(content)
                found.append(Values(element, notes=self.notes))
        return found

    def to_create(self) -> dict[str, Any]:
        """Return what a new record is made with: every field that has a value, but no repeated groups.

        A number that is raised or lowered begins at nothing.
        """
        return {
            key: _counted(filled, None) if filled.write in COUNTING else filled.value
            for key, filled in self._filled.items()
            if filled.value is not None
        }

    @property
    def counts(self) -> bool:
        """Whether a number is raised or lowered: what is written depends on what stands there."""
        return any(one.write in COUNTING and one.value is not None for one in self._all())

    def without_counting(self) -> Values:
        """Return the same values without those that raise or lower a number."""

        def kept(element: Element) -> Element:
            return {key: one for key, one in element.items() if one.write not in COUNTING}

        repeated = {name: tuple(kept(one) for one in every) for name, every in self._repeated.items()}
        return Values(kept(self._filled), repeated, self.notes)

    def _all(self) -> Iterator[Filled]:
        yield from self._filled.values()
        for elements in self._repeated.values():
            for element in elements:
                yield from element.values()

    def to_update(self, current: Mapping[str, Any]) -> dict[str, Any]:
        """Return what changes in a record that holds `current` (by field key; a missing key is empty).

        An empty value leaves the target alone, or empties it (None) where the mapping says clear. Lists are
        added to: the whole new list is returned. Of a number that is raised or lowered the sum is returned.
        """
        changes: dict[str, Any] = {}
        for key, filled in self._filled.items():
            has = current.get(key)
            if filled.value is None:
                if filled.clear and filled.write is WritePolicy.ALWAYS and not is_empty(has):
                    changes[key] = None
            elif filled.write is WritePolicy.EMPTY and not is_empty(has):
                continue
            elif filled.write in COUNTING:
                if filled.value:
                    changes[key] = _counted(filled, has)
            elif filled.write is not WritePolicy.CREATED:
                new = _target(filled, has)
                if new is not None:
                    changes[key] = new
        return changes

    def preview(self) -> list[dict[str, Any]]:
        """Return rows for screens: key, value, policy, from, problem; `index` in a repeated group."""
        rows = [_row(key, filled) for key, filled in self._filled.items()]
        for group, elements in self._repeated.items():
            for index, element in enumerate(elements):
                rows += [_row(f"{group}.{key}", filled) | {"index": index} for key, filled in element.items()]
        return rows

    def _find(self, key: str) -> Filled | None:
        filled = self._filled.get(key)
        if filled is None and self._repeated:
            elements = self._repeated.get(group_of(key))
            return elements[0].get(key.partition(".")[2]) if elements else None
        return filled

    def _elements(self, name: str) -> tuple[Element, ...]:
        if name in self._repeated:
            return self._repeated[name]
        prefix = f"{name}."
        element = {
            key.removeprefix(prefix): filled for key, filled in self._filled.items() if key.startswith(prefix)
        }
        return (element,) if element else ()


def is_empty(value: Any) -> bool:
    """Say whether a value is nothing: None, blank text, an empty list or object; not zero or false."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | tuple | Mapping) and not value)


def _target(filled: Filled, has: Any) -> Any:
    """Return the new content of the target, or None when it is as it should be."""
    if filled.field.is_list or isinstance(has, list | tuple):
        return merged_list(filled.field.type, has, filled.value)
    return None if same_value(filled.field.type, has, filled.value) else filled.value


def _counted(filled: Filled, has: Any) -> Any:
    """Return the number that stands there, raised or lowered. Raises RecordError where it is none."""
    stands = Decimal(0) if is_empty(has) else parse_number(has)
    if stands is None:
        raise RecordError("bad_number", params={"value": str(has)[:120]}, path=filled.field.key)
    by = Decimal(str(filled.value))
    total = as_json(stands + by if filled.write is WritePolicy.RAISE else stands - by)
    return int(total) if filled.field.type is FieldType.INTEGER else total


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        return value.casefold()
    return [_folded(item) for item in value] if isinstance(value, list) else value


def _row(key: str, filled: Filled) -> dict[str, Any]:
    return {
        "key": key,
        "value": filled.value,
        "policy": filled.write.value,
        "from": filled.source,
        "problem": filled.problem.to_dict() if filled.problem else None,
    }
