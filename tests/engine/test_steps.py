"""Branches, lookups, several rules on one event, and runs that stand in others' way."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import House
from .inside import put, working


def find(missing: str) -> dict[str, Any]:
    fields = {"thing.name": {"from": "name"}}
    return {
        "id": "look", "kind": "find", "connection": 1, "action": "find_thing", "fields": fields,
        "missing": missing,
    }  # fmt: skip


def written(house: House) -> list[str]:
    return [body["name"] for _, body in house.vendor.puts]


async def test_a_branch_goes_one_way(house: House) -> None:
    way = {
        "id": "way", "kind": "branch", "if": {"all": [{"field": "name", "is": "equals", "value": "Ana"}]},
        "then": [put("yes", "text:yes")], "else": [put("no", "text:no")],
    }  # fmt: skip
    house.rule("put", then=[way, put("last", "text:last")])
    async with working(house):
        await house.deliver(delivery="d1", name="Ana")
        await house.deliver(delivery="d2", name="Bia")
        await house.until_idle()
    assert written(house) == ["yes", "last", "no", "last"]


@pytest.mark.parametrize(
    ("missing", "ending", "calls"),
    [
        ("continue", (1, ""), ["after"]),
        ("stop", (3, "nothing_found"), []),
        ("fail", (2, "nothing_found"), []),
    ],
)
async def test_a_lookup_that_finds_nothing(
    house: House, missing: str, ending: tuple[int, str], calls: list[str]
) -> None:
    house.rule("put", then=[find(missing), put("then", "text:after {{ steps.look.name }}")])
    async with working(house):
        await house.deliver(delivery="d1", name="nobody")
        await house.until(house.runs)
    assert house.runs() == [ending]
    assert written(house) == calls
    if missing == "fail":
        assert house.value("select params->>'step' from run") == "look"


@pytest.mark.parametrize(
    ("email", "name", "empty", "ending", "calls"),
    [
        ("", "Ana", "skip", (1, ""), ["after"]),
        ("", "Ana", "fail", (2, "mapping_failed"), []),
        ("ana@x.example", "Ana", "skip", (1, ""), ["Ana", "after r1"]),
        ("ana@x.example", "nobody", "fail", (1, ""), ["after"]),
    ],
)
async def test_a_step_without_what_it_needs_is_left_out_where_the_rule_says_so(
    house: House, email: str, name: str, empty: str, ending: tuple[int, str], calls: list[str]
) -> None:
    step = put("whole", action="put_whole", empty=empty)
    step["fields"]["thing.email"] = {"value": email}
    house.rule("put", then=[step, put("then", "text:after {{ steps.whole.id }}")])
    async with working(house):
        await house.deliver(delivery="d1", name=name)
        await house.until(house.runs)
    assert house.runs() == [ending]
    assert written(house) == calls
    if ending == (1, ""):
        notes = house.value("select params->'notes' from run")
        assert bool(notes) is (len(calls) == 1)


async def test_what_a_lookup_found_is_there_for_later_steps(house: House) -> None:
    house.vendor.things = [{"id": 7, "name": "Ana", "city": "Natal"}]
    house.rule("put", then=[find("fail"), put("then", "text:{{ steps.look.id }} {{ steps.look.city }}")])
    async with working(house):
        await house.deliver(delivery="d1", name="Ana")
        await house.until(house.runs)
    assert written(house) == ["7 Natal"]
    assert [row["did"] for row in house.value("select records from run")] == ["updated"]


async def test_a_failing_rule_does_not_hold_up_another_on_the_same_events(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 503 if path.startswith("/notes") else None
    waits = house.rule("post_unsafe")
    goes = house.rule("put")
    async with working(house):
        for number in range(5):
            await house.deliver(delivery=f"d{number}", name=str(number))
        await house.until(lambda: len(house.runs()) == 5)
        await house.until(lambda: house.rows("select 1 from pending where rule = %s", waits))
        assert {row[0] for row in house.rows("select rule from run")} == {goes}
        assert house.value("select count(*) from item where rule = %s", waits) == 5
    assert written(house) == [str(number) for number in range(5)]
    assert house.value("select count(*) from event where items = 2") == 5


async def test_events_behind_a_parked_run_wait_in_order_and_go_on_after_it(house: House) -> None:
    broken = True
    house.vendor.fault = lambda method, path, nth: 503 if broken and path == "/things/r1" else None
    house.rule("put")
    async with working(house):
        for number in range(6):
            await house.deliver(delivery=f"a{number}", record="r1", name=f"a{number}")
        await house.until(lambda: house.rows("select 1 from pending where state in ('retry', 'doubt')"))
        await house.deliver(delivery="b", record="r2", name="b")
        await house.until(lambda: "b" in written(house))
        assert written(house) == ["b"]
        await house.until(lambda: house.value("select count(*) from item") == 6)  # b's own is done
        broken = False
        await house.until_idle()
    assert written(house) == ["b", *(f"a{number}" for number in range(6))]


async def test_a_poisoned_record_among_many_fails_alone(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 422 if path == "/things/r13" else None
    house.rule("put")
    async with working(house):
        for number in range(30):
            await house.deliver(delivery=f"d{number}", record=f"r{number}", name=str(number))
        await house.deliver(delivery="again", record="r13", name="again")
        await house.until_idle()
    failed = house.rows(
        "select e.record, r.status from run r join event e on e.id = r.event_id where r.status <> 1"
    )
    assert failed == [("r13", 2), ("r13", 2)]
    assert len(house.runs()) == 31
    assert house.value("select count(*) from pending") == 0


async def test_an_action_that_stumbles_fails_its_run_and_no_other(house: House) -> None:
    house.vendor.people = [{"email": "odd@x.y"}]  # without the id that the action reads
    house.rule("person_and_deal")
    async with working(house) as worker:
        await house.deliver(delivery="d1", record="r1", email="odd@x.y")
        await house.deliver(delivery="d2", record="r1", email="even@x.y")
        await house.until(lambda: len(house.runs()) == 2)
        assert not worker.stopping.is_set()
    assert house.runs() == [(2, "bug"), (1, "")]
    assert house.value("select params->>'kind' from run where status = 2") == "KeyError"
    assert house.value("select count(*) from claim") == 0


async def test_what_the_database_cannot_store_is_stored_without_it(house: House) -> None:
    house.vendor.things = [{"id": "7\x00", "name": "odd"}]
    house.rule("post_found")
    async with working(house):
        await house.deliver(delivery="d1", record="r1", name="odd")
        await house.deliver(delivery="d2", record="r2", name="plain")
        await house.until(lambda: len(house.runs()) == 2)
    assert {status for status, _ in house.runs()} == {1}
    assert house.value("select records->0->>'id' from run where records->0->>'did' = 'found'") == "7"
