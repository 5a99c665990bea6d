"""Connecting, own fields, limits and what an answer means."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.fake_context import FakeReader, answer
from tests.connectors.rd_station_marketing.recorded import FIELDS, connection, connector, refused

from vaivem.connectors.rd_station_marketing import client
from vaivem.connectors.rd_station_marketing.errors import ERRORS
from vaivem.connectors.sdk import Answer
from vaivem.core.errors import ReconnectError, RecordError, RetryError, RuleError, UncertainError, VaivemError

READ = client.lead("uuid", "u")


def reader(routes: dict[str, Any]) -> FakeReader:
    return FakeReader(connector, connection(), routes)


async def test_an_account_is_known_by_its_name() -> None:
    account = await connector.account(reader({"account.read": answer(200, {"name": "Padaria Lima"})}))
    assert (account.id, account.name) == ("Padaria Lima", "Padaria Lima")


async def test_own_fields_have_the_vendor_s_types() -> None:
    found = await connector.custom_fields(reader({"fields.list": answer(200, {"fields": FIELDS})}), "lead")
    assert {one.key.removeprefix("lead.custom."): one.type.value for one in found} == {
        "cf_cpf": "cpf",
        "cf_interesses": "options",
        "cf_data_da_venda": "text",
        "cf_motivo": "long_text",
        "cf_vip": "boolean",
        "cf_porte": "text",  # a choice without choices takes any text
    }
    options = await connector.live_list(
        reader({"fields.list": answer(200, {"fields": FIELDS})}), "fields/lead"
    )
    assert ("cf_data_da_venda", "Data da venda") in [(one.value, one.label) for one in options]


async def test_conversion_events_are_those_of_the_landing_pages() -> None:
    page = {"id": 1, "title": "Orçamento", "conversion_identifier": "orcamento-solar", "status": "PUBLISHED"}
    shown = {"landing_pages.list": answer(200, [page, {**page, "id": 2}, {"id": 3, "title": "Sem nome"}])}
    found = await connector.live_list(reader(shown), "conversions")
    assert [(one.value, one.label) for one in found] == [("orcamento-solar", "orcamento-solar")]
    hidden = {"landing_pages.list": refused(403, "FORBIDDEN", "plano")}
    assert await connector.live_list(reader(hidden), "conversions") == []


async def test_checks_say_what_is_missing() -> None:
    routes = {
        "fields.list": answer(200, {"fields": FIELDS}),
        "webhooks.list": refused(403, "FORBIDDEN", "plano"),
    }
    told = {one.key: (one.state, one.params) for one in await connector.checks(reader(routes))}
    assert told["fields"] == ("ok", {"count": 6})
    assert told["webhooks"] == ("bad", {"message": "plano"})


def test_limits_follow_the_plan_and_each_lead_has_its_own() -> None:
    account, *each = connector.limits(connection())
    assert (account.calls, account.seconds) == (120, 60.0)
    assert connector.limits(connection(advanced_plan=True))[0].calls == 500
    assert connector.limits(connection(limit_calls=9, limit_seconds=3))[0].calls == 9
    assert {(one.scope, one.calls) for one in each} == {("lead", 24), ("funnel", 24), ("event", 120)}
    assert all(one.each and one.seconds == 86_400 for one in each)


@pytest.mark.parametrize(
    ("told", "error", "code"),
    [
        (refused(400, "EMAIL_ALREADY_IN_USE"), RecordError, "email_taken"),
        (refused(400, "INVALID_FIELDS", "(cf_x)"), RuleError, "field_not_there"),
        (refused(400, "UNABLE_TO_LOAD_CDP_SCHEMA"), RuleError, "crm_account"),
        (refused(400, "CANNOT_BE_NULL"), RecordError, "record_refused"),
        (refused(401, "UNAUTHORIZED", "Invalid token."), ReconnectError, "credentials_refused"),
        (refused(403, "FORBIDDEN"), RuleError, "permission_missing"),
        (refused(404, "RESOURCE_NOT_FOUND"), RecordError, "record_not_found"),
        (
            answer(422, [{"error_type": "INVALID_DATA_TYPE", "error_message": "x"}]),
            RecordError,
            "record_refused",
        ),
        (refused(500, "SERVICE_UNAVAILABLE"), UncertainError, "vendor_failed"),
        (answer(502, text="<html>"), UncertainError, "vendor_failed"),
    ],
)
def test_an_answer_s_meaning(told: Answer, error: type[VaivemError], code: str) -> None:
    found = ERRORS.error(READ, told)
    assert type(found) is error
    assert found.code == code


ONE = {"error_type": "X", "error_message": "um"}


@pytest.mark.parametrize(
    ("body", "text", "field"),
    [
        ({"errors": ONE}, "um", ""),
        ({"errors": [{**ONE, "path": "$.payload.tags"}]}, "um", "tags"),
        ({"errors": {"email": [ONE]}}, "um", "email"),
        ({"errors": {"label": {"pt-BR": [ONE]}}}, "um", "label"),
        ([ONE, {"error_type": "Y", "error_message": "dois"}], "um; dois", ""),
        ({"error": "invalid_request", "error_description": "missing"}, "missing", ""),
        ({"message": "Too many"}, "Too many", ""),
    ],
)
def test_the_vendor_s_sentence_is_found_in_each_of_its_shapes(body: Any, text: str, field: str) -> None:
    message = ERRORS.read(answer(400, body))
    assert (message.text, message.field) == (text, field)


def test_a_lead_s_own_limit_stops_no_other() -> None:
    body = {
        "error": "'lead_limiter' rate limit exceeded for 86400 second(s) period for key 'ana@example.com'",
        "max": 24,
        "usage": 25,
        "remaining_time": 43067,
    }
    own = ERRORS.error(READ, answer(429, body))
    assert isinstance(own, RetryError)
    assert (own.limit, own.narrow, own.retry_after) == (True, True, 43067.0)
    account = ERRORS.error(READ, refused(429, "RATE_LIMIT_EXCEDDED"))
    assert isinstance(account, RetryError)
    assert (account.limit, account.narrow, account.retry_after) == (True, False, 30.0)
