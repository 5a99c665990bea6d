"""Waits for an event: it comes, or the time is over; whatever happens in between, the run goes on once."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vaivem.connectors.sdk import Event, Trigger
from vaivem.engine import awaiting, runs
from vaivem.engine.control import cancel_run, pause_rule, resume_rule, retry_now
from vaivem.engine.desk import Desk

from .conftest import STUB, House
from .inside import pass_time, put, time_passes, working
from .test_waits import waiting, written


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaiting, "LOOK_SECONDS", 0.2)


HAPPENED = {"all": [{"field": "steps.signed.happened", "is": "is_true"}]}
PERSON = {"person": "email", "inside": "wait"}


def await_step(**parts: Any) -> dict[str, Any]:
    step = {"id": "signed", "kind": "await", "connection": 1, "trigger": "thing_changed", "for": {"days": 3}}
    return {**step, "about": {"field": "email"}, **parts}


def automation(house: House, **parts: Any) -> int:
    way = {
        "id": "way", "kind": "branch", "if": HAPPENED,
        "then": [put("yes", "steps.signed.name")], "else": [put("no", "text:too late")],
    }  # fmt: skip
    steps = [put("first", "text:before"), await_step(**parts), way]
    return house.rule("put", then=steps, automation=PERSON)


async def begins(house: House, delivery: str = "d1", email: str = "ana@example.com") -> None:
    before = len(waiting(house))
    await house.deliver(delivery=delivery, record=delivery, email=email)
    await house.until(lambda: len(waiting(house)) == before + 1)
    # Given back: what is paused now waits with its lane, whatever its worker has heard of that.
    await house.until(lambda: house.value("select count(*) from lane where state = 2") == 0)


async def happens(
    house: House, delivery: str, name: str, email: str = "Ana@Example.com", **more: Any
) -> None:
    event = {"kind": "edit", "delivery": delivery, "record": f"doc-{delivery}", "name": name, "email": email}
    await house.deliver(**event, **more)


async def test_the_run_goes_on_with_what_the_event_tells(house: House) -> None:
    automation(house)
    async with working(house):
        await begins(house)
        assert house.value("select code from pending") == awaiting.AWAITS
        await happens(house, "e1", "of another", email="bia@example.com")
        await happens(house, "e2", "signed")
        await house.until(house.runs)
        await house.until_idle()
    assert written(house) == ["before", "signed"]
    assert house.runs() == [(1, "")]
    assert house.value("select count(*) from awaited") == 0


async def test_the_time_out_takes_the_other_way_and_what_comes_later_does_not_count(house: House) -> None:
    automation(house)
    async with working(house) as worker:
        await begins(house)
        await time_passes(house, worker, days=2.9)
        assert house.runs() == []
        pass_time(house, days=0.2)
        await house.until(house.runs)
        await happens(house, "e1", "signed")
        await house.until_idle()
    assert written(house) == ["before", "too late"]
    assert house.value("select count(*) from awaited") == 0


@pytest.mark.parametrize(
    ("parts", "event", "right"),
    [
        ({"if": [{"field": "name", "is": "equals", "value": "signed"}]}, {"name": "opened"}, "signed"),
        ({}, {"name": "old", "occurred": (datetime.now(UTC) - timedelta(days=1)).isoformat()}, "signed"),
        ({}, {"name": "other kind", "kind": "thing"}, "signed"),
        ({"about": {"field": "name", "as": "email"}}, {"name": "opened"}, "ana@example.com"),
    ],
)
async def test_what_is_not_the_awaited_event_is_looked_at_once(
    house: House, parts: dict[str, Any], event: dict[str, Any], right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    told = awaiting.Awaiting._told

    async def counted(self: awaiting.Awaiting, row: Any) -> Any:
        looked.append(row["id"])
        return await told(self, row)

    monkeypatch.setattr(awaiting.Awaiting, "_told", counted)
    automation(house, **parts)
    async with working(house):
        await begins(house)
        sent = {"kind": "edit", "delivery": "e1", "record": "doc", "email": "ana@example.com", **event}
        await house.deliver(**sent)
        if sent["kind"] == "edit":
            await house.until(lambda: len(looked) == 1)
        await asyncio.sleep(5 * awaiting.LOOK_SECONDS)
        assert len(looked) == (sent["kind"] == "edit")
        await happens(house, "e2", right)
        await house.until(lambda: right in written(house))
        await house.until(lambda: (1, "") in house.runs())
    assert "too late" not in written(house)


async def test_an_event_counts_by_when_that_happened_which_it_tells_of(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deal that was won long ago and is edited now is told of by an event of now."""

    def happened(self: Trigger, event: Event) -> datetime | None:
        return datetime.fromisoformat(event.data["won"])

    monkeypatch.setattr(type(STUB.trigger("thing_changed")), "happened", happened)
    now, long_ago = datetime.now(UTC), datetime.now(UTC) - timedelta(days=400)
    automation(house)
    async with working(house):
        await begins(house)
        await happens(house, "e1", "won long ago", won=long_ago.isoformat(), occurred=now.isoformat())
        await asyncio.sleep(5 * awaiting.LOOK_SECONDS)
        assert house.runs() == []
        # What happens now counts, though the event says that the record was last changed before.
        later = (now + timedelta(seconds=5)).isoformat()
        await happens(house, "e2", "won now", won=later, occurred=long_ago.isoformat())
        await house.until(house.runs)
        await house.until_idle()
    assert written(house) == ["before", "won now"]


