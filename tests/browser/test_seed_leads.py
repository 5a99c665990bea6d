"""Leads to sales and back, line by line as the vendors describe it, by clicking, in Portuguese.

Both accounts are allowed on the vendors' pages; fields are combined; rules start at either side; a lead
becomes person, organization and deal, and the deal's end comes back to the lead's timeline.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.place import data_folder

from .conftest import signed_in
from .editing import PATIENCE
from .hands import Hands
from .inspection import faults_of, too_wide
from .installation import Installation, command, demo_in
from .person import Person
from .test_whole_walk import at_hub

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(900)]

LEADS, SALES = "rd_station_marketing", "pipedrive"
NAMES = {LEADS: "RD Station Marketing", SALES: "Pipedrive"}
FROM = "RD Station Marketing · Raiar Energia Solar"
TO = "Pipedrive · Raiar Solar"
LANDING = "Orçamento de energia solar"
WON, LOST = "Dora Prado Leme", "Caio Brandão Reis"


@pytest.fixture
def demo(chromium: str) -> Iterator[Installation]:
    """A demo of its own. Its own rules are paused: they work between the same two test accounts."""
    with data_folder("vaivem-leads-") as folder, demo_in(folder) as running:
        token = command(running, "api-token", "create", "--name", "walk")["token"]
        for rule in at_hub(running, token, "GET", "rules")["items"]:
            if rule["state"] == "on":
                at_hub(running, token, "POST", f"rules/{rule['id']}/pause")
        yield running


class Walk:
    """One person's way through both vendors' pages and the hub."""

    def __init__(self, hands: Hands, demo: Installation) -> None:
        self.hands = hands
        self.page = hands.page
        self.leads = demo.accounts[LEADS]
        self.sales = demo.accounts[SALES]
        self.hub = demo.hub
        self.workspace = ""

    async def begin(self) -> None:
        """Make a workspace, and allow both accounts on the vendors' own pages."""
        page, hands = self.page, self.hands
        await hands.open(f"{self.hub}/workspaces/new/")
        await hands.write(page.get_by_label("Empresa"), "Semente")
        await hands.press(page.get_by_role("button", name="Criar"))
        await page.wait_for_url(re.compile(r"/w/semente"))
        self.workspace = page.url.rstrip("/")
        for key, word, account in (
            (LEADS, "Continuar", "Raiar Energia Solar"),
            (SALES, "Permitir e instalar", "Júlia Prates"),
        ):
            await hands.press(page.get_by_role("link", name="Contas de teste").first)
            await hands.press(page.get_by_role("button", name=f"Conectar a conta de teste: {NAMES[key]}"))
            await self._allowed(key, word, account)

    async def _allowed(self, key: str, word: str, account: str) -> None:
        """Allow the access anew, as for an account of one's own: on the vendor's page."""
        page, hands = self.page, self.hands
        await hands.open(f"{self.workspace}/connections/")
        await hands.press(page.get_by_role("row").filter(has_text=NAMES[key]).locator("a.main"))
        await hands.press(page.get_by_role("link", name="Trocar credencial"))
        await self.looked_at()
        await hands.press(page.get_by_role("button", name="Acessar o"))
        if await page.locator("main a.btn.primary[href^='http']").count():
            await hands.press(page.locator("main a.btn.primary[href^='http']"))
        await hands.press(page.get_by_role("link", name=f"{word} {account}"))
        await page.wait_for_url(f"{self.hub}/**")
        await expect(page.get_by_role("status").first).to_contain_text("está conectada")
        await self.looked_at()

    async def combine(self, thing: str) -> None:
        """Open the form of a new combination from leads to sales."""
        page, hands = self.page, self.hands
        await hands.open(f"{self.workspace}/rules/")
        await hands.press(page.get_by_role("link", name="Combinações de campos"))
        await expect(page.locator("main")).to_contain_text("Uma combinação sozinha não envia nada")
        await hands.choose(page.locator("#pair"), f"{FROM} → {TO}: {thing}")
        await hands.press(page.get_by_role("button", name="Combinar campos"))

    async def combined(self, title: str) -> None:
        """Name and save a combination."""
        await self.hands.write(self.page.locator("#title"), title)
        await self.looked_at()
        await self.hands.press(self.page.get_by_role("button", name="Salvar", exact=True))
        await self.page.wait_for_url(re.compile(r"/combinations/\d+/$"))
        await expect(self.page.locator("main")).to_contain_text("Uma combinação sozinha não envia nada")

    async def add(self, field: str) -> None:
        """Let a combination fill one more field."""
        await self.hands.choose(self.page.locator("#add"), field)
        await self.hands.press(self.page.get_by_role("button", name="Adicionar combinação"))
        await expect(self.field(field)).to_be_visible()

    def field(self, label: str) -> Locator:
        """Return what chooses a combination's source for a field."""
        to = self.page.locator("label.to", has_text=re.compile(rf"^\s*{re.escape(label)}"))
        return self.page.locator(".map").filter(has=to).locator("select")

    async def rule(self, title: str, account: str, trigger: str) -> None:
        """Begin a rule: its title, its account and what happens there."""
        page, hands = self.page, self.hands
        await hands.open(f"{self.workspace}/rules/")
        await hands.press(page.get_by_role("button", name="Nova regra", exact=True))
        await page.wait_for_url(re.compile(r"/rules/\d+/edit/"))
        await hands.write(page.locator("#title"), title)
        await hands.choose(page.locator("#when-connection"), account)
        await expect(page.locator("#when-trigger option", has_text=trigger)).to_have_count(1)
        await hands.choose(page.locator("#when-trigger"), trigger)
        await expect(page.locator("#when")).to_contain_text("na conta")
        await self.saved()

    async def action(self, number: int, name: str, account: str) -> Locator:
        """Add an action; those of the other account are offered first. Return its step."""
        page, hands = self.page, self.hands
        await hands.press(page.locator("#add-then-action"))
        does = page.locator(f"#d-then-{number}")
        await expect(does.locator("optgroup").first).to_have_attribute("label", account)
        await hands.choose(does, name)
        step = page.locator(f"#then-{number}")
        await expect(step.locator("summary b").first).to_have_text(name[:1].upper() + name[1:])
        if await step.get_attribute("open") is None:
            await hands.press(step.locator("summary").first)
        await self.saved()
        return step

    async def saved(self) -> None:
        """Wait until the draft is kept as it stands."""
        await self.page.wait_for_timeout(700)
        await expect(self.page.locator("#saved")).to_contain_text("Salvo")

    async def switch_on(self) -> None:
        """Switch the rule on."""
        await expect(self.page.locator("#blocking .blockbar")).to_have_count(0)
        await self.looked_at()
        await self.hands.press(self.page.locator("#publish"))
        await self.page.wait_for_url(re.compile(r"/rules/\d+/$"))
        await self.looked_at()

    async def convert(self, name: str, email: str, company: str, phone: str) -> None:
        """Fill the landing page as the lead would."""
        page, hands = self.page, self.hands
        await hands.open(f"{self.leads}/paginas")
        await hands.press(page.get_by_role("link", name=f"Abrir e preencher {LANDING}"))
        await hands.write(page.locator("#name"), name)
        await hands.write(page.locator("#email"), email)
        await hands.write(page.locator("#company_name"), company)
        await hands.write(page.locator("#mobile_phone"), phone)
        await hands.press(page.get_by_role("button", name="Quero meu orçamento"))

    async def seen(self, address: str, wanted: Locator, seconds: int = 90) -> None:
        """Load a page until it shows something."""
        await self.hands.open(address)
        limit = time.monotonic() + seconds
        while not await wanted.count():
            assert time.monotonic() < limit, f"{wanted} at {address}: {await self.page.inner_text('main')}"
            await self.page.wait_for_timeout(1500)
            await self.page.reload()

    async def deal(self, title: str) -> None:
        """Open a deal on the sales tool's board."""
        card = self.page.locator("section", has=self.page.get_by_role("heading", name="Visita técnica"))
        link = card.get_by_role("link", name=title, exact=True).first
        await self.seen(self.sales, link)
        await self.hands.press(link)

    async def timeline(self, name: str, words: str) -> None:
        """Open a lead, and wait until its timeline says something."""
        await self.hands.open(f"{self.leads}/?q={name.split()[0]}")
        await self.hands.press(self.page.get_by_role("link", name=name).first)
        await self.seen(self.page.url, self.page.locator(".timeline li", has_text=words))

    async def looked_at(self) -> None:
        """Hold the page to what every page is held to, wide and narrow."""
        for width in (390, 1280):
            await self.page.set_viewport_size({"width": width, "height": 800})
            assert await faults_of(self.page) == []
            assert await too_wide(self.page) == []


