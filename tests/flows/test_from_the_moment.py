"""Moving from what runs elsewhere: only what happens from the moment on is taken, however it arrives."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.browser.conftest import chromium
from tests.crash.conftest import folder
from tests.flows.moving import move, signed_in, taken_away
from tests.flows.test_broken_connection import known
from tests.flows.test_daily_budget import LaterMarket
from tests.flows.test_links import email_of, event, lead, persons_named, timeline
from tests.flows.test_links import market as plain_market
from tests.flows.test_marketing_to_sales import Market

__all__ = ["chromium", "folder", "plain_market"]  # fixtures, taken over

pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.timeout(400)]
SWEPT = "select count(*) from fact where name like 'catch%' and value->>'state' = 'done' and at > "


@pytest.fixture
def market(plain_market: Market) -> Market:
    return LaterMarket(plain_market.town)


async def at(market: Market, account: str, moment: datetime) -> None:
    await market.town.control(account, "clock", {"at": moment.isoformat()})


async def deal_of(market: Market, name: str) -> int:
    """Make an open deal of a person whom the marketing tool knows as a lead; return it."""
    await event(market, "CONVERSION", email_of(name), conversion_identifier="feira", name=name)
    await market.until(partial(known, market, email_of(name)))
    person = await market.sales(
        "POST", "/api/v2/persons", {"name": name, "emails": [{"value": email_of(name)}]}
    )
    made = await market.sales("POST", "/api/v2/deals", {"title": name, "person_id": person["id"]})
    return int(made["id"])


async def sales_of(market: Market, name: str) -> list[Any]:
    uuid = (await lead(market, email_of(name)))["uuid"]
    return [one["value"] for one in await timeline(market, uuid, "SALE")]


async def test_only_what_happens_from_the_moment_on_is_taken(market: Market, chromium: str) -> None:
    town = market.town
    rules = await taken_away(town)
    for rule in rules:
        rule["title"] = f"Nova: {rule['title']}"
        if rule["when"]["trigger"] == "marked_opportunity":
            rule["when"]["trigger"] = "converted"
    sellers = ("Ester", "Fabio", "Gil")
    deals = {name: await deal_of(market, name) for name in sellers}  # before all: nothing runs
    moment = (datetime.now(UTC) - timedelta(minutes=2)).replace(second=0, microsecond=0)
    async with signed_in(town, chromium) as page:
        await move(page, town, rules, moment)
    await asyncio.sleep(4)  # every process reads the rules anew

    # Each tells of all three after the moment, the latest first.
    offsets = {"depois": 3, "agora": 0, "antes": -3}
    for (word, seconds), name in zip(offsets.items(), reversed(sellers), strict=True):
        await at(market, "rd_station_marketing", moment + timedelta(seconds=seconds))
        person = f"Lead {word}"
        await event(
            market, "CONVERSION", f"{word}@momento.example", conversion_identifier="site", name=person
        )
        await market.until(partial(known, market, f"{word}@momento.example"))
        await at(market, "pipedrive", moment + timedelta(seconds=seconds))
        await market.sales("PATCH", f"/api/v2/deals/{deals[name]}", {"status": "won", "value": 10 + seconds})
    for account in ("rd_station_marketing", "pipedrive"):
        await town.control(account, "clock", {"real": True})
    done = "select count(*) from run where status = 1"
    await town.until(lambda: town.rows(done)[0][0] == 4, 90)
    assert [await sales_of(market, name) for name in sellers] == [[], [10], [13]]

    # What was won before and is touched now is told by a look back as what it is: won before.
    await asyncio.sleep(1.5)
    await market.sales("PATCH", f"/api/v2/deals/{deals['Ester']}", {"title": "Ester, com outro nome"})
    swept = f"{SWEPT} '{town.rows('select vv_now() + interval $$65 minutes$$')[0][0].isoformat()}'"
    town.rows("update clock set shift = shift + interval '66 minutes' returning 1")
    await town.until(lambda: town.rows(swept)[0][0] == 2, 120)
    looked_back = "select count(*) from event where title = 'Ester, com outro nome' and bulk"
    assert town.rows(looked_back)[0][0] > 0
    await town.until(lambda: town.rows("select count(*) from lane")[0][0] == 0, 60)
    assert [await sales_of(market, name) for name in sellers] == [[], [10], [13]]
    there = {word: len(await persons_named(market, f"Lead {word}")) for word in offsets}
    assert there == {"antes": 0, "agora": 1, "depois": 1}
    assert not town.rows("select 1 from run where status = 2")
