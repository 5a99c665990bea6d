"""Reading definitions that people wrote: everything that is wrong is gathered, with its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from math import isfinite
from typing import Any, TypeVar

from vaivem.core.errors import Problem
from vaivem.core.paths import PathError, split_path

E = TypeVar("E", bound=StrEnum)

MAX_TEXT_LENGTH = 20_000


class Reading:
    """The problems found so far. Its methods return a usable value even where they note a problem.

    Codes: ``rule_missing``, ``rule_unknown_key``, ``rule_wrong_type`` (expected), ``rule_unknown_choice``
    (value, choices), ``rule_too_long`` (max), ``rule_bad_path`` (value).
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, path: str, code: str, **params: Any) -> None:
        """Note one problem."""
        self.problems.append(Problem(code, params, path))

    def mapping(self, data: Any, path: str, known: Collection[str] | None = None) -> Mapping[str, Any]:
        """Read an object, whose keys must be among `known` (any text if None)."""
        if not isinstance(data, Mapping):
            self.note(path, "rule_wrong_type", expected="object")
            return {}
        for key in data:
            if not isinstance(key, str) or (known is not None and key not in known):
                self.note(joined(path, str(key)), "rule_unknown_key", key=str(key))
        return {key: value for key, value in data.items() if isinstance(key, str)}

    def items(self, data: Any, path: str) -> Iterator[tuple[str, Any]]:
        """Read a list: each element with its path."""
        if not isinstance(data, Sequence) or isinstance(data, str | bytes):
            self.note(path, "rule_wrong_type", expected="list")
            return
        for number, item in enumerate(data):
            yield f"{path}[{number}]", item

    def text(
        self, data: Mapping[str, Any], key: str, path: str, *, required: bool = True, most: int = 200
    ) -> str:
        """Read a text of at most `most` characters; a missing one is "" and noted if required."""
        value = data.get(key)
        place = joined(path, key)
        if value is None or value == "":
            if required:
                self.note(place, "rule_missing", key=key)
            return ""
        if not isinstance(value, str):
            self.note(place, "rule_wrong_type", expected="text")
            return ""
        if len(value) > most:
            self.note(place, "rule_too_long", max=most)
        return value

    def flag(self, data: Mapping[str, Any], key: str, path: str) -> bool:
        """Read true or false; false when it is not there."""
        value = data.get(key, False)
        if not isinstance(value, bool):
            self.note(joined(path, key), "rule_wrong_type", expected="boolean")
            return False
        return value

    def choice(self, data: Mapping[str, Any], key: str, path: str, kinds: type[E], default: E) -> E:
        """Read one of an enumeration's values."""
        value = data.get(key)
        if value is None:
            return default
        try:
            return kinds(value)
        except ValueError:
            choices = [kind.value for kind in kinds]
            self.note(joined(path, key), "rule_unknown_choice", value=str(value), choices=choices)
            return default

    def source(self, data: Mapping[str, Any], key: str, path: str, *, required: bool = True) -> str:
        """Read a path into the scope (``signer.email``)."""
        value = self.text(data, key, path, required=required, most=500)
        if value:
            try:
                split_path(value)
            except PathError:
                self.note(joined(path, key), "rule_bad_path", value=value)
                return ""
        return value

    def plain(self, value: Any, path: str) -> Any:
        """Read a value that must be JSON; dates, which YAML knows and JSON does not, become ISO text."""
        if isinstance(value, date):
            return value.isoformat()
        if value is None or isinstance(value, str | bool | int):
            return value
        if isinstance(value, float) and isfinite(value):
            return value
        if isinstance(value, Mapping):
            content = self.mapping(value, path)
            return {key: self.plain(item, joined(path, key)) for key, item in content.items()}
        if isinstance(value, list | tuple):
            return [self.plain(item, f"{path}[{number}]") for number, item in enumerate(value)]
        self.note(path, "rule_wrong_type", expected="json")
        return None


def joined(path: str, key: str) -> str:
    """Return the place of `key` inside `path`."""
    return f"{path}.{key}" if path else key
