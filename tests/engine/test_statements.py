"""The engine's SQL: every statement has a name, a user, and is one that PostgreSQL can prepare."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import psycopg
import pytest

import vaivem.engine
from vaivem.engine.statements import named, statement, statements

FOLDER = Path(vaivem.engine.__file__).parent
FILES = sorted(
    path.stem for path in FOLDER.joinpath("sql").glob("*.sql") if not path.stem.startswith("schema")
)
NUMBERED = [file for file in FILES if file != "control"]


def test_a_statement_is_found_by_file_and_name() -> None:
    assert statement("leases", "leave") == "delete from worker where id = $1"
    with pytest.raises(KeyError):
        statement("leases", "unheard_of")
    with pytest.raises(FileNotFoundError):
        statement("unheard_of", "leave")


def test_a_statement_is_the_same_for_psycopg(database: str) -> None:
    text = named("backfills", "waiting", "ws", "rule")
    assert "%(ws)s" in text
    assert "$" not in text
    with psycopg.connect(database) as db:
        assert db.execute(text, {"ws": 1, "rule": 1}).fetchone() == (0,)
    with pytest.raises(IndexError):
        named("backfills", "waiting", "ws")


@pytest.mark.parametrize("file", FILES)
def test_a_name_stands_once_in_its_file(file: str) -> None:
    names = re.findall(r"^-- name: (\w+)$", FOLDER.joinpath("sql", f"{file}.sql").read_text(), re.MULTILINE)
    assert len(names) == len(set(names)) == len(statements(file))
    assert all(statements(file).values())


@pytest.mark.parametrize("file", NUMBERED)
async def test_every_statement_can_be_prepared(database: str, file: str) -> None:
    db = await asyncpg.connect(database)
    try:
        for name, text in statements(file).items():
            try:
                await db.prepare(text)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{file}.{name}: {error}")
    finally:
        await db.close()


def test_the_control_planes_statements_can_be_planned(database: str) -> None:
    values: dict[str, object] = {
        "answer": "{}", "params": "{}", "payload": b"{}", "name": "none", "code": "x", "again": [],
        "older": True, "lanes": [], "owned": False, "object": "x", "record": "x", "links": "[]", "keys": "[]",
    }  # fmt: skip
    with psycopg.connect(database) as db:
        for text in statements("control").values():
            wanted = set(re.findall(r"%\((\w+)\)s", text))
            db.execute(f"explain {text}", {name: values.get(name, 1) for name in wanted})


def test_every_statement_is_used() -> None:
    code = "\n".join(path.read_text() for path in FOLDER.glob("*.py"))
    unused = [
        f"{file}.{name}" for file in FILES for name in statements(file) if not re.search(rf'"{name}"', code)
    ]
    assert unused == []
