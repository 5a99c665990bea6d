"""What only concerns the person: language and colours."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from .installation import Installation
from .person import Person

pytestmark = pytest.mark.browser

WORDS = {"en": "Connections", "fr": "Connexions", "es": "Conexiones", "pt-br": "Conexões"}


async def test_the_language_changes_and_stays(owner: Person, installation: Installation) -> None:
    for code, word in WORDS.items():  # ends in Portuguese, as it began
        await owner.page.goto(f"{installation.hub}/profile/")
        chosen = owner.page.locator("select[name=language]")
        value = next(one for one in await _values(chosen) if one.lower().replace("_", "-") == code)
        await chosen.select_option(value)
        await owner.page.locator("form:has(select[name=language]) button[type=submit]").click()
        await owner.page.goto(f"{installation.workspace}/connections/")
        await expect(owner.page.get_by_role("heading", level=1)).to_have_text(word)
        assert (await owner.page.get_attribute("html", "lang") or "").lower() == code


async def test_the_language_changes_before_signing_in(stranger: Person, installation: Installation) -> None:
    await stranger.page.goto(f"{installation.hub}/account/login/")
    await expect(stranger.page.locator("html")).to_have_attribute("lang", "pt-br")
    await stranger.page.select_option("#door-language", "fr")
    await expect(stranger.page.locator("html")).to_have_attribute("lang", "fr")


async def test_the_theme_changes_at_once_and_is_kept(owner: Person, installation: Installation) -> None:
    page = owner.page
    await page.goto(f"{installation.workspace}/")
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    switch = page.locator(".side [data-theme-switch]")
    await switch.click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")
    await switch.click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await switch.click()
    await expect(page.locator("html:not([data-theme])")).to_be_attached()


async def test_the_keyboard_goes_from_place_to_place(owner: Person, installation: Installation) -> None:
    page = owner.page
    await page.goto(f"{installation.workspace}/")
    await page.keyboard.press("g")
    await page.keyboard.press("c")
    await expect(page).to_have_url(f"{installation.workspace}/connections/")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/connections/*/")
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#keys")).to_be_hidden()


async def _values(chosen: Locator) -> list[str]:
    values: list[str] = await chosen.locator("option").evaluate_all("(all) => all.map((one) => one.value)")
    return values
