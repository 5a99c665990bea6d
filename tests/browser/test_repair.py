"""Thousands of failed runs are repaired in one screen.

A rule's value does not fit, the rule is corrected, and all that failed is repeated at once, before and after
shown first, each write made once.

The long form (``VAIVEM_LONG=1``) repairs 5,000 and prints what each screen took.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.async_api import Browser, Page, expect

from tests.crash.conftest import Town, folder, town_in
from vaivem.cli import parts

from .inspection import faults_of, too_wide
from .person import Person

__all__ = ["folder"]  # a fixture, taken over

LONG = bool(os.environ.get("VAIVEM_LONG"))
RUNS = 5000 if LONG else 60
SECONDS = 600.0 if LONG else 90.0
pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.timeout(SECONDS * 3)]

LONGEST_PAGE_SECONDS = 5.0  # on a machine that works thousands of runs meanwhile
TITLE = "Contrato assinado vira negociação"
FAILED = "select count(*) from run where status = 2 and replayed_by is null"


@pytest.fixture
async def town(folder: Path) -> AsyncIterator[Town]:
    async with town_in(folder) as made:
        yield made


class Screen:
    """The owner's browser; `slowest` is what each kind of page took at most."""

    def __init__(self, person: Person, hub: str) -> None:
        self.page = person.page
        self.workspace = f"{hub}/w/raiar-solar"
        self.slowest: dict[str, float] = {}
        self.page.on("requestfinished", self._note)

    def _note(self, request: Any) -> None:
        path = request.url.partition("/w/raiar-solar")[2]
        if not path:
            return
        name = f"{request.method} {'progress' if 'live=1' in path else path.partition('?')[0]}"
        taken = request.timing["responseStart"] - request.timing["requestStart"]
        self.slowest[name] = max(self.slowest.get(name, 0.0), taken / 1000)


async def change(town: Town, price: dict[str, Any]) -> None:
    """Have the rule make the person first, and then a deal whose value comes from `price`."""
    kept = yaml.safe_load((await parts.call(town.config, "rules", "show"))["file"])
    (rule,) = (one for one in kept["rules"] if one["title"] == TITLE)
    deal = next(step for step in rule["then"] if step["id"] == "deal")
    person = {
        "id": "person",
        "kind": "action",
        "connection": deal["connection"],
        "action": "create_or_update_contact",
        "fields": {
            "contact.name": {"from": "signers.0.name"},
            "contact.email": {"from": "signers.0.email"},
        },
    }
    deal["fields"]["deal.one_time_price"] = price
    rule["then"] = [person, deal]
    file = town.config.data_dir / "rules.yaml"
    file.write_text(yaml.safe_dump({"rules": [rule]}, allow_unicode=True), "utf-8")
    done = await parts.call(town.config, "rules", "apply", str(file), "--yes")
    assert done["applied"], done


async def sign_in(page: Page, town: Town) -> None:
    await page.goto((await parts.call(town.config, "login-link"))["url"])
    await page.locator("main form[method=post] button.primary").click()
    await page.wait_for_url("**/w/raiar-solar/")


async def test_thousands_are_repaired_in_one_screen(browser: Browser, town: Town) -> None:
    before = await town.control("rd_station_crm", "counts")
    await change(town, {"text": "a combinar: {{ document.name }}"})
    batch = {"count": RUNS, "distinct_people": RUNS, "rate": 150}
    await town.control("clicksign", "signatures/bulk", batch)
    await town.until(lambda: town.rows(FAILED) == [(RUNS,)], SECONDS)
    failed = await town.control("rd_station_crm", "counts")
    assert failed["deals"] == before["deals"]
    await change(town, {"text": "1250,00"})

    person = await Person.arrive(browser)
    screen = Screen(person, town.config.local_url)
    page = screen.page
    await sign_in(page, town)
    await page.goto(f"{screen.workspace}/history/?status=failed")
    await page.locator(".all-match button").click()
    await page.wait_for_url("**/history/replays/*/")
    begun = time.monotonic()
    go = page.locator("form[action$='/start/'] button.primary")
    await expect(go).to_be_visible(timeout=SECONDS * 1000)
    looked = time.monotonic() - begun
    compared = page.locator("section[aria-labelledby='runs'] table.diff", has_text="a combinar").first
    await expect(compared).to_be_visible()
    await expect(compared.locator("ins").first).to_contain_text(re.compile(r"1\.?250"))
    assert await faults_of(page) == []
    assert await too_wide(page) == []
    begun = time.monotonic()
    await go.click()
    if LONG:
        await expect(page.get_by_role("progressbar")).to_be_visible()
    await expect(page.locator("#progress .pill.ok.solid")).to_be_visible(timeout=SECONDS * 1000)
    repaired = time.monotonic() - begun
    await person.leave()

    assert town.rows(FAILED) == [(0,)]
    assert town.rows("select state, count(*) from replay_run group by 1") == [(7, RUNS)]
    after = await town.control("rd_station_crm", "counts")
    assert after["deals"] - before["deals"] == RUNS
    assert after["contacts"] - before["contacts"] == RUNS
    doubles = await town.control("rd_station_crm", "duplicates")
    assert doubles["deals_by_reference"] == doubles["contacts_by_email"] == []
    print(f"{RUNS} runs looked at in {looked:.1f} s, repaired in {repaired:.1f} s")  # noqa: T201
    for name, seconds in sorted(screen.slowest.items()):
        print(f"{seconds * 1000:7.0f} ms  {name}")  # noqa: T201
    assert max(screen.slowest.values()) < LONGEST_PAGE_SECONDS, screen.slowest