async def fields_are_combined(walk: Walk) -> None:
    """Defaults are there; one gives way to a custom field; more are added; what is required is asked for."""
    page, hands = walk.page, walk.hands
    await walk.combine("Pessoa")
    await expect(walk.field("Pessoa: nome").locator("option:checked")).to_have_text("Lead: nome")
    await expect(walk.field("Pessoa: e-mail").locator("option:checked")).to_have_text("Lead: e-mail")
    await walk.add("Pessoa: telefone")
    await expect(walk.field("Pessoa: telefone").locator("option:checked")).to_contain_text("celular")
    await walk.add("CPF")
    await hands.choose(walk.field("CPF"), "CPF")
    await walk.combined("Lead → pessoa")

    await walk.combine("Organização")
    name = walk.field("Organização: nome")
    await expect(name.locator("option:checked")).to_have_text("Empresa: nome")
    await hands.choose(name, "escolha…")
    await hands.press(page.get_by_role("button", name="Salvar", exact=True))
    await expect(page.get_by_role("alert")).to_contain_text("Organização: nome")  # it is required
    await hands.choose(name, "Empresa: nome")
    await walk.combined("Lead → organização")

    await walk.combine("Negócio")
    title = walk.field("Negócio: título")
    await expect(title.locator("option:checked")).to_have_text("um texto…")
    await hands.choose(title, "Tipo de imóvel")  # a custom field in a default's place
    await hands.choose(title, "um texto…")
    await hands.write(page.get_by_label("Texto para Negócio: título"), "{{ lead.name }}: {{ company.name }}")
    await walk.combined("Lead → negócio")
    await hands.press(page.get_by_role("link", name="Combinações de campos"))
    await expect(page.locator("main")).to_contain_text("[Lead: nome]: [Empresa: nome]")


