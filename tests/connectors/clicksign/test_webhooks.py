"""Deliveries: who may send them, and what makes two of them one event."""

from __future__ import annotations

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
    signature,
    webhook,
    webhook_names,
)

from vaivem.connectors.clicksign.sendings import SENT_TO
from vaivem.connectors.sdk import Delivery, Event, Webhooks
from vaivem.core.errors import SignatureError, UnreadableError

assert connector.webhooks is not None
webhooks: Webhooks = connector.webhooks
BODY = b'{"event":{"name":"sign"}}'


def parse(name: str) -> list[Event]:
    """Return what a recorded delivery itself says."""
    return [one for one in webhooks.parse(webhook(name), connection(SECRET)) if one.kind != SENT_TO]


def sent_to(delivered: Delivery) -> list[Event]:
    """Return what it implies: to whom the document was sent."""
    return [one for one in webhooks.parse(delivered, connection(SECRET)) if one.kind == SENT_TO]


def changed(fixture: str, **event: Any) -> list[Event]:
    """Parse a recorded delivery with parts of its event replaced."""
    payload = json.loads(webhook(fixture).body)
    payload["event"] |= event
    found = webhooks.parse(delivery(json.dumps(payload).encode()), connection(SECRET))
    return [one for one in found if one.kind != SENT_TO]


# Signatures


def test_a_known_vector_is_accepted() -> None:
    given = "sha256=51eff0cd0c23d0c87ebfe09f54480dca7383b29d1651e930077b871326c5efe3"
    webhooks.verify(delivery(BODY, content_hmac=given), connection("9269a619d4688ac7"))


@pytest.mark.parametrize("name", webhook_names())
def test_every_recorded_delivery_is_proved_by_its_raw_bytes(name: str) -> None:
    webhooks.verify(webhook(name), connection(SECRET))


@pytest.mark.parametrize(
    "given",
    [
        signature(BODY),
        signature(BODY).removeprefix("sha256="),
        signature(BODY).upper(),
        f"  {signature(BODY)} ",
    ],
    ids=["documented", "no prefix", "capitals", "blanks"],
)
def test_the_header_is_read_leniently(given: str) -> None:
    webhooks.verify(delivery(BODY, content_hmac=given), connection(SECRET))


def test_any_of_several_secrets_proves_it() -> None:
    for secrets in ([SECRET, "new"], ["new", SECRET]):
        webhooks.verify(delivery(BODY, content_hmac=signature(BODY)), connection(*secrets))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "signature_missing"),
        ("sha256=", "signature_missing"),
        ("sha256=" + "0" * 64, "signature_wrong"),
        (signature(BODY)[:-1], "signature_wrong"),
        (signature(BODY) + "0", "signature_wrong"),
        (signature(BODY, "another secret"), "signature_wrong"),
        (signature(BODY + b" "), "signature_wrong"),
        (signature(BODY).replace("sha256", "sha1"), "signature_wrong"),
        ("sha256=é", "signature_wrong"),
    ],
)
def test_a_wrong_signature_is_refused(given: str, code: str) -> None:
    with pytest.raises(SignatureError) as refused:
        webhooks.verify(delivery(BODY, content_hmac=given), connection(SECRET))
    assert refused.value.code == code


def test_without_a_header_it_is_refused() -> None:
    with pytest.raises(SignatureError) as refused:
        webhooks.verify(delivery(BODY), connection(SECRET))
    assert refused.value.code == "signature_missing"


@pytest.mark.parametrize("secrets", [(), ("",)], ids=["none known", "an empty one"])
@pytest.mark.parametrize("used", [SECRET, ""])
def test_without_the_right_secret_nothing_is_proved(secrets: tuple[str, ...], used: str) -> None:
    with pytest.raises(SignatureError):
        webhooks.verify(delivery(BODY, content_hmac=signature(BODY, used)), connection(*secrets))


def test_the_bytes_count_not_the_meaning() -> None:
    same_json = b'{"event": {"name": "sign"}}'
    with pytest.raises(SignatureError):
        webhooks.verify(delivery(same_json, content_hmac=signature(BODY)), connection(SECRET))


# Events


@pytest.mark.parametrize("name", webhook_names())
def test_the_kind_is_the_vendors_word(name: str) -> None:
    assert {event.kind for event in parse(name)} == {name.split("__")[0]}


