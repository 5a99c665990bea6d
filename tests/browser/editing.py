"""The way into the editor that several tests take, and the way out."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from .installation import Installation

PATIENCE = 30_000  # milliseconds


async def from_recipe(page: Page, installation: Installation, title: str) -> None:
    """Fill the recipe from two accounts and a few choices, and go on in the editor."""
    page.context.set_default_timeout(PATIENCE)
    await page.goto(f"{installation.workspace}/recipes/signed_document_to_deal/")
    await page.get_by_label("Funil").select_option(label="Funil de Vendas")
    await page.get_by_label("Etapa").select_option(label="Proposta enviada")
    await page.get_by_label("Responsável").select_option(index=1)
    await expect(page.locator("#preview")).to_contain_text("Proposta enviada")
    await page.get_by_role("button", name="Ajustar no editor").click()
    await page.wait_for_url(re.compile(r"/rules/\d+/edit/"))
    await page.get_by_label("Nome da regra").fill(title)
    await expect(page.locator("#saved")).to_contain_text("Salvo")


async def put_away(page: Page, installation: Installation) -> None:
    """Remove the rule that the page is about."""
    number = re.findall(r"/rules/(\d+)/", page.url)[0]
    await page.goto(f"{installation.workspace}/rules/{number}/remove/")
    await page.locator("main form[method=post] button.danger").click()
