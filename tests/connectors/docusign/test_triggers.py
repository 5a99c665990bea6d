"""Triggers: who counts, and an envelope that is read only when the message did not hold it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.docusign.recorded import ENVELOPE, connection, connector, content, delivery, webhook
from tests.connectors.fake_context import FakeReader, answer

from vaivem.connectors.docusign.client import ENVELOPE as READS
from vaivem.connectors.docusign.messages import OURS
from vaivem.connectors.docusign.webhooks import DocusignWebhooks
from vaivem.connectors.sdk import Event
from vaivem.connectors.sdk.documents import CHAINS

HOOK = DocusignWebhooks()
SUMMARY = content("envelope-completed")["data"]["envelopeSummary"]


def parsed(message: Any) -> Event:
    (found,) = HOOK.parse(message, connection(read=False))
    return found


def at(**routes: Any) -> FakeReader:
    return FakeReader(connector, connection(read=False), routes)


@pytest.mark.parametrize("trigger", connector.triggers, ids=lambda one: one.key)
async def test_a_message_with_everything_needs_no_read(trigger: Any) -> None:
    options = {"states": list(CHAINS)} if trigger.key == "document_moved" else {}
    for kind in trigger.kinds:
        event = parsed(webhook(kind))
        assert trigger.accepts(event, options)
        scope = await trigger.scope(at(), event, options)
        assert {key: value for key, value in scope.items() if key != "step"} == event.data


async def test_steps_are_of_those_who_sign_unless_a_rule_says_everybody() -> None:
    moved, event = connector.trigger("document_moved"), parsed(webhook("envelope-completed"))
    for who, count in (("signers", 2), ("everybody", len(event.data["recipients"]))):
        scope = await moved.scope(at(), event, {"states": ["closed"], "who": who})
        assert scope is not None
        assert len(scope["step"]["recipients"]) == count
    assert len(event.data["recipients"]) > 2


async def test_a_step_of_a_thin_message_is_read() -> None:
    event, moved = parsed(webhook("recipient-completed__ids")), connector.trigger("document_moved")
    assert moved.accepts(event, {})
    scope = await moved.scope(at(**{"envelopes.get": answer(200, SUMMARY)}), event, {})
    assert scope is not None
    assert scope["step"]["recipients"][0]["email"] == "otavio@tresirmaos.example"
    assert scope["step"]["tags"][-1] == "docusign-integration-DocuSign_Envelope_Completed"


async def test_a_message_of_ids_has_its_envelope_read_once() -> None:
    event = parsed(webhook("recipient-completed__ids"))
    trigger = connector.trigger("recipient_completed")
    assert trigger.accepts(event, {}), "who it is about is not known yet"
    reader = at(**{"envelopes.get": answer(200, SUMMARY)})
    scope = await trigger.scope(reader, event, {})
    assert scope is not None
    assert scope["recipient"]["name"] == "Otávio Lemos"
    assert scope["event"]["name"] == "recipient-completed"
    assert scope["tabs"]["Empresa"] == "Padaria Três Irmãos Ltda"
    (call,) = reader.vendor.calls
    assert (call.scope, call.record) == (READS, ENVELOPE)
    limits = [one for one in connector.limits(reader.connection) if one.scope == READS]
    assert [(one.calls, one.seconds, one.each) for one in limits] == [(1, 900.0, True)]


def test_a_person_s_own_limit_does_not_lift_the_vendor_s_rule() -> None:
    own = connection(read=False, limit_calls=1000, limit_seconds=1.0)
    assert [one.scope for one in connector.limits(own)] == ["", READS]


async def test_what_the_list_told_has_its_fields_read() -> None:
    message = {**content("envelope-completed"), "vaivem": {"caught_up": True}}
    event = parsed(delivery(message))
    reader = at(**{"envelopes.get": answer(200, SUMMARY)})
    scope = await connector.trigger("envelope_completed").scope(reader, event, {})
    assert scope is not None
    assert scope["told"] == "whole"


@pytest.mark.parametrize(("who", "taken"), [(None, False), ("signers", False), ("everybody", True)])
async def test_a_copy_counts_only_where_the_rule_says_so(who: str | None, taken: bool) -> None:
    message = content("recipient-sent")
    message["data"]["recipientId"] = "3"
    trigger, options = connector.trigger("recipient_sent"), {"who": who} if who else {}
    event = parsed(delivery(message))
    assert event.data["recipient"]["kind"] == "carbonCopies"
    assert trigger.accepts(event, options) is taken
    thin = content("recipient-completed__ids")
    thin["data"]["recipientId"] = "3"
    reader = at(**{"envelopes.get": answer(200, SUMMARY)})
    scope = await connector.trigger("recipient_completed").scope(reader, parsed(delivery(thin)), options)
    assert (scope is not None) is taken


async def test_a_recipient_who_is_gone_meanwhile_starts_nothing() -> None:
    thin = content("recipient-completed__ids")
    thin["data"]["recipientId"] = "9"
    reader = at(**{"envelopes.get": answer(200, SUMMARY)})
    assert await connector.trigger("recipient_completed").scope(reader, parsed(delivery(thin)), {}) is None


def test_any_change_is_stopped_when_it_is_our_own() -> None:
    changed = connector.trigger("envelope_changed")
    assert changed.stops_echoes
    for kind, mark in OURS.items():
        event = parsed(webhook(kind))
        assert event.changed == {f"envelope.{mark}": True}
        assert event.version == event.occurred
    assert parsed(webhook("recipient-delivered")).changed is None, "only people do that"
    others = [one for one in connector.triggers if one.key != "envelope_changed"]
    assert not any(one.stops_echoes for one in others)
