"""A connector's texts in four languages: flat keys in `locale/<language>.toml`."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("pt_BR", "en", "fr", "es")


@cache
def load_texts(package: str, language: str) -> Mapping[str, str]:
    """Return all texts of a connector's package in one language; in another one where it lacks that."""
    folder = files(package) / "locale"
    spoken = (folder / f"{one}.toml" for one in (language, "en", *LANGUAGES))
    file = next((one for one in spoken if one.is_file()), None)
    return dict(_flatten(tomllib.loads(file.read_text("utf-8")))) if file is not None else {}


def _flatten(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        rows.extend(_flatten(value, f"{name}.") if isinstance(value, dict) else [(name, str(value))])
    return rows


def placeholders(text: str) -> set[str]:
    """Return the names of the ``{placeholders}`` in a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def text(package: str, language: str, key: str, /, **params: Any) -> str | None:
    """Return a text with its placeholders filled, or None when the connector has no such text."""
    language = language.replace("-", "_")
    known = load_texts(package, language if language in LANGUAGES else "en")
    found = known.get(key)
    if found is None:
        return None
    return found.format_map({name: params.get(name, "") for name in placeholders(found)})
