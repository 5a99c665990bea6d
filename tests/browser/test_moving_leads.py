"""Moving leads from an old integration by answering questions, after what exists already was counted."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from .editing import PATIENCE, put_away
from .inspection import faults_of, too_wide
from .installation import Installation
from .person import Person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(500)]

expect.set_options(timeout=PATIENCE)

LEAD = ("Helena Duarte", "helena@duartearquitetura.example.com.br")  # she converted some days ago
RULES = ("Lead vira negócio", "Negócio ganho vira venda", "Negócio perdido, com o motivo")


async def test_questions_make_the_rules_and_what_exists_is_linked(
    owner: Person, installation: Installation
) -> None:
    page = owner.page
    page.context.set_default_timeout(PATIENCE)
    await page.goto(f"{installation.accounts['pipedrive']}/persons")
    await page.locator("form[method=post][action='/persons'] [name=name]").fill(LEAD[0])
    await page.locator("form[method=post][action='/persons'] [name=email]").fill(LEAD[1])
    await page.get_by_role("button", name="Adicionar pessoa").click()
    await expect(page.get_by_text(LEAD[1]).first).to_be_visible()

    await page.goto(f"{installation.workspace}/rules/")
    await page.get_by_role("link", name="De uma integração antiga").click()
    for side, system in (("#one", "RD Station Marketing"), ("#two", "Pipedrive")):
        options = await page.locator(f"{side} option").all_inner_texts()
        await page.locator(side).select_option(label=next(one for one in options if system in one))
    await page.get_by_label("fora daqui, em outra ferramenta").check()
    await page.get_by_role("button", name="Continuar", exact=True).click()
    await page.get_by_role("link", name="Criar as regras novas respondendo a perguntas").click()
    await expect(page.locator("h1")).to_have_text("O que a integração antiga faz?")
    await page.get_by_role("button", name="Criar estas regras, desligadas").click()
    await expect(page.get_by_role("alert")).to_contain_text("Marque ao menos uma coisa")

    questions = page.get_by_role("checkbox")
    await expect(questions).to_have_count(3)
    for number in range(3):
        await questions.nth(number).check()
    await page.locator("button[name=show]").click()
    await page.get_by_label("Começar quando", exact=True).select_option(label="o lead converte")
    await page.get_by_label("Funil", exact=True).select_option(label="Vendas")
    await page.get_by_role("button", name="Criar estas regras, desligadas").click()
    await expect(page.get_by_role("alert")).to_contain_text("Ainda faltam respostas.")
    await page.get_by_label("Etapa", exact=True).select_option(label="Contato feito")
    assert await faults_of(page) == []
    await page.get_by_role("button", name="Criar estas regras, desligadas").click()
    await page.wait_for_url(re.compile(r"/rules/moving/\?"))
    await expect(page.locator("input[name=draft]:checked")).to_have_count(3)

    await page.get_by_label("Nome da ferramenta em que ela roda").fill("Integração antiga")
    await page.get_by_role("button", name="Mostrar antigo e novo lado a lado").click()
    for title in RULES:
        await expect(page.locator("main")).to_contain_text(title)
    await page.get_by_role("button", name="Primeiro contar o que já existe").click()
    await page.wait_for_url(re.compile(r"/rules/moving/\d+/"))
    await expect(page.locator("#move-look progress")).to_have_count(0, timeout=120_000)
    line = page.get_by_role("row").filter(has_text=re.compile("pessoa", re.IGNORECASE)).first
    counted = line.get_by_role("cell")
    assert int((await counted.nth(0).inner_text()).split()[0]) >= 1  # she is there, by her e-mail
    assert int((await counted.nth(2).inner_text()).split()[0]) >= 1  # others are not there yet
    for width in (390, 1280):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await too_wide(page) == []
        assert await faults_of(page) == []

    await page.get_by_label("A integração antiga está desligada ou estará nesse momento.").check()
    await page.get_by_role("button", name="Continuar: fazer a troca").click()
    await expect(page.locator("h1")).to_have_text("A troca foi feita")
    links = page.locator("dt", has_text="Vínculos feitos").locator("+ dd")
    assert int(await links.inner_text()) >= 1
    made = page.locator("dt", has_text="O conjunto novo").locator("+ dd a")
    addresses = await made.evaluate_all("all => all.map(one => one.href)")
    assert len(addresses) == 3
    await page.get_by_role("button", name="Desfazer a troca").click()
    await expect(page.locator("h1")).to_have_text("A troca foi desfeita")
    for address in addresses:
        await page.goto(address)
        await expect(page.locator("main")).to_contain_text("Ela ainda não recebe nenhum evento")
        await put_away(page, installation)
    owner.complaints[:] = [one for one in owner.complaints if "status of 422" not in one]  # as it should be
