"""Bodies that are packed, broken or poisoned: each taken or listed, and never at its neighbours' cost."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib

import pytest

from .conftest import House

LIMIT = 5 * 1024 * 1024


def body_of(**event: object) -> bytes:
    return json.dumps({"record": "r1", "name": "n", **event}).encode()


@pytest.mark.soak
@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress), ("Identity", bytes)],
)
async def test_a_packed_body_is_taken_as_what_is_in_it(house: House, encoding: str, pack: object) -> None:
    house.rule("put")
    house.worker()
    plain = body_of(delivery="d1", name="packed")
    assert callable(pack)
    assert await house.send(pack(plain), content_encoding=encoding) == 200
    assert house.rows("select body from event") == [(plain,)]
    await house.until(lambda: house.runs())
    assert house.vendor.puts == [("/things/r1", {"name": "packed"})]


async def test_a_small_body_that_unpacks_over_the_limit_is_too_large(house: House) -> None:
    bomb = gzip.compress(b" " * (LIMIT + 1))
    assert len(bomb) < 10_000
    assert await house.send(bomb, content_encoding="gzip") == 413
    exact = body_of(delivery="d1", name="x" * (LIMIT - 60)).ljust(LIMIT)
    assert await house.send(gzip.compress(exact), content_encoding="gzip") == 200
    assert house.value("select count(*) from event") == 1


@pytest.mark.parametrize(
    ("body", "encoding", "code"),
    [
        (b"not packed at all", "gzip", "body_not_compressed"),
        (gzip.compress(b"{}" * 1000, mtime=0)[:-12], "gzip", "body_incomplete"),
        (b"{}", "br", "encoding_unknown"),
        (b"{}", "gzip, gzip", "encoding_unknown"),
    ],
)
async def test_broken_packing_is_listed_with_its_bytes(
    house: House, body: bytes, encoding: str, code: str
) -> None:
    assert await house.send(body, content_encoding=encoding) == 200
    assert house.rows("select code, body from rejected") == [(code, body)]
    assert house.value("select count(*) from event") == 0


async def test_null_characters_and_odd_letters_are_kept_as_they_came(house: House) -> None:
    house.rule("put")
    house.worker()
    body = body_of(delivery="d1", record="r\x001", name="a\x00b", title="T\x00 \u00e9\U0001f58a")
    assert await house.send(body) == 200
    assert house.rows("select record, title, body from event") == [("r1", "T \u00e9\U0001f58a", body)]
    await house.until(lambda: house.runs())
    await house.until_idle()
    assert house.value("select count(*) from run") == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"record": "r1", "title": "half \\ud83d"}',
        b'{"record": "half \\ud83d"}',
        b'{"record": "r1", "delivery": "half \\ud83d"}',
        b'{"record": "r1", "title": "\xff\xfe"}',
        json.dumps([{"record": 1, "delivery": str(n)} for n in range(40_000)]).encode(),
    ],
    ids=["title", "record", "identity", "not utf-8", "too many events"],
)
async def test_a_poisoned_delivery_is_listed_and_its_neighbours_are_taken(house: House, body: bytes) -> None:
    house.rule("put")
    neighbours = [house.deliver(delivery=f"d{n}", record=f"r{n}") for n in range(20)]
    statuses = await asyncio.gather(*neighbours[:10], house.send(body), *neighbours[10:])
    assert set(statuses) == {200}
    assert house.value("select count(*) from item") == 20
    ((code, kept),) = house.rows("select code, body from rejected")
    assert code in ("delivery_unreadable", "delivery_not_storable", "too_many_events")
    assert kept == body


@pytest.mark.soak
async def test_thousands_of_events_in_one_body_are_kept_once_and_let_others_pass(house: House) -> None:
    house.rule("put")
    body = json.dumps([{"record": f"r{n}", "delivery": f"b{n}"} for n in range(1_200)]).encode()
    statuses = await asyncio.gather(house.send(body), *(house.deliver(delivery=f"d{n}") for n in range(10)))
    assert set(statuses) == {200}
    assert await house.send(body) == 200
    assert house.value("select count(*) from event") == 1_210


async def test_a_few_events_in_a_large_body_are_too_many(house: House) -> None:
    """A delivery is kept with each of its events: a body of 2 MB that says it is 300 would be 600 MB."""
    events = [{"record": f"r{n}", "delivery": f"b{n}"} for n in range(300)]
    body = json.dumps([*events, {"record": "x", "delivery": "x", "title": "t" * 2_000_000}]).encode()
    assert await house.send(body) == 200
    assert house.rows("select code from rejected") == [("too_many_events",)]
    assert house.value("select count(*) from event") == 0


async def test_a_sender_that_leaves_half_way_is_not_acknowledged(house: House) -> None:
    answers: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def answer(message: dict[str, object]) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": "/hook/abcdefghijkmnpqrstuvwxyz22", "headers": []}
    await house.app(scope, receive, answer)  # type: ignore[arg-type]
    assert answers[0]["status"] == 503
    assert house.value("select count(*) from event") == 0
