"""Connecting by signing in at the vendor, against a served test account."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.hub.conftest import Site
from tests.hub.served import served
from typing_extensions import override

KEY = "rd_station_crm"
HUB = "http://127.0.0.1"


@pytest.fixture(scope="module")
def crm() -> Iterator[dict[str, Any]]:
    with served(KEY) as ready:
        yield ready


@pytest.fixture
def form(site: Site, crm: dict[str, Any]) -> dict[str, str]:
    """What a person enters; the app is set up."""
    app = {"client_id": crm["credentials"]["client_id"], "client_secret": crm["credentials"]["client_secret"]}
    done = site.browser(site.owner).post(site.url(f"connections/new/{KEY}/app/"), app)
    assert done.headers["location"] == site.url(f"connections/new/{KEY}/?method=oauth")
    base = crm["base_url"]
    return {
        "method": "oauth",
        "name": "Vendas",
        "set_zone": "America/Sao_Paulo",
        "set_address_api": f"{base}/crm/v2",
        "set_address_authorize": f"{base}/oauth/authorize",
        "set_address_token": f"{base}/oauth2/token",
        "set_address_web": base,
        "set_custom_field_key": "slug",
        "set_put_mode": "partial",
        "set_date_format": "iso",
    }


class _Stay(urllib.request.HTTPRedirectHandler):
    @override
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def allow(target: str, decision: str = "allow", which: int = 0) -> str:
    """Do what a person does at the vendor: choose the user, allow (or not); return where that leads."""
    page = urllib.request.urlopen(target).read().decode()
    links = [part.split('"')[0].replace("&amp;", "&") for part in page.split('href="')[1:]]
    yes = [link for link in links if f"decision={decision}" in link][which]
    parts = urlsplit(target)
    with pytest.raises(HTTPError) as sent:
        urllib.request.build_opener(_Stay).open(f"{parts.scheme}://{parts.netloc}{yes}")
    with sent.value:
        assert sent.value.code == 302
        return str(sent.value.headers["location"]).removeprefix(HUB)


def go(site: Site, browser: Any, form: dict[str, str], path: str = f"connections/new/{KEY}/") -> str:
    """Start signing in and return the vendor's address."""
    answer = browser.post(site.url(path), form)
    if answer.status_code == 200:  # an address of one's own: the page asks before it leads there
        return str(answer.context["target"])
    assert answer.status_code == 302
    return str(answer.headers["location"])


def test_the_page_asks_for_an_app_and_shows_the_return_address(site: Site) -> None:
    page = site.browser(site.owner).get(site.url(f"connections/new/{KEY}/?method=oauth"))
    assert "http://127.0.0.1/oauth/callback" in page.text
    assert "client_secret" in page.text
    policy = page.headers["content-security-policy"]
    assert policy.endswith("form-action 'self' https://accounts.rdstation.com")


def test_the_secret_of_an_app_is_never_shown_again(
    site: Site, form: dict[str, str], crm: dict[str, Any]
) -> None:
    page = site.browser(site.owner).get(site.url(f"connections/new/{KEY}/?method=oauth"))
    assert crm["credentials"]["client_id"] in page.text
    assert crm["credentials"]["client_secret"] not in page.text


def test_signing_in_connects(site: Site, form: dict[str, str]) -> None:
    from vaivem.hub.connections.lines import as_connection
    from vaivem.hub.connections.models import Connection, OAuthState

    browser = site.browser(site.owner)
    target = go(site, browser, form)
    asked = parse_qs(urlsplit(target).query)
    assert asked["redirect_uri"] == ["http://127.0.0.1/oauth/callback"]
    back = allow(target)
    done = browser.get(back)
    row = Connection.objects.get()
    assert done.headers["location"] == site.url(f"connections/{row.pk}/?new=1")
    assert (row.name, row.method, row.state) == ("Vendas", "oauth", "working")
    assert row.expires is not None
    assert row.refreshed is not None
    credentials = as_connection(row).credentials
    assert credentials["access_token"]
    assert credentials["refresh_token"]
    assert not OAuthState.objects.exists()
    assert credentials["access_token"] not in browser.get(site.url(f"connections/{row.pk}/")).text


def test_the_way_back_works_once(site: Site, form: dict[str, str]) -> None:
    from vaivem.hub.connections.models import Connection

    browser = site.browser(site.owner)
    back = allow(go(site, browser, form))
    assert browser.get(back).status_code == 302
    assert browser.get(back).status_code == 400
    assert Connection.objects.count() == 1


def test_the_way_back_is_only_for_who_started(site: Site, form: dict[str, str]) -> None:
    from vaivem.hub.connections.models import Connection

    back = allow(go(site, site.browser(site.owner), form))
    assert site.browser(site.stranger).get(back).status_code == 400
    assert site.browser(site.viewer).get(back).status_code == 400
    assert site.browser().get(back).headers["location"].startswith("/account/login/")
    assert site.browser(site.owner).get("/oauth/callback?state=made-up&code=x").status_code == 400
    assert not Connection.objects.exists()


def test_a_refusal_at_the_vendor_is_said(site: Site, form: dict[str, str]) -> None:
    from vaivem.hub.connections.models import Connection

    browser = site.browser(site.owner)
    state = parse_qs(urlsplit(go(site, browser, form)).query)["state"][0]
    page = browser.get(f"/oauth/callback?error=access_denied&state={state}")
    assert page.status_code == 400
    assert "access_denied" in page.text
    assert not Connection.objects.exists()


def test_a_code_that_the_vendor_refuses_is_said(site: Site, form: dict[str, str]) -> None:
    browser = site.browser(site.owner)
    state = parse_qs(urlsplit(go(site, browser, form)).query)["state"][0]
    page = browser.get(f"/oauth/callback?code=made-up&state={state}")
    assert page.status_code == 400
    assert "Try again" in page.text


def test_reconnecting_by_signing_in_keeps_the_connection(site: Site, form: dict[str, str]) -> None:
    from vaivem.hub.connections.models import Connection

    browser = site.browser(site.owner)
    browser.get(allow(go(site, browser, form)))
    row = Connection.objects.get()
    before, hook = bytes(row.credentials), row.hook
    Connection.objects.update(state="reconnect")
    target = go(site, browser, form, f"connections/{row.pk}/reconnect/")
    browser.get(allow(target))
    row.refresh_from_db()
    assert Connection.objects.count() == 1
    assert (row.state, row.hook, row.name) == ("working", hook, "Vendas")
    assert bytes(row.credentials) != before


def test_the_lists_of_the_account_are_offered_in_its_settings(site: Site, form: dict[str, str]) -> None:
    from vaivem.hub.connections.models import Connection

    browser = site.browser(site.owner)
    browser.get(allow(go(site, browser, form)))
    row = Connection.objects.get()
    page = browser.get(site.url(f"connections/{row.pk}/settings/"))
    assert page.context["form"].fields["set_default_owner"].choices[1:]
    assert row.settings.get("reference_field") is None
    offered = browser.get(site.url(f"connections/{row.pk}/?new=1")).text
    assert site.url(f"connections/{row.pk}/prepare/reference_field/") in offered
    assert site.url(f"connections/{row.pk}/test/") in offered
    made = browser.post(site.url(f"connections/{row.pk}/prepare/reference_field/"))
    assert made.status_code == 302
    row.refresh_from_db()
    assert row.settings["reference_field"]
