"""What happened before a rule was switched on: looked at, started, stopped, gone on with after a kill."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from vaivem.engine.backfills import Backfills, BackfillState

from .chored import Chored, chores, hooked
from .conftest import House
from .inside import pass_time, put, working
from .test_catching_up import HOOKED, happened

HOUR = timedelta(hours=1)


def switched_on(house: House, number: int, then: list[Any] | None = None) -> int:
    """Return a rule that was switched on an hour ago."""
    when = {"connection": number, "trigger": "thing_happened"}
    rule = house.rule("put", when=when, then=then or [put("one", "text:{{ name }}")])
    with house.db() as db:
        db.execute("update rule set on_since = vv_now() - interval '1 h' where id = %s", (rule,))
    return rule


def asked(house: House, rule: int, days: int = 10) -> None:
    """Ask for a look at so many days before the rule was switched on."""
    on = house.value("select on_since from rule where id = %s", rule)
    row = (rule, on - timedelta(days=days), on, on - timedelta(days=days))
    with house.db() as db:
        db.execute(
            "insert into backfill (ws, rule, since, until, at, made, touched)"
            " select workspace_id, id, %s, %s, %s, vv_now(), vv_now() from rule where id = %s",
            (*row[1:], rule),
        )


def started(house: House, *steps: str) -> None:
    with house.db() as db:
        db.execute("update backfill set state = 2, at = since, steps = %s where state = 1", (list(steps),))


def state(house: House) -> tuple[int, dict[str, Any], datetime]:
    [row] = house.rows("select state, counts, at from backfill order by id desc limit 1")
    return row


async def all_of_it(chored: Chored, house: House) -> None:
    """Go on until there is nothing to do, each day by another process: what is known is in the table."""
    await chored.look()
    while state(house)[0] in (BackfillState.LOOKING, BackfillState.UNDER_WAY):
        assert await Backfills(chored.desk, chored.catching_up._intake).step()


async def test_the_past_is_counted_and_then_brought_in_once(house: House) -> None:
    number = hooked(house, HOOKED)
    rule = switched_on(house, number)
    happened(house, 60 * 24 * 30, delivery="too old", record="r0", name="n0")
    happened(house, 60 * 24 * 3, delivery="d1", record="r1", name="n1")
    happened(house, 60 * 24 * 2, delivery="d2", record="r2", name="n2")
    happened(house, 30, delivery="since", record="r3", name="n3")
    asked(house, rule)
    async with chores(house) as chored:
        await all_of_it(chored, house)
        found, counts, _ = state(house)
        assert (found, counts["events"], counts["records"]) == (BackfillState.LOOKED_AT, 2, 2)
        [sample] = house.rows("select sample from backfill")
        written = [step["writes"][0]["fields"] for one in sample[0] for step in one["steps"]]
        assert {"field": "name", "before": "", "after": "n1"} in written[0]
        assert house.vendor.puts == []
        assert house.value("select count(*) from event") == 0
        started(house)
        await all_of_it(chored, house)
        assert state(house)[1]["taken"] == 2
        with house.db() as db:  # a day that is read once more is known
            db.execute("update backfill set state = 2, at = since")
        await all_of_it(chored, house)
    assert state(house)[0] == BackfillState.DONE
    assert state(house)[1]["taken"] == 2
    assert house.rows("select distinct bulk from event") == [(True,)]
    async with working(house):
        await house.until_idle()
    assert sorted(body["name"] for _, body in house.vendor.puts) == ["n1", "n2"]


async def test_it_is_stopped_and_goes_on_where_it_was(house: House) -> None:
    rule = switched_on(house, hooked(house, HOOKED))
    for day in (2, 4, 6, 8):
        happened(house, 60 * 24 * day, delivery=f"d{day}", record=f"r{day}", name=f"n{day}")
    asked(house, rule)
    async with chores(house) as chored:
        await all_of_it(chored, house)
        started(house)
        for _ in range(4):
            await Backfills(chored.desk, chored.catching_up._intake).step()
        with house.db() as db:
            db.execute("update backfill set state = 4")
        assert not await Backfills(chored.desk, chored.catching_up._intake).step()
        half = state(house)[1]["taken"]
        assert 0 < half < 4
        with house.db() as db:
            db.execute("update backfill set state = 2")
        await all_of_it(chored, house)
    assert state(house)[1]["taken"] == 4


async def test_what_reaches_people_is_left_out_unless_it_was_ticked(house: House) -> None:
    note = {"id": "tell", "kind": "notify", "member": "nobody@x.example", "text": {"text": "done"}}
    rule = switched_on(house, hooked(house, HOOKED), [put("one", "text:{{ name }}"), note])
    happened(house, 60 * 24 * 2, delivery="d1", record="r1", name="n1")
    asked(house, rule)
    async with chores(house) as chored:
        await all_of_it(chored, house)
        started(house)
        await all_of_it(chored, house)
    async with working(house):
        await house.until_idle()
    [(params,)] = house.rows("select params from run")
    assert [one["code"] for one in params["notes"]] == ["past_left_out"]
    with house.db() as db:
        db.execute("delete from backfill")
    asked(house, rule)
    async with chores(house) as chored:
        await all_of_it(chored, house)
        started(house, "tell")
        await all_of_it(chored, house)
    async with working(house):
        await house.until_idle()
    [_, (params,)] = house.rows("select params from run order by id")
    assert [one["code"] for one in params["notes"]] == ["member_is_gone"]


async def test_a_stop_while_a_day_is_read_stays(house: House) -> None:
    rule = switched_on(house, hooked(house, HOOKED))
    asked(house, rule)
    async with chores(house) as chored:
        await all_of_it(chored, house)
        started(house)
        backfills = Backfills(chored.desk, chored.catching_up._intake)
        day = backfills._day

        async def stopped_meanwhile(told: dict[str, Any]) -> bool:
            with house.db() as db:  # nothing holds its row: a person need not wait for the vendor
                db.execute("set lock_timeout = '1s'")
                db.execute("update backfill set state = 4")
            return await day(told)

        backfills._day = stopped_meanwhile  # type: ignore[method-assign]
        assert await backfills.step()
        assert state(house)[0] == BackfillState.STOPPED
        assert not await backfills.step()


async def test_two_workers_do_not_take_one_day_twice(house: House) -> None:
    rule = switched_on(house, hooked(house, HOOKED))
    asked(house, rule)
    async with chores(house) as chored:
        await chored.look()
        one, other = (Backfills(chored.desk, chored.catching_up._intake) for _ in range(2))
        inside = one._day

        async def meanwhile(told: dict[str, Any]) -> bool:
            assert not await other.step()
            return await inside(told)

        one._day = meanwhile  # type: ignore[method-assign]
        assert await one.step()
        assert await other.step()


async def test_a_vendor_in_trouble_is_not_asked_again_at_once(house: House) -> None:
    rule = switched_on(house, hooked(house, HOOKED))
    asked(house, rule)
    house.vendor.fault = lambda method, path, nth: 503
    async with chores(house) as chored:
        await chored.look()
        backfills = Backfills(chored.desk, chored.catching_up._intake)
        before = house.vendor.calls["GET missed"]
        assert not await backfills.step()
        asked_once = house.vendor.calls["GET missed"]
        assert asked_once > before
        assert not await backfills.step()
        assert house.vendor.calls["GET missed"] == asked_once
        house.vendor.fault = lambda method, path, nth: None
        pass_time(house, seconds=60)
        await all_of_it(chored, house)
    assert state(house)[0] == BackfillState.LOOKED_AT
