"""Connecting an app: consent, codes, and tokens that roll."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from tests.simulators.rd_station_crm.conftest import Crm

BACK = "http://127.0.0.1:9/oauth/back?from=rd"


def consent(crm: Crm, **more: str) -> str:
    query = {
        "response_type": "code",
        "client_id": crm.credentials["client_id"],
        "redirect_uri": BACK,
        "state": "s+1",
    }
    return f"/oauth/authorize?{urlencode({**query, **more})}"


async def code(crm: Crm) -> str:
    page = await crm.call("GET", consent(crm))
    assert page.status == 200
    links = [
        unescape(link) for link in re.findall(r'href="(/oauth/authorize[^"]*decision=allow[^"]*)"', page.text)
    ]
    assert len(links) == 2  # the inactive user cannot sign in
    sent_back = await crm.call("GET", links[0])
    assert sent_back.status == 302
    query = parse_qs(urlsplit(sent_back.headers["location"]).query)
    assert (query["state"], query["from"]) == (["s+1"], ["rd"])
    return query["code"][0]


def grant(crm: Crm, **more: str) -> dict[str, str]:
    return {key: crm.credentials[key] for key in ("client_id", "client_secret")} | more


async def exchange(crm: Crm, value: str, **more: str) -> tuple[int, dict[str, str]]:
    fields = grant(crm, grant_type="authorization_code", code=value, redirect_uri=BACK)
    answer = await crm.form("/oauth2/token", {**fields, **more})
    return answer.status, answer.json


async def refresh(crm: Crm, value: str) -> tuple[int, dict[str, str]]:
    answer = await crm.form("/oauth2/token", grant(crm, grant_type="refresh_token", refresh_token=value))
    return answer.status, answer.json


async def works(crm: Crm, token: str) -> bool:
    return (await crm.v2("GET", "users", token=token)).status == 200


async def test_code_is_exchanged_once(crm: Crm) -> None:
    value = await code(crm)
    status, pair = await exchange(crm, value)
    assert (status, pair["expires_in"]) == (200, 7200)
    assert await works(crm, pair["access_token"])
    assert await exchange(crm, value) == (
        400,
        {
            "error": "invalid_grant",
            "error_description": "The authorization code is invalid, used or expired.",
        },
    )


async def test_code_lives_five_minutes(crm: Crm) -> None:
    value = await code(crm)
    await crm.control("clock", {"advance_seconds": 301})
    assert (await exchange(crm, value))[0] == 400


async def test_code_belongs_to_its_address_and_app(crm: Crm) -> None:
    assert (await exchange(crm, await code(crm), redirect_uri="http://127.0.0.1:9/other"))[0] == 400
    status, answer = await exchange(crm, await code(crm), client_secret="wrong")
    assert (status, answer["error"]) == (401, "invalid_client")


async def test_refresh_token_rolls(crm: Crm) -> None:
    old = crm.credentials["refresh_token"]
    status, pair = await refresh(crm, old)
    assert status == 200
    assert pair["refresh_token"] != old
    assert (await refresh(crm, old))[1]["error"] == "invalid_grant"
    assert (await refresh(crm, pair["refresh_token"]))[0] == 200


async def test_lost_answer_has_used_the_token_up(crm: Crm) -> None:
    shot = {"method": "POST", "path": "/oauth2/token", "fault": "500_after_write"}
    await crm.control("faults", {"next": [shot]})
    fields = grant(crm, grant_type="refresh_token", refresh_token=crm.credentials["refresh_token"])
    assert (await crm.form("/oauth2/token", fields)).status == 500
    assert (await refresh(crm, crm.credentials["refresh_token"]))[0] == 400


async def test_tokens_end_by_the_clock(crm: Crm) -> None:
    access = crm.credentials["access_token"]
    await crm.control("clock", {"advance_seconds": 7190})
    assert await works(crm, access)
    await crm.control("clock", {"advance_seconds": 20})
    assert not await works(crm, access)
    await crm.control("clock", {"advance_seconds": 13 * 86400})
    status, pair = await refresh(crm, crm.credentials["refresh_token"])
    assert status == 200
    await crm.control("clock", {"advance_seconds": 14 * 86400 + 1})
    assert (await refresh(crm, pair["refresh_token"]))[0] == 400


async def test_tokens_can_be_ended_from_outside(crm: Crm) -> None:
    await crm.control("faults", {"expire_tokens": True})
    assert not await works(crm, crm.credentials["access_token"])
    status, pair = await refresh(crm, crm.credentials["refresh_token"])
    assert status == 200
    assert await works(crm, pair["access_token"])
    await crm.control("revoke", {})
    assert not await works(crm, pair["access_token"])
    assert (await refresh(crm, pair["refresh_token"]))[0] == 400


async def test_nobody_is_sent_to_an_unknown_address(crm: Crm) -> None:
    for more in ({"redirect_uri": "https://elsewhere.example.com/"}, {"client_id": "nobody"}):
        answer = await crm.call("GET", consent(crm, **more, decision="deny"))
        assert (answer.status, answer.headers.get("location")) == (400, None)
    app = {
        "name": "Meu hub",
        "client_id": "hub",
        "client_secret": "s",
        "redirect_uris": ["https://hub.example.com/b"],
    }
    await crm.control("apps", app)
    answer = await crm.call("GET", consent(crm, client_id="hub", redirect_uri=app["redirect_uris"][0]))
    assert answer.status == 200
    assert "Meu hub" in answer.text


async def test_person_can_say_no(crm: Crm) -> None:
    answer = await crm.call("GET", consent(crm, decision="deny"))
    assert (answer.status, answer.headers["location"]) == (302, f"{BACK}&error=access_denied&state=s%2B1")
