"""Drafts at the served test account, with answers lost: what the account then shows is there once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.connectors.live_context import LiveContext, Wired, step
from tests.simulators.conftest import Start, start

from vaivem.connectors.clicksign import client
from vaivem.connectors.sdk import Answer, Call, Connection
from vaivem.connectors.sdk.documents import DocumentMoved
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import DecisionError, RecordError, RuleError
from vaivem.simulators.clicksign.app import ClicksignSimulator
from vaivem.simulators.clicksign.seed import ACCESS_TOKEN, TEMPLATE_ID

__all__ = ["start"]  # a fixture, taken over

PEOPLE = {
    "signer.name": "Ana Souza", "signer.email": "ana@cliente.example", "signer.role": "contractee",
    "signer2.name": "Bia Reis", "signer2.phone": "+5511987654321", "signer2.proof": "whatsapp",
}  # fmt: skip
MADE = {"envelope.template": TEMPLATE_ID, "envelope.name": "Contrato Ana", **PEOPLE}
WRITES = ["envelopes.create", "documents.create", "signers.create", "requirements.create"]


@pytest.fixture
async def wired(start: Start) -> Wired:
    running = await start(ClicksignSimulator())
    connector = get_connector("clicksign")
    settings = {
        **connector.manifest.defaults(), "environment": "sandbox",
        "address_api": f"{running.base_url}/api/v3", "variables": "nome\n{{empresa}}, valor",
    }  # fmt: skip
    made = Connection(5, 1, "clicksign", "Clicksign", "token", {"token": ACCESS_TOKEN}, settings)
    wired = Wired(connector, made, running.client)
    await wired.look()
    return wired


def filled(wired: Wired, **more: str) -> dict[str, Any]:
    """Return what a rule fills, the variables by the names that the template has."""
    fields = wired.connection.custom_fields("variable")
    given = {"nome": "Ana Souza", "empresa": "Padaria", "valor": "31.900,00", **more}
    keys = {(one.label or "").rpartition(" › ")[2]: one.key for one in fields}
    return {**MADE, **{keys[name]: value for name, value in given.items()}}


async def parts(wired: Wired, envelope: str) -> dict[str, list[Any]]:
    """Return what an envelope holds at the account."""
    calls = {
        "documents": client.list_documents(envelope),
        "signers": client.list_signers(envelope),
        "requirements": client.list_requirements(envelope),
    }
    return {
        name: [row["attributes"] async for row in client.each(wired, call)] for name, call in calls.items()
    }


async def envelopes(wired: Wired) -> list[Any]:
    return [row async for row in client.each(wired, client.list_envelopes())]


async def test_a_draft_has_its_document_signers_and_requirements(wired: Wired) -> None:
    assert [one.label for one in wired.connection.options("templates")] == [
        "Contrato de prestação de serviços"
    ]
    outcome = await step(wired, "create_envelope", filled(wired))
    held = await parts(wired, outcome.records[0].id)
    (document,) = held["documents"]
    data = {"nome": "Ana Souza", "empresa": "Padaria", "valor": "31.900,00"}
    assert document["template"] == {"key": TEMPLATE_ID, "data": data}
    assert document["filename"] == "Contrato Ana.docx"
    assert document["metadata"]["envelope_id"] == outcome.records[0].id
    assert document["metadata"]["vaivem_first"] == "ana@cliente.example"
    ana, bia = held["signers"]
    assert (ana["email"], bia["phone_number"], bia["email"]) == ("ana@cliente.example", "11987654321", None)
    assert bia["communicate_events"]["signature_request"] == "whatsapp"
    assert [one.get("role") or one.get("auth") for one in held["requirements"]] == [
        "contractee", "email", "sign", "whatsapp",
    ]  # fmt: skip
    (envelope,) = await envelopes(wired)
    assert envelope["attributes"]["status"] == "draft"
    assert "notifications.create" not in wired.names


@pytest.mark.parametrize("lost", WRITES)
async def test_a_draft_whose_answer_was_lost_is_there_once(wired: Wired, lost: str) -> None:
    outcome = await step(wired, "create_envelope", filled(wired), lost=[lost])
    assert [one["id"] for one in await envelopes(wired)] == [outcome.records[0].id]
    held = await parts(wired, outcome.records[0].id)
    assert {name: len(rows) for name, rows in held.items()} == {
        "documents": 1, "signers": 2, "requirements": 4,
    }  # fmt: skip


@pytest.mark.parametrize("lost", [[], ["envelopes.activate"]])
async def test_it_is_sent_only_where_the_rule_says_so(wired: Wired, lost: list[str]) -> None:
    quiet = await step(wired, "create_envelope", filled(wired), options={"sending": "activate"}, lost=lost)
    assert "notifications.create" not in wired.names
    (envelope,) = await envelopes(wired)
    assert (envelope["id"], envelope["attributes"]["status"]) == (quiet.records[0].id, "running")
    await step(wired, "create_envelope", filled(wired), options={"sending": "send"})
    assert wired.names.count("notifications.create") == 1


@pytest.mark.parametrize("lost", [[], ["envelopes.activate"]])
async def test_our_activation_tells_whose_turn_is_first_that_it_was_sent(
    wired: Wired, lost: list[str]
) -> None:
    """The second signer's turn comes later: of that one nothing is told."""
    draft = await step(wired, "create_envelope", filled(wired))
    values, options = {"envelope.id": draft.records[0].id}, {"telling": "quiet"}
    context = LiveContext(wired, "send_envelope", values, options=options, lost=lost)
    await context.run()
    moved = wired.connector.trigger("document_moved")
    assert isinstance(moved, DocumentMoved)
    (told,) = context.told
    scope = await moved.scope(wired, told, {})
    assert scope is not None
    sent = scope["step"]
    assert (sent["state"], sent["name"]) == ("sent", "Contrato Ana")
    assert [one["email"] for one in sent["recipients"]] == ["ana@cliente.example"]
    (envelope,) = await envelopes(wired)
    assert sent["sent_at"] == envelope["attributes"]["modified"]
    assert told.data["envelope"]["id"] == envelope["id"]
    assert told.occurred is not None


