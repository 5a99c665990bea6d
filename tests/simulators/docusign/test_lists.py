"""The list of changes, and what is said about reading too often."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from vaivem.simulators.docusign.times import SERVER_ZONE, asked, moment, stamp


def ids(answer):
    return [one["envelopeId"] for one in answer.get("envelopes", [])]


async def listed(ds, **query):
    asked_for = "&".join(f"{key}={quote(str(value))}" for key, value in query.items())
    return await ds.good("GET", f"/envelopes?{asked_for}")


@pytest.fixture
async def since(ds):
    """A moment before anything has happened, on the account's clock."""
    return stamp(ds.simulator.clock.now() - timedelta(minutes=1))


async def test_one_of_three_is_needed(ds):
    assert await ds.refused("GET", "/envelopes") == "INVALID_REQUEST_PARAMETER"
    for wrong in ("from_date=yesterday", "from_date=2026-01-01T00:00:00Z&status=lost"):
        await ds.refused("GET", f"/envelopes?{wrong}")
    for wrong in ("from_to_status=x", "order_by=x", "order=x", "count=x", "folder_types=x", "custom_field=x"):
        await ds.refused("GET", f"/envelopes?from_date=2026-01-01T00:00:00Z&{wrong}")


async def test_drafts_are_left_out_unless_asked_for(ds, since):
    draft, sent = await ds.sent(ds.definition("created")), await ds.sent()
    assert ids(await listed(ds, from_date=since)) == [sent]
    assert ids(await listed(ds, from_date=since, status="any")) == [sent]
    assert ids(await listed(ds, from_date=since, status="created")) == [draft]
    assert ids(await listed(ds, from_date=since, from_to_status="created")) == [sent]
    assert ids(await listed(ds, from_date=since, folder_types="drafts", status="created")) == [draft]


async def test_changes_of_each_kind_and_their_shape(ds, since):
    sent, done = await ds.sent(), await ds.sent()
    await ds.act(done, "sign_all")
    answer = await listed(ds, from_date=since, from_to_status="completed")
    assert ids(answer) == [done]
    (one,) = answer["envelopes"]
    assert "recipients" not in one
    assert (answer["resultSetSize"], answer["totalSetSize"], answer["startPosition"]) == ("1", "1", "0")
    assert answer["lastQueriedDateTime"]
    whole = await listed(ds, from_date=since, include="recipients,custom_fields", status="completed")
    assert whole["envelopes"][0]["recipients"]["signers"][0]["status"] == "completed"
    assert "customFields" in whole["envelopes"][0]
    nothing = await listed(ds, from_date=since, from_to_status="completed", status="sent")
    assert "envelopes" not in nothing
    later = stamp(ds.simulator.clock.now() + timedelta(minutes=1))
    assert ids(await listed(ds, from_date=later)) == []
    assert set(ids(await listed(ds, from_date=since, status="sent,completed"))) == {sent, done}


async def test_what_has_expired_is_told_from_what_was_voided(ds, since):
    expired, voided = await ds.sent(), await ds.sent()
    await ds.act(expired, "expire")
    await ds.act(voided, "void", reason="x")
    assert ids(await listed(ds, from_date=since, from_to_status="timedout")) == [expired]
    assert set(ids(await listed(ds, from_date=since, from_to_status="voided"))) == {expired, voided}


async def test_a_status_may_slip_in(ds, since):
    sent, done = await ds.sent(), await ds.sent()
    await ds.act(done, "sign_all")
    await ds.control("quirks", {"unrelated_slip": True})
    assert set(ids(await listed(ds, from_date=since, status="completed"))) == {sent, done}


async def test_pages_follow_the_vendors_link(ds, since):
    made = [await ds.sent() for _ in range(5)]
    path, got = f"/envelopes?from_date={since}&count=2&order=asc&order_by=created", []
    while path:
        page = await ds.good("GET", path)
        got += ids(page)
        path = page["nextUri"]
    assert got == made
    assert page["previousUri"]
    assert (page["startPosition"], page["endPosition"], page["totalSetSize"]) == ("4", "4", "5")