async def test_without_a_field_to_tell_it_by_the_event_is_about_the_same_record(house: House) -> None:
    steps = [await_step(about=None), put("yes", "steps.signed.name")]
    house.rule("put", then=steps)
    async with working(house):
        await house.deliver(delivery="d1", record="r7")
        await house.until(lambda: waiting(house))
        await house.deliver(kind="edit", delivery="e1", record="r8", name="other")
        await house.deliver(kind="edit", delivery="e2", record="r7", name="same")
        await house.until(house.runs)
    assert written(house) == ["same"]


async def test_an_event_that_came_before_the_wait_does_not_count_but_one_of_its_own_doing_does(
    house: House,
) -> None:
    """What came before the run was made is past; what came while its first step was under way is awaited."""
    automation(house)
    async with working(house):
        await happens(house, "e1", "past")
        await begins(house)
        await happens(house, "e2", "now")
        await house.until(house.runs)
    assert written(house) == ["before", "now"]


@pytest.mark.parametrize("when", ["begun", "parked", "left"])
async def test_an_event_is_not_lost_that_comes_while_the_wait_begins(
    house: House, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each of these moments it is committed; nobody but the run itself looks."""
    monkeypatch.setattr(awaiting, "LOOK_SECONDS", 3600.0)
    done = False

    async def once() -> None:
        nonlocal done
        if not done:
            done = True
            await happens(house, "e1", "signed")

    begin, park, look = awaiting.Awaiting.begin, Desk.park, runs.look_once_more

    async def begun(self: awaiting.Awaiting, lane: int) -> None:
        await begin(self, lane)
        await once()

    async def parked(self: Desk, *arguments: Any, **more: Any) -> None:
        await park(self, *arguments, **more)
        await once()

    async def left(*arguments: Any) -> None:
        await once()
        await look(*arguments)

    if when == "begun":
        monkeypatch.setattr(awaiting.Awaiting, "begin", begun)
    elif when == "parked":
        monkeypatch.setattr(Desk, "park", parked)
    else:
        monkeypatch.setattr(runs, "look_once_more", left)
    automation(house)
    async with working(house):
        await house.deliver(delivery="d1", record="d1", email="ana@example.com")
        await house.until(house.runs)
    assert written(house) == ["before", "signed"]


async def test_an_event_that_is_committed_late_is_found_by_the_next_looks(house: House) -> None:
    """Its id is older than the look that did not see it yet."""
    automation(house)
    async with working(house):
        await begins(house)
        late = house.app._ids.next()
        await house.until(lambda: house.rows("select 1 from fact where name = 'awaited'"))
        await asyncio.sleep(2 * awaiting.LOOK_SECONDS)
        ids = house.app._ids
        house.app._intake._ids = type("Once", (), {"next": lambda self: late})()  # type: ignore[assignment]
        house.known.clear()
        await happens(house, "e1", "signed")
        house.app._intake._ids = ids
        await house.until(house.runs)
    assert written(house) == ["before", "signed"]


async def test_a_paused_rule_goes_on_with_what_came_meanwhile(house: House) -> None:
    rule = automation(house)
    async with working(house):
        await begins(house)
        with house.db() as db, db.cursor() as cursor:
            cursor.execute("update rule set state = 'paused' where id = %s", (rule,))
            pause_rule(cursor, rule)
        await happens(house, "e1", "signed")
        await asyncio.sleep(2 * awaiting.LOOK_SECONDS)
        assert house.runs() == []
        with house.db() as db, db.cursor() as cursor:
            cursor.execute("update rule set state = 'on' where id = %s", (rule,))
            resume_rule(cursor, rule)
        await house.until(house.runs)
    assert written(house) == ["before", "signed"]


async def test_an_edited_rule_changes_nothing_for_who_waits(house: House) -> None:
    rule = automation(house)
    async with working(house):
        await begins(house)
        with house.db() as db:
            db.execute(
                "insert into rule_version (rule_id, number, definition, compiled, created) select rule_id, 2,"
                " definition, replace(compiled::text, 'too late', 'never')::jsonb, now() from rule_version"
            )
            db.execute("update rule set version = 2 where id = %s", (rule,))
        pass_time(house, days=3.1)
        await house.until(house.runs)
    assert written(house) == ["before", "too late"]
    assert house.value("select version from run") == 1


async def test_a_member_lets_a_run_go_on_or_ends_it(house: House) -> None:
    automation(house)
    async with working(house):
        await begins(house)
        await begins(house, "d2", "bia@example.com")
        [(go,), (end,)] = house.rows("select run_id from pending order by run_id")
        with house.db() as db, db.cursor() as cursor:
            assert retry_now(cursor, 1, go)
            assert cancel_run(cursor, 1, end)
        await house.until_idle()
    assert written(house) == ["before", "before", "too late"]
    assert sorted(house.runs()) == [(1, ""), (4, "stopped_by_person")]


async def test_two_waits_after_each_other_take_their_events_in_order(house: House) -> None:
    """Both come before the run has gone on with the first."""
    steps = [
        await_step(**{"if": [{"field": "name", "is": "equals", "value": "opened"}]}),
        await_step(id="next"),
        put("yes", "steps.next.name"),
    ]
    house.rule("put", then=steps, automation=PERSON)
    async with working(house):
        await begins(house)
        opened, done = (
            {"kind": "edit", "delivery": name, "record": "doc", "name": name, "email": "ana@example.com"}
            for name in ("opened", "done")
        )
        await house.send(json.dumps([opened, done]).encode())
        await house.until(house.runs)
    assert written(house) == ["done"]


@pytest.mark.crash
@pytest.mark.parametrize(
    "point",
    [
        "run.after_park:1",
        "journal.after_outcome:2",
        pytest.param("run.before_park:1", marks=pytest.mark.soak),
        pytest.param("run.after_finish:1", marks=pytest.mark.soak),
    ],
)
async def test_a_crash_loses_no_event_and_repeats_nothing(house: House, point: str) -> None:
    automation(house)
    dying = house.worker(crash_at=point)
    await house.deliver(delivery="d1", record="d1", email="ana@example.com")
    await house.until(lambda: dying.poll() is not None or waiting(house))
    await happens(house, "e1", "signed")
    await house.until(lambda: dying.poll() is not None)
    async with working(house):
        await house.until_idle()
    assert written(house) == ["before", "signed"]
    assert house.runs() == [(1, "")]


async def test_without_such_waits_nothing_is_looked_for(house: House) -> None:
    house.rule("put")
    async with working(house):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
        await asyncio.sleep(awaiting.LOOK_SECONDS)
    assert not house.rows("select 1 from fact where name = 'awaited'")