async def test_a_draft_was_sent_to_nobody(wired: Wired) -> None:
    context = LiveContext(wired, "create_envelope", filled(wired))
    await context.run()
    assert context.told == []


async def test_a_draft_is_sent_once_and_a_lost_notification_is_for_a_person(wired: Wired) -> None:
    draft = await step(wired, "create_envelope", filled(wired))
    values = {"envelope.id": draft.records[0].id}
    with pytest.raises(DecisionError, match="write_in_doubt"):
        await LiveContext(wired, "send_envelope", values, lost=["notifications.create"]).run()
    assert wired.names.count("notifications.create") == 1
    (envelope,) = await envelopes(wired)
    assert envelope["attributes"]["status"] == "running"


async def test_a_blank_variable_stops_before_anything_is_made(wired: Wired) -> None:
    with pytest.raises(RecordError, match="variable_blank") as blank:
        await step(wired, "create_envelope", filled(wired, empresa=""))
    assert blank.value.params["variable"] == "empresa"
    assert await envelopes(wired) == []
    await step(wired, "create_envelope", filled(wired, empresa=""), options={"blanks": "allow"})
    assert len(await envelopes(wired)) == 1


async def test_variables_are_learnt_from_a_past_document_of_the_template(wired: Wired) -> None:
    await step(wired, "create_envelope", filled(wired))
    wired.connection = replace(wired.connection, settings={**wired.connection.settings, "variables": ""})
    await wired.look()
    fields = wired.connection.custom_fields("variable")
    template = "Contrato de prestação de serviços"
    assert [one.label for one in fields] == [f"{template} › {name}" for name in ("nome", "empresa", "valor")]
    unmapped = {key: value for key, value in filled(wired).items() if key != fields[1].key}
    with pytest.raises(RecordError, match="variable_blank"):
        await step(wired, "create_envelope", unmapped)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"signer.name": "Ana"}, "signer_name_refused"),
        ({"signer.name": "Loja 24 Horas"}, "signer_name_refused"),
        ({"signer.email": None}, "signer_incomplete"),
        ({"signer.phone": "+351912345678"}, "phone_not_brazilian"),
        ({"signer.proof": "pix"}, "signer_incomplete"),
    ],
)
async def test_a_signer_that_would_be_refused_stops_before_anything_is_made(
    wired: Wired, given: dict[str, Any], code: str
) -> None:
    values = {**filled(wired), "signer.proof": "email", **given}
    with pytest.raises(RecordError, match=code):
        await step(wired, "create_envelope", values)
    assert await envelopes(wired) == []


