"""The engine's SQL, by name: `sql/<file>.sql` with one ``-- name: <name>`` line above each statement."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements(file: str) -> dict[str, str]:
    """Return the statements of one file by name."""
    text = files("vaivem.engine").joinpath("sql", f"{file}.sql").read_text("utf-8")
    parts = _NAME.split(text)
    return {name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def statement(file: str, name: str) -> str:
    """Return one statement; raises KeyError."""
    return statements(file)[name]


def named(file: str, name: str, *parameters: str) -> str:
    """Return a statement for psycopg: the first of `parameters` in place of ``$1``, and so on."""
    text = statement(file, name).replace("%", "%%")
    return re.sub(r"\$(\d+)", lambda found: f"%({parameters[int(found[1]) - 1]})s", text)
