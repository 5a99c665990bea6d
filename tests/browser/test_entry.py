"""Coming in: the sign-in link, refusals in words, and the way out."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from .installation import Installation
from .person import Person

pytestmark = pytest.mark.browser


async def test_a_link_works_once_and_a_preview_does_not_use_it_up(
    stranger: Person, browser: Browser, installation: Installation
) -> None:
    link = installation.sign_in_link()
    for _ in range(2):  # a chat program's preview, then the person
        seen = await stranger.page.goto(link)
        assert seen is not None
        assert seen.status == 200
    await stranger.page.click("main form[method=post] button.primary")
    await expect(stranger.page).to_have_url(f"{installation.workspace}/")
    again = await Person.arrive(browser)
    refused = await again.page.goto(link)
    assert refused is not None
    assert refused.status == 410
    await expect(again.page.locator("h1")).to_be_visible()
    await expect(again.page.locator("main")).to_contain_text("vaivem login-link")
    assert await again.page.locator("main form[method=post] button.primary").count() == 0
    again.complaints.clear()  # the browser itself reports the 410
    await again.leave()


async def test_a_link_works_by_keyboard_alone(stranger: Person, installation: Installation) -> None:
    await stranger.page.goto(installation.sign_in_link())
    await stranger.page.keyboard.press("Enter")  # the button has the focus
    await expect(stranger.page).to_have_url(f"{installation.workspace}/")


async def test_who_is_not_signed_in_is_led_to_the_door_and_back(
    stranger: Person, installation: Installation
) -> None:
    await stranger.page.goto(f"{installation.workspace}/connections/")
    assert stranger.page.url.startswith(f"{installation.hub}/account/login/")
    await expect(stranger.page.get_by_label("E-mail")).to_be_visible()
    assert "next=/w/raiar-solar/connections/" in stranger.page.url.replace("%2F", "/")


async def test_signing_out_ends_it(stranger: Person, installation: Installation) -> None:
    await stranger.page.goto(installation.sign_in_link())
    await stranger.page.click("main form[method=post] button.primary")
    await expect(stranger.page).to_have_url(f"{installation.workspace}/")
    await stranger.page.goto(f"{installation.hub}/profile/")
    await stranger.page.click("main form[action$='/account/logout/'] button")
    await stranger.page.goto(f"{installation.workspace}/")
    assert "/account/login/" in stranger.page.url
