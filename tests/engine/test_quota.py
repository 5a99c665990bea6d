"""The budget of a day: what calls cost is counted, and when it is spent live events alone are tried."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from vaivem.connectors.sdk import Quota
from vaivem.core.errors import RetryError
from vaivem.engine import gates as gates_module
from vaivem.engine.clock import Clock
from vaivem.engine.gates import OPEN, SPENT, Gates
from vaivem.engine.spending import Spending

from .chored import chores, hooked
from .conftest import House
from .inside import pass_time, time_passes, working
from .vendor import Reply

DAY_SIZE = 1000


class Meter:
    """The vendor's count of the day: `left` calls are let in."""

    def __init__(self, house: House, left: int) -> None:
        self.left = left
        self.calls: Counter[str] = Counter()
        house.vendor.door = self.door

    def door(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        if self.left <= 0:
            self.calls["refused"] += 1
            return 429, {"error": "the budget is spent"}, {}
        self.left -= 1
        self.calls["done"] += 1
        return None


@pytest.fixture
def rationed(house: House) -> House:
    """A house whose connection has a budget of a day."""
    with house.db() as db:
        db.execute("update connection set settings = settings || %s", (json.dumps({"day": DAY_SIZE}),))
    house.rule("put")
    return house


def gate(house: House) -> tuple[int, str]:
    state, code = house.rows("select state, code from gate where conn = 1")[0]
    return int(state), str(code)


def used(house: House) -> tuple[int, int]:
    cost, calls = house.rows("select coalesce(sum(cost), 0), coalesce(sum(calls), 0) from spending")[0]
    return int(cost), int(calls)


def done(house: House) -> int:
    return int(house.value("select count(*) from run where status = 1"))


async def deliver(house: House, name: str, count: int, *, bulk: bool = False) -> None:
    rows = [{"record": f"{name}{n}", "name": name, "delivery": f"{name}{n}"} for n in range(count)]
    assert await house.send(json.dumps(rows).encode()) == 200
    if bulk:
        with house.db() as db:
            db.execute("update event set bulk = true where record like %s", (f"{name}%",))
            db.execute(
                "update lane set prio = 0 from item i join event e on e.ws = i.ws and e.id = i.event_id"
                " where i.ws = lane.ws and i.lane = lane.key and e.record like %s",
                (f"{name}%",),
            )


def test_a_day_begins_at_the_vendors_hour() -> None:
    quota = Quota(10, reset_hour=5)
    before, after = datetime(2026, 3, 1, 4, 59, tzinfo=UTC), datetime(2026, 3, 1, 5, 0, tzinfo=UTC)
    assert quota.ends(before) == after == quota.began(after)
    assert quota.began(before) == after - timedelta(days=1)
    assert Quota(10).ends(before) == datetime(2026, 3, 2, tzinfo=UTC)


async def test_what_calls_cost_is_counted_over_processes(house: House) -> None:
    async with asyncpg.create_pool(house.dsn, min_size=1, max_size=2) as pool:
        clock = Clock()
        two = [Spending(pool, clock) for _ in range(2)]
        for one in two:
            for _ in range(50):
                one.note(1, 5)
            one.note(2, 20)
        assert used(house) == (0, 0)  # nothing in the way of a call
        await asyncio.gather(*(one.flush() for one in two))
        await two[0].flush()
        assert used(house) == (540, 102)
        pass_time(house, days=16)
        async with chores(house) as process:
            await process.retention.run()
        assert used(house) == (0, 0)


async def test_a_worker_counts_and_its_end_keeps_the_count(rationed: House) -> None:
    async with working(rationed):
        await deliver(rationed, "a", 20)
        await rationed.until_idle()
    assert used(rationed) == (20, 20)


async def test_a_spent_budget_holds_all_but_live_events(
    rationed: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, meter = rationed, Meter(rationed, left=10)
    monkeypatch.setattr(gates_module, "SPENT_TRY_SECONDS", 60.0)
    monkeypatch.setattr("vaivem.engine.caller.SPENT_TRY_SECONDS", 60.0)
    async with working(house):
        await deliver(house, "live", 40)
        await house.until(lambda: gate(house) == (SPENT, "stub_budget_spent") and done(house) == 10)
        await house.until(lambda: house.value("select count(*) from lane where state = 2") == 0)
        refused = meter.calls["refused"]
        await deliver(house, "bulk", 20, bulk=True)
        assert house.value("select count(*) from lane where prio = 0 and state = 1") == 20
        await asyncio.sleep(1)
        assert meter.calls["refused"] == refused  # nobody hammers
        for _ in range(3):
            pass_time(house, seconds=61)
            refused += 1
            await house.until(lambda told=refused: meter.calls["refused"] == told)
            await house.until(lambda: house.value("select count(*) from lane where state = 2") == 0)
        await asyncio.sleep(0.5)
        assert meter.calls["refused"] == refused  # one live event a minute, no bulk
        assert done(house) == 10
        assert not house.rows("select 1 from run where status = 2")
        waiting = house.rows("select state, code from pending group by 1, 2")
        assert waiting == [("limit", "stub_budget_spent")]

        meter.left = 1000  # sooner than was thought: the next live event finds out, and all goes on
        pass_time(house, seconds=61)
        await house.until_idle()
        assert gate(house)[0] == OPEN
        assert done(house) == 60
    assert used(house) == (60, 60)


async def test_a_new_day_lets_everything_go_on(rationed: House) -> None:
    house, meter = rationed, Meter(rationed, left=0)
    async with working(house) as worker:
        await deliver(house, "live", 1)
        await house.until(lambda: gate(house)[0] == SPENT)
        shut: Any = house.value(
            "select extract(epoch from closed_until - vv_now())::float8 from gate where conn = 1"
        )
        now = datetime.now(UTC)
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        assert abs(shut - (midnight - now).total_seconds()) < 60
        await deliver(house, "bulk", 5, bulk=True)
        await asyncio.sleep(0.5)
        meter.left = 1000
        await time_passes(house, worker, seconds=shut + 5)
        with house.db() as db:  # who looked while the worker did not know would wait as long once more
            db.execute("update lane set due = now() where state = 1")
        await house.until_idle()
        assert (gate(house)[0], done(house)) == (OPEN, 6)


async def test_a_cheap_call_does_not_open_the_gate(house: House) -> None:
    async with asyncpg.create_pool(house.dsn, min_size=1, max_size=2) as pool:
        one, other = Gates(pool), Gates(pool)
        await one.load()
        await one.spend(1, "stub_budget_spent", 20, 3600.0)
        await other.load()
        await other.worked(1, 1)
        assert gate(house)[0] == SPENT
        await other.failed(1, "vendor_unreachable", {})
        assert gate(house)[0] == SPENT
        await other.worked(1, 20)
        assert gate(house)[0] == OPEN
        assert await one.look(1) == OPEN


async def test_chores_wait_for_the_day_and_give_nothing_up(house: House) -> None:
    number = hooked(house, "hookedhookhookedhookhooked")
    meter, owed = Meter(house, left=0), f"catch_up/{number}"
    async with chores(house, public_url="https://hub.example") as process:
        now = process.clock.now()
        told = {"state": "owed", "since": (now - timedelta(hours=1)).isoformat(), "until": now.isoformat()}
        with house.db() as db:
            db.execute("insert into fact (name, value, at) values (%s, %s, now())", (owed, json.dumps(told)))
        await process.caller.gates.spend(number, "stub_budget_spent", 1, 3600.0)
        for _ in range(70):
            await process.catching_up.go_on()
            await process.subscriptions.keep(process.topology.lines[number])
        assert not meter.calls
        fact = house.value("select value from fact where name = %s", owed)
        assert (fact["state"], fact["tries"], fact["problem"]["code"]) == ("owed", 0, "stub_budget_spent")
        subscription = house.value("select subscription from connection where id = %s", number)
        assert subscription["problem"] == {}  # of the webhook a limit says nothing
        meter.left = 100
        pass_time(house, seconds=3605)
        await process.look()
        await process.catching_up.go_on()
        assert house.value("select value->>'state' from fact where name = %s", owed) == "done"


async def test_one_live_call_is_tried_over_all_processes(house: House) -> None:
    async with asyncpg.create_pool(house.dsn, min_size=2, max_size=4) as pool:
        two = [Gates(pool), Gates(pool)]
        await two[0].load()
        await two[0].spend(1, "stub_budget_spent", 20, 3600.0)

        refused: list[tuple[str, float, bool]] = []

        async def passes(gates: Gates, *, bulk: bool) -> bool:
            try:
                await gates.pass_spent(1, bulk=bulk)
            except RetryError as error:
                refused.append((error.code, error.retry_after or 0, bulk))
                return False
            return True

        async def tried(*, bulk: bool = False) -> int:
            for one in two:
                await one.load()
            return sum(await asyncio.gather(*(passes(one, bulk=bulk) for one in two for _ in range(10))))

        assert await tried() == 0  # the refusal was the last try
        pass_time(house, seconds=gates_module.SPENT_TRY_SECONDS + 1)
        assert await tried(bulk=True) == 0
        assert await tried() == 1
        assert await tried() == 0
        pass_time(house, seconds=3600)
        assert await tried(bulk=True) == 20  # a new day
    assert {code for code, _, _ in refused} == {"stub_budget_spent"}
    assert all(0 < seconds <= (3600 if bulk else 300) for _, seconds, bulk in refused)
