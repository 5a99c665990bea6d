"""The REST API: who gets in, what refusals look like, and each family of addresses."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from tests.hub.past import Past
from tests.hub.workplace import DEFINITION, SECRET, Workplace


class Program:
    """A program with a token."""

    def __init__(self, token: str, language: str = "en") -> None:
        from django.test import Client

        self._client = Client(headers={"authorization": f"Bearer {token}", "accept-language": language})

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = json.dumps(body) if body is not None else ""
        answer = self._client.generic(
            method, f"/api/v1{path}", data, "application/json", headers=headers or None
        )
        return answer.status_code, answer.json()

    def get(self, path: str) -> Any:
        status, answer = self.ask("GET", path)
        assert status == 200, answer
        return answer

    def post(self, path: str, body: Any = None, expected: int = 200, **headers: str) -> Any:
        status, answer = self.ask("POST", path, {} if body is None else body, **headers)
        assert status == expected, answer
        return answer


def program(workplace: Workplace, *scopes: str, language: str = "en") -> Program:
    from vaivem.hub.workspaces.access import token_for

    return Program(token_for(workplace.site.workspace, "t", scopes or ("read", "write")), language)


@pytest.fixture
def owner(workplace: Workplace) -> Program:
    return program(workplace)


@pytest.fixture
def stranger(workplace: Workplace) -> Program:
    from vaivem.hub.workspaces.access import token_for

    return Program(token_for(workplace.site.stranger.workspaces.get(), "t"))


@pytest.fixture
def past(workplace: Workplace) -> Past:
    return Past(workplace)


def test_without_a_token_there_is_nothing(workplace: Workplace) -> None:
    status, answer = Program("vv_wrong").ask("GET", "/rules")
    assert (status, answer["error"]["code"]) == (401, "token_missing")
    assert "Bearer" in answer["error"]["message"]
    # A signed-in person's browser is not a program: a page elsewhere could use it.
    browser = workplace.site.browser(workplace.site.owner)
    assert browser.get("/api/v1/rules").status_code == 401


def test_a_revoked_token_ends_at_once(workplace: Workplace, owner: Program) -> None:
    from django.utils import timezone

    from vaivem.hub.workspaces.models import ApiToken

    ApiToken.objects.update(revoked=timezone.now())
    assert owner.ask("GET", "/rules")[0] == 401


def test_a_reading_token_changes_nothing(workplace: Workplace) -> None:
    reader = program(workplace, "read")
    assert reader.get("/rules") == {"items": [], "next": None}
    status, answer = reader.ask("POST", "/rules", {"definition": DEFINITION})
    assert (status, answer["error"]["code"]) == (403, "scope_missing")
    assert answer["error"]["params"] == {"scope": "rules:write"}


def test_every_address_of_a_stranger_s_workspace_is_404(
    workplace: Workplace, past: Past, stranger: Program
) -> None:
    rule = workplace.rule()
    run = past.run(rule.pk)
    waiting = past.waiting("decision", "several_matches")
    decision, rejected = past.decision(waiting), past.rejected()
    replay = program(workplace).post("/replays", {"runs": [str(run)]}, 201)["id"]
    [(event,)] = past.sql("select event_id from run where id = %s", run)
    paths = [
        f"GET /rules/{rule.pk}", f"PUT /rules/{rule.pk}/draft", f"POST /rules/{rule.pk}/publish",
        f"POST /rules/{rule.pk}/pause", f"POST /rules/{rule.pk}/resume",
        f"PUT /rules/{rule.pk}/limits", f"GET /rules/{rule.pk}/versions",
        f"POST /rules/{rule.pk}/versions/1/restore", f"DELETE /rules/{rule.pk}",
        f"GET /connections/{workplace.crm.pk}", f"POST /connections/{workplace.crm.pk}/test",
        f"DELETE /connections/{workplace.crm.pk}", f"GET /runs/{run}", f"POST /runs/{run}/retry",
        f"POST /runs/{waiting}/stop", f"GET /events/{event}", f"GET /decisions/{decision}",
        f"POST /decisions/{decision}/answer", f"POST /rejected/{rejected}/retake",
        f"POST /rejected/{rejected}/dismiss", f"POST /decisions/{decision}/look",
        f"GET /replays/{replay}", f"GET /replays/{replay}/runs", f"POST /replays/{replay}/start",
        f"POST /replays/{replay}/stop",
    ]  # fmt: skip
    bodies = {"draft": {"definition": DEFINITION}, "answer": {"choice": "skip"}}
    for line in paths:
        method, path = line.split()
        status, answer = stranger.ask(method, path, bodies.get(path.rsplit("/", 1)[1], {}))
        assert (line, status, answer["error"]["code"]) == (line, 404, "not_found")
    for path in ("/rules", "/connections", "/runs", "/events", "/decisions", "/rejected", "/replays"):
        assert stranger.get(path)["items"] == [], path


def test_the_whole_is_described(workplace: Workplace, owner: Program) -> None:
    from django.test import Client

    described = Client().get("/api/v1/openapi.json").json()
    assert described["openapi"].startswith("3.")
    paths = described["paths"]
    assert {"/api/v1/rules", "/api/v1/runs/{number}", "/api/v1/decisions/{number}/answer"} <= paths.keys()
    assert all("summary" in operation for path in paths.values() for operation in path.values())


def test_refusals_have_one_shape_in_the_language_asked_for(workplace: Workplace) -> None:
    broken = {"definition": {**DEFINITION, "when": {"connection": "assinaturas", "trigger": "nunca"}}}
    seen = set()
    for language in ("en", "pt-BR", "fr", "es"):
        asking = program(workplace, language=language)
        made = asking.post("/rules", broken, 201)
        status, answer = asking.ask("POST", f"/rules/{made['id']}/publish")
        assert (status, answer["error"]["code"], answer["error"]["path"]) == (
            422, "trigger_unknown", "when.trigger",
        )  # fmt: skip
        assert "nunca" in answer["error"]["message"]
        seen.add(answer["error"]["message"])
    assert len(seen) >= 1
    status, answer = asking.ask("POST", "/rules", {"definition": 1, "zzz": 2})
    assert (status, answer["error"]["code"]) == (422, "request_invalid")
    assert {problem["path"] for problem in answer["error"]["problems"]} == {"definition", "zzz"}
    status, answer = asking.ask("GET", "/runs?status=maybe")
    assert (status, answer["error"]["code"], answer["error"]["path"]) == (400, "filter_wrong", "status")


def test_a_rule_s_whole_life(workplace: Workplace, owner: Program) -> None:
    assert owner.post("/rules/check", {"definition": DEFINITION}) == {"ok": True, "problems": []}
    rule = owner.post("/rules", {"definition": DEFINITION, "publish": True}, 201)
    path = f"/rules/{rule['id']}"
    assert (rule["state"], rule["version"]) == ("on", 1)
    assert owner.post(f"{path}/pause")["state"] == "paused"
    status, answer = owner.ask("POST", f"{path}/pause")
    assert (status, answer["error"]["code"]) == (409, "rule_state_wrong")
    assert owner.post(f"{path}/resume")["state"] == "on"
    _, draft = owner.ask("PUT", f"{path}/draft", {"definition": {**DEFINITION, "title": "Outra"}})
    assert (draft["draft"]["title"], draft["version"]) == ("Outra", 1)
    assert owner.post(f"{path}/publish")["version"] == 2
    versions = owner.get(f"{path}/versions")
    assert [(one["number"], one["current"]) for one in versions] == [(2, True), (1, False)]
    assert owner.post(f"{path}/versions/1/restore")["draft"]["title"] == DEFINITION["title"]
    assert owner.ask("POST", f"{path}/versions/9/restore")[0] == 404
    assert [one["id"] for one in owner.get("/rules?state=on")["items"]] == [rule["id"]]
    assert owner.ask("DELETE", path) == (200, {"ok": True})
    assert owner.ask("GET", path)[0] == 404


def test_a_rule_that_cannot_be_published_is_not_made(workplace: Workplace, owner: Program) -> None:
    step = {**DEFINITION["then"][0], "fields": {"deal.name": {"text": "{{ x }}"}}}
    wrong = {"definition": {**DEFINITION, "then": [step]}, "publish": True}
    status, answer = owner.ask("POST", "/rules", wrong)
    assert status == 422
    found = {problem["code"] for problem in answer["error"]["problems"]}
    assert {"template_unknown", "field_missing"} <= found
    assert owner.get("/rules")["items"] == []


def test_lists_go_page_by_page(workplace: Workplace, owner: Program) -> None:
    made = [workplace.rule(title=f"R{number}").pk for number in range(3)]
    first = owner.get("/rules?limit=2")
    assert [one["id"] for one in first["items"]] == made[:0:-1]
    rest = owner.get(f"/rules?limit=2&before={first['next']}")
    assert ([one["id"] for one in rest["items"]], rest["next"]) == (made[:1], None)


def test_a_create_that_is_sent_again_is_done_once(workplace: Workplace, owner: Program) -> None:
    body = {"definition": DEFINITION}
    first = owner.post("/rules", body, 201, **{"Idempotency-Key": "a"})
    assert owner.post("/rules", body, 201, **{"Idempotency-Key": "a"}) == first
    other = owner.post("/rules", body, 201, **{"Idempotency-Key": "b"})
    assert other["id"] != first["id"]
    status, answer = owner.ask("POST", "/rules", {**body, "publish": True}, **{"Idempotency-Key": "a"})
    assert (status, answer["error"]["code"]) == (409, "key_used_differently")
    assert len(owner.get("/rules")["items"]) == 2


def test_a_refused_create_does_not_use_the_key_up(workplace: Workplace, owner: Program) -> None:
    wrong = {"definition": {"title": "x"}, "publish": True}
    assert owner.ask("POST", "/rules", wrong, **{"Idempotency-Key": "a"})[0] == 422
    owner.post("/rules", {"definition": DEFINITION}, 201, **{"Idempotency-Key": "a"})


def test_connections_are_shown_without_their_secrets(workplace: Workplace, owner: Program) -> None:
    listed = owner.get("/connections")
    one = owner.get(f"/connections/{workplace.crm.pk}")
    assert [row["id"] for row in listed["items"]] == [workplace.crm.pk, workplace.sign.pk]
    assert (one["connector"], one["state"], one["slug"]) == ("acme_crm", "working", "vendas")
    assert SECRET not in json.dumps([listed, one])
    assert "acme_crm" in {row["key"] for row in owner.get("/connectors")}


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the vendors of the tests' systems: accepts one token; returns the tokens that it saw."""
    from vaivem.connectors.sdk import Answer
    from vaivem.engine.outbound import Outbound

    seen: list[str] = []

    async def send(self: Outbound, connector: Any, connection: Any, call: Any) -> Answer:
        seen.append(connection.credentials["token"])
        return Answer(200 if seen[-1] == "certo" else 401, {}, b"{}")

    monkeypatch.setattr(Outbound, "send", send)
    return seen


