"""The walk that a person takes through the main job, with the vendors' own words on the buttons."""

from __future__ import annotations

import pytest
from playwright.async_api import FilePayload, Page, expect

from .installation import Installation
from .person import Person

pytestmark = pytest.mark.browser

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


async def send(page: Page, account: str, title: str, signer: str, email: str) -> None:
    """Send a document for signature as the account's owner does."""
    await page.goto(account)
    await page.get_by_role("link", name="Adicionar documentos").click()
    upload = FilePayload(name=f"{title}.pdf", mimeType="application/pdf", buffer=PDF)
    await page.get_by_label("Arquivos").set_input_files([upload])
    await page.get_by_role("button", name="Avançar para signatários").click()
    await page.get_by_label("Nome completo").fill(signer)
    await page.get_by_label("E-mail", exact=True).fill(email)
    await page.get_by_label("Autenticação").select_option(label="Token por e-mail")
    await page.get_by_label("Ordem de assinatura").fill("1")
    await page.get_by_role("button", name="Adicionar signatário").click()
    await expect(page.get_by_role("cell", name=email)).to_be_visible()
    await page.get_by_role("button", name="Assinar", exact=True).click()
    await page.get_by_role("link", name="Acompanhar envelope").click()
    await expect(page.get_by_text("Em processo").first).to_be_visible()


async def sign(page: Page, account: str, title: str) -> None:
    """Sign a document as the one who got the mail does."""
    await page.goto(f"{account}/mailbox")
    await page.get_by_role("link", name=title).first.click()
    code = await page.locator("#code").inner_text()
    await page.get_by_role("link", name="Visualizar para assinar").click()
    await page.get_by_role("link", name="Assinar", exact=True).click()
    await page.get_by_label("CPF").fill("529.982.247-25")
    await page.get_by_label("Data de nascimento").fill("1988-04-12")
    await page.get_by_role("button", name="Avançar").click()
    await page.get_by_label("token").fill("000000" if code != "000000" else "111111")
    await page.get_by_role("button", name="Finalizar").click()
    await expect(page.locator(".err")).to_be_visible()
    await page.get_by_label("token").fill(code)
    await page.get_by_role("button", name="Finalizar").click()
    await page.get_by_role("link", name="Acompanhar envelope").click()
    await expect(page.get_by_text("Finalizado").first).to_be_visible()


async def test_a_signed_document_becomes_a_deal_with_its_signer(
    owner: Person, installation: Installation
) -> None:
    page, title, signer = owner.page, "Contrato Usina Aurora", "Helena Prado Siqueira"
    await send(page, installation.clicksign, title, signer, "helena.siqueira@aurora.example")
    await sign(page, installation.clicksign, title)
    owner.complaints[:] = [one for one in owner.complaints if "/token" not in one]  # the wrong code's 422

    # Another rule of the demo tells what each signer did, under the document's name and the signer's.
    document = page.get_by_role("link", name=f"{title}.pdf", exact=True)
    done = page.get_by_role("row").filter(has=document).filter(has_text="Concluída")
    await owner.until_shown(f"{installation.workspace}/history/", done)
    await done.get_by_role("link", name=f"{title}.pdf", exact=True).first.click()
    arrived = page.locator("ol.trail > li").first
    await arrived.locator("summary").first.click()
    await expect(arrived.locator("pre").first).to_contain_text("helena.siqueira@aurora.example")
    calls = page.locator("ol.trail > li:last-child details").first
    await calls.locator("summary").first.click()
    await expect(calls.get_by_text("POST").first).to_be_visible()
    await expect(calls.get_by_text("201").first).to_be_visible()

    await page.goto(installation.crm)
    await page.locator(".board").get_by_role("link", name=title).first.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(signer)
    await page.get_by_role("link", name="Contatos (1)").click()
    await expect(page.get_by_role("link", name=signer)).to_be_visible()
    await expect(page.get_by_text("helena.siqueira@aurora.example")).to_be_visible()