async def rules_are_made(walk: Walk) -> None:
    """A rule with three actions, and one for each end of a deal."""
    page, hands = walk.page, walk.hands
    await walk.rule("Lead vira negócio", FROM, "um lead converte")
    await hands.press(page.get_by_role("checkbox", name=LANDING))
    await walk.action(0, "criar ou atualizar organização", TO)
    await walk.action(1, "criar ou atualizar pessoa", TO)
    deal = await walk.action(2, "criar negócio", TO)
    combinations = ("Lead → organização", "Lead → pessoa", "Lead → negócio")
    for number, combination in enumerate(combinations):
        chosen = page.locator(f"select[name='then.{number}:combination'] option:checked")
        await expect(chosen).to_have_text(combination)
    # The deal gets what the steps before it made.
    await expect(deal).to_contain_text("Passo 2: Pessoa: código")
    await expect(deal).to_contain_text("Passo 1: Organização: código")
    await hands.choose(deal.get_by_label(re.compile("^Funil")).first, "Vendas")
    await expect(deal.get_by_label(re.compile("^Etapa")).first).to_contain_text("Visita técnica")
    await hands.choose(deal.get_by_label(re.compile("^Etapa")).first, "Visita técnica")
    await walk.saved()
    await walk.switch_on()

    await walk.rule("Venda volta ao lead", TO, "um negócio é ganho")
    sale = await walk.action(0, "marcar venda", FROM)
    await expect(sale).to_contain_text("Valor")
    await hands.choose(sale.get_by_label("Campo personalizado para a data"), "Data da venda")
    await walk.switch_on()

    await walk.rule("Perda volta ao lead", TO, "um negócio é perdido")
    loss = await walk.action(0, "marcar oportunidade perdida", FROM)
    await expect(loss).to_contain_text("Motivo da perda")
    await hands.choose(loss.get_by_label("Campo personalizado para o motivo"), "Motivo da perda")
    await walk.switch_on()


async def rules_are_managed(walk: Walk) -> None:
    """Pause and go on, duplicate, remove, undo, and remove for good."""
    page, hands = walk.page, walk.hands

    async def menu(title: str, button: str) -> None:
        await hands.open(f"{walk.workspace}/rules/")
        row = page.get_by_role("row").filter(has_text=title)
        await hands.press(row.locator("details.menu summary"))
        await hands.press(row.get_by_role("button", name=button, exact=True))

    rules = page.get_by_role("row")
    await menu("Perda volta ao lead", "Pausar")
    await hands.open(f"{walk.workspace}/rules/")
    await expect(rules.filter(has_text="Perda volta ao lead")).to_contain_text("Pausada")
    await walk.looked_at()
    await menu("Perda volta ao lead", "Retomar")
    await menu("Venda volta ao lead", "Duplicar")
    await page.wait_for_url(re.compile(r"/rules/\d+/edit/"))
    await hands.write(page.locator("#title"), "Uma cópia")
    await walk.saved()
    await menu("Uma cópia", "Remover")
    await hands.press(page.get_by_role("button", name="Desfazer"))
    await hands.open(f"{walk.workspace}/rules/")
    await expect(rules.filter(has_text="Uma cópia")).to_have_count(1)
    await menu("Uma cópia", "Remover")
    await hands.open(f"{walk.workspace}/rules/")
    await expect(rules.filter(has_text="Uma cópia")).to_have_count(0)
    await expect(rules.filter(has_text="Ligada")).to_have_count(3)


