"""Triggers: by document, by envelope; and the look back after an absence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.connectors.clicksign.recorded import (
    BRUNO,
    DOCUMENT,
    ENVELOPE,
    SECRET,
    answered,
    api,
    connection,
    connector,
    delivery,
    webhook,
)
from tests.connectors.fake_context import FakeReader, answer

from vaivem.connectors.clicksign.catch_up import PAGES
from vaivem.connectors.clicksign.webhooks import EVENTS
from vaivem.connectors.sdk import Delivery, Event, Webhooks

SINCE = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)
UNTIL = datetime(2026, 11, 19, 15, 0, tzinfo=UTC)
COMPLETED = connector.trigger("document_completed")
BY_ENVELOPE = {"per": "envelope"}


def webhooks() -> Webhooks:
    assert connector.webhooks is not None
    return connector.webhooks


def event(name: str) -> Event:
    return webhooks().parse(webhook(name), connection(SECRET))[0]


def reader(routes: dict[str, Any], **settings: Any) -> FakeReader:
    return FakeReader(connector, connection(**settings), routes)


def test_every_trigger_is_subscribed_to() -> None:
    for trigger in connector.triggers:
        assert trigger.kinds - webhooks().derived <= set(EVENTS)


async def test_by_document_the_event_is_used_as_it_came() -> None:
    closed = event("document_closed__made_by_vaivem")
    there = reader({})
    for options in ({}, {"per": "document"}):
        assert await COMPLETED.scope(there, closed, options) is closed.data
        assert COMPLETED.record(closed, options) == DOCUMENT
        assert COMPLETED.once_key(closed, options) is None
    assert there.vendor.names == []


async def test_by_envelope_all_its_documents_share_a_lane_and_count_once() -> None:
    closed = event("document_closed__made_by_vaivem")
    assert COMPLETED.record(closed, BY_ENVELOPE) == ENVELOPE
    assert COMPLETED.once_key(closed, BY_ENVELOPE) == f"envelope_closed:{ENVELOPE}"


async def test_by_envelope_it_waits_for_the_last_document() -> None:
    there = reader({"documents.list": answered("documents__one_running")})
    assert await COMPLETED.scope(there, event("document_closed__made_by_vaivem"), BY_ENVELOPE) is None
    assert there.vendor.names == ["documents.list"]


async def test_by_envelope_the_last_document_brings_the_envelope_along() -> None:
    there = reader(
        {
            "documents.list": answered("documents__all_closed"),
            "envelopes.get": answered("envelope__closed"),
        }
    )
    scope = await COMPLETED.scope(there, event("document_closed__made_by_vaivem"), BY_ENVELOPE)
    assert scope is not None
    assert scope["envelope"]["name"] == "Padaria Três Irmãos"
    assert [document["status"] for document in scope["envelope"]["documents"]] == ["closed", "canceled"]
    assert scope["document"]["key"] == DOCUMENT
    assert there.vendor.last("envelopes.get").path == f"/envelopes/{ENVELOPE}"


async def test_a_document_of_an_unknown_envelope_counts_by_itself() -> None:
    closed = event("document_closed__two_signers")
    there = reader({})
    assert await COMPLETED.scope(there, closed, BY_ENVELOPE) is closed.data
    assert COMPLETED.record(closed, BY_ENVELOPE) == DOCUMENT
    assert COMPLETED.once_key(closed, BY_ENVELOPE) is None


# After an absence


def routes(events: str = "events__signed") -> dict[str, Any]:
    return {
        "envelopes.list": answered("envelopes__changed"),
        "documents.list": answered("documents__one_running"),
        "signers.list": answered("signers__two"),
        "documents.events": answered(events),
    }


async def missed(there: FakeReader) -> list[Delivery]:
    return await webhooks().missed(there, SINCE, UNTIL)


def parsed(deliveries: list[Delivery]) -> list[Event]:
    return [webhooks().parse(one, connection())[0] for one in deliveries]


async def test_what_happened_meanwhile_comes_as_deliveries_in_order() -> None:
    there = reader(routes())
    found = parsed(await missed(there))
    assert [event.kind for event in found] == ["sign", "document_closed"]
    assert there.vendor.last("envelopes.list").query[0] == (
        "filter[modified]",
        "2026-11-19T14:00:00+00:00,2026-11-19T15:00:00+00:00",
    )


async def test_drafts_and_untouched_documents_cost_no_calls() -> None:
    there = reader(routes())
    await missed(there)
    assert there.vendor.names == ["envelopes.list", "documents.list", "signers.list", "documents.events"]


@pytest.mark.parametrize("events", ["events__signed", "events__signed_and_closed"])
async def test_what_came_by_webhook_too_is_the_same_event(events: str) -> None:
    found = {event.kind: event for event in parsed(await missed(reader(routes(events))))}
    assert found["document_closed"].same == event("document_closed__two_signers").same
    if "sign" in found:
        assert found["sign"].same == event("sign__second_signer").same == ("sign", DOCUMENT, BRUNO)


async def test_they_are_marked_and_read_as_any_other() -> None:
    deliveries = await missed(reader(routes()))
    for one in deliveries:
        assert json.loads(one.body)["vaivem"] == {"caught_up": True}
    signed, closed = parsed(deliveries)
    assert signed.data["signer"]["email"] == "bruno@example.com"
    assert closed.data["envelope"]["id"] == ENVELOPE
    assert closed.data["document"]["finished_at"] == "2026-11-19T11:31:42.000-03:00"
    assert [signer["email"] for signer in closed.data["signers"]] == ["ana@example.com", "bruno@example.com"]
    assert closed.occurred == datetime(2026, 11, 19, 14, 31, 41, tzinfo=UTC)


async def test_what_happened_before_is_left_out() -> None:
    there = reader(routes())
    found = await webhooks().missed(there, datetime(2026, 11, 19, 14, 31, 41, tzinfo=UTC), UNTIL)
    assert [event.kind for event in parsed(found)] == ["document_closed"]


async def test_the_look_back_is_bounded() -> None:
    page = api("envelopes__changed")
    page["data"] = [page["data"][1]] * 50
    page["meta"]["record_count"] = 100_000
    there = reader({"envelopes.list": answer(json=page)})
    assert await missed(there) == []
    assert len(there.vendor.calls) == PAGES


async def test_the_look_back_can_be_switched_off() -> None:
    there = reader({}, catch_up=False)
    assert await missed(there) == []


def test_a_marked_delivery_needs_no_other_reader() -> None:
    forged = delivery(webhook("cancel__by_hand").body.replace(b'"event"', b'"vaivem":{},"event"', 1))
    assert webhooks().parse(forged, connection())[0].kind == "cancel"
