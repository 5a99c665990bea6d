"""Deliveries: the schedule follows the simulated clock, an address is checked, much goes through at once."""

from __future__ import annotations

import asyncio
import time

import pytest

from vaivem.simulators.kit.server import BoundServer
from vaivem.simulators.kit.webhooks import RefusedAddressError, check_address


@pytest.fixture
async def receiver():
    """``(address, bodies, statuses)``: what came, and the answers still to give before 200."""
    bodies, statuses = [], []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        bodies.append((await receive())["body"])
        await send(
            {"type": "http.response.start", "status": statuses.pop(0) if statuses else 200, "headers": []}
        )
        await send({"type": "http.response.body", "body": b""})

    port = asyncio.get_running_loop().create_future()
    server = BoundServer(app, "127.0.0.1", 0, port.set_result)
    serving = asyncio.create_task(server.serve())
    yield f"http://127.0.0.1:{await port}/", bodies, statuses
    server.stop()
    await serving


async def finished(running, count):
    async with asyncio.timeout(30):
        while True:
            shown = (await running.call("GET", "/_control/deliveries/counts")).json
            if shown["delivered"] + shown["failed"] >= count:
                return shown
            await asyncio.sleep(0.02)


async def tried(toy, tries):
    async with asyncio.timeout(30):
        while True:
            if len(next(iter(toy.webhooks.deliveries.values())).tries) >= tries:
                return
            await asyncio.sleep(0.01)


async def test_pauses_are_of_the_simulated_clock(start, toy, receiver):
    toy.hook, bodies, statuses = receiver
    statuses.extend([503, 503])
    running = await start(toy)
    await running.call("POST", "/api/notes", {"text": "a"})
    for tries in (1, 2):
        await tried(toy, tries)
        assert len(bodies) == tries
        await running.call("POST", "/_control/clock", {"advance_seconds": 301})
    assert (await finished(running, 1))["delivered"] == 1
    assert bodies == [b'{"text":"a"}'] * 3


async def test_it_gives_up_after_the_last_pause(start, toy, receiver):
    toy.hook, _, statuses = receiver
    statuses.extend([500, 410])
    running = await start(toy)
    await running.call("POST", "/_control/webhooks/schedule", {"delays_seconds": [0.01]})
    await running.call("POST", "/api/notes", {"text": "a"})
    assert (await finished(running, 1))["failed"] == 1
    assert (await running.call("POST", "/_control/webhooks/schedule", {"delays_seconds": [-1]})).status == 400


async def test_nobody_listens(start, toy):
    toy.hook = "http://127.0.0.1:9/"
    running = await start(toy)
    await running.call("POST", "/_control/webhooks/schedule", {"delays_seconds": []})
    await running.call("POST", "/api/notes", {"text": "a"})
    await finished(running, 1)
    delivery = (await running.call("GET", "/_control/deliveries")).json[0]
    assert delivery["state"] == "failed"
    assert "error" in delivery["tries"][0]


async def test_three_hundred_a_second(start, toy, receiver):
    toy.hook, bodies, _ = receiver
    running, took = await start(toy), []
    for turn in range(1, 4):  # a machine that stands still for a moment gets another one
        started = time.perf_counter()
        for number in range(600):
            toy.webhooks.send("noted", toy.hook, b"%d %d" % (turn, number), {})
        await finished(running, 600 * turn)
        took.append(time.perf_counter() - started)
        assert len(set(bodies)) == 600 * turn
        if took[-1] < 2:
            break
    assert min(took) < 2


def test_waiting_deliveries_survive_a_snapshot(toy):
    toy.webhooks.send("noted", "http://127.0.0.1:9/", b"\xff\x00", {"A": "b"}, hook="h1")
    saved = toy.webhooks.snapshot()
    toy.webhooks.clear()
    toy.webhooks.restore(saved)
    (delivery,) = toy.webhooks.deliveries.values()
    assert (delivery.body, delivery.headers, delivery.hook) == (b"\xff\x00", {"A": "b"}, "h1")


@pytest.mark.parametrize(
    "url", ["https://example.com/x", "http://127.0.0.1:80/", "http://localhost/", "http://[::1]/"]
)
def test_addresses_taken(url):
    check_address(url)


@pytest.mark.parametrize(
    "url", ["http://example.com/", "ftp://localhost/", "nothing", "https://", "http://10.0.0.1/"]
)
def test_addresses_refused(url):
    with pytest.raises(RefusedAddressError):
        check_address(url)


async def test_a_listener_may_change_the_body_of_the_next_try(start, toy, receiver):
    address, bodies, statuses = receiver
    running = await start(toy)
    toy.webhooks.set_schedule([0.01, 0.01])
    statuses += [500, 500]

    def number(delivery):
        delivery.body = f"try {len(delivery.tries) + 1}".encode()

    toy.webhooks.on_try(number)
    toy.webhooks.send("noted", address, b"try 1", {})
    assert (await finished(running, 1))["delivered"] == 1
    assert bodies == [b"try 1", b"try 2", b"try 3"]


async def test_what_is_sent_once_is_not_tried_again(start, toy, receiver):
    address, bodies, statuses = receiver
    running = await start(toy)
    statuses.append(500)
    delivery = toy.webhooks.send("gone", address, b"{}", {}, method="DELETE", once=True)
    assert (await finished(running, 1))["failed"] == 1
    assert (len(bodies), delivery.tries[0]["status"]) == (1, 500)
    again = type(toy)()
    toy.webhooks.send("gone", address, b"{}", {}, method="DELETE", once=True)
    again.webhooks.restore(toy.webhooks.snapshot())
    assert [(d.method, d.once) for d in again.webhooks.deliveries.values()] == [("DELETE", True)]


async def test_what_is_held_waits_for_its_release(start, toy, receiver):
    address, bodies, _statuses = receiver
    running = await start(toy)
    held = toy.webhooks.send("thing", address, b"held", {}, hold=True)
    toy.webhooks.send("thing", address, b"free", {})
    await finished(running, 1)
    assert (bodies, held.state) == ([b"free"], "held")
    assert (await running.call("GET", "/_control/deliveries/counts")).json["waiting"] == 1
    toy.webhooks.release(held)
    await finished(running, 2)
    assert (bodies, held.state) == ([b"free", b"held"], "delivered")


async def test_a_released_delivery_can_go_missing_or_double(start, toy, receiver):
    address, bodies, _statuses = receiver
    running = await start(toy)
    toy.faults.update({"p_webhook_double": 1})
    toy.webhooks.release(toy.webhooks.send("thing", address, b"twice", {}, hold=True))
    await finished(running, 2)
    toy.faults.update({"p_webhook_missing": 1})
    lost = toy.webhooks.send("thing", address, b"lost", {}, hold=True)
    assert lost.state == "held"
    toy.webhooks.release(lost)
    assert (lost.state, bodies) == ("dropped", [b"twice", b"twice"])


async def test_each_try_can_be_prepared(start, toy, receiver):
    address, bodies, statuses = receiver
    statuses.append(503)
    toy.webhooks.on_start(lambda delivery: setattr(delivery, "body", b"%d" % len(delivery.tries)))
    running = await start(toy)
    toy.webhooks.set_schedule([0.01])
    toy.webhooks.send("thing", address, b"", {})
    await finished(running, 1)
    assert bodies == [b"0", b"1"]
