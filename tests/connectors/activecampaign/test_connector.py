"""Connecting, lists, own fields, limits and what an answer means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.connectors.activecampaign.recorded import (
    CONTACT_FIELDS,
    DEAL_FIELDS,
    OPTIONS,
    connection,
    connector,
    listed,
)
from tests.connectors.fake_context import FakeReader, answer

from vaivem.connectors.activecampaign import client, sales_client
from vaivem.connectors.activecampaign.connector import server_of
from vaivem.connectors.activecampaign.custom_objects import document_schema
from vaivem.connectors.activecampaign.errors import ERRORS
from vaivem.connectors.sdk import Answer, Call, LimitState
from vaivem.core.errors import (
    ReconnectError,
    RecordError,
    RetryError,
    RuleError,
    UncertainError,
    VaivemError,
)

ME = {"user": {"id": "1", "username": "bia", "firstName": "Bia", "lastName": "Souza", "email": "b@x.example"}}
READ = client.contact("3")


def reader(routes: dict[str, Any], **settings: Any) -> FakeReader:
    return FakeReader(connector, connection(**settings), routes)


@pytest.mark.parametrize(
    ("pasted", "server"),
    [
        ("https://padaria.api-us1.com", "https://padaria.api-us1.com"),
        (" https://padaria.api-us1.com/api/3/ ", "https://padaria.api-us1.com"),
        ("https://padaria.activehosted.com/api", "https://padaria.activehosted.com"),
        ("padaria.api-us1.com", "https://padaria.api-us1.com"),
        ("", ""),
    ],
)
def test_the_server_is_as_pasted(pasted: str, server: str) -> None:
    assert server_of(pasted) == server
    there = replace(connection(), credentials={"url": pasted, "token": "k"})
    assert connector.address("api", there) == server
    moved = replace(there, settings={"address_api": "http://127.0.0.1:9/"})
    assert connector.address("api", moved) == "http://127.0.0.1:9"


def test_the_key_goes_into_a_header() -> None:
    assert connector.authorise(connection()).headers == (("Api-Token", "k-1"),)


async def test_an_account_is_named_by_its_server() -> None:
    account = await connector.account(reader({"users.me": answer(200, ME)}))
    assert (account.id, account.name) == ("padaria", "padaria")
    assert account.details["web"] == "https://padaria.activehosted.com"
    assert (account.details["user"], account.details["user_id"]) == ("Bia Souza", "1")
    own = reader({"users.me": answer(200, ME)})
    own.connection = replace(own.connection, credentials={"url": "https://mkt.padaria.example", "token": "k"})
    told = await connector.account(own)
    assert (told.id, told.details["web"]) == ("mkt.padaria.example", "https://mkt.padaria.example")
    assert connector.suggested_name(account) == "padaria"
    assert connector.suggested_name(told) == "ActiveCampaign"


def test_five_calls_a_second_and_what_headers_say() -> None:
    (limit,) = connector.limits(connection())
    assert (limit.calls, limit.seconds, limit.share) == (5, 1.0, 1.0)
    (own,) = connector.limits(connection(limit_calls=7, limit_seconds=2))
    assert (own.calls, own.seconds) == (7, 2.0)
    told = Answer(200, {"ratelimit-limit": "5", "ratelimit-remaining": "2"})
    assert connector.limit_state(READ, told) == LimitState(2)
    assert connector.limit_state(READ, Answer(200)) is None


async def test_all_pages_of_a_list_are_read() -> None:
    first = [{"id": str(number), "tag": f"t{number}", "tagType": "contact"} for number in range(100)]
    rest = [
        {"id": "200", "tag": "last", "tagType": "contact"},
        {"id": "201", "tag": "x", "tagType": "template"},
    ]
    there = reader({"tags.list": [listed("tags", *first), listed("tags", *rest)]})
    found = await connector.live_list(there, "tags")
    assert len(found) == 101
    assert dict(there.vendor.last("tags.list").query)["offset"] == "100"


async def test_own_fields_have_their_types_and_options() -> None:
    routes = {
        "fields.list": answer(200, {"fields": CONTACT_FIELDS, "fieldOptions": OPTIONS}),
        "dealCustomFieldMeta.list": listed("dealCustomFieldMeta", *DEAL_FIELDS),
        "accountCustomFieldMeta.list": answer(403, {"message": "Forbidden"}),
        "objects.list": listed("schemas", {"id": "s-1", **document_schema()}),
    }
    contact = await connector.custom_fields(reader(routes), "contact")
    assert [one.type.value for one in contact] == ["cpf", "option", "options", "date"]
    assert [option.value for option in contact[1].options] == ["Sítio", "Casa"]
    deal = await connector.custom_fields(reader(routes), "deal")
    assert [one.type.value for one in deal] == ["money", "options", "number", "text"]
    record = await connector.custom_fields(reader(routes), "record")
    assert record[1].key == "record.s-1.status"
    assert record[1].label == "Signed document: Status"
    assert [one.value for one in record[1].options][:2] == ["Sent", "Delivered"]
    relations = await connector.live_list(reader(routes), "relations")
    assert [(one.value, one.label) for one in relations] == [("s-1/contact", "primary-contact")]


async def test_what_a_user_may_not_see_is_no_reason_to_know_nothing() -> None:
    denied = answer(403, {"errors": [{"status": 403, "title": "Forbidden",
                                      "detail": "You do not have permission to view lists."}]})  # fmt: skip
    refused = answer(403, {"message": "Forbidden"})
    routes = {"lists.list": denied, "dealGroups.list": refused, "tags.list": refused, "objects.list": refused}
    assert await connector.live_list(reader(routes), "lists") == []
    assert await connector.live_list(reader(routes), "pipelines") == []
    assert await connector.live_list(reader(routes), "objects") == []
    with pytest.raises(RetryError):  # a key that is over looks the same: lists are then left as they were
        await connector.live_list(reader(routes), "tags")


async def test_checks_say_what_is_missing() -> None:
    routes = {
        "fields.list": listed("fields", *CONTACT_FIELDS),
        "lists.list": answer(403, {"message": "No permission"}),
        "webhooks.list": answer(403, {"message": "Forbidden"}),
        "dealGroups.list": answer(402, {"message": "Payment Required"}),
        "objects.list": listed("schemas", {"id": "s-1", **document_schema()}),
        "dealCustomFieldMeta.list": listed("dealCustomFieldMeta", *DEAL_FIELDS),
    }
    told = {one.key: one.state for one in await connector.checks(reader(routes))}
    assert told == {
        "contacts": "ok", "lists": "warn", "webhooks": "bad", "deals": "warn", "objects": "ok",
        "reference_field": "warn",
    }  # fmt: skip
    chosen = await connector.checks(reader(routes, document_object="s-1", reference_field="9"))
    told = {one.key: one.state for one in chosen}
    assert (told["document_object"], told["reference_field"]) == ("ok", "ok")
    gone = await connector.checks(reader(routes, document_object="s-2", reference_field="77"))
    told = {one.key: one.state for one in gone}
    assert (told["document_object"], told["reference_field"]) == ("bad", "bad")


def said(status: int, *errors: dict[str, Any], **more: Any) -> Answer:
    return answer(status, {"errors": list(errors)} if errors else more)


FORBIDDEN = answer(403, {"message": "Forbidden"})
SAVE = client.save_object_record("s", {})


@pytest.mark.parametrize(
    ("call", "told", "error", "code"),
    [
        (client.me(), FORBIDDEN, ReconnectError, "credentials_refused"),
        (client.me(), answer(401, {}), ReconnectError, "credentials_refused"),
        (READ, FORBIDDEN, RetryError, "call_refused"),
        (READ, answer(402, {"message": "Payment Required"}), ReconnectError, "account_unpaid"),
        (SAVE, answer(402, {"message": "Payment Required"}), RuleError, "objects_not_in_plan"),
        (SAVE, FORBIDDEN, RuleError, "objects_not_in_plan"),
        (sales_client.deal("9"), FORBIDDEN, RuleError, "permission_missing"),
        (sales_client.deal("9"), answer(402, {}), RuleError, "plan_lacks_feature"),
        (READ, said(403, message="No Result found for Note with id 1"), RecordError, "record_not_found"),
        (READ, said(404, message="No Result found for Subscriber"), RecordError, "record_not_found"),
        (
            client.enrol("1", "2"),
            said(403, message="Could not create SubscriberSeries"),
            RecordError,
            "automation_refused",
        ),
        (
            client.lists(),
            said(403, {"title": "Forbidden", "detail": "You do not have permission to view lists."}),
            RuleError,
            "permission_missing",
        ),
        (READ, said(422, {"title": "exists", "code": "duplicate"}), RecordError, "taken_already"),
        (READ, answer(400, {}), RecordError, "record_refused"),
        (READ, answer(429, {"message": "Too Many Requests"}, retry_after="30"), RetryError, "vendor_limit"),
        (READ, answer(503, text="<html>"), UncertainError, "vendor_failed"),
    ],
)  # fmt: skip
def test_an_answer_s_meaning(call: Call, told: Answer, error: type[VaivemError], code: str) -> None:
    found = ERRORS.error(call, told)
    assert type(found) is error
    assert found.code == code
    if code == "vendor_limit":
        assert isinstance(found, RetryError)
        assert (found.retry_after, found.limit) == (30.0, True)


def test_the_vendor_s_sentence_is_found_in_each_of_its_shapes() -> None:
    duplicate = {
        "title": "Email address already exists in the system",
        "detail": "",
        "code": "duplicate",
        "source": {"pointer": "/data/attributes/email"},
    }
    message = ERRORS.read(said(422, duplicate))
    assert (message.text, message.field, message.code) == (duplicate["title"], "email", "duplicate")
    value = {
        "title": 'Invalid value for field "status"',
        "detail": "status cannot accept it",
        "source": {"type": "pointer", "value": "/data/attributes/status"},
    }
    message = ERRORS.read(said(422, value))
    assert (message.text, message.field) == (
        'Invalid value for field "status" status cannot accept it',
        "status",
    )
    assert ERRORS.read(answer(422, {"errors": "Bulk operation failed"})).text == "Bulk operation failed"
    assert ERRORS.read(answer(404, {"message": "Not Found"})).text == "Not Found"
    plain = Answer(422, {"content-type": "text/plain"}, b'{"errors":[{"detail":"not a date"}]}')
    assert ERRORS.read(plain).text == "not a date"
    assert ERRORS.read(answer(502, text="<html>")).text == ""
    assert ERRORS.read(answer(500, text="upstream")).text == "upstream"


async def test_a_key_that_is_over_shows_in_the_first_list() -> None:
    assert connector.lists[0] == "users"
    with pytest.raises(ReconnectError):
        await connector.live_list(reader({"users.me": FORBIDDEN}), "users")
    there = {"users.me": answer(200, ME), "users.list": listed("users", {**ME["user"], "firstName": ""})}
    assert [one.label for one in await connector.live_list(reader(there), "users")] == ["Souza"]
