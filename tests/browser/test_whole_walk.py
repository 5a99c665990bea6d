"""The whole walk in Portuguese, in a new workspace: with a mouse, on a phone by touch, by keyboard only.

Connect the test accounts, take the recipe, choose funnel and stage, map fields, see the preview, test with
one real event, switch on, sign, read the history, repair a run that failed.
"""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.place import data_folder

from .conftest import signed_in
from .editing import PATIENCE
from .hands import Finger, Hands, Keys
from .installation import Installation, command, demo_in
from .person import Person
from .test_walk import PDF

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(900)]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
WAYS: dict[str, tuple[type[Hands], dict[str, Any]]] = {
    "mouse": (Hands, {}), "touch": (Finger, PHONE), "keyboard": (Keys, {}),
}  # fmt: skip
TEN_MINUTES = 600.0


@pytest.fixture
def demo(chromium: str) -> Iterator[Installation]:
    """A demo of its own: the walk makes a field at the CRM that refuses deals.

    Its own rules are paused: they would make the same contacts in the CRM at the same moment.
    """
    with data_folder("vaivem-walk-") as folder, demo_in(folder) as running:
        token = command(running, "api-token", "create", "--name", "walk")["token"]
        for rule in at_hub(running, token, "GET", "rules")["items"]:
            if rule["state"] == "on":
                at_hub(running, token, "POST", f"rules/{rule['id']}/pause")
        yield running


