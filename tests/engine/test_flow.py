"""One event from the hook to the vendor, and what the history says of it."""

from __future__ import annotations

import json

from .conftest import House


async def test_an_event_reaches_the_vendor_once(house: House) -> None:
    house.rule("person_and_deal")
    house.worker()
    assert await house.deliver(delivery="d1", name="Ana") == 200
    assert await house.deliver(delivery="d1", name="Ana") == 200
    await house.until(lambda: house.runs())
    await house.until_idle()
    assert house.runs() == [(1, "")]
    assert [person["name"] for person in house.vendor.people] == ["Ana"]
    assert len(house.vendor.keyed) == 1
    names = house.rows("select name, write, done, status from step order by n")
    assert names == [
        ("people.find", False, True, 200),
        ("people.post", True, True, 200),
        ("deals.post", True, True, 200),
    ]
    for table in ("item", "intent", "claim", "pending"):
        assert house.value(f"select count(*) from {table}") == 0  # noqa: S608


async def test_the_answers_of_the_hook(house: House) -> None:
    house.rule("put")
    assert await house.send(b"{}", hook="nobodyknowsthishookaddress") == 404
    assert await house.send(json.dumps({"record": 1}).encode(), x_key="wrong") == 401
    assert await house.send(b"not json") == 200
    assert await house.send(b"") == 200
    assert await house.send(b"x" * (5 * 1024 * 1024 + 1)) == 413
    assert house.value("select count(*) from event") == 0
    assert house.rows("select code, status, body <> '' from rejected order by id") == [
        ("signature_wrong", 401, False),
        ("delivery_unreadable", 200, True),
    ]
    with house.db() as db:
        db.execute("update connection set removed = now()")
    await house.until(lambda: not house.app._topology.lines)
    house.known.clear()
    assert await house.deliver() == 410


async def test_events_of_one_record_are_worked_in_order(house: House) -> None:
    house.rule("put")
    house.worker()
    for number in range(60):
        assert await house.deliver(record=f"r{number % 3}", delivery=f"d{number}", name=str(number)) == 200
    await house.until(lambda: len(house.runs()) == 60)
    for record in range(3):
        names = [body["name"] for path, body in house.vendor.puts if path == f"/things/r{record}"]
        assert names == [str(number) for number in range(60) if number % 3 == record]


async def test_unused_events_are_kept(house: House) -> None:
    house.rule("put")
    assert await house.deliver(kind="another", delivery="d1") == 200
    assert house.rows("select kind, items from event") == [("another", 0)]
    assert house.value("select count(*) from lane") == 0


async def test_conditions_filter_and_say_why(house: House) -> None:
    house.rule("put", **{"if": {"all": [{"field": "name", "is": "equals", "value": "yes"}]}})
    house.worker()
    await house.deliver(delivery="1", name="no")
    await house.until(lambda: house.runs())
    assert house.runs() == [(3, "filtered")]
    assert house.value("select params from run")["tests"][0]["seen"] == "no"
    assert house.vendor.calls.total() == 0
