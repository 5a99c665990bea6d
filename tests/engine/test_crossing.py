"""Those who wait in a rule go on in its new version, where a person says so: what was done stays done."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from vaivem.core.compiler import compile_rule
from vaivem.core.rules import parse_rule
from vaivem.engine import control

from .conftest import House, StubCatalog
from .inside import pass_time, put, time_passes, working
from .test_waits import wait, written

HOUR = {"for": {"hours": 1}}
WHEN = {"connection": 1, "trigger": "thing_happened"}


def waiting(house: House) -> list[tuple[Any, ...]]:
    """Return the steps that runs wait at, each in the lane of its wait."""
    return house.rows(
        "select p.params->>'step' from pending p"
        " join lane l on l.ws = p.ws and l.key = p.lane and l.state = 1"
        " where p.state = 'wait' order by p.run_id"
    )


def publish(house: House, rule: int, *then: Any) -> int:
    """Publish another version; return its number."""
    definition = {"title": "t", "when": WHEN, "then": list(then)}
    compiled = compile_rule(parse_rule(definition), StubCatalog()).to_dict()
    with house.db() as db, db.transaction():
        row = db.execute(
            "insert into rule_version (rule_id, number, definition, compiled, created)"
            " select %s, max(number) + 1, %s, %s, now() from rule_version where rule_id = %s"
            " returning number",
            (rule, json.dumps(definition), json.dumps(compiled), rule),
        ).fetchone()
        number = int(row[0]) if row else 0
        db.execute("update rule set version = %s where id = %s", (number, rule))
    return number


def move(house: House, rule: int, step: str, before: int, version: int, run: int | None = None) -> int:
    """Let those who wait at a step go on in another version."""
    with house.db() as db, db.transaction(), db.cursor() as cursor:
        return control.cross(cursor, 1, control.Crossing(rule, step, before, version, 1, "Ana", run))


async def test_who_waits_goes_on_in_the_new_version_and_repeats_nothing(house: House) -> None:
    rule = house.rule("put", then=[put("one", "text:old 1"), wait("pause", **HOUR), put("two", "text:old 2")])
    async with working(house):
        await house.deliver(delivery="d1", record="r1")
        await house.until(lambda: waiting(house))
        new = [wait("pause", **HOUR), put("two", "text:new 2"), put("three", "text:new 3")]
        publish(house, rule, put("added", "text:not done"), *new)
        assert move(house, rule, "pause", 1, 2) == 1
        pass_time(house, hours=1.1)
        await house.until_idle()
    assert written(house) == ["old 1", "new 2", "new 3"]
    assert house.rows("select version, status from run") == [(2, 1)]
    [(told,)] = house.rows("select convert_from(response, 'UTF8')::json from step where name = 'crossed'")
    assert told == {"step": "pause", "from": 1, "to": 2, "by": "Ana"}


async def test_who_is_not_moved_finishes_the_version_it_began_with(house: House) -> None:
    rule = house.rule("put", then=[wait("pause", **HOUR), put("two", "text:old")])
    async with working(house):
        for number in range(3):
            await house.deliver(delivery=f"d{number}", record=f"r{number}")
        await house.until(lambda: len(waiting(house)) == 3)
        publish(house, rule, wait("pause", **HOUR), put("two", "text:new"))
        run = house.value("select max(run_id) from pending")
        assert move(house, rule, "another", 1, 2) == 0
        assert move(house, rule, "pause", 1, 2, run=run) == 1
        assert move(house, rule, "pause", 1, 2, run=run) == 0
        pass_time(house, hours=1.1)
        await house.until_idle()
    assert sorted(written(house)) == ["new", "old", "old"]


async def test_a_run_crosses_over_again_and_again(house: House) -> None:
    rule = house.rule("put", then=[put("a", "text:a1"), wait("w1", **HOUR), put("b", "text:b1")])
    async with working(house) as worker:
        await house.deliver(delivery="d1", record="r1")
        await house.until(lambda: waiting(house))
        # Twice at the same step: the last one counts. In a branch it is the same step.
        publish(house, rule, wait("w1", **HOUR), put("b", "text:b2"))
        assert move(house, rule, "w1", 1, 2) == 1
        no = {"all": [{"field": "name", "is": "equals", "value": "no"}]}
        way = {"id": "q", "kind": "branch", "if": no, "then": [wait("w1", **HOUR), put("b", "text:b3")]}
        later = wait("w2", **{"for": {"days": 9}})
        publish(house, rule, way, put("c", "text:c3"), later, put("d", "text:d3"))
        assert move(house, rule, "w1", 2, 3) == 1
        await time_passes(house, worker, hours=1.1)
        await house.until(lambda: waiting(house) == [("w2",)])
        assert written(house) == ["a1", "b3", "c3"]
        publish(house, rule, wait("w2", **HOUR), wait("w1", **{"for": {"days": 18}}), put("d", "text:d4"))
        assert move(house, rule, "w2", 3, 4) == 1
        await time_passes(house, worker, days=9.1)
        await house.until(lambda: waiting(house) == [("w1",)])
        pass_time(house, days=19)
        await house.until_idle()
    assert written(house) == ["a1", "b3", "c3", "d4"]
    assert house.rows("select version, status from run") == [(4, 1)]


async def test_a_wait_for_an_event_ends_as_it_began_and_the_new_version_reads_it(house: House) -> None:
    awaits = {"id": "w", "kind": "await", "connection": 1, "trigger": "thing_happened", "for": {"days": 3}}
    rule = house.rule("put", then=[awaits, put("b", "text:old")])
    async with working(house):
        await house.deliver(delivery="d1", record="r1", name="first")
        await house.until(lambda: waiting(house))
        publish(house, rule, awaits, put("b", "text:{{ steps.w.name }} {{ steps.w.happened }}"))
        assert move(house, rule, "w", 1, 2) == 1
        await house.deliver(delivery="d2", record="r1", name="second")
        await house.until(lambda: house.runs() == [(1, "")])
    assert written(house) == ["second true"]


async def test_what_failed_after_a_crossing_is_retried_in_the_new_version(house: House) -> None:
    rule = house.rule("put", then=[put("a", "text:a1"), wait("w", **HOUR), put("b", "text:b1")])
    async with working(house):
        await house.deliver(delivery="d1", record="r1")
        await house.until(lambda: waiting(house))
        publish(house, rule, wait("w", **HOUR), put("b", "text:b2"), put("c", "text:c2"))
        assert move(house, rule, "w", 1, 2) == 1
        house.vendor.fault = lambda method, path, nth: 422 if nth == 3 else None
        pass_time(house, hours=1.1)
        await house.until(lambda: house.rows("select 1 from run where status = 2"))
        house.vendor.fault = lambda method, path, nth: None
        [(run,)] = house.rows("select id from run")
        with house.db() as db, db.cursor() as cursor:
            assert control.retry_run(cursor, 1, run)
        await house.until_idle()
    assert house.rows("select version, status from run") == [(2, 1)]
    assert [name for name in written(house) if name != "c2"] == ["a1", "b2"]
    assert written(house)[-1] == "c2"


@pytest.mark.crash
@pytest.mark.parametrize(
    "point",
    [
        "lanes.after_claim:1",
        "call.after_send:1",
        pytest.param("journal.after_outcome:1", marks=pytest.mark.soak),
    ],
)
async def test_moved_runs_outlive_the_kill_of_their_worker(house: House, point: str) -> None:
    rule = house.rule("put", then=[put("a", "text:a1"), wait("w", **HOUR), put("b", "text:b1")])
    async with working(house):
        await house.deliver(delivery="d1", record="r1")
        await house.until(lambda: waiting(house))
    publish(house, rule, wait("w", **HOUR), put("b", "text:b2"), put("c", "text:c2"))
    assert move(house, rule, "w", 1, 2) == 1
    pass_time(house, hours=1.1)
    dying = house.worker(crash_at=point)
    await house.until(lambda: dying.poll() is not None)
    async with working(house):
        await house.until_idle()
    assert list(dict.fromkeys(written(house))) == ["a1", "b2", "c2"]
    assert written(house).count("a1") == 1
    assert house.rows("select version, status from run") == [(2, 1)]


@pytest.mark.crash
async def test_what_a_killed_worker_had_in_hand_is_not_moved_and_finishes_its_version(house: House) -> None:
    rule = house.rule("put", then=[wait("w", **HOUR), put("b", "text:b1")])
    async with working(house):
        await house.deliver(delivery="d1", record="r1")
        await house.until(lambda: waiting(house))
    pass_time(house, hours=1.1)
    dying = house.worker(crash_at="lanes.after_claim:1")
    await house.until(lambda: dying.poll() is not None)
    publish(house, rule, wait("w", **HOUR), put("b", "text:b2"))
    assert move(house, rule, "w", 1, 2) == 0
    async with working(house):
        await house.until_idle()
    assert written(house) == ["b1"]
    assert house.rows("select version, status from run") == [(1, 1)]


async def test_a_move_while_workers_take_runs_up_leaves_each_in_one_version(house: House) -> None:
    """Each run does all of what comes after its wait by one version, the one that its row says."""
    old = [wait("w", **HOUR), put("b", "text:old b {{ record }}"), put("c", "text:old c {{ record }}")]
    rule = house.rule("put", then=old)
    async with working(house):
        for number in range(40):
            await house.deliver(delivery=f"d{number}", record=f"r{number}")
        await house.until(lambda: len(waiting(house)) == 40)
        publish(
            house,
            rule,
            wait("w", **HOUR),
            put("b", "text:new b {{ record }}"),
            put("c", "text:new c {{ record }}"),
        )
        pass_time(house, hours=1.1)
        moved = 0
        for _ in range(10):
            moved += await asyncio.to_thread(move, house, rule, "w", 1, 2)
            await asyncio.sleep(0.02)
        await house.until_idle()
    found: dict[str, set[str]] = {}
    for name in written(house):
        version, _, record = name.split()
        found.setdefault(record, set()).add(version)
    assert len(found) == 40
    assert all(len(versions) == 1 for versions in found.values())
    assert len(written(house)) == 80
    assert house.value("select count(*) from run where version = 2") == moved
    assert sum(versions == {"new"} for versions in found.values()) == moved
