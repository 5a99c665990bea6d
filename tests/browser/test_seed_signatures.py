"""A signature tool's steps at the marketing tool's contacts: set up in Portuguese by clicking, then used.

Once for an account that keeps no documents as records, then for one that does. What comes of it is looked at
in the vendors' pages, in the history and on the person's page.
"""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.place import data_folder

from .conftest import signed_in
from .editing import PATIENCE
from .hands import Hands
from .installation import Installation, command, demo_in
from .person import Person
from .test_whole_walk import at_hub

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(900)]

RECIPE = "envelope_to_contact"
TAG = "docusign-integration"
SENT, DELIVERED, COMPLETED, DECLINED = (
    f"{TAG}-DocuSign_Envelope_{step}" for step in ("Sent", "Delivered", "Completed", "Declined")
)
OWN_TAG = "proposta aberta"  # the rule's name for DELIVERED
REASON = "O prazo mudou"


@dataclass(frozen=True)
class Place:
    """A workspace with the two vendors' pages; no address ends with a slash."""

    workspace: str
    signer: str
    marketing: str


@pytest.fixture
def demo(chromium: str) -> Iterator[Installation]:
    """A demo of its own: the marketing account's plan changes. The demo's own rules are paused."""
    with data_folder("vaivem-signatures-") as folder, demo_in(folder) as running:
        token = command(running, "api-token", "create", "--name", "walk")["token"]
        for rule in at_hub(running, token, "GET", "rules")["items"]:
            if rule["state"] == "on":
                at_hub(running, token, "POST", f"rules/{rule['id']}/pause")
        yield running


