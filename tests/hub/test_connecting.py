"""Connecting by a pasted token, against a served test account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.hub import history_rows as rows
from tests.hub.conftest import Site
from tests.hub.served import served

if TYPE_CHECKING:
    from vaivem.hub.connections.models import Connection


@pytest.fixture(scope="module")
def clicksign() -> Iterator[dict[str, Any]]:
    with served("clicksign") as ready:
        yield ready


@pytest.fixture
def form(clicksign: dict[str, Any]) -> dict[str, str]:
    """What a person enters."""
    return {
        "method": "token",
        "name": "",
        "set_environment": "sandbox",
        "set_scheme": "bare",
        "set_catch_up": "on",
        "set_address_api": f"{clicksign['base_url']}/api/v3",
        "cred_token": clicksign["credentials"]["access_token"],
    }


def the_connection() -> Connection:
    from vaivem.hub.connections.models import Connection

    return Connection.objects.get()


def test_a_pasted_token_is_forgiven_what_surrounds_it(site: Site, form: dict[str, str]) -> None:
    from vaivem.hub.connections.lines import as_connection

    token = form["cred_token"]
    form["cred_token"] = f" “<{token[:10]}\r\n{token[10:]}>”\u200b "
    browser = site.browser(site.owner)
    done = browser.post(site.url("connections/new/clicksign/"), form)
    row = the_connection()
    assert done.headers["location"] == site.url(f"connections/{row.pk}/")
    assert as_connection(row).credentials == {"token": token}
    assert (row.name, row.slug, row.state, row.method) == ("Clicksign", "clicksign", "working", "token")
    assert row.settings["environment"] == "sandbox"
    assert len(row.hook) == 26
    assert token not in browser.get(site.url(f"connections/{row.pk}/")).text


@pytest.mark.parametrize("pasted", ["", "   ", "“”", "<>\n"])
def test_nothing_pasted_is_said_beside_the_field(site: Site, form: dict[str, str], pasted: str) -> None:
    page = site.browser(site.owner).post(
        site.url("connections/new/clicksign/"), form | {"cred_token": pasted}
    )
    assert page.status_code == 422
    assert re.search(r'name="cred_token"[^>]*aria-invalid="true"', page.text)


def test_a_refused_token_says_why_and_saves_nothing(site: Site, form: dict[str, str]) -> None:
    from vaivem.hub.connections.models import Connection

    browser = site.browser(site.owner)
    url = site.url("connections/new/clicksign/")
    page = browser.post(url, form | {"cred_token": "token-que-nao-vale"})
    assert page.status_code == 422
    assert "pill bad" in page.text
    assert "token-que-nao-vale" not in page.text
    assert "token-que-nao-vale" not in str(dict(browser.session.items()))
    assert not Connection.objects.exists()
    # The token is kept for the next try: only the wrong environment has to be changed.
    again = browser.post(url, form | {"cred_token": form["cred_token"]})
    assert again.status_code == 302


def test_with_htmx_the_checks_answer_one_after_another(site: Site, form: dict[str, str]) -> None:
    browser = site.browser(site.owner)
    url = site.url("connections/new/clicksign/")
    part = browser.post(url, form, headers={"hx-request": "true"})
    seen = []
    for _ in range(5):
        assert part.status_code == 200
        found = re.search(r'hx-post="([^"]+/stage/(\w+)/)"[^>]*hx-vals=\'{"tag": "([^"]+)"', part.text)
        if not found:
            break
        seen.append(found[2])
        part = browser.post(
            found[1], {"tag": found[3].encode().decode("unicode_escape")}, headers={"hx-request": "true"}
        )
    assert seen == ["account", "checks", "save"]
    assert 'id="ready"' in part.text
    assert part.text.count("pill ok") > 2
    assert the_connection().state == "working"
    assert "connecting" not in browser.session


def test_with_htmx_a_wrong_form_comes_back_as_the_form(site: Site, form: dict[str, str]) -> None:
    part = site.browser(site.owner).post(
        site.url("connections/new/clicksign/"), form | {"cred_token": ""}, headers={"hx-request": "true"}
    )
    assert part.status_code == 422
    assert part.headers["hx-retarget"] == "#connect-form"
    assert "<!doctype" not in part.text


def test_an_old_try_is_not_gone_on_with(site: Site, form: dict[str, str]) -> None:
    browser = site.browser(site.owner)
    browser.post(site.url("connections/new/clicksign/"), form, headers={"hx-request": "true"})
    part = browser.post(
        site.url("connections/new/clicksign/stage/save/"), {"tag": "other"}, headers={"hx-request": "true"}
    )
    assert "pill bad" in part.text
    assert "connecting" in browser.session


def test_names_are_unique_and_proposed_with_a_number(site: Site, form: dict[str, str]) -> None:
    from vaivem.hub.connections.models import Connection

    browser = site.browser(site.owner)
    url = site.url("connections/new/clicksign/")
    browser.post(url, form | {"name": "Raiar São"})
    taken = browser.post(url, form | {"name": "raiar sao"})
    assert taken.status_code == 422
    browser.post(url, form)
    browser.post(url, form)
    names = Connection.objects.order_by("pk").values_list("name", "slug")
    assert list(names) == [
        ("Raiar São", "raiar-sao"),
        ("Clicksign", "clicksign"),
        ("Clicksign 2", "clicksign-2"),
    ]


@pytest.fixture
def connected(site: Site, form: dict[str, str]) -> Connection:
    site.browser(site.owner).post(site.url("connections/new/clicksign/"), form)
    return the_connection()


def test_reconnecting_opens_the_gate_and_keeps_the_webhooks_secret(
    site: Site, form: dict[str, str], connected: Connection
) -> None:
    from vaivem.hub.connections.lines import as_connection, vault

    connected.state = "reconnect"
    connected.credentials = vault().seal({"token": "velho", "webhook": {"secret": "s"}})
    connected.save()
    rows.set_gate(site.workspace.pk, connected.pk, 2, "credentials_refused")
    browser = site.browser(site.owner)
    # Nothing that this vendor answers tells one account from another.
    asked = browser.get(site.url(f"connections/{connected.pk}/reconnect/")).text
    assert "does not tell whose account" in asked
    listed = browser.get(site.url("connections/"))
    assert "has to be reconnected" in listed.text
    done = browser.post(site.url(f"connections/{connected.pk}/reconnect/"), form)
    assert done.status_code == 302
    connected.refresh_from_db()
    assert connected.state == "working"
    kept = as_connection(connected).credentials
    assert kept == {"token": form["cred_token"], "webhook": {"secret": "s"}}
    assert "has to be reconnected" not in browser.get(site.url("connections/")).text


def test_a_lost_key_is_said_and_reconnecting_mends_it(
    site: Site, form: dict[str, str], connected: Connection
) -> None:
    from vaivem.hub.connections.lines import as_connection
    from vaivem.vault import Vault, new_key

    connected.credentials = Vault((new_key(),)).seal({"token": "x"})
    connected.save()
    browser = site.browser(site.owner)
    page = site.url(f"connections/{connected.pk}/")
    for part in ("", "settings/", "remove/", "reconnect/"):
        assert browser.get(page + part).status_code == 200
    assert "the key that sealed it is not here any more" in browser.post(page + "test/").text
    connected.refresh_from_db()
    assert connected.state == "reconnect"
    assert "the key that sealed it is not here any more" in browser.get(page).text
    refused = browser.post(page + "remove/")
    assert (refused.status_code, "the key that sealed it" in refused.text) == (409, True)
    assert browser.post(page + "reconnect/", form).status_code == 302
    connected.refresh_from_db()
    assert connected.state == "working"
    assert as_connection(connected).credentials == {"token": form["cred_token"]}


def test_a_failed_reconnect_changes_nothing(site: Site, form: dict[str, str], connected: Connection) -> None:
    before = bytes(connected.credentials)
    url = site.url(f"connections/{connected.pk}/reconnect/")
    assert site.browser(site.owner).post(url, form | {"cred_token": "errado"}).status_code == 422
    connected.refresh_from_db()
    assert bytes(connected.credentials) == before


def test_another_account_is_refused_on_reconnect(site: Site, connected: Connection) -> None:
    from vaivem.connectors.sdk import Account
    from vaivem.hub.connections.saving import Access, WrongAccountError, save_reconnected

    connected.account = {"id": "7", "name": "Raiar"}
    connected.save()
    before = bytes(connected.credentials)
    other = Access("clicksign", "token", {"token": "x"}, {}, Account("8", "Outra"))
    with pytest.raises(WrongAccountError):
        save_reconnected(connected, site.owner, other)
    connected.refresh_from_db()
    assert bytes(connected.credentials) == before


def test_testing_now_tells_what_it_found(site: Site, connected: Connection) -> None:
    from vaivem.hub.connections.lines import vault

    browser = site.browser(site.owner)
    url = site.url(f"connections/{connected.pk}/test/")
    assert "pill ok" in browser.post(url, headers={"hx-request": "true"}).text
    connected.credentials = vault().seal({"token": "revogado"})
    connected.save()
    assert "pill bad" in browser.post(url).text
    connected.refresh_from_db()
    assert connected.state == "reconnect"


def test_renaming_keeps_the_number(site: Site, connected: Connection) -> None:
    browser = site.browser(site.owner)
    done = browser.post(site.url(f"connections/{connected.pk}/name/"), {"name": "Contratos"})
    assert done.status_code == 302
    connected.refresh_from_db()
    assert (connected.name, connected.slug) == ("Contratos", "contratos")


def test_settings_are_kept_and_defaults_are_not(site: Site, connected: Connection) -> None:
    url = site.url(f"connections/{connected.pk}/settings/")
    browser = site.browser(site.owner)
    sent = {"set_environment": "production", "set_scheme": "bearer", "set_page_size": "50"}
    assert browser.post(url, sent).status_code == 302
    connected.refresh_from_db()
    assert connected.settings == {"scheme": "bearer", "catch_up": False}
    assert connected.catch_up is False


def test_removing_wipes_the_access_and_pauses_the_rules(site: Site, connected: Connection) -> None:
    from django.db import connection

    from vaivem.hub.connections.lines import vault
    from vaivem.hub.rules.models import Rule, RuleVersion

    rule = Rule.objects.create(
        workspace=site.workspace,
        title="Contrato vira negócio",
        state="on",
        draft={"when": {"connection": connected.pk}},
    )
    RuleVersion.objects.create(
        rule=rule, number=1, definition={}, compiled={"connections": [[connected.pk, connected.pk]]}
    )
    rows.add_waiting(site.workspace.pk, 0, connected.created, rule.pk)
    with connection.cursor() as cursor:
        cursor.execute("update lane set state = 3")  # the rule had been paused before
    browser = site.browser(site.owner)
    url = site.url(f"connections/{connected.pk}/remove/")
    asked = browser.get(url).text
    assert "Contrato vira negócio" in asked
    assert "1 run waits" in asked
    assert browser.post(url).headers["location"] == site.url("connections/")
    connected.refresh_from_db()
    rule.refresh_from_db()
    assert (connected.state, rule.state) == ("removed", "paused")
    assert connected.removed is not None
    assert vault().open(bytes(connected.credentials)) == {}
    assert browser.get(url).status_code == 404
    with connection.cursor() as cursor:
        cursor.execute("select state from lane")
        assert cursor.fetchall() == [(1,)]  # a worker ends what could only fail


def test_our_webhook_is_removed_at_the_vendor_first(
    site: Site, connected: Connection, clicksign: dict[str, Any]
) -> None:
    from asgiref.sync import async_to_sync

    from vaivem.connectors.sdk.registry import get_connector
    from vaivem.engine.direct import DirectCaller
    from vaivem.hub.connections.lines import as_connection, config

    address = f"https://hub.example/hook/{connected.hook}"
    webhooks = get_connector("clicksign").webhooks
    assert webhooks is not None

    async def stands() -> bool:
        async with DirectCaller(config(), as_connection(connected)) as caller:
            listed = await caller.read(list_call())
        return connected.hook in listed.text

    def list_call() -> Any:
        from vaivem.connectors.sdk import Call

        return Call("webhooks.list", "GET", "webhooks")

    async def register() -> None:
        async with DirectCaller(config(), as_connection(connected)) as caller:
            await webhooks.ensure(caller, address, ["auto_close"])

    async_to_sync(register)()
    assert async_to_sync(stands)()
    connected.subscription = {"ids": ["1"], "address": address}
    connected.wants_hook = True
    connected.save()
    before = as_connection(connected)
    site.browser(site.owner).post(site.url(f"connections/{connected.pk}/remove/"))
    connected.refresh_from_db()
    assert connected.state == "removed"

    async def gone() -> str:
        async with DirectCaller(config(), before) as caller:
            return (await caller.read(list_call())).text

    assert connected.hook not in async_to_sync(gone)()


def test_when_the_vendor_cannot_be_asked_a_person_decides(site: Site, connected: Connection) -> None:
    connected.settings = {**connected.settings, "address_api": "http://127.0.0.1:9/api/v3"}
    connected.subscription = {"ids": ["1"], "address": "https://hub.example/hook/x"}
    connected.wants_hook = True
    connected.save()
    browser = site.browser(site.owner)
    url = site.url(f"connections/{connected.pk}/remove/")
    asked = browser.post(url)
    assert asked.status_code == 409
    assert "could not be removed at the vendor" in asked.text
    connected.refresh_from_db()
    assert connected.state == "working"
    assert browser.post(url, {"anyway": "1"}).status_code == 302
    connected.refresh_from_db()
    assert connected.state == "removed"


def test_a_system_names_each_way_of_connecting_once(site: Site) -> None:
    page = site.browser(site.owner).get(site.url("connections/new/"))
    said = [ways.split(", ") for _, ways in page.context["connectors"] if ways]
    assert ["sign in"] in said
    assert all(len(ways) == len(set(ways)) for ways in said)
