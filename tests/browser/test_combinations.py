"""A field combination made, used by a rule, changed and kept from removal, by clicking, in Portuguese."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from .editing import PATIENCE, from_recipe, put_away
from .inspection import faults_of, too_wide
from .installation import Installation
from .person import Person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

expect.set_options(timeout=PATIENCE)


async def test_a_combination_is_made_used_and_changed(owner: Person, installation: Installation) -> None:
    page = owner.page
    await from_recipe(page, installation, "Com combinação")
    rule = page.url.split("#")[0]
    await page.get_by_role("link", name="Regras", exact=True).first.click()
    await page.get_by_role("link", name="Combinações de campos").click()
    await expect(page.locator("main")).to_contain_text("Uma combinação sozinha não envia nada")
    options = await page.locator("#pair option").all_inner_texts()
    contact = next(one for one in options if re.match(r"Clicksign.* → RD Station CRM.*: Contato$", one))
    await page.locator("#pair").select_option(label=contact)
    await page.get_by_role("button", name="Combinar campos").click()
    await _name(page, "Signatário → contato")
    for number, path in ((1, "signer.name"), (2, "signer.email")):
        await page.locator(f"#p-{number}").select_option("other")
        await page.locator(f"#t-{number}").fill("{{ " + path + " }}")
    await page.get_by_role("button", name="Salvar", exact=True).click()
    await page.wait_for_url(re.compile(r"/combinations/\d+/$"))
    here = page.url
    await looked_at(page)
    await page.goto(rule)
    await page.locator("select[name='then.0:combination']").select_option(label="Signatário → contato")
    await expect(page.locator("#saved")).to_contain_text("Salvo")
    await page.locator("#publish").click()
    await page.wait_for_url(re.compile(r"/rules/\d+/$"))
    await page.goto(here)
    await page.locator("#p-1").select_option("other")
    await page.locator("#t-1").fill("Cliente {{ signer.name }}")
    await page.get_by_role("button", name="Mostrar o que mudaria").click()
    await expect(page.locator("#touched")).to_be_visible()
    await expect(page.locator("ins").first).to_contain_text("Cliente ")
    await looked_at(page)
    await page.get_by_role("button", name="Salvar e publicar estas regras").click()
    await expect(page.locator("body")).to_contain_text("1 regra tem uma nova versão")
    await _as_it_was(page)
    await page.get_by_role("button", name="Remover").click()
    await expect(page.locator("body")).to_contain_text("Ainda há regras que usam")
    await page.goto(rule)
    await put_away(page, installation)


async def _as_it_was(page: Page) -> None:
    """Bring the version before back, after seeing what that does to the rule."""
    await page.get_by_role("link", name=re.compile("^Como era até")).click()
    await expect(page.locator("#touched")).to_be_visible()
    await expect(page.locator("del").first).to_contain_text("Cliente ")
    await looked_at(page)
    await page.get_by_role("button", name="Salvar e publicar estas regras").click()
    await expect(page.locator("body")).to_contain_text("1 regra tem uma nova versão")
    await expect(page.locator("#t-1")).not_to_have_value(re.compile("Cliente"))
    await expect(page.get_by_role("link", name=re.compile("^Como era até"))).to_have_count(2)


async def _name(page: Page, title: str) -> None:
    await page.locator("#title").fill(title)


async def looked_at(page: Page) -> None:
    """Hold the page to what every page is held to, wide and narrow."""
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await faults_of(page) == []
        assert await too_wide(page) == []
    await page.set_viewport_size({"width": 1280, "height": 900})
