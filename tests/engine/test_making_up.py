"""The past brought in once more: what is in stays, what was left out is made up for, nothing is doubled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vaivem.connectors.sdk import Delivery
from vaivem.core.compiler import compile_rule
from vaivem.core.rules import parse_rule
from vaivem.engine.backfills import Backfills
from vaivem.engine.control import answer_decision, retry_run

from .chored import chores, hooked
from .conftest import House, StubCatalog
from .inside import pass_time, put, working
from .mail import Mail
from .test_backfills import all_of_it, asked, started
from .test_catching_up import HOOKED, happened
from .test_letters import letter, subjects

DAY = 60 * 24


def was(house: House, days: int, record: str) -> None:
    """Let something have happened so many days ago."""
    more = {"record": record, "name": f"n{days}", "email": "ana@example.com"}
    happened(house, DAY * days, delivery=f"d{days}", **more)


def mailed(name: str = "Assinado: {{ name }}") -> dict[str, Any]:
    return letter(id="mail", subject={"text": name})


def note(step: str = "note") -> dict[str, Any]:
    fields = {"thing.name": {"from": "name"}}
    return {"id": step, "kind": "action", "connection": 1, "action": "note_once", "fields": fields}


def rule_with(house: House, *then: Any, trigger: str = "thing_once") -> int:
    """Return a rule that was switched on an hour ago, for what a vendor with a list of its past tells."""
    when = {"connection": hooked(house, HOOKED), "trigger": trigger}
    rule = house.rule("put", when=when, then=list(then))
    with house.db() as db:
        db.execute("update rule set on_since = vv_now() - interval '1 h' where id = %s", (rule,))
    return rule


def edited(house: House, rule: int, *then: Any) -> None:
    """Publish another version of a rule."""
    definition = house.value("select definition from rule_version where rule_id = %s and number = 1", rule)
    definition["then"] = list(then)
    compiled = json.dumps(compile_rule(parse_rule(definition), StubCatalog()).to_dict())
    with house.db() as db:
        db.execute(
            "insert into rule_version (rule_id, number, definition, compiled, created)"
            " values (%s, 2, %s, %s, now())",
            (rule, json.dumps(definition), compiled),
        )
        db.execute("update rule set version = 2 where id = %s", (rule,))


async def looked(house: House, rule: int) -> dict[str, Any]:
    """Look at the past of a rule; return what was counted."""
    with house.db() as db:
        db.execute("update backfill set state = 4 where state < 3")
    asked(house, rule)
    async with chores(house) as chored:
        await all_of_it(chored, house)
    return last(house)


def last(house: House) -> dict[str, Any]:
    counts: dict[str, Any] = house.value("select counts from backfill order by id desc limit 1")
    return counts


async def brought_in(house: House, mail: Mail, rule: int, *steps: str) -> dict[str, Any]:
    """Look, then bring in with these steps ticked, by a worker; return what was counted at last."""
    await looked(house, rule)
    started(house, *steps)
    with house.db() as db:
        db.execute("update backfill set counts = '{}' where state = 2")
    async with working(house, smtp_url=mail.url):
        await house.until(lambda: not house.rows("select 1 from backfill where state = 2"))
        await house.until_idle()
    return last(house)


def left_out(house: House) -> list[list[str]]:
    """Return the steps that each run says it left out."""
    rows = house.rows("select params->'notes' from run order by id")
    return [
        [one["params"]["step"] for one in notes or [] if one["code"] == "past_left_out"] for (notes,) in rows
    ]


@pytest.mark.parametrize("trigger", ["thing_once", "thing_happened"])
async def test_what_was_left_out_is_made_up_for_once(house: House, mail: Mail, trigger: str) -> None:
    rule = rule_with(house, put("one"), mailed(), note(), trigger=trigger)
    for day in (3, 2):
        was(house, day, f"r{day}")
    assert (await brought_in(house, mail, rule))["taken"] == 2
    assert (left_out(house), mail.letters) == ([["mail", "note"]] * 2, [])
    found = await looked(house, rule)
    assert (found["events"], found["known"], found["left_out"]) == (2, 2, {"mail": 2, "note": 2})
    assert "by_step" not in found, "nothing new would be written"

    done = await brought_in(house, mail, rule, "mail")
    assert (done.get("taken", 0), done["made_up"], done.get("known", 0)) == (0, 2, 0)
    assert subjects(mail) == ["Assinado: n3", "Assinado: n2"]
    assert left_out(house) == [["note"]] * 2
    assert house.runs() == [(1, "")] * 2, "the same runs went on"
    assert len(house.vendor.puts) == 2, "what had been done was not done again"
    assert house.vendor.notes == []

    again = await brought_in(house, mail, rule, "mail")
    assert (again.get("made_up", 0), again["known"]) == (0, 2)
    both = await brought_in(house, mail, rule, "mail", "note")
    assert both["made_up"] == 2
    assert (len(mail.letters), [one["name"] for one in house.vendor.notes]) == (2, ["n3", "n2"])
    assert (len(house.vendor.puts), house.value("select count(*) from run")) == (2, 2)
    assert (await looked(house, rule))["left_out"] == {}


async def test_it_is_done_as_the_rule_has_it_today_and_no_other_step_is(house: House, mail: Mail) -> None:
    rule = rule_with(house, put("one"), mailed())
    was(house, 1, "r1")
    await brought_in(house, mail, rule)
    edited(house, rule, put("one", "text:other"), put("new", "text:new"), mailed("Hoje: {{ name }}"), note())
    assert (await looked(house, rule))["left_out"] == {"mail": 1}, "the note was no step of it then"
    await brought_in(house, mail, rule, "mail", "note")
    assert subjects(mail) == ["Hoje: n1"]
    assert [body["name"] for _, body in house.vendor.puts] == ["n1"]
    assert house.vendor.notes == []


async def test_a_step_that_is_another_by_now_is_not_made_up_for(house: House, mail: Mail) -> None:
    rule = rule_with(house, put("one"), mailed())
    was(house, 1, "r1")
    await brought_in(house, mail, rule)
    edited(house, rule, put("one"), note("mail"))
    assert (await looked(house, rule))["left_out"] == {}
    assert (await brought_in(house, mail, rule, "mail"))["known"] == 1
    assert (mail.letters, house.vendor.notes) == ([], [])


async def test_what_happened_live_is_left_as_it_is(house: House, mail: Mail) -> None:
    rule = rule_with(house, put("one"), mailed())
    was(house, 1, "r1")
    async with chores(house) as chored, working(house, smtp_url=mail.url):
        line = chored.topology.lines[house.value("select max(id) from connection")]
        webhooks = line.connector.webhooks
        assert webhooks is not None
        delivery = Delivery("POST", "", "", {}, json.dumps(house.vendor.missed[0]).encode())
        await chored.desk.intake.take(line, delivery, webhooks.parse(delivery, line.connection))
        await house.until(house.runs)
    assert len(mail.letters) == 1
    found = await looked(house, rule)
    assert (found["known"], found["left_out"]) == (1, {})
    assert (await brought_in(house, mail, rule, "mail"))["known"] == 1
    assert (len(mail.letters), house.value("select count(*) from run")) == (1, 1)


async def test_history_that_is_about_to_go_is_not_opened_again(house: House, mail: Mail) -> None:
    rule = rule_with(house, put("one"), mailed())
    was(house, 1, "r1")
    await brought_in(house, mail, rule)
    with house.db() as db:  # its steps may be gone already: without them all would be done again
        db.execute("update workspace set retention_days = 1")
    assert (await looked(house, rule))["left_out"] == {}
    assert (await brought_in(house, mail, rule, "mail"))["known"] == 1
    assert mail.letters == []


async def test_a_record_keeps_its_order(house: House, mail: Mail) -> None:
    rule = rule_with(house, put("one"), mailed(), trigger="thing_happened")
    for day in (5, 4, 3):
        was(house, day, "r")
    await brought_in(house, mail, rule)
    was(house, 2, "r")
    done = await brought_in(house, mail, rule, "mail")
    assert (done["taken"], done["made_up"]) == (1, 3)
    assert subjects(mail) == [f"Assinado: n{day}" for day in (5, 4, 3, 2)]


async def test_a_step_before_those_that_are_done_is_tried_again(house: House, mail: Mail) -> None:
    """Its refused read stands before the last write of before, and must not be taken for a final answer."""
    rule = rule_with(house, note(), put("one"))
    was(house, 1, "r1")
    await brought_in(house, mail, rule)
    await looked(house, rule)
    started(house, "note")
    house.vendor.fault = lambda method, path, nth: 503 if (method, path) == ("GET", "/things") else None
    async with working(house, smtp_url=mail.url):
        await house.until(lambda: house.rows("select 1 from pending where state = 'retry'"))
        assert house.vendor.notes == []
        house.vendor.fault = lambda method, path, nth: None
        pass_time(house, minutes=5)
        await house.until_idle()
    assert house.runs() == [(1, "")]
    assert (len(house.vendor.notes), len(house.vendor.puts)) == (1, 1)


async def test_a_read_before_a_wait_is_made_again(house: House, mail: Mail) -> None:
    rule = rule_with(house, note(), put("one"))
    was(house, 1, "r1")
    await brought_in(house, mail, rule)
    await looked(house, rule)
    started(house, "note")
    house.vendor.fault = lambda method, path, nth: 429 if (method, path) == ("POST", "/notes") else None
    async with working(house, smtp_url=mail.url):
        await house.until(lambda: house.rows("select 1 from pending"))
        seen = house.vendor.calls["GET things"]
        house.vendor.fault = lambda method, path, nth: None
        pass_time(house, hours=1)
        await house.until_idle()
    assert house.vendor.calls["GET things"] > seen, "what it saw may have changed meanwhile"
    assert (len(house.vendor.notes), len(house.vendor.puts)) == (1, 1)


async def test_a_run_that_waits_or_has_failed_is_left_alone(house: House, mail: Mail) -> None:
    rule = rule_with(house, mailed(), {**note("asks"), "action": "post_unsafe"}, put("one"))
    was(house, 3, "r3")
    was(house, 2, "r2")
    lost = iter(["lost"])
    house.vendor.fault = lambda method, path, nth: (
        next(lost, 422) if (method, path) == ("POST", "/notes") else None
    )
    await looked(house, rule)
    started(house)
    async with working(house, smtp_url=mail.url):
        await house.until(lambda: house.rows("select 1 from pending where state = 'decision'"))
        await house.until(lambda: house.runs() == [(2, "vendor_refused")] or len(house.runs()) == 1)
        await house.until(lambda: not house.rows("select 1 from backfill where state = 2"))
    assert [status for status, _ in house.runs()] == [2]
    found = await looked(house, rule)
    assert (found["known"], found["failed"], found["left_out"]) == (2, 1, {})
    started(house, "mail")
    with house.db() as db:
        db.execute("update backfill set counts = '{}' where state = 2")
    async with working(house, smtp_url=mail.url):
        await house.until(lambda: not house.rows("select 1 from backfill where state = 2"))
        assert (last(house)["known"], last(house)["waits"], last(house).get("made_up")) == (2, 1, None)
        house.vendor.fault = lambda method, path, nth: None
        (number,) = house.rows("select id from decision where answer is null")[0]
        (failed,) = house.rows("select id from run")[0]
        with house.db() as db, db.transaction(), db.cursor() as cursor:
            assert answer_decision(cursor, 1, number, {"choice": "done"}, 1)
            assert retry_run(cursor, 1, failed)
        await house.until(lambda: house.runs() == [(1, "")] * 2)
        await house.until_idle()
    assert (len(house.vendor.notes), len(mail.letters)) == (2, 0)
    assert (await brought_in(house, mail, rule, "mail"))["made_up"] == 2
    assert (len(house.vendor.notes), len(mail.letters), len(house.vendor.puts)) == (2, 2, 2)


async def test_what_is_on_its_way_is_waited_for(house: House, mail: Mail) -> None:
    rule = rule_with(house, put("one"), mailed())
    was(house, 1, "r1")
    await looked(house, rule)
    started(house)
    async with chores(house) as chored:
        await all_of_it(chored, house)  # in its lane, with nobody at work
    await looked(house, rule)
    calls = house.vendor.calls["GET missed"]
    started(house, "mail")
    async with chores(house) as chored:
        assert not await Backfills(chored.desk, chored.desk.intake).step()
    assert house.vendor.calls["GET missed"] == calls, "nor is the vendor asked meanwhile"
    async with working(house, smtp_url=mail.url):
        await house.until(lambda: not house.rows("select 1 from backfill where state = 2"))
        await house.until_idle()
    assert (len(mail.letters), len(house.vendor.puts), len(house.runs())) == (1, 1, 1)


@pytest.mark.crash
@pytest.mark.parametrize(
    "point", ["call.before_send", "call.after_send", "journal.after_outcome", "run.before_finish"]
)
async def test_killed_while_it_makes_up_nothing_is_doubled(house: House, mail: Mail, point: str) -> None:
    rule = rule_with(house, note(), put("one"), note("other"))
    for day in (4, 3, 2):
        was(house, day, f"r{day}")
    await brought_in(house, mail, rule)
    assert await looked(house, rule)
    started(house, "note")
    house.worker(crash_at=point)
    await house.until(lambda: house.workers[0].poll() is not None)
    house.worker()
    await house.until(
        lambda: (
            not house.rows("select 1 from backfill where state = 2")
            and not house.rows("select 1 from item i where not exists"
                               " (select from pending p where p.lane = i.lane and p.state = 'decision')")
        )
    )  # fmt: skip
    asks = [number for (number,) in house.rows("select id from decision where answer is null")]
    there = [one["name"] for one in house.vendor.notes]
    assert len(there) == len(set(there)), "one at most for each"
    with house.db() as db, db.cursor() as cursor:
        for number in asks:
            (doubted,) = house.rows("select question->>'sent' from decision where id = %s", number)[0]
            done = json.loads(doubted)["name"] in there
            answer_decision(cursor, 1, number, {"choice": "done" if done else "do"}, 1)
    await house.until_idle()
    assert sorted(one["name"] for one in house.vendor.notes) == ["n2", "n3", "n4"]
    assert len(house.vendor.puts) == 3
    assert (house.runs(), left_out(house)) == ([(1, "")] * 3, [["other"]] * 3)


async def test_an_event_of_a_delivery_with_others_is_worked_as_what_it_is(house: House, mail: Mail) -> None:
    """A rule takes the second event of a delivery, and not the first."""
    rule = rule_with(house, put("one"), trigger="thing_happened")
    parts = [{"kind": "edit", "record": "r0", "name": "not this"}, {"record": "r1", "name": "this"}]
    happened(house, DAY, parts=parts)
    assert (await brought_in(house, mail, rule))["taken"] == 1
    assert [body["name"] for _, body in house.vendor.puts] == ["this"]
