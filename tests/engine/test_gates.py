"""A vendor that is down, at its limit, or refuses us: who waits, who does not, and how all go on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import asyncpg
import psycopg
import pytest

from vaivem.engine import control
from vaivem.engine import gates as gates_module
from vaivem.engine import worker as worker_module
from vaivem.engine.gates import HELD, LIMITED, OPEN, PAUSED, Gates

from .conftest import HOOK, House
from .inside import pass_time, stop_time, working
from .vendor import Reply, Vendor


@pytest.fixture
async def two(house: House) -> AsyncIterator[tuple[Gates, Gates]]:
    """The gates as two processes know them."""
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            pool = await stack.enter_async_context(asyncpg.create_pool(house.dsn, min_size=1, max_size=2))
            made.append(Gates(pool))
            await made[-1].load()
        yield made[0], made[1]


def gate(house: House, conn: int = 1) -> tuple[int, int, float]:
    """Return state, how often it was paused in a row, and for how long it stays shut."""
    query = (
        "select state, fails, extract(epoch from closed_until - vv_now())::float8 from gate where conn = %s"
    )
    state, fails, seconds = house.rows(query, conn)[0]
    return int(state), int(fails), float(seconds or 0)


async def deliver_many(house: House, count: int, hook: str = HOOK, prefix: str = "r") -> None:
    body = [
        {"record": f"{prefix}{n}", "name": f"{n}", "email": "a@b.c", "delivery": f"{prefix}{n}"}
        for n in range(count)
    ]
    assert await house.send(json.dumps(body).encode(), hook=hook) == 200


async def test_calls_under_way_do_not_lengthen_a_pause(house: House, two: tuple[Gates, Gates]) -> None:
    one, other = two
    stop_time(house)
    for _ in range(5):
        await one.failed(1, "vendor_unreachable", {})
    assert gate(house)[0] == OPEN
    for _ in range(40):
        await one.failed(1, "vendor_unreachable", {})
        await other.failed(1, "vendor_unreachable", {})
    state, fails, seconds = gate(house)
    assert (state, fails) == (PAUSED, 1)
    assert seconds <= 1
    lengths = []
    for _ in range(11):
        pass_time(house, seconds=400)
        await other.failed(1, "vendor_unreachable", {})  # the probe, with what was under way behind it
        await other.failed(1, "vendor_unreachable", {})
        await one.failed(1, "vendor_unreachable", {})
        lengths.append(round(gate(house)[2]))
    assert lengths == [2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 256]
    await other.worked(1)
    assert gate(house)[:2] == (OPEN, 0)
    await one.failed(1, "vendor_unreachable", {})  # it still believes in the pause: one failure is not many
    assert gate(house)[:2] == (OPEN, 0)
    assert one.state(1) == OPEN


async def test_a_success_elsewhere_does_not_end_a_limit(house: House, two: tuple[Gates, Gates]) -> None:
    one, other = two
    assert await one.limited(1, 30.0) == 30
    await other.load()
    await other.worked(1)
    await one.worked(1)
    assert gate(house)[0] == LIMITED
    other._limited_until.clear()  # as a process that read the gate just before
    await other.worked(1)
    assert gate(house)[0] == LIMITED
    pass_time(house, seconds=31)
    await other.worked(1)
    assert gate(house)[0] == OPEN


async def test_a_limit_without_a_time_grows_until_a_success(
    house: House, two: tuple[Gates, Gates], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = two
    now = 1000.0
    monkeypatch.setattr(gates_module, "time", SimpleNamespace(monotonic=lambda: now))
    assert await one.limited(1, None) == 0.25
    now += 0.2
    assert 0 < await one.limited(1, None) <= 0.05001  # left together with the first: one strike
    now += 0.06
    assert await one.limited(1, None) == 0.5
    now += 0.51
    pass_time(house, seconds=0.51)
    await one.worked(1)
    assert await one.limited(1, None) == 0.25
    assert await one.limited(1, 0.0) == 0.25  # "now" is not a time to wait


async def test_nothing_but_a_person_opens_a_held_gate(house: House, two: tuple[Gates, Gates]) -> None:
    one, other = two
    await one.hold(1, "credentials_refused", {})
    assert house.value("select state from connection where id = 1") == "reconnect"
    for _ in range(7):
        await other.failed(1, "vendor_unreachable", {})
    await other.limited(1, 5.0)
    await other.worked(1)
    await one.worked(1)
    assert gate(house)[0] == HELD
    await other.load()
    with house.db() as db:
        control.open_gate(db.cursor(), 1)  # type: ignore[arg-type]
    assert other.state(1) == HELD
    assert await other.look(1) == OPEN


async def test_a_vendor_that_is_down_is_paused_probed_and_resumed(house: House) -> None:
    house.rule("put")
    await house.vendor.stop()
    async with working(house):
        await deliver_many(house, 30)
        await house.until(lambda: gate(house)[0] == PAUSED)
        await house.until(lambda: house.value("select count(*) from lane where state = 2") == 0)
        worked = house.value("select sum(worked) from pending")
        tried = house.value("select count(*) from step")
        for probe in (1, 2):
            pass_time(house, hours=1)
            await house.until(lambda probe=probe: gate(house)[1] == 1 + probe)
            await house.until(lambda: house.value("select count(*) from lane where state = 2") == 0)
            assert house.value("select count(*) from step") == tried + probe
        assert house.value("select sum(worked) from pending") == pytest.approx(
            worked
        )  # its time does not count meanwhile
        assert house.value("select sum(tries) from pending") >= 8
        await house.vendor.start()
        pass_time(house, hours=1)
        await house.until_idle()
    assert gate(house)[:2] == (OPEN, 0)
    assert house.rows("select status, count(*) from run group by 1") == [(1, 30)]
    assert sorted(path for path, _ in house.vendor.puts) == sorted(f"/things/r{n}" for n in range(30))


async def test_one_lane_probes_for_all_workers(house: House) -> None:
    house.rule("put")
    house.vendor.fault = lambda method, path, nth: 503
    house.worker()
    house.worker()
    await house.until(lambda: house.value("select count(*) from worker") == 2)
    await deliver_many(house, 20)
    await house.until(lambda: gate(house)[0] == PAUSED)
    await house.until(lambda: house.value("select count(*) from lane where state = 2") == 0)
    house.vendor.fault = lambda method, path, nth: 2.0
    before = house.vendor.calls["PUT things"]
    pass_time(house, hours=1)
    await house.until(lambda: house.vendor.calls["PUT things"] > before)
    await asyncio.sleep(1.0)
    assert house.vendor.calls["PUT things"] == before + 1
    house.vendor.fault = lambda method, path, nth: None
    await house.until(lambda: gate(house)[0] == OPEN)
    pass_time(house, hours=1)
    await house.until_idle()
    assert house.rows("select status, count(*) from run group by 1") == [(1, 20)]


def limits(*after: dict[str, str]) -> Any:
    """Return a door that answers 429 with these headers, one call after the other."""
    left = list(after)

    def door(method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        return (429, {}, left.pop(0)) if left else None

    return door


async def test_a_short_limit_is_waited_for_in_place(house: House) -> None:
    house.rule("put")
    house.vendor.door = limits({"retry-after": "1"}, {})
    async with working(house):
        begun = time.monotonic()
        await house.deliver(delivery="d1")
        await house.until(house.runs)
        assert time.monotonic() - begun > 1.2
        await house.until_idle()
    assert house.rows("select status, tries, calls from run") == [(1, 0, 3)]
    assert house.rows("select status, code, done from step order by try") == [
        (429, "vendor_limit", False),
        (429, "vendor_limit", False),
        (200, "", True),
    ]


async def test_a_long_limit_holds_all_lanes_and_fails_none(house: House) -> None:
    house.rule("put")
    house.vendor.door = limits({"retry-after": "600"})
    async with working(house):
        await house.deliver(delivery="d1", record="r1", name="first")
        await house.until(lambda: house.rows("select 1 from pending where state = 'limit'"))
        await house.deliver(delivery="d2", record="r2", name="second")
        await asyncio.sleep(0.5)
        state, _, seconds = gate(house)
        assert state == LIMITED
        assert 590 < seconds <= 600
        assert house.vendor.calls["PUT things"] == 1
        pass_time(house, seconds=601)
        await house.until_idle()
    assert house.rows("select status, tries from run") == [(1, 0), (1, 0)]
    assert len(house.vendor.puts) == 2


async def test_a_vendor_that_hangs_does_not_take_the_others_slots(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "STOP_SECONDS", 0.1)
    hanging = Vendor(fault=lambda method, path, nth: 60.0)
    await hanging.start()
    hook = "hangsabcdefghjkmnpqrstuv22"
    conn = house.connection(hook, address_api=hanging.url)
    fields = {"thing.name": {"from": "name"}, "thing.record": {"from": "record"}}
    step = {"id": "do", "kind": "action", "connection": conn, "action": "put", "fields": fields}
    house.rule("put", then=[step], when={"connection": conn, "trigger": "thing_happened"})
    house.rule("put")
    await house.until(lambda: hook in house.app._topology.hooks)
    try:
        async with working(house) as worker:
            await deliver_many(house, 600, hook, "slow")
            await house.until(lambda: hanging.calls["PUT things"] > 100)
            begun = time.monotonic()
            await deliver_many(house, 200)
            await house.until(lambda: len(house.vendor.puts) == 200)
            assert time.monotonic() - begun < 30  # of the 600, each hangs until its time-out
            assert worker._per_gate[conn] <= worker_module.SLOTS // 2
            assert not hanging.puts
    finally:
        await hanging.stop()


def only_for(key: str) -> Any:
    def door(method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        return None if headers.get("x-key") == key else (401, {"error": "who are you"}, {})

    return door


async def test_refused_credentials_hold_runs_until_a_person_reconnects(house: House) -> None:
    house.rule("put")
    house.vendor.door = only_for("another-key")
    async with working(house):
        for n in (1, 2, 3):
            await house.deliver(delivery=f"d{n}", record="r1", name=f"{n}")
        await house.until(lambda: gate(house)[0] == HELD)
        await deliver_many(house, 10, prefix="more")
        await asyncio.sleep(0.5)
        calls = house.vendor.calls["PUT things"]
        assert calls <= 3
        assert house.value("select state from connection where id = 1") == "reconnect"
        assert house.rows("select distinct state, code from pending") == [("held", "credentials_refused")]
        begun = time.monotonic()
        reconnect(house, {"token": "another-key"})
        await house.until_idle()
        assert time.monotonic() - begun < 30  # by themselves, and not at the next look
    assert house.rows("select status, count(*) from run group by 1") == [(1, 13)]
    assert len(house.vendor.puts) == 13
    # Those that left with the old key, before the worker's copy was renewed, left once more.
    assert house.vendor.calls["PUT things"] <= calls + 26
    assert [body["name"] for path, body in house.vendor.puts if path == "/things/r1"] == ["1", "2", "3"]
    assert house.rows("select state from connection") == [("working",)]


async def test_a_refusal_from_before_a_reconnect_does_not_hold_again(house: House) -> None:
    """The worker's copy of the credentials is old, and so is what was under way."""
    house.rule("put")
    house.vendor.door = only_for("another-key")
    house.vendor.fault = lambda method, path, nth: 0.6 if nth == 1 else None
    async with working(house):
        await house.deliver(delivery="d1")
        await house.until(lambda: house.vendor.calls["PUT things"])
        reconnect(house, {"token": "another-key"})
        await house.until_idle()
    assert house.runs() == [(1, "")]
    assert gate(house)[0] == OPEN
    assert house.value("select state from connection where id = 1") == "working"


