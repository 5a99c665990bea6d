"""The history on a phone: runs are picked and repeated there too."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from .conftest import signed_in
from .inspection import faults_of, too_wide
from .installation import Installation
from .person import Person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)


async def test_runs_are_picked_for_repair_on_a_phone(browser: Browser, installation: Installation) -> None:
    cookies = await signed_in(browser, installation)
    person = await Person.arrive(
        browser, signed_in=cookies, viewport={"width": 390, "height": 844}, has_touch=True
    )
    page = person.page
    page.context.set_default_timeout(PATIENCE)
    await page.goto(f"{installation.workspace}/history/?status=done")
    boxes, bar = page.locator("#rows input[name=run]"), page.locator(".bulk")
    await expect(bar).to_be_hidden()
    sizes = await page.locator("#rows .hit").first.bounding_box()
    assert sizes is not None
    assert min(sizes["width"], sizes["height"]) >= 44
    await page.locator("#rows .hit").nth(0).tap()
    await page.locator("#rows .hit").nth(1).tap()
    await expect(bar).to_contain_text("2 selecionadas")
    await bar.get_by_label("Selecionar todas as que aparecem").tap()
    assert await boxes.evaluate_all("(all) => all.every((box) => box.checked)")
    await bar.get_by_label("Selecionar todas as que aparecem").tap()
    await expect(bar).to_be_hidden()
    await page.locator("#rows .hit").nth(0).tap()
    assert await faults_of(page) == []
    assert await too_wide(page) == []
    table = await page.request.get(f"{installation.workspace}/history/export.csv?status=done")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert (await table.body()).decode("utf-8-sig").startswith("Hora;")
    await bar.get_by_role("button", name=re.compile("Repetir com a regra de hoje")).tap()
    await page.wait_for_url(re.compile(r"/replays/\d+/"))
    await expect(page.locator("main")).to_contain_text("1")
    assert await too_wide(page) == []
    await person.leave()
