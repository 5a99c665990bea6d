"""Every step at the test account, with answers lost: what the account then shows is there once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from tests.connectors.fake_context import NOW
from tests.connectors.live_context import LiveContext, Wired, step
from tests.simulators.activecampaign.conftest import Ac
from tests.simulators.conftest import Start, start

from vaivem.connectors.sdk import Connection
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import DecisionError, RecordError, RuleError, SkipError
from vaivem.core.fields import WritePolicy
from vaivem.simulators.activecampaign.app import ActiveCampaign

__all__ = ["start"]  # a fixture, taken over

EMAIL = "nina.prado+x@padaria.example"


@pytest.fixture
async def ac(start: Start) -> Ac:
    return Ac(await start(ActiveCampaign()))


@pytest.fixture
async def wired(ac: Ac) -> Wired:
    connector = get_connector("activecampaign")
    credentials = {"url": f"{ac.base_url}/api/3/", "token": ac.credentials["api_token"]}
    settings = connector.manifest.defaults()
    made = Connection(5, 1, connector.key, "Marketing", "token", credentials, settings)
    wired = Wired(connector, made, ac.running.client)
    await wired.look()
    return wired


def number(wired: Wired, source: str, label: str) -> str:
    return next(str(one.value) for one in wired.connection.options(source) if one.label == label)


def own(wired: Wired, label: str, object_key: str = "contact") -> str:
    return next(one.key for one in wired.connection.custom_fields(object_key) if one.label == label)


async def test_the_account_is_read(ac: Ac, wired: Wired) -> None:
    lists = wired.connection.catalog["lists"]
    assert {"tags", "tag_ids", "lists", "automations", "users", "pipelines", "perstags"} <= set(lists)
    assert all(lists[key] for key in ("tags", "lists", "automations", "users", "pipelines")), lists
    types = {one.label: one.type.value for one in wired.connection.custom_fields("contact")}
    assert types["CPF"] == "cpf"
    assert types["Tipo de imóvel"] == "option"
    assert types["Interesses"] == "options"
    told = {one.key: one.state for one in await wired.connector.checks(wired)}
    assert told["objects_none"] == "warn"
    assert told["webhooks"] == "ok"


async def test_a_contact_is_made_and_changed_once(ac: Ac, wired: Wired) -> None:
    kind, likes = own(wired, "Tipo de imóvel"), own(wired, "Interesses")
    values = {
        "contact.email": EMAIL,
        "contact.first_name": "Nina",
        "contact.phone": "+5511912345678",
        "contact.tags": ["cliente", "docusign-integration"],
        kind: "Casa",
        likes: ["Bateria", "Painéis"],
    }
    lost = ["contacts.sync", "tags.create", "contactTags.create"]
    made = await step(wired, "create_or_update_contact", values, lost=lost)
    assert made.records[0].did == "created"
    kept = await ac.kept(quote(EMAIL))
    assert sorted(kept["tags"]) == ["cliente", "docusign-integration"]
    again = await step(wired, "create_or_update_contact", values)
    assert again.records[0].did == "kept"
    changed = values | {"contact.last_name": "Prado", "contact.tags": ["novo"], likes: ["Assinatura"]}
    updated = await step(wired, "create_or_update_contact", changed, lost=["contacts.update"])
    assert updated.records[0].did == "updated"
    kept = await ac.kept(quote(EMAIL))
    assert sorted(kept["tags"]) == ["cliente", "docusign-integration", "novo"]
    found = await step(wired, "find_contact", {"contact.email": EMAIL})
    contact = found.output["contact"]
    assert (contact["first_name"], contact["last_name"]) == ("Nina", "Prado")
    assert sorted(contact["custom"][likes.rpartition(".")[2]]) == ["Assinatura", "Bateria", "Painéis"]
    assert await ac.control("duplicates") in ([], {}) or not any((await ac.control("duplicates")).values())


async def test_tags_are_taken_off_once(ac: Ac, wired: Wired) -> None:
    who = {"contact.email": EMAIL}
    await step(wired, "create_or_update_contact", who | {"contact.tags": ["a", "b"]})
    gone = who | {"contact.tags": ["A", "nobody has this"]}
    removed = await step(wired, "remove_tags", gone, lost=["contactTags.delete"])
    assert removed.output["contact"]["tags_removed"] == ["A"]
    assert (await ac.kept(quote(EMAIL)))["tags"] == ["b"]
    assert (await step(wired, "remove_tags", gone)).records[0].did == "kept"
    await step(wired, "add_tags", who | {"contact.tags": ["b", "c"]}, lost=["contactTags.create"])
    assert sorted((await ac.kept(quote(EMAIL)))["tags"]) == ["b", "c"]


async def test_who_left_a_list_is_not_brought_back_unasked(ac: Ac, wired: Wired) -> None:
    who = {"contact.email": EMAIL, "contact.list": wired.connection.options("lists")[0].value}
    await step(wired, "create_or_update_contact", {"contact.email": EMAIL})
    assert (await step(wired, "unsubscribe_from_list", who)).records[0].did == "kept"
    assert (await step(wired, "subscribe_to_list", who, lost=["contactLists.set"])).records[
        0
    ].did == "updated"
    assert (await step(wired, "subscribe_to_list", who)).records[0].did == "kept"
    left = await step(wired, "unsubscribe_from_list", who, lost=["contactLists.set"])
    assert left.records[0].did == "updated"
    with pytest.raises(SkipError) as skipped:
        await step(wired, "subscribe_to_list", who)
    assert skipped.value.code == "contact_left_list"
    back = await step(wired, "subscribe_to_list", who, options={"who_left": "subscribe"})
    assert back.records[0].did == "updated"
    found = await step(wired, "find_contact", {"contact.email": EMAIL})
    names = {str(one.value): one.label for one in wired.connection.options("lists")}
    assert found.output["contact"]["lists"] == [names[str(who["contact.list"])]], "as people call it"


async def test_an_automation_is_entered_once(ac: Ac, wired: Wired) -> None:
    await step(wired, "create_or_update_contact", {"contact.email": EMAIL})
    who = {
        "contact.email": EMAIL,
        "contact.automation": wired.connection.options("automations")[0].value,
    }
    context = LiveContext(wired, "enrol_in_automation", who, lost=["contactAutomations.create"])
    context.now = datetime.now(UTC)
    first = await context.run()
    assert first.records[0].did == "updated"
    assert (await step(wired, "enrol_in_automation", who)).records[0].did == "kept"
    listed = (await ac.api("GET", "/contactAutomations?limit=100")).json["contactAutomations"]
    mine = [one for one in listed if one["contact"] == first.records[0].id]
    assert len(mine) == 1
    assert first.output["entry"]["id"] == mine[0]["id"]
    left = await step(wired, "leave_automation", who, lost=["contactAutomations.delete"])
    assert left.records[0].did == "updated"


async def test_a_deal_of_a_company_is_made_once(ac: Ac, wired: Wired) -> None:
    contact = (await step(wired, "create_or_update_contact", {"contact.email": EMAIL})).records[0].id
    firm = {"account.name": "Padaria Prado", "account.website": "https://prado.example"}
    account = await step(wired, "create_or_update_account", firm, lost=["accounts.create"])
    company = account.records[0].id
    assert (await step(wired, "create_or_update_account", firm)).records[0].did == "kept"
    joined = {"contact.email": EMAIL, "contact.account": company, "contact.job_title": "Dona"}
    one = await step(wired, "create_or_update_contact", joined, lost=["accountContacts.create"])
    assert one.records[0].did == "updated"
    other = await step(wired, "create_or_update_account", {"account.name": "Outra"})
    stays = joined | {"contact.account": other.records[0].id}
    assert (await step(wired, "create_or_update_contact", stays)).records[0].did == "kept"
    pipeline = str(wired.connection.options("pipelines")[0].value)
    stages = wired.connection.options(f"stages/{pipeline}")
    deal = {
        "deal.title": "Nina Prado: contrato",
        "deal.pipeline": pipeline,
        "deal.stage": stages[0].value,
        "deal.contact": contact,
        "deal.account": company,
        "deal.value": 1500.5,
    }
    context = LiveContext(wired, "create_or_update_deal", deal, lost=["deals.create"])
    context.now = datetime.now(UTC)
    made = await context.run()
    assert made.output["deal"]["value"] == 1500.5
    kept = (await ac.api("GET", "/deals?limit=100&filters[title]=Nina%20Prado%3A%20contrato")).json["deals"]
    assert [one["value"] for one in kept] == ["150050"]
    won = {"deal.id": kept[0]["id"], "deal.status": "won", "deal.stage": stages[1].value}
    ended = await step(wired, "update_deal", won, lost=["deals.update"], policies={"deal.stage": "always"})
    assert ended.output["deal"]["status"] == "won"
    more = {"deal.id": kept[0]["id"], "deal.value": 99.5}
    raised = await step(wired, "update_deal", more, policies={"deal.value": WritePolicy.RAISE})
    assert raised.output["deal"]["value"] == 1600
    found = await step(wired, "find_deal", {"deal.contact": contact})
    assert (found.output["deal"]["status"], found.output["deal"]["stage"]) == ("won", str(stages[1].value))
    found = await step(wired, "find_account", {"account.name": "padaria prado"})
    assert found.records[0].id == company


async def test_a_deal_is_known_by_our_reference(ac: Ac, wired: Wired) -> None:
    chosen = await wired.connector.prepare(wired, "reference_field")
    assert await wired.connector.prepare(wired, "reference_field") == chosen
    await wired.look()
    settings = {**wired.connection.settings, **chosen}
    wired.connection = replace(wired.connection, settings=settings)
    contact = (await step(wired, "create_or_update_contact", {"contact.email": EMAIL})).records[0].id
    pipeline = str(wired.connection.options("pipelines")[0].value)
    values = {"deal.title": "Mesmo nome", "deal.pipeline": pipeline, "deal.contact": contact}
    ids = set()
    for reference in ("vv-1", "vv-2"):
        context = LiveContext(
            wired, "create_deal", values, lost=["deals.create"], reference=reference, source=reference
        )
        context.now = datetime.now(UTC)
        ids.add((await context.run()).records[0].id)
    listed = (await ac.api("GET", f"/contacts/{contact}/deals")).json["deals"]
    assert {one["id"] for one in listed} == ids
    assert len(ids) == 2


async def test_a_note_is_there_once_or_a_person_decides(ac: Ac, wired: Wired) -> None:
    contact = (await step(wired, "create_or_update_contact", {"contact.email": EMAIL})).records[0].id
    note = {"note.contact": contact, "note.text": "Assinou\no contrato"}
    context = LiveContext(wired, "add_note", note, lost=["notes.create"])
    context.now = datetime.now(UTC)
    await context.run()
    listed = (await ac.api("GET", f"/contacts/{contact}/notes")).json["notes"]
    assert len(listed) == 1
    with pytest.raises(DecisionError):
        await step(wired, "add_note", {"note.account": "1", "note.text": "x"}, lost=["notes.create"])


async def test_a_document_goes_forward_only(ac: Ac, wired: Wired) -> None:
    chosen = await wired.connector.prepare(wired, "document_object")
    assert await wired.connector.prepare(wired, "document_object") == chosen
    await wired.look()
    wired.connection = replace(wired.connection, settings={**wired.connection.settings, **chosen})
    contact = (await step(wired, "create_or_update_contact", {"contact.email": EMAIL})).records[0].id
    document: dict[str, Any] = {
        "document.key": "env-1",
        "document.recipient": "sig-1",
        "document.contact": contact,
        "document.name": "Contrato",
        "document.sender": "Bia",
        "document.url": "https://sign.example/1",
        "document.sent_at": NOW.isoformat(),
    }
    first = await step(
        wired, "save_document", document | {"document.status": "opened"}, lost=["objects.save"]
    )
    assert first.records[0].did == "created"
    late = await step(wired, "save_document", document | {"document.status": "sent"})
    assert (late.records[0].did, late.output["document"]["status"]) == ("kept", "opened")
    over = {"document.status": "completed", "document.completed_at": (NOW + timedelta(hours=1)).isoformat()}
    assert (await step(wired, "save_document", document | over)).records[0].did == "updated"
    two = {
        "document": [
            {"key": "env-2", "contact": contact, "status": "closed", "recipient": who} for who in "ab"
        ]
    }
    both = await step(wired, "save_document", two)
    assert [one.did for one in both.records] == ["created", "created"]
    assert both.output["document"]["status"] == "completed"
    assert [one["of"] for one in both.output["documents"]] == [{"contact": contact}] * 2
    voided = await step(wired, "save_document", document | {"document.status": "voided"})
    assert voided.output["document"]["status"] == "voided", "it can be after somebody signed"
    for status in ("completed", "changed"):  # told late: a voided document is over
        after = await step(wired, "save_document", document | {"document.status": status})
        assert (after.records[0].did, after.output["document"]["status"]) == ("kept", "voided")
    kept = await ac.kept(quote(EMAIL))
    assert len(kept["records"]) == 3, kept


@pytest.mark.parametrize(
    ("edited", "event", "then"),
    [
        ({"status": "Voided"}, "opened", {"status": "Delivered"}),
        ({"status": "Sent"}, "sent", {"status": "Delivered"}),  # told late: the status stays where it was
        ({"status": None}, "completed", {"status": "Completed"}),
        ({"sender": "Somebody", "link": "https://other.example"}, "changed", {"status": "Delivered"}),
        ({"sent-at": "2020-01-01T00:00:00+00:00", "document": "Outro"}, "opened", {"status": "Delivered"}),
    ],
)
async def test_what_somebody_edits_is_put_right_with_the_next_event(
    ac: Ac, wired: Wired, edited: dict[str, Any], event: str, then: dict[str, Any]
) -> None:
    chosen = await wired.connector.prepare(wired, "document_object")
    await wired.look()
    wired.connection = replace(wired.connection, settings={**wired.connection.settings, **chosen})
    contact = (await step(wired, "create_or_update_contact", {"contact.email": EMAIL})).records[0].id
    document: dict[str, Any] = {
        "document.key": "env-1",
        "document.recipient": EMAIL,
        "document.contact": contact,
        "document.name": "Contrato",
        "document.sender": "Bia",
        "document.url": "https://sign.example/1",
        "document.sent_at": NOW.isoformat(),
    }
    memory: dict[tuple[str, str], str] = {}

    async def told(status: str) -> Any:
        context = LiveContext(wired, "save_document", document | {"document.status": status}, memory=memory)
        outcome = await context.run()
        memory.update(context.memory)
        return outcome

    await told("opened")
    (before,) = (await ac.kept(quote(EMAIL)))["records"]
    values = {**before["values"], **edited}
    record = {
        "externalId": f"env-1:{EMAIL}",
        "fields": [{"id": key, "value": value} for key, value in values.items()],
        "relationships": {"primary-contact": [int(contact)]},
    }
    schema = chosen["document_object"]
    assert (await ac.api("POST", f"/customObjects/records/{schema}", {"record": record})).status < 300
    assert (await ac.kept(quote(EMAIL)))["records"][0]["values"] != before["values"]
    assert (await told(event)).records[0].did == "updated"
    (after,) = (await ac.kept(quote(EMAIL)))["records"]
    assert after["values"] == {**before["values"], **then}
    assert (await told(event)).records[0].did == "kept", "and then there is nothing to put right"


async def test_a_state_whose_answer_was_lost_is_not_taken_back_by_late_events(ac: Ac, wired: Wired) -> None:
    chosen = await wired.connector.prepare(wired, "document_object")
    await wired.look()
    wired.connection = replace(wired.connection, settings={**wired.connection.settings, **chosen})
    contact = (await step(wired, "create_or_update_contact", {"contact.email": EMAIL})).records[0].id
    document = {"document.key": "env-1", "document.recipient": EMAIL, "document.contact": contact}
    memory: dict[tuple[str, str], str] = {}

    async def told(status: str, *, lost: bool = False) -> Any:
        context = LiveContext(wired, "save_document", document | {"document.status": status}, memory=memory)
        outcome = await context.run()
        if not lost:  # else the account has it, and we never heard so
            memory.update(context.memory)
        return outcome.records[0].did

    assert await told("sent") == "created"
    assert await told("declined", lost=True) == "updated"
    assert await told("declined") == "kept", "the run that is tried again finds it there"
    assert await told("opened") == "kept"
    (record,) = (await ac.kept(quote(EMAIL)))["records"]
    assert record["values"]["status"] == "Declined"


async def test_any_object_s_record_is_made_and_changed_by_its_id(ac: Ac, wired: Wired) -> None:
    made = (await ac.schema()).json["schema"]["id"]
    other = (await ac.schema("outro")).json["schema"]["id"]
    await wired.look()
    contact = (await step(wired, "create_or_update_contact", {"contact.email": EMAIL})).records[0].id
    values = {
        "record.object": made,
        "record.external_id": "c-1",
        "record.contact": contact,
        f"record.{made}.pages": 3,
        f"record.{made}.status": "Sent",
    }
    first = await step(wired, "save_object_record", values, lost=["objects.save"])
    assert first.records[0].did == "created"
    assert (await step(wired, "save_object_record", values)).records[0].did == "kept"
    again = await step(wired, "save_object_record", values | {f"record.{made}.pages": 4})
    assert again.records[0].did == "updated"
    records = (await ac.api("GET", f"/customObjects/records/{made}")).json["records"]
    assert [{one["id"]: one["value"] for one in row["fields"]} for row in records] == [
        {"pages": 4, "status": "Sent"}
    ]
    with pytest.raises(RuleError) as wrong:
        await step(wired, "save_object_record", values | {f"record.{other}.pages": 1})
    assert wrong.value.code == "field_of_other_object"


async def test_an_account_without_custom_objects_says_so(ac: Ac, wired: Wired) -> None:
    await ac.control("quirks", {"plan": "plus"})
    await wired.look()
    assert wired.connection.options("objects") == ()
    told = {one.key: one.state for one in await wired.connector.checks(wired)}
    assert told["objects_none"] == "warn"
    with pytest.raises(RuleError) as refused:
        await wired.connector.prepare(wired, "document_object")
    assert refused.value.code == "objects_not_in_plan"
    for key in ("save_document", "save_object_record"):
        assert not wired.connector.action(key).available(wired.connection)
    assert wired.connector.action("add_tags").available(wired.connection)


async def test_an_account_without_deals_has_the_rest(ac: Ac, wired: Wired) -> None:
    await ac.control("quirks", {"deals": False})
    await wired.look()
    assert wired.connection.options("pipelines") == ()
    assert wired.connection.options("tags")
    assert (await step(wired, "create_or_update_contact", {"contact.email": EMAIL})).records


async def test_who_is_not_there_is_said(wired: Wired) -> None:
    with pytest.raises(RecordError) as gone:
        await step(wired, "add_tags", {"contact.email": "nobody@x.example", "contact.tags": ["a"]})
    assert gone.value.code == "contact_not_there"
    assert not (await step(wired, "find_contact", {"contact.id": "99999"})).records


async def test_a_task_is_there_once(ac: Ac, wired: Wired) -> None:
    task = {
        "task.title": "Ligar",
        "task.type": number(wired, "task_types", "Chamada"),
        "task.due": "2026-12-01T12:00:00+00:00",
        "task.assignee": wired.connection.options("users")[1].value,
    }
    for target in ("deal", "contact"):
        context = LiveContext(wired, "add_task", {f"task.{target}": "1", **task}, lost=["dealTasks.create"])
        context.now = datetime.now(UTC)
        assert (await context.run()).records[0].did == "created"
    kept = (await ac.api("GET", "/dealTasks")).json["dealTasks"]
    assert [(one["owner"]["type"], one["assignee"]) for one in kept] == [("deal", "2"), ("contact", "2")]
    with pytest.raises(RecordError) as refused:
        await step(wired, "add_task", {"task.deal": "999", **task})
    assert refused.value.code == "task_refused"
