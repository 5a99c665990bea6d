"""Switching a recipe on: two accounts, a few choices, and what would be written is seen before."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .installation import Installation
from .person import Person

pytestmark = pytest.mark.browser


async def test_a_few_choices_switch_a_recipe_on(owner: Person, installation: Installation) -> None:
    page = owner.page
    await page.goto(f"{installation.workspace}/recipes/")
    await page.click("a[href$='/recipes/signed_document_to_deal/']")
    await page.get_by_label("Funil").select_option(label="Funil de Vendas")
    await page.get_by_label("Etapa").select_option(label="Proposta enviada")  # its list came with the funnel
    await page.get_by_label("Responsável").select_option(index=1)  # the account has no default one
    await page.get_by_label("Nome da negociação").fill("Venda {{ document.name }}")
    await expect(page.locator("#preview")).to_contain_text("Proposta enviada")
    await expect(page.locator("#preview")).to_contain_text("Venda ")
    await page.get_by_role("button", name="Ligar").click()
    await page.wait_for_url("**/recipes/signed_document_to_deal/*/")

    number = page.url.rstrip("/").rpartition("/")[2]
    await page.goto(f"{installation.workspace}/rules/")
    await page.click(f"tbody a[href$='/rules/{number}/'] >> nth=0")
    await page.get_by_role("button", name="Pausar").click()
    await expect(page.get_by_role("button", name="Pausar")).to_have_count(0)
    await page.click("a[href$='/remove/']")
    await page.locator("main form[method=post] button.danger, main form[method=post] button.primary").click()
    await page.goto(f"{installation.workspace}/rules/")
    assert await page.locator(f"tbody a[href$='/rules/{number}/']").count() == 0


async def test_the_choices_work_without_script(scriptless: Person, installation: Installation) -> None:
    page = scriptless.page
    await page.goto(f"{installation.workspace}/recipes/signed_document_to_deal/")
    await page.get_by_label("Funil").select_option(label="Funil de Vendas")
    await page.locator("#recipe-form button[name=show]").click()
    stage = page.get_by_label("Etapa")
    assert await stage.locator("option", has_text="Contrato assinado").count() == 1
