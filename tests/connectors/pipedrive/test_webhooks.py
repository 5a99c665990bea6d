"""Deliveries: who may bring them, what they say, how the vendor is told, what a look back makes up."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from tests.connectors.fake_context import FakeReader, answer
from tests.connectors.pipedrive.recorded import (
    ADDRESS,
    PASSWORD,
    connection,
    connector,
    deal,
    organization,
    person,
    said,
    webhook,
)

from vaivem.connectors.pipedrive.records import record_from, written
from vaivem.connectors.pipedrive.webhooks import PipedriveWebhooks
from vaivem.connectors.sdk import Delivery, Event
from vaivem.core.echoes import is_echo, kept
from vaivem.core.errors import SignatureError, UnreadableError

HOOKS = PipedriveWebhooks()
KINDS = ("deal.create", "deal.change", "person.change")


def event(name: str) -> Event:
    (found,) = HOOKS.parse(webhook(name), connection())
    return found


def hook(number: int, object_key: str, **changes: object) -> dict[str, object]:
    return {
        "id": number,
        "subscription_url": ADDRESS,
        "event_action": "*",
        "event_object": object_key,
        "version": "2.0",
        "is_active": 1,
        "http_auth_user": "vaivem",
        "http_auth_password": PASSWORD,
        **changes,
    }


def test_our_pair_proves_the_sender() -> None:
    delivery = webhook("deal.change__won")
    HOOKS.verify(delivery, connection())
    for header in ("", "Basic dmFpdmVtOmZhbHNv", "Bearer x"):
        forged = Delivery("POST", "", "", {"authorization": header}, delivery.body)
        with pytest.raises(SignatureError):
            HOOKS.verify(forged, connection())


def test_a_connection_without_a_pair_takes_nothing() -> None:
    bare = connection()
    object.__setattr__(bare, "credentials", {})
    with pytest.raises(SignatureError):
        HOOKS.verify(webhook("deal.change__won"), bare)


def test_an_event_says_what_changed_and_is_one_in_all_its_tries() -> None:
    won = event("deal.change__won")
    assert (won.kind, won.object, won.record) == ("deal.change", "deal", "9")
    assert won.same == ("2f6b0000-0000-4000-8000-000000000001",)
    assert won.data["previous"]["status"] == "open"
    assert won.data["deal"]["custom"]["53c2f10000000000000000000000000000000004"] == [1, 2]
    assert won.occurred == datetime(2026, 11, 23, 17, 40, 2, 754000, tzinfo=UTC)
    assert "Ana Lima: proposta" in won.terms


def test_a_person_is_searched_for_by_address_and_phone() -> None:
    assert {"ana@padaria.example", "(11) 91234-5678", "Ana Lima"} <= set(event("person.change__email").terms)


def test_a_deleted_record_is_told_by_what_it_was() -> None:
    gone = event("deal.delete__bare")
    assert (gone.kind, gone.title) == ("deal.delete", "Ana Lima: proposta")


def test_other_objects_are_kept_as_they_are() -> None:
    note = event("note.create__not_used")
    assert (note.kind, note.record) == ("note.create", "77")


@pytest.mark.parametrize(
    "body", [b"half {", b"[]", b'"x"', b'{"meta": 1}', b'{"meta": {"action": "change"}}']
)
def test_what_cannot_be_read_is_said(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        HOOKS.parse(Delivery("POST", "", "", {}, body), connection())


async def test_a_first_time_makes_one_subscription_for_each_kind_of_record() -> None:
    made = [answer(201, {"success": True, "data": hook(number, "x")}) for number in (1, 2)]
    reader = FakeReader(connector, connection(), {"webhooks.list": said([]), "webhooks.create": made})
    standing = await HOOKS.ensure(reader, ADDRESS, KINDS)
    assert standing.ids == ("1", "2")
    assert standing.secrets == {"user": "vaivem", "password": PASSWORD}
    body = reader.vendor.calls[1].json
    assert (body["event_object"], body["event_action"], body["version"]) == ("deal", "*", "2.0")


async def test_a_second_time_makes_none() -> None:
    there = said(
        [hook(1, "deal"), hook(2, "person"), hook(3, "deal", subscription_url="https://other.example")]
    )
    reader = FakeReader(connector, connection(), {"webhooks.list": there})
    standing = await HOOKS.ensure(reader, ADDRESS, KINDS)
    assert (standing.ids, standing.mended) == (("1", "2"), ())


@pytest.mark.parametrize("change", [{"is_active": 0}, {"http_auth_password": "other"}, {"version": "1.0"}])
async def test_one_that_is_off_or_altered_is_made_anew(change: dict[str, object]) -> None:
    reader = FakeReader(
        connector,
        connection(),
        {
            "webhooks.list": said([hook(1, "deal", **change), hook(2, "person"), hook(4, "person")]),
            "webhooks.delete": said(None),
            "webhooks.create": answer(201, {"success": True, "data": hook(9, "deal")}),
        },
    )
    standing = await HOOKS.ensure(reader, ADDRESS, KINDS)
    assert (standing.ids, standing.mended) == (("9", "2"), ("deal", "person"))
    assert [call.path for call in reader.vendor.calls if call.method == "DELETE"] == [
        "/v1/webhooks/1",
        "/v1/webhooks/4",
    ]


async def test_removing_takes_ours_only_and_forgives_one_that_is_gone() -> None:
    reader = FakeReader(
        connector,
        connection(),
        {
            "webhooks.list": said(
                [hook(1, "deal"), hook(3, "deal", subscription_url="https://other.example")]
            ),
            "webhooks.delete": answer(404, {"success": False, "errors": {"id": ["not found"]}}),
        },
    )
    await HOOKS.remove(reader, ADDRESS)
    assert reader.vendor.names == ["webhooks.list", "webhooks.delete"]


async def test_a_look_back_makes_up_what_can_be_known() -> None:
    since, until = datetime(2026, 11, 23, 0, 0, tzinfo=UTC), datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
    made = person(12, add_time="2026-11-23T10:00:00Z", update_time="2026-11-23T10:00:00Z")
    reader = FakeReader(
        connector,
        connection(),
        {
            "deals.list": [
                said([deal(9, status="won", won_time="2026-11-23T17:40:02Z")], next_cursor="c2"),
                said([deal(10)], next_cursor=None),
            ],
            "persons.list": said([made]),
            "organizations.list": said([organization()]),
        },
    )
    found = await HOOKS.missed(reader, since, until)
    assert dict(reader.vendor.calls[0].query)["updated_since"] == "2026-11-23T00:00:00Z"
    assert dict(reader.vendor.calls[1].query)["cursor"] == "c2"
    events = []
    for delivery in found:
        HOOKS.verify(delivery, connection())
        events += HOOKS.parse(delivery, connection())
    assert [(one.kind, one.record) for one in events] == [
        ("deal.change", "9"),
        ("deal.change", "10"),
        ("person.create", "12"),
        ("organization.change", "3"),
    ]
    assert orjson.loads(found[0].body)["caught_up"] is True
    won, updated = connector.trigger("deal_won"), connector.trigger("deal_updated")
    assert [won.accepts(one, {}) for one in events[:2]] == [True, False]
    assert not updated.accepts(events[1], {})  # which field was changed is not known
    assert won.once_key(events[0], {}) == won.once_key(event("deal.change__won"), {})


def test_an_update_says_what_was_changed_and_when() -> None:
    """By our field keys, without what the vendor derives; a new or deleted record says nothing."""
    won = event("deal.change__won")
    assert won.changed is not None
    assert won.changed["status"] == "won"
    assert not won.changed.keys() & {"won_at", "closed_at", "updated_at"}
    assert won.version is not None
    assert (event("organization.change__name").changed or {}).keys() == {"name"}
    assert event("deal.create__open").changed is None
    assert event("deal.delete__bare").changed is None


def test_what_a_write_left_is_what_its_webhook_tells() -> None:
    """The answer of the write and the delivery are read into the same fields and values."""
    told = event("organization.change__name")
    shown = orjson.loads(webhook("organization.change__name").body)["data"]
    answered = record_from(connection(), "organization", shown)
    left = written("organization", {"name": "as we sent it"}, answered)
    kept_of_it = kept(left.values, left.version)
    assert is_echo(told.changed or {}, told.version, kept_of_it, whole=False)
    assert not is_echo({**(told.changed or {}), "owner": "9"}, told.version, kept_of_it, whole=False)
