"""Connecting, lists, own fields, limits and what an answer means."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.fake_context import FakeReader, answer
from tests.connectors.pipedrive.recorded import REFERENCE, connection, connector, definitions, said

from vaivem.connectors.pipedrive import client
from vaivem.connectors.pipedrive.errors import ERRORS, limit_state
from vaivem.connectors.pipedrive.limits import quota
from vaivem.connectors.sdk import Answer, LimitState
from vaivem.core.errors import ReconnectError, RecordError, RetryError, RuleError, UncertainError, VaivemError

ME = {
    "id": 1001,
    "name": "Bia Souza",
    "email": "bia@padaria.example",
    "company_id": 77,
    "company_name": "Padaria Lima",
    "company_domain": "padaria",
    "default_currency": "BRL",
    "timezone_name": "America/Sao_Paulo",
}
READ = client.record("deal", "9")


def reader(routes: dict[str, Any], **settings: Any) -> FakeReader:
    return FakeReader(connector, connection(**settings), routes)


def test_credentials_go_into_a_header() -> None:
    assert connector.authorise(connection()).headers == (("Authorization", "Bearer at-1"),)
    assert connector.authorise(connection("token")).headers == (("x-api-token", "tk-1"),)


async def test_an_account_is_a_user_of_a_company() -> None:
    account = await connector.account(reader({"users.me": said(ME)}))
    assert (account.id, account.name) == ("77:1001", "Padaria Lima")
    assert account.details["domain"] == "padaria"


async def test_checks_say_what_is_missing() -> None:
    routes = {
        "pipelines.list": said([{"id": 1, "name": "Funil"}]),
        "webhooks.list": answer(403, {"success": False, "error": "Scope and URL mismatch"}),
        "dealFields.list": said(definitions("deal")),
    }
    told = {
        one.key: (one.state, one.params)
        for one in await connector.checks(reader(routes, plan="premium", seats=5))
    }
    assert told["api"][0] == "ok"
    assert told["webhooks"] == ("bad", {"message": "Scope and URL mismatch"})
    assert told["reference_field"] == ("ok", {"label": "Vaivém"})
    assert told["budget"][1]["count"] == 750_000
    gone = {one.key: one.state for one in await connector.checks(reader(routes, reference_field="x" * 40))}
    assert gone["reference_field"] == "bad"


async def test_lists_leave_out_what_is_gone() -> None:
    routes = {
        "pipelines.list": [
            said([{"id": 1, "name": "Funil", "is_deleted": False}], next_cursor="n"),
            said([{"id": 2, "name": "Velho", "is_deleted": True}], next_cursor=None),
        ],
        "stages.list": said([{"id": 4, "name": "Proposta"}]),
        "users.list": said(
            [{"id": 1, "name": "Bia", "active_flag": True}, {"id": 2, "name": "Rui", "active_flag": False}]
        ),
        "activity_types.list": said(
            [{"id": 1, "key_string": "call", "name": "Ligação", "active_flag": True}]
        ),
        "dealFields.list": said(definitions("deal")),
    }
    there = reader(routes)
    found = {
        source: [option.value for option in await connector.live_list(there, source)]
        for source in ("pipelines", "stages/1", "users", "activity_types", "fields/deal")
    }
    assert found == {
        "pipelines": ["1"],
        "stages/1": ["4"],
        "users": ["1"],
        "activity_types": ["call"],
        "fields/deal": [REFERENCE],
    }


async def test_the_reference_field_is_made_once() -> None:
    assert await connector.prepare(
        reader({"dealFields.list": said(definitions("deal"))}), "reference_field"
    ) == {"reference_field": REFERENCE}
    made = reader({"dealFields.list": said([]), "dealFields.create": said({"field_code": "f" * 40})})
    assert await connector.prepare(made, "reference_field") == {"reference_field": "f" * 40}
    assert made.vendor.last("dealFields.create").json == {"field_name": "Vaivém", "field_type": "varchar"}


def test_limits_follow_the_plan_and_the_way_to_connect() -> None:
    burst, search = connector.limits(connection("oauth", plan="growth"))
    assert (burst.calls, burst.seconds, burst.counts) == (160, 2.0, "calls")
    assert (search.calls, search.scope) == (10, "search")
    assert connector.limits(connection("token", plan="ultimate"))[0].calls == 120
    assert connector.limits(connection(limit_calls=7, limit_seconds=1))[0].calls == 7
    day = quota(connection(plan="ultimate", seats=2, top_up=5000, reset_hour=3))
    assert (day.size, day.reset_hour) == (425_000, 3)


def test_headers_speak_of_the_burst() -> None:
    headers = {"x-ratelimit-remaining": "3", "x-ratelimit-reset": "1"}
    assert limit_state(READ, Answer(200, headers)) == LimitState(3, 1.0, "calls", "")
    search = client.search("person", "a@b.example", "email")
    assert limit_state(search, Answer(200, headers)) == LimitState(3, 1.0, "calls", "search")
    assert limit_state(READ, Answer(200)) is None
    odd = Answer(200, {"x-ratelimit-remaining": "3", "x-ratelimit-reset": "1700000000"})
    assert limit_state(READ, odd) == LimitState(3, None, "calls", "")


def refused(status: int, text: str, **more: Any) -> Answer:
    return answer(status, {"success": False, "error": text, **more})


@pytest.mark.parametrize(
    ("told", "error", "code"),
    [
        (refused(400, "Bad request", code="ERR_SCHEMA_VALIDATION_FAILED"), RecordError, "record_refused"),
        (refused(401, "unauthorized access", errorCode=401), ReconnectError, "credentials_refused"),
        (refused(402, "Payment required"), ReconnectError, "account_unpaid"),
        (refused(403, "Scope and URL mismatch"), RuleError, "scope_missing"),
        (refused(403, "x", code="feature_capping_deals_limit"), RuleError, "plan_limit_reached"),
        (answer(403, {"success": False, "message": "Forbidden"}), RuleError, "permission_missing"),
        (answer(403, text="<html>Attention Required! | Cloudflare</html>"), RetryError, "traffic_blocked"),
        (refused(404, "Entity was not found"), RecordError, "record_not_found"),
        (refused(410, "gone"), RecordError, "record_not_found"),
        (answer(500, text="<html>"), UncertainError, "vendor_failed"),
        (answer(503, text=""), UncertainError, "vendor_failed"),
    ],
)
def test_an_answer_s_meaning(told: Answer, error: type[VaivemError], code: str) -> None:
    found = ERRORS.error(READ, told)
    assert type(found) is error
    assert found.code == code


def test_a_burst_is_over_soon_and_the_day_s_budget_when_it_is_counted_anew() -> None:
    burst = answer(429, {"error": "Request over limit"}, x_ratelimit_remaining="0", x_ratelimit_reset="2")
    found = ERRORS.error(READ, burst)
    assert isinstance(found, RetryError)
    assert (found.limit, found.retry_after, found.code) == (True, 2.0, "vendor_limit")
    spent = ERRORS.error(READ, answer(429, {"error": "Request over limit"}))
    assert isinstance(spent, RetryError)
    assert (spent.limit, spent.spent, spent.code) == (True, True, "daily_budget_spent")
    assert spent.retry_after is None  # the engine knows the day
    told = ERRORS.error(READ, answer(429, {"error": "x"}, retry_after="17"))
    assert isinstance(told, RetryError)
    assert told.retry_after == 17


def test_the_vendor_s_sentence_is_found_in_each_of_its_shapes() -> None:
    hook = answer(400, {"status": "error", "errors": {"subscription_url": ["invalid or non-reachable URL"]}})
    assert ERRORS.read(hook).text == "subscription_url: invalid or non-reachable URL"
    more = answer(404, {"error": "Entity was not found", "error_info": "Object was not found."})
    assert ERRORS.read(more).text == "Entity was not found (Object was not found.)"
    assert ERRORS.read(answer(502, text="<html>")).text == ""


def test_too_many_webhooks_are_said() -> None:
    call = client.create_webhook("https://hub.example.com/h", "deal", "u", "p")
    found = ERRORS.error(call, answer(422, {"success": False, "error": "limit"}))
    assert found is not None
    assert found.code == "too_many_webhooks"
