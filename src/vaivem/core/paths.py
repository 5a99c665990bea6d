"""Paths: how a rule names a value in a scope.

``document.filename``, ``signers.0.name`` (an index), ``signers[].email`` (of all, as a list),
``document.metadata["valor total"]`` (a name with dots or brackets). What is not there reads as None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Scope = Mapping[str, Any]
Read = Callable[[Scope], Any]

EACH = "[]"
MAX_PATH_LENGTH = 500

_SEGMENT = re.compile(r"""\.?(?:(\[\])|\[(\d+)\]|\["([^"]+)"\]|\['([^']+)'\])|(?:^|\.)([^.\[\]"']+)""")


class PathError(ValueError):
    """A text that is not a path."""


@lru_cache(maxsize=4096)
def split_path(path: str) -> tuple[str, ...]:
    """Return the segments of a path; ``[]`` stands for "each". Raises PathError."""
    segments: list[str] = []
    position = 0
    while position < len(path):
        found = _SEGMENT.match(path, position)
        if found is None:
            break
        segments.append(next(part for part in found.groups() if part is not None).strip())
        position = found.end()
    whole = position == len(path) and not path.startswith(".") and all(segments)
    if not whole or not segments or segments[0] == EACH:
        raise PathError(path)
    if len(path) > MAX_PATH_LENGTH:
        raise PathError(path[:MAX_PATH_LENGTH])
    return tuple(segments)


@lru_cache(maxsize=4096)
def reader(path: str) -> Read:
    """Return a function that reads `path` from a scope. Raises PathError."""
    segments = split_path(path)
    if len(segments) == 1:
        return lambda scope: scope.get(segments[0])
    return lambda scope: _walk(scope, segments)


def read(scope: Scope, path: str) -> Any:
    """Return the value at `path`, or None. Raises PathError for a text that is not a path."""
    return reader(path)(scope)


def _walk(value: Any, segments: tuple[str, ...]) -> Any:
    for number, segment in enumerate(segments):
        if isinstance(value, dict | Mapping):
            value = value.get(segment)
        elif isinstance(value, list | tuple):
            if segment == EACH:
                return _each(value, segments[number + 1 :])
            value = value[int(segment)] if segment.isdecimal() and int(segment) < len(value) else None
        else:
            return None
    return value


def _each(values: list[Any] | tuple[Any, ...], rest: tuple[str, ...]) -> list[Any]:
    """Read the rest of a path from every element: one flat list, without what is not there."""
    found: list[Any] = []
    for value in values:
        inner = _walk(value, rest)
        if EACH in rest and isinstance(inner, list):
            found.extend(inner)
        elif inner is not None:
            found.append(inner)
    return found
