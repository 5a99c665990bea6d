"""Deliveries: whose they are, what they say, and how the vendor is told where to deliver."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from tests.connectors.fake_context import FakeReader, Reply, answer
from tests.connectors.rd_station_crm.recorded import (
    ADDRESS,
    ANA,
    DEAL,
    HOOK_KEY,
    NEXT_STAGE,
    connector,
    oauth,
    said,
    token,
    webhook,
    webhook_names,
)

from vaivem.connectors.rd_station_crm.webhooks import RdStationCrmWebhooks
from vaivem.connectors.sdk import Connection, Delivery, Event
from vaivem.core.errors import RuleError, SignatureError, UnreadableError
from vaivem.core.likeness import moment_of

WEBHOOKS = RdStationCrmWebhooks()
HOOK = "0f111b90-ec81-4353-8d52-ffd3b8df412d"


def event(name: str) -> Event:
    (found,) = WEBHOOKS.parse(webhook(name), oauth())
    return found


def with_body(given: Any) -> Delivery:
    return replace(webhook("crm_deal_updated__won"), body=orjson.dumps(given))


@pytest.mark.parametrize("name", webhook_names())
def test_a_delivery_with_our_key_is_taken(name: str) -> None:
    WEBHOOKS.verify(webhook(name), oauth())
    assert event(name).kind == name.partition("__")[0]


def test_each_of_several_keys_is_taken() -> None:
    WEBHOOKS.verify(webhook("crm_deal_updated__won"), oauth(keys=("newer", HOOK_KEY)))


@pytest.mark.parametrize(
    "given", [None, "", "wrong", HOOK_KEY[:-1], HOOK_KEY + " ", HOOK_KEY.lower(), "ç" * 32]
)
def test_a_delivery_without_the_right_key_is_refused(given: str | None) -> None:
    delivery = webhook("crm_deal_updated__won")
    headers = {key: value for key, value in delivery.headers.items() if key != "x-vaivem-key"}
    if given is not None:
        headers["x-vaivem-key"] = given
    with pytest.raises(SignatureError):
        WEBHOOKS.verify(replace(delivery, headers=headers), oauth())


def test_before_a_key_was_agreed_nothing_is_taken() -> None:
    with pytest.raises(SignatureError):
        WEBHOOKS.verify(webhook("crm_deal_updated__won"), oauth(keys=()))


def test_an_empty_key_never_opens() -> None:
    delivery = replace(webhook("crm_deal_updated__won"), headers={"x-vaivem-key": ""})
    with pytest.raises(SignatureError):
        WEBHOOKS.verify(delivery, oauth(keys=("",)))


def test_a_personal_token_s_webhooks_carry_no_key() -> None:
    WEBHOOKS.verify(replace(webhook("crm_deal_updated__won"), headers={}), token())


@pytest.mark.parametrize(("body", "probe"), [(b"", True), (b" {} ", True), (b'{"event_name":"x"}', False)])
def test_an_empty_body_is_a_probe(body: bytes, probe: bool) -> None:
    assert WEBHOOKS.is_probe(replace(webhook("crm_deal_updated__won"), body=body), oauth()) is probe


def test_a_deal_s_event_says_what_and_which() -> None:
    won = event("crm_deal_updated__won")
    assert (won.kind, won.object, won.record) == ("crm_deal_updated", "deal", DEAL)
    assert won.same == ("0f111b90-ec81-4353-8d52-000000000003",)
    assert won.occurred == datetime(2026, 11, 23, 20, 40, 3, tzinfo=UTC)
    assert won.title == "Contrato – Ana Lima"
    deal = won.data["deal"]
    assert (deal["status"], deal["stage"], deal["source"]) == ("won", NEXT_STAGE, None)
    assert deal["names"]["stage"] == "Proposta"
    assert (deal["one_time_price"], deal["recurrence_price"]) == (1500.0, 0.0)


def test_a_contact_s_event_is_found_by_its_keys() -> None:
    contact = event("crm_contact_updated__whole")
    assert contact.record == ANA
    assert set(contact.terms) == {ANA, "Ana Lima", "ana@example.com", "+5511912345678"}
    assert contact.data["contact"]["custom"]["cpf"] == "529.982.247-25"


def test_a_deleted_record_leaves_its_id_and_name() -> None:
    assert event("crm_deal_deleted__bare").data["deal"]["name"] == "Contrato – Ana Lima"
    assert event("crm_contact_deleted__bare").data["contact"] == {"id": ANA, "name": "Ana Lima"}


def test_other_spellings_of_a_kind_are_the_same_kind() -> None:
    body = orjson.loads(webhook("crm_deal_deleted__bare").body) | {"event_name": "CRM_DEAL_DELETE"}
    (found,) = WEBHOOKS.parse(with_body(body), oauth())
    assert found.kind == "crm_deal_deleted"


def test_without_an_id_of_its_own_the_whole_delivery_tells_it_apart() -> None:
    body = orjson.loads(webhook("crm_deal_updated__won").body)
    del body["transaction_uuid"]
    (found,) = WEBHOOKS.parse(with_body(body), oauth())
    assert found.same == ()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'"text"',
        b'{"event_name":"crm_deal_updated"}',
        b'{"document":{"id":"1"}}',
        b'{"event_name":"crm_deal_updated","document":{}}',
        b'{"event_name":"crm_deal_exploded","document":{"id":"1"}}',
    ],
)
def test_what_cannot_be_read_is_said_and_answered_well(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        WEBHOOKS.parse(replace(webhook("crm_deal_updated__won"), body=body), oauth())
    assert WEBHOOKS.unreadable.status == 200  # else the vendor suspends the address


def reader(connection: Connection, routes: dict[str, Reply]) -> FakeReader:
    return FakeReader(connector, connection, routes)


async def test_one_subscription_is_made_for_each_kind() -> None:
    there = reader(
        oauth(keys=()),
        {"webhooks.list": said("v2_webhooks__none"), "webhooks.create": said("v2_webhook", 201)},
    )
    made = await WEBHOOKS.ensure(there, ADDRESS, ["crm_contact_created", "crm_deal_updated"])
    bodies = [call.json["data"] for call in there.vendor.calls if call.name == "webhooks.create"]
    assert [body["event_name"] for body in bodies] == ["crm_contact_created", "crm_deal_updated"]
    assert {body["url"] for body in bodies} == {ADDRESS}
    assert {body["auth_header"] for body in bodies} == {"X-Vaivem-Key"}
    (key,) = {body["auth_key"] for body in bodies}
    assert made.secrets == {"keys": [key]}
    assert len(key) >= 32
    assert len(made.ids) == 2


async def test_a_subscription_that_is_there_is_adopted() -> None:
    there = reader(oauth(), {"webhooks.list": said("v2_webhooks__ours")})
    made = await WEBHOOKS.ensure(there, ADDRESS, ["crm_deal_updated"])
    assert (made.ids, made.mended, made.secrets) == ((HOOK,), (), {"keys": [HOOK_KEY]})
    assert there.vendor.names == ["webhooks.list"]


async def test_a_lost_key_is_set_anew() -> None:
    there = reader(
        oauth(keys=()), {"webhooks.list": said("v2_webhooks__ours"), "webhooks.update": said("v2_webhook")}
    )
    made = await WEBHOOKS.ensure(there, ADDRESS, ["crm_deal_updated"])
    call = there.vendor.last("webhooks.update")
    assert call.path == f"/webhooks/{HOOK}"
    assert call.json["data"]["auth_key"] == made.secrets["keys"][0]


async def test_a_suspended_one_is_put_back_and_said() -> None:
    there = reader(
        token(), {"webhooks.list": said("v1_webhooks__suspended"), "webhooks.update": said("v1_webhook")}
    )
    made = await WEBHOOKS.ensure(there, ADDRESS, ["crm_deal_updated"])
    call = there.vendor.last("webhooks.update")
    assert (call.method, call.base, call.json["status"]) == ("PUT", "api_v1", "active")
    assert made.mended == ("crm_deal_updated: suspended",)


async def test_v1_has_one_of_each_kind_too_but_no_header() -> None:
    empty = answer(200, {"webhooks": []})
    there = reader(token(), {"webhooks.list": empty, "webhooks.create": said("v1_webhook")})
    made = await WEBHOOKS.ensure(there, ADDRESS, ["crm_contact_created"])
    sent = {"event_type": "crm_contact_created", "url": ADDRESS, "http_method": "POST"}
    assert there.vendor.last("webhooks.create").json == sent
    assert made.ids == ("0f111b90-ec81-4353-8d52-ffd3b8df412e",)


async def test_a_second_subscription_of_ours_is_removed() -> None:
    listed = orjson.loads(said("v2_webhooks__ours").content)
    listed["data"].append(listed["data"][0] | {"id": "twice"})
    there = reader(oauth(), {"webhooks.list": answer(200, listed), "webhooks.delete": answer(204)})
    made = await WEBHOOKS.ensure(there, ADDRESS, ["crm_deal_updated"])
    assert there.vendor.last("webhooks.delete").path == "/webhooks/twice"
    assert made.ids == (HOOK,)


async def test_all_pages_are_read_before_one_is_made() -> None:
    first = orjson.loads(said("v2_webhooks__none").content)
    first["data"] = [
        {"id": f"other-{n}", "event_name": "x", "url": "https://o.example.com"} for n in range(2)
    ]
    there = reader(
        oauth(page_size=2), {"webhooks.list": [answer(200, first), said("v2_webhooks__ours")]}
    )  # fmt: skip
    there.vendor.routes["webhooks.list"] = [
        answer(200, first),
        said("v2_webhooks__ours"),
        said("v2_webhooks__none"),
    ]
    made = await WEBHOOKS.ensure(there, ADDRESS, ["crm_deal_updated"])
    assert made.ids == (HOOK,)
    pages = [dict(call.query)["page[number]"] for call in there.vendor.calls]
    assert pages == ["1", "2", "3"]


async def test_only_our_subscriptions_are_removed() -> None:
    there = reader(oauth(), {"webhooks.list": said("v2_webhooks__ours"), "webhooks.delete": answer(204)})
    await WEBHOOKS.remove(there, ADDRESS)
    assert [call.path for call in there.vendor.calls[1:]] == [f"/webhooks/{HOOK}"]


async def test_a_plan_without_webhooks_says_so() -> None:
    there = reader(oauth(), {"webhooks.list": answer(403, {"errors": [{"detail": "Plano"}]})})
    with pytest.raises(RuleError):
        await WEBHOOKS.ensure(there, ADDRESS, ["crm_deal_updated"])


async def test_what_was_missed_is_read_once_and_becomes_the_same_events() -> None:
    since, until = datetime(2026, 11, 24, 11, 0, tzinfo=UTC), datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    there = reader(
        oauth(),
        {
            "deals.changed": said("v2_deals__one"),
            "contacts.changed": said("v2_contacts__ana"),
            "organizations.changed": said("v2_organizations__none"),
        },
    )
    deliveries = await WEBHOOKS.missed(there, since, until)
    asked = dict(there.vendor.last("deals.changed").query)
    assert asked["filter"] == 'updated_at:>="2026-11-24 11:00:00" updated_at:<="2026-11-24 12:00:00"'
    events = []
    for delivery in deliveries:
        WEBHOOKS.verify(delivery, oauth())
        events += WEBHOOKS.parse(delivery, oauth())
    # The deal was made in that hour and not touched since; the contact is older.
    assert [(found.kind, found.record) for found in events] == [
        ("crm_deal_created", DEAL),
        ("crm_contact_updated", ANA),
    ]
    assert events[0].data["deal"]["status"] == "ongoing"
    assert len({found.same for found in events}) == 2
    # Known as what a webhook brought by its time, and that only for what was looked for.
    assert [(found.near > 0, found.occurred.isoformat() if found.occurred else "") for found in events] == [
        (True, moment_of(events[0].data["deal"]["created_at"]).isoformat()),
        (True, moment_of(events[1].data["contact"]["updated_at"]).isoformat()),
    ]


async def test_api_v1_cannot_look_back() -> None:
    there = reader(token(), {})
    assert (
        await WEBHOOKS.missed(there, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)) == []
    )
