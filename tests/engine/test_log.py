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
from .inside import working


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


async def test_a_refused_delivery_is_logged_with_its_connection(
    house: House, lines: Callable[[str], list[dict[str, Any]]]
) -> None:
    assert await house.send(b"{}", **{"x-key": "wrong"}) == 401
    (line,) = lines("not authentic")
    connection, workspace = house.rows("select id, workspace_id from connection where hook is not null")[0]
    assert (line["connection"], line["workspace"]) == (str(connection), str(workspace))
    assert "run" not in line
