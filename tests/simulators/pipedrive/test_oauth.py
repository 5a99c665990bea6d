"""Connecting an app: consent, codes, tokens that expire, and removal at the vendor."""

from __future__ import annotations

import base64
import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

BACK = "http://127.0.0.1:9/oauth/back?from=pd"
DAY = 24 * 3600


def consent(crm, **more):
    query = {"client_id": crm.credentials["client_id"], "redirect_uri": BACK, "state": "s+1"}
    return f"/oauth/authorize?{urlencode({**query, **more})}"


async def code(crm, back=BACK):
    page = await crm.call("GET", consent(crm, redirect_uri=back))
    assert page.status == 200
    links = [
        unescape(link) for link in re.findall(r'href="(/oauth/authorize[^"]*decision=allow[^"]*)"', page.text)
    ]
    assert len(links) == 3, "a deactivated user cannot allow"
    sent_back = await crm.call("GET", links[0])
    query = parse_qs(urlsplit(sent_back.headers["location"]).query)
    assert query["state"] == ["s+1"]
    return query["code"][0]


async def token(crm, secret="", **fields):
    pair = f"{crm.credentials['client_id']}:{secret or crm.credentials['client_secret']}"
    basic = {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    request = crm.running.client.post(f"{crm.base_url}/oauth/token").headers(basic).form(fields)
    answer = await request.build().send()
    return answer.status, await answer.json()


async def exchange(crm, value, **more):
    return await token(
        crm, **{"grant_type": "authorization_code", "code": value, "redirect_uri": BACK, **more}
    )


async def refresh(crm, value):
    return await token(crm, grant_type="refresh_token", refresh_token=value)


async def me(crm, access_token):
    return await crm.v1("GET", "users/me", headers={"authorization": f"Bearer {access_token}"})


async def test_a_code_is_exchanged_once(crm):
    value = await code(crm)
    status, tokens = await exchange(crm, value)
    assert status == 200
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "scope", "api_domain"}
    assert (tokens["expires_in"], tokens["api_domain"]) == (3599, crm.base_url)
    assert "admin" in tokens["scope"].split(",")
    data = (await me(crm, tokens["access_token"])).json["data"]
    assert (data["name"], data["company_domain"]) == ("Júlia Prates", "raiarsolar")
    refused = {
        "success": False,
        "message": "Invalid grant: authorization code is invalid",
        "error": "invalid_grant",
    }
    assert await exchange(crm, value) == (400, refused)


async def test_what_the_token_endpoint_refuses(crm):
    late = await code(crm)
    await crm.advance(301)
    assert (await exchange(crm, late))[0] == 400, "a code lives five minutes"
    elsewhere = await code(crm)
    assert (await exchange(crm, elsewhere, redirect_uri="http://127.0.0.1:9/other"))[0] == 400
    assert (await exchange(crm, await code(crm), secret="wrong"))[0] == 401
    assert (await token(crm, grant_type="password"))[0] == 400


async def test_the_body_may_carry_the_apps_secret(crm):
    fields = {key: crm.credentials[key] for key in ("client_id", "client_secret")}
    more = {"grant_type": "authorization_code", "code": await code(crm), "redirect_uri": BACK}
    assert (await crm.running.form("/oauth/token", {**fields, **more})).status == 200


async def test_an_access_token_lives_an_hour_and_a_refresh_gives_the_same_token(crm):
    _status, first = await exchange(crm, await code(crm))
    await crm.advance(3601)
    past = await me(crm, first["access_token"])
    assert (past.status, past.json["error"]) == (401, "Invalid token: access_token is invalid")
    status, second = await refresh(crm, first["refresh_token"])
    assert (status, second["refresh_token"]) == (200, first["refresh_token"])
    assert (await me(crm, second["access_token"])).status == 200


async def test_sixty_days_without_use_end_a_refresh_token(crm):
    _status, tokens = await exchange(crm, await code(crm))
    for _ in range(4):
        await crm.advance(59 * DAY)
        assert (await refresh(crm, tokens["refresh_token"]))[0] == 200, "each use begins the sixty days anew"
    await crm.advance(60 * DAY + 1)
    refused = {
        "success": False,
        "message": "Invalid grant: refresh_token is invalid",
        "error": "invalid_grant",
    }
    assert await refresh(crm, tokens["refresh_token"]) == (400, refused)


