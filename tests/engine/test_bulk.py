"""Writes of the past in bulk: one call for many runs, each of which knows its own part, whatever breaks."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from vaivem.engine import bulk_batches, control
from vaivem.engine.bulk_batches import BulkBatches

from .chored import Chored, chores, hooked
from .conftest import House
from .inside import pass_time, working
from .repeating import repeated
from .test_backfills import all_of_it, asked, started, switched_on
from .test_catching_up import HOOKED, happened

FIELDS = {f"thing.{part}": {"from": part} for part in ("name", "email", "record")}
BRING = {"id": "bring", "kind": "action", "connection": 1, "action": "bring_person", "fields": FIELDS}
WAITING = "select count(*) from pending where state = 'doubt' and code = 'waits_for_bulk'"
ROWS = "select name, write, done, code, count(*)::int from step group by 1, 2, 3, 4 order by 1, 2, 3, 4"
LEFT = """
select 'claim' from claim union all select 'intent' from intent union all select 'pending' from pending
union all select 'item' from item union all select 'lane' from lane union all select 'batch' from bulk_batch
"""
Record = dict[str, Any]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for others, or to look."""
    monkeypatch.setattr(bulk_batches, "GATHER_SECONDS", 1.0)
    monkeypatch.setattr(bulk_batches, "QUIET_SECONDS", 1.0)
    monkeypatch.setattr(bulk_batches, "FIRST_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(bulk_batches, "IDLE_SECONDS", 0.1)


class Office:
    """Where the vendor works imports: when somebody asks how far they are, unless it is `closed`."""

    def __init__(self, house: House) -> None:
        self._vendor = house.vendor
        self._vendor.door = self.door
        self.closed = False
        self.left: set[str] = set()  # addresses that it does not take
        self.answers: list[tuple[int, Record]] = []  # in place of taking an import, one after the other

    def door(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Any, Record] | None:
        if path == "/imports" and method == "POST" and self.answers:
            return (*self.answers.pop(0), {})
        if path == "/imports" and method == "GET" and not self.closed:
            self.work()
        return None

    def work(self) -> None:
        for one in self._vendor.imports:
            if "made" not in one:
                taken = [record for record in one["records"] if record["email"] not in self.left]
                one["made"] = {record["email"]: self._take(record) for record in taken} or {"": None}

    def _take(self, record: Record) -> Record:
        people = self._vendor.people
        known = next((row for row in people if row["email"] == record["email"]), None)
        if known is None:
            known = {"id": len(people) + 1}
            people.append(known)
        known.update(record)
        return {"id": str(known["id"])}


@asynccontextmanager
async def past_of(house: House, *emails: str, then: Sequence[Record] = (BRING,)) -> AsyncIterator[Chored]:
    """Have the past of a rule in its lanes: one event for each address."""
    rule = switched_on(house, hooked(house, HOOKED), list(then))
    for place, email in enumerate(emails):
        told = {"delivery": f"d{place}", "record": f"r{place}", "name": f"n{place}", "email": email}
        happened(house, 60 * 24 * 2 + place, **told)
    asked(house, rule, 3)
    async with chores(house) as chored:
        await all_of_it(chored, house)
        started(house)
        await all_of_it(chored, house)
        house.vendor.calls.clear()
        yield chored


def emails(many: int) -> list[str]:
    return [f"p{number}@x.example" for number in range(many)]


def is_whole(house: House, many: int) -> None:
    """Each person is there once with what the event said, each run done, and nothing left behind."""
    assert sorted(one["email"] for one in house.vendor.people) == emails(many)
    assert {one["name"] for one in house.vendor.people} == {f"n{place}" for place in range(many)}
    assert len(house.vendor.keyed) == many
    assert house.runs() == [(1, "")] * many, house.state()
    assert house.rows(LEFT) == [], house.state()
    assert house.value("select count(*) from bulk_write where told is null or record <> ''") == 0


async def wake(house: House) -> None:
    with house.db() as db:
        db.execute("update lane set due = vv_now() where state = 1")
        db.execute("update bulk_batch set look = vv_now()")
        db.execute("notify vv_lanes")


async def test_what_came_together_goes_in_calls_of_the_vendors_size(house: House) -> None:
    Office(house)
    async with past_of(house, *emails(7)), working(house):
        await house.until_idle()
    is_whole(house, 7)
    assert [len(one["records"]) for one in house.vendor.imports] == [4, 3]
    assert house.vendor.calls["GET people"] == 7, "each looks once, not again when it goes on"
    assert house.vendor.calls["POST people"] == 0
    rows = house.rows("select request, response, method, url, code from step where name = 'people.import'")
    assert {json.loads(row[0])["records"][0]["email"] for row in rows} == set(emails(7))
    assert all(len(json.loads(row[0])["records"]) == 1 and json.loads(row[1])["id"] for row in rows)
    assert {row[2:] for row in rows} == {("POST", f"{house.vendor.url}/imports", "written_together")}


async def test_a_live_event_and_a_repeat_of_the_past_write_by_themselves(house: House) -> None:
    Office(house)
    house.rule("bring_person")
    async with past_of(house, "p1@x.example"), working(house):
        await house.deliver(name="n0", email="p0@x.example")
        await house.until_idle()
        assert [one["records"][0]["email"] for one in house.vendor.imports] == ["p1@x.example"]
        house.vendor.people.clear()
        await repeated(house, where="true")
    assert sorted(one["email"] for one in house.vendor.people) == emails(2)
    assert len(house.vendor.imports) == 1


async def test_what_a_run_writes_after_it_is_in_no_doubt(house: House) -> None:
    Office(house)
    noted = {**BRING, "action": "bring_noted"}
    async with past_of(house, *emails(2), then=[noted]), working(house):
        await house.until_idle()
    assert house.runs() == [(1, "")] * 2
    assert (len(house.vendor.people), len(house.vendor.notes)) == (2, 2)
    assert house.value("select count(*) from decision") == 0


async def test_the_runs_hold_what_they_claimed_while_they_wait(house: House) -> None:
    office = Office(house)
    office.closed = True
    live = house.rule("bring_person")
    async with past_of(house, *emails(2)), working(house):
        await house.until(lambda: house.value(WAITING) == 2 and house.vendor.imports)
        assert house.value("select count(*) from claim") == 2
        await house.deliver(name="newer", email="p0@x.example", record="r77")
        await house.until(lambda: house.value("select count(*) from pending where state = 'claim'") == 1)
        office.closed = False
        await house.until_idle()
    named = {one["email"]: one["name"] for one in house.vendor.people}
    assert named == {"p0@x.example": "newer", "p1@x.example": "n1"}
    assert house.value("select count(*) from run where rule = %s and status = 1", live) == 1


async def test_who_is_in_every_event_goes_in_bulk_once(house: House) -> None:
    Office(house)
    async with past_of(house, *["p0@x.example"] * 5), working(house):
        await house.until_idle()
    assert [len(one["records"]) for one in house.vendor.imports] == [1]
    assert len(house.vendor.people) == 1
    assert house.runs() == [(1, "")] * 5
    assert house.vendor.calls["PUT people"] == 4
    async with chores(house) as chored:
        await BulkBatches(chored.desk).forget()
    assert house.value("select count(*) from bulk_write") == 0


async def test_what_the_vendor_leaves_out_its_run_writes(house: House) -> None:
    office = Office(house)
    office.left = {"p1@x.example"}
    async with past_of(house, *emails(3)), working(house):
        await house.until_idle()
    is_whole(house, 3)
    assert house.vendor.calls["POST people"] == 1
    assert ("people.import", False, True, "bulk_left_out", 1) in house.rows(ROWS)


@pytest.mark.parametrize("refused", [[], [1, 2]])
async def test_a_call_that_is_refused_is_left_to_those_it_names_or_to_all(
    house: House, refused: list[int]
) -> None:
    office = Office(house)
    office.answers = [(422, {"refused": refused})]
    async with past_of(house, *emails(4)), working(house):
        await house.until_idle()
    is_whole(house, 4)
    assert house.vendor.calls["POST people"] == (len(refused) or 4)
    assert [len(one["records"]) for one in house.vendor.imports] == ([2] if refused else [])


async def test_an_answer_without_a_name_or_sense_is_left_to_the_runs(house: House) -> None:
    office = Office(house)
    office.answers = [(200, {"ok": True}), (200, {"id": "no such one"})]
    async with past_of(house, *emails(8)), working(house):
        await house.until_idle()
    is_whole(house, 8)
    assert house.vendor.calls["POST people"] == 8


async def test_an_answer_that_is_lost_is_asked_for_again(house: House) -> None:
    Office(house)
    house.vendor.fault = lambda method, path, nth: (
        "lost" if method == "POST" and path == "/imports" and nth < 3 else None
    )
    async with past_of(house, *emails(3)), working(house):
        await house.until_idle()
    is_whole(house, 3)
    assert house.vendor.calls["POST imports"] == 3


async def test_it_waits_for_a_person_who_reconnects(house: House) -> None:
    office = Office(house)
    office.answers = [(401, {})] * 100
    async with past_of(house, *emails(2)), working(house):
        await house.until(lambda: house.value("select count(*) from bulk_batch where tries > 0") == 1)
        assert house.value("select state from gate where conn = 1") == 2
        await wake(house)
        await asyncio.sleep(1)
        assert (house.vendor.imports, house.value(WAITING)) == ([], 2)
        assert house.vendor.calls["POST imports"] < 5, "a held connection is not called"
        office.answers.clear()
        with house.db() as db, db.cursor() as cursor:
            control.open_gate(cursor, 1)
        await house.until_idle()
    is_whole(house, 2)
    assert len(house.vendor.imports) == 1


async def test_what_takes_longer_than_a_day_is_left_to_the_runs(house: House) -> None:
    office = Office(house)
    office.closed = True
    async with past_of(house, *emails(2)), working(house):
        await house.until(lambda: house.vendor.imports)
        pass_time(house, hours=25)
        await wake(house)
        await house.until_idle()
    is_whole(house, 2)
    assert house.vendor.calls["POST people"] == 2


async def test_what_a_person_ended_is_not_written(house: House) -> None:
    Office(house)
    house.vendor.fault = lambda method, path, nth: 503 if path == "/imports" else None
    async with past_of(house, *emails(3)), working(house):
        await house.until(lambda: house.value("select count(*) from bulk_batch where tries > 0") == 1)
        ended = house.value("select run_id from bulk_write where run_id = (select min(run_id) from item)")
        with house.db() as db, db.cursor() as cursor:
            assert control.cancel_run(cursor, 1, ended)
        house.vendor.fault = lambda method, path, nth: None
        with house.db() as db, db.cursor() as cursor:
            control.open_gate(cursor, 1)
        await house.until(lambda: house.value("select count(*) from item") == 2)
        await wake(house)
        await house.until_idle()
    assert [len(one["records"]) for one in house.vendor.imports] == [2]
    assert len(house.vendor.people) == 2
    assert house.value("select count(*) from bulk_batch") == 0


@pytest.mark.crash
async def test_a_worker_that_dies_before_it_hears_the_answer_leaves_it_to_another(house: House) -> None:
    office = Office(house)
    async with past_of(house, *emails(2)):
        dying = house.worker()

        def door(method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
            if (method, path) == ("POST", "/imports") and dying.poll() is None:
                house.kill(dying)
            return office.door(method, path, headers, body)

        house.vendor.door = door
        await house.until(lambda: house.value(WAITING) == 2)
        pass_time(house, seconds=11)
        await house.until(lambda: dying.poll() is not None and house.vendor.imports)
        pass_time(house, seconds=bulk_batches.HOLD_SECONDS)
        async with working(house):
            await house.until_idle()
    is_whole(house, 2)
    assert [len(one["records"]) for one in house.vendor.imports] == [2, 2]


async def _held(seconds: float) -> None:
    """Have the lease, always."""


def _points(*names: str) -> list[Any]:
    """Return crash points; the first is looked at each time. What is batched may come by once only."""
    return [names[0], *(pytest.param(name, marks=pytest.mark.soak) for name in names[1:])]


ON_THE_WAY = ("journal.before_outcome:2", "journal.after_outcome:2", "call.after_send:3")


@pytest.mark.crash
@pytest.mark.parametrize(
    "point",
    _points(
        "run.after_park:1",
        "run.before_park:1",
        "journal.before_intent:1",
        "journal.after_intent:1",
        *ON_THE_WAY,
    ),
)
async def test_a_kill_on_the_way_into_it(house: House, point: str) -> None:
    Office(house)
    async with past_of(house, *emails(5)):
        dying = house.worker(crash_at=point)
        await house.until(lambda: dying.poll() is not None)
        async with working(house):
            await house.until_idle()
    is_whole(house, 5)
    assert house.vendor.calls["POST people"] == 0


@pytest.mark.crash
@pytest.mark.parametrize("point", _points(*ON_THE_WAY, "lanes.after_claim:1", "run.before_finish:1"))
async def test_a_kill_on_the_way_out_of_it(house: House, point: str) -> None:
    office = Office(house)
    office.closed = True
    async with past_of(house, *emails(5)) as chored:
        async with working(house):
            await house.until(lambda: house.value(WAITING) == 5 and len(house.vendor.imports) == 2)
        office.closed = False
        desk: Any = chored.desk
        desk.look_at_lease = _held
        await wake(house)
        batches = BulkBatches(chored.desk)
        await batches.step()
        await asyncio.gather(*batches._under_way)
        assert house.value("select count(*) from bulk_write where told is not null") == 5
        dying = house.worker(crash_at=point)
        await house.until(lambda: dying.poll() is not None)
        async with working(house):
            await house.until_idle()
    is_whole(house, 5)
    assert house.vendor.calls["GET people"] == 5
    assert Counter(house.rows("select count(*) from step where name = 'people.import' group by run_id")) == {
        (1,): 5
    }
