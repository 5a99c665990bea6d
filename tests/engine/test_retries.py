"""A failed run that goes on: in its record's lane, before what waits there, and never beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from vaivem.engine import control
from vaivem.engine.lane_keys import lane_key

from .conftest import House
from .inside import put, working
from .repeating import ask, ended, looked_at, start, stop
from .test_control import act, parked, pause, resume, written


def lane_of(rule: int, record: str = "r1") -> int:
    return lane_key(1, "thing", record, rule)


async def failed(house: House, rule: int, name: int, record: str = "r1") -> int:
    """Let an event's run fail; return the run."""
    before = house.value("select count(*) from run")
    await house.deliver(record=record, delivery=f"d{name}", name=name)
    await house.until(lambda: house.value("select count(*) from run") > before)
    assert house.value("select status from run order by id desc limit 1") == 2
    return int(house.value("select id from run order by id desc limit 1"))


def refuse(house: House, *names: int) -> None:
    """Let the vendor refuse things with these names."""
    wanted = [f'"name":"{name}"'.encode() for name in names] + [f'"name":{name}'.encode() for name in names]

    def door(method: str, path: str, headers: Any, body: bytes) -> Any:
        bad = any(one in body.replace(b" ", b"") for one in wanted)
        return (422, {"error": "bad"}, {}) if bad else None

    house.vendor.door = door


def newer(house: House, run: int, rule: int, record: str = "r1") -> Callable[..., Any]:
    event = house.value("select event_id from item where run_id = %s", run)

    def ask_it(cursor: Any) -> int | None:
        return control.newer_run(
            cursor, 1, event, rule=rule, conn=1, object="thing", record=record, lane=lane_of(rule, record)
        )

    return ask_it


async def test_the_lane_is_the_one_that_its_events_are_in(house: House) -> None:
    rule = house.rule("put")
    await house.deliver(record="r1", delivery="d1", name=1)
    assert house.value("select key from lane") == lane_of(rule)


async def test_it_goes_before_what_waits_in_its_lane(house: House) -> None:
    rule = house.rule("put")
    refuse(house, 1)
    async with working(house) as worker:
        run = await failed(house, rule, 1)
        refuse(house)
        pause(house, rule)
        await house.until(lambda: worker._topology.rules[rule].paused)
        for name in (2, 3):
            await house.deliver(record="r1", delivery=f"d{name}", name=name)
        await house.until(lambda: house.value("select count(*) from lane where state = 3") == 1)
        assert act(house, control.retry_run, 1, run, lane_of(rule))
        assert act(house, newer(house, run, rule)) is None
        assert house.rows("select run_id from item order by seq limit 1") == [(run,)]
        resume(house, rule)
        await house.until_idle()
    assert written(house, "r1") == [1, 2, 3]
    for table in ("item", "lane", "intent", "claim", "pending"):
        assert house.value(f"select count(*) from {table}") == 0  # noqa: S608


async def test_what_waits_in_its_lane_and_has_begun_does_nothing_twice(house: House) -> None:
    """The head of the lane waits with a note written; the retried run goes first, and the note stays one."""
    steps = [{**put("note", "name"), "action": "post_unsafe"}, put("last", "name")]
    rule = house.rule("put", then=steps)
    down = {"puts": True}
    house.vendor.fault = lambda method, path, nth: (
        429 if method == "PUT" and down["puts"] and len(house.vendor.notes) > 1 else None
    )
    refuse(house, 1)
    async with working(house):
        run = await failed(house, rule, 1)
        refuse(house)
        house.vendor.notes.append({"name": "before"})
        await house.deliver(record="r1", delivery="d2", name=2)
        await parked(house, "limit")
        assert act(house, control.retry_run, 1, run, lane_of(rule))
        assert act(house, newer(house, run, rule)) is not None  # the newer one has written its note
        down["puts"] = False
        await house.until_idle(30)
    assert house.runs() == [(1, ""), (1, "")]
    assert [str(note["name"]) for note in house.vendor.notes] == ["before", "2", "1"]
    assert written(house, "r1") == [1, 2]


async def test_a_newer_one_whose_only_write_is_in_doubt_counts_as_one_that_wrote(house: House) -> None:
    """Before it nothing goes that may make the same record: whether it is there, nobody knows yet."""
    rule = house.rule("post_unsafe")
    refuse(house, 1)
    async with working(house):
        run = await failed(house, rule, 1)
        refuse(house)
        house.vendor.fault = lambda method, path, nth: "lost"
        await house.deliver(record="r1", delivery="d2", name=2)
        await parked(house, "decision")
        in_doubt = house.value("select run_id from item")
        assert act(house, control.retry_run, 1, run, lane_of(rule))
        assert act(house, newer(house, run, rule)) == in_doubt


