"""What the hook takes: each event once, in its lanes, from as many processes as there are."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vaivem.connectors.sdk import Connection, Delivery
from vaivem.engine.ingest import IngestApp
from vaivem.engine.intake import Masks, masked

from .conftest import HOOK, KEY, House


async def request(
    app: IngestApp, body: bytes, *, hook: str = HOOK, **headers: str
) -> tuple[int, dict[str, str]]:
    """Send one request to one of several apps; return its status and headers."""
    sent = {"x-key": KEY, **headers}
    scope = {
        "type": "http", "method": "POST", "path": f"/hook/{hook}", "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()],
    }  # fmt: skip
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def answer(message: Any) -> None:
        answers.append(message)

    await app(scope, receive, answer)
    return answers[0]["status"], {name.decode(): value.decode() for name, value in answers[0]["headers"]}


def counts(house: House) -> tuple[int, int]:
    """Return how many events and how many runs there are."""
    return house.value("select count(*) from event"), house.value("select count(*) from item")


async def pass_time(house: House, span: str) -> None:
    """Let time go by for the database and for the app, which looks at the clock every two seconds."""
    with house.db() as db:
        db.execute("update clock set shift = shift + %s::interval", (span,))
    then = house.value("select vv_now()")
    await house.until(lambda: house.app._clock.now() >= then - timedelta(seconds=5))


async def test_the_same_delivery_five_times_is_one_event(house: House) -> None:
    house.rule("put")
    for _ in range(5):
        assert await house.deliver(delivery="d1") == 200
    assert counts(house) == (1, 1)


async def test_the_same_delivery_five_times_at_once_at_two_apps_is_one_event(house: House) -> None:
    house.rule("put")
    other = IngestApp(house.config)
    await other.startup()
    try:
        await house.until(lambda: house.known <= other._topology.rules.keys())
        await house.deliver(delivery="before", record="before")
        bodies = [json.dumps({"record": f"r{n}", "delivery": f"d{n}"}).encode() for n in range(20)]
        tries = [request(app, body) for body in bodies for app in (house.app, other, house.app, other, other)]
        answers = await asyncio.gather(*tries)
    finally:
        await other.shutdown()
    assert {status for status, _ in answers} == {200}
    assert counts(house) == (21, 21)
    assert house.rows("select count(*) from lane where tail <> 1") == [(0,)]


async def test_without_an_identity_equal_requests_are_one_event_for_three_days(house: House) -> None:
    house.rule("put")
    for _ in range(3):
        await house.deliver(name="same")
    await house.deliver(name="other")
    assert counts(house) == (2, 2)
    await pass_time(house, "71 hours")
    await house.deliver(name="same")
    assert counts(house) == (2, 2)
    await pass_time(house, "2 hours")
    await house.deliver(name="same")
    await house.deliver(name="same")
    assert counts(house) == (3, 3)


async def test_an_identity_may_hold_for_some_minutes_only(house: House) -> None:
    house.rule("put")
    for _ in range(2):
        await house.deliver(delivery="d1", within=10)
    assert counts(house) == (1, 1)
    await pass_time(house, "11 minutes")
    await house.deliver(delivery="d1", within=10)
    assert counts(house) == (2, 2)


async def test_an_identity_without_an_end_holds_for_months(house: House) -> None:
    house.rule("put")
    await house.deliver(delivery="d1")
    with house.db() as db:
        db.execute("select vv_make_partitions(now(), now() + interval '80 days')")
    await pass_time(house, "75 days")
    await house.deliver(delivery="d1")
    assert counts(house) == (1, 1)


async def test_one_delivery_holds_many_events_each_taken_once(house: House) -> None:
    house.rule("put")
    parts = [{"record": f"r{n % 2}", "delivery": f"d{n}", "name": f"n{n}"} for n in range(6)]
    for _ in range(2):
        assert await house.send(json.dumps([*parts, parts[0]]).encode()) == 200
    assert counts(house) == (6, 6)
    assert house.rows("select part from event order by id") == [(n,) for n in range(6)]
    order = house.rows(
        "select array_agg(part order by seq) from item join event on event.id = event_id"
        " group by lane order by 1"
    )
    assert order == [([0, 2, 4],), ([1, 3, 5],)]
    unnamed = [{"record": "x", "name": "one"}, {"record": "x", "name": "one"}]
    for _ in range(2):
        await house.send(json.dumps(unnamed).encode())
    assert counts(house) == (8, 8)


async def test_equal_identities_at_two_connections_are_two_events(house: House) -> None:
    other = "otherhookoftheinstallation"
    house.connection(other)
    await house.deliver(delivery="d1")
    body = json.dumps({"record": "r1", "delivery": "d1"}).encode()
    assert await house.send(body, hook=other) == 200
    assert counts(house) == (2, 0)


async def test_a_rule_made_a_moment_ago_takes_the_next_event(house: House) -> None:
    for number in range(5):
        rule = house.rule("put")
        house.known.clear()  # `deliver` is not to wait for the rule
        await asyncio.sleep(0.1)
        await house.deliver(delivery=f"d{number}")
        assert house.value("select count(*) from item where rule = %s", rule) == 1


async def test_what_happened_before_the_rule_was_on_is_kept_and_not_taken(house: House) -> None:
    house.rule("put")
    now = datetime.now(UTC)
    await house.deliver(delivery="d1", occurred=(now - timedelta(minutes=5)).isoformat())
    assert counts(house) == (1, 0)
    await house.deliver(delivery="d2", occurred=(now + timedelta(minutes=5)).isoformat())
    assert counts(house) == (2, 1)
    assert house.rows("select items from event order by id") == [(0,), (1,)]


async def test_a_kind_that_no_rule_uses_is_kept(house: House) -> None:
    house.rule("put")
    assert await house.deliver(delivery="d1", kind="unheard_of") == 200
    assert house.rows("select kind, items from event") == [("unheard_of", 0)]


async def test_a_removed_connection_answers_410_and_takes_nothing(house: House) -> None:
    with house.db() as db:
        db.execute("update connection set removed = now(), state = 'removed'")
    await house.until(lambda: not house.app._topology.lines)
    assert await house.deliver(delivery="d1") == 410
    assert counts(house) == (0, 0)


async def test_an_unknown_address_answers_404_without_a_trace(house: House) -> None:
    assert (await request(house.app, b"{}", hook="nobodyknowsthishookaddress"))[0] == 404
    assert (await request(house.app, b"{}", hook="short"))[0] == 404
    assert house.value("select count(*) from rejected") == 0


async def test_a_flood_of_forged_deliveries_leaves_one_row_without_a_body(house: House) -> None:
    other = IngestApp(house.config)
    await other.startup()
    try:
        await house.until(lambda: bool(other._topology.lines))
        forged = [
            request(app, b"forged", x_key="wrong" + str(n)) for n in range(100) for app in (house.app, other)
        ]
        answers = await asyncio.gather(*forged)
    finally:
        await other.shutdown()
    assert {status for status, _ in answers} == {401}
    rows = house.rows("select code, status, body from rejected")
    assert rows in ([("signature_wrong", 401, b"")], [("signature_wrong", 401, b"")] * 2)


async def test_forged_deliveries_are_listed_again_after_a_while(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        assert await house.send(b"forged", x_key="wrong") == 401
    assert house.value("select count(*) from rejected") == 1
    monkeypatch.setattr("vaivem.engine.ingest.FLOOD_SECONDS", 0.05)
    await asyncio.sleep(0.1)
    assert await house.send(b"forged", x_key="wrong") == 401
    assert house.value("select count(*) from rejected") == 2


async def test_the_senders_proof_is_not_kept(house: House) -> None:
    await house.deliver(delivery="d1")
    await house.send(b"not json", authorization="Bearer abc")
    kept = [
        bytes(row[0])
        for row in house.rows("select headers from event union all select headers from rejected")
    ]
    assert len(kept) == 2
    assert not any(KEY.encode() in headers or b"Bearer" in headers for headers in kept)


async def test_what_comes_again_is_counted_for_people(house: House) -> None:
    house.rule("put")
    repeats = "select e.record, r.times, r.alike from repeated r join event e on e.id = r.event_id order by 1"
    await house.deliver(record="r1", delivery="d1")
    assert house.rows(repeats) == []
    for _ in range(3):
        await house.deliver(record="r1", delivery="d1")
    part = {"record": "r2", "delivery": "d2"}
    await house.send(json.dumps([part, part]).encode())  # twice in one delivery
    for _ in range(2):
        await house.deliver(record="r3", name="equal")
    await pass_time(house, "1 hour")
    await house.deliver(record="r2", delivery="d2")
    assert house.rows(repeats) == [("r1", 3, False), ("r2", 2, False), ("r3", 1, True)]
    assert house.value("select count(*) from repeated where last > vv_now() - interval '1 minute'") == 1


async def test_what_we_look_for_ourselves_is_no_repeat(house: House) -> None:
    await house.deliver(record="r1", delivery="d1")
    line = next(iter(house.app._topology.lines.values()))
    delivery = Delivery("GET", "", "", {}, b'{"record": "r1", "delivery": "d1"}')
    events = line.connector.webhooks.parse(delivery, line.connection) if line.connector.webhooks else []
    assert await house.app._intake.take(line, delivery, events, bulk=True) == 0
    assert house.rows("select * from repeated") == []


async def test_a_secret_in_the_address_is_not_kept() -> None:
    secret = "3f9a0c5d7e21b8864f9a0c5d7e21b886"
    connection = Connection(1, 1, "stub", "s", "token", {"token": "t", "webhook": {"secret": secret}})
    delivery = Delivery("POST", f"/{secret}/x", f"key={secret}&a=token", {"x-key": secret, "a": "b"}, b"body")
    kept = masked(delivery, connection)
    assert (kept.path, kept.query) == ("/•••/x", "key=•••&a=token")
    assert kept.headers == {"x-key": "•••", "a": "b"}
    assert kept.body == b"body"
    assert Masks().masked(delivery, connection) == kept
    assert masked(Delivery("POST", "", "", {}, b""), connection) == Delivery("POST", "", "", {}, b"")


async def test_what_history_keeps_of_an_address_is_masked(house: House) -> None:
    body = json.dumps({"record": "r", "name": "n", "delivery": "d"}).encode()
    assert await house.send(body, hook=f"{HOOK}/{KEY}") == 200
    await house.send(b"not json", hook=f"{HOOK}/{KEY}")
    assert house.rows("select path from event union all select path from rejected") == [("/•••",)] * 2
