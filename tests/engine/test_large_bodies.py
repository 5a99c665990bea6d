"""Large bodies, where a vendor sends such: taken in turns, proved first, kept without what is never read."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from vaivem.connectors.sdk import Connection, Delivery
from vaivem.engine import ingest

from .conftest import HOOK, KEY, STUB, House

MIB = 1024 * 1024
LIMIT = 8 * MIB


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stub take larger bodies, and keep them without their files."""
    kind = type(STUB.webhooks)

    def slim(self: Any, delivery: Delivery, connection: Connection) -> Delivery:
        content = json.loads(delivery.body)
        content.pop("file", None)
        return replace(delivery, body=json.dumps(content).encode())

    monkeypatch.setattr(kind, "max_bytes", LIMIT)
    monkeypatch.setattr(kind, "slim", slim)


def body_of(size: int, **event: Any) -> bytes:
    head = json.dumps({"record": "r1", "name": "n", **event, "file": ""}).encode()
    return head[:-2] + b"x" * (size - len(head)) + head[-2:]


def parts_of(body: bytes, size: int = MIB) -> Iterator[dict[str, Any]]:
    for start in range(0, len(body), size):
        more = start + size < len(body)
        yield {"type": "http.request", "body": body[start : start + size], "more_body": more}


async def send(house: House, parts: Any, key: str = KEY) -> int:
    """Send a body in parts; return the status."""
    scope = {
        "type": "http", "method": "POST", "path": f"/hook/{HOOK}", "query_string": b"",
        "headers": [(b"x-key", key.encode()), (b"content-type", b"application/json")],
    }  # fmt: skip
    answers: list[Any] = []

    async def receive() -> Any:
        return await anext(parts) if isinstance(parts, AsyncIterator) else next(parts)

    async def answer(message: Any) -> None:
        answers.append(message)

    await house.app(scope, receive, answer)
    return int(answers[0]["status"])


async def test_one_is_taken_and_kept_without_its_file(house: House) -> None:
    assert await send(house, parts_of(body_of(7 * MIB, delivery="d1"))) == 200
    ((kept,),) = house.rows("select body from event")
    assert json.loads(kept) == {"record": "r1", "name": "n", "delivery": "d1"}


@pytest.mark.parametrize(
    ("size", "status"), [(5 * MIB, 200), (5 * MIB + 1, 200), (LIMIT, 200), (LIMIT + 1, 413), (20 * MIB, 413)]
)
async def test_the_limit_is_exact(house: House, size: int, status: int) -> None:
    assert await send(house, parts_of(body_of(size, delivery="d1"))) == status
    assert house.value("select count(*) from event") == (1 if status == 200 else 0)


async def test_one_that_is_not_proved_is_refused_and_not_kept(house: House) -> None:
    assert await send(house, parts_of(body_of(7 * MIB)), key="wrong") == 401
    assert house.rows("select body from rejected") == [(b"",)]


async def test_one_that_cannot_be_read_is_listed_with_its_bytes(house: House) -> None:
    broken = b"{" + b" " * (6 * MIB)
    assert await send(house, parts_of(broken)) == 200
    assert house.rows("select length(body) from rejected") == [(len(broken),)]


