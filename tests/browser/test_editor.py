"""From a recipe to a deal, in Portuguese: by keyboard alone, on a phone, and without script."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Browser, Route, expect

from .conftest import signed_in
from .editing import PATIENCE, from_recipe, put_away
from .inspection import cut_off, faults_of, too_wide
from .installation import Installation
from .person import Person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

expect.set_options(timeout=PATIENCE)


async def test_a_rule_is_edited_by_keyboard_alone(owner: Person, installation: Installation) -> None:
    page = owner.page
    await from_recipe(page, installation, "Por teclado")
    await page.locator(".tokens").first.focus()
    await page.keyboard.press("Control+End")
    await page.keyboard.type(" ")
    await page.keyboard.press("{")
    await page.keyboard.type("e-mail")
    await page.keyboard.press("Enter")
    await expect(page.locator(".tokens").first).to_contain_text("Signatário: e-mail")
    await expect(page.locator("#preview")).to_contain_text("@")
    await page.locator("#add-then-wait").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("details.step")).to_have_count(2)
    await page.locator("#wf-then-1-days").focus()
    await page.keyboard.press("Alt+ArrowUp")
    await expect(page.locator("details.step").first.locator("b")).to_have_text("Esperar")
    await page.locator("#publish").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"/rules/\d+/$"))
    await expect(page.locator("main")).to_contain_text("Esperar 1 dia")
    await put_away(page, installation)


@pytest.mark.soak
async def test_every_press_counts_on_a_slow_line(owner: Person, installation: Installation) -> None:
    """What is pressed while an answer is on its way is done next; what would mean another place is not."""
    page = owner.page
    await from_recipe(page, installation, "Com pressa")

    async def slowly(route: Route) -> None:
        await asyncio.sleep(1)
        await route.continue_()

    await page.route("**/edit/", slowly)
    await page.locator("#title").fill("Com muita pressa")
    for kind in ("wait", "email", "wait"):
        await page.locator(f"#add-then-{kind}").click()
    steps = page.locator("details.step")
    await expect(steps).to_have_count(4)
    await expect(page.locator("#title")).to_have_value("Com muita pressa")
    await page.evaluate(
        "document.querySelector('#remove-then-1').click(); document.querySelector('#remove-then-2').click()"
    )
    await expect(steps).to_have_count(3)
    await page.wait_for_timeout(2500)
    await expect(steps).to_have_count(3)
    await expect(steps.nth(1).locator("b").first).to_have_text("Enviar um e-mail")
    await page.unroute("**/edit/")
    await put_away(page, installation)


async def test_a_rule_is_made_on_a_phone(browser: Browser, installation: Installation) -> None:
    cookies = await signed_in(browser, installation)
    person = await Person.arrive(
        browser, signed_in=cookies, viewport={"width": 390, "height": 844}, has_touch=True
    )
    page = person.page
    await from_recipe(page, installation, "Pelo celular")
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    await page.get_by_role("button", name="Ligar").click()
    await page.wait_for_url(re.compile(r"/rules/\d+/$"))
    await put_away(page, installation)
    await person.leave()


async def test_the_editor_works_without_script(scriptless: Person, installation: Installation) -> None:
    page = scriptless.page
    await page.goto(f"{installation.workspace}/rules/")
    await page.get_by_role("button", name="Nova regra").click()
    await page.wait_for_url(re.compile(r"/rules/\d+/edit/"))
    await page.locator("#title").fill("Sem script")
    await page.locator("#when-connection").select_option(label="Clicksign · Clicksign")
    await page.locator("button[value=save]:visible").last.click()
    await page.locator("#when-trigger").select_option(value="document_completed")
    await page.locator("#add-then-action").click()
    await page.locator("#d-then-0").select_option(label="criar ou atualizar contato")
    await page.locator("button[value=save]:visible").last.click()
    await expect(page.locator("#title")).to_have_value("Sem script")
    assert await page.locator("input[name^='then.0:text:contact']").count() >= 2
    await put_away(page, installation)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_editor_is_sound(owner: Person, installation: Installation, scheme: str) -> None:
    page = owner.page
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await page.goto(f"{installation.workspace}/rules/")
    await page.locator("table.rows a.main").first.click()
    await page.locator("a[href$='/edit/']").first.click()
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 844})
        await page.evaluate("document.querySelectorAll('details').forEach((el) => (el.open = true))")
        assert await faults_of(page) == []
        assert await too_wide(page) == []
        assert await cut_off(page) == []