def reconnect(house: House, credentials: dict[str, str]) -> None:
    """Save new credentials as the pages do: with the gate, in one transaction."""
    with psycopg.connect(house.dsn) as db, db.cursor() as cursor:
        cursor.execute(
            "update connection set credentials = %s, state = 'working' where id = 1",
            (house.vault.seal(credentials),),
        )
        control.open_gate(cursor, 1)  # type: ignore[arg-type]


async def test_runs_end_one_after_the_other_at_a_slow_vendor(house: House) -> None:
    """A vendor that lets a few calls through has few runs under way, whatever waits."""
    house.rule("person_and_deal")
    with house.db() as db:
        db.execute('update connection set settings = settings || \'{"limit_calls": 60, "limit_seconds": 6}\'')
    async with working(house) as worker:
        await house.until(lambda: worker._topology.lines[1].connection.settings.get("limit_calls") == 60)
        most = 0

        def ended(count: int) -> bool:
            nonlocal most
            most = max(most, worker._per_gate[1])
            return int(house.value("select count(*) from run")) >= count

        body = [
            {"record": f"r{n}", "name": f"{n}", "email": f"{n}@b.c", "delivery": f"{n}"} for n in range(60)
        ]
        assert await house.send(json.dumps(body).encode()) == 200
        await house.until(lambda: ended(8), 10)
        calls = sum(house.vendor.calls.values())
        assert calls <= 3 * 8 + 3 * 24  # not the first call of all sixty
        assert most <= 19
        for task in worker._lanes:
            task.cancel()
