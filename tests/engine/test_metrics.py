"""`/metrics`: there only with a token, and true."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vaivem.engine.metrics import HELP, _gauge, may_read

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
    assert "vaivem_rules_held 0" in lines
    for line in lines:
        assert re.fullmatch(r"# (HELP|TYPE) vaivem_\w+ .+|vaivem_\w+(\{\w+=\"\w+\"\})? \d+(\.\d+)?", line), (
            line
        )


async def test_a_rule_that_was_held_is_counted_and_one_that_a_person_paused_is_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.app, "_config", replace(house.config, metrics_token=TOKEN))
    with house.db() as db:
        db.execute("update rule set state = 'paused' where id = %s", (house.rule("put"),))
        db.execute("update rule set state = 'paused', held = '{}' where id = %s", (house.rule("put"),))
    assert "vaivem_rules_held 1" in (await ask(house, f"Bearer {TOKEN}"))[1].splitlines()


def test_counts_are_exact() -> None:
    """Python's "g" made a million of a million and one."""
    assert list(_gauge("vaivem_workers", [("", 12345678.0)]))[-1] == "vaivem_workers 12345678"
    assert list(_gauge("vaivem_lane_oldest_due_seconds", [("", 0.25)]))[-1].endswith(" 0.25")


def test_the_operations_guide_names_every_metric_and_no_other() -> None:
    guide = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    listed = re.findall(r"^\| `(vaivem_\w+)` \|", guide, re.MULTILINE)
    assert sorted(listed) == sorted([*HELP, "vaivem_deliveries_total"])


def test_no_token_opens_nothing() -> None:
    assert not may_read(None, b"Bearer None")
    assert not may_read("", b"Bearer ")
    assert may_read("x", b"Bearer x")