def test_an_event_names_its_document() -> None:
    (event,) = parse("document_closed__two_signers")
    assert (event.object, event.record) == ("document", DOCUMENT)
    assert event.title == "Contrato Duarte.pdf"
    assert event.occurred is not None
    assert event.occurred.isoformat() == "2026-11-19T11:31:42-03:00"


def test_history_finds_it_by_people_and_document() -> None:
    (event,) = parse("document_closed__two_signers")
    assert {DOCUMENT, "Contrato Duarte.pdf", "ana@example.com", "529.982.247-25", "11999990142"} <= set(
        event.terms
    )
    assert "Bruno Prates" in event.terms


def test_several_documents_are_several_events() -> None:
    first, second = parse("document_closed__in_array")
    assert first.record == DOCUMENT
    assert second.data["document"]["name"] == "Anexo 1.2"
    assert first.same != second.same


def test_a_whatsapp_acceptance_is_kept() -> None:
    (event,) = parse("acceptance_term_completed__term")
    assert (event.object, event.title) == ("acceptance", "Aceite da proposta")
    assert "11999990142" in event.terms


def test_a_title_names_the_signer_who_acted() -> None:
    (event,) = parse("sign__second_signer")
    assert event.title == "Contrato Duarte.pdf · Bruno Prates"


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("document_closed__two_signers", ("document_closed", DOCUMENT)),
        ("auto_close__null_data", ("auto_close", DOCUMENT)),
        ("cancel__by_hand", ("cancel", DOCUMENT)),
        ("deadline__without_time", ("deadline", DOCUMENT)),
        ("sign__second_signer", ("sign", DOCUMENT, BRUNO)),
        ("refusal__roles_in_list", ("refusal", "2026-11-19T11:31:42.000-03:00", DOCUMENT, ANA)),
        ("refusal__without_time", ()),
        ("brand_new_kind__unknown", ("brand_new_kind", "2026-11-19T11:00:00Z", DOCUMENT)),
        ("add_signer__two", ("add_signer", "2026-11-17T09:12:30.000-03:00", DOCUMENT, ANA, BRUNO)),
    ],
)
def test_what_makes_a_delivery_the_same(name: str, same: tuple[str, ...]) -> None:
    (event,) = parse(name)
    assert event.same == same


@pytest.mark.parametrize("kind", ["document_closed", "close", "auto_close", "cancel", "deadline", "upload"])
def test_what_happens_once_is_the_same_at_any_time(kind: str) -> None:
    (early,) = changed("cancel__by_hand", name=kind, occurred_at="2026-11-19T11:00:00.000-03:00")
    (late,) = changed("cancel__by_hand", name=kind, occurred_at="2026-11-19T14:00:07.000Z")
    assert early.same == late.same != ()


@pytest.mark.parametrize("kind", ["update_deadline", "refusal", "signature_started", "custom"])
def test_what_can_repeat_is_told_apart_by_its_time(kind: str) -> None:
    (early,) = changed("cancel__by_hand", name=kind, occurred_at="2026-11-19T11:00:00.000-03:00")
    (late,) = changed("cancel__by_hand", name=kind, occurred_at="2026-11-19T12:00:00.000-03:00")
    assert early.same != late.same


def test_two_signers_added_in_one_moment_are_two_events() -> None:
    (both,) = parse("add_signer__two")
    (one,) = changed("add_signer__two", data={"signers": [{"key": ANA}]})
    (other,) = changed("add_signer__two", data={"signers": [{"key": BRUNO}]})
    assert len({both.same, one.same, other.same}) == 3


def test_two_signers_of_one_moment_are_two_events() -> None:
    (one,) = parse("sign__second_signer")
    (other,) = parse("sign__by_whatsapp")
    assert one.same != other.same


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("signature_started__second_signer", [ANA]),
        ("sign__second_signer", [ANA]),
        ("refusal__roles_in_list", [BRUNO]),
        ("update_deadline__a_week_later", [ANA, BRUNO]),
        ("add_signer__two", []),
        ("document_closed__two_signers", [ANA, BRUNO]),
        ("cancel__by_hand", [ANA, BRUNO]),
    ],
)
def test_what_runs_or_has_ended_was_sent_to_those_who_did_not_act(name: str, who: list[str]) -> None:
    found = sent_to(webhook(name))
    assert [one.same for one in found] == [(SENT_TO, DOCUMENT, key) for key in who]
    assert [one.data["signer"]["key"] for one in found] == who
    assert webhooks.parse(webhook(name), connection(SECRET))[0].kind == name.split("__")[0]


