"""Repeating runs and deciding, by program: what the screens can do."""

from __future__ import annotations

from typing import Any

import pytest
from tests.hub.api.test_api import Program, program
from tests.hub.past import Past
from tests.hub.replays.test_replay_pages import corrected, looked_at
from tests.hub.workplace import SECRET, Workplace


@pytest.fixture
def owner(workplace: Workplace) -> Program:
    return program(workplace)


@pytest.fixture
def past(workplace: Workplace) -> Past:
    return Past(workplace)


def test_a_set_is_asked_for_looked_at_started_and_stopped(past: Past, owner: Program) -> None:
    rule, runs = corrected(past, 3)
    body = {"filters": {"status": "failed", "rule": str(rule)}}
    made = owner.post("/replays", body, 201, **{"Idempotency-Key": "one"})
    assert owner.post("/replays", body, 201, **{"Idempotency-Key": "one"})["id"] == made["id"]
    assert (made["state"], made["counts"], made["runs"]) == ("looking", {"new": 3}, 3)
    path = f"/replays/{made['id']}"
    assert owner.ask("POST", f"{path}/start", {})[0] == 409
    looked_at(past, int(made["id"]))
    page = owner.get(f"{path}/runs?part=ready&limit=2")
    assert [one["run"] for one in page["items"]] == [str(run) for run in runs[:2]]
    fields = {one["field"]: one for one in page["items"][0]["steps"][0]["fields"]}
    assert (fields["deal.name"]["then"], fields["deal.name"]["now"]) == (
        "Contrato Contrato 0", "Negócio Contrato 0",
    )  # fmt: skip
    assert fields["deal.name"]["changed"]
    assert owner.get(f"{path}/runs?after={page['next']}")["items"][0]["run"] == str(runs[2])
    assert owner.get(path)["done_before"] == []
    assert owner.post(f"{path}/start") == {"ok": True}
    assert owner.get(path)["state"] == "under_way"
    assert owner.post(f"{path}/stop") == {"ok": True}
    assert owner.ask("POST", f"{path}/stop", {})[1]["error"]["code"] == "replay_over"
    assert [one["id"] for one in owner.get("/replays")["items"]] == [made["id"]]
    assert SECRET not in str(page)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "request_invalid"),
        ({"runs": ["1"], "filters": {"status": "failed"}}, 422, "request_invalid"),
        ({"filters": {"other": "1"}}, 422, "request_invalid"),
        ({"filters": {"status": "other"}}, 400, "filter_wrong"),
        ({"runs": ["77"]}, 409, "replay_of_nothing"),
        ({"runs": ["x"]}, 404, "not_found"),
    ],
)
def test_what_cannot_be_asked_for(owner: Program, body: Any, status: int, code: str) -> None:
    got, answer = owner.ask("POST", "/replays", body)
    assert (got, answer["error"]["code"]) == (status, code)


def test_a_reader_begins_nothing(past: Past, workplace: Workplace) -> None:
    _, runs = corrected(past, 1)
    reader = program(workplace, "read")
    for path in ("/replays", "/replays/1/start", "/replays/1/stop", "/decisions/1/look", "/rejected/retake"):
        assert reader.ask("POST", path, {"runs": [str(runs[0])]})[1]["error"]["code"] == "scope_missing"


def test_decisions_are_filtered_and_say_what_waits_behind(past: Past, owner: Program) -> None:
    first = past.decision(past.waiting("decision", "several_matches"), "choice", candidates=[])
    second = past.decision(past.waiting("decision", "write_in_doubt"))
    assert [one["id"] for one in owner.get("/decisions")["items"]] == [str(first), str(second)]
    assert [one["id"] for one in owner.get("/decisions?kind=doubt")["items"]] == [str(second)]
    page = owner.get("/decisions?limit=1")
    assert [one["behind"] for one in page["items"]] == [0]
    assert owner.get(f"/decisions?after={page['next']}")["items"][0]["id"] == str(second)
    assert owner.ask("GET", "/decisions?kind=other")[0] == 400
    assert owner.post(f"/decisions/{second}/look") == {"ok": True}
    owner.post(f"/decisions/{second}/answer", {"choice": "skip"})
    assert owner.ask("POST", f"/decisions/{second}/look")[1]["error"]["code"] == "decision_settled"


def test_all_rejected_deliveries_are_read_again(past: Past, owner: Program) -> None:
    numbers = [past.rejected() for _ in range(3)]
    past.sql("update rejected set status = 401 where id = %s", numbers[0])
    assert owner.post("/rejected/retake") == {"number": 2}
    assert past.sql("select count(*) from pgqueuer where entrypoint = 'retake_rejected'") == [(2,)]
