"""What rules wrote is noted at whose record it is, behind the live path: once, whatever breaks meanwhile."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vaivem.connectors.sdk import Outcome, RecordRef
from vaivem.connectors.sdk.registry import get_connector
from vaivem.engine import control, people
from vaivem.engine.context import StepContext
from vaivem.engine.lane_keys import lane_key
from vaivem.engine.news import news_of
from vaivem.engine.noticing import Noticing
from vaivem.engine.people import Sight
from vaivem.engine.sending import Sending

from .chored import chores
from .conftest import House
from .inside import pass_time, working
from .test_control import act

OTHER = "otherotherotherotherother2"
NAMED = {"thing.name": {"from": "name"}, "thing.email": {"from": "email"}, "thing.record": {"from": "record"}}
PUT = {"id": "do", "kind": "action", "action": "put_shown", "fields": NAMED}
WAIT = {"id": "later", "kind": "wait", "for": {"days": 3}}


def known(house: House, conn: int) -> dict[str, Any]:
    """Return what is known of the one thing at a connection: values without their times."""
    [(fields,)] = house.rows("select fields from known_record where object = 'thing' and conn = %s", conn)
    return {key: value for key, (value, _at) in fields.items()}


async def noted(house: House) -> None:
    """Let half a minute go by, and have a round note what came and what was written."""
    pass_time(house, seconds=40)
    async with chores(house) as all_of_it:
        await Noticing(all_of_it.pool, all_of_it.topology, all_of_it.clock).run()


def at_other(house: House, *more: dict[str, Any], action: str = "put_shown") -> int:
    """Make a rule that writes at another account; return that."""
    other = house.connection(OTHER)
    house.rule("r", then=[{**PUT, "connection": other, "action": action}, *more])
    return other


async def happens(house: House, record: str = "r1", **thing: Any) -> None:
    """Have a thing tell of itself with all that it is."""
    told = {"id": record, "name": "Ana Lima", "email": "ana@lima.example", **thing}
    body = {"record": record, "delivery": record, **told, "thing": told}
    assert await house.send(json.dumps(body).encode()) == 200


async def test_what_a_rule_wrote_is_at_whom_it_is_about_with_its_run(house: House) -> None:
    other = at_other(house)
    async with working(house):
        await happens(house)
        await house.until(house.runs)
    await noted(house)
    assert known(house, other) == {
        "id": "r1", "name": "Ana Lima", "email": "ana@lima.example", "tag:here": "here",
    }  # fmt: skip
    [(run, event)] = house.rows("select id, event_id from run")
    [(run_id, wrote, told, told_by)] = house.rows(
        "select run_id, wrote, told, event_id from known_record where object = 'thing' and conn = %s", other
    )
    [(begun,)] = house.rows("select min(at) from step")
    assert (run_id, wrote, told_by) == (run, told, 0)
    assert abs(wrote - begun) < timedelta(milliseconds=1), "since the first of what it went by"
    assert house.rows("select name from person where merged is null") == [("Ana Lima",)], "one person"
    heard = house.rows("select count(*), count(distinct event_id), min(event_id) from heard")
    assert heard == [(2, 1, event)], "the event is in the person's story for either record"
    before = house.rows("select id, fields, told, wrote, run_id from known_record order by id")
    await noted(house)
    assert house.rows("select count(*) from news") == [(0,)]
    assert house.rows("select id, fields, told, wrote, run_id from known_record order by id") == before


async def test_several_recipients_have_each_their_own(house: House) -> None:
    other = at_other(house)
    async with working(house):
        await happens(house, "r1")
        await happens(house, "r2", name="Rui Prado", email="rui@prado.example")
        await house.until(lambda: len(house.runs()) == 2)
    await noted(house)
    rows = house.rows(
        "select p.name, array_agg(k.record order by k.conn) from person p join known_record k"
        " on k.ws = p.ws and k.person = p.id group by p.id, p.name order by p.name"
    )
    assert rows == [("Ana Lima", ["r1", "r1"]), ("Rui Prado", ["r2", "r2"])]
    assert house.rows("select count(*) from known_record where object = 'thing' and conn = %s", other) == [
        (2,)
    ]


async def test_what_is_kept_for_somebody_goes_with_them_and_is_nobody(house: House) -> None:
    other = at_other(house)
    async with working(house):
        await happens(house, "r1")
        await happens(house, "r2", name="Rui Prado", email="rui@prado.example")
        await house.until(lambda: len(house.runs()) == 2)
    await noted(house)
    rows = house.rows(
        "select n.record, n.kind, n.person, t.record, n.run_id > 0 from known_record n join known_record t"
        " on t.ws = n.ws and t.id = n.of_record where n.object = 'note' order by 1"
    )
    assert rows == [("of r1", "kept", None, "r1", True), ("of r2", "kept", None, "r2", True)]
    assert house.rows("select count(*) from person where merged is null") == [(2,)]
    with house.db() as db:
        db.execute("delete from known_record where conn = %s and record = 'r1'", (other,))
    assert house.rows("select record from known_record where object = 'note'") == [("of r2",)]


@pytest.mark.parametrize("first", ["vendor", "rule"])
async def test_newer_news_of_the_vendor_stays_whichever_is_noted_first(house: House, first: str) -> None:
    other = at_other(house)
    async with working(house):
        await happens(house)
        await house.until(house.runs)

    async def vendor_told() -> None:
        now = house.value("select vv_now()")
        async with chores(house) as all_of_it, all_of_it.pool.acquire() as db:
            newer = {"id": "r1", "name": "Ana Prado"}
            older = {"id": "r1", "name": "Ana", "city": "Recife"}
            for number, (data, ago) in enumerate(((newer, 0), (older, 3600)), 1):
                told = now - timedelta(seconds=ago)
                await people.note_record(db, 1, Sight(other, "thing", "r1", "person", data, told, number))

    pass_time(house, minutes=1)
    for part in (vendor_told, lambda: noted(house))[:: 1 if first == "vendor" else -1]:
        await part()
    assert known(house, other) == {
        "id": "r1", "name": "Ana Prado", "email": "ana@lima.example", "city": "Recife", "tag:here": "here",
    }  # fmt: skip
    [(run_id, wrote, told, event)] = house.rows(
        "select run_id, wrote, told, event_id from known_record where object = 'thing' and conn = %s", other
    )
    assert run_id == house.value("select id from run")
    assert wrote < told
    assert event == 2, "the one that came last"


async def test_what_was_written_before_a_wait_is_noted_while_it_lasts(house: House) -> None:
    other = at_other(house, WAIT)
    async with working(house):
        await happens(house)
        await house.until(lambda: house.rows("select 1 from pending where state = 'wait'"))
    assert house.runs() == []
    await noted(house)
    wrote = house.value("select wrote from known_record where object = 'thing' and conn = %s", other)
    pass_time(house, days=4)
    async with working(house):
        await house.until(house.runs)
    await noted(house)
    assert house.runs() == [(1, "")]
    assert (
        house.value("select wrote from known_record where object = 'thing' and conn = %s", other) == wrote
    ), "not written anew"


@pytest.mark.parametrize("kinds", [{"thing": "person"}, {}], ids=["people", "none"])
async def test_a_document_that_a_rule_made_is_at_its_recipients(
    house: House, monkeypatch: pytest.MonkeyPatch, kinds: dict[str, str]
) -> None:
    """Also at a signer's tool, which has no people of its own."""
    monkeypatch.setattr(type(get_connector("stub")), "kinds", kinds)
    other = at_other(house, action="draft")
    async with working(house):
        await happens(house)
        await house.until(house.runs)
    await noted(house)
    [(run, event)] = house.rows("select id, event_id from run")
    assert house.rows("select conn, document, name, sender, state, sent_at, run_id from document") == [
        (other, "d-1", "Contrato", "Rui", "draft", None, run)
    ]
    [(record,)] = house.rows("select record_id from document_recipient where state = 'draft' and ws = 1")
    assert house.rows("select conn, object, run_id, event_id from known_record where id = %s", record) == [
        (other, "recipient", run, 0)
    ]
    assert house.rows("select event_id from heard where record_id = %s", record) == [(event,)]
    assert house.rows("select name from person where merged is null") == [("Ana Lima",)], "one person"
    assert house.rows("select 1 from document_event") == []


