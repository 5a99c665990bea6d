"""Moving from an old integration by clicking, in Portuguese: the questions, both sides, and the switch."""

from __future__ import annotations

import os
import re

import pytest
from playwright.async_api import Page, expect

from .editing import PATIENCE, put_away
from .inspection import faults_of, too_wide
from .installation import Installation
from .moving import answer
from .person import Person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

expect.set_options(timeout=PATIENCE)

PICTURES = os.environ.get("VAIVEM_PICTURES")
TITLE = "Veio da integração antiga"


async def test_an_integration_that_runs_elsewhere_is_moved(owner: Person, installation: Installation) -> None:
    page = owner.page
    await answer(page, installation, TITLE)
    await looked_at(page, "answers")
    await page.get_by_role("button", name="Mostrar antigo e novo lado a lado").click()
    await expect(page.locator("main")).to_contain_text("Onde desligar “Ponte Velha”")
    await expect(page.locator("main")).to_contain_text("Cria um negócio quando alguém assina.")
    await looked_at(page, "plan")
    await page.get_by_label("A integração antiga está desligada ou estará nesse momento.").check()
    await page.get_by_role("button", name="Continuar: fazer a troca").click()
    await expect(page.locator("body")).to_contain_text(f"Agora rodam: “{TITLE}”.")

    await page.get_by_role("link", name=TITLE).first.click()
    await page.wait_for_url(re.compile(r"/rules/\d+/"))
    await put_away(page, installation)


async def looked_at(page: Page, name: str) -> None:
    """Hold the page to what every page is held to, wide and narrow; keep pictures if asked to."""
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        if PICTURES:
            await page.screenshot(path=f"{PICTURES}/{name}-{width}.png", full_page=True, caret="initial")
        assert await faults_of(page) == []
        assert await too_wide(page) == []
    await page.set_viewport_size({"width": 1280, "height": 900})
