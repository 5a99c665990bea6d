"""Webhooks: who gets which document, with which header, how often, and when the vendor gives up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulators.rd_station_crm.conftest import Crm
    from tests.simulators.receiver import Receiver


async def subscribe(crm: Crm, receiver: Receiver, event: str, **more: str) -> str:
    answer = await crm.v2(
        "POST", "webhooks", {"name": "hub", "event_name": event, "url": receiver.url, **more}
    )
    assert answer.status == 201, answer.text
    assert "auth_key" not in answer.json["data"]
    return str(answer.json["data"]["id"])


async def settled(crm: Crm, state: str, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while True:
            found: list[dict[str, Any]] = await crm.control(f"deliveries?state={state}")
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)


async def test_deal_document_and_header(crm: Crm, receiver: Receiver) -> None:
    await subscribe(crm, receiver, "crm_deal_updated", auth_header="X-Hub-Key", auth_key="s3cret")
    await crm.control("quirks", {"deal_updated_on_create": False})
    contact = await crm.new_contact()
    deal = await crm.new_deal(
        contact_ids=[contact["id"]], custom_fields={"referencia-externa": "R1"}, one_time_price=1500
    )
    await crm.v2("PUT", f"deals/{deal['id']}", {"status": "won"})
    envelope = (await receiver.documents(1))[0]
    assert receiver.got[0][0]["x-hub-key"] == "s3cret"
    assert receiver.got[0][0]["content-type"] == "application/json"
    assert (envelope["event_name"], envelope["event_timestamp"][-5:]) == ("crm_deal_updated", ".000Z")
    document = envelope["document"]
    assert (document["id"], document["status"], document["amount_unique"]) == (deal["id"], "won", 1500.0)
    assert document["amount_monthly"] == 0.0
    assert document["updated_at"].endswith("-03:00")
    assert document["deal_stage"]["nickname"] == "SC"
    assert document["campaign"] == document["deal_lost_reason"] == document["deal_source"] == {}
    fields = {item["custom_field"]["label"]: item["value"] for item in document["deal_custom_fields"]}
    assert (fields["Referência externa"], fields["Número do orçamento"]) == ("R1", None)
    assert not {"contacts", "contact_ids", "organization", "organization_id"} & set(document)


async def test_each_event_has_its_own_webhook(crm: Crm, receiver: Receiver) -> None:
    await subscribe(crm, receiver, "crm_contact_updated")
    contact = await crm.new_contact(custom_fields={"cpf": "1"})
    path = f"contacts/{contact['id']}"
    await crm.v2("PUT", path, {"job_title": "CFO"})
    await crm.v2("PUT", path, {"job_title": "CFO"})
    await crm.v2("PUT", path, {"job_title": "CEO"})
    first, second = await receiver.documents(2)
    assert first["document"]["job_title"] == "CFO"
    assert first["document"]["custom_fields"] == {
        "cpf": "1",
        "canal-preferido": None,
        "interesses": None,
        "cliente-desde": None,
    }
    assert first["transaction_uuid"] != second["transaction_uuid"]
    assert len(await crm.control("deliveries")) == 2


async def test_what_fires_for_a_deal(crm: Crm, receiver: Receiver) -> None:
    await subscribe(crm, receiver, "crm_deal_created")
    await subscribe(crm, receiver, "crm_deal_updated")
    deal, contact = await crm.new_deal(), crm.first("contacts")
    await receiver.wait(2)
    path = f"deals/{deal['id']}"
    await crm.v2("PUT", path, {"contact_ids": [contact["id"]]})
    await crm.v1("PUT", path, {"deal": {"rating": 4}})
    await crm.control(f"deals/{deal['id']}/win", {})
    got = await receiver.documents(4)
    names = sorted(envelope["event_name"] for envelope in got)
    assert names == ["crm_deal_created", *["crm_deal_updated"] * 3]


async def test_retries_send_the_same_and_stop(crm: Crm, receiver: Receiver) -> None:
    await crm.control("webhooks/schedule", {"delays_seconds": [0.02, 0.02]})
    await subscribe(crm, receiver, "crm_contact_created")
    receiver.statuses = [500, 404]
    await crm.new_contact()
    await receiver.wait(3)
    assert len({body for _, body in receiver.got}) == 1
    delivered = await settled(crm, "delivered", 1)
    assert [attempt["status"] for attempt in delivered[0]["tries"]] == [500, 404, 200]
    receiver.statuses = [302, 500, 500]
    await crm.new_contact("Rui Sá")
    assert len((await settled(crm, "failed", 1))[0]["tries"]) == 3


async def test_five_further_tries_by_default(crm: Crm) -> None:
    schedule = await crm.control("webhooks/schedule")
    assert len(schedule["delays_seconds"]) == 5
    assert schedule["timeout_seconds"] == 5


async def test_suspended_after_constant_errors(crm: Crm, receiver: Receiver) -> None:
    await crm.control("webhooks/schedule", {"delays_seconds": []})
    await crm.control("quirks", {"suspend_after": 3})
    webhook = await subscribe(crm, receiver, "crm_contact_created")
    for state, statuses in (("active", [500, 500]), ("active", [200]), ("suspended", [500, 500, 500])):
        for status in statuses:
            receiver.statuses, count = [status], len(receiver.got)
            await crm.new_contact()
            await receiver.wait(count + 1)
            await settled(crm, "failed" if status == 500 else "delivered", 1)
        await asyncio.sleep(0.05)
        assert (await crm.v2("GET", f"webhooks/{webhook}")).json["data"]["status"] == state
    count = len(await crm.control("deliveries"))
    await crm.new_contact()
    assert len(await crm.control("deliveries")) == count
    await crm.v2("PUT", f"webhooks/{webhook}", {"status": "active"})
    await crm.new_contact()
    await receiver.wait(count + 1)


async def test_a_ping_can_be_asked_for(crm: Crm, receiver: Receiver) -> None:
    await crm.control("quirks", {"ping_on_create": True})
    await subscribe(crm, receiver, "crm_deal_created")
    assert await receiver.wait(1) == [b""]
