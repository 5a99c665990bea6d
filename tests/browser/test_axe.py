"""Axe finds nothing on any page, in either theme, on a phone and on a desk.

The pages are those of the table that says who may open what (`tests.hub.access_table`), so a new one is
looked at by itself.
"""

from __future__ import annotations

import json
import re
import urllib.request

import pytest
from playwright.async_api import Browser, Page

from tests.hub.access_table import OUTSIDE, WORKSPACE, Row
from tests.hub.conftest import PASSWORD  # makes Django ready, for the addresses' names

from .axe import faults
from .conftest import signed_in
from .installation import Installation, command
from .moving import answer
from .person import Person

pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.timeout(1500)]

SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}
# What stands in an address of the demo where the test's own systems stand in the table.
DEMO = {"'acme_crm": "rd_station_crm", "'acme_document_to_deal": "signed_document_to_deal"}
# Not pages: a letter as a mail program shows it, with a look of its own; parts of the editor's page; a file.
NOT_LOOKED_AT = {
    "letter_html",
    "openapi-json",
    "rule_test",
    "rule_rehearsal",
    "rules_move_look",
    "history_csv",
    "rules_download",
    "rules_example",
    "rules_table",
}


def first(installation: Installation, token: str, path: str) -> str:
    """Return the id of the first thing in one of the API's lists."""
    request = urllib.request.Request(
        f"{installation.hub}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["items"][0]["id"])


async def numbers(page: Page, installation: Installation) -> dict[str, str]:
    """Return one of each kind of object that the demo has; what it lacks is made."""
    token = command(installation, "api-token", "create", "--name", "axe")["token"]
    found = {
        name: first(installation, token, path)
        for name, path in (
            ("connection", "connections"), ("rule", "rules"), ("run", "runs?status=done"),
            ("event", "events"), ("decision", "decisions"),
        )
    }  # fmt: skip
    await page.goto(f"{installation.workspace}/settings/mail/")
    await page.locator("main form[action$='/trial/'] button").click()
    letter = page.locator("main tbody a[href*='/settings/mail/']").first
    found["letter"] = str(await letter.get_attribute("href")).rstrip("/").rpartition("/")[2]
    await page.goto(f"{installation.workspace}/history/{found['run']}/")
    await page.locator("main form[action$='/replays/ask/'] button").first.click()
    await page.wait_for_url("**/history/replays/*/")
    found["replay"] = page.url.rstrip("/").rpartition("/")[2]
    found["combination"] = await combination(page, installation)
    found["move"] = await move(page, installation)
    return found | await somebody(page, installation)


async def somebody(page: Page, installation: Installation) -> dict[str, str]:
    """Return a person and a document of theirs, once the demo's worker has noted them."""
    signed = page.locator("main a[href*='/records/documents/']").first
    for _ in range(120):
        await page.goto(f"{installation.workspace}/records/")
        people = await page.locator("main li a.main").evaluate_all("all => all.map(one => one.href)")
        for address in people[:5]:
            await page.goto(address)
            if await signed.count():
                parts = str(await signed.get_attribute("href")).rstrip("/").split("/")
                person = address.rstrip("/").rpartition("/")[2]
                return {"person": person, "signer": parts[-2], "document": parts[-1]}
        await page.wait_for_timeout(2000)
    raise AssertionError("The worker noted nobody with a document.")


async def move(page: Page, installation: Installation) -> str:
    """Return a move that has counted what exists already, and changed nothing."""
    await answer(page, installation, "Veio da integração antiga")
    await page.get_by_role("button", name="Mostrar antigo e novo lado a lado").click()
    await page.locator("main button[name='look']").click()
    await page.wait_for_url(re.compile(r"/rules/moving/\d+/"))
    return next(part for part in reversed(page.url.split("/")) if part.isdecimal())


async def combination(page: Page, installation: Installation) -> str:
    """Return a field combination, made when there is none yet."""
    await page.goto(f"{installation.workspace}/rules/combinations/")
    known = page.locator("main h2 a[href*='/combinations/']")
    if not await known.count():
        options = await page.locator("#pair option").all_inner_texts()
        pair = next(one for one in options if re.match(r"Clicksign.* → RD Station CRM.*: Contato$", one))
        await page.locator("#pair").select_option(label=pair)
        await page.locator("main form[action$='/combinations/new/'] button").click()
        await page.locator("#p-1").select_option("other")
        await page.locator("#t-1").fill("{{ signer.name }}")
        await page.locator("button[value='save']").click()
        await page.wait_for_url(re.compile(r"/combinations/\d+/$"))
        return page.url.rstrip("/").rpartition("/")[2]
    return str(await known.first.get_attribute("href")).rstrip("/").rpartition("/")[2]


def addresses(known: dict[str, str]) -> dict[str, str]:
    """Return the path of every page by its name, from the table."""
    from django.urls import reverse

    def value(text: str) -> str:
        return DEMO.get(text, text[1:]) if text.startswith("'") else known[text]

    def inside(name: str, row: Row) -> str:
        args = {key: value(text) for key, text in row.args.items()}
        return reverse(name, kwargs={"slug": "raiar-solar", **args}) + row.query

    found = {name: inside(name, row) for name, row in WORKSPACE.items() if row.get}
    found |= {
        name: reverse(name, kwargs=row.args or None)
        for name, row in OUTSIDE.items()
        if {row.member, row.out} & {200, 410} and name != "openapi-json"
    }
    return {name: path for name, path in found.items() if name not in NOT_LOOKED_AT}


@pytest.mark.parametrize("size", SIZES)
async def test_axe_finds_nothing(browser: Browser, installation: Installation, size: str) -> None:
    assert PASSWORD
    cookies = await signed_in(browser, installation)
    person = await Person.arrive(browser, signed_in=cookies, viewport=SIZES[size], reduced_motion="reduce")
    outsider = await Person.arrive(browser, viewport=SIZES[size], reduced_motion="reduce")
    pages = addresses(await numbers(person.page, installation))
    found: list[str] = []
    for name, path in pages.items():
        alone = name in OUTSIDE and OUTSIDE[name].out in (200, 410)
        page = outsider.page if alone else person.page
        await page.goto(installation.hub + path, wait_until="load")
        found += [f"{name}: {one}" for one in await faults(page)]
    person.complaints.clear()
    outsider.complaints.clear()
    await person.leave()
    await outsider.leave()
    assert "\n".join(found) == ""
    assert len(pages) > 40
