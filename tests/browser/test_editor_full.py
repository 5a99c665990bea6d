"""From a recipe to a deal in the CRM, in Portuguese and by clicking: made, tried, switched on, and used."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from .editing import PATIENCE, from_recipe, put_away
from .installation import Installation
from .person import Person
from .test_walk import send, sign

pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.timeout(500)]

expect.set_options(timeout=PATIENCE)


async def used(owner: Person, installation: Installation, rule: str, other: str) -> None:
    """Sign one more document, and find one deal with one contact, though another rule wants it too."""
    page, title, signer, email = owner.page, "Contrato Vale Verde", "Iara Nunes", "iara.nunes@vale.example"
    await send(page, installation.clicksign, title, signer, email)
    await sign(page, installation.clicksign, title)
    owner.complaints[:] = [one for one in owner.complaints if "/token" not in one]  # the wrong code's 422
    await done_once(owner, installation, rule, title)
    await one_deal(page, installation, title, signer, email)
    await page.goto(other)
    await page.get_by_role("button", name="Retomar").click()
    await done_once(owner, installation, other, title)  # what had waited meanwhile
    await one_deal(page, installation, title, signer, email)


async def done_once(owner: Person, installation: Installation, rule: str, title: str) -> None:
    """Wait until a rule has finished with a document, and see that it ran once."""
    number = re.findall(r"/rules/(\d+)/", rule)[0]
    done = owner.page.get_by_role("row").filter(has_text=f"{title}.pdf").filter(has_text="Concluída")
    await owner.until_shown(f"{installation.workspace}/history/?rule={number}", done, seconds=60)
    await expect(done).to_have_count(1)


async def one_deal(page: Page, installation: Installation, title: str, signer: str, email: str) -> None:
    """See that the CRM has one deal of the document, as the rule fills it, with the signer as its contact."""
    await page.goto(installation.crm)
    deals = page.locator(".board").get_by_role("link", name=title)
    await expect(deals).to_have_count(1)
    await deals.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(f"{signer} de {email}")
    await page.get_by_role("link", name="Contatos (1)").click()
    await expect(page.get_by_role("link", name=signer, exact=True)).to_have_count(1)
    await expect(page.get_by_text(email).last).to_be_visible()


async def test_a_rule_is_made_and_switched_on_by_clicking(owner: Person, installation: Installation) -> None:
    page = owner.page
    await page.goto(f"{installation.workspace}/rules/")
    await page.locator("table.rows a.main").first.click()
    other = page.url
    await page.get_by_role("button", name="Pausar").click()  # else it makes the deal before ours does
    await from_recipe(page, installation, "Por cliques")
    name = page.locator(".tokens").first
    await name.click()
    await page.keyboard.press("End")
    await page.keyboard.type(" de ")
    await page.locator("#fields [data-token='signer.email']").click()
    await expect(page.locator("#preview")).to_contain_text("@")
    await page.get_by_role("button", name="Condição").click()
    await expect(page.locator("#blocking")).to_contain_text("impedem publicar")
    await page.locator("#if select").first.select_option(value="document.name")
    await page.locator("#if select").nth(1).select_option(value="contains")
    await page.locator("#if input.pick").fill("Contrato")
    await expect(page.locator("#blocking .blockbar")).to_have_count(0)
    await page.locator("#try-test").click()
    await expect(page.locator("#test")).to_contain_text("Esperando o próximo evento")
    editor, title = page.url, "Contrato Serra Azul"
    await send(page, installation.clicksign, title, "Davi Moura Prado", "davi.moura@serra.example")
    await sign(page, installation.clicksign, title)
    owner.complaints[:] = [one for one in owner.complaints if "/token" not in one]  # the wrong code's 422
    await page.goto(editor)
    await expect(page.locator("#test")).to_contain_text("Passou às")
    await expect(page.locator("#test")).to_contain_text("Davi Moura Prado")
    await page.locator("#rehearse").click()
    await expect(page.locator("#rehearsal .results")).to_be_visible(timeout=PATIENCE * 2)
    await page.locator("#publish").click()
    await page.wait_for_url(re.compile(r"/rules/\d+/$"))
    await expect(page.locator("main")).to_contain_text("Nome do documento contém “Contrato”")
    rule = page.url
    await used(owner, installation, rule, other)
    await page.goto(rule)
    await put_away(page, installation)
    await page.get_by_role("button", name="Desfazer").click()  # back again
    await expect(page.locator("h1")).to_have_text("Por cliques")
    await put_away(page, installation)
