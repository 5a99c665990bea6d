"""Consent in both schemes, tokens that last and tokens that die, and what each refusal says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from tests.simulators.rd_station_marketing.conftest import Rd
    from tests.simulators.reached import Answer

BACK = "http://localhost:9/oauth/return"
DAY = 86400


async def agree(rd: Rd, path: str = "/auth/dialog", account: str = "main", **more: str) -> dict[str, Any]:
    pairs = {"client_id": rd.credentials["client_id"], "redirect_uri": BACK, "state": "s t", **more}
    page = await rd.call("GET", f"{path}?{urlencode(pairs)}", None, {"Accept": "text/html"})
    assert page.status == 200, page.text
    assert "Continuar" in page.text
    decided = await rd.call("GET", f"{path}?{urlencode({**pairs, 'decision': 'allow', 'account': account})}")
    assert decided.status == 302
    assert decided.headers["location"].startswith(BACK + "?")
    return {key: value[0] for key, value in parse_qs(urlsplit(decided.headers["location"]).query).items()}


async def token(rd: Rd, **more: str) -> Answer:
    known = {key: rd.credentials[key] for key in ("client_id", "client_secret")}
    return await rd.call("POST", "/auth/token?token_by=code", {**known, **more})


async def token_b(rd: Rd, **more: str) -> Answer:
    known = {key: rd.credentials[key] for key in ("client_id", "client_secret")}
    return await rd.form("/oauth2/token", {**known, **more})


async def works(rd: Rd, access_token: str) -> bool:
    return (await rd.api("GET", "/marketing/account_info", token=access_token)).status == 200


async def test_scheme_a_from_consent_to_refresh(rd: Rd) -> None:
    answer = await agree(rd)
    assert answer["state"] == "s t"
    pair = (await token(rd, code=answer["code"])).json
    assert set(pair) == {"access_token", "expires_in", "refresh_token"}
    assert (pair["expires_in"], pair["access_token"].count(".")) == (86400, 2)
    used = await token(rd, code=answer["code"])
    assert (used.status, used.json["errors"]["error_type"]) == (401, "EXPIRED_CODE_GRANT")
    await rd.control("clock", {"advance_seconds": 400 * DAY})
    assert not await works(rd, pair["access_token"])
    renewed = (await token(rd, refresh_token=pair["refresh_token"])).json
    assert await works(rd, renewed["access_token"])
    assert renewed["refresh_token"] != pair["refresh_token"]
    again = await token(rd, refresh_token=pair["refresh_token"])
    assert again.status == 200, "the vendor's own library keeps the old refresh token"


async def test_scheme_a_as_the_switches_say(rd: Rd) -> None:
    first = rd.credentials["refresh_token"]
    await rd.control("quirks", {"refresh_returns": "same"})
    assert (await token(rd, refresh_token=first)).json["refresh_token"] == first
    await rd.control("quirks", {"refresh_returns": "none", "refresh_idle_days": 60})
    assert "refresh_token" not in (await token(rd, refresh_token=first)).json
    await rd.control("clock", {"advance_seconds": 59 * DAY})
    assert (await token(rd, refresh_token=first)).status == 200
    await rd.control("quirks", {"refresh_returns": "new", "old_refresh_dies": True})
    await rd.control("clock", {"advance_seconds": 59 * DAY})
    second = (await token(rd, refresh_token=first)).json["refresh_token"]
    assert (await token(rd, refresh_token=first)).json["errors"]["error_type"] == "INVALID_REFRESH_TOKEN"
    await rd.control("clock", {"advance_seconds": 61 * DAY})
    assert (await token(rd, refresh_token=second)).status == 401


async def test_code_lasts_an_hour(rd: Rd) -> None:
    code = (await agree(rd))["code"]
    await rd.control("clock", {"advance_seconds": 3601})
    assert (await token(rd, code=code)).json["errors"]["error_type"] == "EXPIRED_CODE_GRANT"


async def test_wrong_client_and_wrong_refresh(rd: Rd) -> None:
    code = (await agree(rd))["code"]
    wrong = await token(rd, code=code, client_secret="x")
    problem = {"error_type": "ACCESS_DENIED", "error_message": "Wrong credentials provided."}
    assert (wrong.status, wrong.json) == (401, {"errors": problem})
    assert (await token(rd)).status == 401
    assert (await token(rd, refresh_token="x")).json["errors"]["error_type"] == "INVALID_REFRESH_TOKEN"
    assert (await token(rd, code=code)).status == 200, "a refused try does not use the code up"


async def test_the_library_sends_redirect_url(rd: Rd) -> None:
    pairs = {"client_id": rd.credentials["client_id"], "redirect_url": BACK, "decision": "deny"}
    answer = await rd.call("GET", f"/auth/dialog?{urlencode(pairs)}")
    assert answer.headers["location"] == f"{BACK}?error=access_denied"


async def test_nobody_is_sent_to_an_unknown_address(rd: Rd) -> None:
    for more in ({"redirect_uri": "https://evil.example/"}, {"client_id": "x", "redirect_uri": BACK}):
        pairs = {"client_id": rd.credentials["client_id"], "decision": "allow", "account": "main", **more}
        answer = await rd.call("GET", f"/auth/dialog?{urlencode(pairs)}")
        assert (answer.status, answer.json["errors"]["error_type"]) == (401, "ACCESS_DENIED")
        page = await rd.call("GET", f"/auth/dialog?{urlencode(pairs)}", None, {"Accept": "text/html"})
        assert (page.status, "<h1>" in page.text) == (401, True)
    app = {
        "name": "Hub",
        "client_id": "hub",
        "client_secret": "s",
        "redirect_uris": ["https://hub.example/r"],
    }
    await rd.control("apps", app)
    pairs = {"client_id": "hub", "redirect_uri": "https://hub.example/r"}
    assert (await rd.call("GET", f"/auth/dialog?{urlencode(pairs)}")).status == 200
    pairs["redirect_uri"] += "/"
    assert (await rd.call("GET", f"/auth/dialog?{urlencode(pairs)}")).status == 401


async def test_scheme_b_rolls_and_dies_of_idleness(rd: Rd) -> None:
    answer = await agree(rd, "/oauth/authorize", response_type="code")
    assert (await token(rd, code=answer["code"])).status == 401, "a code of B is none of A"
    answer = await agree(rd, "/oauth/authorize", response_type="code")
    grant = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": BACK}
    pair = (await token_b(rd, **grant)).json
    assert (pair["expires_in"], pair["token_type"]) == (7200, "Bearer")
    assert (await token_b(rd, **grant)).json["error"] == "invalid_grant"
    for _ in range(3):
        await rd.control("clock", {"advance_seconds": 13 * DAY})
        used = pair["refresh_token"]
        pair = (await token_b(rd, grant_type="refresh_token", refresh_token=used)).json
        assert await works(rd, pair["access_token"])
        dead = await token_b(rd, grant_type="refresh_token", refresh_token=used)
        assert (dead.status, dead.json["error"]) == (400, "invalid_grant")
    await rd.control("clock", {"advance_seconds": 14 * DAY + 1})
    late = await token_b(rd, grant_type="refresh_token", refresh_token=pair["refresh_token"])
    assert late.json["error"] == "invalid_grant"


async def test_scheme_b_refusals(rd: Rd) -> None:
    answer = await agree(rd, "/oauth/authorize", response_type="code")
    grant = {"grant_type": "authorization_code", "code": answer["code"]}
    assert (await token_b(rd, **grant, redirect_uri=BACK + "/")).json["error"] == "invalid_grant"
    assert (await token_b(rd, **grant, client_secret="x")).status == 401
    assert (await token_b(rd, grant_type="password")).json["error"] == "unsupported_grant_type"
    as_json = await rd.call("POST", "/oauth2/token", grant)
    assert (as_json.status, as_json.json["error"]) == (400, "invalid_request")


async def test_revoking_ends_both_tokens_and_no_other_consent(rd: Rd) -> None:
    pair = (await token(rd, code=(await agree(rd))["code"])).json
    other = (await token(rd, code=(await agree(rd))["code"])).json
    fields = {"token": pair["access_token"], "token_type_hint": "access_token"}
    revoked = await rd.form("/auth/revoke", fields)
    assert (revoked.status, revoked.json) == (200, {})
    assert not await works(rd, pair["access_token"])
    assert (await token(rd, refresh_token=pair["refresh_token"])).status == 401
    assert await works(rd, other["access_token"])


async def test_the_other_account_is_another_account(rd: Rd) -> None:
    pair = (await token(rd, code=(await agree(rd, account="second"))["code"])).json
    named = (await rd.api("GET", "/marketing/account_info", token=pair["access_token"])).json
    assert named == {"name": "Raiar Serviços de Manutenção"}
    path = "/platform/contacts/email:lucia.ferraz@example.com"
    assert (await rd.api("GET", path, token=pair["access_token"])).status == 404
    assert (await rd.api("GET", path)).status == 200


async def test_a_person_removes_the_app(rd: Rd) -> None:
    await rd.control("quirks", {"probe": "none"})
    hook = {"event_type": "WEBHOOK.CONVERTED", "entity_type": "CONTACT", "http_method": "POST"}
    await rd.api("POST", "/integrations/webhooks", {**hook, "url": "https://hub.example.com/in"})
    removed = await rd.form(f"/integracoes/apps/{rd.credentials['client_id']}/remove", {})
    assert removed.status == 303
    assert not await works(rd, rd.credentials["access_token"])
    assert (await token(rd, refresh_token=rd.credentials["refresh_token"])).status == 401
    assert (await rd.control("counts"))["webhooks"] == 0
