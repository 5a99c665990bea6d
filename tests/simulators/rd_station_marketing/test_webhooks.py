"""Webhooks: subscriptions, the call to a new address, what is sent and when, and the older payload."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.simulators.rd_station_marketing.conftest import Rd
    from tests.simulators.reached import Answer
    from tests.simulators.receiver import Receiver

ANA = "ana@example.com"


async def subscribe(rd: Rd, url: str, kind: str = "WEBHOOK.CONVERTED", **more: Any) -> Answer:
    body = {"event_type": kind, "entity_type": "CONTACT", "url": url, "http_method": "POST", **more}
    return await rd.api("POST", "/integrations/webhooks", body)


async def test_a_subscription_and_its_probe(rd: Rd, receiver: Receiver) -> None:
    made = await subscribe(rd, receiver.url, event_identifiers=["newsletter"], include_relations=["COMPANY"])
    assert made.status == 201, made.text
    assert [body for _, body in receiver.got] == [b"{}"]
    assert (made.json["status"], made.json["source"]) == ("active", "MKT")
    assert isinstance(made.json["platform_account_id"], int)
    assert made.json["created_at"].endswith("Z")
    listed = (await rd.api("GET", "/integrations/webhooks")).json
    assert listed == {"webhooks": [made.json]}
    path = f"/integrations/webhooks/{made.json['uuid']}"
    assert (await rd.api("GET", path)).json == made.json
    body = {"event_type": "WEBHOOK.MARKED_OPPORTUNITY", "entity_type": "CONTACT", "http_method": "POST"}
    changed = await rd.api("PUT", path, {**body, "url": receiver.url})
    assert (changed.status, changed.json["event_identifiers"]) == (200, [])
    assert (await rd.api("DELETE", path)).status == 204
    assert (await rd.api("DELETE", path)).status == 404


async def test_an_address_that_does_not_answer_is_refused(rd: Rd, receiver: Receiver) -> None:
    receiver.statuses = [500, 302]
    for url in (receiver.url, receiver.url, "http://127.0.0.1:1/in"):
        refused = await subscribe(rd, url)
        assert refused.status == 401
    assert (await rd.api("GET", "/integrations/webhooks")).json == {"webhooks": []}
    assert [probe["status"] for probe in await rd.control("probes")] == [500, 302, None]
    await rd.control("quirks", {"probe": "get"})
    assert (await subscribe(rd, receiver.url)).status == 201


async def test_the_same_address_and_type_twice(rd: Rd, receiver: Receiver) -> None:
    first = await subscribe(rd, receiver.url)
    twice = await subscribe(rd, receiver.url, event_identifiers=["a"])
    assert (twice.status, twice.json["errors"]["error_type"]) == (400, "TAKEN")
    assert (await subscribe(rd, receiver.url, "WEBHOOK.MARKED_OPPORTUNITY")).status == 201
    body = {"event_type": "WEBHOOK.MARKED_OPPORTUNITY", "entity_type": "CONTACT", "http_method": "POST"}
    path = f"/integrations/webhooks/{first.json['uuid']}"
    assert (await rd.api("PUT", path, {**body, "url": receiver.url})).status == 400
    await rd.control("quirks", {"duplicate_status": 422})
    assert (await subscribe(rd, receiver.url)).status == 422


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_type": "WEBHOOK.SOLD"}, "event_type"),
        ({"entity_type": "DEAL"}, "entity_type"),
        ({"http_method": "GET"}, "http_method"),
        ({"url": "http://hub.example.com/in"}, "url"),
        ({"include_relations": ["DEALS"]}, "include_relations"),
        ({"event_type": "WEBHOOK.MARKED_OPPORTUNITY", "event_identifiers": ["a"]}, "event_identifiers"),
    ],
)
async def test_wrong_subscriptions(rd: Rd, change: dict[str, Any], field: str) -> None:
    body = {"event_type": "WEBHOOK.CONVERTED", "entity_type": "CONTACT", "http_method": "POST"}
    answer = await rd.api("POST", "/integrations/webhooks", {**body, "url": "https://h.example/", **change})
    assert (answer.status, list(answer.json["errors"])) == (400, [field])


async def test_what_a_conversion_sends(rd: Rd, receiver: Receiver) -> None:
    both = ["COMPANY", "CONTACT_FUNNEL"]
    await subscribe(rd, receiver.url, include_relations=both)
    await rd.converted(
        ANA,
        "newsletter",
        name="Ana Lima",
        state="MG",
        city="Belo Horizonte",
        company_name="Acme",
        cf_interesses=["Bateria"],
        tags=["vip"],
    )
    body = (await receiver.documents(2))[1]
    assert receiver.got[1][0]["content-type"] == "application/json"
    assert set(body) == {
        "event_type",
        "entity_type",
        "event_identifier",
        "timestamp",
        "event_timestamp",
        "contact",
    }
    assert (body["event_type"], body["event_identifier"]) == ("WEBHOOK.CONVERTED", "newsletter")
    assert body["timestamp"].endswith("-03:00")
    contact = body["contact"]
    assert (contact["email"], contact["name"], contact["city"]) == (ANA, "Ana Lima", "Belo Horizonte")
    assert "state" not in contact
    assert (contact["cf_interesses"], contact["tags"]) == (["Bateria"], ["vip"])
    assert "cf_cpf" not in contact
    assert contact["company"] == {"name": "Acme"}
    assert (contact["funnel"]["name"], contact["funnel"]["lifecycle_stage"]) == ("default", "Lead")


async def test_when_they_fire_and_when_not(rd: Rd, receiver: Receiver) -> None:
    await subscribe(rd, receiver.url, event_identifiers=["wanted"])
    await subscribe(rd, receiver.url, "WEBHOOK.MARKED_OPPORTUNITY")
    path = f"/platform/contacts/email:{ANA}"
    await rd.api("PATCH", path, {"name": "Ana"})
    await rd.converted(ANA, "other")
    await rd.converted(ANA, "wanted")
    await rd.converted(ANA, "wanted")
    await rd.qualified("OPPORTUNITY", ANA)
    await rd.qualified("SALE", ANA, value=1)
    await rd.api("PUT", f"{path}/funnels/default", {"opportunity": True})
    await rd.api("PUT", f"{path}/funnels/default", {"opportunity": True})
    lead = await rd.lead(ANA)
    await rd.form(f"/leads/{lead['uuid']}/opportunity", {"value": "1.200,50"})
    flow = (await rd.api("GET", "/platform/workflows")).json["workflows"][0]
    await rd.api("POST", f"/platform/workflows/{flow['id']}/leads", {"leads": [ANA, "nobody@example.com"]})
    bodies = await receiver.documents(8)
    await asyncio.sleep(0.1)
    kinds = sorted((body["event_type"], body["event_identifier"]) for body in bodies[2:])
    converted, marked = ("WEBHOOK.CONVERTED", "wanted"), ("WEBHOOK.MARKED_OPPORTUNITY", "default")
    assert kinds == [converted] * 2 + [marked] * 4
    assert len(receiver.got) == 8
    funnels = [body["contact"].get("funnel") for body in bodies[2:]]
    assert funnels == [None] * 6, "nobody asked for the relation"


async def test_three_more_tries_then_given_up(rd: Rd, receiver: Receiver) -> None:
    await subscribe(rd, receiver.url)
    assert (await rd.control("webhooks/schedule")) == {
        "delays_seconds": [10.0, 60.0, 300.0],
        "timeout_seconds": 5.0,
    }
    await rd.control("webhooks/schedule", {"delays_seconds": [0, 0, 0]})
    receiver.statuses = [500, 500, 302, 503]
    given_up = asyncio.Event()
    rd.simulator.webhooks.on_outcome(lambda _delivery: given_up.set())
    await rd.converted(ANA)
    async with asyncio.timeout(30):
        await given_up.wait()
    failed = rd.simulator.webhooks.list()
    assert [one["state"] for one in failed] == ["failed"]
    assert [attempt["status"] for attempt in failed[0]["tries"]] == [500, 500, 302, 503]


async def test_the_page_and_the_api_keep_apart(rd: Rd, receiver: Receiver) -> None:
    fields = {"url": receiver.url, "event_type": "WEBHOOK.CONVERTED", "identifiers": "", "format": "legacy"}
    assert (await rd.form("/integracoes/webhooks", fields)).status == 303
    assert (await rd.form("/integracoes/webhooks", fields)).status == 422
    assert (await rd.api("GET", "/integrations/webhooks")).json == {"webhooks": []}
    assert receiver.got == [], "the page does not try the address"


async def test_the_older_payload(rd: Rd, receiver: Receiver) -> None:
    fields = {"url": receiver.url, "event_type": "WEBHOOK.CONVERTED", "identifiers": "", "format": "legacy"}
    await rd.form("/integracoes/webhooks", fields)
    await rd.converted(ANA, "primeira", name="Ana", cf_cpf="1")
    await rd.converted(ANA, "segunda", company_name="Acme")
    lead = next(
        body["leads"][0]
        for body in await receiver.documents(2)
        if body["leads"][0]["last_conversion"]["source"] == "segunda"
    )
    assert (lead["email"], lead["company"], lead["opportunity"]) == (ANA, "Acme", "false")
    assert (lead["number_conversions"], lead["lead_stage"]) == ("2", "0")
    assert lead["custom_fields"] == {"CPF": "1"}
    assert lead["first_conversion"]["content"]["identificador"] == "primeira"
    assert lead["last_conversion"]["content"]["identificador"] == "segunda"