def ended(name: str, *listed: Any) -> Delivery:
    """Return a recorded delivery whose document lists these events besides."""
    payload = json.loads(webhook(name).body)
    payload["document"]["events"] += listed
    return delivery(json.dumps(payload).encode())


def test_at_its_end_a_document_tells_the_signatures_that_were_never_delivered() -> None:
    signature = json.loads(webhook("sign__second_signer").body)["event"]
    (delivered,) = parse("sign__second_signer")
    found = webhooks.parse(ended("document_closed__two_signers", signature), connection(SECRET))
    assert [one.kind for one in found] == ["document_closed", SENT_TO, SENT_TO, "sign"]
    assert [one.implied for one in found] == [False, True, True, True]
    signed = found[-1]
    assert (signed.same, signed.occurred, signed.title) == (
        delivered.same, delivered.occurred, delivered.title,
    )  # fmt: skip
    assert signed.data["signer"] == delivered.data["signer"]


@pytest.mark.parametrize("name", ["update_deadline__a_week_later", "sign__by_whatsapp"])
def test_before_its_end_a_signature_is_left_to_its_own_delivery(name: str) -> None:
    signature = json.loads(webhook("sign__second_signer").body)["event"]
    found = webhooks.parse(ended(name, signature), connection(SECRET))
    assert [one.kind for one in found if one.kind != SENT_TO] == [name.split("__")[0]]


def test_with_an_order_of_signing_nobody_knows_whose_turn_has_come() -> None:
    payload = json.loads(webhook("sign__second_signer").body)
    payload["document"]["sequence_enabled"] = True
    assert sent_to(delivery(json.dumps(payload).encode())) == []


@pytest.mark.parametrize("at", [None, "ontem", 1700000000, "2026-11-19T11:31:42"])
def test_a_time_that_says_no_instant_is_left_out(at: Any) -> None:
    (event,) = changed("cancel__by_hand", occurred_at=at)
    assert event.occurred is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"event":',
        b"[]",
        b'{"event":"sign"}',
        b'{"event":{"name":7},"document":{"key":"x"}}',
        b'{"event":{"name":"sign"}}',
        b'{"event":{"name":"sign"},"document":[]}',
        b'{"event":{"name":"sign"},"document":{"key":null}}',
        b'{"event":{"name":"sign"},"document":{"key":""}}',
        b'{"event":{"name":"sign"},"document":[{"key":"x"},7]}',
        b'{"event":{"name":"acceptance_term_sent"},"acceptance":{}}',
        b'{"event":{"name":"sign\xff"}}',
    ],
)
def test_what_cannot_be_read_is_said_so(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        webhooks.parse(delivery(body), connection(SECRET))


@pytest.mark.parametrize("part", ["signers", "metadata", "path", "links", "filename", "events"])
@pytest.mark.parametrize("value", [None, 7, "text", [], [7], {}])
def test_odd_parts_of_a_document_break_nothing(part: str, value: Any) -> None:
    payload = json.loads(webhook("document_closed__two_signers").body)
    payload["document"][part] = value
    event, *implied = webhooks.parse(delivery(json.dumps(payload).encode()), connection(SECRET))
    assert event.same == ("document_closed", DOCUMENT)
    assert len(implied) == (0 if part == "signers" else 2)


@pytest.mark.parametrize("odd", [None, 7, "sign", [], {}, {"name": "sign"}, {"name": "sign", "data": []}])
def test_odd_events_in_a_document_s_list_break_nothing(odd: Any) -> None:
    event, *_ = webhooks.parse(ended("document_closed__two_signers", odd), connection(SECRET))
    assert event.same == ("document_closed", DOCUMENT)


def test_a_delivery_is_answered_200_even_if_unreadable() -> None:
    assert webhooks.unreadable.status == 200
    assert not webhooks.is_probe(webhook("cancel__by_hand"), connection(SECRET))
