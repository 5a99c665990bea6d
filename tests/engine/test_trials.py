"""A draft tried with the next real event: once, instead of the published version, and nothing beside."""

from __future__ import annotations

import json
from typing import Any

from vaivem.core.compiler import compile_rule
from vaivem.core.rules import parse_rule
from vaivem.engine import control

from .conftest import House, StubCatalog
from .inside import put, working


def begin_test(house: House, rule: int, then: list[Any]) -> None:
    """Let a draft wait for the next event."""
    definition = {"title": "t", "when": {"connection": 1, "trigger": "thing_happened"}, "then": then}
    compiled = json.dumps(compile_rule(parse_rule(definition), StubCatalog()).to_dict())
    with house.db() as db, db.transaction():
        db.execute(
            "insert into rule_version (rule_id, number, definition, compiled, created)"
            " values (%s, -1, %s, %s, now())",
            (rule, json.dumps(definition), compiled),
        )
        db.execute(
            "insert into rule_trial (rule_id, kind, state, version, since, until)"
            " values (%s, 'test', 'waiting', -1, now() - interval '1 s', now() + interval '1 h')",
            (rule,),
        )


def written(house: House) -> list[str]:
    return [body["name"] for _, body in house.vendor.puts]


async def test_the_next_event_goes_by_the_draft_and_the_others_by_what_is_published(house: House) -> None:
    rule = house.rule("put", then=[put("one", "text:published")])
    async with working(house) as worker:
        begin_test(house, rule, [put("one", "text:draft")])
        await house.until(lambda: rule in worker._topology.tests)
        for number in (1, 2, 3):
            await house.deliver(delivery=f"d{number}", record=f"r{number}")
        await house.until_idle()
    assert sorted(written(house)) == ["draft", "published", "published"]
    assert house.rows("select version from run order by version") == [(-1,), (1,), (1,)]
    [(state, run)] = house.rows("select state, run from rule_trial")
    assert (state, house.value("select version from run where id = %s", run)) == ("running", -1)


async def test_a_draft_takes_one_event_and_no_other(house: House) -> None:
    rule = house.rule("put", then=[put("one", "text:published")])
    with house.db() as db:
        db.execute("update rule set state = 'draft', version = null where id = %s", (rule,))
    house.known.clear()
    begin_test(house, rule, [put("one", "text:draft")])
    await house.until(lambda: house.app._topology.tests)
    await house.deliver(delivery="d1", record="r1")
    await house.deliver(delivery="d2", record="r2")
    async with working(house):
        await house.until_idle()
    await house.until(lambda: not house.app._topology.tests, 20)
    await house.deliver(delivery="d3", record="r3")
    assert written(house) == ["draft"]
    assert sorted(house.runs()) == [(1, ""), (3, "test_is_over")]
    assert house.value("select items from event order by id desc limit 1") == 0


async def test_an_event_from_before_the_test_is_not_the_tests(house: House) -> None:
    rule = house.rule("put", then=[put("one", "text:published")])
    await house.deliver(delivery="d1", record="r1")
    begin_test(house, rule, [put("one", "text:draft")])
    with house.db() as db:
        db.execute("update rule_trial set since = now() + interval '5 s'")
    async with working(house) as worker:
        await house.until(lambda: rule in worker._topology.tests)
        await house.until_idle()
    assert written(house) == ["published"]
    assert house.value("select state from rule_trial") == "waiting"


async def test_a_dry_run_says_what_would_be_written_and_writes_nothing(house: House) -> None:
    rule = house.rule("put", then=[put("one", "text:published")])
    for number in (1, 2, 3):
        await house.deliver(delivery=f"d{number}", record=f"r{number}", name=f"n{number}")
    with house.db() as db:
        db.execute("update rule set state = 'paused' where id = %s", (rule,))
    definition = {
        "title": "t",
        "when": {"connection": 1, "trigger": "thing_happened"},
        "if": {"all": [{"field": "name", "is": "not_equals", "value": "n2"}]},
        "then": [put("one", "text:dry {{ name }}")],
    }
    compiled = json.dumps(compile_rule(parse_rule(definition), StubCatalog()).to_dict())
    with house.db() as db, db.transaction():
        db.execute(
            "insert into rule_trial (rule_id, kind, state, compiled, since)"
            " values (%s, 'rehearsal', 'waiting', %s, now() - interval '1 d')",
            (rule, compiled),
        )
    trial = house.value("select id from rule_trial")
    async with working(house):
        with house.db() as db:
            control.wake_chore(db.cursor(), "rehearse", {"trial": trial})
        await house.until(lambda: house.value("select state from rule_trial") == "done")
    assert written(house) == []
    [(total, found)] = house.rows("select total, found from rule_trial")
    assert total == 3
    assert [one["result"] for one in found] == ["updates", "left_out", "updates"]
    assert found[1]["code"] == "filtered"
    [write] = found[0]["steps"][0]["writes"]
    assert {"field": "name", "before": "", "after": "dry n3"} in write["fields"]
