"""The Connect configuration: made once, mended, a double removed, others left alone; what it missed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.connectors.docusign.recorded import ADDRESS, connection, connector, content
from tests.connectors.fake_context import FakeReader, Reply, answer

from vaivem.connectors.docusign.webhooks import DocusignWebhooks
from vaivem.core.errors import RuleError

HOOK = DocusignWebhooks()
KINDS = sorted({kind for trigger in connector.triggers for kind in trigger.kinds})
SINCE, UNTIL = datetime(2026, 11, 19, 14, tzinfo=UTC), datetime(2026, 11, 19, 15, tzinfo=UTC)


def there(**changes: Any) -> dict[str, Any]:
    """Return a configuration of ours as the vendor shows it."""
    return {
        "connectId": "21752918", "configurationType": "custom", "name": "Vaivém", "urlToPublishTo": ADDRESS,
        "allowEnvelopePublish": "true", "allUsers": "true", "deliveryMode": "SIM", "includeHMAC": "true",
        "requiresAcknowledgement": "true", "enableLog": "true",
        "eventData": {
            "version": "restv2.1", "format": "json", "includeData": ["tabs", "custom_fields", "recipients"]
        },
        "events": KINDS, **changes,
    }  # fmt: skip


OTHER = there(connectId="1", urlToPublishTo="https://other.example/hook")


def vendor(*configurations: dict[str, Any], **routes: Reply) -> FakeReader:
    listed = {"configurations": list(configurations), "totalRecords": str(len(configurations))}
    return FakeReader(
        connector, connection(read=False),
        {"connect.list": answer(200, listed), **{key.replace("_", "."): one for key, one in routes.items()}},
    )  # fmt: skip


async def test_none_there_makes_one_that_asks_for_everything_in_the_message() -> None:
    at = vendor(OTHER, connect_create=answer(201, there()))
    made = await HOOK.ensure(at, ADDRESS, KINDS)
    assert (made.ids, made.secrets, made.mended) == (("21752918",), {}, ())
    body = at.vendor.last("connect.create").json
    assert body["urlToPublishTo"] == ADDRESS
    assert body["allowEnvelopePublish"] == body["includeHMAC"] == body["requiresAcknowledgement"] == "true"
    assert body["eventData"]["includeData"] == ["recipients", "custom_fields", "tabs"]
    assert body["events"] == KINDS


async def test_one_that_was_answered_wrapped_is_read_too() -> None:
    at = vendor(connect_create=answer(201, {"configurations": [there()], "totalRecords": "1"}))
    assert (await HOOK.ensure(at, ADDRESS, KINDS)).ids == ("21752918",)


async def test_one_that_is_right_is_adopted_without_a_word() -> None:
    at = vendor(OTHER, there())
    assert (await HOOK.ensure(at, ADDRESS, KINDS)).ids == ("21752918",)
    assert at.vendor.names == ["connect.list"]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"allowEnvelopePublish": "false"}, "status"),
        ({"includeHMAC": "false"}, "status"),
        ({"requiresAcknowledgement": None}, "status"),
        ({"events": ["envelope-sent"]}, "events"),
        ({"events": "envelope-sent,envelope-voided"}, "events"),
        ({"eventData": {"version": "restv2.1", "includeData": []}}, "content"),
        ({"deliveryMode": "Aggregate"}, "format"),
        ({"eventData": None, "deliveryMode": "SIM"}, "content"),
    ],
)
async def test_one_that_is_wrong_is_mended_and_says_so(wrong: dict[str, Any], what: str) -> None:
    at = vendor(there(**wrong), connect_update=answer(200, there()))
    assert what in (await HOOK.ensure(at, ADDRESS, KINDS)).mended
    body = at.vendor.last("connect.update").json
    assert body["connectId"] == "21752918"
    assert set(KINDS) <= set(body["events"])
    assert connector.text("pt_BR", f"webhooks.mended.{what}")


async def test_events_that_somebody_added_stay() -> None:
    at = vendor(there(events=["envelope-purge"]), connect_update=answer(200, there()))
    await HOOK.ensure(at, ADDRESS, KINDS)
    assert "envelope-purge" in at.vendor.last("connect.update").json["events"]


async def test_a_second_one_of_ours_is_removed_since_both_would_deliver() -> None:
    at = vendor(there(), there(connectId="2"), OTHER, connect_delete=answer(200))
    made = await HOOK.ensure(at, ADDRESS, KINDS)
    assert (made.ids, made.mended) == (("21752918",), ("doubled",))
    assert at.vendor.last("connect.delete").path.endswith("/connect/2")


async def test_without_a_key_nothing_is_made_and_the_key_is_asked_for() -> None:
    at = FakeReader(connector, connection(read=False, keys=[]), {})
    with pytest.raises(RuleError, match="hmac_key_missing"):
        await HOOK.ensure(at, ADDRESS, KINDS)
    assert at.vendor.calls == []


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("code", ["ACCOUNT_LACKS_PERMISSIONS", "User_Not_Account_Admin"])
async def test_an_account_that_may_not_is_told_the_other_way(status: int, code: str) -> None:
    refused = answer(status, {"errorCode": code, "message": "This account lacks sufficient permissions."})
    at = FakeReader(connector, connection(read=False), {"connect.list": refused})
    with pytest.raises(RuleError, match="connect_refused"):
        await HOOK.ensure(at, ADDRESS, KINDS)


def test_by_hand_is_a_choice_of_the_connection_with_its_steps() -> None:
    assert not HOOK.by_hand(connection(read=False))
    assert HOOK.by_hand(connection(read=False, connect="hand"))
    assert connector.text("fr", "webhooks.steps.5")


async def test_removing_takes_ours_and_nobody_else_s() -> None:
    gone = answer(404, {"errorCode": "RESOURCE_NOT_FOUND", "message": "x"})
    at = vendor(OTHER, there(), there(connectId="2"), connect_delete=[answer(200), gone])
    await HOOK.remove(at, ADDRESS)
    paths = [call.path.rpartition("/")[2] for call in at.vendor.calls if call.name == "connect.delete"]
    assert paths == ["21752918", "2"]
    nothing = vendor(OTHER)
    await HOOK.remove(nothing, ADDRESS)
    assert nothing.vendor.names == ["connect.list"]


# What it missed


def listed(*rows: Any, total: int | None = None) -> Reply:
    return answer(200, {"envelopes": list(rows), "totalSetSize": str(len(rows) if total is None else total)})


async def test_the_list_is_asked_once_for_the_time_and_no_envelope_is_read() -> None:
    summary = content("envelope-completed")["data"]["envelopeSummary"]
    at = FakeReader(connector, connection(read=False), {"envelopes.changed": listed(summary)})
    found = await HOOK.missed(at, SINCE, UNTIL)
    assert at.vendor.names == ["envelopes.changed"]
    query = dict(at.vendor.calls[0].query)
    assert (query["from_date"], query["to_date"]) == (SINCE.isoformat(), UNTIL.isoformat())
    events = [one for message in found for one in HOOK.parse(message, at.connection)]
    assert [one.kind for one in events][-1] == "envelope-completed"
    assert [one.occurred for one in events] == sorted(one.occurred for one in events if one.occurred)
    assert {one.data["told"] for one in events} == {"state"}


async def test_steps_after_the_time_are_left_to_their_messages() -> None:
    summary = content("envelope-completed")["data"]["envelopeSummary"]
    at = FakeReader(connector, connection(read=False), {"envelopes.changed": listed(summary)})
    early = datetime(2026, 11, 18, 12, tzinfo=UTC)
    events = [
        one
        for message in await HOOK.missed(at, datetime(2026, 11, 18, 11, tzinfo=UTC), early)
        for one in HOOK.parse(message, at.connection)
    ]
    assert "envelope-completed" not in {one.kind for one in events}
    assert "recipient-completed" in {one.kind for one in events}


async def test_pages_end_by_count_and_by_bound() -> None:
    summary = content("envelope-sent")["data"]["envelopeSummary"]
    full = [{**summary, "envelopeId": str(number)} for number in range(100)]
    at = FakeReader(
        connector,
        connection(read=False),
        {"envelopes.changed": [listed(*full, total=101), listed(total=101)]},
    )
    await HOOK.missed(at, SINCE, UNTIL)
    assert [dict(call.query)["start_position"] for call in at.vendor.calls] == ["0", "100"]
    endless = FakeReader(
        connector, connection(read=False), {"envelopes.changed": lambda call: listed(*full, total=10**6)}
    )
    await HOOK.missed(endless, SINCE, UNTIL)
    assert len(endless.vendor.calls) == 10


async def test_none_changed_and_a_person_who_does_not_want_it() -> None:
    empty = answer(200, {"resultSetSize": "0", "totalSetSize": "0"})
    assert (
        await HOOK.missed(
            FakeReader(connector, connection(read=False), {"envelopes.changed": empty}), SINCE, UNTIL
        )
        == []
    )
    off = FakeReader(connector, connection(read=False, catch_up=False), {})
    assert await HOOK.missed(off, SINCE, UNTIL) == []
