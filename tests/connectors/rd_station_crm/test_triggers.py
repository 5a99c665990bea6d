"""Triggers: which events start a rule, once for which happening, and what the rule then reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from tests.connectors.fake_context import FakeReader, Reply, answer
from tests.connectors.rd_station_crm.recorded import (
    ANA,
    DEAL,
    NEXT_STAGE,
    ORGANIZATION,
    PIPELINE,
    connector,
    oauth,
    said,
    token,
    webhook,
)

from vaivem.connectors.sdk import Connection, Event

STAGE_OPTIONS = {"pipeline": PIPELINE, "stage": NEXT_STAGE}


def event(name: str, **document: Any) -> Event:
    assert connector.webhooks is not None
    delivery = webhook(name)
    body = orjson.loads(delivery.body)
    body["document"].update(document)
    (found,) = connector.webhooks.parse(replace(delivery, body=orjson.dumps(body)), oauth())
    return found


def test_a_later_change_of_a_closed_deal_is_told_by_when_it_was_closed() -> None:
    """The vendor's one kind of event says "won" with every change: a rule made since must not take it."""
    renamed = event("crm_deal_updated__won_then_renamed", closed_at="2025-03-01T09:00:00.000Z")
    long_ago = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)
    assert connector.trigger("deal_won").accepts(renamed, {})
    assert connector.trigger("deal_won").happened(renamed) == long_ago
    assert connector.trigger("deal_updated").happened(renamed) == renamed.occurred != long_ago
    bare = event("crm_deal_updated__won", closed_at=None)
    assert connector.trigger("deal_won").happened(bare) == bare.occurred


async def scope(
    key: str, happened: Event, routes: dict[str, Reply], connection: Connection | None = None
) -> Any:
    reader = FakeReader(connector, connection or oauth(), routes)
    return await connector.trigger(key).scope(reader, happened, {})


@pytest.mark.parametrize(
    ("key", "name", "passes"),
    [
        ("deal_won", "crm_deal_updated__won", True),
        ("deal_won", "crm_deal_updated__stage", False),
        ("deal_won", "crm_deal_updated__lost", False),
        ("deal_lost", "crm_deal_updated__lost", True),
        ("deal_lost", "crm_deal_updated__won", False),
        ("deal_paused", "crm_deal_updated__paused", True),
        ("deal_paused", "crm_deal_updated__stage", False),
        ("deal_stage_entered", "crm_deal_updated__stage", True),
        ("deal_stage_entered", "crm_deal_created__ongoing", True),
        ("deal_updated", "crm_deal_updated__won", True),
    ],
)
def test_which_events_a_trigger_lets_through(key: str, name: str, passes: bool) -> None:
    trigger, happened = connector.trigger(key), event(name)
    assert (happened.kind in trigger.kinds and trigger.accepts(happened, STAGE_OPTIONS)) is passes


def test_another_stage_does_not_count() -> None:
    trigger = connector.trigger("deal_stage_entered")
    assert not trigger.accepts(event("crm_deal_updated__stage"), {"pipeline": PIPELINE, "stage": "another"})
    assert not trigger.accepts(event("crm_deal_updated__stage", deal_stage={}), {"stage": None})


def test_a_later_change_of_a_won_deal_is_the_same_win() -> None:
    trigger = connector.trigger("deal_won")
    first = trigger.once_key(event("crm_deal_updated__won"), {})
    assert first == f"won:{DEAL}:2026-11-23T20:40:02+00:00"
    assert trigger.once_key(event("crm_deal_updated__won_then_renamed"), {}) == first
    # The same moment in another zone is the same win; closing again later is another.
    same = event("crm_deal_updated__won", closed_at="2026-11-23T20:40:02.000Z")
    again = event("crm_deal_updated__won", closed_at="2026-12-01T09:00:00.000-03:00")
    assert trigger.once_key(same, {}) == first
    assert trigger.once_key(again, {}) != first


def test_a_stage_is_entered_once_and_a_record_is_made_once() -> None:
    stage = connector.trigger("deal_stage_entered")
    assert stage.once_key(event("crm_deal_updated__stage"), STAGE_OPTIONS) == f"stage:{DEAL}:{NEXT_STAGE}"
    assert (
        connector.trigger("deal_paused").once_key(event("crm_deal_updated__paused"), {}) == f"paused:{DEAL}:"
    )
    assert (
        connector.trigger("deal_created").once_key(event("crm_deal_created__ongoing"), {})
        == f"created:{DEAL}"
    )
    assert connector.trigger("deal_updated").once_key(event("crm_deal_updated__stage"), {}) is None