async def test_a_document_that_could_not_be_finished_is_there_with_who_lacks_until_it_is_whole(
    house: House,
) -> None:
    house.vendor.fault = lambda method, _path, _nth: 422 if method == "PUT" else None
    at_other(house, action="half_draft")
    async with working(house):
        await happens(house)
        await house.until(house.runs)
        await noted(house)
        [(run, status, rule)] = house.rows("select id, status::int, rule from run")
        assert status == 2
        assert house.rows("select document, state, run_id from document") == [("d-1", "half", run)]
        people_of = "select recipient, state from document_recipient order by 1"
        assert house.rows(people_of) == [("a@y.example", "draft"), ("b@y.example", "half")]
        assert house.rows("select count(*) from known_record where fields ? 'lacking'") == [(0,)]
        house.vendor.fault = lambda *_: None
        assert act(house, control.retry_run, 1, run, lane_key(1, "thing", "r1", rule))
        await house.until_idle()
    await noted(house)
    assert house.rows("select document, state, run_id from document") == [("d-1", "draft", run)]
    assert house.rows(people_of) == [("a@y.example", "draft"), ("b@y.example", "draft")]
    assert len(house.vendor.notes) == 1


async def test_what_is_nobody_and_of_no_kind_is_not_noted(house: House) -> None:
    at_other(house, action="post_unsafe")
    async with working(house):
        await happens(house)
        await house.until(house.runs)
    assert house.rows("select count(*) from news") == [(0,)]


