"""A signature tool's steps at the marketing tool's contacts: set up in Portuguese by clicking, then used.

For either tool; for an account that keeps no documents as records, and for one that does. One document is
signed by one and refused by another, one is signed by all. What comes of it is looked at in the vendors'
pages, in the history and on the person's page.
"""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.place import data_folder

from .conftest import signed_in
from .editing import PATIENCE
from .hands import Hands
from .installation import Installation, command, demo_in
from .person import Person
from .signers import Clicksign, DocuSign, Signer
from .test_whole_walk import at_hub

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(600)]

OWN_TAG = "proposta aberta"  # the rule's name for the tag of who opened


@dataclass(frozen=True)
class Place:
    """A workspace with the two vendors' pages; no address ends with a slash. `tool` is the signature tool.

    `records`: the marketing account keeps documents as records.
    """

    workspace: str
    tool: Signer
    account: str
    marketing: str
    records: bool

    def tags(self, *steps: str) -> list[str]:
        """Return the tags of somebody who made these steps."""
        named = {"Delivered": OWN_TAG}
        return [self.tool.tag, *(named.get(step) or self.tool.tag_of(step) for step in steps)]


@pytest.fixture(scope="module")
def demo(chromium: str) -> Iterator[Installation]:
    """A demo of its own: the marketing account's plan changes. The demo's own rules are paused."""
    with data_folder("vaivem-signatures-") as folder, demo_in(folder) as running:
        token = command(running, "api-token", "create", "--name", "walk")["token"]
        for rule in at_hub(running, token, "GET", "rules")["items"]:
            if rule["state"] == "on":
                at_hub(running, token, "POST", f"rules/{rule['id']}/pause")
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def hands(browser: Browser, demo: Installation) -> AsyncIterator[Hands]:
    """The owner's; how long it took and how much was done is told."""
    person = await Person.arrive(browser, signed_in=await signed_in(browser, demo))
    person.page.context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    hands, begun = Hands(person.page), time.monotonic()
    yield hands
    took = time.monotonic() - begun
    sys.stderr.write(f"\n{took:.0f} s, {hands.acts} acts, {hands.opened} addresses opened\n")
    await person.leave()


