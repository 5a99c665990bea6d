"""Webhooks: form-encoded, by event, source and list, sent once, ended by a 410."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.simulators.activecampaign.conftest import Ac
    from tests.simulators.reached import Answer
    from tests.simulators.receiver import Receiver

ALL = ["public", "admin", "api", "system"]


async def subscribe(ac: Ac, url: str, *events: str, **more: Any) -> Answer:
    body = {"name": "Hub", "url": url, "events": list(events), "sources": ALL, **more}
    return await ac.api("POST", "/webhooks", {"webhook": body})


async def test_subscriptions(ac: Ac) -> None:
    made = await subscribe(ac, "https://hub.example.com/in", "update", "subscribe")
    assert made.status == 201
    assert (made.json["webhook"]["listid"], made.json["webhook"]["events"]) == ("0", ["update", "subscribe"])
    path = f"/webhooks/{made.json['webhook']['id']}"
    changed = await ac.api("PUT", path, {"webhook": {"events": ["update"]}})
    assert (changed.status, changed.json["webhook"]["name"]) == (200, "Hub")
    listed = (await ac.api("GET", "/webhooks?filters[url]=https://hub.example.com/in")).json
    assert listed["webhooks"] == [changed.json["webhook"]]
    assert (await ac.api("DELETE", path)).status == 200
    assert (await ac.api("GET", path)).status == 404
    events = (await ac.api("GET", "/webhook/events")).json
    assert events["meta"]["total"] == len(events["webhookEvents"]) == 30


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": ""}, "field_missing"),
        ({"events": []}, "field_missing"),
        ({"sources": None}, "field_missing"),
        ({"events": ["contact_add"]}, "field_invalid"),
        ({"url": "https://hub.example.com:8443/in"}, "field_invalid"),
        ({"url": "ftp://hub.example.com/in"}, "field_invalid"),
    ],
)
async def test_wrong_subscriptions(ac: Ac, change: dict[str, Any], code: str) -> None:
    body = {"name": "Hub", "url": "https://hub.example.com/in", "events": ["update"], "sources": ALL}
    answer = await ac.api("POST", "/webhooks", {"webhook": {**body, **change}})
    assert (answer.status, answer.json["errors"][0]["code"]) == (422, code)


async def test_what_an_update_sends(ac: Ac, receiver: Receiver) -> None:
    await subscribe(ac, receiver.url, "update")
    await ac.contact(firstName="Ana")
    await ac.contact(lastName="Lima & Cia", fieldValues=[{"field": 5, "value": "||Painéis||Bateria||"}])
    form = (await receiver.forms(1))[0]
    assert receiver.got[0][0]["content-type"] == "application/x-www-form-urlencoded"
    assert (form["type"], form["initiated_from"], form["list"]) == ("update", "api", "0")
    assert form["date_time"][-6:] == "-03:00"
    assert (form["contact[email]"], form["contact[last_name]"]) == ("ana@example.com", "Lima & Cia")
    assert form["contact[fields][5]"] == "||Painéis||Bateria||"
    assert (form["customer_acct_id"], form["orgname"]) == ("0", "")
    assert not any(name.startswith("updated_fields") for name in form)
    await ac.control("quirks", {"field_keys": "perstag"})
    await ac.contact(phone="1")
    assert "contact[fields][interesses]" in (await receiver.forms(2))[1]


async def test_tags_lists_and_notes(ac: Ac, receiver: Receiver) -> None:
    await subscribe(
        ac,
        receiver.url,
        "contact_tag_added",
        "contact_tag_removed",
        "subscribe",
        "unsubscribe",
        "subscriber_note",
    )
    contact = await ac.contact()
    link = {"contactTag": {"contact": contact["id"], "tag": "2"}}
    made = (await ac.api("POST", "/contactTags", link)).json["contactTag"]["id"]
    await ac.api("POST", "/contactTags", link)
    await ac.api("DELETE", f"/contactTags/{made}")
    for status in (1, 2):
        joined = {"contact": contact["id"], "list": 2, "status": status, "unsubreason": "Muitos e-mails"}
        await ac.api("POST", "/contactLists", {"contactList": joined})
    note = {"note": "Olá", "relid": contact["id"], "reltype": "Subscriber"}
    await ac.api("POST", "/notes", {"note": note})
    forms = {form["type"]: form for form in await receiver.forms(5)}
    assert (forms["contact_tag_added"]["tag"], forms["contact_tag_added"]["contact[tags]"]) == (
        "orçamento",
        "orçamento",
    )
    assert forms["contact_tag_removed"]["contact[tags]"] == ""
    assert forms["subscribe"]["list"] == "2"
    assert forms["unsubscribe"]["list[][id]"] == "2"
    assert forms["unsubscribe"]["unsubscribe[reason]"] == "Muitos e-mails"
    assert forms["subscriber_note"]["note"] == "Olá"
    assert len(receiver.got) == 5


async def test_deals_have_major_units(ac: Ac, receiver: Receiver) -> None:
    await subscribe(ac, receiver.url, "deal_add", "deal_update", "deal_note_add")
    contact = await ac.contact()
    fields = [{"customFieldId": 1, "fieldValue": "Preço"}]
    deal = {"title": "Kit", "value": 104_405_550, "currency": "brl", "group": 1, "contact": contact["id"]}
    made = (await ac.api("POST", "/deals", {"deal": {**deal, "fields": fields}})).json["deal"]["id"]
    await receiver.forms(1)
    await ac.api("PUT", f"/deals/{made}", {"deal": {"status": 1, "title": "Kit"}})
    await receiver.forms(2)
    await ac.api("POST", "/notes", {"note": {"note": "Olá", "relid": made, "reltype": "Deal"}})
    added, updated, noted = await receiver.forms(3)
    assert (added["deal[value]"], added["deal[value_raw]"]) == ("1,044,055.50", "1044055.5")
    assert (added["deal[stage_title]"], added["deal[contact_email]"]) == (
        "Contato inicial",
        "ana@example.com",
    )
    assert (added["deal[fields][0][key]"], added["deal[fields][0][value]"]) == ("Motivo da perda", "Preço")
    assert (updated["deal[status]"], updated["updated_fields[0]"]) == ("1", "status")
    assert "updated_fields[1]" not in updated
    assert (noted["note[text]"], noted["deal[id]"]) == ("Olá", made)


async def test_accounts_have_no_contact(ac: Ac, receiver: Receiver) -> None:
    await subscribe(ac, receiver.url, "account_add", "account_update")
    made = (await ac.api("POST", "/accounts", {"account": {"name": "Acme"}})).json["account"]["id"]
    await receiver.forms(1)
    changes = {"accountUrl": "https://a.example", "name": "Acme"}
    await ac.api("PUT", f"/accounts/{made}", {"account": changes})
    added, updated = await receiver.forms(2)
    assert (added["account[name]"], added["account[id]"]) == ("Acme", made)
    assert not any(name.startswith("contact") for name in added)
    assert updated["updated_fields[0]"] == "accountUrl"


async def test_sources_lists_and_silence(ac: Ac, receiver: Receiver) -> None:
    await subscribe(ac, receiver.url, "update", "contact_tag_added", sources=["admin"])
    await subscribe(ac, receiver.url, "subscribe", listid=1)
    contact = await ac.contact()
    await ac.contact(firstName="Ana")
    joined = {"contact": contact["id"], "list": 2, "status": 1}
    await ac.api("POST", "/contactLists", {"contactList": joined})
    await ac.api("DELETE", f"/contacts/{(await ac.contact('b@example.com'))['id']}")
    await ac.api("POST", "/import/bulk_import", {"contacts": [{"email": "c@example.com", "tags": ["x"]}]})
    await ac.control("settle", {})
    page = f"/app/contacts/{contact['id']}"
    await ac.form(f"{page}/tag", {"tag": "vip"})
    await ac.form(f"{page}/subscribe", {"list": "1"})
    forms = await receiver.forms(2)
    assert sorted((form["type"], form["initiated_from"]) for form in forms) == [
        ("contact_tag_added", "admin"),
        ("subscribe", "admin"),
    ]
    await ac.contact("d@example.com")
    await asyncio.sleep(0.1)
    assert len(receiver.got) == 2


async def test_never_sent_again_and_ended_by_410(ac: Ac, receiver: Receiver) -> None:
    await subscribe(ac, receiver.url, "update")
    receiver.statuses = [500, 410]
    outcomes: asyncio.Queue[str] = asyncio.Queue()
    ac.simulator.webhooks.on_outcome(lambda delivery: outcomes.put_nowait(delivery.state))
    await ac.contact()
    for _ in range(2):
        await ac.contact(firstName="Ana")
        async with asyncio.timeout(30):
            assert await outcomes.get() == "failed"
    assert (await ac.api("GET", "/webhooks")).json["webhooks"] == []
    await ac.contact(firstName="Ana")
    assert [len(one["tries"]) for one in ac.simulator.webhooks.list()] == [1, 1]


async def test_the_webhook_action_of_an_automation(ac: Ac, receiver: Receiver) -> None:
    fields = {"webhook_url": receiver.url, "trigger_tag": ""}
    assert (await ac.form("/automations/2", fields)).status == 303
    contact = await ac.contact()
    body = {"contactAutomation": {"contact": contact["id"], "automation": "2"}}
    await ac.api("POST", "/contactAutomations", body)
    form = (await receiver.forms(1))[0]
    assert (form["contact[email]"], form["seriesid"]) == ("ana@example.com", "2")
    assert (await ac.form("/automations/2", {"webhook_url": "http://hub.example.com/"})).status == 422
