"""Automations: a person runs through one once at a time, whatever records the events come from."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vaivem.engine import automations
from vaivem.engine.control import cancel_run
from vaivem.engine.desk import Desk, Item
from vaivem.engine.parking import ParkError

from .conftest import House
from .inside import pass_time, put, time_passes, working
from .test_waits import wait, waiting, written

STEPS = [put("first", "text:before"), wait("pause", **{"for": {"hours": 2}}), put("then")]


def automation(house: House, inside: str = "wait", then: list[Any] | None = None) -> int:
    return house.rule("put", then=then or STEPS, automation={"person": "email", "inside": inside})


def pending(house: House) -> list[tuple[Any, ...]]:
    return house.rows("select state, code from pending order by run_id")


async def test_the_next_event_of_a_person_waits_until_they_are_through(house: House) -> None:
    automation(house)
    async with working(house) as worker:
        await house.deliver(delivery="d1", record="a", name="one", email="Ana@Example.com")
        await house.until(lambda: waiting(house))
        await house.deliver(delivery="d2", record="b", name="two", email="ana@example.com")
        await house.deliver(delivery="d3", record="c", name="three", email="bia@example.com")
        await house.until(lambda: len(waiting(house)) == 2 and len(pending(house)) == 3)
        assert ("claim", "person_is_inside") in pending(house)
        assert written(house) == ["before", "before"]
        await time_passes(house, worker, hours=1.9)
        pass_time(house, hours=0.2)
        await house.until(lambda: sorted(written(house)) == ["before"] * 3 + ["one", "three"])
        assert len(waiting(house)) == 1
        pass_time(house, hours=2.1)
        await house.until_idle()
    assert written(house)[-1] == "two"
    assert house.runs() == [(1, "")] * 3
    assert house.value("select count(*) from inside") == 0


async def test_a_person_who_leaves_while_another_run_begins_to_wait_is_not_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automations, "FIRST_LOOK_SECONDS", 3600.0)
    begins, may_wait, park = asyncio.Event(), asyncio.Event(), Desk.park

    async def late(desk: Desk, item: Item, lane: int, how: ParkError, **more: float) -> None:
        if how.code == "person_is_inside":
            begins.set()
            await may_wait.wait()
        await park(desk, item, lane, how, **more)

    monkeypatch.setattr(Desk, "park", late)
    automation(house)
    async with working(house) as worker:
        await house.deliver(delivery="d1", record="a", name="one", email="ana@example.com")
        await house.until(lambda: waiting(house))
        await time_passes(house, worker, hours=1.9)
        await house.deliver(delivery="d2", record="b", name="two", email="ana@example.com")
        await asyncio.wait_for(begins.wait(), 30)
        pass_time(house, hours=0.2)
        await house.until(lambda: house.runs() == [(1, "")])
        may_wait.set()
        await house.until(lambda: written(house)[:3] == ["before", "one", "before"])


async def test_the_next_event_can_be_skipped_with_the_reason(house: House) -> None:
    automation(house, "skip")
    async with working(house) as worker:
        await house.deliver(delivery="d1", record="a", name="one", email="ana@example.com")
        await house.until(lambda: waiting(house))
        await house.deliver(delivery="d2", record="b", name="two", email="ana@example.com")
        await house.until(house.runs)
        assert house.runs() == [(3, "person_was_inside")]
        params = house.value("select params from run")
        assert params["person"] == "ana@example.com"
        assert params["run"] == str(house.value("select run_id from inside"))
        await time_passes(house, worker, hours=2.1)
        await house.until_idle()
        await house.deliver(delivery="d3", record="c", name="three", email="ana@example.com")
        await house.until(lambda: waiting(house))
        pass_time(house, hours=2.1)
        await house.until_idle()
    assert written(house) == ["before", "one", "before", "three"]


async def test_an_event_of_nobody_says_so(house: House) -> None:
    automation(house)
    async with working(house):
        await house.deliver(delivery="d1", name="x", email="no address")
        await house.until(house.runs)
    assert house.runs() == [(3, "automation_without_person")]
    assert written(house) == []


async def test_whoever_ends_a_run_lets_its_person_go(house: House) -> None:
    automation(house)
    async with working(house):
        await house.deliver(delivery="d1", record="a", name="one", email="ana@example.com")
        await house.until(lambda: waiting(house))
        await house.deliver(delivery="d2", record="b", name="two", email="ana@example.com")
        await house.until(lambda: len(pending(house)) == 2)
        run = house.value("select run_id from inside")
        with house.db() as db, db.cursor() as cursor:
            assert cancel_run(cursor, 1, run)
        pass_time(house, hours=1.1)
        await house.until(lambda: written(house) == ["before", "before"] and waiting(house))
        assert house.value("select run_id from inside") != run


@pytest.mark.crash
@pytest.mark.parametrize(
    "point",
    [
        "run.after_park:1",
        pytest.param("run.before_park:1", marks=pytest.mark.soak),
        pytest.param("run.after_finish:1", marks=pytest.mark.soak),
    ],
)
async def test_a_crash_leaves_nobody_inside_twice_or_for_ever(house: House, point: str) -> None:
    automation(house)
    dying = house.worker(crash_at=point)
    await house.deliver(delivery="d1", record="a", name="one", email="ana@example.com")
    await house.until(lambda: dying.poll() is not None or waiting(house))
    await house.deliver(delivery="d2", record="b", name="two", email="ana@example.com")
    if dying.poll() is None:
        pass_time(house, hours=2.1)
        await house.until(lambda: dying.poll() is not None)
    async with working(house):
        for _ in range(20):
            if not house.value("select count(*) from item"):
                break
            pass_time(house, hours=2.1)
            await asyncio.sleep(1.5)  # a worker looks every second
        await house.until_idle()
    assert [name for name in written(house) if name != "before"] == ["one", "two"]
    assert house.runs() == [(1, "")] * 2
