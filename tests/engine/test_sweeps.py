"""What webhooks missed is looked for now and then: where it may be, while a rule listens, nothing twice."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from vaivem.connectors.sdk.registry import get_connector

from .chored import chores, hooked
from .conftest import KEY, House
from .inside import pass_time, working

HOOKED = "hookedhookhookedhookhooked"


@pytest.fixture
def hourly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor that may be asked every hour."""
    connector = get_connector("stub_hooked")
    manifest = msgspec.structs.replace(connector.manifest, sweep_minutes=60)
    monkeypatch.setattr(type(connector), "manifest", manifest)


def happened(house: House, minutes_ago: float, **row: Any) -> None:
    """Let something have happened at the vendor, as its list of changes says."""
    at = house.value("select vv_now()") - timedelta(minutes=minutes_ago)
    house.vendor.missed.append({"at": at.isoformat(), "record": "r", "name": "n", **row})


def looks(house: House) -> int:
    return house.vendor.calls["GET missed"]


async def _listen(house: House, trigger: str = "thing_happened") -> int:
    number = hooked(house, HOOKED)
    rule = house.rule("put", when={"connection": number, "trigger": trigger})
    await house.until(lambda: rule in house.app._topology.rules)
    return number


@pytest.mark.usefixtures("hourly")
async def test_each_look_begins_where_the_last_one_ended(house: House) -> None:
    number = await _listen(house)
    async with chores(house) as chored:
        await chored.look()
        await chored.catching_up.go_on()
        assert looks(house) == 1
        for minutes in (30, 29):
            pass_time(house, minutes=minutes)
            await chored.look()
            await chored.catching_up.go_on()
        assert looks(house) == 1
        happened(house, 50, delivery="lost")
        happened(house, 2, delivery="still on its way")
        pass_time(house, minutes=1)
        await chored.look()
        await chored.catching_up.go_on()
        assert looks(house) == 2
        assert house.value("select count(*) from event") == 1
        fact = house.value("select value from fact where name = %s", f"catch_up/{number}")
        assert (fact["sweep"], fact["state"], fact["new"]) == (True, "done", 1)
        pass_time(house, minutes=60)
        await chored.look()
        await chored.catching_up.go_on()
        assert house.value("select count(*) from event") == 2
    assert house.rows("select distinct bulk from event") == [(True,)]


@pytest.mark.usefixtures("hourly")
async def test_what_a_webhook_brought_is_not_taken_again(house: House) -> None:
    await _listen(house)
    body = {"record": "r", "name": "n", "delivery": "both", "email": "a@b.c"}
    assert await house.send(json.dumps(body).encode(), hook=HOOKED) in (200, 401)
    before = house.value("select count(*) from event")
    happened(house, 20, delivery="both")
    happened(house, 20, delivery="only looked for")
    async with chores(house) as chored:
        await chored.look()
        await chored.catching_up.go_on()
    assert house.value("select count(*) from event") == 2
    assert before <= 1


async def test_a_vendor_that_forbids_it_is_not_asked(house: House) -> None:
    await _listen(house)
    async with chores(house) as chored:
        await chored.look()
        await chored.catching_up.go_on()
    assert not looks(house)


@pytest.mark.usefixtures("hourly")
async def test_nobody_is_asked_for_what_no_rule_wants(house: House) -> None:
    hooked(house, HOOKED)
    async with chores(house) as chored:
        await chored.look()
        await chored.catching_up.go_on()
    assert not looks(house)


@pytest.mark.usefixtures("hourly")
async def test_one_happening_told_twice_is_done_once(house: House) -> None:
    """The webhook and the look have no mark in common: the rule's own key tells that it is one."""
    await _listen(house, "thing_once")
    happened(house, 20, delivery="one")
    happened(house, 20, delivery="other")
    async with chores(house) as chored:
        await chored.look()
        await chored.catching_up.go_on()
    async with working(house):
        await house.until(lambda: house.value("select count(*) from run") == 2)
    assert len(house.vendor.puts) == 1
    assert sorted(house.runs()) == [(1, ""), (3, "already_started")]


@pytest.mark.usefixtures("hourly")
async def test_what_was_told_within_seconds_is_not_taken_again(house: House) -> None:
    """Webhooks and lists without a mark in common: kind, record, title and time tell that it is one."""
    number = await _listen(house)
    sealed = house.vault.seal({"token": KEY, "webhook": {"secret": KEY}})
    with house.db() as db:
        db.execute("update connection set credentials = %s where id = %s", (sealed, number))
    await house.until(lambda: "webhook" in house.app._topology.lines[number].connection.credentials)
    now = house.value("select vv_now()")
    when = now - timedelta(minutes=20)

    def thing(seconds: float = 0, **more: Any) -> dict[str, Any]:
        at = (when + timedelta(seconds=seconds)).isoformat()
        return {"record": "7", "name": "n", "title": "Ana", "email": "a@b.c", "occurred": at, **more}

    assert await house.send(json.dumps(thing()).encode(), hook=HOOKED) == 200
    found = [
        thing(1, delivery="near", near=2),
        thing(3, delivery="later", near=2),
        thing(1, delivery="of another", near=2, record="8"),
        thing(1, delivery="with another title", near=2, title="Rui"),
        thing(1, delivery="of another kind", near=2, kind="edit"),
        thing(1, delivery="with a mark of its own"),
    ]
    for row in found:
        house.vendor.missed.append({"at": when.isoformat(), **row})
    async with chores(house) as chored:
        await chored.look()
        await chored.catching_up.go_on()
        kept = {
            row[0] for row in house.rows("select convert_from(body, 'utf8')::jsonb->>'delivery' from event")
        }
        assert kept - {None} == {row["delivery"] for row in found} - {"near"}
        assert house.value("select count(*) from event") == 1 + 5
