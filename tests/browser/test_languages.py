"""Every page in the other languages: nothing is cut off, and nothing makes a phone scroll sideways.

The pages are those that axe looks at (`test_axe`). Words are longer elsewhere than where the pages were made.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page

from .conftest import signed_in
from .editing import put_away
from .inspection import cut_off, too_wide
from .installation import Installation
from .person import Person
from .test_axe import addresses, numbers
from .waiting import people_inside

pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.timeout(900)]

WIDTHS = (390, 1280)
LANGUAGES = ("en", "fr", "es", "pt_BR")


async def speak(page: Page, installation: Installation, language: str) -> None:
    """Have the owner's pages in a language."""
    await page.goto(f"{installation.hub}/profile/")
    await page.locator("#id_language").select_option(language)
    await page.locator("main form:has(#id_language) button.primary").click()
    await page.wait_for_load_state()


async def wrong(page: Page, installation: Installation, pages: dict[str, str]) -> list[str]:
    """Return what is cut off or too wide on these pages, at either width."""
    found: list[str] = []
    for name, path in pages.items():
        await page.goto(installation.hub + path, wait_until="load")
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 844})
            found += [f"{name}, {width}: cut off: {what}" for what in await cut_off(page)]
            found += [f"{name}, {width}: too wide: {what}" for what in await too_wide(page)]
    return found


async def test_no_text_is_cut_off_in_any_language(
    browser: Browser, installation: Installation, tmp_path: Path
) -> None:
    person = await Person.arrive(browser, signed_in=await signed_in(browser, installation))
    pages = addresses(await numbers(person.page, installation))
    assert len(pages) > 40
    rule = f"{installation.workspace}/rules/{await people_inside(installation, tmp_path)}/"
    pages |= {name: urlsplit(f"{rule}{name}/").path for name in ("inside", "publish")}
    found: list[str] = []
    try:
        for language in LANGUAGES:
            await speak(person.page, installation, language)
            assert (
                await person.page.locator("html").get_attribute("lang") == language.replace("_", "-").lower()
            )
            found += [f"{language}, {one}" for one in await wrong(person.page, installation, pages)]
    finally:
        await speak(person.page, installation, "pt_BR")
        await person.page.goto(rule)
        await put_away(person.page, installation)
    person.complaints.clear()
    await person.leave()
    assert "\n".join(found) == ""
