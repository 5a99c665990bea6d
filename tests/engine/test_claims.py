"""Claims on match keys: runs that know one person by different keys meet, and none waits for nothing."""

from __future__ import annotations

import asyncio
import time

from vaivem.engine.claims import LocalClaims
from vaivem.engine.control import answer_decision

from .conftest import House
from .inside import pass_time, working


def keys(*names: str) -> str:
    """Return the name of a thing that is known by these keys."""
    return ",".join(names)


async def test_runs_with_overlapping_keys_make_one_record(house: House) -> None:
    house.rule("post_known")
    sets = [("cpf:1", "mail:a"), ("mail:a", "phone:9"), ("phone:9",), ("cpf:1",), ("mail:z",)]
    async with working(house):
        deliveries = [
            house.deliver(delivery=f"{turn}-{number}", record=f"r{turn}-{number}", name=keys(*some))
            for turn in range(4)
            for number, some in enumerate(sets)
        ]
        await asyncio.gather(*deliveries)
        await house.until(lambda: len(house.runs()) == 20)
    assert {status for status, _ in house.runs()} == {1}
    made = [set(thing["name"].split(",")) for thing in house.vendor.things]
    for key in ("cpf:1", "mail:a", "phone:9", "mail:z"):
        assert sum(key in one for one in made) <= 1, made
    assert house.value("select count(*) from claim") == 0


async def test_overlapping_keys_meet_across_workers(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 0.05
    house.rule("post_known")
    house.worker()
    async with working(house):
        for number in range(24):
            some = keys(f"a{number % 3}", f"b{(number + 1) % 3}")
            await house.deliver(delivery=f"d{number}", record=f"r{number}", name=some)
        await house.until(lambda: len(house.runs()) == 24)
    made = [set(thing["name"].split(",")) for thing in house.vendor.things]
    for key in ("a0", "a1", "a2", "b0", "b1", "b2"):
        assert sum(key in one for one in made) <= 1, made
    assert house.value("select count(*) from claim") == 0


async def test_a_failure_lets_the_keys_go(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 422 if method == "POST" and nth == 1 else None
    house.rule("post_found")
    async with working(house):
        for number in range(3):
            await house.deliver(delivery=f"d{number}", record=f"r{number}", name="same")
        await house.until(lambda: len(house.runs()) == 3)
    assert sorted(status for status, _ in house.runs()) == [1, 1, 2]
    assert len(house.vendor.things) == 1
    assert house.value("select count(*) from claim") == 0


async def test_keys_of_a_run_that_is_tried_again_later_are_free_meanwhile(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 503 if method == "GET" and nth == 1 else None
    house.rule("post_found")
    async with working(house):
        await house.deliver(delivery="d1", record="r1", name="same")
        await house.until(lambda: house.rows("select 1 from pending where state = 'retry'"))
        with house.db() as db:
            db.execute("update lane set due = now() + interval '1 hour' where state = 1")
        await house.deliver(delivery="d2", record="r2", name="same")
        await house.until(house.runs)
    assert house.runs() == [(1, "")]


async def test_a_claim_in_doubt_keeps_others_waiting_and_says_for_whom(house: House) -> None:
    house.vendor.things = [{"id": 1, "name": "old"}]
    house.vendor.fault = lambda method, path, nth: "refuse" if method == "POST" and nth == 1 else None
    house.rule("post_unsure")
    with house.db() as db:
        db.execute("update connection set settings = settings || '{\"settle_seconds\": 0.1}'")
    async with working(house):
        await house.deliver(delivery="d1", record="r1", name="new")
        await house.until(lambda: house.rows("select 1 from pending where state = 'decision'"))
        holder = house.value("select run_id from pending")
        for number in (2, 3):
            await house.deliver(delivery=f"d{number}", record=f"r{number}", name="new")
        await house.until(lambda: house.value("select count(*) from pending where state = 'claim'") == 2)
        assert house.rows("select distinct code, params->>'run' from pending where state = 'claim'") == [
            ("record_busy", str(holder))
        ]
        posts = house.vendor.calls["POST things"]
        await house.deliver(delivery="d4", record="r4", name="another")
        await house.until(lambda: house.runs() == [(1, "")])
        assert house.vendor.calls["POST things"] == posts + 1
        (number,) = house.rows("select id from decision")[0]
        with house.db() as db, db.cursor() as cursor:
            assert answer_decision(cursor, 1, number, {"choice": "do"}, 1)
        await house.until(lambda: len(house.runs()) == 4)
    assert sorted(thing["name"] for thing in house.vendor.things if thing["name"] != "old") == [
        "another",
        "new",
    ]


async def test_who_waits_for_a_run_that_waits_for_days_looks_seldom_and_is_woken_by_the_answer(
    house: House,
) -> None:
    house.vendor.things = [{"id": 1, "name": "old"}]
    house.vendor.fault = lambda method, path, nth: "refuse" if method == "POST" and nth == 1 else None
    house.rule("post_unsure")
    with house.db() as db:
        db.execute("update connection set settings = settings || '{\"settle_seconds\": 0.1}'")
    async with working(house):
        await house.deliver(delivery="d1", record="r1", name="new")
        await house.until(lambda: house.rows("select 1 from pending where state = 'decision'"))
        pass_time(house, hours=5)
        await house.deliver(delivery="d2", record="r2", name="new")
        far = "select 1 from pending where state = 'claim' and due > vv_now() + interval '30 seconds'"
        await house.until(lambda: house.rows(far))
        (number,) = house.rows("select id from decision")[0]
        begun = time.monotonic()
        with house.db() as db, db.cursor() as cursor:
            assert answer_decision(cursor, 1, number, {"choice": "do"}, 1)
        await house.until(lambda: len(house.runs()) == 2)
        assert time.monotonic() - begun < 30  # not at the next look
    assert [thing["name"] for thing in house.vendor.things] == ["old", "new"]


async def test_local_claims_are_all_or_nothing() -> None:
    claims = LocalClaims()
    a, b, c = [(1, "person", key) for key in "abc"]
    assert await claims.take((b, a), 0.1)
    assert not await claims.take((b, c), 0.05)
    assert await claims.take((c,), 0.05)
    claims.give((a, b))
    assert await claims.take((a, b), 0.05)
    claims.give((a, b))
    claims.give((c,))
    assert not claims._queues


async def test_local_claims_pass_on_in_order_and_survive_a_cancelled_waiter() -> None:
    claims = LocalClaims()
    key = ((1, "person", "a"),)
    assert await claims.take(key, 1)
    order: list[int] = []

    async def wait(number: int) -> None:
        assert await claims.take(key, 5)
        order.append(number)
        claims.give(key)

    tasks = [asyncio.create_task(wait(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    claims.give(key)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 2, 3]
    assert not claims._queues


async def test_crossed_keys_do_not_lock_each_other() -> None:
    claims = LocalClaims()
    a, b = (1, "person", "a"), (1, "person", "b")

    async def turn(keys_: tuple[tuple[int, str, str], ...]) -> None:
        for _ in range(50):
            assert await claims.take(keys_, 20)
            await asyncio.sleep(0)
            claims.give(keys_)

    async with asyncio.timeout(30):
        await asyncio.gather(turn((a, b)), turn((b, a)), turn((b,)), turn((a,)))
    assert not claims._queues
