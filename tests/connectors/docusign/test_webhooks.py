"""Messages: proved, read in each of their shapes, and known again however they come."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import orjson
import pytest
from tests.connectors.docusign.recorded import (
    ENVELOPE,
    KEY,
    connection,
    connector,
    content,
    delivery,
    names,
    webhook,
)
from tests.connectors.fake_context import FakeReader, answer

from vaivem.connectors.docusign.webhooks import DocusignWebhooks
from vaivem.connectors.sdk import Event
from vaivem.core.convert import convert
from vaivem.core.errors import SignatureError, UnreadableError
from vaivem.core.paths import reader

HOOK = DocusignWebhooks()
HERE = connection(read=False)


def events(name: str, **settings: Any) -> list[Event]:
    line = connection(read=False, **settings)
    return HOOK.parse(HOOK.slim(webhook(name), line), line)


def event(name: str) -> Event:
    (found,) = events(name)
    return found


# Proof


@pytest.mark.parametrize("name", names())
def test_each_message_is_proved_by_its_key_and_by_no_other(name: str) -> None:
    HOOK.verify(webhook(name), HERE)
    with pytest.raises(SignatureError, match="signature_wrong"):
        HOOK.verify(webhook(name), connection(read=False, keys=["docusign-test-kez"]))
    changed = replace(webhook(name), body=webhook(name).body + b" ")
    with pytest.raises(SignatureError, match="signature_wrong"):
        HOOK.verify(changed, HERE)


def test_the_signature_is_the_documented_one() -> None:
    # The vendor's rule, worked out by hand once: base64 of HMAC-SHA256 over the bytes.
    assert delivery(b'{"event":"envelope-sent"}').headers["x-docusign-signature-1"] == (
        "IGJDKz/YGCKthi/yco0enp54AovLXmQ7wSzs6Uxaqdk="
    )


def test_a_retired_key_is_accepted_while_it_is_listed_and_refused_after() -> None:
    message = delivery({"event": "x"}, "old")
    HOOK.verify(message, connection(read=False, keys=["new", "old"]))
    HOOK.verify(message, connection(read=False, keys="new\nold\n"))
    with pytest.raises(SignatureError):
        HOOK.verify(message, connection(read=False, keys=["new"]))


def test_one_of_several_signatures_is_enough_whatever_its_number() -> None:
    HOOK.verify(delivery({"event": "x"}, "a", "b", KEY, "c"), HERE)


@pytest.mark.parametrize("keys", [[], [""], ["  "]])
def test_without_a_key_nothing_is_accepted(keys: list[str]) -> None:
    with pytest.raises(SignatureError):
        HOOK.verify(delivery({"event": "x"}, ""), connection(read=False, keys=keys))


@pytest.mark.parametrize("given", ["", "é", "x" * 5000, "IGJDKz"])
def test_a_signature_that_is_none_is_refused(given: str) -> None:
    message = replace(delivery({"event": "x"}), headers={"x-docusign-signature-1": given})
    with pytest.raises(SignatureError):
        HOOK.verify(message, HERE)
    with pytest.raises(SignatureError, match="signature_missing"):
        HOOK.verify(replace(message, headers={}), HERE)


# Reading


@pytest.mark.parametrize("name", [one for one in names() if "__" not in one and "legacy" not in one])
def test_each_kind_is_read_with_all_that_rules_need(name: str) -> None:
    found = event(name)
    assert (found.kind, found.object, found.record) == (name, "envelope", ENVELOPE)
    assert found.occurred is not None
    assert found.data["envelope"]["subject"] == "Contrato Padaria Três Irmãos"
    assert found.data["envelope"]["custom"] == {"Centro de custo": "Vendas"}
    assert found.data["tabs"]["Empresa"] == "Padaria Três Irmãos Ltda"
    assert found.data["tabs"]["Plano"] == "Pró"
    assert [one["name"] for one in found.data["signers"]] == ["Otávio Lemos", "Júlia Prates"]
    assert len(found.data["recipients"]) == 3
    assert {"otavio@tresirmaos.example", ENVELOPE} <= set(found.terms)
    for trigger in connector.triggers:
        if name in trigger.kinds:
            for field in trigger.fields(HERE):
                value = reader(field.key)(found.data)
                assert convert(value, field).problem is None, (field.key, value)


def test_who_declined_is_the_one_who_did() -> None:
    about = event("recipient-declined").data["recipient"]
    assert (about["name"], about["status"]) == ("Júlia Prates", "declined")
    assert about["declined_reason"] == "O desconto combinado não está no contrato."


def test_times_have_their_offset_and_no_seven_decimals() -> None:
    found = event("envelope-completed")
    assert found.data["envelope"]["completed_at"] == "2026-11-19T14:31:40.423+00:00"
    assert found.occurred is not None
    assert found.occurred.isoformat(timespec="seconds") == "2026-11-19T14:31:40+00:00"
    assert event("recipient-completed").data["event"]["occurred_at"] == "2026-11-18T09:04:40.517+00:00"


def test_a_message_of_ids_says_which_envelope_and_who() -> None:
    found = event("recipient-completed__ids")
    assert found.data["told"] == "ids"
    assert found.data["recipient"] == {"id": "1"}
    assert found.record == ENVELOPE


def test_a_message_about_something_else_is_no_event() -> None:
    for kind in ("template-modified", "click-agreed"):
        assert HOOK.parse(delivery({"event": kind, "data": {"accountId": "x"}}), HERE) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"event": "envelope-sent"}',
        b'{"event": "envelope-sent", "data": {"envelopeId": 7}}',
        b'{"event": "envelope-sent", "data": []}',
        b"<a>",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    ],
)
def test_what_cannot_be_read_says_so(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        HOOK.parse(delivery(body), HERE)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("email", None), ("email", ""), ("name", None), ("name", "   "), ("routingOrder", "x"), ("tabs", []),
        ("tabs", {"textTabs": "x"}), ("phoneNumber", "1"), ("status", None), ("recipientId", None),
    ],
)  # fmt: skip
def test_a_signer_without_a_part_is_read_without_it(part: str, value: Any) -> None:
    message = content("envelope-completed")
    signers = message["data"]["envelopeSummary"]["recipients"]["signers"]
    signers[0][part] = value
    (found,) = HOOK.parse(delivery(message), HERE)
    assert len(found.data["signers"]) == 2
    assert found.data["signers"][1]["email"] == "Julia@raiarsolar.example"
    if part in ("email", "name"):
        assert next(one for one in found.data["signers"] if one["id"] == "1")[part] is None


def test_an_envelope_without_any_recipient_is_read() -> None:
    message = content("envelope-completed")
    message["data"]["envelopeSummary"]["recipients"] = {"recipientCount": "0"}
    (found,) = HOOK.parse(delivery(message), HERE)
    assert (found.data["recipient"], found.data["signers"]) == ({}, [])


# The older kind


def test_the_older_xml_tells_every_step_in_the_account_s_zone() -> None:
    found = events("legacy_completed", zone="America/Los_Angeles")
    assert [
        (one.kind, one.occurred.isoformat(timespec="seconds") if one.occurred else None) for one in found
    ] == [
        ("recipient-sent", "2026-11-17T04:12:03-08:00"),
        ("envelope-sent", "2026-11-17T04:12:03-08:00"),
        ("recipient-delivered", "2026-11-18T01:00:11-08:00"),
        ("recipient-completed", "2026-11-18T01:04:40-08:00"),
        ("recipient-sent", "2026-11-18T01:04:41-08:00"),
        ("recipient-delivered", "2026-11-19T06:20:05-08:00"),
        ("envelope-delivered", "2026-11-19T06:20:05-08:00"),
        ("recipient-completed", "2026-11-19T06:31:38-08:00"),
        ("envelope-completed", "2026-11-19T06:31:40-08:00"),
    ]
    last = found[-1]
    assert last.data["tabs"] == {"Empresa": "Padaria Três Irmãos Ltda", "Aceita contato": "true"}
    assert last.data["envelope"]["custom"] == {"Centro de custo": "Vendas"}
    assert last.data["documents"][0]["name"] == "Contrato.pdf"


def test_the_message_s_own_offset_goes_before_the_account_s_zone() -> None:
    body = webhook("legacy_completed").body
    with_offset = body.replace(b" <DocumentPDFs>", b" <TimeZoneOffset>-3</TimeZoneOffset><DocumentPDFs>")
    found = HOOK.parse(delivery(with_offset), connection(read=False, zone="Asia/Tokyo"))
    assert found[-1].occurred is not None
    assert found[-1].occurred.isoformat(timespec="seconds") == "2026-11-19T06:31:40-03:00"
    (other,) = {
        one.occurred.utcoffset() for one in events("legacy_completed", zone="Asia/Tokyo") if one.occurred
    }
    assert str(other) == "9:00:00"


def test_a_zone_that_is_none_leaves_the_message_to_be_read_again() -> None:
    with pytest.raises(UnreadableError, match="zone_unknown"):
        events("legacy_completed", zone="Vulcan/Capital")


# One happening, however it is told


async def test_two_levels_xml_states_and_the_list_give_one_event() -> None:
    summary = content("envelope-completed")["data"]["envelopeSummary"]
    reader_ = FakeReader(
        connector, HERE, {"envelopes.changed": answer(200, {"envelopes": [summary], "totalSetSize": "1"})}
    )
    since, until = (event("envelope-completed").occurred.replace(hour=h) for h in (0, 23))  # type: ignore[union-attr]
    listed = [
        one for message in await HOOK.missed(reader_, since, until) for one in HOOK.parse(message, HERE)
    ]
    told = [
        [event("envelope-completed")],
        [event("envelope-completed__second_level")],
        events("state-completed__aggregate"),
        HOOK.parse(delivery(summary), HERE),  # the summary bare, as some configurations send it
        events("legacy_completed"),
        listed,
    ]
    keys = [{one.same for one in found} for found in told]
    assert {one.kind for one in listed} >= {"envelope-completed", "recipient-completed", "recipient-sent"}
    assert keys[0] == keys[1] <= keys[2] == keys[3] == keys[4] == keys[5]
    assert event("recipient-completed").same in keys[4]
    assert all(len(found) == len({one.same for one in found}) for found in told)


def test_who_is_corrected_is_somebody_else() -> None:
    message = content("recipient-sent")
    before = HOOK.parse(delivery(message), HERE)[0].same
    message["data"]["envelopeSummary"]["recipients"]["signers"][0]["email"] = "nova@tresirmaos.example"
    assert HOOK.parse(delivery(message), HERE)[0].same != before


def test_one_person_in_two_roles_is_told_apart() -> None:
    message = content("recipient-sent")
    first, second = message["data"]["envelopeSummary"]["recipients"]["signers"]
    second["email"] = first["email"]
    keys = set()
    for recipient in ("1", "2"):
        message["data"]["recipientId"] = recipient
        keys.add(HOOK.parse(delivery(message), HERE)[0].same)
    assert len(keys) == 2


def test_what_may_happen_again_is_another_event_each_time() -> None:
    message = content("envelope-resent")
    before = HOOK.parse(delivery(message), HERE)[0].same
    message["configurationId"], message["generatedDateTime"] = 5, "2026-11-17T18:05:00.0000000Z"
    assert HOOK.parse(delivery(message), HERE)[0].same == before, "another configuration's"
    message["data"]["envelopeSummary"]["lastModifiedDateTime"] = "2026-11-18T10:00:00.0000000Z"
    assert HOOK.parse(delivery(message), HERE)[0].same != before


# Files


def test_files_inside_a_message_are_dropped_and_the_rest_is_kept() -> None:
    message = content("envelope-completed")
    file = base64.b64encode(b"%PDF" * 4_000_000).decode()
    documents = message["data"]["envelopeSummary"]["envelopeDocuments"]
    documents[0]["PDFBytes"] = file
    large = delivery(message)
    assert len(large.body) > 21_000_000
    HOOK.verify(large, HERE)
    kept = HOOK.slim(large, HERE)
    assert len(kept.body) < 10_000
    assert "PDFBytes" not in orjson.loads(kept.body)["data"]["envelopeSummary"]["envelopeDocuments"][0]
    assert HOOK.parse(kept, HERE) == HOOK.parse(webhook("envelope-completed"), HERE)


def test_files_inside_the_older_kind_are_dropped() -> None:
    body = webhook("legacy_completed").body.replace(b"JVBERi0xLjQK", b"JVBERi0x" * 100_000)
    kept = HOOK.slim(delivery(body), HERE)
    assert len(kept.body) < 10_000
    told = [(one.same, one.data) for one in HOOK.parse(kept, HERE)]
    assert told == [(one.same, one.data) for one in events("legacy_completed")]


def test_a_small_message_is_kept_as_it_came() -> None:
    assert HOOK.slim(webhook("envelope-completed"), HERE) is not None
    assert HOOK.slim(webhook("envelope-completed"), HERE).body == webhook("envelope-completed").body
    assert HOOK.max_bytes == 64 * 1024 * 1024
