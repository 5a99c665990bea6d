"""What starts a rule, and what it then reads."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.activecampaign.recorded import connection, connector, contact, deal, listed, webhook
from tests.connectors.fake_context import FakeReader, Reply, answer

from vaivem.connectors.sdk import Event


def event(name: str) -> Event:
    assert connector.webhooks is not None
    return connector.webhooks.parse(webhook(name), connection())[0]


def takes(trigger: str, name: str, **options: Any) -> bool:
    found, told = connector.trigger(trigger), event(name)
    return told.kind in found.kinds and found.accepts(told, options)


@pytest.mark.parametrize(
    ("trigger", "name", "options", "taken"),
    [
        ("tag_added", "contact_tag_added__one", {}, True),
        ("tag_added", "contact_tag_added__one", {"tags": ["Orcamento"]}, True),
        ("tag_added", "contact_tag_added__one", {"tags": ["outra"]}, False),
        ("tag_added", "contact_tag_removed__one", {}, False),
        ("tag_removed", "contact_tag_removed__one", {"tags": ["proposta"]}, True),
        ("contact_subscribed", "subscribe__to_a_list", {}, True),
        ("contact_subscribed", "subscribe__to_a_list", {"list": "1"}, True),
        ("contact_subscribed", "subscribe__to_a_list", {"list": "2"}, False),
        ("contact_unsubscribed", "unsubscribe__with_a_reason", {"list": "1"}, True),
        ("contact_updated", "update__by_a_person", {}, True),
        ("deal_won", "deal_update__won", {}, True),
        ("deal_won", "deal_update__lost", {}, False),
        ("deal_won", "deal_update__renamed_after_won", {}, False),
        ("deal_won", "deal_add__open", {}, False),
        ("deal_lost", "deal_update__lost", {}, True),
        ("deal_stage_changed", "deal_update__stage", {}, True),
        ("deal_stage_changed", "deal_update__stage", {"pipeline": "1", "stage": "4"}, True),
        ("deal_stage_changed", "deal_update__stage", {"pipeline": "1", "stage": "5"}, False),
        ("deal_stage_changed", "deal_update__value", {}, False),
        ("deal_created", "deal_add__open", {}, True),
        ("account_created", "account_add__whole", {}, True),
        ("account_updated", "account_update__name", {}, True),
    ],
)
def test_a_trigger_takes_what_it_says(trigger: str, name: str, options: dict[str, Any], taken: bool) -> None:
    assert takes(trigger, name, **options) is taken


def test_a_win_counts_once_for_each_deal() -> None:
    won = connector.trigger("deal_won")
    assert won.once_key(event("deal_update__won"), {}) == "won:9"
    assert connector.trigger("deal_created").once_key(event("deal_add__open"), {}) == "created:9"


ROUTES: dict[str, Reply] = {
    "contacts.read": answer(200, contact()),
    "contacts.contactTags": listed("contactTags", {"id": "1", "tag": "20"}, {"id": "2", "tag": "55"}),
    "tags.read": answer(200, {"tag": {"id": "55", "tag": "novo"}}),
    "accounts.read": answer(200, {"account": {"id": "7", "name": "Padaria Lima Ltda.", "owner": "1"}}),
    "accountCustomFieldData.list": listed("accountCustomFieldData"),
    "deals.read": answer(200, deal()),
    "dealCustomFieldData.list": listed(
        "dealCustomFieldData",
        {"dealId": 9, "customFieldId": 1, "fieldValue": "5500"},
        {"dealId": 9, "customFieldId": 2, "fieldValue": ["Novo"]},
        {"dealId": 9, "customFieldId": 3, "fieldValue": "4.5"},
    ),
}


async def scope(trigger: str, name: str, **routes: Reply) -> Any:
    reader = FakeReader(connector, connection(), {**ROUTES, **routes})
    return await connector.trigger(trigger).scope(reader, event(name), {})


async def test_a_contact_is_read_whole() -> None:
    found = await scope("tag_added", "contact_tag_added__one")
    assert found["tag"] == {"name": "orçamento"}
    told = found["contact"]
    assert (told["name"], told["tags"], told["lists"]) == ("Ana Lima", ["cliente", "novo"], ["Novidades"])
    assert told["custom"] == {"1": "529.982.247-25", "4": "Casa", "5": ["Bateria", "Painéis"]}
    assert told["url"] == "https://padaria.activehosted.com/app/contacts/3"
    assert told["created_at"] == "2026-11-20T13:04:34+00:00"
    assert found["account"]["name"] == "Padaria Lima Ltda."
    found = await scope("contact_subscribed", "subscribe__to_a_list")
    assert found["list"] == {"id": "1", "name": "Novidades"}


async def test_a_deal_is_read_with_its_contact_and_company() -> None:
    found = await scope("deal_won", "deal_update__won")
    told = found["deal"]
    assert (told["value"], told["currency"], told["stage_name"]) == (1500.5, "BRL", "Proposta")
    assert told["custom"] == {"1": 55.0, "2": ["Novo"], "3": 4.5}
    assert found["contact"]["email"] == "ana@padaria.example"
    assert found["account"]["id"] == "7"


async def test_what_is_gone_or_hidden_starts_nothing() -> None:
    gone = answer(404, {"message": "No Result found for Subscriber with id 3"})
    assert await scope("contact_updated", "update__by_a_person", **{"contacts.read": gone}) is None
    hidden = answer(200, {"deal": {"id": "9", "isDisabled": True, "title": "x"}})
    assert await scope("deal_updated", "deal_update__value", **{"deals.read": hidden}) is None
