"""What starts a rule, how often, and what it can read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pytest
from tests.connectors.fake_context import FakeReader
from tests.connectors.pipedrive.recorded import (
    connection,
    connector,
    deal,
    organization,
    person,
    said,
    webhook,
)

from vaivem.connectors.sdk import Event


def event(name: str) -> Event:
    assert connector.webhooks is not None
    (found,) = connector.webhooks.parse(webhook(name), connection())
    return found


@pytest.mark.parametrize(
    ("trigger", "name", "taken"),
    [
        ("deal_won", "deal.change__won", True),
        ("deal_won", "deal.create__won", True),
        ("deal_won", "deal.change__won_then_renamed", False),
        ("deal_won", "deal.change__lost", False),
        ("deal_won", "deal.create__open", False),
        ("deal_lost", "deal.change__lost", True),
        ("deal_lost", "deal.change__won", False),
        ("deal_stage_changed", "deal.change__stage", True),
        ("deal_stage_changed", "deal.change__won", False),
        ("deal_updated", "deal.change__won", True),
    ],
)
def test_which_event_is_which(trigger: str, name: str, taken: bool) -> None:
    assert connector.trigger(trigger).accepts(event(name), {}) is taken


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({"pipeline": "1", "stage": "5"}, True),
        ({"pipeline": "1", "stage": "4"}, False),
        ({"pipeline": "2"}, False),
        ({"pipeline": "1", "stage": ""}, True),
    ],
)
def test_a_stage_may_be_chosen(options: dict[str, str], taken: bool) -> None:
    assert connector.trigger("deal_stage_changed").accepts(event("deal.change__stage"), options) is taken


def test_winning_again_counts_again_and_a_repeat_does_not() -> None:
    won = connector.trigger("deal_won")
    first = won.once_key(event("deal.change__won"), {})
    assert first == "won:9:2026-11-23T17:40:02+00:00"
    assert won.once_key(event("deal.change__won_then_renamed"), {}) == first


def test_made_and_deleted_count_once_for_each_record() -> None:
    assert connector.trigger("deal_created").once_key(event("deal.create__open"), {}) == "created:9"
    assert connector.trigger("deal_deleted").once_key(event("deal.delete__bare"), {}) == "deleted:9"
    assert connector.trigger("deal_updated").once_key(event("deal.change__won"), {}) is None


def found(name: str, **changes: Any) -> Event:
    """Return an event as a look back tells it, or as it was sent."""
    body = orjson.loads(webhook(name).body)
    looked_back = changes.pop("caught_up", False)
    body |= {"caught_up": True} if looked_back else {}
    body["data"] |= changes
    body["meta"]["timestamp"] = "2026-11-29T10:00:00.000Z"
    assert connector.webhooks is not None
    (one,) = connector.webhooks.parse(replace(webhook(name), body=orjson.dumps(body)), connection())
    return one


def test_a_look_back_does_not_make_an_old_deal_newly_won_or_made() -> None:
    """It lists records by their last change; a webhook tells of the winning itself, whatever day is given."""
    now, long_ago = "2026-11-29T10:00:00+00:00", "2025-03-01T09:00:00+00:00"
    old = {"won_time": "2025-03-01T09:00:00Z", "add_time": "2025-03-01T09:00:00Z"}
    for trigger, name, listed, sent in (
        ("deal_won", "deal.change__won", long_ago, now),
        ("deal_won", "deal.create__won", long_ago, long_ago),  # old deals that somebody imports
        ("deal_created", "deal.create__open", long_ago, now),
    ):
        when = connector.trigger(trigger).happened
        assert (when(found(name, caught_up=True, **old)), when(found(name, **old))) == (
            datetime.fromisoformat(listed),
            datetime.fromisoformat(sent),
        )


async def test_a_deal_is_read_with_its_person_and_organization() -> None:
    reader = FakeReader(
        connector,
        connection(),
        {
            "deals.read": said(deal(9, status="won")),
            "persons.read": said(person()),
            "organizations.read": said(organization()),
        },
    )
    scope = await connector.trigger("deal_won").scope(reader, event("deal.change__won"), {})
    assert scope is not None
    assert scope["person"]["email"] == "ana@padaria.example"
    assert scope["organization"]["name"] == "Padaria Lima Ltda."
    assert scope["deal"]["pipeline_name"] == "Funil de vendas"


async def test_a_person_s_organization_comes_along_and_nobody_leaves_it_empty() -> None:
    reader = FakeReader(connector, connection(), {"persons.read": said(person(org_id=None))})
    scope = await connector.trigger("person_updated").scope(reader, event("person.change__email"), {})
    assert scope is not None
    assert scope["organization"] == {}


async def test_a_record_that_is_gone_means_nothing_to_do() -> None:
    reader = FakeReader(connector, connection(), {"deals.read": said(deal(9, is_deleted=True))})
    assert await connector.trigger("deal_won").scope(reader, event("deal.change__won"), {}) is None


@pytest.mark.parametrize(
    ("name", "trigger", "path", "expected"),
    [
        ("deal.change__stage", "deal_updated", "deal.stage", ("4", "5")),
        ("deal.change__won", "deal_updated", "deal.status", ("open", "won")),
        ("deal.change__stage", "deal_updated", "deal.status", ("open", "open")),
        ("person.change__email", "person_updated", "person.email", (None, "ana@padaria.example")),
        ("person.change__email", "person_updated", "person.name", ("Ana Lima", "Ana Lima")),
        ("deal.create__open", "deal_updated", "deal.status", None),
    ],
)
def test_a_delivery_says_what_a_field_was(name: str, trigger: str, path: str, expected: object) -> None:
    assert connector.trigger(trigger).told_change(connection(), event(name), path) == expected
