"""Our requests, and the answers and messages in our tests, against the file that DocuSign publishes.

Its scalars are all texts, and it says of nothing that it is required; so what is checked is that every name
and every shape of ours is a published one.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from tests.connectors.docusign.recorded import (
    ADDRESS,
    CUSTOM_FIELDS,
    ENVELOPE,
    ROLES,
    TEMPLATE,
    connection,
    connector,
    content,
    names,
    step,
)
from tests.connectors.fake_context import answer
from tests.published import published

from vaivem.connectors.docusign import client
from vaivem.connectors.docusign.templates import key_of
from vaivem.connectors.docusign.webhooks import _wanted
from vaivem.connectors.sdk import Call

SPEC = published("docusign-esignature.json")

HERE = connection(read=False)
DAY = datetime(2026, 11, 23, tzinfo=UTC)
KINDS = sorted({kind for trigger in connector.triggers for kind in trigger.kinds})
CONFIGURATION = _wanted(ADDRESS, KINDS)
CALLS = [
    client.account(HERE),
    client.create_envelope(HERE, {"status": "created", "templateId": TEMPLATE, "transactionId": "x"}),
    client.send_envelope(HERE, ENVELOPE),
    client.void_envelope(HERE, ENVELOPE, "x"),
    client.get_envelope(HERE, ENVELOPE),
    client.by_transaction(HERE, "x"),
    client.status_of(HERE, ENVELOPE),
    client.changed(HERE, DAY, DAY),
    client.templates(HERE),
    client.template_recipients(HERE, TEMPLATE),
    client.custom_fields(HERE),
    client.configurations(HERE),
    client.create_configuration(HERE, CONFIGURATION),
    client.update_configuration(HERE, {**CONFIGURATION, "connectId": "1"}),
    client.delete_configuration(HERE, "1"),
]


@cache
def published() -> Any:
    return json.loads(SPEC.read_text("utf-8"))


def operation(call: Call) -> dict[str, Any]:
    path = call.path.removeprefix(published()["basePath"])
    # A path without placeholders goes before one that would take a word for an id.
    for template, methods in sorted(published()["paths"].items(), key=lambda item: item[0].count("{")):
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and call.method.lower() in methods:
            found: dict[str, Any] = methods[call.method.lower()]
            return found
    raise AssertionError(f"{call.method} {path} is not published")


def wrong(value: Any, schema: dict[str, Any], place: str = "") -> Iterator[str]:
    """Return what of a value is not as published: names that are not there, other shapes."""
    if "$ref" in schema:
        schema = published()["definitions"][schema["$ref"].rpartition("/")[2]]
    kind = schema.get("type")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if kind != "object" and not known:
            yield f"{place}: an object where {kind} is published"
        for name, part in value.items():
            if name in known:
                yield from wrong(part, known[name], f"{place}.{name}")
            else:
                yield f"{place}.{name}: not published"
    elif isinstance(value, list):
        if kind != "array":
            yield f"{place}: a list where {kind} is published"
        for number, part in enumerate(value):
            yield from wrong(part, schema.get("items", {}), f"{place}[{number}]")
    elif value is not None and kind not in ("string", None):
        yield f"{place}: {value!r} where {kind} is published"
    elif value is not None and not isinstance(value, str):
        yield f"{place}: {value!r} is no text"


def body_schema(call: Call) -> dict[str, Any]:
    (found,) = [one["schema"] for one in operation(call)["parameters"] if one["in"] == "body"]
    return dict(found)


def answer_schema(call: Call) -> dict[str, Any]:
    responses = operation(call)["responses"]
    return dict(responses.get("200", responses.get("201", {}))["schema"])


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_our_requests_are_published(call: Call) -> None:
    there = operation(call)
    named = {parameter["name"] for parameter in there.get("parameters", ()) if parameter["in"] == "query"}
    assert {name for name, _ in call.query} <= named
    if call.json is not None:
        assert list(wrong(call.json, body_schema(call))) == []


def test_every_call_of_the_client_is_among_them() -> None:
    makers = [one for name, one in inspect.getmembers(client, inspect.isfunction) if name[0] != "_"]
    made = [one for one in makers if one.__annotations__["return"] == "Call"]
    # Who the access is of is told by another service, whose description is not in the file.
    assert len(made) == len({call.name for call in CALLS} | {client.user_info().name})


async def test_the_draft_with_everything_is_published() -> None:
    values = {
        "envelope.template": TEMPLATE, "envelope.subject": "x", "envelope.message": "y",
        f"envelope.custom.{key_of('Centro de custo')}": "z",
        "signer.name": "Ana", "signer.email": "ana@x.example",
        **{
            f"tab.{key_of(label)}": value
            for label, value in {
                "Empresa": "x", "Valor": "1", "Aceita contato": True, "Forma": "1x", "Plano": "Pró"
            }.items()
        },
    }  # fmt: skip
    made = answer(201, {"envelopeId": ENVELOPE, "status": "created"})
    context = step(
        "create_envelope", values, {"templates.recipients": answer(200, ROLES), "envelopes.create": made}
    )
    await context.run()
    call = context.vendor.last("envelopes.create")
    assert list(wrong(call.json, body_schema(call))) == []


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (client.template_recipients(HERE, TEMPLATE), ROLES),
        (client.custom_fields(HERE), CUSTOM_FIELDS),
        (client.create_configuration(HERE, {}), {**CONFIGURATION, "connectId": "1"}),
        (
            client.by_transaction(HERE, "x"),
            {"envelopeTransactionStatuses": [{"transactionId": "x", "envelopeId": "y", "status": "created"}]},
        ),
        (client.create_envelope(HERE, {}), {"envelopeId": "x", "status": "created", "statusDateTime": "z"}),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_the_answers_of_our_tests_are_published(call: Call, told: Any) -> None:
    assert list(wrong(told, answer_schema(call))) == []


@pytest.mark.parametrize("name", [one for one in names() if "__ids" not in one and "legacy" not in one])
def test_the_summaries_of_our_messages_are_envelopes_as_published(name: str) -> None:
    summary = content(name)["data"]["envelopeSummary"]
    assert list(wrong(summary, answer_schema(client.get_envelope(HERE, ENVELOPE)))) == []


def test_the_check_sees_what_is_wrong() -> None:
    schema = body_schema(client.create_envelope(HERE, {}))
    body = {
        "status": True,
        "nonsense": "x",
        "templateRoles": [{"roleName": "x", "emial": "y"}],
        "emailSubject": {},
    }
    assert len(list(wrong(body, schema))) == 4


def test_every_event_that_we_ask_for_is_published() -> None:
    text = SPEC.read_text("utf-8")
    assert [kind for kind in KINDS if kind not in text] == []
