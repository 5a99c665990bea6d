"""Faults and limits as a client at the other end of a socket meets them."""

from __future__ import annotations

import asyncio
import time

import pytest


async def raw(base_url, method="POST", seconds=30.0):
    """What arrives on a bare socket until the other side closes it."""
    host, port = base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = b'{"text":"raw"}' if method == "POST" else b""
    head = f"{method} /api/notes HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    try:
        return await asyncio.wait_for(reader.read(-1), seconds)
    finally:
        writer.close()
        await writer.wait_closed()


async def once(running, fault, method="POST"):
    shot = {"method": method, "path": "/api/notes", "fault": fault}
    answer = await running.call("POST", "/_control/faults", {"next": [shot]})
    assert answer.status == 200


@pytest.mark.parametrize(("fault", "kept"), [("reset_before", []), ("reset_after_write", ["raw"])])
async def test_a_cut_connection_sends_nothing(start, toy, fault, kept):
    running = await start(toy)
    await once(running, fault)
    assert await raw(running.base_url) == b""
    assert (await running.call("GET", "/api/notes")).json == kept
    assert (await running.call("GET", "/_control/requests?method=POST")).json[0]["status"] is None


async def test_half_a_body(start, toy):
    running = await start(toy)
    await once(running, "half_body")
    got = await raw(running.base_url)
    assert b"content-length: 14" in got
    assert got.endswith(b'{"text"')
    assert toy.notes == ["raw"]


@pytest.mark.parametrize(
    ("fault", "status", "kept"),
    [("429", 429, 0), ("500", 500, 0), ("html", 502, 0), ("500_after_write", 500, 1), ("empty", 201, 1)],
)
async def test_wrong_answers(start, toy, fault, status, kept):
    running = await start(toy)
    await once(running, fault)
    answer = await running.call("POST", "/api/notes", {"text": "a"})
    assert answer.status == status
    assert len(toy.notes) == kept
    if fault == "empty":
        assert answer.body == b""
    assert (await running.call("POST", "/api/notes", {"text": "b"})).status == 201, "once only"


@pytest.mark.parametrize(("fault", "kept"), [("timeout", []), ("timeout_after_write", ["raw"])])
async def test_silence(start, toy, fault, kept):
    running = await start(toy)
    await once(running, fault)
    with pytest.raises(TimeoutError):
        await raw(running.base_url, seconds=0.2)
    for _ in range(1000):  # a busy machine comes to it later
        if toy.notes == kept:
            break
        await asyncio.sleep(0.01)
    assert toy.notes == kept


async def test_down_and_latency(start, toy):
    running = await start(toy)
    await running.call("POST", "/_control/faults", {"down": True})
    assert await raw(running.base_url) == b""
    assert (await running.call("GET", "/")).status == 200, "pages stay"
    await running.call("POST", "/_control/faults", {"down": False, "latency_ms": 60})
    started = time.perf_counter()
    assert (await running.call("GET", "/api/notes")).status == 200
    assert time.perf_counter() - started >= 0.06


async def test_chance_is_seeded(start, toy):
    running = await start(toy)

    async def draw():
        await running.call("POST", "/_control/faults", {"p_500": 0.5, "seed": 7})
        return [(await running.call("GET", "/api/notes")).status for _ in range(30)]

    first = await draw()
    assert set(first) == {200, 500}
    assert await draw() == first


@pytest.mark.parametrize(
    "wrong",
    [
        {"p_4": 1},
        {"p_500": 2},
        {"down": "yes"},
        {"next": [{"fault": "fire"}]},
        {"next": {}},
        {"latency_ms": -1},
    ],
)
async def test_unknown_faults_change_nothing(start, toy, wrong):
    running = await start(toy)
    before = (await running.call("GET", "/_control/faults")).json
    answer = await running.call("POST", "/_control/faults", {"p_429": 0.5, **wrong})
    assert answer.status == 400
    assert (await running.call("GET", "/_control/faults")).json == before


async def test_limits_count_what_came_and_refuse_what_is_too_much(start, toy):
    running, now = await start(toy), 1000.0
    toy.limits._monotonic = lambda: now
    await running.call("POST", "/_control/limits", {"mode": "5/0.3"})
    answers = [(await running.call("GET", "/api/notes")).status for _ in range(8)]
    assert answers == [200] * 5 + [429] * 3
    shown = (await running.call("GET", "/_control/limits")).json
    assert (shown["limit"], shown["max_in_window"], shown["refused"]) == (5, 8, 3)
    now += 0.29
    assert (await running.call("GET", "/api/notes")).status == 429
    now += 0.02
    assert (await running.call("GET", "/api/notes")).status == 200
    assert (await running.call("POST", "/_control/limits", {"mode": "some"})).status == 400


async def test_requests_are_logged_without_secrets(start, toy):
    running = await start(toy)
    await running.call("GET", "/api/notes?token=abc&x=1")
    await running.call("GET", "/")
    logged = (await running.call("GET", "/_control/requests")).json
    assert [(r["method"], r["path"], r["query"], r["status"]) for r in logged] == [
        ("GET", "/api/notes", "token=***&x=1", 200)
    ]
    await running.call("POST", "/_control/reset")
    assert (await running.call("GET", "/_control/requests")).json == []
