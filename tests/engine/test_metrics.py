"""`/metrics`: there only with a token, and true."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vaivem.engine.metrics import may_read

from .conftest import House

TOKEN = "a-token-for-prometheus"


async def ask(house: House, authorization: str = "") -> tuple[int, str]:
    """Ask for the figures; return status and text."""
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def answer(message: Any) -> None:
        answers.append(message)

    headers = [(b"authorization", authorization.encode())] if authorization else []
    scope = {"type": "http", "method": "GET", "path": "/metrics", "query_string": b"", "headers": headers}
    await house.app(scope, receive, answer)
    return answers[0]["status"], answers[1]["body"].decode()


async def test_without_a_token_there_is_no_such_page(house: House) -> None:
    assert await ask(house) == (404, "")
    assert await ask(house, "Bearer None") == (404, "")
    assert await ask(house, "Bearer ") == (404, "")


async def test_it_tells_what_waits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.app, "_config", replace(house.config, metrics_token=TOKEN))
    house.rule("put")
    assert await house.deliver(record="r1") == 200
    assert await house.deliver(record="r2") == 200
    assert (await ask(house))[0] == 401
    assert (await ask(house, "Bearer another"))[0] == 401
    status, text = await ask(house, f"Bearer {TOKEN}")
    assert status == 200
    lines = text.splitlines()
    assert 'vaivem_lanes{state="ready"} 2' in lines
    assert 'vaivem_connections{gate="open"} 1' in lines
    assert "vaivem_workers 0" in lines
    assert "vaivem_decisions_open 0" in lines
    assert 'vaivem_deliveries_total{status="200"} 2' in lines
    assert "# TYPE vaivem_lane_oldest_due_seconds gauge" in lines


def test_no_token_opens_nothing() -> None:
    assert not may_read(None, b"Bearer None")
    assert not may_read("", b"Bearer ")
    assert may_read("x", b"Bearer x")
