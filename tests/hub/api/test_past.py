"""Bringing in the past over the REST API: who may, and what each act leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.hub.api.test_api import Program, program
from tests.hub.workplace import DEFINITION, Workplace

SAMPLE = [{"event": "7", "title": "Contrato Duarte", "result": "creates", "steps": []}]
WORKED = "update backfill set state = %s, at = until, counts = %s::jsonb, sample = %s::jsonb, code = %s"


def worked(state: int, counts: dict[str, Any], code: str = "") -> None:
    """Let a worker have come to the end."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(WORKED, [state, json.dumps(counts), json.dumps(SAMPLE), code])


@pytest.fixture
def owner(workplace: Workplace) -> Program:
    return program(workplace)


@pytest.fixture
def tells(workplace: Workplace) -> Any:
    """A rule with a step that reaches people."""
    tell = {"id": "tell", "kind": "notify", "member": workplace.site.owner.email, "text": {"text": "feito"}}
    return workplace.rule(then=[*DEFINITION["then"], tell])


def test_it_is_looked_at_begun_stopped_and_gone_on_with(
    workplace: Workplace, owner: Program, tells: Any
) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    path = f"/rules/{tells.pk}/past"
    before = owner.get(path)
    assert before["state"] == "none"
    assert before["days"] > 0
    assert before["reaches"] == [{"step": "tell", "name": "Notify a member"}]
    asked = owner.post(path, {"days": 90})
    assert (asked["state"], asked["percent"]) == ("looking", 0)
    assert owner.ask("POST", f"{path}/start", {})[0] == 409
    counted = {"by_step": {"deal": 2}, "by_tag": {"cliente": 7}, "unforeseen": 1}
    worked(1, {"events": 3, "records": 2, "people": 5, "records_seen": {"x": 1}, **counted})
    seen = owner.get(path)
    assert (seen["by_step"], seen["by_tag"], seen["counts"]["unforeseen"]) == ({"deal": 2}, {"cliente": 7}, 1)
    assert (seen["state"], seen["counts"]["people"]) == ("looked_at", 5)
    assert (seen["percent"], seen["sample"][0]["title"]) == (100, "Contrato Duarte")
    assert "records_seen" not in seen["counts"]
    status, refused = owner.ask("POST", f"{path}/start", {"steps": ["deal"]})
    assert (status, refused["error"]["code"]) == (422, "past_step_unknown")
    worked(1, {"events": 3, "known": 2, "failed": 1, "left_out": {"tell": 1}})
    second = owner.get(path)
    assert (second["counts"]["known"], second["counts"]["failed"], second["left_out"]) == (2, 1, {"tell": 1})
    begun = owner.post(f"{path}/start", {"steps": ["tell"]})
    assert (begun["counts"]["known"], begun["left_out"]) == (0, {})
    assert owner.ask("POST", path, {"days": 9})[1]["error"]["code"] == "past_under_way"
    assert (begun["state"], begun["steps"], begun["percent"]) == ("under_way", ["tell"], 0)
    assert owner.post(f"{path}/stop")["state"] == "stopped"
    assert owner.ask("POST", f"{path}/stop", {})[1]["error"]["code"] == "past_not_so"
    assert owner.post(f"{path}/go-on")["state"] == "under_way"
    worked(5, {"begun": 1, "taken": 2}, "vendor_unavailable")
    failed = owner.get(path)
    assert (failed["state"], failed["counts"]["taken"], failed["code"]) == ("failed", 2, "vendor_unavailable")
    assert failed["message"]
    assert owner.post(f"{path}/go-on")["state"] == "under_way"
    acts = AuditEntry.objects.filter(object=tells.title, action__startswith="past.").order_by("pk")
    assert [entry.action for entry in acts] == [
        "past.asked", "past.started", "past.stopped", "past.resumed", "past.resumed"
    ]  # fmt: skip
    assert "" not in {entry.via for entry in acts}


def test_a_rule_that_is_off_or_days_that_are_none_are_refused(owner: Program, tells: Any) -> None:
    path = f"/rules/{tells.pk}/past"
    for days in (0, 4000, "many"):
        assert owner.ask("POST", path, {"days": days})[0] == 422
    tells.version = None
    tells.save()
    status, refused = owner.ask("POST", path, {"days": 30})
    assert (status, refused["error"]["code"]) == (422, "rule_is_off")


def test_who_may_only_read_changes_nothing_and_strangers_see_nothing(
    workplace: Workplace, tells: Any
) -> None:
    from vaivem.hub.rules import backfilling
    from vaivem.hub.workspaces.access import token_for

    path, reader = f"/rules/{tells.pk}/past", program(workplace, "rules:read")
    stranger = Program(token_for(workplace.site.stranger.workspaces.get(), "t"))
    assert reader.get(path)["state"] == "none"
    assert stranger.ask("GET", path)[0] == 404
    for below in ("", "/start", "/stop", "/go-on"):
        body = {} if below else {"days": 30}
        assert reader.ask("POST", f"{path}{below}", body)[0] == 403
        assert stranger.ask("POST", f"{path}{below}", body)[0] == 404
        assert program(workplace, "history:write").ask("POST", f"{path}{below}", body)[0] == 403
    assert backfilling.last(tells) is None
