"""Writes RDQL, the filter language of API v2's lists.

https://developers.rdstation.com/reference/crm-v2-rdql-filtering
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[\w@.%-]+", re.ASCII)


def quoted(value: object) -> str:
    """Return a value as the language takes it: bare where that is safe, else in quotes."""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def equals(field: str, *values: object) -> str:
    """Return the test that a field is one of `values`."""
    if len(values) == 1:
        return f"{field}:{quoted(values[0])}"
    return f"{field}:({','.join(quoted(value) for value in values)})"


def both(*tests: str) -> str:
    """Return the test that all of `tests` hold; empty ones are left out."""
    return " ".join(test for test in tests if test)
