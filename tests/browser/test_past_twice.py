"""Whoever forgot to tick a step brings the past in once more, by clicking: it is made up for, once."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest
from playwright.async_api import Browser, Error, Page, expect

from tests.crash.conftest import Town, folder, town_in
from tests.flows.test_envelopes_to_contacts import Desk as Envelopes
from tests.flows.test_past_of_signatures import (
    LATER,
    LATER_HOURS,
    LETTERS,
    OFF,
    ON,
    SUBSCRIBED,
    contacts,
    let_pass,
    signed,
    two_rules,
)

from .inspection import faults_of, too_wide
from .person import Person
from .test_repair import sign_in

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.timeout(500)]

RULE = "select id from rule where title = 'Quieto'"
TAKEN = "select count(*) from run where rule = ({}) and status = 1"
LAST = "select max(id) from run where rule = ({})"
NOT_DONE = "select 1 from run where rule = ({}) and status <> 1"
WORKING_MS = 90_000


class Past:
    """The page of a rule's past, in Portuguese."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.heading = page.locator("#far")

    async def look(self, days: str = "30") -> None:
        await self.page.goto(self.address)
        await self.page.select_option("#days", days)
        await self.page.click("button[value=look]")
        await expect(self.heading).to_have_text(re.compile("^Já conferido"), timeout=WORKING_MS)
        await expect(self.page.locator("#look")).to_be_visible()
        assert await faults_of(self.page) == []
        assert await too_wide(self.page) == []

    async def bring_in(self, *steps: str) -> None:
        for step in steps:
            await self.page.check(f"input[name=step][value={step}]")
        await self.page.click("button[value=start]")
        await self.done()

    async def arrive(self) -> None:
        """Open the page, though a click before is still on its way."""
        while True:
            try:
                await self.page.goto(self.address)
            except Error as error:
                if "interrupted by another navigation" not in str(error):
                    raise
                await self.page.wait_for_load_state()
            else:
                return

    async def done(self) -> None:
        await expect(self.heading).to_have_text("Trazido", timeout=WORKING_MS)

    async def settled(self) -> None:
        """Wait until none of its runs is in line."""
        await expect(self.page.locator("#past-progress[data-poll]")).to_have_count(0, timeout=WORKING_MS)

    async def told(self) -> dict[str, str]:
        """Return what the page counts, by its words."""
        names = await self.page.locator("#past-progress dt").all_inner_texts()
        return dict(zip(names, await self.page.locator("#past-progress dd").all_inner_texts(), strict=True))


async def test_what_was_not_ticked_is_made_up_for_by_clicking(browser: Browser, folder: Path) -> None:
    async with town_in(folder, accounts=("activecampaign", "clicksign")) as town:
        await town.until(lambda: len(town.rows(SUBSCRIBED)) == 1, 90)
        automation = await two_rules(town, "clicksign")
        town.rows(OFF)
        await asyncio.sleep(3)
        wanted = await signed(town, "clicksign", Envelopes(town))
        await let_pass(town, "clicksign", LATER, LATER_HOURS * 3600)
        await asyncio.sleep(3)
        town.rows(ON)
        await asyncio.sleep(3)
        ((rule,),) = town.rows(RULE)
        address = f"{town.config.local_url}/w/raiar-solar/rules/{rule}/past/"
        person, other = await Person.arrive(browser), await Person.arrive(browser)
        for one in (person, other):
            await sign_in(one.page, town)
        past, page = Past(person.page, address), person.page

        await past.look()
        await town.control("clicksign", "faults", {"down": True})
        await page.click("button[value=start]")
        await expect(page.locator("#past-progress .err")).to_be_visible(timeout=WORKING_MS)
        await expect(page.locator("#past-progress .err")).to_contain_text(
            "Clicksign"
        )  # not whom it writes to
        await page.click("button[value=stop]")
        await expect(past.heading).to_have_text("Interrompida")
        await town.control("clicksign", "faults", {"down": False})
        await page.click("button[value=go_on]")
        await past.done()
        await past.settled()
        ((done,),) = town.rows(TAKEN.format(RULE))
        assert done == len(wanted)
        assert not await entered(town, automation)

        await past.look()
        assert (await past.told())["Destes, já entraram"] == str(done)
        await expect(page.get_by_text(f"{done} eventos já entraram")).to_be_visible()
        left = page.get_by_text(f"ficou de fora de {done} eventos que já entraram")
        await expect(left).to_have_count(3)
        await other.page.goto(address)
        # Two people begin it, one of them with two clicks.
        for one in (page, other.page):
            await one.check("input[name=step][value=enrol]")
            await one.check("input[name=step][value=mail]")
        await asyncio.gather(page.dblclick("button[value=start]"), other.page.click("button[value=start]"))
        town.kill("worker")
        await past.arrive()
        await past.done()
        await past.settled()
        await town.until(lambda: not town.rows("select 1 from lane"), 90)
        assert not town.rows(NOT_DONE.format(RULE)), town.state()
        assert await entered(town, automation) == dict.fromkeys(wanted, 1)
        assert Counter(email for (email,) in town.rows(LETTERS.format("Quieto"))) == dict.fromkeys(wanted, 1)
        assert town.rows("select count(*) from backfill where state = 3") == [(2,)]

        await past.look()
        await expect(left).to_have_count(1)
        await past.bring_in("tell")
        await past.look()
        await expect(page.get_by_text("Tudo isso já entrou")).to_be_visible()
        await expect(page.locator("button[value=start]")).to_have_count(0)
        await page.get_by_role("link", name="Para rodar de novo a regra de hoje").click()
        await expect(page.locator(".all-match button")).to_be_visible()
        await page.goto(f"{town.config.local_url}/w/raiar-solar/history/{last_run(town)}/")
        assert await faults_of(page) == []
        for one in (person, other):
            await one.leave()


def last_run(town: Town) -> int:
    ((number,),) = town.rows(LAST.format(RULE))
    return int(number)


async def entered(town: Town, automation: str) -> dict[str, int]:
    """Return how often each address is in the automation."""
    found = await contacts(town)
    return {
        email: sum(key == automation for one in rows for key in one["automations"])
        for email, rows in found.items()
        if any(automation in one["automations"] for one in rows)
    }
