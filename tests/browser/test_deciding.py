"""Deciding by keyboard, and repeating runs with the rule of today by clicking."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from .inspection import faults_of, too_wide
from .installation import Installation
from .person import Person

pytestmark = pytest.mark.browser
PATIENT = 40_000


async def test_a_decision_is_read_and_chosen_by_keyboard(owner: Person, installation: Installation) -> None:
    page = owner.page
    await page.goto(f"{installation.workspace}/decisions/")
    await expect(page.locator(".queue a[aria-current]")).to_have_count(1)
    await expect(page.locator(".decide .choice-card")).not_to_have_count(0)
    await page.keyboard.press("2")
    await expect(page.locator("[data-number='2']")).to_be_checked()
    said = await page.locator("[data-number='2']").get_attribute("data-result")
    await expect(page.locator(".result")).to_have_text(said or "")
    await page.keyboard.press("1")
    await expect(page.locator("[data-number='1']")).to_be_checked()
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await faults_of(page) == []
        assert await too_wide(page) == []


async def test_picked_runs_are_repeated_and_seen_before(owner: Person, installation: Installation) -> None:
    page = owner.page
    await page.goto(f"{installation.workspace}/history/?status=done")
    boxes = page.locator("input[name=run]")
    await expect(page.locator(".bulk")).to_be_hidden()
    await boxes.nth(0).check()
    await boxes.nth(1).check()
    await expect(page.locator("[data-picked]")).to_contain_text("2")
    await page.locator(".bulk button.primary").click()
    await page.wait_for_url("**/history/replays/*/")
    go = page.locator("form[action$='/start/'] button.primary")
    await expect(go).to_be_visible(timeout=PATIENT)
    await expect(page.locator("ol .card h3")).to_have_count(2)
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await faults_of(page) == []
        assert await too_wide(page) == []
    late = page.locator("input[name=older]")
    if await late.count():
        await late.check()
    await go.click()
    done = page.locator("#progress .pill.ok.solid")
    await expect(done).to_be_visible(timeout=PATIENT)
    await page.goto(f"{installation.workspace}/history/replays/")
    await expect(page.locator("main ul.conlist li").first).to_contain_text(re.compile("2"))


async def test_everything_works_without_script(scriptless: Person, installation: Installation) -> None:
    page = scriptless.page
    await page.goto(f"{installation.workspace}/history/?status=done")
    await page.locator("input[name=run]").nth(0).check()
    await page.locator(".bulk button.primary").click()
    await page.wait_for_url("**/history/replays/*/")
    await page.goto(f"{installation.workspace}/decisions/")
    await page.locator("main .queue a").first.click()
    await expect(page.locator(".decide h2")).to_be_visible()
