"""The end of an access, against a served Pipedrive: taken away there, given back here, forecast, told."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.translation import override
from tests.hub.conftest import Site
from tests.hub.served import served
from tests.hub.test_oauth import allow, go

KEY = "pipedrive"


@pytest.fixture(scope="module")
def account() -> Iterator[dict[str, Any]]:
    with served(KEY) as ready:
        yield ready


@pytest.fixture
def form(site: Site, account: dict[str, Any]) -> dict[str, str]:
    app = {name: account["credentials"][name] for name in ("client_id", "client_secret")}
    site.browser(site.owner).post(site.url(f"connections/new/{KEY}/app/"), app)
    base = account["base_url"]
    return {
        "method": "oauth", "name": "Vendas", "set_plan": "premium", "set_seats": "5",
        "set_address_api": base, "set_address_authorize": f"{base}/oauth/authorize",
        "set_address_token": f"{base}/oauth/token", "set_address_web": base,
    }  # fmt: skip


@pytest.fixture
def row(site: Site, form: dict[str, str]) -> Any:
    """A connection made by consent."""
    from vaivem.hub.connections.models import Connection

    browser = site.browser(site.owner)
    browser.get(allow(go(site, browser, form, f"connections/new/{KEY}/")))
    return Connection.objects.get()


def told(account: dict[str, Any], row: Any, **changes: Any) -> dict[str, Any]:
    """What the vendor sends when the app is removed."""
    company, user = row.account["id"].split(":")
    body = {
        "client_id": account["credentials"]["client_id"], "company_id": int(company), "user_id": int(user),
        "timestamp": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    return body | changes


def remove_there(site: Site, account: dict[str, Any], body: Any, secret: str = "") -> int:
    app = account["credentials"]
    pair = f"{app['client_id']}:{secret or app['client_secret']}"
    return int(
        site.browser(csrf=True)
        .generic(
            "DELETE", "/oauth/callback", json.dumps(body), "application/json",
            headers={"authorization": "Basic " + base64.b64encode(pair.encode()).decode()},
        )
        .status_code
    )  # fmt: skip


def gate(row: Any) -> tuple[int, str] | None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select state, code from gate where conn = %s", [row.pk])
        found: tuple[int, str] | None = cursor.fetchone()
    return found


def test_an_app_removed_there_is_shown_and_told(site: Site, account: dict[str, Any], row: Any) -> None:
    from vaivem.hub.alerts.troubles import read_troubles

    assert remove_there(site, account, told(account, row)) == 200
    row.refresh_from_db()
    assert (row.state, gate(row)) == ("reconnect", (2, "removed_there"))
    listed = site.browser(site.owner).get(site.url("connections/")).text
    assert "Removed there" in listed
    assert "removed at the vendor" in listed
    page = site.browser(site.owner).get(site.url(f"connections/{row.pk}/")).text
    assert "disconnect it here too" in page
    with override("en"):
        (trouble,) = read_troubles(site.workspace, datetime.now(UTC))
    assert "removed the app" in trouble.text


def test_after_a_reconnect_all_is_well_again(
    site: Site, account: dict[str, Any], row: Any, form: dict[str, str]
) -> None:
    remove_there(site, account, told(account, row))
    browser = site.browser(site.owner)
    browser.get(allow(go(site, browser, form, f"connections/{row.pk}/reconnect/")))
    row.refresh_from_db()
    assert (row.state, gate(row)) == ("working", (0, ""))
    late = told(account, row, timestamp=(datetime.now(UTC) - timedelta(hours=1)).isoformat())
    assert remove_there(site, account, late) == 200  # what is told of before the reconnect changes nothing
    row.refresh_from_db()
    assert row.state == "working"


@pytest.mark.parametrize(
    ("changes", "secret"),
    [
        ({}, "guessed"),
        ({"client_id": "other"}, ""),
        ({"company_id": None}, ""),
        ({"user_id": "1' or 1=1"}, ""),
    ],
)
def test_what_is_not_proved_or_of_nobody_changes_nothing(
    site: Site, account: dict[str, Any], row: Any, changes: dict[str, Any], secret: str
) -> None:
    remove_there(site, account, told(account, row, **changes), secret)
    row.refresh_from_db()
    assert row.state == "working"
    assert remove_there(site, account, "no object") == 401
    assert site.browser(csrf=True).delete("/oauth/callback").status_code == 401
    assert site.browser(csrf=True).post("/oauth/callback", "x" * 70_000, "text/plain").status_code == 413


def test_another_workspaces_own_app_reaches_only_its_own(
    site: Site, account: dict[str, Any], row: Any
) -> None:
    from vaivem.hub.connections.models import OAuthApp
    from vaivem.hub.workspaces.models import Workspace

    OAuthApp.objects.update(workspace=Workspace.objects.get(slug="outra"))
    assert remove_there(site, account, told(account, row)) == 200
    row.refresh_from_db()
    assert row.state == "working"


def control(account: dict[str, Any], path: str, body: Any) -> Any:
    request = urllib.request.Request(
        f"{account['base_url']}/_control/{path}",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    return json.loads(urllib.request.urlopen(request).read())


def test_an_app_removed_there_ends_every_connection_through_it_and_no_other(
    site: Site, account: dict[str, Any], row: Any, form: dict[str, str]
) -> None:
    from vaivem.hub.connections.models import Connection, OAuthApp
    from vaivem.hub.workspaces.models import Membership, Role, Workspace

    OAuthApp.objects.update(workspace=None)  # the operator's, for all workspaces
    third = Workspace.objects.create(name="Terceira", slug="terceira")
    Membership.objects.create(member=site.stranger, workspace=third, role=Role.OWNER)

    def connect(slug: str, name: str, which: int = 0, **changes: str) -> Any:
        here = replace(site, workspace=Workspace.objects.get(slug=slug))
        browser = site.browser(site.owner if slug == site.workspace.slug else site.stranger)
        asked = {**form, "name": name, **changes}
        browser.get(allow(go(here, browser, asked, f"connections/new/{KEY}/"), which=which))
        return Connection.objects.get(name=name)

    again = connect("raiar-solar", "De novo")
    elsewhere = connect("outra", "Noutro espaço")
    colleague = connect("raiar-solar", "De outra pessoa", which=1)
    own = {"client_id": "outro-app", "client_secret": "outro-segredo"}
    uris = ["http://127.0.0.1/oauth/callback"]
    control(account, "apps", {"name": "Outro app", **own, "redirect_uris": uris})
    site.browser(site.stranger).post(f"/w/terceira/connections/new/{KEY}/app/", own)
    other_app = connect("terceira", "Por outro app")
    assert {one.account["id"] for one in (row, again, elsewhere, other_app)} == {row.account["id"]}
    assert colleague.account["id"] != row.account["id"]

    assert remove_there(site, account, told(account, row)) == 200
    states = {one.name: one.state for one in Connection.objects.all()}
    assert states == {
        "Vendas": "reconnect",
        "De novo": "reconnect",
        "Noutro espaço": "reconnect",
        "De outra pessoa": "working",
        "Por outro app": "working",
    }
    assert gate(elsewhere) == (2, "removed_there")
    assert gate(other_app) in (None, (0, ""))


def still_good(account: dict[str, Any], credentials: Any) -> bool:
    """Ask the vendor whether an access token is still taken."""
    request = urllib.request.Request(
        f"{account['base_url']}/v1/users/me",
        headers={"authorization": f"Bearer {credentials['access_token']}"},
    )
    try:
        return bool(urllib.request.urlopen(request).status == 200)
    except urllib.error.HTTPError:
        return False


def test_disconnecting_gives_the_access_back(site: Site, account: dict[str, Any], row: Any) -> None:
    from vaivem.hub.connections.lines import as_connection

    credentials = as_connection(row).credentials
    assert still_good(account, credentials)
    address = site.url(f"connections/{row.pk}/remove/")
    browser = site.browser(site.owner)
    assert "given back" in browser.get(address).text
    assert browser.post(address).status_code == 302
    row.refresh_from_db()
    assert row.state == "removed"
    assert not still_good(account, credentials)


def test_an_access_that_another_connection_lives_by_is_kept(
    site: Site, account: dict[str, Any], row: Any, form: dict[str, str]
) -> None:
    from vaivem.hub.connections.lines import as_connection
    from vaivem.hub.connections.models import Connection

    browser = site.browser(site.owner)
    browser.get(allow(go(site, browser, {**form, "name": "Outra"}, f"connections/new/{KEY}/")))
    other = Connection.objects.exclude(pk=row.pk).get()
    address = site.url(f"connections/{row.pk}/remove/")
    assert "given back" not in browser.get(address).text
    browser.post(address)
    assert still_good(account, as_connection(other).credentials)


def test_a_vendor_that_does_not_answer_does_not_keep_a_connection(site: Site, row: Any) -> None:
    from vaivem.hub.connections.models import Connection

    settings = {**row.settings, "address_token": "http://127.0.0.1:9/oauth/token"}
    Connection.objects.update(settings=settings)
    browser = site.browser(site.owner)
    browser.post(site.url(f"connections/{row.pk}/remove/"))
    row.refresh_from_db()
    assert row.state == "removed"
    assert "could not be taken back" in browser.get(site.url("connections/")).text


def test_a_page_renews_an_access_that_is_over(site: Site, account: dict[str, Any], row: Any) -> None:
    control(account, "faults", {"expire_tokens": True})
    page = site.browser(site.owner).post(site.url(f"connections/{row.pk}/test/"))
    assert "Access accepted" in page.text
    row.refresh_from_db()
    assert (row.state, row.refreshes) == ("working", 1)


def test_what_the_app_may_not_do_is_said_in_words(site: Site, row: Any) -> None:
    from vaivem.hub.connections.lines import as_connection, vault

    browser = site.browser(site.owner)
    address = site.url(f"connections/{row.pk}/test/")
    assert "may not do everything" not in browser.post(address).text
    known = dict(as_connection(row).credentials)
    row.credentials = vault().seal(
        {**known, "scope": "base,deals:full,contacts:full,activities:full,users:read"}
    )
    row.save()
    page = browser.post(address).text
    assert "administration, to create and remove webhooks (admin)" in page
    assert "search (search:read)" in page
    assert "deals" not in page.partition("Missing:")[2].partition("</")[0]


def test_every_connection_is_in_the_forecast(site: Site, row: Any) -> None:
    from vaivem.hub.connections.models import Connection

    now = datetime.now(UTC)
    listed = site.browser(site.owner).get(site.url("connections/"))
    assert [one.row.pk for one in listed.context["ending"]] == [row.pk]
    (one,) = listed.context["ending"]
    assert timedelta(days=23) < one.renews_at - now < timedelta(days=31)
    Connection.objects.filter(pk=row.pk).update(method="token", credentials=row.credentials)
    listed = site.browser(site.owner).get(site.url("connections/"))
    assert [one.row.pk for one in listed.context["endless"]] == [row.pk]


def test_a_renewal_that_fails_is_shown_and_after_a_day_told(site: Site, row: Any) -> None:
    from vaivem.hub.alerts.troubles import read_troubles
    from vaivem.hub.connections.models import Connection

    now = datetime.now(UTC)
    for hours, troubles in ((2, 0), (30, 1)):
        since = (now - timedelta(hours=hours)).isoformat()
        renewal = {
            "at": now.isoformat(),
            "since": since,
            "tries": 9,
            "code": "vendor_unavailable",
            "params": {},
        }
        Connection.objects.filter(pk=row.pk).update(renewal=renewal)
        assert "Could not be renewed since" in site.browser(site.owner).get(site.url("connections/")).text
        with override("en"):
            found = read_troubles(site.workspace, now)
        assert len(found) == troubles
    assert "could not be renewed" in found[0].title


def test_a_consent_that_is_cancelled_there_is_said_and_leaves_nothing(
    site: Site, form: dict[str, str]
) -> None:
    from vaivem.hub.connections.models import Connection, OAuthState

    browser = site.browser(site.owner)
    target = go(site, browser, form, f"connections/new/{KEY}/")
    back = allow(target, decision="deny")
    page = browser.get(back)
    assert page.status_code == 400
    assert "access was not given" in page.text
    assert not Connection.objects.exists()
    assert not OAuthState.objects.exists()


def test_another_account_is_refused_in_words(site: Site, form: dict[str, str], row: Any) -> None:
    browser = site.browser(site.owner)
    before = bytes(row.credentials)
    back = allow(go(site, browser, form, f"connections/{row.pk}/reconnect/"), which=1)
    page = browser.get(back)
    assert page.status_code == 400
    assert "This is another account" in page.text
    row.refresh_from_db()
    assert bytes(row.credentials) == before


def test_a_code_used_twice_is_said_and_changes_nothing(
    site: Site, account: dict[str, Any], form: dict[str, str], row: Any
) -> None:
    browser = site.browser(site.owner)
    back = allow(go(site, browser, form, f"connections/{row.pk}/reconnect/"))
    assert browser.get(back).status_code == 302
    row.refresh_from_db()
    before = bytes(row.credentials)
    code = back.partition("code=")[2].partition("&")[0]
    state = (
        go(site, browser, form, f"connections/{row.pk}/reconnect/").partition("state=")[2].partition("&")[0]
    )
    page = browser.get(f"/oauth/callback?code={code}&state={state}")
    assert page.status_code == 400
    assert "Try again" in page.text
    row.refresh_from_db()
    assert bytes(row.credentials) == before


def test_what_a_page_asks_counts_towards_the_day(site: Site, account: dict[str, Any], row: Any) -> None:
    from django.db import connection

    def spent() -> int:
        with urllib.request.urlopen(f"{account['base_url']}/_control/budget") as answer:
            return int(json.load(answer)["spent"])

    def counted() -> int:
        with connection.cursor() as cursor:
            cursor.execute("select coalesce(sum(cost), 0) from spending where conn = %s", [row.pk])
            return int(cursor.fetchone()[0])

    before, ours = spent(), counted()
    assert site.browser(site.owner).post(site.url(f"connections/{row.pk}/test/")).status_code in (200, 302)
    assert spent() > before
    assert counted() - ours == spent() - before
