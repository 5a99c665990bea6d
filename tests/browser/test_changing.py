"""Only when a field changes from a value to a value: chosen as a sentence, by clicking."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .editing import PATIENCE, from_recipe, put_away
from .inspection import too_wide
from .installation import Installation
from .person import Person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

expect.set_options(timeout=PATIENCE)


async def test_a_change_is_chosen_as_a_sentence(owner: Person, installation: Installation) -> None:
    page = owner.page
    await from_recipe(page, installation, "Quando o estado muda")
    await expect(page.locator("#when-changed")).to_have_count(0)  # a signed document tells no changes
    await page.locator("#when-trigger").select_option("document_moved")
    await page.locator("#when-changed").select_option("step.state")
    await page.locator("#when-changed-from").select_option("sent")
    await page.locator("#when-changed-to").select_option("voided")
    await expect(page.locator("#note-when")).to_contain_text(
        "nunca vai chegar"
    )  # a step that is not followed
    await page.locator("#when-changed-to").select_option("completed")
    await expect(page.locator("#note-when")).not_to_contain_text("nunca vai chegar")
    await expect(page.locator("#saved")).to_contain_text("Salvo")
    await page.reload()
    await expect(page.locator("#when-changed-from")).to_have_value("sent")
    await expect(page.locator("#when-changed-to")).to_have_value("completed")
    await page.set_viewport_size({"width": 390, "height": 800})
    assert not await too_wide(page)
    await put_away(page, installation)
