"""A session that ends, or a page that stood open for a day, while somebody types in the editor."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from .installation import Installation
from .person import Person
from .test_editor import PATIENCE, from_recipe, put_away

pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.timeout(400)]
expect.set_options(timeout=PATIENCE)


async def typed_a_lot(page: Page) -> None:
    """Type a text with a field, and add a step and a condition, each filled."""
    await page.locator(".tokens").first.focus()
    await page.keyboard.press("Control+End")
    await page.keyboard.type(" – ")
    await page.locator("#fields [data-token='signer.email']").click()
    await page.locator("#add-then-email").click()
    await expect(page.locator("details.step")).to_have_count(2)
    await page.get_by_role("button", name="Condição").click()
    await page.locator("#if select").first.select_option(value="document.name")
    await expect(page.locator("#if input.pick")).to_be_visible()


async def lose(page: Page, cookie: str) -> None:
    """Take a cookie away, for good: an answer on its way may bring it back."""
    quiet = 0
    while quiet < 3:
        there = [one for one in await page.context.cookies() if one.get("name") == cookie]
        quiet = 0 if there else quiet + 1
        await page.context.clear_cookies(name=cookie)
        await page.wait_for_timeout(400)


async def is_back(page: Page, name: str) -> None:
    """See that all of it stands there, the last letters too, and is not saved yet."""
    await expect(page.get_by_text("Ainda não foi salvo").first).to_be_visible()
    await expect(page.locator("#title")).to_have_value(name)
    await expect(page.locator(".tokens").first).to_contain_text("Signatário: e-mail")
    await expect(page.locator("details.step")).to_have_count(2)
    await expect(page.locator("#if select").first).to_have_value("document.name")
    await expect(page.locator("#if input.pick")).to_have_value("Contrato")


async def test_nothing_is_lost_when_the_session_ends(owner: Person, installation: Installation) -> None:
    page = owner.page
    await from_recipe(page, installation, "Antes da sessão acabar")
    editor = page.url
    await typed_a_lot(page)
    await lose(page, "vaivem_session")
    await page.evaluate("document.querySelector('#if input.pick').value = 'Contrato'")  # in the same moment
    await page.locator("#title").fill("Depois da sessão acabar")
    await page.wait_for_url(re.compile(r"/account/login/\?next="))
    await expect(page.locator("main")).to_contain_text("O que você digitou")
    await page.goto(installation.sign_in_link())
    await page.click("main form[method=post] button.primary")
    await page.wait_for_url(re.compile(r"/w/raiar-solar/"))
    if page.url != editor:
        await page.goto(editor)
    await is_back(page, "Depois da sessão acabar")
    await page.get_by_role("button", name="Salvar o rascunho").last.click()
    await expect(page.locator("#saved")).to_contain_text("Salvo")
    await page.reload()
    await expect(page.locator("#title")).to_have_value("Depois da sessão acabar")
    await put_away(page, installation)
    owner.complaints[:] = [one for one in owner.complaints if "401" not in one]  # the ended session's own


async def test_nothing_is_lost_on_a_page_that_stood_open_for_a_day(
    owner: Person, installation: Installation
) -> None:
    page = owner.page
    await from_recipe(page, installation, "Aberta ontem")
    await typed_a_lot(page)
    await lose(page, "vaivem_csrf")
    await page.locator("#if input.pick").fill("Contrato")
    await is_back(page, "Aberta ontem")
    await page.locator("#title").fill("Aberta hoje")  # typing goes on, and saves all of it
    await expect(page.locator("#typed")).to_have_count(0)
    await page.reload()
    await expect(page.locator("#title")).to_have_value("Aberta hoje")
    await expect(page.locator("#if input.pick")).to_have_value("Contrato")
    await put_away(page, installation)
    owner.complaints[:] = [one for one in owner.complaints if "403" not in one]  # the old page's own
