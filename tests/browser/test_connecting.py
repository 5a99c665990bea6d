"""Connecting an account: what the vendor's page gives, pasted or allowed."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from .installation import Installation
from .person import Person

pytestmark = pytest.mark.browser


async def make_token(page: Page, installation: Installation, description: str) -> str:
    """Make a token where the vendor's steps say; return it."""
    await page.goto(installation.clicksign)
    await page.get_by_role("link", name="Configurações > API").click()
    await page.get_by_label("Descrição").fill(description)
    await page.get_by_role("button", name="Gerar").click()
    card = page.locator("article").filter(has=page.get_by_role("heading", name=description))
    return await card.locator("code").inner_text()


async def fill_test_address(page: Page, addresses: dict[str, str]) -> None:
    """Point a connection at a test account instead of the vendor."""
    folded = page.locator("details").filter(has=page.locator("[name=set_page_size]"))
    await folded.locator("summary").click()
    for key, address in addresses.items():
        await page.fill(f"[name=set_{key}]", address)


async def connect_clicksign(page: Page, installation: Installation, name: str) -> None:
    """Fill in the form as somebody who copied blanks and quotes along with the token, and send it."""
    token = await make_token(page, installation, name)
    await page.goto(f"{installation.workspace}/connections/")
    await page.click("a[href$='/connections/new/'] >> nth=0")
    await page.click("a[href$='/connections/new/clicksign/']")
    await page.select_option("[name=set_environment]", "sandbox")
    await page.fill("form.connect-form input[type=password]", f'  "{token}"\t')
    await page.fill("[name=name]", name)
    await fill_test_address(page, {"address_api": f"{installation.clicksign}/api/v3"})
    await page.click("form.connect-form > button[type=submit]")


async def test_a_token_connects_clicksign(owner: Person, installation: Installation) -> None:
    await connect_clicksign(owner.page, installation, "Jurídico")
    await expect(owner.page.locator("#ready")).to_be_focused()
    await owner.page.goto(f"{installation.workspace}/connections/")
    await expect(owner.page.get_by_role("row").filter(has_text="Jurídico")).to_be_visible()


async def test_a_token_connects_clicksign_without_script(
    scriptless: Person, installation: Installation
) -> None:
    await connect_clicksign(scriptless.page, installation, "Filial Norte")
    await scriptless.page.goto(f"{installation.workspace}/connections/")
    await expect(scriptless.page.get_by_role("row").filter(has_text="Filial Norte")).to_be_visible()


async def test_a_wrong_token_is_refused_in_words(owner: Person, installation: Installation) -> None:
    page = owner.page
    await page.goto(f"{installation.workspace}/connections/new/clicksign/")
    await page.select_option("[name=set_environment]", "sandbox")
    await page.fill("form.connect-form input[type=password]", "00000000-0000-4000-8000-000000000000")
    await page.fill("[name=name]", "Nunca")
    await fill_test_address(page, {"address_api": f"{installation.clicksign}/api/v3"})
    await page.click("form.connect-form > button[type=submit]")
    await expect(page.locator("#checks .pill.bad")).to_be_visible()
    assert await page.locator("#ready").count() == 0
    await page.goto(f"{installation.workspace}/connections/")
    assert await page.get_by_text("Nunca").count() == 0


async def test_signing_in_at_rd_station_crm_connects_it(owner: Person, installation: Installation) -> None:
    page, crm = owner.page, installation.crm
    await page.goto(f"{installation.workspace}/connections/new/rd_station_crm/")
    await page.fill("form.connect-form [name=name]", "Vendas Sul")
    addresses = {
        "address_api": f"{crm}/crm/v2",
        "address_authorize": f"{crm}/oauth/authorize",
        "address_token": f"{crm}/oauth2/token",
        "address_web": crm,
    }
    await fill_test_address(page, addresses)
    await page.click("form.connect-form > button[type=submit]")
    await page.click(f"main a.btn.primary[href^='{crm}/oauth/authorize']")  # an address of one's own is asked
    assert page.url.startswith(f"{crm}/oauth/authorize")
    await page.get_by_role("link", name="Autorizar").first.click()
    await page.wait_for_url(f"{installation.hub}/**")
    await page.goto(f"{installation.workspace}/connections/")
    await expect(page.get_by_role("row").filter(has_text="Vendas Sul")).to_be_visible()


async def test_not_allowing_at_rd_station_crm_connects_nothing(
    owner: Person, installation: Installation
) -> None:
    page, crm = owner.page, installation.crm
    await page.goto(f"{installation.workspace}/connections/new/rd_station_crm/")
    await page.fill("form.connect-form [name=name]", "Recusada")
    await fill_test_address(page, {"address_authorize": f"{crm}/oauth/authorize"})
    await page.click("form.connect-form > button[type=submit]")
    await page.click(f"main a.btn.primary[href^='{crm}/oauth/authorize']")
    await page.get_by_role("link", name="Não autorizar").click()
    await page.wait_for_url(f"{installation.hub}/**")
    await expect(page.locator("h1")).to_be_visible()
    owner.complaints[:] = [one for one in owner.complaints if "status of 400" not in one]  # as it should be
    await page.goto(f"{installation.workspace}/connections/")
    assert await page.get_by_text("Recusada").count() == 0