async def test_one_that_is_worked_meanwhile_is_not_overtaken_by_two_at_once(house: House) -> None:
    rule = house.rule("put")
    refuse(house, 1)
    async with working(house):
        run = await failed(house, rule, 1)
        refuse(house)
        house.vendor.fault = lambda method, path, nth: 1.5
        for name in (2, 3):
            await house.deliver(record="r1", delivery=f"d{name}", name=name)
        await house.until(lambda: house.value("select count(*) from lane where state = 2") == 1)
        assert act(house, control.retry_run, 1, run, lane_of(rule))
        assert act(house, newer(house, run, rule)) is not None
        await house.until_idle(30)
    assert written(house, "r1") == [2, 3, 1]  # one after the other; the hub asks before it does that
    assert house.value("select count(*) from lane") == 0


async def test_a_newer_event_that_is_done_is_told(house: House) -> None:
    rule = house.rule("put")
    refuse(house, 1)
    async with working(house):
        run = await failed(house, rule, 1)
        refuse(house)
        await house.deliver(record="r2", delivery="d5", name=5)
        await house.until(lambda: len(house.runs()) == 2)
        assert act(house, control.retry_run, 1, run, lane_of(rule))
        assert act(house, newer(house, run, rule)) is None  # of another record
        await house.until_idle()
        refuse(house, 6)
        late = await failed(house, rule, 6)
        refuse(house)
        await house.deliver(record="r1", delivery="d7", name=7)
        await house.until(lambda: written(house, "r1") == [1, 7])
        await house.until_idle()
        after = house.value("select max(id) from run")
        assert act(house, control.retry_run, 1, late, lane_of(rule))
        found = act(house, newer(house, late, rule))
        await house.until_idle()
    assert found == after


async def test_many_retries_and_new_events_of_few_records_keep_every_lane_whole(house: House) -> None:
    rule = house.rule("put")
    refuse(house, *range(0, 40, 2))
    async with working(house):
        for name in range(40):
            await house.deliver(record=f"r{name % 4}", delivery=f"d{name}", name=name)
        await house.until_idle(30)
        refuse(house)
        bad = house.rows(
            "select r.id, e.record from run r join event e on e.ws = r.ws and e.id = r.event_id"
            " where r.status = 2 order by r.id"
        )
        assert len(bad) == 20
        deeds = [
            asyncio.to_thread(act, house, control.retry_run, 1, run, lane_of(rule, record))
            for run, record in [*bad, *bad]  # each asked for twice
        ]
        events = [
            house.deliver(record=f"r{name % 4}", delivery=f"e{name}", name=100 + name) for name in range(40)
        ]
        done = await asyncio.gather(*deeds, *events)
        await house.until_idle(60)
    assert done[:40].count(True) == 20
    assert house.value("select count(*) from item") == 0
    assert [status for status, _ in house.runs()] == [1] * 80
    for record in range(4):
        names = written(house, f"r{record}")
        assert sorted(names) == sorted(set(names))
        new = [name for name in names if name >= 100]
        assert new == sorted(new)
    assert house.value("select count(*) from lane") == 0


async def test_a_lane_is_let_go_though_its_last_places_were_taken_away(house: House) -> None:
    """What a stopped replay had not begun leaves its places behind: no worker goes on looking for them."""
    rule = house.rule("put")
    refuse(house, 1)
    async with working(house) as worker:
        await failed(house, rule, 1)
        refuse(house)
        replay = ask(house)
        await looked_at(house, replay)
        pause(house, rule)
        await house.until(lambda: worker._topology.rules[rule].paused)
        await house.deliver(record="r2", delivery="d2", name=2)
        with house.db() as db:  # a live event of the record, older than the replay's item in its lane
            db.execute("update event set record = 'r1' where record = 'r2'")
            db.execute("update lane set key = %s where key = %s", (lane_of(rule), lane_of(rule, "r2")))
            db.execute("update item set lane = %s", (lane_of(rule),))
        assert await start(house, replay, older=True)
        await house.until(lambda: house.value("select count(*) from item") == 2)
        assert await stop(house, replay)
        await ended(house, replay)
        assert house.value("select tail from lane") == 2
        resume(house, rule)
        await house.until_idle(30)
    assert house.value("select count(*) from lane") == 0
