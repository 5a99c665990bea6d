"""Runs of the past, repeated with the rule of today: nothing twice, in order, whatever is killed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .conftest import House
from .inside import pass_time, put, working
from .mail import Mail
from .repeating import ask, ended, looked_at, parts, publish, repeated, start, state, stop


def step(key: str, action: str, name: str = "name", **more: Any) -> dict[str, Any]:
    return {**put(key, name), "action": action, **more}


def refusing(house: House) -> None:
    """Let the vendor refuse things that are called bad."""
    house.vendor.door = lambda method, path, headers, body: (
        (422, {"error": "bad"}, {}) if b"bad" in body and path.startswith("/things") else None
    )


async def test_a_failed_run_is_repeated_with_the_corrected_rule(house: House) -> None:
    refusing(house)
    rule = house.rule("put", then=[step("do", "put", "text:bad")])
    async with working(house):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
        publish(house, rule, [step("do", "put", "text:good")])
        replay = await repeated(house)
    assert parts(house, replay) == [(7, "")]
    assert [(path, body["name"]) for path, body in house.vendor.puts] == [("/things/r1", "good")]
    old, new = house.rows("select id, status, version, replay_of, replayed_by from run order by id")
    assert (old[1:4], new[1:3]) == ((2, 1, None), (1, 2))
    assert old[4] == new[0]
    assert new[3] == old[0]
    for table in ("item", "lane", "intent", "claim", "pending"):
        assert house.value(f"select count(*) from {table}") == 0  # noqa: S608


async def test_what_was_added_is_not_added_again_unless_ticked(house: House) -> None:
    refusing(house)
    note, bad = step("note", "post_unsafe"), step("do", "put", "text:bad")
    rule = house.rule("put", then=[note, bad])
    async with working(house):
        await house.deliver(delivery="d1", name="Ana")
        await house.until(house.runs)
        publish(house, rule, [note, step("do", "put", "text:good {{ steps.note.id }}")])
        await repeated(house)
        assert [row["name"] for row in house.vendor.notes] == ["Ana"]
        assert house.vendor.puts[-1][1]["name"] == "good 1"  # the note's id, as it was
        codes = "select step.code from step join run on run_id = id where replay_of is not null order by n"
        assert house.rows(codes) == [("done_before",), ("",)]
        await repeated(house, f"{rule}:note", where="replay_of is not null")
    assert [row["name"] for row in house.vendor.notes] == ["Ana", "Ana"]


async def test_what_was_made_is_brought_up_to_date_and_what_was_added_is_left_out(house: House) -> None:
    def then(names: str) -> list[dict[str, Any]]:
        actions = {"kept": "keep_note", "deal": "keep_linked", "note": "post_unsafe"}
        return [step(key, action, f"text:{names} {key}") for key, action in actions.items()]

    rule = house.rule("put", then=then("old"))
    vendor = house.vendor
    async with working(house):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
        for number, ticked in enumerate(([], [], [f"{rule}:note"])):
            publish(house, rule, then(f"new{number}"))
            await repeated(house, *ticked, where="replayed_by is null")
            written = [(path, body["name"]) for path, body in vendor.puts[-2:]]
            kept, deal = vendor.notes[0]["id"], vendor.things[0]["id"]
            assert written == [
                (f"/notes/{kept}", f"new{number} kept"),
                (f"/things/{deal}", f"new{number} deal"),
            ]
            assert len(vendor.puts) == 2 * (number + 1)
            assert len(vendor.things) == 1, "the deal was made again"
            assert len(vendor.notes) == (3 if ticked else 2)
    assert [row["name"] for row in vendor.notes[1:]] == ["old note", "new2 note"]
    assert [status for status, _ in house.runs()] == [1, 1, 1, 1]


async def test_a_replay_of_a_replay_knows_what_the_first_one_did(house: House) -> None:
    refusing(house)
    note, bad = step("note", "post_unsafe"), step("do", "put", "text:bad")
    rule = house.rule("put", then=[note, bad])
    async with working(house):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
        await repeated(house)
        publish(house, rule, [note, step("do", "put", "text:good")])
        await repeated(house)
    assert [status for status, _ in house.runs()] == [2, 2, 1]
    assert len(house.vendor.notes) == 1


async def test_what_was_made_is_found_and_not_made_again(house: House) -> None:
    refusing(house)
    made, bad = step("made", "post_found", "name"), step("do", "put", "text:bad")
    rule = house.rule("put", then=[made, bad])
    async with working(house):
        await house.deliver(delivery="d1", name="Ana")
        await house.until(house.runs)
        publish(house, rule, [made, step("do", "put", "text:good")])
        await repeated(house)
    assert [row["name"] for row in house.vendor.things] == ["Ana"]
    assert house.value("select records->0->>'did' from run where replay_of is not null") == "kept"


async def test_a_letter_goes_out_once(house: House, mail: Mail) -> None:
    refusing(house)
    letter = {
        "id": "mail", "kind": "email", "to": {"value": "a@b.example"}, "subject": {"value": "Hello"},
        "body": {"value": "x"},
    }  # fmt: skip
    rule = house.rule("put", then=[letter, step("do", "put", "text:bad")])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
        publish(house, rule, [letter, step("do", "put", "text:good")])
        await repeated(house)
        assert len(mail.letters) == 1
        await repeated(house, f"{rule}:mail", where="replay_of is not null")
    assert len(mail.letters) == 2


async def test_a_wait_that_is_over_is_not_waited_again(house: House) -> None:
    refusing(house)
    pause = {"id": "pause", "kind": "wait", "for": {"days": 1}}
    rule = house.rule("put", then=[pause, step("do", "put", "text:bad")])
    async with working(house):
        await house.deliver(delivery="d1")
        await house.until(lambda: house.rows("select 1 from pending where state = 'wait'"))
        pass_time(house, days=1.1)
        await house.until(house.runs)
        publish(house, rule, [pause, step("do", "put", "text:good")])
        await repeated(house)
    assert [body["name"] for _, body in house.vendor.puts] == ["good"]


async def test_what_would_come_of_it_is_said_before(house: House) -> None:
    fields = {"thing.name": {"from": "name"}, "thing.record": {"from": "record"}}
    rule = house.rule("put", then=[{**put("do"), "fields": fields}], **only("bad"))
    house.vendor.fault = lambda method, path, nth: 422
    async with working(house) as worker:
        for number, name in enumerate(("bad", "bad 2", "bad 3")):
            await house.deliver(delivery=f"d{number}", record=f"r{number}", name=name)
        await house.until(lambda: len(house.runs()) == 3)
        publish(house, rule, [put("do")], **only("bad 2"))
        replay = ask(house)
        await looked_at(house, replay)
        assert parts(house, replay) == [(3, "filtered"), (1, ""), (3, "filtered")]
        before = house.vendor.calls.total()
        publish(house, rule, [put("do")])
        await house.until(lambda: worker._topology.rules[rule].version == 3)
        assert await start(house, replay)
        await ended(house, replay)
    assert house.vendor.calls.total() == before  # not as it was looked at: nothing is done
    assert parts(house, replay)[1] == (4, "rule_changed_since")


def only(name: str) -> dict[str, Any]:
    return {"if": {"all": [{"field": "name", "is": "contains", "value": name}]}}


async def test_an_older_event_does_not_overwrite_a_newer_one(house: House) -> None:
    refusing(house)
    house.rule("put", then=[put("do")])
    async with working(house):
        for number, name in enumerate(("bad", "good", "bad other")):
            await house.deliver(delivery=f"d{number}", record="r1" if number < 2 else "r2", name=name)
        await house.until(lambda: len(house.runs()) == 3)
        house.vendor.door = lambda *_: None
        replay = await repeated(house)
        assert sorted(parts(house, replay)) == [(5, "newer_event_done"), (7, "")]
        assert [body["name"] for path, body in house.vendor.puts if path == "/things/r1"] == ["good"]
        await repeated(house, older=True)
    assert [body["name"] for path, body in house.vendor.puts if path == "/things/r1"] == ["good", "bad"]


async def test_an_older_event_does_not_pass_a_newer_one_that_waits(house: House) -> None:
    refusing(house)
    rule = house.rule("put", then=[put("do")])
    async with working(house):
        await house.deliver(delivery="d1", name="bad")
        await house.until(house.runs)
        replay = ask(house)
        await looked_at(house, replay)
        with house.db() as db:
            db.execute("update rule set state = 'paused' where id = %s", (rule,))
        await house.until(lambda: house.app._topology.rules[rule].paused)
        await house.deliver(delivery="d2", name="good")
        assert await start(house, replay)
        await ended(house, replay)
    assert parts(house, replay) == [(5, "newer_event_done")]


async def test_runs_of_one_record_are_repeated_in_their_order(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 422
    house.rule("put")
    async with working(house):
        for number in range(30):
            await house.deliver(delivery=f"d{number}", record=f"r{number % 3}", name=str(number))
        await house.until(lambda: len(house.runs()) == 30)
        house.vendor.fault = lambda method, path, nth: None
        await repeated(house)
    for record in range(3):
        names = [int(body["name"]) for path, body in house.vendor.puts if path == f"/things/r{record}"]
        assert names == list(range(record, 30, 3))


async def test_one_run_is_repeated_by_one_replay_only(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 422 if nth <= 20 else None
    house.rule("post_unsafe")
    async with working(house):
        for number in range(20):
            await house.deliver(delivery=f"d{number}", record=f"r{number}", name=str(number))
        await house.until(lambda: len(house.runs()) == 20)
        first, second = ask(house), ask(house)
        await looked_at(house, first)
        await looked_at(house, second)
        assert await start(house, first)
        assert await start(house, second)
        assert not await start(house, second)
        await ended(house, first)
        await ended(house, second)
    assert sorted(row["name"] for row in house.vendor.notes) == sorted(str(number) for number in range(20))
    assert {state for state, _ in parts(house, first) + parts(house, second)} == {7, 10}


async def test_a_stopped_replay_does_no_more(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 422
    house.rule("post_unsafe")
    async with working(house):
        for number in range(40):
            await house.deliver(delivery=f"d{number}", record=f"r{number}", name=str(number))
        await house.until(lambda: len(house.runs()) == 40)
        house.vendor.fault = lambda method, path, nth: 0.3
        replay = ask(house)
        await looked_at(house, replay)
        assert await start(house, replay)
        await house.until(lambda: house.vendor.notes)
        assert await stop(house, replay)
        await ended(house, replay)
        done = len(house.vendor.notes)
        assert state(house, replay) == 5
        await asyncio.sleep(1)
        assert len(house.vendor.notes) == done
        assert sorted({code for part, code in parts(house, replay) if part == 10}) in (
            [], ["replay_was_stopped"],
        )  # fmt: skip
        house.vendor.fault = lambda method, path, nth: None
        await repeated(house)  # what was left out can be asked for again
    assert sorted(int(row["name"]) for row in house.vendor.notes) == list(range(40))


async def test_a_replay_that_is_not_begun_is_dropped(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 422
    house.rule("put")
    async with working(house):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
        replay = ask(house)
        await looked_at(house, replay)
        assert await stop(house, replay)
        assert not await start(house, replay)
    assert state(house, replay) == 5


async def test_a_thing_that_is_started_once_is_repeated_all_the_same(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 422
    house.rule("put", when={"connection": 1, "trigger": "thing_once"})
    async with working(house):
        await house.deliver(delivery="d1", name="x")
        await house.until(house.runs)
        await repeated(house)
        house.vendor.fault = lambda method, path, nth: None
        await repeated(house)
        await house.deliver(delivery="d2", name="x")
        await house.until_idle()
    assert house.runs() == [(2, "record_refused"), (2, "record_refused"), (1, ""), (3, "already_started")]


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("lanes.after_claim:5", marks=pytest.mark.soak),
        "journal.after_outcome:3",
        "call.after_send:12",
        pytest.param("run.before_finish:7", marks=pytest.mark.soak),
    ],
)
async def test_a_killed_worker_doubles_nothing(house: House, point: str) -> None:
    house.vendor.fault = lambda method, path, nth: 422
    house.rule("post_keyed")
    async with working(house):
        for number in range(60):
            await house.deliver(delivery=f"d{number}", record=f"r{number}", name=str(number))
        await house.until(lambda: len(house.runs()) == 60)
        replay = ask(house)
        await looked_at(house, replay)
    house.vendor.fault = lambda method, path, nth: None
    first = house.worker(crash_at=point)
    assert await start(house, replay)
    await house.until(lambda: first.poll() is not None)
    house.worker()
    await ended(house, replay)
    await house.until_idle()
    assert len(house.vendor.keyed) == 60
    assert {part for part, _ in parts(house, replay)} == {7}
    assert house.value("select count(*) from run where replay_of is not null") == 60


async def test_what_cannot_be_repeated_says_why(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 422
    rule = house.rule("put")
    async with working(house) as worker:
        for number in range(2):
            await house.deliver(delivery=f"d{number}", record=f"r{number}")
        await house.until(lambda: len(house.runs()) == 2)
        with house.db() as db:
            db.execute("delete from event where id = (select min(id) from event)")
        gone = ask(house)
        await looked_at(house, gone)
        with house.db() as db:
            db.execute("update rule set state = 'removed' where id = %s", (rule,))
        await house.until(lambda: rule not in worker._topology.rules)
        off = ask(house)
        await looked_at(house, off)
    assert parts(house, gone) == [(4, "event_is_gone"), (1, "")]
    assert parts(house, off) == [(4, "event_is_gone"), (4, "rule_is_off")]