async def test_few_are_in_memory_at_once_and_small_ones_do_not_wait(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = asyncio.Event()
    begun = 0

    async def slow(number: int) -> AsyncIterator[Any]:
        nonlocal begun
        for count, part in enumerate(parts_of(body_of(7 * MIB, delivery=f"d{number}"))):
            if count == 6:  # the last part; five went before without a turn
                begun += 1
                await goes_on.wait()
            yield part

    sent = [asyncio.create_task(send(house, slow(number))) for number in range(4)]
    await house.until(lambda: begun == ingest.LARGE_AT_ONCE)
    assert await house.deliver(delivery="small") == 200
    assert begun == ingest.LARGE_AT_ONCE
    goes_on.set()
    assert await asyncio.gather(*sent) == [200] * 4
    assert house.value("select count(*) from event") == 5


async def test_no_more_wait_than_there_is_memory_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "LARGE_WAITING", 3)
    goes_on = asyncio.Event()

    async def slow(number: int) -> AsyncIterator[Any]:
        for count, part in enumerate(parts_of(body_of(7 * MIB, delivery=f"d{number}"))):
            if count == 6:
                await goes_on.wait()
            yield part

    most = ingest.LARGE_AT_ONCE + 3
    sent = [asyncio.create_task(send(house, slow(number))) for number in range(most)]
    await house.until(lambda: house.app._large_waiting == 3)
    assert await send(house, parts_of(body_of(7 * MIB, delivery="late"))) == 503
    packed = gzip.compress(body_of(7 * MIB, delivery="late, packed"))
    answer = await house.send(packed, content_encoding="gzip")
    assert answer == 503
    assert await house.deliver(delivery="small") == 200
    goes_on.set()
    assert await asyncio.gather(*sent) == [200] * most
    assert house.app._large_waiting == 0
    # Who is asked to come again finds room.
    assert await send(house, parts_of(body_of(7 * MIB, delivery="late"))) == 200
    assert house.value("select count(*) from event") == most + 2


async def test_a_small_one_that_unpacks_to_a_large_one_takes_a_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, lock, goes_on = ingest.unpacked, threading.Lock(), threading.Event()
    now, most = 0, 0

    def slow(delivery: Delivery, limit: int) -> Delivery:
        """Unpack, and hold what is large for a while."""
        nonlocal now, most
        plain = known(delivery, limit)
        if len(plain.body) > ingest.ORDINARY_BYTES:
            with lock:
                now, most = now + 1, max(most, now + 1)
            goes_on.wait(20)
            with lock:
                now -= 1
        return plain

    monkeypatch.setattr(ingest, "unpacked", slow)
    packed = [gzip.compress(body_of(7 * MIB, delivery=f"d{number}")) for number in range(4)]
    assert max(map(len, packed)) < MIB
    sent = [asyncio.create_task(house.send(body, content_encoding="gzip")) for body in packed]
    await house.until(lambda: now == ingest.LARGE_AT_ONCE)
    # The loop goes on meanwhile, and what unpacks to little needs no turn.
    assert await house.send(gzip.compress(body_of(MIB, delivery="small")), content_encoding="gzip") == 200
    assert now == ingest.LARGE_AT_ONCE
    goes_on.set()
    assert await asyncio.gather(*sent) == [200] * 4
    assert most == ingest.LARGE_AT_ONCE
    assert house.value("select count(*) from event") == 5


@pytest.mark.parametrize(("size", "status"), [(5 * MIB + 1, 200), (LIMIT, 200), (LIMIT + 1, 413)])
async def test_the_limit_counts_what_is_unpacked(house: House, size: int, status: int) -> None:
    body = gzip.compress(body_of(size, delivery="d1"))
    assert await house.send(body, content_encoding="gzip") == status
    assert house.value("select count(*) from event") == (1 if status == 200 else 0)


async def test_a_small_one_that_does_not_end_is_given_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BODY_SECONDS", 0.2)

    async def stops(parts: list[dict[str, Any]]) -> AsyncIterator[Any]:
        for part in parts:
            yield part
        await asyncio.Event().wait()

    begun = list(parts_of(body_of(3 * MIB)))[:2]
    assert await asyncio.wait_for(send(house, stops(begun)), 10) == 408
    assert await asyncio.wait_for(send(house, stops([])), 10) == 408  # nothing at all
    assert house.value("select count(*) from rejected") == 0


async def test_one_that_stops_half_way_gives_its_turn_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "LARGE_SECONDS", 0.3)

    async def stops() -> AsyncIterator[Any]:
        for count, part in enumerate(parts_of(body_of(7 * MIB))):
            if count == 6:
                await asyncio.Event().wait()
            yield part

    assert await asyncio.gather(*(send(house, stops()) for _ in range(3))) == [408] * 3
    monkeypatch.setattr(ingest, "LARGE_SECONDS", 60.0)
    assert await send(house, parts_of(body_of(7 * MIB, delivery="d9"))) == 200