def at_hub(demo: Installation, token: str, method: str, path: str) -> Any:
    """Call the REST API."""
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{demo.hub}/api/v1/{path}", headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def at_crm(demo: Installation, method: str, path: str, data: object = None) -> Any:
    """Do at the CRM what a colleague there would do."""
    with urllib.request.urlopen(f"{demo.crm}/_control/credentials", timeout=30) as answer:
        token = json.load(answer)["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = None if data is None else json.dumps({"data": data}).encode()
    request = urllib.request.Request(f"{demo.crm}/crm/v2/{path}", body, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def email_of(signer: str, title: str) -> str:
    """Return a signer's address of their own: the rules of other workspaces work in the same CRM."""
    return f"{signer.split()[0].lower()}@{title.split()[-1]}.example"


async def sign_one(hands: Hands, demo: Installation, folder: Path, title: str, signer: str) -> None:
    """Send a document for signature and sign it, in Clicksign's pages."""
    page, email = hands.page, email_of(signer, title)
    file = folder / f"{title}.pdf"
    file.write_bytes(PDF)
    await hands.open(demo.clicksign)
    await hands.press(page.get_by_role("link", name="Adicionar documentos"))
    await hands.upload(page.get_by_label("Arquivos"), file)
    await hands.press(page.get_by_role("button", name="Avançar para signatários"))
    await hands.write(page.get_by_label("Nome completo"), signer)
    await hands.write(page.get_by_label("E-mail", exact=True), email)
    await hands.choose(page.get_by_label("Autenticação"), "Token por e-mail")
    await hands.press(page.get_by_role("button", name="Adicionar signatário"))
    await expect(page.get_by_role("cell", name=email)).to_be_visible()
    await hands.press(page.get_by_role("button", name="Assinar", exact=True))
    await expect(page.get_by_role("link", name="Acompanhar envelope")).to_be_visible()
    await hands.open(f"{demo.clicksign}/mailbox")
    await hands.press(page.get_by_role("link", name=title).first)
    code = await page.locator("#code").inner_text()
    await hands.press(page.get_by_role("link", name="Visualizar para assinar"))
    await hands.press(page.get_by_role("link", name="Assinar", exact=True))
    await hands.write(page.get_by_label("CPF"), "529.982.247-25")
    await hands.date(page.get_by_label("Data de nascimento"), "1988-04-04")  # day and month in either order
    await hands.press(page.get_by_role("button", name="Avançar"))
    await hands.write(page.get_by_label("token"), code)
    await hands.press(page.get_by_role("button", name="Finalizar"))
    await expect(page.get_by_role("link", name="Acompanhar envelope")).to_be_visible()


async def new_rule(hands: Hands, demo: Installation, company: str) -> None:
    """Make a workspace, connect the test accounts, take the recipe, and go on in the editor."""
    page = hands.page
    await hands.open(f"{demo.hub}/workspaces/new/")
    await hands.write(page.get_by_label("Empresa"), company)
    await hands.press(page.get_by_role("button", name="Criar"))
    await hands.press(page.get_by_role("button", name="Usar contas de teste"))
    await hands.press(page.get_by_role("link", name="Ver receitas"))
    await hands.press(page.locator("h3 a[href$='/recipes/signed_document_to_deal/']"))
    await hands.choose(page.get_by_label("Funil"), "Funil de Vendas")
    await hands.choose(page.get_by_label("Etapa"), "Proposta enviada")
    owner = page.get_by_label("Responsável")
    await hands.choose(owner, (await owner.locator("option").nth(1).inner_text()).strip())
    await expect(page.locator("#preview")).to_contain_text("Proposta enviada")
    await hands.press(page.get_by_role("button", name="Ajustar no editor"))
    await page.wait_for_url(re.compile(r"/rules/\d+/edit/"))


async def mapped_and_tested(hands: Hands, demo: Installation, folder: Path, company: str) -> None:
    """Map a field, see the preview, test with one real event, and switch on."""
    page = hands.page
    await hands.add(page.locator(".tokens").first, " de ")
    await hands.press(page.locator("#fields [data-token='signer.email']"))
    await expect(page.locator("#preview")).to_contain_text("@")
    await expect(page.locator("#saved")).to_contain_text("Salvo")
    await expect(page.locator("#blocking .blockbar")).to_have_count(0)
    await hands.press(page.locator("#try-test"))
    await expect(page.locator("#test")).to_contain_text("Esperando o próximo evento")
    editor = page.url
    await sign_one(hands, demo, folder, f"Teste {company}", "Davi Moura Prado")
    await hands.open(editor)
    await expect(page.locator("#test")).to_contain_text("Davi Moura Prado", timeout=2 * PATIENCE)
    await hands.press(page.locator("#publish"))
    await page.wait_for_url(re.compile(r"/rules/\d+/$"))


async def in_history(page: Page, title: str, state: str) -> None:
    """Wait at the history until a document's run is in a state."""
    row = page.get_by_role("row").filter(has_text=f"{title}.pdf").filter(has_text=state)
    for _ in range(60):
        if await row.count():
            return
        await page.wait_for_timeout(1000)
        await page.reload()
    raise AssertionError(f"{title} is not {state}: {await page.locator('main').inner_text()}")


async def used_and_repaired(hands: Hands, demo: Installation, folder: Path, company: str) -> None:
    """Sign a document and read its run; then let one fail, and repair it."""
    page, rule, good, bad = hands.page, hands.page.url, f"Contrato {company}", f"Aditivo {company}"
    await sign_one(hands, demo, folder, good, "Helena Prado Siqueira")
    await hands.open(rule)
    await hands.press(page.get_by_role("link", name="Ver o histórico dela"))
    await page.wait_for_url(re.compile(r"/history/"))
    history = page.url
    await in_history(page, good, "Concluída")
    await hands.press(page.get_by_role("link", name=f"{good}.pdf", exact=True).first)
    await expect(page.locator("ol.trail")).to_contain_text(email_of("Helena", good))
    wanted = {"name": f"Motivo {company}", "type": "text", "entity": "deal"}
    field = at_crm(demo, "POST", "custom_fields", wanted | {"required_rules": [{"always": True}]})["data"]
    await sign_one(hands, demo, folder, bad, "Iara Nunes Prado")
    await hands.open(history)
    await in_history(page, bad, "Falhou")
    await hands.press(page.get_by_role("link", name=f"{bad}.pdf", exact=True).first)
    await expect(page.locator("main")).to_contain_text("Motivo")  # which field was refused
    at_crm(demo, "DELETE", f"custom_fields/{field['id']}")
    await hands.press(page.get_by_role("button", name="Continuar de onde parou"))
    await expect(page.get_by_role("button", name="Continuar de onde parou")).to_have_count(0)
    await hands.open(history)
    await in_history(page, bad, "Concluída")
    await hands.open(demo.crm)
    await hands.press(page.locator(".board").get_by_role("link", name=bad).first)
    await hands.press(page.get_by_role("link", name="Contatos (1)"))
    await expect(page.get_by_text(email_of("Iara", bad)).first).to_be_visible()


@pytest.mark.parametrize("way", WAYS)
async def test_the_whole_walk(browser: Browser, demo: Installation, tmp_path: Path, way: str) -> None:
    make, options = WAYS[way]
    person = await Person.arrive(browser, signed_in=await signed_in(browser, demo), **options)
    person.page.context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    hands, company = make(person.page), f"Aurora {way}"
    begun = time.monotonic()
    await new_rule(hands, demo, company)
    await mapped_and_tested(hands, demo, tmp_path, company)
    await used_and_repaired(hands, demo, tmp_path, company)
    took = time.monotonic() - begun
    keys = f", {hands.keys} keys" if isinstance(hands, Keys) else ""
    sys.stderr.write(f"\n{way}: {took:.0f} s, {hands.acts} acts, {hands.opened} addresses opened{keys}\n")
    assert took < TEN_MINUTES
    hands.done()
    await person.leave()