async def leads_come_and_deals_end(walk: Walk) -> None:
    """What both vendors show, and the history."""
    page, hands = walk.page, walk.hands
    await walk.convert(WON, "dora@cafezal.example", "Café da Serra", "(35) 99911-2244")
    await walk.deal(f"{WON}: Café da Serra")
    data = page.locator("section", has=page.get_by_role("heading", name="Dados do negócio"))
    await expect(data.get_by_role("link", name="Café da Serra")).to_be_visible()
    await hands.write(page.locator("#value"), "12500")
    await hands.press(page.get_by_role("button", name="Alterar valor"))
    await hands.press(page.get_by_role("button", name="Marcar como ganho"))
    await walk.timeline(WON, "Venda marcada")
    await expect(page.locator(".timeline li", has_text="Venda marcada")).to_contain_text("12.500,00")
    await expect(page.locator(".timeline li", has_text="Venda marcada")).to_have_count(1)
    told = page.locator("dt", has_text="Data da venda").locator("+ dd")
    await expect(told).to_have_text(re.compile(r"\d{4}-\d\d-\d\d"))

    await walk.convert(LOST, "caio@marcenaria.example", "", "(35) 99922-3355")  # without a company
    await walk.deal(f"{LOST}:")
    await hands.choose(page.locator("#reason"), "Sem retorno")
    await hands.press(page.get_by_role("button", name="Marcar como perdido"))
    await walk.timeline(LOST, "Sem retorno")
    await expect(page.locator("dt", has_text="Motivo da perda").locator("+ dd")).to_have_text("Sem retorno")

    # A lead that comes again updates who is there.
    await walk.convert("Dora Prado Leme Sá", "dora@cafezal.example", "Café da Serra", "(35) 99911-2244")
    await walk.seen(f"{walk.sales}/persons?q=dora", page.get_by_role("link", name="Dora Prado Leme Sá"))
    await expect(page.get_by_role("cell", name="dora@cafezal.example")).to_have_count(1)


async def the_history_tells(walk: Walk) -> None:
    """Each run is there, with what left one side and what arrived at the other."""
    page, hands = walk.page, walk.hands
    await walk.seen(f"{walk.workspace}/history/", page.get_by_role("row").filter(has_text="Concluída").nth(4))
    for rule, number in (("Lead vira negócio", 3), ("Venda volta ao lead", 1), ("Perda volta ao lead", 1)):
        runs = page.get_by_role("row").filter(has_text=rule).filter(has_text="Concluída")
        await expect(runs).to_have_count(number)
    await walk.looked_at()
    sale = page.get_by_role("row").filter(has_text="Venda volta ao lead")
    await hands.press(sale.get_by_role("link").first)
    await expect(page.locator("dt", has_text="Situação").locator("+ dd")).to_have_text("Ganho")
    await hands.open(f"{walk.workspace}/history/")
    lost = page.get_by_role("row").filter(has_text="Lead vira negócio").filter(has_text=LOST).first
    await hands.press(lost.get_by_role("link").first)
    trail = page.locator("main")
    await expect(trail).to_contain_text("caio@marcenaria.example")
    await expect(trail).to_contain_text("Organização: nome")  # why that step was left out
    await walk.looked_at()


async def test_every_line_of_the_seed_is_done_by_clicking(browser: Browser, demo: Installation) -> None:
    person = await Person.arrive(browser, signed_in=await signed_in(browser, demo))
    person.page.context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    hands = Hands(person.page)
    walk, begun = Walk(hands, demo), time.monotonic()
    await walk.begin()
    await fields_are_combined(walk)
    await rules_are_made(walk)
    await rules_are_managed(walk)
    await leads_come_and_deals_end(walk)
    await the_history_tells(walk)
    took = time.monotonic() - begun
    sys.stderr.write(f"\nleads: {took:.0f} s, {hands.acts} acts, {hands.opened} addresses opened\n")
    person.complaints[:] = [one for one in person.complaints if "status of 422" not in one]  # as it should be
    await person.leave()