async def test_a_deal_is_read_again_with_its_people() -> None:
    found = await scope(
        "deal_won",
        event("crm_deal_updated__won"),
        {
            "deals.get": said("v2_deal__won"),
            "contacts.get": said("v2_contact"),
            "organizations.get": said("v2_organization"),
        },
    )
    assert found["deal"]["closed_at"] == "2026-11-23T17:40:02.000Z"
    assert found["deal"]["custom"]["numero-contrato"] is None
    assert found["contact"]["email"] == "ana@example.com"
    assert [contact["id"] for contact in found["contacts"]] == [ANA]
    assert found["organization"]["id"] == ORGANIZATION
    assert found["event"]["name"] == "crm_deal_updated"


async def test_names_come_from_where_they_are_known() -> None:
    moved = event("crm_deal_updated__stage", deal_stage={"id": NEXT_STAGE, "name": "Nome no evento"})
    routes: dict[str, Reply] = {
        "deals.get": said("v2_deal", stage_id=NEXT_STAGE, contact_ids=[]),
    }
    found = await scope("deal_updated", moved, routes)
    assert found["deal"]["stage_name"] == "Nome no evento"
    # The deal moved on since: the event's name is that of another stage, the last copy of the list is right.
    routes = {"deals.get": said("v2_deal", contact_ids=[])}
    found = await scope("deal_updated", moved, routes)
    assert found["deal"]["stage_name"] == "Sem contato"
    assert found["contact"] == {}
    assert found["organization"] == {}


async def test_a_deal_that_is_gone_has_nothing_to_do() -> None:
    gone = answer(404, {"errors": [{"detail": "Not found"}]})
    assert await scope("deal_updated", event("crm_deal_updated__stage"), {"deals.get": gone}) is None


async def test_a_contact_that_is_gone_is_left_out() -> None:
    gone = answer(404, {"errors": [{"detail": "Not found"}]})
    routes: dict[str, Reply] = {"deals.get": said("v2_deal"), "contacts.get": gone}
    found = await scope("deal_updated", event("crm_deal_updated__stage"), routes)
    assert (found["deal"]["contacts"], found["contacts"]) == ([], [])


async def test_a_contact_is_read_from_its_event() -> None:
    found = await scope("contact_updated", event("crm_contact_updated__whole"), {})
    assert (found["contact"]["email"], found["contact"]["organization"]) == ("ana@example.com", ORGANIZATION)
    assert found["contact"]["custom"]["cpf"] == "529.982.247-25"


async def test_with_own_fields_by_id_the_record_is_read_again() -> None:
    routes: dict[str, Reply] = {"contacts.get": said("v1_contact")}
    found = await scope("contact_updated", event("crm_contact_updated__whole"), routes, token())
    assert found["contact"]["birthday"] == "1988-04-12"
    routes = {"contacts.get": said("v2_contact")}
    found = await scope(
        "contact_updated", event("crm_contact_updated__whole"), routes, oauth(custom_field_key="id")
    )
    assert found["contact"]["job_title"] == "CFO"
    gone: dict[str, Reply] = {"contacts.get": answer(404, {"errors": {"error_type": "RESOURCE_NOT_FOUND"}})}
    assert await scope("contact_updated", event("crm_contact_updated__whole"), gone, token()) is None


async def test_a_late_event_is_read_again() -> None:
    late = replace(event("crm_contact_updated__whole"), late=True)
    assert connector.trigger("contact_updated").snapshot
    assert await connector.trigger("contact_updated").scope(
        FakeReader(connector, oauth(), {"contacts.get": said("v2_contact")}), late, {}
    )


async def test_an_organization_is_read_from_its_event() -> None:
    found = await scope("organization_updated", event("crm_organization_updated__whole"), {})
    assert found["organization"]["website"] == "https://padaria.example.com"
    assert found["organization"]["url"].endswith(f"/organizations/{ORGANIZATION}")
    again = await scope(
        "organization_updated",
        event("crm_organization_updated__whole"),
        {"organizations.get": said("v1_organization")},
        token(),
    )
    assert again["organization"]["description"] == "Três lojas"


async def test_a_deal_over_v1_has_its_contacts_in_one_call() -> None:
    found = await scope(
        "deal_updated",
        event("crm_deal_updated__stage"),
        {"deals.get": said("v1_deal"), "deals.contacts": said("v1_deal_contacts__ana")},
        token(),
    )
    assert found["contact"]["phone"] == "11912345678"
    assert found["deal"]["source_name"] == "Indicação"


@pytest.mark.parametrize("key", ["deal_deleted", "contact_deleted", "organization_deleted"])
async def test_of_a_deleted_record_the_event_is_all(key: str) -> None:
    found = await scope(key, event(f"crm_{key}__bare"), {})
    assert set(found) == {"event", key.partition("_")[0]}
