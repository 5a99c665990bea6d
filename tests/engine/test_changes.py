"""Rules that wait until a field goes from a value to a value."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from vaivem.engine.statements import statement

from .conftest import House
from .inside import pass_time, put, time_passes, working
from .test_waits import wait, waiting, written

FIRST, SAME, OTHER, LATE = ((3, f"change_{code}") for code in ("first_seen", "none", "another", "late"))
DONE = (1, "")


def changing(
    house: House, then: list[Any] | None = None, trigger: str = "thing_happened", **ends: str
) -> int:
    when = {"connection": 1, "trigger": trigger, "changed": {"field": "name", **ends}}
    return house.rule("put", then=then or [put("do")], when=when)


async def test_a_run_begins_only_when_the_field_goes_from_the_value_to_the_value(house: House) -> None:
    changing(house, **{"from": "open", "to": "won"})
    async with working(house):
        for number, name in enumerate(["open", "open", "won", "won", "lost", "won"]):
            await house.deliver(delivery=f"d{number}", record="a", name=name)
        await house.deliver(delivery="other", record="b", name="won")
        await house.until_idle()
    assert house.runs() == [FIRST, SAME, DONE, SAME, OTHER, OTHER, FIRST]
    assert written(house) == ["won"]
    shown = house.value("select params from run where code = 'change_another' order by id limit 1")
    assert shown == {"field": "name", "before": "won", "after": "lost"}


async def test_what_is_told_late_never_fires_backwards_and_is_not_kept(house: House) -> None:
    changing(house)
    start = house.value("select vv_now()")
    at = [(start + timedelta(minutes=minute)).isoformat() for minute in range(6)]
    async with working(house):
        for minute, name in ((1, "a"), (3, "c"), (2, "b"), (4, "c"), (5, "d")):
            await house.deliver(delivery=name + str(minute), record="a", name=name, occurred=at[minute])
        await house.until_idle()
    assert house.runs() == [FIRST, DONE, LATE, SAME, DONE]
    assert written(house) == ["c", "d"]


async def test_each_rule_keeps_for_itself(house: House) -> None:
    changing(house, to="b")
    async with working(house):
        await house.deliver(delivery="1", record="a", name="a")
        await house.until_idle()
    changing(house, to="b")
    async with working(house):
        await house.deliver(delivery="2", record="a", name="b")
        await house.until_idle()
    assert sorted(house.runs()) == sorted([FIRST, DONE, FIRST])


async def test_a_run_that_waited_goes_on_whatever_the_field_did_meanwhile(house: House) -> None:
    changing(house, [wait("pause", **{"for": {"hours": 2}}), put("do")], to="b")
    async with working(house) as worker:
        await house.deliver(delivery="1", record="a", name="a")
        await house.deliver(delivery="2", record="a", name="b")
        await house.until(lambda: waiting(house))
        await house.deliver(delivery="3", record="a", name="c")
        await house.until(lambda: len(house.runs()) == 2)
        await time_passes(house, worker, hours=1.9)
        pass_time(house, hours=0.2)
        await house.until_idle()
    assert sorted(house.runs()) == sorted([FIRST, OTHER, DONE])
    assert written(house) == ["b"]


async def test_a_run_that_a_crash_cut_short_is_not_taken_for_no_change(house: House) -> None:
    changing(house, to="b")
    async with working(house):
        await house.deliver(delivery="1", record="a", name="a")
        await house.until_idle()
    crashing = house.worker("call.before_send")
    await house.deliver(delivery="2", record="a", name="b")
    await house.until(lambda: crashing.poll() is not None)
    assert house.rows("select code from told_change order by run_id") == [
        ("change_first_seen",),
        ("changed",),
    ]
    async with working(house):
        await house.until_idle()
    assert house.runs() == [FIRST, DONE]
    assert written(house) == ["b"]


async def test_what_is_known_of_records_is_forgotten_with_the_history(house: House) -> None:
    changing(house)
    async with working(house):
        await house.deliver(delivery="1", record="a", name="a")
        await house.until_idle()

    def left() -> list[tuple[Any, ...]]:
        with house.db() as db:
            for name in ("forget_told", "forget_values"):
                db.execute(statement("changes", name).encode())
        return house.rows("select (select count(*) from kept_value), (select count(*) from told_change)")

    assert left() == [(1, 1)]
    pass_time(house, days=400)
    assert left() == [(0, 0)]
