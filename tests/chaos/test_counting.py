"""The counting itself: a chaos run that cannot see a loss, a double or a disorder would prove nothing."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from vaivem.chaos.counting import Counts, Faults, count
from vaivem.chaos.load import Sent
from vaivem.chaos.scenarios.kills import MOST_EVENTS, POINT_EVENTS, mixed
from vaivem.chaos.stage import Form, Stage
from vaivem.chaos.target import Target, Window
from vaivem.chaos.town import Way
from vaivem.engine.crashpoints import POINTS


class Asked:
    """A town whose database shows what a test lays down."""

    def __init__(self, target: Target, listed: dict[str, int], waiting: dict[str, int]) -> None:
        self.target = target
        self.ways = {"keyed": Way("keyed", ("create_keyed",)), "update": Way("update", ("update",))}
        self._listed, self._waiting = listed, waiting

    async def rows(self, query: str, *named: list[str]) -> list[tuple[str, int]]:
        if named:  # the journals of odd events
            return []
        return list((self._listed if "union all" in query else self._waiting).items())

    async def value(self, query: str) -> int:
        return 0


class Delivered:
    """A load that delivered events."""

    def __init__(self, *events: Sent) -> None:
        self.sent = {one.event: one for one in events}


@pytest.fixture
def target() -> Target:
    return Target(random.Random(1))


def post(target: Target, event: str, key: str) -> Any:
    return target.answer("POST", "/keyed", b"", orjson.dumps({"event": event, "key": key}))


def put(target: Target, record: str, event: str, place: int) -> None:
    target.answer("PUT", f"/things/{record}", b"", orjson.dumps({"event": event, "place": place}))


def sent(*events: str, way: str = "keyed", acknowledged: bool = True) -> list[Sent]:
    now = time.monotonic()
    return [Sent(one, way, one, now, now if acknowledged else None) for one in events]


async def counted(target: Target, *events: Sent, **database: dict[str, int]) -> Counts:
    town = Asked(target, database.get("listed", {}), database.get("waiting", {}))
    return await count(town, Delivered(*events), Counts(), Faults())  # type: ignore[arg-type]


async def test_what_is_nowhere_is_lost(target: Target) -> None:
    post(target, "1", "a")
    assert (await counted(target, *sent("1", "2", "3"))).lost == 2


async def test_what_was_not_acknowledged_is_not_lost(target: Target) -> None:
    assert (await counted(target, *sent("1", acknowledged=False))).lost == 0


async def test_what_a_list_shows_is_not_lost(target: Target) -> None:
    assert (await counted(target, *sent("1", "2"), listed={"1": 1}, waiting={"2": 1})).lost == 0


async def test_two_records_for_one_event_are_a_double(target: Target) -> None:
    post(target, "1", "a")
    post(target, "1", "a")  # the same key: the vendor keeps one
    assert (await counted(target, *sent("1"))).doubled == 0
    post(target, "1", "b")
    found = await counted(target, *sent("1"))
    assert found.doubled == 1
    assert sum("the target made one of keyed" in line for line in found.notes["evidence"]) == 2


async def test_two_people_with_one_address_are_a_double(target: Target) -> None:
    for _ in range(2):
        target.answer("POST", "/people", b"", orjson.dumps({"email": "a@example.com"}))
    assert (await counted(target)).doubled == 1


async def test_records_that_share_a_key_are_doubles(target: Target) -> None:
    for keys in (["a", "b"], ["c"], ["b", "d"]):
        target.answer("POST", "/known", b"", orjson.dumps({"event": "1", "keys": keys}))
    assert (await counted(target)).doubled == 1


async def test_a_later_update_before_an_earlier_one_is_out_of_order(target: Target) -> None:
    for event, place in (("1", 1), ("2", 2), ("2", 2), ("4", 4), ("3", 3)):
        put(target, "r", event, place)
    found = await counted(target, *sent("1", "2", "3", "4", way="update"))
    assert (found.out_of_order, found.doubled, found.lost) == (1, 0, 0)
    told = [line.partition(" ")[2] for line in found.notes["evidence"]]
    assert "event 3: the target put r at 3" in told
    assert told.index("event 4: the target put r at 4") < told.index("event 3: the target put r at 3")
    assert not [line for line in told if "event 1" in line]


async def test_an_update_that_comes_back_is_both(target: Target) -> None:
    for event, place in (("1", 1), ("2", 2), ("1", 1)):
        put(target, "r", event, place)
    found = await counted(target, *sent("1", "2", way="update"))
    assert (found.out_of_order, found.doubled) == (1, 1)


def test_recovery_is_the_longest_time_to_an_event_sent_after_a_fault() -> None:
    faults = Faults()
    faults.begun = [("worker", 10.0), ("web", 20.0)]
    events = [Sent("1", "keyed", "1", 9.0), Sent("2", "keyed", "2", 11.0), Sent("3", "keyed", "3", 21.0)]
    arrived = {"1": 10.5, "2": 12.0, "3": 24.5}
    assert faults.recovery(Delivered(*events), arrived) == (4.5, "web")  # type: ignore[arg-type]


def test_a_window_counts_every_rolling_minute() -> None:
    window = Window(2, 60.0)
    assert [window.takes(at) for at in (0.0, 30.0, 59.0, 91.0)] == [True, True, False, True]
    assert (window.most, window.refused) == (3, 1)


def test_a_dropped_answer_comes_after_the_work(target: Target) -> None:
    target.drop = 1.0
    assert post(target, "1", "a") is None
    assert len(target.created["1"]) == 1


def test_points_never_begin_a_record_again() -> None:
    """Each counts its records' places from one: those of two points must not be the same records."""
    stage = Stage(1, Form.SHORT, Path())
    seen: set[str] = set()
    for number in range(len(POINTS) + 1):
        begin = number * MOST_EVENTS
        last = begin + MOST_EVENTS - POINT_EVENTS
        records = {record for at in (begin, last) for _, record, _ in mixed(stage, POINT_EVENTS, begin=at)}
        assert not records & seen
        seen |= records
