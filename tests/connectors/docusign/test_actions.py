"""Drafts from templates, sending, voiding, reading: once, whatever gets lost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.docusign.recorded import ENVELOPE, ROLES, TEMPLATE, connection, connector, content, step
from tests.connectors.fake_context import FakeContext, answer

from vaivem.connectors.docusign.templates import key_of
from vaivem.connectors.sdk import Findable, Written
from vaivem.core.errors import ReconnectError, RecordError, RetryError, RuleError

ROLE_LIST = {"templates.recipients": answer(200, ROLES)}
MADE = answer(
    201, {"envelopeId": ENVELOPE, "status": "created", "statusDateTime": "2026-11-24T12:00:01.1234567Z"}
)
SENT = answer(200, {"envelopeId": ENVELOPE, "errorDetails": {"errorCode": "SUCCESS", "message": ""}})
VALUES: dict[str, Any] = {
    "envelope.template": TEMPLATE,
    "envelope.subject": "Contrato Padaria",
    "signer.name": "Otávio Lemos",
    "signer.email": "otavio@tresirmaos.example",
}
SEND = {"sending": "send"}
BOTH = VALUES | {"signer2.name": "Júlia Prates", "signer2.email": "julia@raiarsolar.example"}


def draft(values: dict[str, Any] | None = None, routes: Any = None, **more: Any) -> FakeContext:
    routes = {**ROLE_LIST, "envelopes.create": MADE} if routes is None else routes
    return step("create_envelope", VALUES if values is None else values, routes, **more)


def body(context: FakeContext) -> dict[str, Any]:
    return dict(context.vendor.last("envelopes.create").json)


def tab(label: str) -> str:
    return f"tab.{key_of(label)}"


async def test_a_draft_is_made_and_not_sent() -> None:
    context = draft()
    outcome = await context.run()
    assert context.vendor.names == ["templates.recipients", "envelopes.create"]
    made = body(context)
    assert made.pop("transactionId")
    assert made == {
        "status": "created",
        "templateId": TEMPLATE,
        "emailSubject": "Contrato Padaria",
        "templateRoles": [
            {"roleName": "Cliente", "name": "Otávio Lemos", "email": "otavio@tresirmaos.example"}
        ],
    }
    (record,) = outcome.records
    assert (record.object, record.id, record.did, record.name) == (
        "envelope", ENVELOPE, "created", "Contrato Padaria",
    )  # fmt: skip
    assert record.url == f"https://app.docusign.com/documents/details/{ENVELOPE}"
    assert outcome.output["envelope"]["status"] == "created"


async def test_a_draft_in_doubt_is_found_by_its_transaction() -> None:
    def found(call: Any) -> Any:
        (pair,) = call.query
        rows = [{"transactionId": pair[1], "envelopeId": "e-2", "status": "created"}]
        return answer(200, {"envelopeTransactionStatuses": rows})

    context = draft(
        routes={**ROLE_LIST, "envelopes.by_transaction": found, "envelopes.create": MADE},
        lost=["envelopes.create"],
    )
    outcome = await context.run()
    assert outcome.records[0].id == "e-2"
    assert context.vendor.names.count("envelopes.create") == 1
    asked = dict(context.vendor.last("envelopes.by_transaction").query)["transaction_ids"]
    assert asked == body(context)["transactionId"]


@pytest.mark.parametrize(
    "told",
    [
        {"resultSetSize": "0"},
        {"envelopeTransactionStatuses": [{"transactionId": "another", "envelopeId": "e-3"}]},
        {
            "envelopeTransactionStatuses": [
                {"envelopeId": "e-4", "errorDetails": {"errorCode": "TRANSACTION_ID_INVALID"}}
            ]
        },
    ],
)
async def test_one_that_was_not_made_is_made_again_with_the_same_transaction(told: Any) -> None:
    routes = {**ROLE_LIST, "envelopes.by_transaction": answer(200, told), "envelopes.create": MADE}
    context = draft(routes=routes, lost=["envelopes.create"])
    assert (await context.run()).records[0].id == ENVELOPE
    sent = [call.json for call in context.vendor.calls if call.name == "envelopes.create"]
    assert len(sent) == 2
    assert sent[0] == sent[1]


async def test_the_transaction_is_of_this_write_alone() -> None:
    def transaction(context: FakeContext) -> Any:
        return body(context)["transactionId"]

    first, same = draft(), draft()
    others = [draft(reference="vv-other"), draft(BOTH), draft({**VALUES, "envelope.subject": "Outro"})]
    for context in (first, same, *others):
        await context.run()
    assert transaction(first) == transaction(same)
    assert len({transaction(one) for one in (first, *others)}) == 4
    assert [len(part) for part in transaction(first).split("-")] == [8, 4, 4, 4, 12]


async def test_sending_is_a_write_of_its_own_and_only_when_the_rule_says_so() -> None:
    routes = {**ROLE_LIST, "envelopes.create": MADE, "envelopes.send": SENT}
    context = draft(BOTH, routes, options={"sending": "send"})
    outcome = await context.run()
    assert context.vendor.names == ["templates.recipients", "envelopes.create", "envelopes.send"]
    made, sent = outcome.documents
    assert [one["name"] for one in made.recipients] == ["Otávio Lemos", "Júlia Prates"]
    assert [one["name"] for one in sent.recipients] == ["Otávio Lemos"], "whose turn is first"
    assert body(context)["status"] == "created"
    assert context.vendor.last("envelopes.send").json == {"status": "sent"}
    assert outcome.output["envelope"]["status"] == "sent"
    plain = draft(BOTH, options={"sending": "draft"})
    await plain.run()
    assert "envelopes.send" not in plain.vendor.names


async def test_tabs_go_to_the_roles_that_have_them_in_the_vendor_s_shapes() -> None:
    context = draft(
        {
            **BOTH, tab("Empresa"): "Padaria", tab("Valor"): "31900", tab("Aceita contato"): True,
            tab("Forma"): "1x", tab("Plano"): "Pró",
        }
    )  # fmt: skip
    await context.run()
    client_role, supplier = body(context)["templateRoles"]
    assert client_role["tabs"] == {
        "textTabs": [{"tabLabel": "Empresa", "value": "Padaria"}, {"tabLabel": "Valor", "value": "31900"}],
        "checkboxTabs": [{"tabLabel": "Aceita contato", "selected": "true"}],
        "listTabs": [{"tabLabel": "Forma", "value": "1x"}],
        "radioGroupTabs": [{"groupName": "Plano", "radios": [{"value": "Pró", "selected": "true"}]}],
    }
    assert supplier["tabs"] == {"textTabs": [{"tabLabel": "Valor", "value": "31900"}]}


async def test_a_named_role_is_taken_and_the_rest_follow_the_template_s_order() -> None:
    context = draft({**BOTH, "signer.role": "Fornecedor"})
    await context.run()
    named = {one["roleName"]: one["name"] for one in body(context)["templateRoles"]}
    assert named == {"Fornecedor": "Otávio Lemos", "Cliente": "Júlia Prates"}


async def test_people_of_a_list_take_the_roles_in_turn() -> None:
    people = [
        {"name": "Ana", "email": "ana@x.example", "role": "Cliente"},
        {"name": "Bia", "email": "bia@x.example", "role": "Cliente"},
    ]
    context = draft({"envelope.template": TEMPLATE, "signer": people})
    await context.run()
    named = [(one["roleName"], one["name"]) for one in body(context)["templateRoles"]]
    assert named == [("Cliente", "Ana"), ("Fornecedor", "Bia")]


@pytest.mark.parametrize(
    ("signer", "left"),
    [
        ({"signer.name": "Ana"}, {"name": "Ana"}),
        ({"signer.email": "ana@x.example"}, {"email": "ana@x.example"}),
    ],
)
async def test_a_draft_takes_a_signer_without_a_part(signer: dict[str, str], left: dict[str, str]) -> None:
    context = draft({"envelope.template": TEMPLATE, **signer})
    await context.run()
    assert body(context)["templateRoles"] == [{"roleName": "Cliente", **left}]


async def test_nobody_at_all_is_a_draft_with_empty_roles() -> None:
    context = draft({"envelope.template": TEMPLATE, "signer.name": None})
    await context.run()
    assert body(context)["templateRoles"] == []


@pytest.mark.parametrize(
    ("values", "code", "path"),
    [
        (VALUES, "role_empty", "signer.role"),
        ({**BOTH, "signer.email": None}, "signer_incomplete", "signer.email"),
        ({**BOTH, "signer2.name": None}, "signer_incomplete", "signer2.name"),
    ],
)
async def test_what_could_not_be_sent_is_refused_before_anything_is_made(
    values: dict[str, Any], code: str, path: str
) -> None:
    context = draft(values, ROLE_LIST, options={"sending": "send"})
    with pytest.raises(RecordError) as refused:
        await context.run()
    assert (refused.value.code, refused.value.problem.path) == (code, path)


async def test_one_that_was_made_and_not_sent_is_told_as_half_done() -> None:
    refused = answer(400, {"errorCode": "ENVELOPE_IS_INCOMPLETE", "message": "a field is empty"})
    routes = {**ROLE_LIST, "envelopes.create": MADE, "envelopes.send": refused}
    context = draft(BOTH, routes, options=SEND)
    with pytest.raises(RecordError):
        await context.run()
    (half,) = context.half_made
    assert (half.state, half.document["id"], half.document["name"]) == ("half", ENVELOPE, "Contrato Padaria")
    assert [one["name"] for one in half.recipients] == ["Otávio Lemos", "Júlia Prates"]
    assert not any("lacking" in one for one in half.recipients), "both are in it"


async def test_more_people_than_roles_are_said() -> None:
    people = [{"name": name, "email": f"{name}@x.example"} for name in ("a", "b", "c")]
    with pytest.raises(RecordError, match="more_people_than_roles"):
        await draft({"envelope.template": TEMPLATE, "signer": people}, ROLE_LIST).run()


@pytest.mark.parametrize(
    ("values", "code"),
    [({**VALUES, "signer.role": "Fiador"}, "role_gone"), ({**VALUES, tab("Empresa"): "x"}, "tab_gone")],
)
async def test_what_is_gone_from_the_template_is_found_at_the_first_draft(
    values: dict[str, Any], code: str
) -> None:
    without = {"signers": [{**ROLES["signers"][1], "tabs": {}}]}
    with pytest.raises(RuleError, match=code):
        await draft(values, {"templates.recipients": answer(200, without)}).run()


@pytest.mark.parametrize(
    ("status", "code"), [(404, "RESOURCE_NOT_FOUND"), (400, "TEMPLATE_ID_INVALID"), (404, "")]
)
async def test_a_template_that_is_gone_is_said(status: int, code: str) -> None:
    refused = answer(status, {"errorCode": code, "message": "x"})
    with pytest.raises(RuleError, match="template_gone"):
        await draft(routes={"templates.recipients": refused}).run()


async def test_custom_fields_are_named_as_the_account_names_them() -> None:
    filled = {"Centro de custo": "Vendas", "Região": "Sul"}
    keys = {f"envelope.custom.{key_of(name)}": value for name, value in filled.items()}
    context = draft({**VALUES, **keys})
    await context.run()
    rows = body(context)["customFields"]["textCustomFields"]
    assert [(one["name"], one["value"]) for one in rows] == [("Centro de custo", "Vendas"), ("Região", "Sul")]


async def test_a_refusal_inside_a_success_is_a_refusal() -> None:
    told = answer(201, {"envelopeId": ENVELOPE, "errorDetails": {"errorCode": "X", "message": "no seats"}})
    with pytest.raises(RecordError, match="no seats"):
        await draft(routes={**ROLE_LIST, "envelopes.create": told}).run()


async def test_a_repeat_with_the_rule_of_today_makes_no_second_draft() -> None:
    context = draft(routes={}, earlier={"envelope": "e-1"})
    (record,) = (await context.run()).records
    assert (record.id, record.did) == ("e-1", "kept")


@pytest.mark.parametrize(
    ("action", "name", "values", "state"),
    [
        ("send_envelope", "envelopes.send", {}, "delivered"),
        ("void_envelope", "envelopes.void", {"envelope.reason": "Refeita"}, "voided"),
    ],
)
@pytest.mark.parametrize("arrived", [True, False])
async def test_a_change_in_doubt_is_looked_up_in_the_list_of_states(
    action: str, name: str, values: dict[str, Any], state: str, *, arrived: bool
) -> None:
    row = {"envelopeId": ENVELOPE.upper(), "status": state if arrived else "created"}
    routes = {"envelopes.status": answer(200, {"envelopes": [row]}), name: SENT}
    context = step(action, {"envelope.id": ENVELOPE, **values}, routes, lost=[name])
    (record,) = (await context.run()).records
    assert (record.id, record.did) == (ENVELOPE, "updated")
    assert context.vendor.names.count(name) == (1 if arrived else 2)
    assert isinstance(context.repeats[name], Findable)


async def test_a_change_that_left_no_trace_is_done_again() -> None:
    routes = {"envelopes.status": answer(200, {}), "envelopes.send": SENT, "envelopes.void": SENT}
    sent = step("send_envelope", {"envelope.id": ENVELOPE}, routes, lost=["envelopes.send"])
    await sent.run()
    assert sent.vendor.names == ["envelopes.send", "envelopes.status", "envelopes.send"]
    reason = {"envelope.id": ENVELOPE, "envelope.reason": "x"}
    voided = step("void_envelope", reason, routes, lost=["envelopes.void"])
    await voided.run()
    assert voided.vendor.names == ["envelopes.void", "envelopes.status", "envelopes.void"]


async def test_a_change_that_comes_too_late_is_said() -> None:
    told = {"errorCode": "ENVELOPE_CANNOT_VOID_INVALID_STATE", "message": "Only sent or delivered."}
    values = {"envelope.id": ENVELOPE, "envelope.reason": "x"}
    with pytest.raises(RecordError, match="wrong_state"):
        await step("void_envelope", values, {"envelopes.void": answer(400, told)}).run()


async def test_what_was_done_is_told_so_that_it_is_known_when_it_comes_back() -> None:
    kept: list[Written] = []
    sent = answer(200, {"envelopeId": ENVELOPE}, date="Tue, 24 Nov 2026 12:00:02 GMT")
    context = draft(BOTH, {**ROLE_LIST, "envelopes.create": MADE, "envelopes.send": sent}, options=SEND)
    original = context.write

    async def noting(call: Any, repeat: Any, take: Any, **more: Any) -> Any:
        done = await original(call, repeat, take, **more)
        kept.append(more["leaves"](done))
        return done

    context.write = noting  # type: ignore[method-assign]
    await context.run()
    assert [(one.object, one.record, one.values) for one in kept] == [
        ("envelope", ENVELOPE, {"envelope.created": True}),
        ("envelope", ENVELOPE, {"envelope.sent": True}),
    ]
    assert [one.version.isoformat() for one in kept if one.version] == [
        "2026-11-24T12:00:01.123000+00:00",
        "2026-11-24T12:00:02+00:00",
    ]


async def test_reading_gives_recipients_and_documents() -> None:
    summary = content("envelope-completed")["data"]["envelopeSummary"]
    context = step("find_envelope", {"envelope.id": ENVELOPE}, {"envelopes.get": answer(200, summary)})
    outcome = await context.run()
    assert [one["name"] for one in outcome.output["documents"]] == ["Contrato.pdf", "Summary"]
    assert len(outcome.output["recipients"]) == 3
    assert outcome.output["tabs"]["Plano"] == "Pró"
    assert outcome.records[0].did == "found"


@pytest.mark.parametrize("status", [400, 404])
async def test_one_that_is_not_there_is_found_nothing(status: int) -> None:
    told = answer(status, {"errorCode": "ENVELOPE_DOES_NOT_EXIST", "message": "x"})
    context = step("find_envelope", {"envelope.id": "x"}, {"envelopes.get": told})
    assert (await context.run()).records == ()


@pytest.mark.parametrize(
    ("status", "code", "error", "ours", "limit"),
    [
        (400, "HOURLY_APIINVOCATION_LIMIT_EXCEEDED", RetryError, "vendor_limit", True),
        (429, "burst_apiinvocation_limit_exceeded", RetryError, "vendor_limit", True),
        (400, "Hourly_Envelope_Polling_Limit_Exceeded", RetryError, "envelope_limit", True),
        (400, "BURST_APIInvocation_Envelope_Limit_Exceeded", RetryError, "envelope_limit", True),
        (401, "AUTHORIZATION_INVALID_TOKEN", ReconnectError, "credentials_refused", None),
        (401, "USER_AUTHENTICATION_FAILED", ReconnectError, "credentials_refused", None),
        (400, "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT", ReconnectError, "account_left", None),
        (401, "USER_LACKS_PERMISSIONS", RuleError, "permission_missing", None),
        (400, "INVALID_EMAIL_ADDRESS_FOR_RECIPIENT", RecordError, "recipient_refused", None),
        (400, "INVALID_REQUEST_BODY", RecordError, "record_refused", None),
    ],
)
async def test_the_code_decides_and_not_the_status(
    status: int, code: str, error: type[Exception], ours: str, limit: bool | None
) -> None:
    told = answer(status, {"errorCode": code, "message": "x"})
    context = draft(routes={**ROLE_LIST, "envelopes.create": told})
    with pytest.raises(error) as raised:
        await context.run()
    found = raised.value
    assert getattr(found, "code", "") == ours
    if limit is not None:
        assert isinstance(found, RetryError)
        assert found.limit is limit
        assert found.narrow is (ours == "envelope_limit")
        assert found.retry_after


def test_a_dry_run_knows_what_would_be_answered() -> None:
    from vaivem.connectors.docusign import client

    line = connection(read=False)
    made = connector.echo(client.create_envelope(line, {"status": "created"})).json
    assert made["status"] == "created"
    assert made["envelopeId"]
    assert connector.echo(client.void_envelope(line, "e-1", "x")).json == {
        "envelopeId": "e-1", "status": "voided",
    }  # fmt: skip
