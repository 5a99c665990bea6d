"""Consent, codes, tokens, and a server that signs for a user."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from vaivem.simulators.docusign.access import challenge_of
from vaivem.simulators.docusign.assertions import new_pair

if TYPE_CHECKING:
    from tests.simulators.docusign.conftest import Ds


def assertion(ds: Ds, key: str = "", **claims: Any) -> str:
    """A JWT as the vendor's documents say, with some claims put in place of theirs."""
    now = int(time.time())
    all_claims = {
        "iss": ds.credentials["integration_key"],
        "sub": ds.credentials["user_id"],
        "aud": "account-d.docusign.com",
        "iat": now,
        "exp": now + 3600,
        "scope": "signature impersonation",
        **claims,
    }

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    signed = f"{part(orjson.dumps({'alg': 'RS256', 'typ': 'JWT'}))}.{part(orjson.dumps(all_claims))}"
    private: Any = load_pem_private_key((key or ds.credentials["private_key"]).encode(), None)
    return f"{signed}.{part(private.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"


async def jwt(ds: Ds, sent: str) -> Any:
    return await ds.form(
        "/oauth/token",
        {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": sent},
    )


async def code(ds: Ds, scope: str = "signature extended") -> dict[str, Any]:
    back = await ds.consent(scope)
    answer = await ds.token(grant_type="authorization_code", code=back["code"])
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


async def test_a_code_becomes_tokens_and_userinfo_names_the_accounts(ds):
    back = await ds.consent()
    assert back["state"] == "s"
    got = await ds.token(grant_type="authorization_code", code=back["code"])
    assert got.json.keys() == {"access_token", "token_type", "refresh_token", "expires_in"}
    assert (got.json["token_type"], got.json["expires_in"]) == ("Bearer", 28800)
    again = await ds.token(grant_type="authorization_code", code=back["code"])
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    headers = {"Authorization": f"Bearer {got.json['access_token']}"}
    told = (await ds.call("GET", "/oauth/userinfo", **headers)).json
    assert told["sub"] == ds.credentials["user_id"]
    assert [one["is_default"] for one in told["accounts"]] == [True, False]
    assert {one["base_uri"] for one in told["accounts"]} == {ds.base_url}
    assert (await ds.api("GET", "", token=got.json["access_token"])).json["accountIdGuid"] == ds.id
    assert (await ds.call("GET", "/oauth/userinfo", Authorization="Bearer x")).status == 401


async def test_the_accounts_number_works_in_place_of_its_guid(ds):
    assert (await ds.api("GET", "", account="30145561")).status == 200
    answer = await ds.api("GET", "", account="1")
    assert answer.json["errorCode"] == "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT"


async def test_a_wrong_secret_a_late_code_and_a_missing_verifier_are_refused(ds):
    back = await ds.consent()
    wrong = await ds.token(secret="wrong", grant_type="authorization_code", code=back["code"])
    assert (wrong.status, wrong.json["error"]) == (400, "invalid_client")
    await ds.advance(minutes=3)
    late = await ds.token(grant_type="authorization_code", code=back["code"])
    assert late.json["error"] == "invalid_grant"
    asked = {"code_challenge": challenge_of("v" * 43), "code_challenge_method": "S256"}
    for verifier, status in (("", 400), ("w" * 43, 400), ("v" * 43, 200)):
        back = await ds.consent(**asked)
        sent = {"grant_type": "authorization_code", "code": back["code"], "code_verifier": verifier}
        assert (await ds.token(**sent)).status == status


async def test_access_lasts_eight_hours_and_a_used_refresh_token_is_dead(ds):
    first = await code(ds)
    await ds.advance(hours=8, minutes=1)
    answer = await ds.api("GET", "", token=first["access_token"])
    assert (answer.status, answer.json["errorCode"]) == (401, "AUTHORIZATION_INVALID_TOKEN")
    second = await ds.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (await ds.api("GET", "", token=second.json["access_token"])).status == 200
    assert second.json["refresh_token"] != first["refresh_token"]
    again = await ds.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.json["error"] == "invalid_grant"


@pytest.mark.parametrize(("scope", "lives"), [("signature extended", True), ("signature", False)])
async def test_only_extended_gives_each_refresh_token_thirty_days_more(ds, scope, lives):
    token = (await code(ds, scope))["refresh_token"]
    await ds.advance(days=20)
    token = (await ds.token(grant_type="refresh_token", refresh_token=token)).json["refresh_token"]
    await ds.advance(days=20)
    answer = await ds.token(grant_type="refresh_token", refresh_token=token)
    assert (answer.status == 200) is lives


async def test_an_idle_connection_dies_after_thirty_days(ds):
    token = (await code(ds))["refresh_token"]
    await ds.advance(days=31)
    assert (await ds.token(grant_type="refresh_token", refresh_token=token)).status == 400


async def test_a_server_needs_consent_once_and_then_signs_for_a_user(ds):
    refused = await jwt(ds, assertion(ds))
    assert (refused.status, refused.json) == (400, {"error": "consent_required"})
    await ds.consent("signature impersonation")
    got = (await jwt(ds, assertion(ds))).json
    assert got.keys() == {"access_token", "token_type", "expires_in"}
    assert got["expires_in"] == 3600
    assert (await ds.api("GET", "", token=got["access_token"])).status == 200
    await ds.advance(hours=1, seconds=1)
    assert (await ds.api("GET", "", token=got["access_token"])).status == 401
    assert (await jwt(ds, assertion(ds))).status == 200  # by the machine's clock it is no older
    for host in (ds.base_url.removeprefix("http://"), "127.0.0.1", "account.docusign.com"):
        assert (await jwt(ds, assertion(ds, aud=host))).status == 200
    await ds.control("revoke", {})
    assert (await jwt(ds, assertion(ds))).json == {"error": "consent_required"}


async def test_assertions_that_are_not_taken(ds):
    await ds.consent("signature impersonation")
    now = int(time.time())
    stranger, _ = new_pair()
    for sent, said in (
        (assertion(ds, iss="nobody"), "issuer_not_found"),
        (assertion(ds, sub="nobody"), "user_not_found"),
        (assertion(ds, key=stranger), "no_valid_keys_or_signatures"),
        (assertion(ds) + "x", "no_valid_keys_or_signatures"),
        ("no.jwt", "no_valid_keys_or_signatures"),
        (assertion(ds, iat=now - 7200, exp=now - 3600), "expired_client_token"),
        (assertion(ds, exp=now + 90_000), "expired_client_token"),
        (assertion(ds, aud="https://account-d.docusign.com"), "invalid_audience"),
    ):
        answer = await jwt(ds, sent)
        assert answer.status == 400
        assert answer.json == {"error": "invalid_grant", "error_description": said}


async def test_a_person_may_say_no_and_is_never_sent_elsewhere(ds):
    assert (await ds.consent(decision="deny"))["error"] == "access_denied"
    assert (await ds.consent("signature nonsense"))["error"] == "invalid_scope"
    assert (await ds.consent(response_type="token"))["error"] == "unsupported_response_type"
    asked = {"client_id": ds.credentials["integration_key"], "redirect_uri": "https://evil.example/"}
    for change, text in (({}, "redirecionamento"), ({"client_id": "x"}, "chave de integração")):
        answer = await ds.call("GET", f"/oauth/auth?{urlencode({**asked, **change})}")
        assert (answer.status, text in answer.text) == (400, True)


async def test_the_page_shows_the_scopes_and_every_person(ds):
    query = {
        "response_type": "code",
        "scope": "signature extended",
        "client_id": ds.credentials["integration_key"],
        "redirect_uri": "http://127.0.0.1:9/back",
        "login_hint": "otavio@raiarsolar.example",
    }
    page = (await ds.call("GET", f"/oauth/auth?{urlencode(query)}")).text
    assert "Continuar conectado" in page
    assert page.index("Otávio Reis") < page.index("Júlia Prado")


async def test_revoking_on_the_page_ends_the_tokens(ds):
    got = await code(ds)
    page = (await ds.call("GET", "/apps")).text
    assert "Revogar" in page
    key, user = ds.credentials["integration_key"], ds.credentials["user_id"]
    assert (await ds.form(f"/apps/{key}/{user}/revoke", {})).status == 303
    assert (await ds.api("GET", "", token=got["access_token"])).status == 401
    answer = await ds.token(grant_type="refresh_token", refresh_token=got["refresh_token"])
    assert answer.json["error"] == "invalid_grant"


async def test_a_token_without_signature_does_nothing(ds):
    got = await code(ds, "openid")
    answer = await ds.api("GET", "", token=got["access_token"])
    assert (answer.status, answer.json["errorCode"]) == (401, "USER_AUTHENTICATION_FAILED")


async def test_expire_tokens_ends_access_only(ds):
    got = await code(ds)
    await ds.control("faults", {"expire_tokens": True})
    assert (await ds.api("GET", "", token=got["access_token"])).status == 401
    answer = await ds.token(grant_type="refresh_token", refresh_token=got["refresh_token"])
    assert answer.status == 200
