"""Every page that can be reached: it answers, fits a phone, and nobody is shut out of it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page

from .conftest import signed_in
from .inspection import faults_of, hidden_focus, links_of, too_wide
from .installation import Installation
from .person import Person

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 780}
MOST_PAGES = 80
NUMBER = re.compile(r"(?<=/)(\d+|[0-9a-f]{24}|[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_-]{30,})(?=/|$)")
# A file, another program's page, a letter as mail programs show it, or a way out that would end the walk.
NOT_PAGES = re.compile(r"/(files|static|api/v1|_control|account/logout|arquivos|html)/|/_|\.csv|\.yaml")


def kind(url: str) -> str:
    """Return what pages of one kind have in common: the path without its numbers."""
    return NUMBER.sub("#", urlsplit(url).path)


async def all_kinds(page: Page, start: str) -> dict[str, list[str]]:
    """Visit one page of each kind, from link to link; return what is wrong with each."""
    waiting, known = [start], {kind(start)}
    found: dict[str, list[str]] = {}
    while waiting and len(found) < MOST_PAGES:
        url = waiting.pop(0)
        answer = await page.goto(url)
        assert answer is not None
        faults = [] if answer.status == 200 else [f"answered {answer.status}"]
        wide = [f"wider than a phone: {what}" for what in await too_wide(page)]
        found[kind(url)] = [*faults, *await faults_of(page), *wide]
        for link in await links_of(page):
            if kind(link) not in known and not NOT_PAGES.search(link):
                known.add(kind(link))
                waiting.append(link.partition("#")[0])
    assert not waiting, f"there are more than {MOST_PAGES} kinds of pages: {waiting}"
    return found


def wrong(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the pages with faults."""
    return {path: faults for path, faults in found.items() if faults}


@pytest.mark.soak
async def test_every_page_of_the_hub_is_sound_on_a_phone(
    browser: Browser, installation: Installation
) -> None:
    person = await Person.arrive(browser, signed_in=await signed_in(browser, installation), viewport=PHONE)
    found = await all_kinds(person.page, f"{installation.workspace}/")
    assert wrong(found) == {}
    assert {"/w/raiar-solar/connections/#/", "/w/raiar-solar/settings/", "/profile/"} <= set(found)
    await person.leave()


@pytest.mark.parametrize("account", ["clicksign", "crm"])
async def test_every_page_of_a_test_account_is_sound_on_a_phone(
    browser: Browser, installation: Installation, account: str
) -> None:
    person = await Person.arrive(browser, viewport=PHONE, color_scheme="dark")
    found = await all_kinds(person.page, f"{getattr(installation, account)}/")
    assert wrong(found) == {}
    assert len(found) >= 6
    await person.leave()


@pytest.mark.soak
async def test_every_page_of_the_hub_answers_without_script(
    scriptless: Person, installation: Installation
) -> None:
    found = await all_kinds(scriptless.page, f"{installation.workspace}/")
    assert wrong(found) == {}
    assert len(found) >= 10


async def test_the_focus_can_be_seen(owner: Person, installation: Installation) -> None:
    for path in ("/", "/connections/new/clicksign/", "/settings/"):
        await owner.page.goto(f"{installation.workspace}{path}")
        assert await hidden_focus(owner.page, 30) == []
    await owner.page.goto(f"{installation.clicksign}/documents/new")
    assert await hidden_focus(owner.page, 14) == []


async def test_the_first_tab_skips_to_the_content(owner: Person, installation: Installation) -> None:
    await owner.page.goto(f"{installation.workspace}/connections/")
    await owner.page.keyboard.press("Tab")
    await owner.page.keyboard.press("Enter")
    assert await owner.page.evaluate("document.activeElement.id") == "content"
