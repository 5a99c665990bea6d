"""Has runs of the past repeated, as the control plane does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from vaivem.core.compiler import compile_rule
from vaivem.core.rules import parse_rule
from vaivem.engine import control

from .conftest import House, StubCatalog


def publish(house: House, rule: int, then: list[Mapping[str, Any]], **parts: Any) -> int:
    """Publish another version of a rule; return its number."""
    when = {"connection": 1, "trigger": "thing_happened"}
    definition = {"title": "changed", "when": when, "then": then} | parts
    compiled = compile_rule(parse_rule(definition), StubCatalog()).to_dict()
    with house.db() as db, db.transaction():
        row = db.execute("select max(number) + 1 from rule_version where rule_id = %s", (rule,)).fetchone()
        assert row is not None
        number = int(row[0])
        db.execute(
            "insert into rule_version (rule_id, number, definition, compiled, created)"
            " values (%s, %s, %s, %s, now())",
            (rule, number, json.dumps(definition), json.dumps(compiled)),
        )
        db.execute("update rule set version = %s where id = %s", (number, rule))
    return number


def ask(house: House, where: str = "status = 2 and replayed_by is null") -> int:
    """Ask for the runs of the past that `where` chooses; return the replay's id."""
    with house.db() as db, db.transaction():
        row = db.execute(
            "insert into replay (ws, asked, made, touched) values (1, '{}', vv_now(), vv_now()) returning id"
        ).fetchone()
        assert row is not None
        db.execute(
            "insert into replay_run (ws, replay, run_id, event_id, rule)"  # noqa: S608 - the tests' own words
            f" select ws, %s, id, event_id, rule from run where {where}",
            (row[0],),
        )
    return int(row[0])


async def start(house: House, replay: int, again: Sequence[str] = (), *, older: bool = False) -> bool:
    """Let it begin. (In a thread: a worker in the test's own loop may hold the row.)"""
    return await asyncio.to_thread(_start, house, replay, again, older)


def _start(house: House, replay: int, again: Sequence[str], older: bool) -> bool:
    with house.db() as db, db.cursor() as cursor:
        return control.start_replay(cursor, 1, replay, again, older=older)


async def stop(house: House, replay: int) -> bool:
    """Stop it."""
    return await asyncio.to_thread(_stop, house, replay)


def _stop(house: House, replay: int) -> bool:
    with house.db() as db, db.cursor() as cursor:
        return control.stop_replay(cursor, 1, replay)


async def looked_at(house: House, replay: int) -> None:
    """Wait until all its runs have been looked at."""
    await house.until(lambda: state(house, replay) == 1)


async def ended(house: House, replay: int, seconds: float = 60.0) -> None:
    """Wait until it is done or stopped."""
    await house.until(lambda: state(house, replay) in (3, 5), seconds)


async def repeated(house: House, *again: str, older: bool = False, where: str = "") -> int:
    """Ask, look and do; return the replay's id."""
    replay = ask(house, where) if where else ask(house)
    await looked_at(house, replay)
    assert await start(house, replay, again, older=older)
    await ended(house, replay)
    return replay


def state(house: House, replay: int) -> int:
    """Return how it stands."""
    return int(house.value("select state from replay where id = %s", replay))


def parts(house: House, replay: int) -> list[tuple[int, str]]:
    """Return the state and code of each of its runs, oldest first."""
    return house.rows("select state, code from replay_run where replay = %s order by run_id", replay)  # type: ignore[return-value]
