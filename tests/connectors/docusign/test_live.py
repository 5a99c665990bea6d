"""The connector against the served test account, which knows nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.connectors.docusign.live import Account, connector
from tests.hub.served import served

from vaivem.connectors.docusign import client
from vaivem.connectors.docusign.templates import key_of, read_roles
from vaivem.connectors.docusign.webhooks import DocusignWebhooks
from vaivem.connectors.sdk.documents import DocumentMoved
from vaivem.core.errors import RecordError, RuleError

HOOK = DocusignWebhooks()
ADDRESS = "https://hub.example.com/hook/abc"
KINDS = sorted({kind for trigger in connector.triggers for kind in trigger.kinds})
PEOPLE = {
    "signer.name": "Ana Souza", "signer.email": "ana@cliente.example",
    "signer2.name": "Bia Reis", "signer2.email": "bia@raiarsolar.example",
}  # fmt: skip


@pytest.fixture(scope="module")
def ready() -> Iterator[dict[str, Any]]:
    with served("docusign") as made:
        yield made


@pytest.fixture
async def account(ready: dict[str, Any]) -> Account:
    """The account as it is connected: found through userinfo, its lists read."""
    made = Account(ready)
    made.control("reset", {})
    found = await connector.account(made.reader())
    told = {"id": found.id, "name": found.name, "details": dict(found.details)}
    made.connection = replace(made.connection, account=told)
    reader = made.reader()
    lists = {"templates": await connector.live_list(reader, "templates")}
    for one in lists["templates"]:
        lists[f"roles/{one.value}"] = await connector.live_list(reader, f"roles/{one.value}")
    fields = {key: await connector.custom_fields(reader, key) for key in connector.objects}
    catalog = {
        "lists": {key: [one.to_dict() for one in options] for key, options in lists.items()},
        "fields": {key: [one.to_dict() for one in listed] for key, listed in fields.items()},
    }
    made.connection = replace(made.connection, catalog=catalog)
    return made


def template(account: Account, roles: int) -> str:
    """Return a template with so many roles."""
    for one in account.connection.options("templates"):
        if len(account.connection.options(f"roles/{one.value}")) == roles:
            return str(one.value)
    raise AssertionError(account.connection.catalog["lists"])


async def sent(account: Account) -> str:
    """Send an envelope to two people."""
    values = {**PEOPLE, "envelope.template": template(account, 2)}
    outcome = await account.step("create_envelope", values, options={"sending": "send"}).run()
    return outcome.records[0].id


async def test_the_account_is_found_and_what_it_needs_is_there(account: Account) -> None:
    assert account.connection.account["name"] == "Raiar Solar"
    assert "Raiar Solar Norte" in account.connection.account["details"]["others"][0]
    lines = {one.key: one.state for one in await connector.checks(account.reader())}
    assert lines == {"account": "ok", "others": "warn", "templates": "ok", "connect": "ok", "keys": "ok"}


async def test_an_account_without_connect_is_told_the_other_way(account: Account) -> None:
    account.control("connect", {"enabled": False})
    lines = {one.key: one.state for one in await connector.checks(account.reader())}
    assert lines["connect"] == "warn"
    with pytest.raises(RuleError, match="connect_refused"):
        await HOOK.ensure(account.reader(), ADDRESS, KINDS)


async def test_a_configuration_is_made_once_mended_and_removed(account: Account) -> None:
    made = await HOOK.ensure(account.reader(), ADDRESS, KINDS)
    again = await HOOK.ensure(account.reader(), ADDRESS, KINDS)
    assert (again.ids, again.mended) == (made.ids, ())
    worse = {
        "connectId": made.ids[0], "name": "x", "configurationType": "custom", "urlToPublishTo": ADDRESS,
        "allowEnvelopePublish": "false", "events": ["envelope-purge"],
    }  # fmt: skip
    await account.reader().send(client.update_configuration(account.connection, worse))
    mended = await HOOK.ensure(account.reader(), ADDRESS, KINDS)
    assert mended.ids == made.ids
    assert set(mended.mended) >= {"status", "events"}
    await HOOK.remove(account.reader(), ADDRESS)
    await HOOK.remove(account.reader(), ADDRESS)
    assert account.control("connect")["configurations"] == []


async def test_a_draft_has_roles_and_fields_and_is_not_sent(account: Account) -> None:
    chosen = template(account, 2)
    tabs = [one for one in account.connection.custom_fields("tab") if one.type.value == "text"]
    values = {
        **PEOPLE, "envelope.template": chosen, "envelope.subject": "Contrato de teste",
        f"envelope.custom.{key_of('Centro de custo')}": "Vendas",
    }  # fmt: skip
    outcome = await account.step("create_envelope", values).run()
    envelope = outcome.records[0].id
    (made,) = [one for one in account.control("envelopes") if one["envelopeId"] == envelope]
    assert made["status"] == "created"
    read = (await account.step("find_envelope", {"envelope.id": envelope}).run()).output
    assert read["envelope"]["subject"] == "Contrato de teste"
    assert read["envelope"]["custom"] == {"Centro de custo": "Vendas"}
    assert {one["email"] for one in read["signers"]} == {"ana@cliente.example", "bia@raiarsolar.example"}
    assert tabs, "the account's templates have fields to fill"


async def test_fields_are_prefilled_in_the_roles_that_have_them(account: Account) -> None:
    for chosen in account.connection.options("templates"):
        roles = await read_roles(account.reader(), str(chosen.value))
        wanted = {tab.key: tab for role in roles for tab in role.tabs}
        fields = {one.key: one for one in account.connection.custom_fields("tab")}
        values: dict[str, Any] = {"envelope.template": str(chosen.value)}
        for key, tab in wanted.items():
            field = fields[f"tab.{key}"]
            values[field.key] = (
                True if field.type.value == "boolean"
                else tab.options[-1].value if tab.options
                else "x@y.example" if field.type.value == "email" else "7"
            )  # fmt: skip
        envelope = (await account.step("create_envelope", values).run()).records[0].id
        read = (await account.step("find_envelope", {"envelope.id": envelope}).run()).output
        for key, tab in wanted.items():
            given = values[f"tab.{key}"]
            assert read["tabs"][tab.label] == ("true" if given is True else str(given)), (chosen.label, tab)


@pytest.mark.parametrize("lost", [(), ("envelopes.create",), ("envelopes.send",)])
async def test_a_sent_envelope_is_one_whatever_answer_is_lost(
    account: Account, lost: tuple[str, ...]
) -> None:
    values = {**PEOPLE, "envelope.template": template(account, 2)}
    step = account.step("create_envelope", values, options={"sending": "send"}, lost=lost)
    outcome = await step.run()
    (one,) = account.control("envelopes")
    assert (one["envelopeId"], one["status"]) == (outcome.records[0].id, "sent")
    assert step.vendor.names.count("envelopes.create") == 1
    assert step.vendor.names.count("envelopes.send") == 1


@pytest.mark.parametrize("lost", [(), ("envelopes.void",)])
async def test_an_envelope_is_voided_once_and_a_second_time_refused(
    account: Account, lost: tuple[str, ...]
) -> None:
    values = {**PEOPLE, "envelope.template": template(account, 2)}
    envelope = (
        (await account.step("create_envelope", values, options={"sending": "send"}).run()).records[0].id
    )
    reason = {"envelope.id": envelope, "envelope.reason": "Proposta refeita"}
    step = account.step("void_envelope", reason, lost=lost)
    assert (await step.run()).output["envelope"]["status"] == "voided"
    assert step.vendor.names.count("envelopes.void") == 1
    with pytest.raises(RecordError, match="wrong_state"):
        await account.step("void_envelope", reason).run()


async def test_what_was_missed_is_in_the_list_of_changes(account: Account) -> None:
    values = {**PEOPLE, "envelope.template": template(account, 2)}
    envelope = (
        (await account.step("create_envelope", values, options={"sending": "send"}).run()).records[0].id
    )
    account.control(f"envelopes/{envelope}/sign_all", {})
    now = datetime.now(UTC)
    reader = account.reader()
    found = await HOOK.missed(reader, now - timedelta(minutes=10), now + timedelta(minutes=10))
    assert reader.vendor.names == ["envelopes.changed"]
    events = [one for message in found for one in HOOK.parse(message, account.connection)]
    kinds = [one.kind for one in events]
    assert kinds.count("recipient-completed") == 2
    assert kinds[-1] == "envelope-completed"
    assert {one.record for one in events} == {envelope.lower()}


async def test_a_draft_is_told_as_the_vendor_tells_of_the_same_document(account: Account) -> None:
    """Its name is that of the template until the vendor says which subject it took."""
    values = {**PEOPLE, "envelope.template": template(account, 2)}
    outcome = await account.step("create_envelope", values, options={"sending": "send"}).run()
    draft, sent = outcome.documents
    account.control(f"envelopes/{outcome.records[0].id}/sign_all", {})
    now = datetime.now(UTC)
    found = await HOOK.missed(account.reader(), now - timedelta(minutes=10), now + timedelta(minutes=10))
    moved = connector.trigger("document_moved")
    assert isinstance(moved, DocumentMoved)
    told = [moved.step(one) for message in found for one in HOOK.parse(message, account.connection)]
    (closed,) = [step for step in told if step is not None and step.state == "closed"]
    same = ("id", "url", "sender")
    assert [draft.document[key] for key in same] == [closed.document[key] for key in same]
    assert (draft.state, draft.document["sent_at"], draft.document["completed_at"]) == ("draft", None, None)
    assert draft.document["name"]
    assert list(draft.recipients) == sorted(closed.recipients, key=lambda one: str(one["email"]))
    assert (sent.state, sent.document["sent_at"]) == ("sent", sent.at)
    assert sent.recipients == draft.recipients, "both have the first turn in this template"
    again = await account.step("create_envelope", values, earlier={"envelope": "e-1"}).run()
    assert again.documents == (), "told by the run that made it"


async def test_what_is_gone_is_said(account: Account) -> None:
    assert (await account.step("find_envelope", {"envelope.id": "no-such"}).run()).records == ()
    chosen = template(account, 2)
    account.control(f"templates/{chosen}", {"delete": True})
    with pytest.raises(RuleError, match="template_gone"):
        await account.step("create_envelope", {"envelope.template": chosen}).run()
    assert chosen not in {one.value for one in await connector.live_list(account.reader(), "templates")}
