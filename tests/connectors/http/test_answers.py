"""Answers and errors of any tool, and trying the credentials."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.fake_context import FakeReader, answer
from tests.connectors.http.calling import BASE, connection, connector, step

from vaivem.connectors.sdk import Answer, Call
from vaivem.core.errors import (
    ReconnectError,
    RecordError,
    RetryError,
    RuleError,
    UncertainError,
    VaivemError,
)

# Answers


async def test_later_steps_read_the_answer() -> None:
    outcome = await step({}).run()
    assert outcome.output == {
        "status": 201,
        "headers": {"location": "/pedidos/7"},
        "json": {"id": 7, "nome": "Ana"},
        "text": '{"id":7,"nome":"Ana"}',
    }
    (record,) = outcome.records
    assert (record.id, record.did, record.name) == ("/pedidos", "created", "POST /pedidos → 201")


@pytest.mark.parametrize(
    ("given", "json", "text"),
    [
        (Answer(204), None, ""),
        (Answer(200, content=b"<html>"), None, "<html>"),
        (Answer(200, content=b"a\x00b\xff"), None, "ab�"),
        (Answer(200, content=b"x" * 60_000), None, "x" * 50_000),
        (Answer(200, content=b'"' + b"x" * 1_000_000 + b'"'), None, '"' + "x" * 49_999),
    ],
)
async def test_an_answer_of_any_kind_is_kept(given: Answer, json: Any, text: str) -> None:
    outcome = await step({}, routes={"request": given}).run()
    assert (outcome.output["json"], outcome.output["text"]) == (json, text)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (answer(200, {"id": 1}), True),
        (answer(200, [0]), True),
        (answer(200, 0), True),
        (Answer(200, content=b"text"), True),
        (answer(200, []), False),
        (answer(200, {}), False),
        (Answer(200, content=b"null"), False),
        (Answer(204), False),
        (answer(404, {"message": "no"}), False),
    ],
)
async def test_a_lookup_may_find_nothing(given: Answer, found: bool) -> None:
    context = step({"url": "/clientes", "query": "email=a@b.co"}, action="lookup", routes={"lookup": given})
    outcome = await context.run()
    assert bool(outcome.records) is found
    assert context.vendor.calls[0].query == (("email", "a@b.co"),)


async def test_a_lookup_that_is_refused_is_not_nothing() -> None:
    with pytest.raises(RecordError):
        await step({}, action="lookup", routes={"lookup": answer(422, {"error": "bad"})}).run()


# Errors


@pytest.mark.parametrize(
    ("given", "authorised", "error", "code"),
    [
        (Answer(401), True, ReconnectError, "credentials_refused"),
        (Answer(401), False, RuleError, "credentials_wanted"),
        (Answer(403), True, RuleError, "permission_missing"),
        (Answer(405), True, RuleError, "method_refused"),
        (Answer(404), True, RecordError, "record_not_found"),
        (Answer(422), True, RecordError, "record_refused"),
        (Answer(429, {"retry-after": "3"}), True, RetryError, "vendor_limit"),
        (Answer(500), True, UncertainError, "vendor_failed"),
        (Answer(302), True, RuleError, "vendor_redirects"),
    ],
)
def test_each_refusal(given: Answer, authorised: bool, error: type[VaivemError], code: str) -> None:
    found = connector.errors.error(Call("request", "POST", "/x", authorise=authorised), given)
    assert type(found) is error
    assert found.code == code


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"message": "CPF inválido"}, "CPF inválido"),
        ({"error": {"message": "no"}}, "no"),
        ({"errors": [{"detail": "a"}, "b"]}, "a; b"),
        ({"erro": "não"}, "não"),
        ({"error": "invalid_grant", "error_description": "Expired"}, "Expired"),
        (["a", {"title": "b"}], "a; b"),
        ({"data": 1}, ""),
        (7, ""),
    ],
)
def test_the_tools_sentence_is_found(body: Any, sentence: str) -> None:
    found = connector.errors.error(Call("request", "POST", "/x"), answer(422, body))
    assert found is not None
    assert found.params["message"] == sentence


@pytest.mark.parametrize(
    ("text", "sentence"), [("Campo ausente", "Campo ausente"), ("<html>x</html>", ""), ("", "")]
)
def test_a_page_is_no_sentence(text: str, sentence: str) -> None:
    found = connector.errors.error(Call("request", "POST", "/x"), answer(422, text=text))
    assert found is not None
    assert found.params["message"] == sentence


# Connecting


async def test_the_credentials_are_tried_where_the_person_says() -> None:
    there = FakeReader(connector, connection(test_path="/me"), {"test": answer(200, {})})
    assert (await connector.account(there)).id == ""
    (line,) = await connector.checks(there)
    assert (line.state, line.params) == ("ok", {"path": "/me", "status": 200})
    assert [call.authorise for call in there.vendor.calls] == [True, True]


async def test_without_a_path_nothing_is_tried_and_it_is_said() -> None:
    there = FakeReader(connector, connection(), {})
    await connector.account(there)
    assert [line.state for line in await connector.checks(there)] == ["warn"]


async def test_refused_credentials_are_said() -> None:
    there = FakeReader(connector, connection(test_path="/me"), {"test": Answer(401)})
    with pytest.raises(ReconnectError):
        await connector.account(there)


async def test_a_wrong_path_is_said() -> None:
    there = FakeReader(connector, connection(test_path="/me"), {"test": Answer(404)})
    (line,) = await connector.checks(there)
    assert (line.state, line.params) == ("bad", {"path": "/me", "status": 404})


@pytest.mark.parametrize(("base", "path"), [("", "/me"), (BASE, "https://evil.example/me")])
async def test_the_path_to_try_is_below_the_base(base: str, path: str) -> None:
    there = FakeReader(connector, connection(base=base, test_path=path), {})
    with pytest.raises(RuleError):
        await connector.account(there)