def test_connecting_tests_the_credentials_first(
    workplace: Workplace, owner: Program, vendor: list[str]
) -> None:
    body = {"connector": "acme_crm", "credentials": {"token": ' "errado"\n'}}
    status, answer = owner.ask("POST", "/connections", body)
    assert (status, answer["error"]["code"]) == (422, "credentials_refused")
    body["credentials"] = {"token": "“certo” \n"}
    made = owner.post("/connections", body, 201, **{"Idempotency-Key": "k"})
    assert (made["name"], made["account"]["id"]) == ("Raiar", "crm-1")
    assert owner.post("/connections", body, 201, **{"Idempotency-Key": "k"}) == made
    assert vendor == ["errado", "certo"]
    assert owner.post(f"/connections/{made['id']}/test")["ok"] is True
    assert owner.post(f"/connections/{workplace.crm.pk}/test")["ok"] is False
    assert owner.get(f"/connections/{workplace.crm.pk}")["state"] == "reconnect"


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"connector": "nenhum"}, "connector_unknown", "connector"),
        ({"method": "oauth"}, "method_unknown", "method"),
        ({"credentials": {}}, "option_missing", "credentials.token"),
        ({"credentials": {"token": "x", "senha": "y"}}, "option_unknown", "credentials.senha"),
        ({"settings": {"cor": "azul"}}, "option_unknown", "settings.cor"),
    ],
)
def test_a_wrong_connection_is_refused_before_the_vendor_is_asked(
    owner: Program, vendor: list[str], change: dict[str, Any], code: str, path: str
) -> None:
    status, answer = owner.ask(
        "POST", "/connections", {"connector": "acme_crm", "credentials": {"token": "x"}} | change
    )
    assert (status, answer["error"]["code"], answer["error"]["path"]) == (422, code, path)
    assert vendor == []


