"""The engine's log: a line says which run it is about, and a connection's real secret is not in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vaivem import logs
from vaivem.engine import lanes

from .conftest import KEY, House
from .inside import put, working


@pytest.fixture
def lines() -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """Return what was logged as JSON, of those messages that hold a text."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter("worker", "json"))
    logging.getLogger().addHandler(handler)

    def logged(words: str) -> list[dict[str, Any]]:
        assert KEY not in stream.getvalue()
        read = [json.loads(line) for line in stream.getvalue().splitlines()]
        return [line for line in read if words in line["message"]]

    yield logged
    logging.getLogger().removeHandler(handler)


async def test_a_bug_is_logged_with_its_run_and_without_the_accounts_secret(
    house: House, lines: Callable[[str], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stumble(_: Any) -> None:
        raise RuntimeError(f"the account's secret is {KEY}")

    monkeypatch.setattr(lanes.Execution, "run", stumble)
    rule = house.rule("put")
    async with working(house):
        await house.deliver(delivery="d1", record="r1", name="a")
        await house.deliver(delivery="d2", record="r2", name="b")
        await house.until(lambda: len(house.runs()) == 2)
    known = house.rows("select ws, event_id, id from run order by id")
    found = sorted(lines("ended in a bug"), key=lambda line: int(line["run"]))
    assert [(line["workspace"], line["event"], line["run"]) for line in found] == [
        tuple(str(number) for number in row) for row in known
    ]
    assert {line["rule"] for line in found} == {str(rule)}
    assert len({line["lane"] for line in found}) == 2
    assert all(line["exception"]["message"] == f"the account's secret is {logs.MASK}" for line in found)


async def test_what_became_of_a_run_is_logged_by_code_and_without_peoples_data(
    house: House, lines: Callable[[str], list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "vaivem.engine.lanes")
    condition = {"all": [{"field": "name", "is": "equals", "value": "Davi"}]}
    pause = {"id": "pause", "kind": "wait", "for": {"hours": 1}}
    house.rule("put", then=[{"id": "way", "kind": "branch", "if": condition, "then": [pause]}, put("then")])
    async with working(house):
        await house.deliver(delivery="d0", record="r0", name="Davi")
        await house.until(lambda: lines("waits: wait"))
        await house.deliver(delivery="d1", record="r1", name="Ana")
        await house.until(lambda: len(house.runs()) == 1)
        house.vendor.fault = lambda method, path, nth: 422
        await house.deliver(delivery="d2", record="r2", name="Bia")
        await house.until(lambda: len(house.runs()) == 2)
        house.vendor.fault = lambda method, path, nth: 503
        await house.deliver(delivery="d3", record="r3", name="Caio")
        await house.until(lambda: lines("waits: doubt vendor_failed"))
    done, failed = house.rows("select id from run order by id")
    said = [(line["level"], line["message"]) for line in lines("ended: ")]
    assert ("debug", f"Run {done[0]} ended: done") in said
    assert ("info", f"Run {failed[0]} ended: failed record_refused") in said
    assert all(line["run"] in line["message"] for line in [*lines("ended: "), *lines("waits: ")])
    (paused,) = lines("waits: wait")
    assert (paused["level"], paused["message"]) == ("debug", f"Run {paused['run']} waits: wait")
    assert not [line for name in ("Ana", "Bia", "Caio", "Davi", "made up") for line in lines(name)]


async def test_a_run_that_asks_a_person_is_logged_without_what_it_asks(
    house: House, lines: Callable[[str], list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "vaivem.engine.lanes")
    house.vendor.things = [{"id": 1, "name": "Gêmea"}, {"id": 2, "name": "Gêmea"}]
    house.rule("post_found")
    async with working(house):
        await house.deliver(delivery="d1", name="Gêmea")
        await house.until(lambda: lines("waits: decision"))
    ((run, code),) = house.rows("select run_id, code from pending where state = 'decision'")
    ((level, message),) = [(line["level"], line["message"]) for line in lines("waits: ")]
    assert (level, message) == ("info", f"Run {run} waits: decision {code}")
    assert not lines("Gêmea")


async def test_a_refused_delivery_is_logged_with_its_connection(
    house: House, lines: Callable[[str], list[dict[str, Any]]]
) -> None:
    assert await house.send(b"{}", **{"x-key": "wrong"}) == 401
    (line,) = lines("not authentic")
    connection, workspace = house.rows("select id, workspace_id from connection where hook is not null")[0]
    assert (line["connection"], line["workspace"]) == (str(connection), str(workspace))
    assert "run" not in line
