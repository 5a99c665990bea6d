"""Leases when clocks jump, links are cut and machines are slow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from vaivem.engine.budgets import Budgets
from vaivem.engine.clock import boot_time
from vaivem.engine.journal import DatabaseAwayError
from vaivem.engine.leases import GRACE_SECONDS, LEASE_SECONDS, Lease, LeaseLostError
from vaivem.engine.links import Link

from .conftest import House
from .inside import put, working
from .mail import Mail

STRANGER = (
    "insert into worker (id, until, host, pid)"
    " values (nextval('worker_seq'), now() + make_interval(secs => %s), 'elsewhere', 1) returning id"
)


@pytest.fixture
async def lease(house: House) -> AsyncIterator[Lease]:
    connection = await asyncpg.connect(house.dsn)
    made = Lease(connection, house.folder)
    await made.register()
    yield made
    await connection.close()


def own_lane(house: House, worker: int) -> None:
    with house.db() as db:
        db.execute(
            "insert into lane (ws, key, rule, gate, tail, state, due, owner)"
            " values (1, 7, 1, 1, 1, 2, now(), %s)",
            (worker,),
        )


async def test_a_dead_worker_is_taken_over_after_the_clock_went_back(house: House, lease: Lease) -> None:
    """It died with the lease that the clock of an hour ago had given it: that must not hold for an hour."""
    own_lane(house, house.value(STRANGER, 3600 + LEASE_SECONDS))
    begun = time.monotonic()
    while not await lease.beat():
        assert time.monotonic() - begun < LEASE_SECONDS * 3, "the lane is still the dead worker's"
        await asyncio.sleep(0.3)
    assert house.value("select owner is null and state = 1 and recover from lane")


async def test_a_living_worker_keeps_its_lanes_when_the_clock_went_back(house: House, lease: Lease) -> None:
    other = house.value(STRANGER, 3600 + LEASE_SECONDS)
    own_lane(house, other)
    for _ in range(4):
        assert await lease.beat() == 0
        with house.db() as db:  # it renews, as those who live do
            db.execute("update worker set until = now() + interval '6 seconds' where id = %s", (other,))
        await asyncio.sleep(0.1)
    assert house.value("select owner from lane") == other


async def test_a_machine_cut_off_in_a_transaction_does_not_stop_the_others(
    house: House, lease: Lease
) -> None:
    stranger = house.value(STRANGER, -1 - GRACE_SECONDS)
    with house.db() as db:
        db.autocommit = False
        db.execute("update worker set until = now() where id = %s", (stranger,))  # and no word any more
        begun = time.monotonic()
        async with asyncio.timeout(LEASE_SECONDS * 3):
            await lease.beat()
        assert lease.covers(LEASE_SECONDS / 2 - 1)
        assert time.monotonic() - begun < LEASE_SECONDS - 1
        db.rollback()


async def test_a_lease_that_is_nearly_over_is_renewed_before_a_write_leaves(lease: Lease) -> None:
    """A beat that comes late on a busy machine is no reason to end."""
    lease._until = boot_time() + 1.0
    assert not lease.covers(20.0)
    assert await lease.assure(20.0)
    assert lease.covers(20.0)


async def test_a_lease_that_is_over_is_not_renewed(house: House, lease: Lease) -> None:
    lease._until = boot_time() - 1.0
    with house.db() as db:
        db.execute("delete from worker")
    assert not await lease.assure(20.0)
    with pytest.raises(LeaseLostError):
        await lease.beat()


@pytest.mark.parametrize("action", ["put", "letter"])
async def test_the_look_at_the_lease_comes_after_every_wait(
    house: House, mail: Mail, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """A worker that stops while it waits for the vendor's budget finds its lease gone, and sends nothing."""
    gone = False

    async def waited(self: Budgets, *arguments: object, **named: object) -> None:
        nonlocal gone
        gone = True

    async def assured(self: Lease, seconds: float) -> bool:
        return not gone

    monkeypatch.setattr(Budgets, "take", waited)
    monkeypatch.setattr(Lease, "assure", assured)
    gone = action == "letter"
    text = {"text": "a@example.com"}
    letter = {"id": "tell", "kind": "email", "to": text, "subject": text, "body": text}
    house.rule("put", then=[letter if action == "letter" else put("do")])
    async with working(house, smtp_url=mail.url):
        await house.deliver(delivery="d1", name="one")
        await house.until(lambda: house.runs() or house.rows("select 1 from intent"))
        await asyncio.sleep(0.5)
        assert house.vendor.calls["PUT things"] == 0
        assert mail.letters == []


async def test_a_takeover_needs_no_word_half_way(house: House, lease: Lease) -> None:
    """It is one message: a machine cut off in the middle of several would hold the lanes' locks."""
    own_lane(house, house.value(STRANGER, -1 - GRACE_SECONDS))
    whole = lease._connection

    class Spy:
        """The lease's connection, and what is said on it."""

        said: list[str] = []

        def __getattr__(self, name: str) -> Any:
            return getattr(whole, name)

        async def execute(self, query: str) -> str:
            self.said.append(query)
            return str(await whole.execute(query))

        def transaction(self) -> None:
            raise AssertionError("a transaction waits for a word from us")

    lease._connection = Spy()
    assert await lease.beat() == 1
    assert [query for query in Spy.said if "delete from worker" in query and "update lane" in query]


async def test_the_server_ends_what_a_client_that_is_cut_off_left_open(house: House) -> None:
    link = Link(house.dsn)
    try:
        for name in ("idle_in_transaction_session_timeout", "statement_timeout"):
            (row,) = await link.fetch(f"show {name}")
            assert row[name] != "0"
    finally:
        await link.close()


async def test_what_a_cut_off_worker_sent_has_time_to_arrive_or_be_dropped(
    house: House, lease: Lease
) -> None:
    other = house.value(STRANGER, 5.0 - GRACE_SECONDS)
    own_lane(house, other)
    assert await lease.beat() == 0
    with house.db() as db:
        late = "update worker set until = now() - make_interval(secs => %s) where id = %s"
        db.execute(late, (GRACE_SECONDS + 0.1, other))
    assert await lease.beat() == 1


async def test_a_lease_that_nobody_renews_ends_the_work(house: House) -> None:
    connection = await asyncpg.connect(house.dsn)
    lease = Lease(connection, house.folder, 0.3)
    await lease.register()
    with pytest.raises(DatabaseAwayError):
        await lease.watch()
    await lease.register()
    lease._until -= LEASE_SECONDS  # the process stood still
    with pytest.raises(LeaseLostError):
        await lease.watch()
    await connection.close()
