"""What a rule's step read of somebody is known from then on: as read and not as written, where it is news."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vaivem.connectors.sdk.registry import get_connector
from vaivem.engine import people
from vaivem.engine.journal import Journal, Outcome
from vaivem.engine.people import Sight

from .chored import chores
from .conftest import House
from .inside import pass_time, working
from .test_news import OTHER, WAIT, happens, known, noted

LOOK = {
    "id": "look", "kind": "find", "action": "find_thing", "missing": "continue",
    "fields": {"thing.name": {"from": "name"}},
}  # fmt: skip
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def looks_at_other(house: House, *more: dict[str, Any]) -> int:
    """Make a rule that looks somebody up at another account; return that."""
    other = house.connection(OTHER)
    house.rule("r", then=[one | ({"connection": other} if "action" in one else {}) for one in (LOOK, *more)])
    return other


def is_at_other(house: House, **thing: Any) -> None:
    """Have the other account hold Ana, and nothing else."""
    told = {"id": 7, "name": "Ana Lima", "email": "ana@lima.example", "city": "Recife", **thing}
    house.vendor.things[:] = [told]


async def runs(house: House, record: str) -> int:
    """Have a thing happen, and what is read for it noted; return the run."""
    before = len(house.runs())
    async with working(house):
        await happens(house, record)
        await house.until(lambda: len(house.runs()) > before)
    assert house.runs()[-1][0] == 1
    await noted(house)
    return int(house.value("select max(id) from run"))


def by_rules(house: House, conn: int) -> tuple[Any, ...]:
    """Return in which run the record was written, in which read, and when."""
    [row] = house.rows(
        "select wrote, run_id, read_run_id, read from known_record where object = 'thing' and conn = %s", conn
    )
    return tuple(row)


async def test_what_a_rule_read_is_at_whom_it_is_about_as_read(house: House) -> None:
    other = looks_at_other(house)
    is_at_other(house, tags=["cliente"])
    run = await runs(house, "r1")
    assert known(house, other) == {
        "id": "7", "name": "Ana Lima", "email": "ana@lima.example", "city": "Recife", "tags": ["cliente"],
    }  # fmt: skip
    wrote, wrote_in, read_in, read = by_rules(house, other)
    assert (wrote, wrote_in, read_in) == (None, 0, run), "read, not written"
    assert abs(read - house.value("select min(at) from step")) < timedelta(milliseconds=1)
    assert house.rows("select name from person where merged is null") == [("Ana Lima",)], "one person"
    assert house.rows("select count(*), count(distinct event_id) from heard") == [(2, 1)]
    assert house.value("select records from run") == [], "a run's records are what it wrote"


async def test_what_is_known_already_is_no_news(house: House) -> None:
    other = looks_at_other(house)
    is_at_other(house, tags=["cliente", "vip"])
    first = await runs(house, "r1")
    is_at_other(house, tags=["VIP", "cliente"], updated_at="2026-11-29T12:00:00Z")
    again = await runs(house, "r2")
    assert by_rules(house, other)[2] == first, "the same tags in another order, and a time of the vendor's"
    heard = "select count(*) from heard h join known_record r on r.ws = h.ws and r.id = h.record_id"
    assert house.rows(f"{heard} where r.conn = %s", other) == [(1,)]
    is_at_other(house, tags=["cliente", "vip"], city="Olinda")
    moved = await runs(house, "r3")
    assert first < again < moved
    assert by_rules(house, other)[:3] == (None, 0, moved)
    assert house.rows(f"{heard} where r.conn = %s", other) == [(2,)]
    is_at_other(house, tags=["cliente"], city="Olinda")
    assert by_rules(house, other)[2] < await runs(house, "r4") == by_rules(house, other)[2], "a tag is gone"


async def test_nobody_found_is_no_news(house: House) -> None:
    other = looks_at_other(house)
    house.vendor.things[:] = []
    await runs(house, "r1")
    assert house.rows("select 1 from known_record where conn = %s", other) == []


async def test_what_was_read_and_then_written_in_one_run_is_both(house: House) -> None:
    fields = {"thing.name": {"from": "name"}, "thing.email": {"from": "email"}}
    record = {"thing.record": {"from": "steps.look.id"}}
    put = {"id": "do", "kind": "action", "action": "put_shown", "fields": {**fields, **record}}
    other = looks_at_other(house, put)
    is_at_other(house, email="old@lima.example")
    run = await runs(house, "r1")
    assert known(house, other) == {
        "id": "7", "name": "Ana Lima", "email": "ana@lima.example", "city": "Recife", "tag:here": "here",
    }  # fmt: skip
    wrote, wrote_in, read_in, read = by_rules(house, other)
    assert (wrote_in, read_in) == (run, run)
    assert read < wrote


async def test_what_was_read_before_a_wait_is_read_once(house: House) -> None:
    other = looks_at_other(house, WAIT)
    is_at_other(house)
    async with working(house):
        await happens(house)
        await house.until(lambda: house.rows("select 1 from pending where state = 'wait'"))
    await noted(house)
    told = by_rules(house, other)
    assert told[2] == house.value("select run_id from item")
    pass_time(house, days=4)
    async with working(house):
        await house.until(house.runs)
    await noted(house)
    assert by_rules(house, other) == told, "told once more at the end, and no news then"


@pytest.mark.parametrize("kinds", [{"thing": "person"}, {}], ids=["people", "none"])
async def test_it_costs_a_run_no_statement(
    house: House, monkeypatch: pytest.MonkeyPatch, kinds: Mapping[str, str]
) -> None:
    written: list[Outcome] = []
    write = Journal.write

    async def counted(journal: Journal, op: Outcome) -> bool:
        written.append(op)
        return await write(journal, op)

    monkeypatch.setattr(Journal, "write", counted)
    monkeypatch.setattr(type(get_connector("stub")), "kinds", kinds)
    looks_at_other(house)
    is_at_other(house)
    async with working(house):
        await happens(house)
        await house.until(house.runs)
    [op] = written
    assert op.finish is not None
    assert (op.news is not None) == bool(kinds)


async def test_an_older_read_that_is_noted_late_is_no_news(house: House) -> None:
    async with chores(house) as all_of_it, all_of_it.pool.acquire() as db:

        async def read(run: int, minute: int, **thing: Any) -> bool:
            told = AT + timedelta(minutes=minute)
            return (await people.note_read(db, 1, Sight(1, "thing", "r1", "person", thing, told, 0), run))[1]

        assert await read(9, 5, name="Ana", city="Olinda")
        assert not await read(7, 1, name="Ana", city="Recife")
        assert await read(8, 2, phone="1133334444"), "of this the later one said nothing"
        assert not await read(9, 5, name="Ana", city="Olinda"), "told again"
    assert house.rows("select read_run_id, read from known_record") == [(9, AT + timedelta(minutes=5))]