def test_each_record_is_as_new_as_the_first_call_after_its_own_claim() -> None:
    """Another run may write to the second while the first is settled."""
    times = [datetime(2026, 11, 20, 12, minute, tzinfo=UTC) for minute in range(6)]
    sending = Sending(*[cast("Any", None)] * 3, "do")
    sending.goes_by(times[0])
    for object_key, place in (("thing", 2), ("tag", 3), ("thing", 4)):
        sending.claims(object_key)
        sending.goes_by(times[place])
        sending.goes_by(times[place + 1])
    context = StepContext.__new__(StepContext)
    context._sending = sending
    connector = cast("Any", SimpleNamespace(kinds={"thing": "person"}))
    things = [{"id": one} for one in "ab"]

    def told(records: str) -> list[float]:
        outcome = Outcome(tuple(RecordRef("thing", one, "updated") for one in records), {"things": things})
        return [one["at"] for one in news_of(1, connector, outcome, context.since)]

    assert told("ab") == [times[2].timestamp(), times[4].timestamp()]
    assert told("b") == [times[0].timestamp()], "not one claim for each: since the first of all"


@pytest.mark.soak
@pytest.mark.crash
@pytest.mark.parametrize("point", ["call.after_send:2", "journal.after_outcome:1", "run.before_finish:1"])
async def test_it_is_noted_though_the_worker_dies(house: House, point: str) -> None:
    other = at_other(house)
    dying = house.worker(crash_at=point)
    await house.until(lambda: house.rows("select 1 from worker"))
    await happens(house)
    await house.until(lambda: dying.poll() is not None, 30)
    house.worker()
    await house.until(house.runs, 30)
    assert house.runs() == [(1, "")]
    await noted(house)
    assert known(house, other)["tag:here"] == "here"
    [(begun,)] = house.rows("select min(at) from step")
    [(wrote,)] = house.rows("select wrote from known_record where object = 'thing' and conn = %s", other)
    assert abs(wrote - begun) < timedelta(milliseconds=1), "since before it died"


async def test_an_older_write_that_is_noted_late_replaces_nothing(house: House) -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    async with chores(house) as all_of_it, all_of_it.pool.acquire() as db:
        for run, minutes in ((7, 5), (9, 1)):
            told = at + timedelta(minutes=minutes)
            sight = Sight(1, "thing", "r1", "person", {"name": f"n{minutes}"}, told, 0, run)
            await people.note_record(db, 1, sight)
    assert known(house, 1) == {"name": "n5"}
    assert house.rows("select run_id, wrote from known_record") == [(7, at + timedelta(minutes=5))]