def test_removing_a_connection_pauses_its_rules(
    workplace: Workplace, owner: Program, vendor: list[str]
) -> None:
    rule = workplace.rule()
    assert owner.ask("DELETE", f"/connections/{workplace.crm.pk}") == (200, {"ok": True})
    assert owner.ask("GET", f"/connections/{workplace.crm.pk}")[0] == 404
    rule.refresh_from_db()
    assert rule.state == "paused"


def test_a_recipe_is_chosen_step_by_step_and_applied(workplace: Workplace, owner: Program) -> None:
    listed = owner.get("/recipes")
    assert "acme_document_to_deal" in {one["key"] for one in listed}
    found = owner.get("/recipes/acme_document_to_deal?pipeline=p2")
    assert {one["key"]: one["connections"] for one in found["accounts"]} == {
        "source": [workplace.sign.pk], "target": [workplace.crm.pk],
    }  # fmt: skip
    stage = next(one for one in found["choices"] if one["key"] == "stage")
    assert (stage["value"], stage["options"]) == ("s21", [{"value": "s21", "label": "Novo"}])
    body = {"accounts": {"source": "assinaturas", "target": "vendas"}, "choices": {"pipeline": "p2"}}
    status, answer = owner.ask("POST", "/recipes/acme_document_to_deal", body)
    assert (status, answer["error"]["code"], answer["error"]["path"]) == (422, "choice_missing", "stage")
    body["choices"]["stage"] = "s21"
    rule = owner.post("/recipes/acme_document_to_deal", body, 201)
    assert (rule["state"], rule["recipe"]) == ("on", "acme_document_to_deal")
    assert owner.ask("GET", "/recipes/nenhuma")[0] == 404


