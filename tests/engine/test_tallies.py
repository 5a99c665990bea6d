"""What bringing in the past would write at most, counted without reading or writing anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from vaivem.connectors.sdk import Call, Event, NotReadError, Reader, Trigger
from vaivem.engine import backfills, tallies
from vaivem.engine.backfills import BackfillState

from .chored import chores, hooked
from .conftest import House
from .inside import put
from .test_backfills import all_of_it, asked, state, switched_on
from .test_catching_up import HOOKED, happened

DAY = 60 * 24


def tagged(step: str, *tags: str) -> dict[str, Any]:
    fields = {
        "thing.name": {"from": "name"},
        "thing.email": {"from": "email"},
        "thing.tags": {"value": list(tags)},
    }
    return {"id": step, "kind": "action", "connection": 1, "action": "put_tagged", "fields": fields}


def told(house: House, day: int, record: str, name: str, email: str) -> None:
    happened(house, DAY * day, delivery=f"d{day}", record=record, name=name, email=email)


async def test_records_and_tags_are_counted_once_each(house: House) -> None:
    ana = {"all": [{"field": "name", "is": "equals", "value": "Ana"}]}
    way = {"id": "way", "kind": "branch", "if": ana, "then": [tagged("two", "VIP")], "else": [put("other")]}
    stop = {"id": "stop", "kind": "stop", "if": {"all": [{"field": "name", "is": "equals", "value": "Eva"}]}}
    steps = [tagged("one", "cliente", "Novo"), way, stop, put("last")]
    rule = switched_on(house, hooked(house, HOOKED), steps)
    told(house, 2, "r2", "Ana", "ana@example.com")
    told(house, 3, "r3", "Ana", "ANA@example.com")  # the same person, another record
    told(house, 4, "r4", "Bia", "bia@example.com")
    told(house, 5, "r4", "Bia", "bia@example.com")  # the same record once more
    told(house, 6, "r6", "Eva", "eva@example.com")
    asked(house, rule)
    async with chores(house) as chored:
        await all_of_it(chored, house)
    found, counts, _ = state(house)
    assert found == BackfillState.LOOKED_AT
    assert counts["by_step"] == {"one": 3, "two": 1, "other": 2, "last": 3}
    assert counts["by_tag"] == {"cliente": 3, "Novo": 3, "VIP": 1}
    assert house.vendor.puts == []


async def test_where_an_earlier_step_decides_both_ways_count(house: House) -> None:
    known = {"all": [{"field": "steps.one.id", "is": "equals", "value": "t1"}]}
    way = {"id": "way", "kind": "branch", "if": known, "then": [put("yes")], "else": [put("no")]}
    stop = {"id": "stop", "kind": "stop", "if": known}
    rule = switched_on(house, hooked(house, HOOKED), [put("one"), way, stop, put("last", "steps.one.id")])
    told(house, 2, "r2", "Ana", "ana@example.com")
    asked(house, rule)
    async with chores(house) as chored:
        await all_of_it(chored, house)
    assert state(house)[1]["by_step"] == {"one": 1, "yes": 1, "no": 1, "last": 1}


async def test_beyond_what_is_remembered_it_still_counts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "MOST_SEEN", 1)
    monkeypatch.setattr(tallies, "MOST_TAGS", 1)
    rule = switched_on(house, hooked(house, HOOKED), [tagged("one", "cliente", "Novo")])
    for day, name in ((2, "ana"), (3, "ana"), (4, "bia"), (5, "bia")):
        told(house, day, name, name, f"{name}@example.com")
    asked(house, rule)
    async with chores(house) as chored:
        await all_of_it(chored, house)
    counts = state(house)[1]
    assert (counts["by_step"], counts["by_tag"], counts["more_tags"]) == ({"one": 3}, {"cliente": 3}, 1)
    assert len(counts["by_step_seen"]) == 1


async def test_what_has_to_be_read_first_is_not_foreseen(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reading(self: Trigger, reader: Reader, event: Event, options: Mapping[str, Any]) -> Any:
        await reader.read(Call("things.list", "GET", "/things"))
        return event.data

    rule = switched_on(house, hooked(house, HOOKED))
    for day in (2, 3):
        told(house, day, f"r{day}", "Ana", "ana@example.com")
    asked(house, rule)
    async with chores(house) as chored:
        await chored.look()
        monkeypatch.setattr(type(chored.topology.rules[rule].trigger), "scope", reading)
        await all_of_it(chored, house)
    counts = state(house)[1]
    assert (counts["events"], counts["unforeseen"]) == (2, 2)
    assert "by_step" not in counts


async def test_what_the_event_tells_is_counted_where_its_trigger_makes_do_with_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reading(self: Trigger, reader: Reader, event: Event, options: Mapping[str, Any]) -> Any:
        try:
            await reader.read(Call("things.list", "GET", "/things"))
        except NotReadError:
            return event.data
        raise AssertionError("it was read")

    missing = {"all": [{"field": "not_told", "is": "equals", "value": "x"}]}
    told_otherwise = {"all": [{"field": "name", "is": "equals", "value": "Bia"}]}
    ways = [
        {"id": "a", "kind": "branch", "if": missing, "then": [put("yes")], "else": [put("no")]},
        {"id": "b", "kind": "branch", "if": told_otherwise, "then": [put("bia")], "else": [put("ana")]},
    ]
    rule = switched_on(house, hooked(house, HOOKED), ways)
    told(house, 2, "r2", "Ana", "ana@example.com")
    asked(house, rule)
    async with chores(house) as chored:
        await chored.look()
        trigger = type(chored.topology.rules[rule].trigger)
        monkeypatch.setattr(trigger, "scope", reading)
        monkeypatch.setattr(backfills, "SAMPLES", 0)
        await all_of_it(chored, house)
    counts = state(house)[1]
    assert "unforeseen" not in counts
    assert counts["by_step"] == {"yes": 1, "no": 1, "ana": 1}
