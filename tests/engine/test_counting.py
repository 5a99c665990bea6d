"""Numbers that are raised and lowered: once for each run, whatever breaks, and by what stands there."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import House
from .inside import put, working
from .repeating import repeated


def counting(house: House, write: str = "raise", by: int | float = 5, **parts: Any) -> int:
    fields = {"thing.name": {"from": "name"}, "thing.amount": {"value": by, "write": write}}
    step = {"id": "count", "kind": "action", "connection": 1, "action": "count", "fields": fields}
    return house.rule("put", then=[{**step, **parts}])


def stands(house: House, amount: Any) -> None:
    house.vendor.things.append({"id": 1, "name": "score", "amount": amount})


def amount(house: House) -> Any:
    return house.vendor.things[0]["amount"]


@pytest.mark.parametrize(
    ("before", "write", "by", "after"),
    [(10, "raise", 5, 15), ("10.5", "raise", 0.2, 10.7), (10, "lower", 12, -2), (None, "raise", 5, 5)],
)
async def test_it_counts_on_what_stands_there(
    house: House, before: Any, write: str, by: float, after: float
) -> None:
    stands(house, before)
    counting(house, write, by)
    async with working(house):
        await house.deliver(name="score")
        await house.until_idle()
    assert amount(house) == after
    assert house.runs() == [(1, "")]


async def test_a_new_record_begins_at_nothing(house: House) -> None:
    counting(house, "lower", 3)
    async with working(house):
        await house.deliver(name="score")
        await house.until_idle()
    assert amount(house) == -3


async def test_what_is_no_number_is_left_alone_and_said(house: House) -> None:
    stands(house, "many")
    counting(house)
    async with working(house):
        await house.deliver(name="score")
        await house.until_idle()
    assert amount(house) == "many"
    assert house.runs() == [(2, "bad_number")]


@pytest.mark.soak
@pytest.mark.crash
@pytest.mark.parametrize(
    "point",
    ["call.after_send:2", "journal.after_intent:1", "journal.before_outcome:2", "run.before_finish:1"],
)
async def test_a_kill_raises_it_once(house: House, point: str) -> None:
    stands(house, 10)
    counting(house)
    dying = house.worker(crash_at=point)
    await house.deliver(name="score")
    await house.until(lambda: dying.poll() is not None)
    async with working(house):
        await house.until_idle()
    assert amount(house) == 15
    assert house.runs() == [(1, "")]


@pytest.mark.crash
async def test_a_kill_while_it_is_made_raises_nothing_after(house: House) -> None:
    counting(house)
    dying = house.worker(crash_at="call.after_send:2")
    await house.deliver(name="score")
    await house.until(lambda: dying.poll() is not None)
    assert amount(house) == 5
    async with working(house):
        await house.until_idle()
    assert [row["amount"] for row in house.vendor.things] == [5]


async def test_an_answer_that_is_lost_raises_it_once(house: House) -> None:
    stands(house, 10)
    counting(house)
    house.vendor.fault = lambda method, path, nth: "lost" if method == "PUT" and nth == 1 else None
    async with working(house):
        await house.deliver(name="score")
        await house.until(lambda: house.rows("select 1 from pending where state = 'doubt'"))
        with house.db() as db:
            db.execute("update lane set due = vv_now()")
        await house.until_idle()
    assert [body["amount"] for _, body in house.vendor.puts] == [15, 15]
    assert amount(house) == 15


async def test_what_was_certainly_not_done_is_counted_anew(house: House) -> None:
    stands(house, 10)
    counting(house)
    later = (429, {"error": "later"}, {"retry-after": "5"})
    house.vendor.door = lambda method, path, headers, body: later if method == "PUT" else None
    async with working(house):
        await house.deliver(name="score")
        await house.until(lambda: house.rows("select 1 from pending"))
        house.vendor.things[0]["amount"] = 100  # by somebody else
        house.vendor.door = lambda method, path, headers, body: None
        with house.db() as db:
            db.execute("update lane set due = vv_now()")
        await house.until_idle()
    assert amount(house) == 105


async def test_many_runs_at_once_lose_nothing(house: House) -> None:
    stands(house, 0)
    counting(house, by=1)
    async with working(house):
        for number in range(12):
            await house.deliver(delivery=f"d{number}", record=f"r{number}", name="score")
        await house.until_idle(120)
    assert amount(house) == 12


async def test_a_repeated_run_does_not_count_again(house: House) -> None:
    stands(house, 10)
    fields = {"thing.name": {"from": "name"}, "thing.amount": {"value": 5, "write": "raise"}}
    step = {"id": "count", "kind": "action", "connection": 1, "action": "count", "fields": fields}
    rule = house.rule("put", then=[step, put("after", "text:bad")])
    refused: Any = (422, {"error": "bad"}, {})
    house.vendor.door = lambda method, path, headers, body: refused if b"bad" in body else None
    async with working(house):
        await house.deliver(name="score")
        await house.until(house.runs)
        assert amount(house) == 15
        house.vendor.door = lambda method, path, headers, body: None
        await repeated(house)
        assert amount(house) == 15
        await repeated(house, f"{rule}:count", where="replay_of is not null")
    assert amount(house) == 20