async def test_nobody_to_sign_and_a_template_that_is_gone_are_said(wired: Wired) -> None:
    nobody = {key: value for key, value in filled(wired).items() if not key.startswith("signer")}
    with pytest.raises(RecordError, match="nobody_to_sign"):
        await step(wired, "create_envelope", nobody, options={"sending": "send"})
    values = filled(wired) | {"envelope.template": "11111111-2222-4333-8444-555555555555"}
    with pytest.raises(RuleError, match="template_gone"):
        await step(wired, "create_envelope", values)


@pytest.mark.parametrize("sending", ["draft", "activate"])
async def test_a_draft_is_told_as_the_vendor_tells_of_the_same_document(wired: Wired, sending: str) -> None:
    context = LiveContext(wired, "create_envelope", filled(wired), options={"sending": sending})
    outcome = await context.run()
    if sending == "draft":
        assert context.told == []
        context = LiveContext(wired, "send_envelope", {"envelope.id": outcome.records[0].id})
        await context.run()
    moved = wired.connector.trigger("document_moved")
    assert isinstance(moved, DocumentMoved)
    (event,) = context.told
    told = moved.step(event)
    assert told is not None
    draft, *sent = outcome.documents
    same = ("id", "name", "url", "sender")
    assert [draft.document[key] for key in same] == [told.document[key] for key in same]
    assert (draft.state, draft.document["sent_at"], draft.document["completed_at"]) == ("draft", None, None)
    assert [one["email"] for one in draft.recipients] == ["ana@cliente.example", None]
    assert list(draft.recipients)[:1] == list(told.recipients), "whose turn is first"
    keys = [row["id"] async for row in client.each(wired, client.list_signers(outcome.records[0].id))]
    assert [one["id"] for one in draft.recipients] == keys
    if sending == "draft":
        assert sent == []
    else:
        assert (sent[0].state, sent[0].recipients, sent[0].document) == (
            told.state, list(told.recipients), told.document,
        )  # fmt: skip


async def test_a_draft_whose_signer_is_refused_says_what_is_there_and_who_lacks(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, sent = filled(wired), wired.sent

    async def without_name(call: Call) -> Answer:
        """Send the second signer as the vendor does not take one."""
        if call.name == "signers.create" and wired.names.count(call.name):
            body = {"data": {"type": "signers", "attributes": {"name": "Bia"}}}
            call = msgspec.structs.replace(call, json=body)
        return await sent(call)

    context = LiveContext(wired, "create_envelope", values)
    with monkeypatch.context() as patch:
        patch.setattr(wired, "sent", without_name)
        with pytest.raises(RecordError):
            await context.run()
    (envelope,) = await envelopes(wired)
    (document,) = [row async for row in client.each(wired, client.list_documents(envelope["id"]))]
    (there,) = [row async for row in client.each(wired, client.list_signers(envelope["id"]))]
    (half,) = context.half_made
    whole = (await step(wired, "create_envelope", values)).documents[0]
    assert (half.state, half.document) == ("half", {**whole.document, "id": document["id"]})
    ana, bia = half.recipients
    assert ana == {**whole.recipients[0], "id": there["id"]}
    assert bia == {**whole.recipients[1], "id": None, "lacking": True}


@pytest.mark.parametrize(
    ("more", "options", "codes"),
    [
        ({}, {}, []),
        ({"valor": " "}, {}, ["variable_blank"]),
        ({"valor": " "}, {"blanks": "allow"}, []),
        ({"signer2.name": "Bia"}, {}, ["signer_name_refused"]),
        ({"signer2.phone": ""}, {"sending": "send"}, ["signer_incomplete"]),
    ],
)
async def test_what_would_be_refused_is_known_before_anything_is_made(
    wired: Wired, more: dict[str, str], options: dict[str, str], codes: list[str]
) -> None:
    """As a preview asks it: the same as what the step says, which makes nothing then."""
    own = {key: value for key, value in more.items() if "." not in key}
    values = {**filled(wired, **own), **{key: value for key, value in more.items() if "." in key}}
    context = LiveContext(wired, "create_envelope", values, options=options)
    told = context.action.refuses(wired.connection, context.values, options)
    assert [one.code for one in told] == codes
    if codes:
        with pytest.raises(RecordError) as refused:
            await context.run()
        assert refused.value.problems == told
        assert await envelopes(wired) == []
