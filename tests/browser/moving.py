"""The way to a move's plan: the accounts, what runs elsewhere, and a file with one rule for them."""

from __future__ import annotations

import yaml
from playwright.async_api import Page

from .installation import Installation


async def answer(page: Page, installation: Installation, title: str) -> None:
    """Fill the questions, up to the button that shows old and new side by side."""
    address = f"{installation.workspace}/rules/"
    await page.goto(address)
    given = await page.request.get(f"{address}file/rules.yaml")
    rules = yaml.safe_load(await given.text())["rules"]
    ours = next(one for one in rules if _between(one, "clicksign", "rd-station-crm"))
    text = yaml.safe_dump([{**ours, "title": title, "enabled": True}], allow_unicode=True)
    await page.get_by_role("link", name="De uma integração antiga").click()
    for side, system in (("#one", "Clicksign"), ("#two", "RD Station CRM")):
        options = await page.locator(f"{side} option").all_inner_texts()
        await page.locator(side).select_option(label=next(one for one in options if system in one))
    await page.get_by_label("fora daqui, em outra ferramenta").check()
    await page.get_by_role("button", name="Continuar", exact=True).click()
    await page.get_by_label("Nome da ferramenta em que ela roda").fill("Ponte Velha")
    await page.get_by_label("O que ela faz, com suas palavras").fill("Cria um negócio quando alguém assina.")
    await page.locator("#text").fill(text)


def _between(rule: dict[str, object], source: str, target: str) -> bool:
    """Tell whether a rule of a file goes from one system's account to another's, and to no third."""
    when, then = rule["when"], rule["then"]
    assert isinstance(when, dict)
    assert isinstance(then, list)
    used = {str(step["connection"]) for step in then if "connection" in step}
    return str(when["connection"]).startswith(source) and all(one.startswith(target) for one in used)