async def test_denied_and_wrong_addresses(crm):
    denied = await crm.call("GET", consent(crm, decision="deny"))
    assert parse_qs(urlsplit(denied.headers["location"]).query) == {
        "from": ["pd"], "error": ["user_denied"], "state": ["s+1"],
    }  # fmt: skip
    assert (await crm.call("GET", consent(crm, redirect_uri="https://evil.example/"))).status == 400
    assert (await crm.call("GET", consent(crm, client_id="nobody"))).status == 400


async def test_scopes_are_shown_and_kept(crm):
    app = {"name": "Leitor", "client_id": "reader", "client_secret": "s", "scopes": ["base", "deals:read"]}
    await crm.control("apps", app)
    page = await crm.call("GET", consent(crm, client_id="reader", lang="en"))
    assert "see deals" in page.text
    assert "see and change deals" not in page.text
    user = next(iter(crm.simulator.account.tables["users"]))
    tokens = crm.simulator.access.issue(crm.simulator.access.apps["reader"], user)
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert (await crm.v2("GET", "deals", headers=bearer)).status == 200
    refused = await crm.v2("POST", "deals", {"title": "A"}, headers=bearer)
    assert (refused.status, refused.json) == (403, {"success": False, "error": "Scope and URL mismatch"})
    assert (await crm.v1("GET", "webhooks", headers=bearer)).status == 403


async def test_an_app_that_is_removed_is_told_by_a_signed_delete(crm, receiver):
    value = await code(crm, receiver.url)
    _status, tokens = await exchange(crm, value, redirect_uri=receiver.url)
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    hook = {"subscription_url": receiver.url, "event_action": "*", "event_object": "deal", "name": "hub"}
    await crm.v1("POST", "webhooks", hook, bearer)
    receiver.status = 500
    assert await crm.control("uninstall", {"client_id": crm.credentials["client_id"]}) == {"removed": True}
    got = (await receiver.count(1))[0]
    pair = f"{crm.credentials['client_id']}:{crm.credentials['client_secret']}"
    assert (got.method, got.headers["authorization"]) == (
        "DELETE",
        "Basic " + base64.b64encode(pair.encode()).decode(),
    )
    assert set(got.json) == {"client_id", "company_id", "user_id", "timestamp"}
    assert str(got.json["company_id"]) == crm.credentials["company_id"]
    assert (await me(crm, tokens["access_token"])).status == 401
    assert (await refresh(crm, tokens["refresh_token"]))[0] == 400
    assert crm.simulator.account.tables["webhooks"] == {}, "its webhooks went with it"
    await crm.advance(3600)
    assert len(receiver.got) == 1, "the answer is ignored: it is not sent again"
    assert await crm.control("uninstall", {}) == {"removed": False}


async def test_revoking(crm):
    _status, tokens = await exchange(crm, await code(crm))
    fields = {key: crm.credentials[key] for key in ("client_id", "client_secret")}
    access = {"token": tokens["access_token"], "token_type_hint": "access_token"}
    assert (await crm.running.form("/oauth/revoke", {**fields, **access})).status == 200
    assert (await me(crm, tokens["access_token"])).status == 401
    status, tokens = await refresh(crm, tokens["refresh_token"])
    assert status == 200, "the refresh token goes on"
    assert (
        await crm.running.form("/oauth/revoke", {**fields, "token": tokens["refresh_token"]})
    ).status == 200
    assert (await me(crm, tokens["access_token"])).status == 401
    assert (await refresh(crm, tokens["refresh_token"]))[0] == 400
    assert (await crm.running.form("/oauth/revoke", {**fields, "token": "unknown"})).status == 200


async def test_the_demos_own_tokens_work_and_can_be_expired(crm):
    assert (await me(crm, crm.credentials["access_token"])).status == 200
    await crm.control("faults", {"expire_tokens": True})
    assert (await me(crm, crm.credentials["access_token"])).status == 401
    assert (await refresh(crm, crm.credentials["refresh_token"]))[0] == 200


async def test_a_deactivated_user_is_locked_out(crm):
    user = next(iter(crm.simulator.account.tables["users"]))
    await crm.control(f"users/{user}", {"active": False})
    assert (await crm.v1("GET", "users/me")).status == 401
    assert (await me(crm, crm.credentials["access_token"])).status == 401
