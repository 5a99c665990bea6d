"""A move from an integration that runs elsewhere, by clicking, in Portuguese: with a file of new rules."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from playwright.async_api import Page, async_playwright, expect

from tests.browser.conftest import OPTIONS
from tests.crash.conftest import Town
from vaivem.cli import parts

ZONE = ZoneInfo("America/Sao_Paulo")  # the workspace's
PATIENCE = 60_000  # milliseconds
SYSTEMS = ("RD Station Marketing", "Pipedrive")


@asynccontextmanager
async def signed_in(town: Town, chromium: str) -> AsyncIterator[Page]:
    """Open a browser in which the owner has signed in."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        page = await (await browser.new_context(locale="pt-BR")).new_page()
        page.set_default_timeout(PATIENCE)
        await page.goto((await parts.call(town.config, "login-link"))["url"])
        button = page.locator("main button[type=submit]")
        if await button.count():
            await button.first.click()
        await page.wait_for_url(re.compile(r"/w/"))
        yield page
        await browser.close()


async def taken_away(town: Town) -> list[dict[str, Any]]:
    """Remove every rule of the installation; return them as a file holds them."""
    rules: list[dict[str, Any]] = yaml.safe_load((await parts.call(town.config, "rules", "show"))["file"])[
        "rules"
    ]
    token = (await parts.call(town.config, "api-token", "create"))["token"]
    for (number,) in town.rows("select id from rule where state <> 'removed'"):
        address = f"{town.config.local_url}/api/v1/rules/{number}"
        await town.asker.call("DELETE", address, None, {"authorization": f"Bearer {token}"})
    return rules


async def move(
    page: Page, town: Town, rules: Sequence[Mapping[str, Any]], moment: datetime, *, look: bool = False
) -> None:
    """Answer the questions, look for what exists if that is wanted, and switch over."""
    workspace = f"{town.config.local_url}/w/raiar-solar"
    await page.goto(f"{workspace}/rules/moving/")
    for side, system in zip(("#one", "#two"), SYSTEMS, strict=True):
        options = await page.locator(f"{side} option").all_inner_texts()
        await page.locator(side).select_option(label=next(one for one in options if one.startswith(system)))
    await page.get_by_label("fora daqui, em outra ferramenta").check()
    await page.get_by_role("button", name="Continuar", exact=True).click()
    await page.get_by_label("Nome da ferramenta em que ela roda").fill("Ponte Velha")
    await page.locator("#moment").fill(f"{moment.astimezone(ZONE):%Y-%m-%dT%H:%M}")
    await page.locator("#text").fill(yaml.safe_dump([*map(dict, rules)], allow_unicode=True))
    await page.get_by_role("button", name="Mostrar antigo e novo lado a lado").click()
    if look:
        await page.get_by_role("button", name="Primeiro contar o que já existe").click()
        await expect(page.locator("#move-look progress")).to_have_count(0, timeout=PATIENCE)
    await page.get_by_label("A integração antiga está desligada ou estará nesse momento.").check()
    await page.get_by_role("button", name="Continuar: fazer a troca").click()
    await expect(page.locator("body")).to_contain_text("Agora rodam:", timeout=PATIENCE)
