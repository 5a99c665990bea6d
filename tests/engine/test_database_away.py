"""The hook while the database is away: no acknowledgement from memory, and back as soon as it is."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from vaivem.engine.ingest import IngestApp
from vaivem.engine.leases import LEASE_SECONDS

from .conftest import House
from .relay import Relay
from .test_intake import request


@pytest.fixture
async def relay(database: str) -> AsyncIterator[Relay]:
    made = Relay(database)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def app(house: House, relay: Relay) -> AsyncIterator[IngestApp]:
    """An app that reaches the database through the relay."""
    made = IngestApp(replace(house.config, database_url=relay.dsn))
    await made.startup()
    await house.until(lambda: bool(made._topology.lines))
    yield made
    await made.shutdown()


def body(number: int) -> bytes:
    return json.dumps({"record": "r", "delivery": f"d{number}"}).encode()


async def test_away_is_503_and_back_is_200_within_a_second(
    house: House, app: IngestApp, relay: Relay
) -> None:
    assert (await request(app, body(0)))[0] == 200
    await relay.stop()
    for number in range(1, 4):
        status, headers = await request(app, body(number))
        assert status == 503
        assert int(headers["retry-after"]) > 0
    assert (await request(app, b"", hook="nobodyknowsthishookaddress"))[0] == 503
    assert (await request(app, b"{}", x_key="wrong"))[0] == 401
    await relay.start()
    back = time.monotonic()
    while (await request(app, body(9)))[0] != 200:
        assert time.monotonic() - back < 15  # by itself; 503s are answered in moments
    assert house.value("select count(*) from event") == 2


async def test_the_database_going_away_amid_deliveries_loses_none_that_was_acknowledged(
    house: House, app: IngestApp, relay: Relay
) -> None:
    house.rule("put")
    await house.until(lambda: house.known <= app._topology.rules.keys())
    kept: list[int] = []

    async def one(number: int) -> None:
        if (await request(app, body(number)))[0] == 200:
            kept.append(number)

    for start in range(0, 200, 40):
        batch = [asyncio.create_task(one(number)) for number in range(start, start + 40)]
        await asyncio.sleep(0.005)
        await relay.stop()
        await asyncio.gather(*batch)
        await relay.start()
        await one(1000 + start)
    there = {int(json.loads(row[0])["delivery"][1:]) for row in house.rows("select body from event")}
    assert set(kept) <= there
    assert len(kept) >= 5
    assert house.value("select count(*) from item") == len(there)


@pytest.mark.soak
@pytest.mark.timeout(180)
async def test_a_worker_goes_on_after_its_link_was_cut(house: House, relay: Relay) -> None:
    """Nobody is told that the link is cut, for longer than a lease; every part of the worker must notice."""
    house.rule("put")
    house.environment["VAIVEM_DSN"] = relay.dsn
    worker = house.worker()
    await house.deliver(delivery="d0")
    await house.until(lambda: len(house.runs()) == 1)
    relay.hold()
    await house.deliver(delivery="d1")
    await asyncio.sleep(LEASE_SECONDS * 1.5)
    relay.heal()
    await house.until(lambda: len(house.runs()) == 2 or worker.poll() is not None, 30)
    if worker.poll() is not None:  # it may end, as a supervisor starts it again
        house.worker()
        await house.until(lambda: len(house.runs()) == 2, 30)
    assert [status for status, _ in house.runs()] == [1, 1]


async def test_readiness_follows_the_database(app: IngestApp, relay: Relay) -> None:
    async def ready() -> int:
        answers: list[dict[str, object]] = []

        async def answer(message: dict[str, object]) -> None:
            answers.append(message)

        scope = {"type": "http", "method": "GET", "path": "/readyz", "headers": []}
        await app(scope, None, answer)  # type: ignore[arg-type]
        status = answers[0]["status"]
        assert isinstance(status, int)
        return status

    assert await ready() == 200
    await relay.stop()
    assert await ready() == 503
    await relay.start()
    assert await ready() == 200


async def test_the_configuration_is_followed_again_after_the_database_was_away(
    house: House, app: IngestApp, relay: Relay
) -> None:
    await relay.stop()
    house.rule("put")
    await relay.start()
    await house.until(lambda: house.known <= app._topology.rules.keys())
