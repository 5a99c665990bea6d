"""Runs that outlive what they began with: a rule edited, a connection, trigger or event gone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.compiler import compile_rule
from vaivem.core.rules import parse_rule

from .conftest import House, StubCatalog
from .inside import pass_time, put, working

PAUSE = {"id": "pause", "kind": "wait", "for": {"hours": 1}}


def edit(house: House, rule: int, then: list[Any]) -> None:
    """Publish another version."""
    definition = {"title": "t", "when": {"connection": 1, "trigger": "thing_happened"}, "then": then}
    compiled = compile_rule(parse_rule(definition), StubCatalog()).to_dict()
    with house.db() as db, db.transaction():
        db.execute(
            "insert into rule_version (rule_id, number, definition, compiled, created)"
            " values (%s, 2, %s, %s, now())",
            (rule, json.dumps(definition), json.dumps(compiled)),
        )
        db.execute("update rule set version = 2 where id = %s", (rule,))


def written(house: House) -> list[str]:
    return [body["name"] for _, body in house.vendor.puts]


async def test_runs_finish_the_version_they_began_with(house: House) -> None:
    rule = house.rule("put", then=[put("one", "text:old 1"), PAUSE, put("two", "text:old 2")])
    async with working(house):
        await house.deliver(delivery="d1", record="r1")
        await house.until(lambda: house.rows("select 1 from pending where state = 'wait'"))
        edit(house, rule, [put("other", "text:new")])
        await house.until(lambda: house.app._topology.rules[rule].version == 2)
        await house.deliver(delivery="d2", record="r1")
        await house.until(lambda: len(house.runs()) == 1)
        assert written(house) == ["old 1", "new"]
        pass_time(house, hours=1.1)
        await house.until_idle()
    assert written(house) == ["old 1", "new", "old 2"]
    assert house.rows("select version, status from run order by id") == [(1, 1), (2, 1)]


async def test_an_event_taken_before_an_edit_runs_as_it_was(house: House) -> None:
    rule = house.rule("put", then=[put("one", "text:old")])
    await house.deliver(delivery="d1")
    edit(house, rule, [put("other", "text:new")])
    await house.until(lambda: house.app._topology.rules[rule].version == 2)
    await house.deliver(delivery="d2")
    async with working(house):
        await house.until_idle()
    assert written(house) == ["old", "new"]


async def test_a_run_whose_source_was_removed_says_so(house: House) -> None:
    house.rule("put")
    await house.deliver(delivery="d1")
    await house.deliver(delivery="d2")
    with house.db() as db:
        db.execute("update connection set removed = now(), state = 'removed'")
    async with working(house):
        await house.until_idle()
    assert house.runs() == [(2, "connection_is_gone")] * 2
    assert house.value("select params->>'connection' from run limit 1") == "1"


async def test_a_run_whose_target_was_removed_says_so_and_leaves_the_lane(house: House) -> None:
    target = house.connection("thetargetofthisinstallatio")
    await house.until(lambda: target in house.app._topology.lines)
    house.rule("put", then=[put("there", connection=target)])
    with house.db() as db:
        db.execute("update gate set state = 2, code = 'reconnect_needed' where conn = %s", (target,))
    await house.deliver(delivery="d1")
    async with working(house):
        await house.deliver(delivery="d2")
        with house.db() as db:
            db.execute("update connection set removed = now(), state = 'removed' where id = %s", (target,))
        await house.until_idle(8)
    assert house.runs() == [(2, "connection_is_gone")] * 2
    assert not house.vendor.calls


async def test_what_is_held_at_a_connection_that_is_removed_ends(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 401
    source = house.connection("thesourceofthisinstallatio")
    house.rule("put", when={"connection": source, "trigger": "thing_happened"})
    await house.until(lambda: source in house.app._topology.lines)
    async with working(house):
        assert await house.send(b'{"record": "r1", "name": "n"}', hook="thesourceofthisinstallatio") == 200
        await house.until(lambda: house.rows("select 1 from pending where state = 'held'"))
        with house.db() as db:
            db.execute("update connection set removed = now(), state = 'removed' where id = 1")
        await house.until_idle(8)
    assert house.runs() == [(2, "connection_is_gone")]


@pytest.mark.parametrize(("part", "code"), [("triggers", "trigger_is_gone"), ("actions", "action_is_gone")])
async def test_a_run_whose_trigger_or_action_is_gone_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch, part: str, code: str
) -> None:
    house.rule("put")
    await house.deliver(delivery="d1")
    monkeypatch.setattr(type(get_connector("stub")), part, ())
    async with working(house):
        await house.until_idle()
    assert house.runs() == [(2, code)]


async def test_a_run_whose_event_is_gone_says_so(house: House) -> None:
    house.rule("put")
    await house.deliver(delivery="d1")
    await house.deliver(delivery="d2", name="later")
    with house.db() as db:
        db.execute("delete from event where id = (select min(id) from event)")
    async with working(house):
        await house.until_idle()
    assert house.runs() == [(2, "event_is_gone"), (1, "")]
    assert written(house) == ["later"]


async def test_a_run_whose_version_is_gone_says_so(house: House) -> None:
    rule = house.rule("put", then=[put("one", "text:old")])
    await house.deliver(delivery="d1")
    edit(house, rule, [put("other", "text:new")])
    with house.db() as db:
        db.execute("delete from rule_version where number = 1")
    async with working(house):
        await house.until_idle()
    assert house.runs() == [(2, "rule_is_gone")]


async def test_an_event_that_cannot_be_read_again_fails_its_run(house: House) -> None:
    house.rule("put")
    await house.deliver(delivery="d1")
    with house.db() as db:
        db.execute("update event set body = 'not json'")
    async with working(house):
        await house.until_idle()
    assert house.runs() == [(2, "delivery_unreadable")]
