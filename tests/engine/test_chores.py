"""Chores in a worker: what is asked for is done, and a bug of one ends nobody."""

from __future__ import annotations

import asyncio

import pytest

from vaivem.engine import control
from vaivem.engine.topology import TopologyKeeper

from .chored import hooked
from .conftest import House
from .inside import put, working


def ask(house: House, name: str, **payload: object) -> None:
    with house.db() as db, db.cursor() as cursor:
        control.wake_chore(cursor, name, payload)


async def test_a_catalog_is_read_whole_on_demand(house: House) -> None:
    number = hooked(house, "a" * 26)
    house.vendor.people = [{"id": 1, "name": "Ana"}, {"id": 2, "name": "Bia"}]
    async with working(house) as worker:
        await house.until(lambda: number in worker._topology.lines)
        ask(house, "refresh_catalog", connection=number)
        read = "select catalog from connection where id = %s"
        await house.until(lambda: house.value(read, number) != {})
    catalog = house.value("select catalog from connection where id = %s", number)
    assert catalog["lists"]["owners"][0] == {"value": "1", "label": "owners Ana"}
    assert sorted(catalog["lists"]) == ["owners", "stages/1", "stages/2"]
    assert [field["key"] for field in catalog["fields"]["thing"]] == ["thing.cf_1"]


async def test_what_a_vendor_refuses_has_its_lists_read_anew_once_in_a_while(house: House) -> None:
    """What the rule names may be gone there: it is marked now, and not when the lists are due."""
    number = hooked(house, "a" * 26)
    house.rule("put", then=[{**put("one", "name"), "connection": number}])
    house.vendor.people = [{"id": 1, "name": "Ana"}]
    house.vendor.door = lambda method, path, headers, body: (
        (422, {"error": "the owner is not active"}, {}) if method == "PUT" else None
    )
    read = "select catalog from connection where id = %s"
    reads = "select count(*) from fact where name = %s"
    async with working(house) as worker:
        await house.until(lambda: number in worker._topology.lines)
        await house.deliver(record="r1", delivery="d1", name="one")
        await house.until(lambda: house.value(read, number) != {})
        assert house.value("select code from run") == "record_refused"
        seen = house.vendor.calls["GET people"]
        await house.deliver(record="r1", delivery="d2", name="two")
        await house.until(lambda: house.value("select count(*) from run") == 2)
        await house.until(lambda: house.value("select count(*) from pgqueuer") == 0)
        assert (house.vendor.calls["GET people"], house.value(reads, f"lists/{number}")) == (seen, 1)


async def test_a_new_connections_lists_are_read_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job comes with the connection, and a worker may take it before it knows the connection."""

    async def hear_nothing(_: TopologyKeeper) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(TopologyKeeper, "run", hear_nothing)
    house.vendor.people = [{"id": 1, "name": "Ana"}]
    async with working(house) as worker:
        made = hooked(house, "a" * 26)
        assert made not in worker._topology.lines
        ask(house, "refresh_catalog", connection=made)
        await house.until(lambda: house.value("select count(*) from pgqueuer") == 0)
        assert house.value("select catalog from connection where id = %s", made)["lists"]["owners"]


async def test_a_chore_that_stumbles_stays_listed_and_the_next_is_served(house: House) -> None:
    async with working(house) as worker:
        await asyncio.sleep(0.3)
        ask(house, "refresh_catalog", connection="not a number")
        await house.until(lambda: house.rows("select 1 from pgqueuer where status = 'failed'"))
        await house.send(b"not json")
        ask(house, "retake_rejected", ws=1, id=house.value("select id from rejected"))
        await house.until(
            lambda: house.value("select count(*) from pgqueuer where entrypoint = 'retake_rejected'") == 0
        )
        assert not worker.stopping.is_set()


@pytest.mark.parametrize("place", ["keep_all", "after_absence"])
async def test_a_bug_at_the_start_does_not_end_the_worker(
    house: House, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    async def stumble(self: object) -> None:
        raise KeyError("made up")

    owner = {"keep_all": "subscriptions.Subscriptions", "after_absence": "catching_up.CatchingUp"}[place]
    monkeypatch.setattr(f"vaivem.engine.{owner}.{place}", stumble)
    house.rule("put")
    async with working(house):
        await house.deliver(delivery="d1")
        await house.until(house.runs)
    assert house.runs() == [(1, "")]