def test_runs_are_listed_and_shown_with_every_exchange(
    workplace: Workplace, past: Past, owner: Program
) -> None:
    failed = past.run(status=2, code="record_refused", params='{"message": "não é um número"}')
    past.call(failed, 1001, status=422, response=b'{"errors": []}')
    past.run()
    page = owner.get("/runs?status=failed&period=today&q=duarte")
    assert [one["id"] for one in page["items"]] == [str(failed)]
    one = owner.get(f"/runs/{failed}")
    assert one["status"] == "failed"
    assert "não é um número" in one["message"]
    [call] = one["steps"]
    assert (call["status"], call["request"], call["response"]) == (
        422, '{"name": "Contrato Duarte"}', '{"errors": []}',
    )  # fmt: skip
    event = owner.get(f"/events/{one['event']['id']}")
    assert event["runs"] == [str(failed)]
    assert yaml.safe_load(event["body"])["document"]["key"] == "doc-1"
    assert event["headers"]["authorization"] == "•••"


def test_runs_of_a_connection_are_those_of_its_rules(
    workplace: Workplace, past: Past, owner: Program
) -> None:
    rule = workplace.rule()
    mine = past.run(rule.pk)
    past.run(rule.pk + 1000)
    for number in (workplace.crm.pk, workplace.sign.pk):
        assert [one["id"] for one in owner.get(f"/runs?connection={number}")["items"]] == [str(mine)]
    assert owner.get("/runs?connection=999999")["items"] == []


def test_events_that_no_rule_took(past: Past, owner: Program) -> None:
    unused = past.event("Solto", items=0)
    past.run()
    assert [one["id"] for one in owner.get("/events?unused=true")["items"]] == [str(unused)]
    assert len(owner.get("/events")["items"]) == 2


def test_a_failed_run_is_retried_and_a_waiting_one_stopped(past: Past, owner: Program) -> None:
    failed, waiting, done = past.run(status=2), past.waiting(), past.run()
    assert owner.post(f"/runs/{failed}/retry") == {"ok": True}
    assert owner.get(f"/runs/{failed}")["status"] == "waiting"
    assert owner.post(f"/runs/{waiting}/retry") == {"ok": True}
    assert owner.post(f"/runs/{waiting}/stop") == {"ok": True}
    assert owner.get(f"/runs/{waiting}")["status"] == "stopped"
    for act in ("retry", "stop"):
        status, answer = owner.ask("POST", f"/runs/{done}/{act}")
        assert (status, answer["error"]["code"]) == (409, "run_not_waiting")


