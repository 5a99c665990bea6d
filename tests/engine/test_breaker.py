"""The breaker: rules that run wild are held, nothing is lost, and a person lets them go on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from vaivem.engine import breaker, control
from vaivem.engine.breaker import Lately

from .conftest import HOOK, House
from .inside import pass_time, working

OTHER = "abcdefghijkmnpqrstuvwxyz33"
RECORD = {"thing.record": {"from": "record"}}


def _limits(house: House, changes: int = 20, runs: int = 1000000) -> None:
    with house.db() as db:
        db.execute("update workspace set record_changes = %s, busy_runs = %s", (changes, runs))


def _between(house: House, source: int, target: int, text: str) -> int:
    fields = {**RECORD, "thing.name": {"text": text}}
    step = {"id": "do", "kind": "action", "connection": target, "action": "put", "fields": fields}
    return house.rule("put", then=[step], when={"connection": source, "trigger": "thing_happened"})


def _held(house: House) -> list[tuple[Any, ...]]:
    return house.rows("select id, held->>'code', held->'params' from rule where held is not null order by id")


def _at_the_start_of_an_hour(house: House) -> None:
    """Go to the beginning of an hour to come, so that none ends within the test."""
    minute = house.value("select extract(minute from vv_now())::int")
    pass_time(house, hours=3, minutes=2 - minute)


async def _echo(house: House) -> None:
    """Be the vendor: what one side is told to be, it tells, and the other side hears of it."""
    heard = 0
    while True:
        for path, body in house.vendor.puts[heard:]:
            heard += 1
            hook = OTHER if body["name"] == "from one" else HOOK
            event = {"record": path.rpartition("/")[2], "name": body["name"], "delivery": f"echo{heard}"}
            await house.send(json.dumps(event).encode(), hook=hook)
        await asyncio.sleep(0.005)


async def test_two_rules_that_feed_each_other_are_stopped(house: House) -> None:
    """A few more than 20 each: what was in hand when the breaker looked."""
    _limits(house)
    second = house.connection(OTHER)
    rules = [_between(house, 1, second, "from one"), _between(house, second, 1, "from two")]
    async with working(house):
        echo = asyncio.create_task(_echo(house))
        try:
            await house.deliver(record="r9", name="a person's change", delivery="first")
            await house.until(lambda: _held(house))
            await asyncio.sleep(1.0)
            done = len(house.vendor.puts)
            await asyncio.sleep(1.0)
        finally:
            echo.cancel()
        assert len(house.vendor.puts) == done  # it is quiet
        assert 40 <= done <= 70
        (rule, code, params), *_ = _held(house)
        assert rule in rules
        assert code == "record_changed_too_often"
        assert params["record"] == "r9"
        assert params["most"] == 20
        assert 20 < params["times"] <= 35
        # Held, not dropped: the event that came back last waits.
        assert house.value("select count(*) from lane where state = 3") == 1
        assert house.value("select count(*) from audit_entry where action = 'rule.held'") == len(_held(house))


async def test_a_held_rule_goes_on_when_a_person_says_so(house: House) -> None:
    _limits(house)
    rule = house.rule("put")
    async with working(house):
        for number in range(60):
            await house.deliver(record="r1", name=number, delivery=f"d{number}")
            if number < 40:
                await asyncio.sleep(0.02)
        await house.until(lambda: _held(house))
        await house.until(lambda: house.value("select count(*) from lane where state = 2") == 0)
        before = len(house.vendor.puts)
        assert before < 60
        assert house.value("select count(*) from item") == 60 - before
        # With a higher limit of its own, it goes through what waited, in order, and is not held again.
        with house.db() as db, db.transaction(), db.cursor() as cursor:
            cursor.execute(
                "update rule set state = 'on', held = null, let_go = vv_now(), record_changes = 100"
                " where id = %s",
                (rule,),
            )
            control.let_rule_go_on(cursor, rule)
            control.resume_rule(cursor, rule)
        await house.until_idle()
        await asyncio.sleep(2.0)
        assert not _held(house)
    assert [int(body["name"]) for _, body in house.vendor.puts] == list(range(60))


async def test_a_rule_that_runs_far_more_than_ever_is_held(house: House) -> None:
    """Ten times the busiest hour of 14 days, and never under the limit."""
    _limits(house, runs=30)
    rule = house.rule("put")
    async with working(house):
        for number in range(5):
            await house.deliver(record=f"r{number}", name=number, delivery=f"a{number}")
        await house.until_idle()
        await asyncio.sleep(2.0)
        assert house.value("select runs from rule_hour where rule = %s", rule) == 5
        _at_the_start_of_an_hour(house)
        for number in range(49):  # over 30, but not over ten times five
            await house.deliver(record=f"s{number}", name=number, delivery=f"b{number}")
        await house.until_idle()
        await asyncio.sleep(2.0)
        assert not _held(house)
        for number in range(40):
            await house.deliver(record=f"t{number}", name=number, delivery=f"c{number}")
            await asyncio.sleep(0.05)
        await house.until(lambda: _held(house))
        assert _held(house)[0][1] == "rule_runs_too_often"
        assert _held(house)[0][2]["busiest"] == 5
        assert _held(house)[0][2]["most"] == 50


async def test_what_is_changed_seldom_or_by_many_rules_is_let_be(house: House) -> None:
    """Twenty times is allowed; and each rule is counted by itself, each record too."""
    _limits(house)
    house.rule("put"), house.rule("put")
    async with working(house):
        for number in range(20):
            for record in ("r1", "r2"):
                await house.deliver(record=record, name=number, delivery=f"{record}{number}")
        await house.until_idle()
        await asyncio.sleep(2.0)
        assert not _held(house)
    assert len(house.vendor.puts) == 80


async def test_changes_of_an_hour_ago_do_not_count(house: House) -> None:
    _limits(house)
    house.rule("put")
    async with working(house):
        for part in range(2):
            for number in range(15):
                await house.deliver(record="r1", name=number, delivery=f"{part}{number}")
            await house.until_idle()
            await asyncio.sleep(2.0)
            pass_time(house, minutes=61)
        assert not _held(house)


async def test_only_what_is_changed_again_is_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    often = breaker.Breaker._often

    async def noted(self: breaker.Breaker, changes: list[breaker.Change]) -> list[tuple[int, dict[str, Any]]]:
        asked.extend(record for *_, record in changes)
        return await often(self, changes)

    monkeypatch.setattr(breaker.Breaker, "_often", noted)
    monkeypatch.setattr(breaker, "LOOK_SECONDS", 0.1)
    house.rule("put")
    async with working(house):
        for number, record in enumerate(("r1", "r2", "r3", "r2")):
            await house.deliver(record=record, name=number, delivery=f"d{number}")
            await house.until_idle()
            await asyncio.sleep(0.3)
    assert asked == ["r2"]


def test_a_change_is_known_for_an_hour_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = iter((1.4, 2.3, 3.3, 4.2, 6.3))  # each within an hour of the one before, and then two later
    monkeypatch.setattr(breaker.time, "monotonic", lambda: next(hours, 7.0) * 3600.0)
    lately, change = Lately(), (1, 2, "3", "thing", "r1")
    assert [lately.knew(change) for _ in range(5)] == [False, True, True, True, False]
    others = [(1, 2, "3", "thing", f"s{number}") for number in range(1000)]
    assert sum(lately.knew(other) for other in others) < 10
