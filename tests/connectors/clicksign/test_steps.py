"""A document's steps in the words that all signers share: who, which tags, once, whatever comes late."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from tests.connectors.clicksign.recorded import (
    ANA,
    BRUNO,
    DOCUMENT,
    SECRET,
    connection,
    connector,
    delivery,
    webhook,
)
from tests.connectors.fake_context import FakeReader

from vaivem.connectors.sdk import Event
from vaivem.connectors.sdk.documents import DocumentMoved

moved = connector.trigger("document_moved")
assert isinstance(moved, DocumentMoved)


def event(name: str, **document: Any) -> Event:
    assert connector.webhooks is not None
    found = connector.webhooks.parse(webhook(name), connection(SECRET))[0]
    data = {**found.data, "document": {**found.data["document"], **document}}
    return Event(found.kind, found.object, found.record, found.same, data)


async def told(name: str, options: dict[str, Any] | None = None, **document: Any) -> dict[str, Any]:
    happened, chosen = event(name, **document), options or {}
    assert moved.accepts(happened, chosen)
    scope = await moved.scope(FakeReader(connector, connection(), {}), happened, chosen)
    assert scope is not None
    step: dict[str, Any] = scope["step"]
    return step


def names(*steps: str, prefix: str = "clicksign-integration") -> list[str]:
    return [prefix, *(f"{prefix}-Clicksign_Envelope_{step}" for step in steps)]


@pytest.mark.parametrize(
    ("name", "state", "who", "tags"),
    [
        ("add_signer__two", "sent", [ANA, BRUNO], names("Sent")),
        ("signature_started__second_signer", "opened", [BRUNO], names("Sent", "Delivered")),
        ("sign__second_signer", "completed", [BRUNO], names("Sent", "Delivered", "Completed")),
    ],
)
async def test_a_step_is_of_whoever_made_it(name: str, state: str, who: list[str], tags: list[str]) -> None:
    step = await told(name)
    assert (step["state"], step["document"]) == (state, DOCUMENT)
    assert [one["id"] for one in step["recipients"]] == who
    assert step["tags"] == tags


async def test_only_who_refused_is_tagged_so() -> None:
    step = await told("refusal__roles_in_list")
    assert len(step["recipients"]) == 1
    assert step["tags"] == names("Sent", "Delivered", "Declined")


async def test_the_document_s_end_is_nobody_s_tag() -> None:
    closed = await told("document_closed__two_signers", {"states": ["sent", "closed"]})
    assert (closed["state"], closed["tags"]) == ("closed", names("Sent"))
    assert closed["completed_at"]
    voided = await told("cancel__by_hand", {"states": ["voided"]})
    assert (voided["state"], voided["tags"]) == ("voided", names())


@pytest.mark.parametrize(
    ("noted", "acted", "who"),
    [
        ({}, [], []),
        ({}, [BRUNO], [BRUNO]),
        ({"vaivem_first": "ana@example.com"}, [], [ANA]),
        ({"vaivem_first": "Bruno Prates"}, [], [BRUNO]),
        ({"vaivem_first": None}, [], []),
        ({"vaivem_first": ["ana@example.com"]}, [], []),
    ],
)
def test_with_an_order_an_end_is_of_those_whose_turn_is_known_to_have_come(
    noted: dict[str, Any], acted: list[str], who: list[str]
) -> None:
    assert connector.webhooks is not None
    payload = json.loads(webhook("cancel__by_hand").body)
    signing = [{"name": "signature_started", "data": {"signer": {"key": key}}} for key in acted]
    payload["document"] |= {"sequence_enabled": True, "metadata": noted, "events": signing}
    voided = connector.webhooks.parse(delivery(json.dumps(payload).encode()), connection(SECRET))[0]
    step = moved.step(voided)
    assert step is not None
    assert (step.state, [one["id"] for one in step.recipients]) == ("voided", who)


def test_what_is_no_step_starts_nothing() -> None:
    assert not moved.accepts(event("add_signer__two", status="draft"), {})
    assert not moved.accepts(event("deadline__without_time", status="closed"), {"states": ["voided"]})
    assert moved.accepts(event("deadline__without_time", status="canceled"), {"states": ["voided"]})
    assert not moved.accepts(event("auto_close__null_data"), {"states": ["closed"]})
    assert not moved.accepts(event("sign__second_signer"), {"states": ["declined", "closed"]})


async def test_a_rule_that_follows_fewer_steps_sees_those_that_were_passed() -> None:
    opened = {"states": ["opened"], "prefix": " contrato "}
    step = await told("sign__second_signer", opened)
    assert (step["state"], step["tags"]) == ("opened", names("Delivered", prefix="contrato"))
    late, signed = event("signature_started__second_signer"), event("sign__second_signer")
    assert moved.once_key(late, opened) == moved.once_key(signed, opened) == f"{DOCUMENT}:{BRUNO}:opened"
    assert moved.once_key(late, {}) != moved.once_key(signed, {})


async def test_any_order_and_doubles_end_in_the_same_tags() -> None:
    """As a marketing tool keeps them: added, in the order they came, never twice."""
    steps = ["add_signer__two", "signature_started__second_signer", "sign__second_signer"]
    for order in itertools.permutations([*steps, "signature_started__second_signer"]):
        tags: dict[str, list[str]] = {}
        done: set[str | None] = set()
        for name in order:
            key = moved.once_key(event(name), {})
            if key in done:
                continue
            done.add(key)
            step = await told(name)
            for one in step["recipients"]:
                held = tags.setdefault(one["id"], [])
                held += [tag for tag in step["tags"] if tag not in held]
        assert tags == {ANA: names("Sent"), BRUNO: names("Sent", "Delivered", "Completed")}, order


async def test_who_has_no_e_mail_is_told_apart() -> None:
    step = await told("add_signer__two")
    happened = event("add_signer__two")
    happened.data["added"][0]["email"] = None
    scope = await moved.scope(FakeReader(connector, connection(), {}), happened, {})
    assert scope is not None
    assert len(scope["step"]["recipients"]) == len(step["recipients"]) == 2
    assert [one["id"] for one in scope["step"]["with_email"]] == [BRUNO]


async def test_who_did_nothing_yet_was_sent_it_once_at_no_known_time() -> None:
    """Told by the first delivery whose document is running, whichever that is."""
    assert connector.webhooks is not None
    keys = set()
    for name in ("signature_started__second_signer", "sign__second_signer", "update_deadline__a_week_later"):
        implied = connector.webhooks.parse(webhook(name), connection(SECRET))[1:]
        of_ana = [one for one in implied if one.data["signer"]["key"] == ANA]
        for happened in of_ana:
            scope = await moved.scope(FakeReader(connector, connection(), {}), happened, {})
            assert scope is not None
            step = scope["step"]
            assert (step["state"], step["tags"], step["sent_at"]) == ("sent", names("Sent"), None)
            assert [one["id"] for one in step["recipients"]] == [ANA]
            keys.add((happened.same, moved.once_key(happened, {})))
    assert len(keys) == 1
