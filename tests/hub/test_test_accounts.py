"""Test accounts that this server serves: any workspace connects them by one click, and types nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.hub.conftest import Site
from tests.hub.served import served

if TYPE_CHECKING:
    from vaivem.hub.connections.models import Connection

PAGE = "test-accounts/"
CONNECT = "test-accounts/connect/"
SERVED = ("clicksign", "rd_station_crm", "pipedrive", "docusign")


@pytest.fixture(scope="module")
def accounts() -> Iterator[dict[str, dict[str, Any]]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(served(name)) for name in SERVED}


@pytest.fixture
def offering(site: Site, accounts: dict[str, dict[str, Any]]) -> Iterator[Site]:
    """The installation serves these test accounts, and one that does not answer."""
    from django.conf import settings
    from django.test.utils import override_settings

    urls = {key: str(ready["base_url"]) for key, ready in accounts.items()}
    urls["rd_station_marketing"] = "http://127.0.0.1:9"
    with override_settings(VAIVEM=replace(settings.VAIVEM, test_accounts=urls)):
        yield site


def rows(site: Site) -> dict[str, Connection]:
    from vaivem.hub.connections.models import Connection

    return {row.connector: row for row in Connection.objects.filter(workspace=site.workspace)}


def test_one_click_connects_all_that_answer(offering: Site) -> None:
    browser = offering.browser(offering.owner)
    page = browser.get(offering.url(PAGE))
    assert (
        page.text.count(f'action="{offering.url(CONNECT)}"') == len(SERVED) + 2
    )  # one each, and all at once
    done = browser.post(offering.url(CONNECT), follow=True)
    assert set(rows(offering)) == set(SERVED)
    assert all(row.test_account and row.catalog for row in rows(offering).values())
    assert "The test account of RD Station Marketing was not connected." in done.text
    assert re.search(r"Connected: [^<]*Clicksign", done.text)
    # Again makes nothing twice.
    browser.post(offering.url(CONNECT), {"key": "clicksign"})
    assert len(rows(offering)) == len(SERVED)


def test_every_test_account_has_a_way_to_its_pages(
    offering: Site, accounts: dict[str, dict[str, Any]]
) -> None:
    """Also where no setting has the address of its API, because the vendor tells it."""
    browser = offering.browser(offering.owner)
    browser.post(offering.url(CONNECT))
    listed = browser.get(offering.url(PAGE)).text
    for key, row in rows(offering).items():
        link = f'href="{accounts[key]["base_url"]}/"'
        assert link in listed, key
        assert link in browser.get(offering.url(f"connections/{row.pk}/")).text, key


def test_each_workspace_gets_access_of_its_own(offering: Site) -> None:
    """A refresh uses a token up, so that two connections must never hold the same one."""
    from vaivem.hub.connections.lines import as_connection
    from vaivem.hub.connections.models import Connection
    from vaivem.hub.workspaces.models import Workspace

    offering.browser(offering.owner).post(offering.url(CONNECT))
    offering.browser(offering.stranger).post("/w/outra/test-accounts/connect/")
    assert Workspace.objects.filter(connections__connector="pipedrive").count() == 2
    for key in ("rd_station_crm", "pipedrive", "docusign"):
        held = [as_connection(row).credentials for row in Connection.objects.filter(connector=key)]
        assert len({one["refresh_token"] for one in held}) == 2
        assert len({one["access_token"] for one in held}) == 2


def test_a_recipe_that_lacks_them_offers_just_those_and_comes_back(offering: Site) -> None:
    browser = offering.browser(offering.owner)
    here = offering.url("recipes/signed_document_to_deal/")
    page = browser.get(here).text
    keys = re.findall(r'name="key" value="(\w+)"', page)
    assert sorted(keys) == ["clicksign", "rd_station_crm"]
    done = browser.post(offering.url(CONNECT), {"key": keys, "next": here})
    assert done.headers["location"] == here
    assert 'id="recipe-form"' in browser.get(here).text
    elsewhere = browser.post(offering.url(CONNECT), {"next": "//evil.example/"})
    assert elsewhere.headers["location"] == offering.url(PAGE)


def test_without_any_served_the_page_says_why(site: Site) -> None:
    browser = site.browser(site.owner)
    for path in (PAGE, ""):
        page = browser.get(site.url(path)).text
        assert CONNECT not in page
        assert "vaivem demo" in page
    browser.post(site.url(CONNECT), {"key": "clicksign"})
    assert not rows(site)


def test_viewers_only_read_that_an_administrator_can(offering: Site) -> None:
    page = offering.browser(offering.viewer).get(offering.url(PAGE)).text
    assert CONNECT not in page
    assert "An administrator can connect systems." in page
