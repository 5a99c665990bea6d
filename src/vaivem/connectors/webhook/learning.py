"""Learning a tool's fields from what it has sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vaivem.core.fields import Field, FieldType
from vaivem.core.identity import normalise_cnpj, normalise_cpf
from vaivem.core.paths import EACH, split_path

MOST_FIELDS = 300
DEEPEST = 8
_SHOWN_LENGTH = 300
_LONG = 200

_PATTERNS = (
    (FieldType.EMAIL, re.compile(r"^[^\s@]+@[^\s@]+\.[^\s@]+$")),
    (FieldType.URL, re.compile(r"^https?://\S+$", re.IGNORECASE)),
    (FieldType.DATETIME, re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d")),
    (FieldType.DATE, re.compile(r"^(\d{4}-\d\d-\d\d|\d\d/\d\d/\d{4})$")),
)
_MASKED_CPF = re.compile(r"^\d{3}\.\d{3}\.\d{3}-\d\d$")
_MASKED_CNPJ = re.compile(r"^[\dA-Za-z]{2}\.[\dA-Za-z]{3}\.[\dA-Za-z]{3}/[\dA-Za-z]{4}-\d\d$")
_PHONE_KEY = re.compile(r"phone|fone|celular|mobile|whats", re.IGNORECASE)
_PHONE = re.compile(r"^\+?[\d .()-]{8,20}$")

# Two types seen for one field, and the type that holds both; any other two are text.
_JOINED = {
    frozenset({FieldType.INTEGER, FieldType.NUMBER}): FieldType.NUMBER,
    frozenset({FieldType.TEXT, FieldType.LONG_TEXT}): FieldType.LONG_TEXT,
    frozenset({FieldType.DATE, FieldType.DATETIME}): FieldType.DATETIME,
    frozenset({FieldType.CPF, FieldType.CNPJ}): FieldType.CPF_CNPJ,
}


@dataclass
class _Seen:
    """One field over all samples: its types, which samples had a value, the latest value.

    `holder`: in some sample it was an object, whose parts are fields of their own.
    """

    holder: bool = False
    types: set[FieldType] = field(default_factory=set)
    samples: set[int] = field(default_factory=set)
    value: Any = None


def learn_fields(samples: Sequence[Mapping[str, Any]]) -> list[Field]:
    """Return the fields of several deliveries (each an event's `data`), in the order they came.

    A field is required when every sample has a value there. Lists are one field each, and the fields of their
    elements follow (``body.items[].sku``).
    """
    seen: dict[str, _Seen] = {}
    for number, sample in enumerate(samples):
        for group in ("body", "query"):
            _walk(seen, number, group, sample.get(group) or {}, 1)
    return [
        Field(
            key=path,
            type=FieldType.OBJECT if one.holder else _joined(one.types),
            label=_label(path),
            required=len(one.samples) == len(samples),
            sample=_shown(one.value),
        )
        for path, one in seen.items()
        if one.types
    ][:MOST_FIELDS]


def _walk(seen: dict[str, _Seen], number: int, path: str, content: Any, depth: int) -> None:
    if isinstance(content, Mapping):
        for key, part in content.items():
            inner = _inside(path, key)
            if inner and depth <= DEEPEST:
                _note(seen, number, inner, part, key, depth)
    elif isinstance(content, list):
        for part in content:
            _walk(seen, number, f"{path}[]", part, depth)


def _note(seen: dict[str, _Seen], number: int, path: str, value: Any, key: str, depth: int) -> None:
    one = seen.setdefault(path, _Seen())
    if isinstance(value, Mapping) and value:
        one.holder = True
        _walk(seen, number, path, value, depth + 1)
        return
    if value is None or value == "" or value == {}:
        return
    one.types.add(_type(value, key))
    one.samples.add(number)
    one.value = value
    if isinstance(value, list):
        _walk(seen, number, path, value, depth + 1)


def _inside(path: str, key: str) -> str:
    """Return the path of a key, "" for a key that no path can name."""
    if '"' in key or not key.strip():
        return ""
    plain = not any(mark in key for mark in ".[]'") and key == key.strip()
    return f"{path}.{key}" if plain else f'{path}["{key}"]'


def _type(value: Any, key: str) -> FieldType:
    if isinstance(value, bool):
        return FieldType.BOOLEAN
    if isinstance(value, int):
        return FieldType.INTEGER
    if isinstance(value, float):
        return FieldType.NUMBER
    if isinstance(value, list):
        return FieldType.LIST
    return _text_type(str(value).strip(), key)


def _text_type(text: str, key: str) -> FieldType:
    for type_, pattern in _PATTERNS:
        if pattern.match(text):
            return type_
    if _MASKED_CPF.match(text) and normalise_cpf(text):
        return FieldType.CPF
    if _MASKED_CNPJ.match(text) and normalise_cnpj(text):
        return FieldType.CNPJ
    if _PHONE_KEY.search(key) and _PHONE.match(text):
        return FieldType.PHONE
    return FieldType.LONG_TEXT if len(text) > _LONG or "\n" in text else FieldType.TEXT


def _joined(types: set[FieldType]) -> FieldType:
    if len(types) == 1:
        return next(iter(types))
    if FieldType.LIST in types:
        return FieldType.OBJECT
    if FieldType.LONG_TEXT in types:
        return FieldType.LONG_TEXT
    return _JOINED.get(frozenset(types), FieldType.TEXT)


def _label(path: str) -> str:
    """Return a path as people read it: without the group, ``cliente › e-mail``."""
    return " › ".join(part for part in split_path(path)[1:] if part != EACH)


def _shown(value: Any) -> Any:
    return value[:_SHOWN_LENGTH] if isinstance(value, str | list) else value
