"""Wait steps: a run leaves its lane, lets others pass, and goes on when its time has come."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest

from .conftest import House
from .inside import pass_time, put, time_passes, working


def wait(step: str, **parts: Any) -> dict[str, Any]:
    return {"id": step, "kind": "wait", **parts}


def written(house: House) -> list[str]:
    return [body["name"] for _, body in house.vendor.puts]


def waiting(house: House) -> list[tuple[Any, ...]]:
    return house.rows("select params->>'step' from pending where state = 'wait' order by run_id")


async def test_a_run_waits_as_long_as_its_rule_says(house: House) -> None:
    house.rule("put", then=[put("first", "text:before"), wait("pause", **{"for": {"hours": 2}}), put("then")])
    async with working(house):
        await house.deliver(delivery="d1", name="after")
        await house.until(lambda: waiting(house) == [("pause",)])
        assert written(house) == ["before"]
        due = house.value("select due - since from pending")
        assert abs(due - timedelta(hours=2)) < timedelta(seconds=5)
        pass_time(house, hours=1)
        await asyncio.sleep(1.2)  # a worker looks every second
        assert house.runs() == []
        pass_time(house, hours=1.1)
        await house.until(house.runs)
        await house.until_idle()
    assert written(house) == ["before", "after"]
    assert house.runs() == [(1, "")]
    assert house.value("select count(*) from pending") == 0


async def test_a_waiting_run_holds_up_nobody(house: House) -> None:
    condition = {"all": [{"field": "name", "is": "equals", "value": "slow"}]}
    slow = {"id": "way", "kind": "branch", "if": condition, "then": [wait("pause", **{"for": {"days": 1}})]}
    house.rule("put", then=[slow, put("then")])
    async with working(house):
        for number, name in enumerate(["slow", "quick", "slow", "quicker"]):
            await house.deliver(delivery=f"d{number}", name=name)
        await house.until(lambda: len(house.runs()) == 2)
        assert written(house) == ["quick", "quicker"]
        assert len(waiting(house)) == 2
        assert house.value("select count(*) from lane where state = 1") == 2
        pass_time(house, days=1.1)
        await house.until_idle()
    assert written(house) == ["quick", "quicker", "slow", "slow"]


async def test_a_run_waits_until_a_date_of_the_event_less_some_days(house: House) -> None:
    until = {"from": "date", "shift": {"days": -1}}
    house.rule("put", then=[wait("pause", until=until), put("then")])
    async with working(house):
        near = datetime.now(UTC) + timedelta(days=3)
        await house.deliver(delivery="d1", name="later", date=near.isoformat())
        await house.deliver(delivery="d2", name="now", date=(near - timedelta(days=4)).isoformat())
        await house.deliver(delivery="d3", name="never", date="no date")
        await house.until(lambda: len(house.runs()) == 2)
        assert written(house) == ["now"]
        problem = house.value("select params->'problems'->0 from run where status = 2")
        assert (problem["code"], problem["params"]["value"]) == ("wait_no_date", "no date")
        pass_time(house, days=2.01)
        await house.until_idle()
    assert written(house) == ["now", "later"]


async def test_several_waits_in_one_rule_each_take_their_time(house: House) -> None:
    steps: list[Any] = [put("s0", "text:0")]
    for number in range(1, 4):
        pause = wait(f"pause{number}", **{"for": {"days": number}})
        steps += [pause, put(f"s{number}", f"text:{number}")]
    house.rule("put", then=steps)
    async with working(house) as worker:
        await house.deliver(delivery="d1")
        for number in range(1, 4):
            await house.until(lambda n=number: waiting(house) == [(f"pause{n}",)])
            assert written(house) == [str(n) for n in range(number)]
            await time_passes(house, worker, days=number + 0.01)
        await house.until_idle()
    assert written(house) == ["0", "1", "2", "3"]
    assert house.rows("select step from step where name = 'wait' order by n") == [
        ("pause1",), ("pause2",), ("pause3",)
    ]  # fmt: skip
    assert house.runs() == [(1, "")]


async def test_a_wait_outlives_the_workers(house: House) -> None:
    house.rule("put", then=[put("first", "text:before"), wait("pause", **{"for": {"hours": 1}}), put("then")])
    async with working(house):
        await house.deliver(delivery="d1", name="after")
        await house.until(lambda: waiting(house))
    pass_time(house, hours=2)
    async with working(house):
        await house.until_idle()
    assert written(house) == ["before", "after"]


@pytest.mark.crash
@pytest.mark.parametrize(
    "point",
    [
        "run.before_park:1",
        pytest.param("run.after_park:1", marks=pytest.mark.soak),
        pytest.param("journal.before_outcome:2", marks=pytest.mark.soak),
        "journal.after_outcome:2",
    ],
)
async def test_a_crash_on_the_way_into_the_wait_doubles_nothing(house: House, point: str) -> None:
    house.rule("put", then=[put("first", "text:before"), wait("pause", **{"for": {"hours": 1}}), put("then")])
    dying = house.worker(crash_at=point)
    await house.deliver(delivery="d1", name="after")
    await house.until(lambda: dying.poll() is not None)
    async with working(house):
        await house.until(lambda: waiting(house))
        pass_time(house, hours=1.1)
        await house.until_idle()
    # A PUT that was under way at the crash may be sent again; nothing is passed over, nothing comes early.
    assert [name for name, _ in groupby(written(house))] == ["before", "after"]
    assert house.runs() == [(1, "")]


@pytest.mark.crash
@pytest.mark.parametrize(
    "point",
    [
        pytest.param("lanes.after_claim:1", marks=pytest.mark.soak),
        pytest.param("journal.before_outcome:1", marks=pytest.mark.soak),
        "call.after_send:1",
    ],
)
async def test_a_crash_just_after_waking_goes_on_after_the_wait(house: House, point: str) -> None:
    house.rule("put", then=[put("first", "text:before"), wait("pause", **{"for": {"hours": 1}}), put("then")])
    async with working(house):
        await house.deliver(delivery="d1", name="after")
        await house.until(lambda: waiting(house))
    pass_time(house, hours=1.1)
    dying = house.worker(crash_at=point)
    await house.until(lambda: dying.poll() is not None)
    assert house.runs() == []
    async with working(house):
        await house.until_idle()
    assert house.runs() == [(1, "")]
    assert [name for name, _ in groupby(written(house))] == ["before", "after"]
    assert written(house).count("before") == 1
