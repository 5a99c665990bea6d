"""Steps that end a run with a reason, and those that tell a member: once, whatever is killed."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import House
from .inside import pass_time, put, working
from .test_waits import wait, written

ANA = "ana@example.com"


def stop_if(step: str, **test: Any) -> dict[str, Any]:
    return {"id": step, "kind": "stop", "if": {"all": [test]}}


def notify(step: str = "tell", member: str = ANA, text: str = "{{ name }} assinou") -> dict[str, Any]:
    return {"id": step, "kind": "notify", "member": member, "text": {"text": text}}


def join(house: House, address: str = ANA, workspace: int = 1) -> None:
    """Make a member of a workspace."""
    with house.db() as db:
        (member,) = db.execute(
            "insert into member (email, name, password, is_active, language)"
            " values (%s, '', '', true, 'pt_BR') returning id",
            (address,),
        ).fetchone()  # type: ignore[misc]
        db.execute(
            "insert into membership (member_id, workspace_id, role) values (%s, %s, 'editor')",
            (member, workspace),
        )


def notices(house: House) -> list[tuple[Any, ...]]:
    return house.rows("select workspace_id, text, about, place from notice order by id")


async def test_a_run_ends_where_its_condition_holds_and_says_so(house: House) -> None:
    leave = stop_if("enough", field="name", **{"is": "equals", "value": "stop"})
    house.rule("put", then=[put("first", "text:before"), leave, put("then")])
    async with working(house):
        await house.deliver(delivery="d1", name="stop")
        await house.deliver(delivery="d2", name="go")
        await house.until(lambda: len(house.runs()) == 2)
    assert sorted(written(house)) == ["before", "before", "go"]
    assert sorted(house.runs()) == [(1, ""), (1, "stopped_as_the_rule_says")]
    params = house.value("select params from run where code <> ''")
    assert (params["step"], params["tests"][0]["seen"]) == ("enough", "stop")


async def test_a_run_that_stops_before_it_did_anything_led_to_nothing(house: House) -> None:
    house.rule("put", then=[stop_if("enough", field="name", **{"is": "is_not_empty"}), put("then")])
    async with working(house):
        await house.deliver(delivery="d1", name="stop")
        await house.until(house.runs)
    assert house.runs() == [(3, "stopped_as_the_rule_says")]
    assert written(house) == []


async def test_a_condition_inside_a_branch_ends_the_whole_run(house: House) -> None:
    true = {"all": [{"field": "name", "is": "is_not_empty"}]}
    way = {"id": "way", "kind": "branch", "if": true, "then": [{"id": "end", "kind": "stop", "if": true}]}
    house.rule("put", then=[way, put("then")])
    async with working(house):
        await house.deliver(delivery="d1", name="x")
        await house.until(house.runs)
    assert written(house) == []


async def test_a_member_is_told_with_the_run_and_what_it_is_about(house: House) -> None:
    join(house)
    house.rule("put", then=[notify(member="ANA@example.com"), put("then")])
    async with working(house):
        await house.deliver(delivery="d1", name="Conceição")
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
    ((workspace, text, _, place),) = notices(house)
    assert (workspace, text, place) == (1, "Conceição assinou", 1000)
    assert house.value("select n.run = r.id from notice n, run r")
    assert written(house) == ["Conceição"]


async def test_a_long_text_is_cut_rather_than_lost(house: House) -> None:
    join(house)
    house.rule("put", then=[notify(text="{{ name }}")])
    async with working(house):
        await house.deliver(delivery="d1", name="a" * 800)
        await house.until(house.runs)
    ((_, text, _, _),) = notices(house)
    assert (len(text), text[-1]) == (500, "…")


async def test_who_left_is_told_nothing_and_the_run_goes_on_with_a_note(house: House) -> None:
    house.rule("put", then=[notify(), put("then")])
    async with working(house):
        await house.deliver(delivery="d1", name="x")
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
    assert house.value("select params->'notes'->0->>'code' from run") == "member_is_gone"
    assert notices(house) == []
    assert written(house) == ["x"]


async def test_a_member_of_another_workspace_is_told_nothing(house: House) -> None:
    with house.db() as db:
        db.execute("insert into workspace (name, slug) values ('Other', 'other')")
    join(house, workspace=house.value("select max(id) from workspace"))
    house.rule("put", then=[notify()])
    async with working(house):
        await house.deliver(delivery="d1", name="x")
        await house.until(house.runs)
    assert notices(house) == []


async def test_a_run_that_waits_afterwards_tells_once(house: House) -> None:
    join(house)
    house.rule("put", then=[notify(), wait("pause", **{"for": {"hours": 1}}), put("then")])
    async with working(house):
        await house.deliver(delivery="d1", name="x")
        await house.until(lambda: house.rows("select 1 from pending where state = 'wait'"))
        pass_time(house, hours=2)
        await house.until_idle()
    assert len(notices(house)) == 1
    assert written(house) == ["x"]


@pytest.mark.soak
@pytest.mark.crash
@pytest.mark.parametrize(
    "point", ["journal.before_outcome:1", "journal.after_outcome:1", "run.before_finish:1"]
)
async def test_a_crash_around_a_notice_tells_once(house: House, point: str) -> None:
    join(house)
    house.rule("put", then=[notify(), put("then")])
    dying = house.worker(crash_at=point)
    await house.deliver(delivery="d1", name="x")
    await house.until(lambda: dying.poll() is not None)
    async with working(house):
        await house.until_idle()
    assert len(notices(house)) == 1
    assert set(written(house)) == {"x"}  # a PUT may be sent again, a notice not
