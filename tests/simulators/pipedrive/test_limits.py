"""Bursts for each token, searches, the company's tokens of the day, and the edge in front."""

from __future__ import annotations

import asyncio


async def burst(crm, number, path="pipelines/1", headers=None):
    answers = await asyncio.gather(*(crm.v2("GET", path, headers=headers) for _ in range(number)))
    return [answer.status for answer in answers], answers


async def test_headers_tell_the_burst(limited):
    answer = await limited.v2("GET", "pipelines/1")
    assert answer.headers["x-ratelimit-limit"] == "100", "Premium, by API token"
    assert answer.headers["x-ratelimit-remaining"] == "99"
    assert answer.headers["x-daily-requests-left"] == "10000"
    bearer = {"authorization": f"Bearer {limited.credentials['access_token']}"}
    by_app = await limited.v2("GET", "pipelines/1", headers=bearer)
    assert by_app.headers["x-ratelimit-limit"] == "400", "each token has a window of its own"
    assert by_app.headers["x-ratelimit-remaining"] == "399"
    assert "x-daily-requests-left" not in by_app.headers


async def test_a_burst_is_refused(limited):
    await limited.control("limits", {"mode": "5/60"})
    statuses, answers = await burst(limited, 8)
    assert sorted(statuses) == [200] * 5 + [429] * 3
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert refused.json == {"success": False, "error": "request over limit", "errorCode": 429}
    assert "retry-after" not in refused.headers
    await limited.control("quirks", {"retry_after": True})
    assert int((await limited.v2("GET", "pipelines/1")).headers["retry-after"]) > 50
    other = {"x-api-token": limited.credentials["salesperson_token"]}
    assert (await limited.v2("GET", "pipelines/1", headers=other)).status == 200
    shown = await limited.control("limits")
    assert (shown["limit"], shown["refused"], shown["max_in_window"]) == (5, 4, 10)


async def test_ten_searches_in_two_seconds(limited):
    statuses, _answers = await burst(limited, 30, "persons/search?term=Ana")
    assert 429 in statuses
    assert statuses.count(200) >= 10
    assert (await limited.v2("GET", "pipelines/1")).status == 200, "other calls go on"


async def test_the_budget_of_the_day(limited):
    await limited.control("clock", {"at": "2026-12-01T23:00:00+00:00"})
    shown = await limited.control("budget")
    assert (shown["budget"], shown["spent"]) == (30_000 * 5 * 5, 0)
    await limited.made("deals", title="A")
    await limited.v2("GET", "deals/1")
    await limited.v1("GET", "users/me")
    shown = await limited.control("budget")
    assert (shown["spent"], shown["by_call"]["POST /deals"]) == (5 + 1 + 2, 5)
    shown = await limited.control("budget", {"plan": "lite", "seats": 1, "spent": 29_998})
    assert shown["left"] == 2
    refused = await limited.v2("POST", "deals", {"title": "B"})
    assert refused.status == 429
    assert int(refused.headers["x-ratelimit-remaining"]) > 0, "it is not the burst"
    assert (await limited.v2("GET", "deals/1")).status == 200, "two tokens are left"
    await limited.advance(3600)
    assert (await limited.v2("POST", "deals", {"title": "B"})).status == 200, "a new day"


async def test_limits_off_refuse_nothing(crm):
    await crm.control("budget", {"spent": 10**9})
    statuses, _answers = await burst(crm, 30, "persons/search?term=Ana")
    assert set(statuses) == {200}


async def test_the_edge_blocks_who_hammers(limited):
    await limited.control("limits", {"mode": "1/60"})
    await limited.control("quirks", {"edge_block_after": 5})
    statuses, _answers = await burst(limited, 8)
    blocked = await limited.v2("GET", "pipelines/1")
    assert (statuses.count(200), blocked.status) == (1, 403)
    assert blocked.headers["content-type"].startswith("text/html")
    assert blocked.text.startswith("<html>")
    bearer = {"authorization": f"Bearer {limited.credentials['access_token']}"}
    assert (await limited.v2("GET", "pipelines/1", headers=bearer)).status == 200, "apps go on"


async def test_an_account_that_is_not_paid(crm):
    await crm.control("quirks", {"unpaid": True})
    assert (await crm.v2("GET", "deals")).status == 402


async def test_only_an_administrator_changes_settings(crm):
    seller = {"x-api-token": crm.credentials["salesperson_token"]}
    assert (await crm.v2("POST", "pipelines", {"name": "A"}, seller)).status == 403
    assert (await crm.v2("GET", "dealFields", headers=seller)).status == 200
    assert (await crm.v2("POST", "deals", {"title": "A"}, seller)).status == 200


async def test_faults(crm):
    shots = [
        {"method": "POST", "path": "/api/v2/deals", "fault": fault}
        for fault in ("429", "500", "html", "500_after_write", "empty")
    ]
    await crm.control("faults", {"next": shots})
    answers = [await crm.v2("POST", "deals", {"title": f"Falha {n}"}) for n in range(5)]
    assert [answer.status for answer in answers] == [429, 500, 502, 500, 200]
    assert answers[0].headers["x-ratelimit-remaining"] == "0"
    assert answers[1].json["success"] is False
    assert [d["title"] for d in await crm.control("deals") if d["title"].startswith("Falha")] == [
        "Falha 3",
        "Falha 4",
    ]


async def test_tokens(crm):
    assert (await crm.call("GET", "/api/v2/deals")).json["error"] == "unauthorized access"
    assert (await crm.call("GET", f"/v1/users/me?api_token={crm.credentials['api_token']}")).status == 200
    missing = await crm.v2("GET", "nothing")
    assert (missing.status, missing.json["success"]) == (404, False)
    assert (await crm.v2("PUT", "deals/1", {})).status == 405
