"""Signing in at a vendor: where a person is sent, and what the code of the way back becomes."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from vaivem.connectors.sdk import App, Connection
from vaivem.core.errors import ReconnectError, RuleError, UncertainError
from vaivem.engine import oauth
from vaivem.engine.outbound import Outbound

from .conftest import STUB, House
from .grants import Grants
from .vendor import Reply


def connection(method: str = "oauth", **settings: Any) -> Connection:
    return Connection(0, 1, "stub", "s", method, {"webhook": {"secret": "w"}}, settings)


def test_the_address_that_a_person_is_sent_to() -> None:
    verifier = oauth.new_verifier()
    assert 43 <= len(verifier) <= 128
    assert verifier != oauth.new_verifier()
    back = "https://vaivem.example/back?x=1"
    app = App("us & them", "hush")
    address = oauth.authorise_url(
        STUB, connection(), app, state="st/ate+1", redirect_uri=back, verifier=verifier
    )
    assert address.startswith("https://stub.example/authorize?prompt=yes&")
    query = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert query == {
        "prompt": "yes",
        "response_type": "code",
        "client_id": "us & them",
        "redirect_uri": back,
        "state": "st/ate+1",
        "scope": "things:read things:write",
        "code_challenge": digest,
        "code_challenge_method": "S256",
    }
    assert "hush" not in address
    plain = oauth.authorise_url(
        STUB, connection("oauth_basic"), app, state="s", redirect_uri=back, verifier=verifier
    )
    assert "code_challenge" not in plain
    chosen = connection(address_authorize="http://127.0.0.1:9/authorize")
    own = oauth.authorise_url(STUB, chosen, app, state="s", redirect_uri=back, verifier=None)
    assert own.startswith("http://127.0.0.1:9/authorize?response_type=code&")
    with pytest.raises(RuleError):
        oauth.authorise_url(STUB, connection("token"), app, state="s", redirect_uri=back, verifier=None)


async def test_a_vendor_that_insists_on_pkce_is_satisfied(house: House) -> None:
    """The vendor keeps the challenge of the address, and gives tokens for its verifier only (RFC 7636)."""
    verifier, back = oauth.new_verifier(), "https://vaivem.example/back"
    app = App("us", "hush")
    address = oauth.authorise_url(STUB, connection(), app, state="s", redirect_uri=back, verifier=verifier)
    query = parse_qs(urlsplit(address).query)
    assert query["code_challenge_method"] == ["S256"]
    grants = Grants()

    def door(method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        given = parse_qs(body.decode()).get("code_verifier", [""])[0]
        digest = base64.urlsafe_b64encode(hashlib.sha256(given.encode()).digest()).decode().rstrip("=")
        if digest != query["code_challenge"][0]:
            return 400, {"error": "invalid_grant"}, {}
        return grants.door(method, path, headers, body)

    house.vendor.door = door
    where = connection(address_token=f"{house.vendor.url}/oauth/token")
    outbound = Outbound(house.config.allowed_private_hosts)
    try:
        for wrong in (None, oauth.new_verifier()):
            with pytest.raises(ReconnectError):
                await oauth.exchange_code(
                    outbound, STUB, where, app, code="c", redirect_uri=back, verifier=wrong
                )
        found = await oauth.exchange_code(
            outbound, STUB, where, app, code="c", redirect_uri=back, verifier=verifier
        )
    finally:
        await outbound.close()
    assert found["access_token"] == "access-2"


@pytest.mark.parametrize("method", ["oauth", "oauth_basic"])
async def test_a_code_becomes_credentials(house: House, method: str) -> None:
    grants = Grants()
    house.vendor.door = grants.door
    where = connection(method, address_token=f"{house.vendor.url}/oauth/token")
    outbound = Outbound(house.config.allowed_private_hosts)
    back = "https://vaivem.example/back"
    try:
        found = await oauth.exchange_code(
            outbound, STUB, where, App("us", "hush"), code="c&1", redirect_uri=back, verifier="v" * 43
        )
        grants.outage = (400, {"error": "invalid_grant"}, {})
        with pytest.raises(ReconnectError):
            await oauth.exchange_code(
                outbound, STUB, where, App("us", "hush"), code="old", redirect_uri=back, verifier=None
            )
        grants.outage = (200, {"token_type": "Bearer"}, {})
        with pytest.raises(UncertainError):
            await oauth.exchange_code(
                outbound, STUB, where, App("us", "hush"), code="c", redirect_uri=back, verifier=None
            )
    finally:
        await outbound.close()
    assert found == {
        "access_token": "access-2", "refresh_token": "refresh-2", "lasts_seconds": 7200.0,
        "webhook": {"secret": "w"},
    }  # fmt: skip
    form = {
        "grant_type": "authorization_code", "code": "c&1", "redirect_uri": back, "code_verifier": "v" * 43,
    }  # fmt: skip
    if method == "oauth":
        assert grants.asked[0] == form | {"client_id": "us", "client_secret": "hush"}
        assert grants.authorizations[0] == ""
    else:
        assert grants.asked[0] == form
        assert grants.authorizations[0] == f"Basic {base64.b64encode(b'us:hush').decode()}"
    assert "code_verifier" not in grants.asked[1]


def test_what_a_token_answer_leaves_out() -> None:
    flow = oauth.flow(STUB, connection("oauth_basic"))
    before = {"refresh_token": "kept", "webhook": {"secret": "w"}}
    assert oauth.token_credentials({"access_token": "a"}, before, flow.access_seconds) == {
        "access_token": "a", "refresh_token": "kept", "lasts_seconds": 1800.0, "webhook": {"secret": "w"},
    }  # fmt: skip
