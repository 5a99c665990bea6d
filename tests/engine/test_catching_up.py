"""After an absence of ours: one bounded look back, told, owed until it is done, able to be switched off."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

from .chored import Chored, chores, hooked
from .conftest import House
from .inside import pass_time, put, working

HOOKED = "hookedhookhookedhookhooked"


def told(house: House, number: int) -> dict[str, Any]:
    found: dict[str, Any] = house.value("select value from fact where name = %s", f"catch_up/{number}")
    return found


def happened(house: House, minutes_ago: float, **row: Any) -> None:
    """Let something have happened at the vendor, as its list of changes says."""
    at = house.value("select vv_now()") - timedelta(minutes=minutes_ago)
    house.vendor.missed.append({"at": at.isoformat(), "record": "r", **row})


async def start(chored: Chored) -> None:
    await chored.look()
    await chored.catching_up.after_absence()


def events(house: House) -> int:
    return int(house.value("select count(*) from event"))


async def test_the_first_start_looks_back_to_nothing(house: House) -> None:
    hooked(house, HOOKED)
    happened(house, 5, delivery="old")
    async with chores(house) as chored:
        await start(chored)
    assert not house.vendor.calls
    assert house.value("select count(*) from fact where name = 'alive'") == 1


async def test_an_absence_is_read_up_with_some_overlap_and_nothing_twice(house: House) -> None:
    number = hooked(house, HOOKED)
    rule = house.rule("put", when={"connection": number, "trigger": "thing_happened"})
    async with chores(house) as chored:
        await chored.catching_up.go_on()
        pass_time(house, hours=2)
        happened(house, 200, delivery="too old")
        happened(house, 121, delivery="just before")
        happened(house, 60, delivery="meanwhile")
        happened(house, 30, delivery="meanwhile too", record="r2")
        await house.until(lambda: rule in house.app._topology.rules)
        await start(chored)
        assert (events(house), told(house, number)["found"], told(house, number)["new"]) == (3, 3, 3)
        assert told(house, number)["state"] == "done"
        pass_time(house, hours=1)
        await start(chored)
        assert events(house) == 3
    assert house.rows("select distinct bulk from event") == [(True,)]
    assert house.value("select count(*) from item") == 3
    assert house.rows("select distinct prio from lane") == [(0,)]


async def test_a_short_absence_and_a_restart_read_nothing(house: House) -> None:
    hooked(house, HOOKED)
    async with chores(house) as chored:
        await chored.catching_up.go_on()
        pass_time(house, minutes=4)
        await start(chored)
        await start(chored)
    assert not house.vendor.calls


async def test_a_long_absence_is_bounded(house: House) -> None:
    number = hooked(house, HOOKED)
    async with chores(house) as chored:
        await chored.catching_up.go_on()
        pass_time(house, days=12)
        await start(chored)
    since = house.value(
        "select (value->>'since')::timestamptz from fact where name = %s", f"catch_up/{number}"
    )
    assert abs(house.value("select vv_now()") - since - timedelta(days=7)) < timedelta(minutes=1)


async def test_several_workers_read_an_absence_once(house: House) -> None:
    hooked(house, HOOKED)
    async with chores(house) as one, chores(house) as other:
        await one.catching_up.go_on()
        pass_time(house, hours=1)
        happened(house, 10, delivery="d")
        await asyncio.gather(start(one), start(other))
    assert events(house) == 1
    assert house.vendor.calls["GET missed"] <= 2


async def test_switched_off_or_unused_connections_are_not_read(house: House) -> None:
    off, unused, broken = (hooked(house, letter * 26) for letter in "abc")
    with house.db() as db:
        db.execute("update connection set catch_up = false where id = %s", (off,))
        db.execute("update connection set wants_hook = false where id = %s", (unused,))
        db.execute("update connection set state = 'reconnect' where id = %s", (broken,))
    async with chores(house) as chored:
        await chored.catching_up.go_on()
        pass_time(house, hours=1)
        await start(chored)
    assert not house.vendor.calls
    assert house.value("select count(*) from fact where name like 'catch_up/%%'") == 0


async def test_a_vendor_that_is_down_is_read_later(house: House) -> None:
    number = hooked(house, HOOKED)
    house.vendor.fault = lambda method, path, nth: 503 if nth <= 2 else None
    async with chores(house) as chored:
        await chored.catching_up.go_on()
        pass_time(house, hours=1)
        happened(house, 10, delivery="d")
        await start(chored)
        assert told(house, number)["state"] == "owed"
        assert told(house, number)["problem"]["code"] == "vendor_failed"
        for _ in range(3):
            await chored.catching_up.go_on()
        assert house.vendor.calls["GET missed"] == 3
    assert (told(house, number)["state"], told(house, number)["problem"]) == ("done", {})
    assert events(house) == 1


async def test_what_is_owed_from_two_absences_reaches_back_to_the_first(house: House) -> None:
    hooked(house, HOOKED)
    house.vendor.fault = lambda method, path, nth: 503 if nth == 1 else None
    async with chores(house) as chored:
        await chored.catching_up.go_on()
        pass_time(house, hours=2)
        happened(house, 90, delivery="first")
        await start(chored)
        pass_time(house, hours=2)
        happened(house, 60, delivery="second")
        await start(chored)
    assert events(house) == 2


async def test_one_unreadable_change_does_not_keep_the_others_out(house: House) -> None:
    number = hooked(house, HOOKED)
    async with chores(house) as chored:
        await chored.catching_up.go_on()
        pass_time(house, hours=1)
        happened(house, 30, delivery="d1")
        happened(house, 20, broken=True)
        happened(house, 10, delivery="d2")
        await start(chored)
    assert (told(house, number)["found"], told(house, number)["new"]) == (3, 2)
    assert told(house, number)["problem"]["code"] == "delivery_unreadable"


async def test_a_worker_that_starts_after_an_absence_runs_what_was_missed(house: House) -> None:
    number = hooked(house, HOOKED)
    rule = house.rule("put", when={"connection": number, "trigger": "thing_happened"}, then=[put("then")])
    await house.until(lambda: rule in house.app._topology.rules)
    async with chores(house) as chored:
        await chored.catching_up.go_on()
    pass_time(house, hours=1)
    happened(house, 10, delivery="d1", name="missed")
    body = json.dumps(house.vendor.missed[0]).encode()
    async with working(house):
        await house.until(house.runs)
        with house.db() as db:
            sealed = house.vault.seal({"token": "t", "webhook": {"secret": "late"}})
            db.execute("update connection set credentials = %s where id = %s", (sealed, number))
        await house.until(lambda: "webhook" in house.app._topology.lines[number].connection.credentials)
        assert await house.send(body, hook=HOOKED, x_key="late") == 200  # the vendor's own late try
        await house.until_idle()
    assert house.vendor.puts == [("/things/r", {"name": "missed"})]