def buy_plan(marketing: str, plan: str) -> None:
    """Change the marketing account's plan, which decides about custom objects."""
    body, kind = json.dumps({"plan": plan}).encode(), {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{marketing}/_control/quirks", body, kind)) as answer:
        assert json.load(answer)["plan"] == plan


async def new_place(hands: Hands, demo: Installation, company: str, tool: Signer, *, records: bool) -> Place:
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
    for system in (tool.system, "ActiveCampaign"):
        row = page.get_by_role("listitem").filter(has=page.get_by_text(system, exact=True))
        pages.append((await row.get_by_role("link", name="Abrir").get_attribute("href") or "").rstrip("/"))
    return Place(workspace, tool, *pages, records)


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


async def set_up(hands: Hands, place: Place) -> None:
    """Pick actions, see tags, map fields, read what would be written, and switch on."""
    page, tool, records = hands.page, place.tool, place.records
    preview = page.locator("#preview")
    await hands.open(f"{place.workspace}/recipes/")
    await hands.press(page.locator(f"h3 a[href$='/recipes/{tool.recipe}/']"))
    without = page.get_by_text("só tags e campos são gravados")
    await expect(without).to_have_count(0 if records else 1)
    await expect(page.get_by_label("entregue: o destinatário abriu")).to_be_checked()
    await hands.press(page.get_by_label("qualquer mudança do documento, sem tag"))
    for label, step in (("enviado", "Sent"), ("concluído", "Completed"), ("recusado", "Declined")):
        await expect(page.get_by_label(f"Tag de “{label}”")).to_have_value(tool.tag_of(step))
    await expect(page.get_by_label("Tag de “entregue” (aberto)")).to_have_value(tool.tag_of("Delivered"))
    await hands.write(page.get_by_label("Tag de “entregue” (aberto)"), OWN_TAG)
    await map_field(hands, "Observações", "Passo: nome do documento")
    number = await map_field(hands, "Contrato assinado em", "Passo: link do documento")
    await expect(preview.locator(".err").first).to_contain_text("Contrato assinado em")
    await hands.choose(page.get_by_label(f"O que preenche o campo {number}"), "Passo: concluído em")
    await expect(preview.locator(".err")).to_have_count(0)
    for said in ("E-mail", tool.tag, OWN_TAG, "Observações", "Contrato assinado em"):
        await expect(preview).to_contain_text(re.compile(re.escape(said), re.IGNORECASE))
    written = ("status", "link", *(("remetente",) if tool.sender else ()))
    for said in (f"Documento: {field}" for field in written):
        await (
            expect(preview).to_contain_text(said) if records else expect(preview).not_to_contain_text(said)
        )
    await hands.press(page.get_by_role("button", name="Ligar"))
    await page.wait_for_url(re.compile(rf"/recipes/{tool.recipe}/\d+/"))
    # The page says so by itself, though nobody loads it again.
    await expect(page.get_by_text("Nosso webhook está registrado")).to_be_visible(timeout=90_000)


async def until(page: Page, wanted: Locator, seconds: float = 90) -> None:
    """Load the page again and again until it shows something."""
    limit = time.monotonic() + seconds
    while not await wanted.count():
        assert time.monotonic() < limit, f"{wanted} is not at {page.url}: " + await page.inner_text("main")
        await page.wait_for_timeout(700)
        await page.reload()


async def at_marketing(hands: Hands, place: Place, email: str, tags: list[str]) -> None:
    """Go to a contact's page there, and wait until it has these tags and no others."""
    page = hands.page
    await hands.open(f"{place.marketing}/?q={email}")
    found = page.get_by_role("row").filter(has_text=email).filter(has_text=tags[-1])
    await until(page, found)
    await hands.press(found.get_by_role("link"))
    shown = page.get_by_role("region", name="Tags").locator(".pill")
    assert sorted(await shown.all_inner_texts()) == sorted(tags)


async def in_record(page: Page, place: Place, subject: str, state: str) -> None:
    """See a contact's record of a document at the marketing tool, or that there is none."""
    objects = page.get_by_role("region", name="Objetos personalizados")
    card = objects.get_by_role("listitem").filter(has_text=subject)
    if not place.records:
        await expect(card).to_have_count(0)
        return
    await until(page, card.filter(has_text=state))
    await expect(card).to_have_count(1)
    for said in (place.tool.sender, place.tool.link, "Status"):
        await expect(card).to_contain_text(said)


@dataclass(frozen=True)
class Seen:
    """What has to be seen of a document at the hub: one of its people, and their states, the last first."""

    subject: str
    email: str
    name: str
    states: tuple[str, ...]


async def side_by_side(page: Page, place: Place, seen: Seen) -> None:
    """See on a person's page what the rule wrote at the marketing tool, and by which run."""
    last, own = {"Recusado": ("Declined", "Recusado"), "Concluído": ("Completed", "Assinado")}[seen.states[0]]
    tags = place.tags("Sent", "Delivered", last)
    table = page.get_by_role("region", name="Lado a lado")
    line = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Tags", exact=True))
    await until(page, line.filter(has_text=tags[-1]), 150)
    for system in ("ActiveCampaign", place.tool.system):
        await expect(table.get_by_role("columnheader").filter(has_text=system)).to_have_count(1)
    assert sorted(await line.get_by_role("listitem").all_inner_texts()) == sorted(tags)
    wrote = table.get_by_role("row").filter(has_text="Última gravação por uma regra")
    await expect(wrote.get_by_role("link")).to_have_attribute("href", re.compile(r"/history/\d+/"))
    kept = page.get_by_role("region", name="Também gravado por regras").get_by_role("listitem")
    await expect(kept).to_have_count(1 if place.records else 0)
    if place.records:
        await expect(kept).to_contain_text(seen.subject)
        await expect(kept).to_contain_text(own)


async def at_hub_seen(hands: Hands, place: Place, seen: Seen) -> None:
    """See the runs in the history, and the person with what was written, the document and its details."""
    page, subject, email, name, states = hands.page, seen.subject, seen.email, seen.name, seen.states
    await hands.open(f"{place.workspace}/history/")
    await until(page, page.get_by_role("row").filter(has_text=subject).filter(has_text="Concluída"))
    await expect(page.get_by_role("row").filter(has_text=subject).filter(has_text="Falhou")).to_have_count(0)
    await hands.open(f"{place.workspace}/records/")
    await hands.write(page.get_by_role("main").get_by_role("searchbox"), email)
    await hands.press(page.get_by_role("main").get_by_role("button", name="Buscar"))
    await until(page, page.get_by_role("main").get_by_role("link", name=name))
    await hands.press(page.get_by_role("main").get_by_role("link", name=name).first)
    await side_by_side(page, place, seen)
    of_document = page.locator(".doclist > li").filter(has_text=subject)
    await until(page, of_document.filter(has_text=states[0]))
    await hands.press(of_document.get_by_role("link", name=subject))
    row = page.locator(".doclist > li").filter(has_text=email)
    await hands.press(row.get_by_text("Detalhes"))
    for state in states:
        await expect(row).to_contain_text(state)


async def one_signs_one_refuses(hands: Hands, place: Place, company: str) -> Seen:
    """Follow a document at both people, step by step."""
    page, tool, word = hands.page, place.tool, company.lower().replace(" ", "-")
    subject = f"Proposta {company}"
    client, witness = f"Davi Moura {company}", f"Iara Nunes {company}"
    davi, iara = f"davi@{word}.example", f"iara@{word}.example"
    document = await tool.send(hands, place.account, subject, {client: davi, witness: iara})
    if tool.tells_sending:
        await at_marketing(hands, place, iara, place.tags("Sent"))
        await in_record(page, place, subject, "Sent")
    await tool.open(hands, document, witness)
    await at_marketing(hands, place, iara, place.tags("Sent", "Delivered"))
    await in_record(page, place, subject, "Delivered")
    await at_marketing(hands, place, davi, place.tags("Sent"))
    await in_record(page, place, subject, "Sent")
    await tool.sign(hands, document, client)
    await tool.refuse(hands, document, witness)
    await at_marketing(hands, place, iara, place.tags("Sent", "Delivered", "Declined"))
    await in_record(page, place, subject, "Declined")
    await at_marketing(hands, place, davi, place.tags("Sent", "Delivered", "Completed"))
    fields = page.get_by_role("region", name="Campos e notas")
    await expect(fields).to_contain_text("Contrato assinado em")
    await expect(fields).to_contain_text(subject)
    await in_record(page, place, subject, "Completed")
    return Seen(subject, iara, witness, ("Recusado", "Aberto", "Enviado"))


async def all_sign(hands: Hands, place: Place, company: str) -> Seen:
    """Have a document completed: each recipient's own step, then the whole document's."""
    page, tool, word = hands.page, place.tool, company.lower().replace(" ", "-")
    subject = f"Contrato {company}"
    people = {
        f"{name} {company}": f"{name.split()[0].lower()}@{word}.example" for name in ("Ema Luz", "Ravi Sá")
    }
    document = await tool.send(hands, place.account, subject, people)
    for name, email in people.items():
        await tool.sign(hands, document, name)
        await at_marketing(hands, place, email, place.tags("Sent", "Delivered", "Completed"))
        await in_record(page, place, subject, "Completed")
    (name, email), *_ = people.items()
    return Seen(subject, email, name, ("Concluído", "Aberto", "Enviado"))


@pytest.mark.parametrize(
    ("tool", "company", "records"),
    [(DocuSign(), "Brisa Norte", False), (DocuSign(), "Aurora Sul", True), (Clicksign(), "Serra Azul", True)],
    ids=["docusign-without-records", "docusign", "clicksign"],
)
async def test_the_steps_of_documents_are_set_up_and_used(
    hands: Hands, demo: Installation, tool: Signer, company: str, records: bool
) -> None:
    """In a workspace of its own. Its rule is paused then: every workspace sees the same documents."""
    page = hands.page
    place = await new_place(hands, demo, company, tool, records=records)
    buy_plan(place.marketing, "enterprise" if records else "professional")
    if records:
        await keep_documents(hands, place)
    await set_up(hands, place)
    refused = await one_signs_one_refuses(hands, place, company)
    completed = await all_sign(hands, place, company)
    await at_hub_seen(hands, place, refused)
    await at_hub_seen(hands, place, completed)
    await expect(page.get_by_role("main").locator(".page-head")).to_contain_text("Concluído")
    recipients = page.locator(".doclist > li")
    assert await recipients.count() == await recipients.filter(has_text="Concluído").count() == 2
    await hands.open(f"{place.workspace}/rules/")
    await hands.press(page.locator("tbody a[href*='/rules/']").first)
    await hands.press(page.get_by_role("button", name="Pausar"))
    await expect(page.get_by_text("Pausada").first).to_be_visible()