async def test_by_field_text_folder_and_sender(ds, since):
    fields = {"textCustomFields": [{"name": "hub_record_id", "value": "7"}]}
    mine = await ds.sent(ds.definition(customFields=fields))
    waiting = await ds.sent(ds.definition(templateRoles=[ds.role("Júlia", "julia@raiarsolar.example")]))
    assert ids(await listed(ds, from_date=since, custom_field="hub_record_id=7")) == [mine]
    assert ids(await listed(ds, from_date=since, search_text="ana@EXAMPLE")) == [mine]
    assert ids(await listed(ds, from_date=since, folder_ids="awaiting_my_signature")) == [waiting]
    assert len(ids(await listed(ds, from_date=since, folder_types="sentitems"))) == 2
    assert ids(await listed(ds, from_date=since, user_id="nobody")) == []


async def test_by_ids_in_the_query_and_in_a_body(ds):
    first, second = await ds.sent(), await ds.sent(ds.definition(transactionId="t"))
    await ds.sent()
    assert ids(await listed(ds, envelope_ids=f"{first},nothing")) == [first]
    draft = await ds.sent(ds.definition("created"))
    assert ids(await listed(ds, envelope_ids=draft)) == [draft]
    answer = await ds.good(
        "PUT", "/envelopes/status?envelope_ids=request_body", {"envelopeIds": [first, second]}
    )
    assert set(ids(answer)) == {first, second}
    answer = await ds.good("PUT", "/envelopes/status?transaction_ids=request_body", {"transactionIds": ["t"]})
    assert answer["envelopeTransactionStatuses"][0]["envelopeId"] == second
    await ds.refused("PUT", "/envelopes/status?envelope_ids=request_body", {})


async def test_it_does_not_go_back_further_than_half_a_year(ds, since):
    old = await ds.sent(ds.definition("sent"))
    await ds.act(old, "sign_all")
    await ds.advance(days=190)
    assert ids(await listed(ds, from_date=since)) == []
    assert ids(await listed(ds, envelope_ids=old)) == [old]


def test_a_time_without_an_offset_is_the_servers():
    assert asked("2026-01-01T00:00:00").utcoffset() == timedelta(hours=-8)
    assert asked("2026-01-01").tzinfo is SERVER_ZONE
    assert asked("2026-01-01T00:00:00-03:00").utcoffset() == timedelta(hours=-3)
    assert asked("2026-01-01T00:00:00 03:00").utcoffset() == timedelta(hours=3)  # a plus that was not escaped
    assert asked("2026-01-01T00:00:00.1234567Z").utcoffset() == timedelta(0)
    assert moment(stamp(asked("2026-01-01T08:00:00Z"))) == asked("2026-01-01T00:00:00")


async def test_reading_an_envelope_again_within_a_quarter_of_an_hour_is_noted(ds):
    made = await ds.sent()
    await ds.good("GET", f"/envelopes/{made}")
    await ds.good("GET", f"/envelopes/{made}/recipients")
    assert (await ds.control("polling"))["violations"] == 0
    await ds.good("GET", f"/envelopes/{made}?include=recipients")
    told = await ds.control("polling")
    assert (told["reads"], told["violations"]) == (3, 1)
    assert told["newest"][0]["path"] == f"/envelopes/{made}"
    await ds.advance(minutes=15)
    await ds.good("GET", f"/envelopes/{made}")
    assert (await ds.control("polling"))["violations"] == 1
    await ds.control("quirks", {"polling": "refuse"})
    code = await ds.refused("GET", f"/envelopes/{made}")
    assert code == "Hourly_Envelope_Polling_Limit_Exceeded"
    assert f"/envelopes/{made}" in (await ds.call("GET", "/apps")).text


async def test_lists_are_counted_apart(ds, since):
    await listed(ds, from_date=since)
    await listed(ds, from_date=since, start_position=0)
    await ds.advance(minutes=20)
    await listed(ds, from_date=since)
    told = await ds.control("polling")
    assert (told["lists"], told["lists_within_15_minutes"], told["violations"]) == (3, 1, 0)
