"""What people do to runs and rules from outside: each act once, and no lane left standing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from vaivem.engine import control
from vaivem.engine.statements import statement

from .conftest import House
from .inside import pass_time, put, working

IN_HAND = "select count(*) from lane where state in (1, 2)"


def act(house: House, deed: Callable[..., Any], *arguments: Any) -> Any:
    """Do one of the deeds of `control` in a transaction of its own."""
    with house.db() as db, db.transaction(), db.cursor() as cursor:
        return deed(cursor, *arguments)


def pause(house: House, rule: int) -> None:
    with house.db() as db, db.transaction(), db.cursor() as cursor:
        cursor.execute("update rule set state = 'paused' where id = %s", (rule,))
        control.pause_rule(cursor, rule)


def resume(house: House, rule: int) -> None:
    with house.db() as db, db.transaction(), db.cursor() as cursor:
        cursor.execute("update rule set state = 'on' where id = %s", (rule,))
        control.resume_rule(cursor, rule)


def written(house: House, record: str) -> list[int]:
    return [int(body["name"]) for path, body in house.vendor.puts if path == f"/things/{record}"]


async def parked(house: House, state: str) -> int:
    """Wait until a run is parked like that; return its id."""
    await house.until(lambda: house.rows("select 1 from pending where state = %s", state))
    await house.until(lambda: house.value("select count(*) from lane where state = 2") == 0)
    return int(house.value("select run_id from pending where state = %s", state))


async def test_a_rule_pauses_and_goes_on_under_load(house: House) -> None:
    rule = house.rule("put")
    async with working(house):
        for number in range(120):
            if number == 40:
                pause(house, rule)
                await house.until(lambda: not house.value(IN_HAND))  # what was in hand ends
                done = len(house.vendor.puts)
            if number == 80:
                await asyncio.sleep(0.3)
                assert len(house.vendor.puts) == done
                resume(house, rule)
            assert await house.deliver(record=f"r{number % 4}", delivery=f"d{number}", name=number) == 200
        await house.until_idle()
    for record in range(4):
        assert written(house, f"r{record}") == list(range(record, 120, 4))


async def test_pausing_and_resuming_in_quick_turns_leaves_no_lane_behind(house: House) -> None:
    rule = house.rule("put")
    async with working(house):
        for turn in range(12):
            deliveries = [house.deliver(record=f"r{n}", delivery=f"{turn}-{n}", name=turn) for n in range(20)]
            pausing = asyncio.to_thread(pause, house, rule)
            await asyncio.gather(*deliveries, pausing)
            await asyncio.to_thread(resume, house, rule)
        await house.until_idle(10)
    assert len(house.runs()) == 240
    for record in range(20):
        assert written(house, f"r{record}") == list(range(12))


async def test_a_worker_that_missed_the_resume_asks_before_it_pauses(house: House) -> None:
    rule = house.rule("put")
    async with working(house) as worker:
        pause(house, rule)
        await house.until(lambda: worker._topology.rules[rule].paused)
        await house.deliver(delivery="d1", name=1)
        await house.until(lambda: house.value("select count(*) from lane where state = 3") == 1)
        with house.db() as db:
            db.execute("alter table rule disable trigger user")
        resume(house, rule)
        await house.until_idle(5)
        assert worker._topology.rules[rule].paused
    assert house.runs() == [(1, "")]


async def test_retry_now_does_not_wait_for_the_pause(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 503 if nth == 1 else None
    house.rule("put")
    async with working(house):
        await house.deliver(delivery="d1", name=1)
        await house.until(lambda: house.rows("select 1 from pending"))
        await house.until(lambda: house.value("select count(*) from lane where state = 2") == 0)
        with house.db() as db:
            db.execute("update lane set due = now() + interval '1 hour'")
        run = house.value("select run_id from pending")
        assert act(house, control.retry_now, 1, run)
        await house.until_idle(3)
        assert not act(house, control.retry_now, 1, run)
    assert house.runs() == [(1, "")]


async def test_a_failed_run_goes_on_after_its_last_durable_write(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 422 if path.startswith("/keyed") and nth == 1 else None
    house.rule("person_and_deal")
    async with working(house):
        await house.deliver(delivery="d1", name="Ana")
        await house.until(house.runs)
        assert house.runs()[0][0] == 2
        before = dict(house.vendor.calls)
        run = house.value("select id from run")
        assert act(house, control.retry_run, 1, run)
        assert not act(house, control.retry_run, 1, run)
        await house.until(house.runs)
        await house.until_idle()
    assert house.runs() == [(1, "")]
    assert before == {"GET people": 1, "POST people": 1, "POST keyed": 1}
    assert house.vendor.calls == {"GET people": 1, "POST people": 1, "POST keyed": 2}
    assert len(house.vendor.people) == len(house.vendor.keyed) == 1
    assert house.value("select records->0->>'did' from run") == "created"


async def test_a_failed_run_goes_on_after_a_wait_without_waiting_again(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 422 if nth == 2 else None
    pause_step = {"id": "pause", "kind": "wait", "for": {"days": 1}}
    house.rule("put", then=[put("first", "text:1"), pause_step, put("second", "text:2")])
    async with working(house):
        await house.deliver(delivery="d1")
        await parked(house, "wait")
        pass_time(house, days=1.1)
        await house.until(house.runs)
        assert house.runs()[0][0] == 2
        act(house, control.retry_run, 1, house.value("select id from run"))
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
    assert written(house, "r1") == [1, 2]


async def test_only_a_failed_run_can_be_retried(house: House) -> None:
    house.rule("put")
    async with working(house):
        await house.deliver(delivery="d1", name=1)
        await house.until(house.runs)
        assert not act(house, control.retry_run, 1, house.value("select id from run"))
        assert not act(house, control.retry_run, 2, house.value("select id from run"))
        assert not act(house, control.cancel_run, 1, house.value("select id from run"))


async def test_a_cancelled_run_lets_its_keys_and_its_lane_go(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: "lost" if method == "POST" and nth == 1 else None
    with house.db() as db:
        db.execute("update connection set settings = settings || '{\"settle_seconds\": 3600}'")
    house.rule("post_found")
    async with working(house):
        await house.deliver(delivery="d1", record="r1", name="one")
        run = await parked(house, "doubt")
        await house.deliver(delivery="d2", record="r1", name="two")
        await house.deliver(delivery="d3", record="r2", name="one")
        await house.until(lambda: house.rows("select 1 from pending where state = 'claim'"))
        assert house.value("select count(*) from claim") == 1
        assert act(house, control.cancel_run, 1, run)
        assert not act(house, control.cancel_run, 1, run)
        await house.until_idle()
    assert sorted(house.runs()) == [(1, ""), (1, ""), (4, "stopped_by_person")]
    assert sorted(thing["name"] for thing in house.vendor.things) == ["one", "two"]
    for table in ("claim", "intent", "pending", "item"):
        assert house.value(f"select count(*) from {table}") == 0  # noqa: S608


async def test_a_decision_is_answered_once(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: "lost" if nth == 1 else None
    house.rule("post_unsafe")
    async with working(house):
        await house.deliver(delivery="d1")
        await parked(house, "decision")
        decision = house.value("select id from decision")
        assert not act(house, control.answer_decision, 2, decision, {"choice": "done"}, 1)
        first, second = await asyncio.gather(
            asyncio.to_thread(act, house, control.answer_decision, 1, decision, {"choice": "done"}, 1),
            asyncio.to_thread(act, house, control.answer_decision, 1, decision, {"choice": "do"}, 2),
        )
        assert [first, second].count(True) == 1
        kept = house.value("select answer->>'choice' from decision")
        assert kept == ("done" if first else "do")
        await house.until(house.runs)
    assert len(house.vendor.notes) == (1 if first else 2)


async def test_a_cancelled_question_is_answered_for_good(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: "lost" if nth == 1 else None
    house.rule("post_unsafe")
    async with working(house):
        await house.deliver(delivery="d1")
        run = await parked(house, "decision")
        decision = house.value("select id from decision")
        assert act(house, control.cancel_run, 1, run)
        assert not act(house, control.answer_decision, 1, decision, {"choice": "do"}, 1)
        await house.until_idle()
    assert house.runs() == [(4, "stopped_by_person")]
    assert len(house.vendor.notes) == 1


async def test_a_removed_rule_stops_what_waits(house: House) -> None:
    rule = house.rule("put")
    other = house.rule("post_keyed")
    pause(house, rule)
    async with working(house) as worker:
        await house.until(lambda: worker._topology.rules[rule].paused)
        for number in range(10):
            await house.deliver(record=f"r{number % 3}", delivery=f"d{number}", name=number)
        await house.until(lambda: len(house.runs()) == 10)
        with house.db() as db, db.transaction(), db.cursor() as cursor:
            cursor.execute("update rule set state = 'removed' where id = %s", (rule,))
            control.drop_rule_work(cursor, rule)
        await house.until_idle()
    stopped = house.rows("select rule, status, code, count(*) from run group by 1, 2, 3 order by 1")
    assert stopped == [(rule, 4, "rule_was_removed", 10), (other, 1, "", 10)]
    assert not house.vendor.puts
    assert house.value("select count(*) from item") == 0


async def test_what_arrives_while_a_rule_is_removed_is_stopped_too(house: House) -> None:
    rule = house.rule("put")
    await house.deliver(delivery="d1", name=1)
    with house.db() as db, db.cursor() as cursor:
        cursor.execute("update rule set state = 'removed' where id = %s", (rule,))
        # A delivery that knows the rule still, committed after the work was dropped.
        cursor.execute("create temp table late as select * from item")
        control.drop_rule_work(cursor, rule)
        cursor.execute("delete from run")
        cursor.execute("insert into item select * from late")
    async with working(house):
        await house.until_idle()
    assert house.runs() == [(4, "rule_was_removed")]
    assert not house.vendor.puts


async def test_what_waits_for_a_removed_connection_ends_and_says_so(house: House) -> None:
    """Held back by a paused rule, or by a question: it could only fail, and does not wait for ever."""
    rule, other = house.rule("put"), house.rule("post_unsafe")
    house.vendor.fault = lambda method, path, nth: "lost" if path == "/notes" and nth == 1 else None
    async with working(house) as worker:
        await house.deliver(delivery="d0", name=0)
        await parked(house, "decision")
        pause(house, rule)
        await house.until(lambda: worker._topology.rules[rule].paused)
        await house.until(lambda: len(house.runs()) == 1)
        for number in (1, 2):
            await house.deliver(delivery=f"d{number}", name=number)  # of the record that waits already
        with house.db() as db, db.transaction(), db.cursor() as cursor:
            cursor.execute("update rule set state = 'paused'")
            cursor.execute("update connection set state = 'removed', removed = now() where id = 1")
        # A worker that has not heard of it yet would still send what comes free.
        await house.until(lambda: 1 not in worker._topology.lines)
        with house.db() as db, db.transaction(), db.cursor() as cursor:
            control.leave_connection(cursor, 1, 1)
        await house.until_idle()
    ended = house.rows("select rule, status, code, count(*) from run group by 1, 2, 3 order by 1, 2")
    assert (rule, 1, "", 1) in ended
    assert [row for row in ended if row[1:3] == (2, "connection_is_gone")] == [
        (rule, 2, "connection_is_gone", 2),
        (other, 2, "connection_is_gone", 3),
    ]
    assert house.value("select count(*) from decision where answer is null") == 0
    for table in ("item", "intent", "claim", "pending"):
        assert house.value(f"select count(*) from {table}") == 0  # noqa: S608


async def test_a_question_asked_while_its_connection_was_removed_is_over_within_a_round(house: House) -> None:
    house.rule("post_unsafe")
    house.vendor.fault = lambda method, path, nth: "lost" if path == "/notes" and nth == 1 else None
    async with working(house) as worker:
        await house.deliver(delivery="d0", name=0)
        await parked(house, "decision")
        with house.db() as db:  # whoever removed it saw no question yet
            db.execute("update connection set state = 'removed', removed = now() where id = 1")
        await house.until(lambda: 1 not in worker._topology.lines)
        with house.db() as db:  # the round of every minute
            db.execute(statement("chores", "end_questions"))
            db.execute(statement("chores", "wake_answered"))
            db.execute("notify vv_lanes")
        await house.until_idle()
    assert house.rows("select status, code from run") == [(2, "connection_is_gone")]
    assert house.value("select count(*) from decision where answer is null") == 0


async def test_a_rejected_delivery_is_read_again_after_a_fix(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.rule("put")
    body = json.dumps({"id": "r1", "name": 5}).encode()
    assert await house.send(body) == 200
    ((number, code),) = house.rows("select id, code from rejected")
    assert code == "delivery_unreadable"
    async with working(house):
        assert act(house, control.retake_rejected, 1, number)
        await house.until(lambda: house.value("select count(*) from pgqueuer") == 0)
        assert house.rows("select state, code from rejected") == [(0, "delivery_unreadable")]
        mended = type(
            "Mended", (), {"loads": staticmethod(lambda text: json.loads(text.replace(b'"id"', b'"record"')))}
        )
        monkeypatch.setattr("vaivem.connectors.stub.connector.json", mended)
        assert act(house, control.retake_rejected, 1, number)
        await house.until(house.runs)
        await house.until(lambda: house.value("select state from rejected") == 1)
        assert not act(house, control.retake_rejected, 1, number)
        assert not act(house, control.dismiss_rejected, 1, number)
    assert written(house, "r1") == [5]


async def test_a_rejected_delivery_can_be_dismissed_once(house: House) -> None:
    await house.send(b"not json")
    number = house.value("select id from rejected")
    assert not act(house, control.dismiss_rejected, 2, number)
    assert act(house, control.dismiss_rejected, 1, number)
    assert not act(house, control.dismiss_rejected, 1, number)
    assert not act(house, control.retake_rejected, 1, number)


async def test_what_is_not_authentic_is_never_taken_again(house: House) -> None:
    await house.send(b"{}", x_key="wrong")
    number = house.value("select id from rejected")
    assert not act(house, control.retake_rejected, 1, number)
    assert act(house, control.dismiss_rejected, 1, number)


async def test_a_chore_that_is_asked_for_is_served_by_its_notice(house: House) -> None:
    await house.send(b"not json")
    number = house.value("select id from rejected")
    async with working(house):
        await asyncio.sleep(0.5)
        for _ in range(2):
            act(house, control.wake_chore, "retake_rejected", {"ws": 1, "id": number})
            await house.until(
                lambda: house.value("select count(*) from pgqueuer") == 0, 15
            )  # a queue looks by itself twice a minute
