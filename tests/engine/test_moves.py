"""Before a move: what exists already is found and counted, nothing is written, and a kill costs nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from vaivem.core.compiler import compile_rule
from vaivem.core.rules import parse_rule
from vaivem.engine import control
from vaivem.engine.moves import Moves

from .chored import chores, hooked
from .conftest import House, StubCatalog
from .inside import put, working
from .test_catching_up import HOOKED, happened


def asked(house: House, conn: int, *then: Any, **parts: Any) -> int:
    """Ask for a look by one new rule; return the move."""
    definition = {
        "title": "new",
        "when": {"connection": conn, "trigger": "thing_happened"},
        "then": list(then),
        **parts,
    }
    compiled = compile_rule(parse_rule(definition), StubCatalog()).to_dict()
    with house.db() as db:
        [number] = db.execute(
            "insert into move (workspace_id, form, seen, rules, state, since, until, beat) values"
            " (1, '{}', '', %s, 'waiting', vv_now() - interval '90 days', vv_now(), vv_now()) returning id",
            (json.dumps([compiled]),),
        ).fetchone() or [0]
    return int(number)


def step(action: str) -> dict[str, Any]:
    return {**put("one", "name"), "action": action}


def found(house: House) -> list[tuple[Any, ...]]:
    return [
        (title, result, [one["how"] for one in steps])
        for title, result, steps in house.rows("select title, result, steps from move_found order by n")
    ]


async def test_what_exists_is_counted_by_step_and_nothing_is_written(house: House) -> None:
    conn = hooked(house, HOOKED)
    house.vendor.things += [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}, {"id": 3, "name": "two"}]
    for number, name in enumerate(("one", "two", "three", "left")):
        happened(house, 60 - number, delivery=f"d{number}", record=f"r{number}", name=name, title=name)
    happened(house, 5, delivery="d9", record="r2", name="three", title="three again")
    condition = {"all": [{"field": "name", "is": "not_equals", "value": "left"}]}
    move = asked(house, conn, step("post_found"), **{"if": condition})
    async with chores(house) as chored:
        await Moves(chored.desk).run({"move": move})
    assert found(house) == [
        ("one", "unchanged", ["found"]),
        ("two", "asks", ["several"]),
        ("left", "left_out", []),
        ("three again", "creates", ["new"]),  # of one record the latest
    ]
    assert house.value("select steps->0->>'by' from move_found where n = 0") == "name"
    assert (house.value("select state from move"), house.value("select count(*) from move_read")) == (
        "done",
        0,
    )
    assert len(house.vendor.things) == 3
    assert house.vendor.puts == []


async def test_a_step_that_is_left_out_keeps_the_later_ones_from_nothing(house: House) -> None:
    """A lead without a company: the company's step is left out, the person's is done."""
    conn = hooked(house, HOOKED)
    happened(house, 9, delivery="d1", record="r1", name="one", title="one")
    happened(house, 8, delivery="d2", record="r2", name="nobody", title="nobody", email="x@y.example")
    email = {
        "thing.name": {"from": "name"},
        "thing.email": {"from": "email"},
        "thing.record": {"from": "record"},
    }
    empty = {**put("zero", "name"), "action": "put_whole", "fields": email, "empty": "skip"}
    move = asked(house, conn, empty, step("post_found"))
    async with chores(house) as chored:
        await Moves(chored.desk).run({"move": move})
    assert found(house) == [("one", "creates", ["new"]), ("nobody", "creates", ["new"])]


async def test_what_is_found_is_linked_by_the_move_and_parted_with_it(
    house: House,
) -> None:
    conn = hooked(house, HOOKED)
    happened(house, 9, delivery="d1", record="r1", name="one", title="one")
    move = asked(house, conn, step("put_linked"))
    async with chores(house) as chored:
        await Moves(chored.desk).run({"move": move})
    assert house.rows("select * from linked") == []
    with house.db() as db, db.transaction():
        links, keys = control.keep_found(db.cursor(), 1, move)
    assert (links, keys) == ([[1, "thing", "r1", conn, "thing", "r1"]], [])
    assert len(house.rows("select * from linked")) == 1
    with house.db() as db, db.transaction():
        assert control.keep_found(db.cursor(), 1, move) == ([], [])  # what was there is not this move's
        control.drop_found(db.cursor(), 1, links, keys)
    assert house.rows("select * from linked") == []


async def test_a_kill_in_the_middle_asks_the_vendor_for_nothing_again(house: House) -> None:
    conn = hooked(house, HOOKED)
    for number in range(6):
        happened(house, 60 - number, delivery=f"d{number}", record=f"r{number}", name=f"n{number}")
    move = asked(house, conn, step("post_found"))
    async with chores(house) as chored:
        house.vendor.fault = lambda method, path, nth: 30.0 if path == "/things" and nth == 4 else None
        task = asyncio.create_task(Moves(chored.desk).run({"move": move}))
        await house.until(lambda: house.vendor.calls["GET things"] == 4)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert house.value("select state from move") == "running"
        assert house.value("select count(*) from move_found") == 3
        await Moves(chored.desk).run({"move": move})  # at once: the other may still live
        assert house.value("select count(*) from move_found") == 3
        with house.db() as db:
            db.execute("update move set beat = vv_now() - interval '3 minutes'")
        await Moves(chored.desk).go_on()
        assert house.value("select count(*) from pgqueuer where entrypoint = 'look'") == 1
        await Moves(chored.desk).run({"move": move})
    assert house.value("select state from move") == "done"
    assert [one[2] for one in found(house)] == [["new"]] * 6
    assert house.vendor.calls["GET missed"] == 1
    assert house.vendor.calls["GET things"] == 7  # the one under way at the kill once more


async def test_a_limit_delays_and_a_stop_ends_it(house: House) -> None:
    conn = hooked(house, HOOKED)
    for number in range(3):
        happened(house, 60 - number, delivery=f"d{number}", record=f"r{number}", name=f"n{number}")
    move = asked(house, conn, step("post_found"))

    def door(method: str, path: str, headers: Any, body: bytes) -> Any:
        if path == "/things" and house.vendor.calls["GET things"] == 1:
            return 429, {}, {"retry-after": "1"}
        if path == "/things" and house.vendor.calls["GET things"] == 3:
            with house.db() as db:
                db.execute("update move set state = 'stopped'")
        return None

    house.vendor.door = door
    async with chores(house) as chored:
        await Moves(chored.desk).run({"move": move})
    assert [one[2] for one in found(house)] == [["new"]]
    assert house.value("select state from move") == "stopped"


async def test_a_worker_looks_when_it_is_asked(house: House) -> None:
    conn = hooked(house, HOOKED)
    happened(house, 9, delivery="d1", record="r1", name="one", title="one")
    move = asked(house, conn, step("post_found"))
    async with working(house):
        with house.db() as db:
            control.wake_chore(db.cursor(), "look", {"move": move})
        await house.until(lambda: house.value("select state from move") == "done")
    assert found(house) == [("one", "creates", ["new"])]
