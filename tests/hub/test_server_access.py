"""Connecting a server by its key, pasting besides signing in, and lists of secrets that change later."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.hub.conftest import Site
from tests.hub.served import served
from tests.hub.test_oauth import allow

if TYPE_CHECKING:
    from vaivem.hub.connections.models import Connection

KEY = "docusign"


@pytest.fixture(scope="module")
def vendor() -> Iterator[dict[str, Any]]:
    with served(KEY) as ready:
        yield ready


def control(vendor: dict[str, Any], path: str, body: Any) -> None:
    request = urllib.request.Request(
        f"{vendor['control_url']}/{path}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    urllib.request.urlopen(request).close()


def agree(vendor: dict[str, Any]) -> None:
    """Let the user allow the app to act for them."""
    known = {key: vendor["credentials"][key] for key in ("integration_key", "user_id")}
    control(vendor, "consents", {**known, "scopes": ["signature", "impersonation"]})


@pytest.fixture
def addresses(vendor: dict[str, Any]) -> dict[str, str]:
    control(vendor, "reset", {})
    base = vendor["base_url"]
    return {
        "name": "Assinaturas", "set_environment": "demo", "set_connect": "api",
        "set_zone": "America/Sao_Paulo", "set_catch_up": "on",
        "set_address_account": base, "set_address_authorize": f"{base}/oauth/auth",
        "set_address_token": f"{base}/oauth/token", "set_address_web": base,
    }  # fmt: skip


@pytest.fixture
def pasted(vendor: dict[str, Any], addresses: dict[str, str]) -> dict[str, str]:
    """What a person pastes for a server, with what clings to it."""
    known = vendor["credentials"]
    return {
        "method": "jwt", **addresses,
        "cred_client_id": f" {known['integration_key']}\n", "cred_user": known["user_id"],
        "cred_private_key": f"“{known['private_key']}”\r\n",
        "cred_hmac_keys": f"{known['connect_key']}\n\n 'second-key' \n{known['connect_key']}",
    }  # fmt: skip


def the_connection() -> Connection:
    from vaivem.hub.connections.models import Connection

    return Connection.objects.get()


def secrets(row: Connection) -> dict[str, Any]:
    from vaivem.hub.connections.lines import as_connection

    return dict(as_connection(row).credentials)


def test_a_server_is_connected_by_its_key_once_the_user_has_agreed(
    site: Site, vendor: dict[str, Any], pasted: dict[str, str]
) -> None:
    browser = site.browser(site.owner)
    url = site.url(f"connections/new/{KEY}/")
    page = browser.post(url, pasted)
    assert page.status_code == 422
    assert f"{vendor['base_url']}/oauth/auth?response_type=code" in page.text, "where"
    assert "BEGIN" not in page.text.partition("cred_private_key")[2].partition("</textarea>")[0]
    known = vendor["credentials"]
    agreed = {
        "integration_key": known["integration_key"],
        "user_id": known["user_id"],
        "scopes": ["signature", "impersonation"],
    }
    control(vendor, "consents", agreed)
    done = browser.post(url, {**pasted, "cred_private_key": ""})
    assert done.status_code == 302, "the key of a moment ago is kept"
    row = the_connection()
    assert (row.method, row.state, row.account["name"]) == ("jwt", "working", "Raiar Solar")
    kept = secrets(row)
    assert kept["hmac_keys"] == [known["connect_key"], "second-key"]
    assert "access_token" not in kept
    shown = browser.get(site.url(f"connections/{row.pk}/")).text
    assert known["connect_key"] not in shown
    assert known["private_key"][40:80] not in shown
    tested = browser.post(site.url(f"connections/{row.pk}/test/"))
    assert "pill ok" in tested.text


@pytest.mark.parametrize("key", ["nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_key_that_is_none_is_said(site: Site, pasted: dict[str, str], key: str) -> None:
    page = site.browser(site.owner).post(
        site.url(f"connections/new/{KEY}/"), {**pasted, "cred_private_key": key}
    )
    assert page.status_code == 422
    assert "RSA" in page.text
    assert not _any()


def _any() -> bool:
    from vaivem.hub.connections.models import Connection

    return Connection.objects.exists()


def signed_in(site: Site, vendor: dict[str, Any], addresses: dict[str, str], keys: str) -> Any:
    browser = site.browser(site.owner)
    known = vendor["credentials"]
    app = {"client_id": known["integration_key"], "client_secret": known["secret_key"]}
    browser.post(site.url(f"connections/new/{KEY}/app/"), app)
    form = {"method": "oauth", **addresses, "cred_hmac_keys": keys}
    answer = browser.post(site.url(f"connections/new/{KEY}/"), form)
    target = str(answer.context["target"])
    assert keys.partition("\n")[0] not in target
    return browser, target


def test_what_is_pasted_besides_signing_in_is_kept_sealed(
    site: Site, vendor: dict[str, Any], addresses: dict[str, str]
) -> None:
    from vaivem.hub.connections.models import OAuthState

    keys = vendor["credentials"]["connect_key"]
    browser, target = signed_in(site, vendor, addresses, keys)
    assert target.startswith(f"{vendor['base_url']}/oauth/auth?")
    assert "scope=signature+extended" in target
    assert keys.encode() not in bytes(OAuthState.objects.get().verifier)
    done = browser.get(allow(target))
    assert done.status_code == 302, done.text
    row = the_connection()
    kept = secrets(row)
    assert kept["hmac_keys"] == [keys]
    assert kept["refresh_token"]
    assert row.account["details"]["base_uri"]


@pytest.fixture
def connected(site: Site, vendor: dict[str, Any], pasted: dict[str, str]) -> Connection:
    known = vendor["credentials"]
    agreed = {
        "integration_key": known["integration_key"],
        "user_id": known["user_id"],
        "scopes": ["signature", "impersonation"],
    }
    control(vendor, "consents", agreed)
    assert site.browser(site.owner).post(site.url(f"connections/new/{KEY}/"), pasted).status_code == 302
    return the_connection()


def test_keys_are_added_and_removed_in_the_settings_and_never_shown(
    site: Site, connected: Connection, addresses: dict[str, str]
) -> None:
    browser = site.browser(site.owner)
    url = site.url(f"connections/{connected.pk}/settings/")
    page = browser.get(url)
    before = secrets(connected)["hmac_keys"]
    assert before[1] == "second-key"
    assert all(one not in page.text for one in before)
    form = page.context["form"]
    names = {label: value for value, label in form.fields["drop_hmac_keys"].choices}
    settings = {key: value for key, value in addresses.items() if key.startswith("set_")}
    change = {**settings, "drop_hmac_keys": [names["-key"]], "add_hmac_keys": " third-key \n"}
    assert browser.post(url, change).status_code == 302
    assert secrets(the_connection())["hmac_keys"] == [before[0], "third-key"]
    unknown = browser.post(url, {**settings, "drop_hmac_keys": ["0" * 16]})
    assert unknown.status_code == 422
    assert browser.post(url, settings).status_code == 302
    assert secrets(the_connection())["hmac_keys"] == [before[0], "third-key"]
    entries = browser.get(site.url("settings/audit/")).text
    assert "third-key" not in entries


def test_keys_outlive_a_reconnect_that_brings_none(
    site: Site, connected: Connection, pasted: dict[str, str]
) -> None:
    before = secrets(connected)["hmac_keys"]
    again = {**pasted, "cred_hmac_keys": ""}
    done = site.browser(site.owner).post(site.url(f"connections/{connected.pk}/reconnect/"), again)
    assert done.status_code == 302
    assert secrets(the_connection())["hmac_keys"] == before


def test_who_may_not_change_connections_sees_no_keys(site: Site, connected: Connection) -> None:
    url = site.url(f"connections/{connected.pk}/settings/")
    for member in (site.viewer, site.stranger):
        assert site.browser(member).get(url).status_code in (403, 404)
        assert site.browser(member).post(url, {"add_hmac_keys": "x"}).status_code in (403, 404)
    assert "x" not in secrets(the_connection())["hmac_keys"]


def test_by_hand_the_address_and_every_step_are_shown(
    site: Site, connected: Connection, addresses: dict[str, str]
) -> None:
    browser = site.browser(site.owner)
    settings = {key: value for key, value in addresses.items() if key.startswith("set_")}
    changed = {**settings, "set_connect": "hand"}
    assert browser.post(site.url(f"connections/{connected.pk}/settings/"), changed).status_code == 302
    page = browser.get(site.url(f"connections/{connected.pk}/"))
    assert page.context["hook_by_hand"]
    assert len(page.context["hook_steps"]) == 5
    assert all(step[:40] in page.text for step in page.context["hook_steps"])
