"""The account's calls of an hour and in a burst, and faults in the vendor's shape."""

from __future__ import annotations

import asyncio

import orjson

NAMES = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


async def test_headers_count_down(limited):
    first, second = await limited.api("GET", ""), await limited.api("GET", "/templates")
    assert [first.headers[name] for name in NAMES[:2]] == ["3000", "2999"]
    assert second.headers["x-ratelimit-remaining"] == "2998"
    assert (first.headers["x-burstlimit-limit"], first.headers["x-burstlimit-remaining"]) == ("200", "199")
    now = limited.simulator.clock.now().timestamp()
    assert now < int(first.headers["x-ratelimit-reset"]) <= now + 3600
    assert first.headers["x-docusign-tracetoken"] != second.headers["x-docusign-tracetoken"]
    told = await limited.api("GET", "", account=limited.second_id)
    assert told.headers["x-ratelimit-remaining"] == "2999"


async def test_the_burst_is_refused_with_429(limited):
    answers = await asyncio.gather(*(limited.api("GET", "") for _ in range(205)))
    refused = [one for one in answers if one.status != 200]
    assert len(refused) == 5
    assert {one.status for one in refused} == {429}
    assert refused[0].json["errorCode"] == "BURST_APIINVOCATION_LIMIT_EXCEEDED"
    assert "retry-after" not in refused[0].headers
    shown = await limited.control("limits")
    assert (shown["refused"], shown["max_in_window"]) == (5, 205)
    assert (await limited.api("GET", "", account=limited.second_id)).status == 200
    await limited.control("quirks", {"retry_after": True})
    assert int((await limited.api("GET", "")).headers["retry-after"]) > 0


async def test_the_hour_is_a_clock_hour_and_answers_400(limited):
    await limited.control("quirks", {"hourly_calls": 2})
    for _ in range(2):
        assert (await limited.api("GET", "")).status == 200
    answer = await limited.api("GET", "")
    assert answer.status == 400
    assert answer.json["errorCode"] == "HOURLY_APIINVOCATION_LIMIT_EXCEEDED"
    assert answer.headers["x-ratelimit-remaining"] == "0"
    await limited.advance(hours=1)
    assert (await limited.api("GET", "")).status == 200


async def test_production_allows_more_in_a_burst(limited):
    await limited.control("quirks", {"environment": "production"})
    assert (await limited.api("GET", "")).headers["x-burstlimit-limit"] == "500"
    await limited.control("limits", {"mode": "1/30"})
    assert [(await limited.api("GET", "")).status for _ in range(2)] == [200, 429]


async def test_faults_have_the_vendors_shape(ds):
    for fault, status, code in (
        ("429", 429, "BURST_APIINVOCATION_LIMIT_EXCEEDED"),
        ("500", 500, "UNSPECIFIED_ERROR"),
    ):
        await ds.control("faults", {"next": [{"fault": fault}]})
        assert await ds.refused("GET", "", status=status) == code
    await ds.control("faults", {"next": [{"fault": "500_after_write", "method": "POST"}]})
    await ds.refused("POST", "/envelopes", ds.definition("created"), 500)
    assert (await ds.control("counts"))["envelopes"] == 1


async def test_statuses_that_the_sources_do_not_agree_on(ds):
    await ds.control("quirks", {"not_found_status": 400, "permission_status": 401, "burst_status": 400})
    assert await ds.refused("GET", "/envelopes/nothing") == "ENVELOPE_DOES_NOT_EXIST"
    assert (await ds.api("GET", "/connect", account=ds.second_id)).status == 401
    wrong = await ds.call("POST", "/_control/quirks", {"permission_status": 418})
    assert wrong.status == 400
    assert (await ds.call("POST", "/_control/quirks", {"no such": 1})).status == 400
    assert (await ds.control("quirks"))["permission_status"] == 401


async def test_bodies_that_are_none(ds):
    for body in ([1], "text"):
        answer = await ds.api("POST", "/envelopes", body)
        assert (answer.status, answer.json["errorCode"]) == (400, "INVALID_REQUEST_BODY")


async def test_the_account_is_kept_and_given_back(ds):
    made = await ds.sent(ds.definition(transactionId="t"))
    await ds.configuration("https://hub.example/in", ["envelope-sent"])
    await ds.consent()
    kept = orjson.loads(orjson.dumps(ds.simulator.state()))
    await ds.control("reset", {})
    assert (await ds.control("counts"))["envelopes"] == 0
    assert ds.simulator.credentials() == ds.credentials
    ds.simulator.restore_all(kept)
    assert (await ds.good("GET", f"/envelopes/{made}"))["status"] == "sent"
    found = await ds.good("GET", "/envelopes?transaction_ids=t")
    assert found["envelopeTransactionStatuses"][0]["envelopeId"] == made
    assert (await ds.good("GET", "/connect"))["totalRecords"] == "1"