def buy_plan(marketing: str, plan: str) -> None:
    """Change the marketing account's plan, which decides about custom objects."""
    body, kind = json.dumps({"plan": plan}).encode(), {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{marketing}/_control/quirks", body, kind)) as answer:
        assert json.load(answer)["plan"] == plan


async def new_place(hands: Hands, demo: Installation, company: str) -> Place:
    """Make a workspace with the test accounts, and find their pages."""
    page = hands.page
    await hands.open(f"{demo.hub}/workspaces/new/")
    await hands.write(page.get_by_label("Empresa"), company)
    await hands.press(page.get_by_role("button", name="Criar"))
    await page.wait_for_url(re.compile(r"/w/[^/]+/$"))
    workspace = page.url.rstrip("/")
    await hands.open(f"{workspace}/test-accounts/")
    await hands.press(page.get_by_role("button", name="Conectar todas"))
    await page.wait_for_load_state()
    await hands.open(f"{workspace}/test-accounts/")
    pages = []
    for system in ("DocuSign", "ActiveCampaign"):
        row = page.get_by_role("listitem").filter(has=page.get_by_text(system, exact=True))
        pages.append((await row.get_by_role("link", name="Abrir").get_attribute("href") or "").rstrip("/"))
    return Place(workspace, *pages)


async def keep_documents(hands: Hands, place: Place) -> None:
    """Make the object for documents, from the connection's page."""
    page = hands.page
    await hands.open(f"{place.workspace}/test-accounts/")
    row = page.get_by_role("listitem").filter(has=page.get_by_text("ActiveCampaign", exact=True))
    await hands.press(row.get_by_role("heading").get_by_role("link"))
    offer = page.locator("form.notice").filter(has_text="Signed document")
    await hands.press(offer.get_by_role("button", name="Criar e escolher"))


async def map_field(hands: Hands, target: str, source: str) -> int:
    """Fill one more field of the contact; return its place in the table."""
    page = hands.page
    number = await page.get_by_label(re.compile(r"Campo \d+ que é preenchido")).count()
    await hands.choose(page.get_by_label(f"Campo {number} que é preenchido"), target)
    await expect(page.get_by_label(f"Campo {number + 1} que é preenchido")).to_be_visible()
    await hands.choose(page.get_by_label(f"O que preenche o campo {number}"), source)
    return number


async def set_up(hands: Hands, place: Place, *, records: bool) -> None:
    """Pick actions, see tags, map fields, read what would be written, and switch on."""
    page = hands.page
    preview = page.locator("#preview")
    await hands.open(f"{place.workspace}/recipes/")
    await hands.press(page.locator(f"h3 a[href$='/recipes/{RECIPE}/']"))
    without = page.get_by_text("só tags e campos são gravados")
    await expect(without).to_have_count(0 if records else 1)
    await expect(page.get_by_label("entregue: o destinatário abriu")).to_be_checked()
    await hands.press(page.get_by_label("qualquer mudança do documento, sem tag"))
    for label, tag in (("enviado", SENT), ("concluído", COMPLETED), ("recusado", DECLINED)):
        await expect(page.get_by_label(f"Tag de “{label}”")).to_have_value(tag)
    await expect(page.get_by_label("Tag de “entregue” (aberto)")).to_have_value(DELIVERED)
    await hands.write(page.get_by_label("Tag de “entregue” (aberto)"), OWN_TAG)
    await map_field(hands, "Observações", "Passo: nome do documento")
    number = await map_field(hands, "Contrato assinado em", "Passo: link do documento")
    await expect(preview.locator(".err").first).to_contain_text("Contrato assinado em")
    await hands.choose(page.get_by_label(f"O que preenche o campo {number}"), "Passo: concluído em")
    await expect(preview.locator(".err")).to_have_count(0)
    for said in ("E-mail", TAG, OWN_TAG, "Observações", "Contrato assinado em"):
        await expect(preview).to_contain_text(re.compile(re.escape(said), re.IGNORECASE))
    for said in ("Documento: status", "Documento: remetente", "Documento: link"):
        await (
            expect(preview).to_contain_text(said) if records else expect(preview).not_to_contain_text(said)
        )
    await hands.press(page.get_by_role("button", name="Ligar"))
    await page.wait_for_url(re.compile(rf"/recipes/{RECIPE}/\d+/"))
    await until(page, page.get_by_text("Nosso webhook está registrado"))


async def until(page: Page, wanted: Locator, seconds: float = 90) -> None:
    """Load the page again and again until it shows something."""
    limit = time.monotonic() + seconds
    while not await wanted.count():
        assert time.monotonic() < limit, f"{wanted} is not at {page.url}: " + await page.inner_text("main")
        await page.wait_for_timeout(700)
        await page.reload()


async def send(hands: Hands, place: Place, subject: str, people: dict[str, tuple[str, str]]) -> str:
    """Send a document of a template to people by role; return its page."""
    page = hands.page
    await hands.open(f"{place.signer}/new")
    await hands.choose(page.get_by_label("Modelo"), "Proposta comercial")
    await hands.press(page.get_by_role("button", name="Usar este modelo"))
    await hands.write(page.get_by_label("Assunto"), subject)
    for role, (name, email) in people.items():
        of_role = page.get_by_role("group", name=role)
        await hands.write(of_role.get_by_label("Nome", exact=True), name)
        await hands.write(of_role.get_by_label("E-mail", exact=True), email)
    await hands.press(page.get_by_role("button", name="Enviar", exact=True))
    await page.wait_for_url(re.compile(r"/documents/details/"))
    return page.url


async def opened(hands: Hands, document: str, name: str) -> None:
    """Open a document as one who received it does."""
    await hands.open(document)
    await hands.press(hands.page.get_by_role("button", name=f"Abrir os documentos {name}"))
    await hands.page.wait_for_url(re.compile(r"/signing/"))


async def signed(hands: Hands, document: str, name: str) -> None:
    """Open and sign."""
    page = hands.page
    await opened(hands, document, name)
    for label in ("empresa", "valor"):
        field = page.get_by_label(label, exact=True)
        if await field.count():
            await hands.write(field, "1")
    await hands.press(page.get_by_role("button", name="Assinar", exact=True))
    await expect(page.get_by_text("Concluído").first).to_be_visible()


async def refused(hands: Hands, document: str, name: str) -> None:
    """Open and refuse."""
    page = hands.page
    await opened(hands, document, name)
    await hands.write(page.get_by_label("Motivo"), REASON)
    await hands.press(page.get_by_role("button", name="Recusar a assinatura"))
    await expect(page.get_by_text("Recusado").first).to_be_visible()


async def at_marketing(hands: Hands, place: Place, email: str, tags: list[str]) -> None:
    """Go to a contact's page there, and wait until it has these tags and no others."""
    page = hands.page
    await hands.open(f"{place.marketing}/?q={email}")
    found = page.get_by_role("row").filter(has_text=email).filter(has_text=tags[-1])
    await until(page, found)
    await hands.press(found.get_by_role("link"))
    shown = page.get_by_role("region", name="Tags").locator(".pill")
    assert sorted(await shown.all_inner_texts()) == sorted(tags)


async def in_record(page: Page, subject: str, state: str, *, records: bool) -> None:
    """See a contact's record of a document at the marketing tool, or that there is none."""
    objects = page.get_by_role("region", name="Objetos personalizados")
    card = objects.get_by_role("listitem").filter(has_text=subject)
    if not records:
        await expect(card).to_have_count(0)
        return
    await until(page, card.filter(has_text=state))
    await expect(card).to_have_count(1)
    for said in ("Júlia Prado", "/documents/details/", "Sent date and time"):
        await expect(card).to_contain_text(said)


async def at_hub_seen(
    hands: Hands, place: Place, subject: str, email: str, name: str, states: list[str]
) -> None:
    """See the runs in the history, and the person with the document and its details."""
    page = hands.page
    await hands.open(f"{place.workspace}/history/")
    await until(page, page.get_by_role("row").filter(has_text=subject).filter(has_text="Concluída"))
    await expect(page.get_by_role("row").filter(has_text=subject).filter(has_text="Falhou")).to_have_count(0)
    await hands.open(f"{place.workspace}/records/")
    await hands.write(page.get_by_role("main").get_by_role("searchbox"), email)
    await hands.press(page.get_by_role("main").get_by_role("button", name="Buscar"))
    await until(page, page.get_by_role("main").get_by_role("link", name=name))
    await hands.press(page.get_by_role("main").get_by_role("link", name=name).first)
    of_document = page.locator(".doclist > li").filter(has_text=subject)
    await until(page, of_document.filter(has_text=states[0]))
    await hands.press(of_document.get_by_role("link", name=subject))
    row = page.locator(".doclist > li").filter(has_text=email)
    await hands.press(row.get_by_text("Detalhes"))
    for state in states:
        await expect(row).to_contain_text(state)


async def walk(hands: Hands, demo: Installation, company: str, *, records: bool) -> Place:
    """Set up in a workspace of its own; a document is signed by one and refused by another."""
    page, word = hands.page, company.lower().replace(" ", "-")
    place = await new_place(hands, demo, company)
    buy_plan(place.marketing, "enterprise" if records else "professional")
    if records:
        await keep_documents(hands, place)
    await set_up(hands, place, records=records)
    subject = f"Proposta {company}"
    client, witness = f"Davi Moura {company}", f"Iara Nunes {company}"
    davi, iara = f"davi@{word}.example", f"iara@{word}.example"
    document = await send(hands, place, subject, {"Cliente": (client, davi), "Testemunha": (witness, iara)})
    await at_marketing(hands, place, iara, [TAG, SENT])
    await in_record(page, subject, "Sent", records=records)
    await opened(hands, document, witness)
    await at_marketing(hands, place, iara, [TAG, SENT, OWN_TAG])
    await in_record(page, subject, "Delivered", records=records)
    await signed(hands, document, client)
    await refused(hands, document, witness)
    await at_marketing(hands, place, iara, [TAG, SENT, OWN_TAG, DECLINED])
    await in_record(page, subject, "Declined", records=records)
    await at_marketing(hands, place, davi, [TAG, SENT, OWN_TAG, COMPLETED])
    await expect(page.get_by_role("region", name="Campos e notas")).to_contain_text("Contrato assinado em")
    await expect(page.get_by_role("region", name="Campos e notas")).to_contain_text(subject)
    await in_record(page, subject, "Completed", records=records)
    await at_hub_seen(hands, place, subject, iara, witness, ["Recusado", "Aberto", "Enviado"])
    return place


async def whole(hands: Hands, demo: Installation, without: str, with_records: str) -> None:
    """Walk with either account; the first one's rule is paused then, as both see the same documents."""
    page = hands.page
    place = await walk(hands, demo, without, records=False)
    await hands.open(f"{place.workspace}/rules/")
    await hands.press(page.locator("tbody a[href*='/rules/']").first)
    await hands.press(page.get_by_role("button", name="Pausar"))
    await walk(hands, demo, with_records, records=True)


async def test_the_steps_of_documents_are_set_up_and_used(browser: Browser, demo: Installation) -> None:
    person = await Person.arrive(browser, signed_in=await signed_in(browser, demo))
    person.page.context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    hands, begun = Hands(person.page), time.monotonic()
    await whole(hands, demo, "Brisa Norte", "Aurora Sul")
    sys.stderr.write(
        f"\n{time.monotonic() - begun:.0f} s, {hands.acts} acts, {hands.opened} addresses opened\n"
    )
    await person.leave()