def test_a_decision_is_answered_once_and_only_with_what_it_offers(past: Past, owner: Program) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    run = past.waiting("decision", "several_matches")
    number = past.decision(run, "choice", object="contact", candidates=[{"id": "7", "name": "Ana"}])
    [listed] = owner.get("/decisions")["items"]
    assert (listed["id"], listed["choices"]) == (str(number), ["record", "create", "skip"])
    path = f"/decisions/{number}/answer"
    for wrong, place in (({"choice": "done"}, "choice"), ({"choice": "record", "record": "8"}, "record")):
        status, answer = owner.ask("POST", path, wrong)
        assert (status, answer["error"]["code"], answer["error"]["path"]) == (422, "answer_wrong", place)
    assert owner.post(path, {"choice": "record", "record": "7", "remember": True}) == {"ok": True}
    assert owner.get(f"/decisions/{number}")["answer"] == {
        "choice": "record", "record": "7", "remember": True,
    }  # fmt: skip
    assert owner.ask("POST", path, {"choice": "skip"})[1]["error"]["code"] == "decision_settled"
    assert owner.get("/decisions")["items"] == []
    assert AuditEntry.objects.get(action="decision.answered").after["record"] == "7"


def test_rejected_deliveries_are_read_again_or_dismissed(past: Past, owner: Program) -> None:
    first, second = past.rejected(), past.rejected()
    assert [one["id"] for one in owner.get("/rejected")["items"]] == [str(second), str(first)]
    assert owner.post(f"/rejected/{first}/retake") == {"ok": True}
    assert past.sql("select entrypoint from pgqueuer") == [("retake_rejected",)]
    assert owner.post(f"/rejected/{second}/dismiss") == {"ok": True}
    assert owner.ask("POST", f"/rejected/{second}/dismiss")[0] == 404


def test_health(past: Past, owner: Program) -> None:
    past.item()
    found = owner.get("/health")
    assert (found["waiting"], found["workers"], found["connections"]) == (1, 0, {"working": 2})


def test_a_draft_is_not_written_over_and_is_tried_by_program(workplace: Workplace, owner: Program) -> None:
    rule = workplace.rule()
    seen = owner.get(f"/rules/{rule.pk}")
    draft = {"definition": {**DEFINITION, "title": "Um"}, "revision": seen["revision"]}
    assert owner.ask("PUT", f"/rules/{rule.pk}/draft", draft)[0] == 200
    status, answer = owner.ask("PUT", f"/rules/{rule.pk}/draft", draft | {"definition": DEFINITION})
    assert (status, answer["error"]["code"]) == (409, "draft_changed")
    assert owner.get(f"/rules/{rule.pk}/test")["state"] == "none"
    owner.post(f"/rules/{rule.pk}/test")
    assert owner.get(f"/rules/{rule.pk}/test")["state"] == "waiting"
    owner.ask("DELETE", f"/rules/{rule.pk}/test")
    assert owner.get(f"/rules/{rule.pk}/test")["state"] == "none"
    owner.post(f"/rules/{rule.pk}/rehearsal")
    assert owner.get(f"/rules/{rule.pk}/rehearsal")["state"] == "waiting"
    owner.ask("DELETE", f"/rules/{rule.pk}/rehearsal")
    assert owner.get(f"/rules/{rule.pk}/rehearsal")["state"] == "stopped"
    copied = owner.post(f"/rules/{rule.pk}/copy", expected=201)
    assert (copied["state"], copied["title"]) == ("draft", "Um (2)")
    owner.ask("DELETE", f"/rules/{copied['id']}")
    assert owner.post(f"/rules/{copied['id']}/bring-back")["state"] == "draft"


def test_a_held_rule_says_why_and_goes_on_by_program(workplace: Workplace, owner: Program) -> None:
    from vaivem.hub.rules.models import Rule

    rule = workplace.rule()
    why = {"code": "rule_runs_too_often", "params": {"runs": 300, "most": 100, "busiest": 3}}
    Rule.objects.filter(pk=rule.pk).update(state="paused", held=why)
    assert owner.get(f"/rules/{rule.pk}")["held"] == why
    assert owner.post(f"/rules/{rule.pk}/resume", {}, 200)["held"] is None
    status, answer = owner.ask("PUT", f"/rules/{rule.pk}/limits", {"busy_runs": 5000})
    assert (status, answer["busy_runs"], answer["record_changes"]) == (200, 5000, None)
    assert owner.ask("PUT", f"/rules/{rule.pk}/limits", {"busy_runs": 0})[0] == 422


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/audit?period=__main__", None),
        ("GET", "/audit?q=%00", None),
        ("POST", "/rules", {"definition": {"title": "a\u0000b", "\u0000": []}, "publish": False}),
    ],
)
def test_what_cannot_be_kept_or_asked_is_no_defect(owner: Program, method: str, path: str, body: Any) -> None:
    status, answer = owner.ask(method, path, body)
    assert status == 422, answer
