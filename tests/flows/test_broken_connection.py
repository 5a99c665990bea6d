"""A connection breaks and is made again: through the real pages, workers, and Pipedrive's consent page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.browser.conftest import OPTIONS, chromium
from tests.crash.conftest import Town, folder, town_in
from tests.flows.test_marketing_to_sales import Market
from vaivem.cli import parts
from vaivem.simulators.stories import StoryError
from vaivem.vault import Vault

__all__ = ["chromium", "folder"]  # fixtures, taken over

pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.timeout(400)]
LEADS, EVENTS = 10, 50


@pytest.fixture
async def town(folder: Path) -> AsyncIterator[Town]:
    async with town_in(folder, accounts=("pipedrive", "rd_station_marketing")) as town:
        subscribed = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
        await town.until(lambda: len(town.rows(subscribed)) == 2, 120)
        yield town


@pytest.fixture
async def page(town: Town, chromium: str) -> AsyncIterator[Page]:
    """A browser in which the owner has signed in."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        page = await (await browser.new_context(locale="pt-BR")).new_page()
        page.set_default_timeout(60_000)
        link = (await parts.call(town.config, "login-link"))["url"]
        await page.goto(link)
        button = page.locator("main button[type=submit]")
        if await button.count():
            await button.first.click()
        await page.wait_for_url(re.compile(r"/w/"))
        yield page
        await browser.close()


async def consent(page: Page, town: Town, number: int, user: int = 0) -> None:
    """Reconnect by the vendor's own page, as its user number so and so."""
    base, vendor = town.config.local_url, town.accounts["pipedrive"].base_url
    await page.goto(f"{base}/w/raiar-solar/connections/{number}/reconnect/")
    await page.click("form.connect-form > button[type=submit]")
    if not page.url.startswith(vendor):
        await page.click(f"main a.btn.primary[href^='{vendor}/oauth/authorize']")
    await page.locator("a[href*='decision=allow']").nth(user).click()
    await page.wait_for_url(f"{base}/**")


async def event(market: Market, kind: str, email: str, **payload: str) -> None:
    body = {"event_type": kind, "event_family": "CDP", "payload": {"email": email, **payload}}
    await market.marketing("POST", f"/platform/events?event_type={kind.lower()}", body)


def asked(town: Town, number: int) -> tuple[str, None, dict[str, str]]:
    """Return how to ask for the deals with the access that the connection has now."""
    sealed = town.rows(f"select credentials from connection where id = {number}")[0][0]  # noqa: S608
    token = Vault.from_folder(town.config.data_dir).open(sealed)["access_token"]
    address = f"{town.accounts['pipedrive'].base_url}/api/v2/deals?limit=500"
    return address, None, {"authorization": f"Bearer {token}"}


async def known(market: Market, email: str) -> bool:
    try:
        return bool(await market.marketing("GET", f"/platform/contacts/email:{email}"))
    except StoryError:
        return False


async def test_what_waits_for_a_broken_connection_goes_on_in_order(town: Town, page: Page) -> None:
    number = town.rows("select id from connection where connector = 'pipedrive'")[0][0]
    state = f"select state from connection where id = {number}"  # noqa: S608 - a number
    await consent(page, town, number)
    connections = f"{town.config.local_url}/w/raiar-solar/connections/"

    # Removed there: the vendor tells the installation by its signed DELETE.
    user = town.rows(f"select account->>'id' from connection where id = {number}")[0][0].split(":")[1]  # noqa: S608
    assert await town.control("pipedrive", "uninstall", {"user_id": int(user)}) == {"removed": True}
    await town.until(lambda: town.rows(state)[0][0] == "reconnect", 60)
    why = f"select code from gate where conn = {number}"  # noqa: S608
    await town.until(
        lambda: town.rows(why)[0][0] == "removed_there", 60
    )  # a call may have been refused first
    await page.goto(connections)
    await expect(page.locator("#broken")).to_contain_text("removeu o aplicativo")

    market = Market(town)
    emails = [f"lead{place}@padaria.example" for place in range(LEADS)]
    for email in emails:
        await event(market, "CONVERSION", email, conversion_identifier="newsletter", name=email.split("@")[0])
    for email in emails:
        await market.until(partial(known, market, email))
    for _ in range(EVENTS // LEADS):
        for email in emails:
            await event(market, "OPPORTUNITY", email, funnel_name="default")
        await asyncio.sleep(1.5)  # its webhook tells an event by the second that it happened in
    await town.until(lambda: town.rows("select count(*) from item")[0][0] == EVENTS, 120)
    assert not town.rows("select 1 from run where status <> 1")

    # Another user's account is refused, and nothing changes.
    await consent(page, town, number, user=1)
    await expect(page.locator("main")).to_contain_text("outra conta")
    assert town.rows(state)[0][0] == "reconnect"

    await consent(page, town, number)
    await town.until(lambda: town.rows("select count(*) from run where status = 1")[0][0] == EVENTS, 180)
    await town.until(lambda: town.rows("select count(*) from item")[0][0] == 0, 60)
    assert not town.rows("select 1 from run where status <> 1")
    turned = town.rows(
        "select e.record, r.id, min(s.at), max(s.at) from run r"
        " join event e on e.ws = r.ws and e.id = r.event_id"
        " join step s on s.ws = r.ws and s.run_id = r.id where e.kind ilike '%opportunity%'"
        " group by 1, 2 order by 1, 2"
    )
    assert len(turned) == EVENTS
    for before, after in pairwise(turned):
        assert before[0] != after[0] or before[3] <= after[2], (before, after)
    listed = await market.town.asker.call("GET", *asked(town, number))
    deals = [one["title"] for one in listed["data"] if one["title"].startswith("lead")]
    assert sorted(deals) == [email.split("@")[0] for email in emails]
    await page.goto(connections)
    await expect(page.locator("#broken")).not_to_contain_text("Pipedrive")
