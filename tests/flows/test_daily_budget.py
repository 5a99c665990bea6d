"""The day's tokens are used up, by others too: live leads are tried gently, and all go on the next day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from tests.crash.conftest import Town, folder, town_in
from tests.flows.test_broken_connection import known
from tests.flows.test_marketing_to_sales import Market
from tests.flows.test_missed_webhooks import _email, _happens
from vaivem.vault import Vault

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(240)]
LEADS = 4
ACCOUNTS = ("pipedrive", "rd_station_marketing")


class LaterMarket(Market):
    """Asks with the access that the connections have now: that of the beginning is over after an hour."""

    @override
    async def _ask(self, name: str, method: str, path: str, body: Any) -> Any:
        sealed = self.town.rows(f"select credentials from connection where connector = '{name}'")[0][0]  # noqa: S608
        token = Vault.from_folder(self.town.config.data_dir).open(sealed)["access_token"]
        address = f"{self.town.accounts[name].base_url}{path}"
        return await self.town.asker.call(method, address, body, {"authorization": f"Bearer {token}"})


@pytest.fixture
async def market(folder: Path) -> AsyncIterator[Market]:
    async with town_in(folder, accounts=ACCOUNTS) as town:
        subscribed = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
        await town.until(lambda: len(town.rows(subscribed)) == 2, 120)
        yield LaterMarket(town)


def counted(town: Town) -> int:
    """Return what we counted since midnight UTC."""
    today = "select coalesce(sum(cost), 0) from spending where at >= date_trunc('day', vv_now(), 'UTC')"
    return int(town.rows(today)[0][0])


async def budget(town: Town, **change: Any) -> dict[str, Any]:
    told: dict[str, Any] = await town.control("pipedrive", "budget", change or None)
    return told


async def goes_by(town: Town, seconds: float) -> None:
    """Let time pass for both sides."""
    for account in ACCOUNTS:
        await town.control(account, "clock", {"advance_seconds": seconds})
    town.rows(f"update clock set shift = shift + make_interval(secs => {seconds}) returning 1")  # noqa: S608


async def arrive(market: Market, leads: Iterable[int]) -> None:
    """Let leads convert and, once the vendor knows them, be opportunities."""
    for lead in leads:
        await _happens(market, lead, "CONVERSION", conversion_identifier="feira", name=f"Pessoa {lead}")
    for lead in leads:
        await market.until(partial(known, market, _email(lead)))
        await _happens(market, lead, "OPPORTUNITY", funnel_name="default")


async def test_a_spent_day_waits_for_the_next(market: Market) -> None:
    town = market.town
    number = town.rows("select id from connection where connector = 'pipedrive'")[0][0]
    gate = f"select state, code from gate where conn = {number}"  # noqa: S608 - a number
    await town.control("pipedrive", "limits", {"mode": "documented"})
    noon = (datetime.now(UTC) + timedelta(days=1)).replace(hour=12, minute=0, second=0).isoformat()
    for account in ACCOUNTS:
        await town.control(account, "clock", {"at": noon})
    town.rows(f"update clock set shift = '{noon}'::timestamptz - clock_timestamp() returning 1")  # noqa: S608
    refreshed = "select 1 from connection where expires < vv_now()"
    await asyncio.sleep(4)  # every process reads the clock anew
    await town.until(lambda: not town.rows(refreshed), 90)
    seen: list[int] = []

    async def quiet() -> bool:
        """Say whether nothing was spent for some seconds: the lists of a new connection are read first."""
        seen.append((await budget(town))["spent"])
        return len(seen) > 12 and len(set(seen[-12:])) == 1

    await market.until(quiet)
    before = seen[-1]
    offset = counted(town) - before  # what was spent before we knew of the new day

    await arrive(market, range(1))
    done = "select count(*) from run where status = 1"
    await town.until(lambda: town.rows(done)[0][0] == 1, 60)

    async def agreed() -> bool:
        spent: int = (await budget(town))["spent"]
        return spent > before and counted(town) == spent + offset

    await market.until(agreed)  # our count of the day is the vendor's

    told = await budget(town, plan="lite", seats=1, spent=30_000 - 3)  # others spent the rest
    assert told["left"] == 3
    await arrive(market, range(1, LEADS + 1))
    await town.until(lambda: town.rows(gate)[0] == (4, "daily_budget_spent"), 60)
    await town.until(lambda: town.rows("select count(*) from item")[0][0] == LEADS, 30)
    await asyncio.sleep(3)
    refused = (await town.control("pipedrive", "limits"))["refused"]
    await asyncio.sleep(5)
    assert (await town.control("pipedrive", "limits"))["refused"] == refused  # it is left alone
    await goes_by(town, 310)

    async def tried_again() -> bool:
        return bool((await town.control("pipedrive", "limits"))["refused"] == refused + 1)

    await market.until(tried_again)
    assert town.rows(gate)[0][0] == 4
    assert not town.rows("select 1 from run where status = 2")

    await goes_by(town, 12 * 3600)
    await town.until(lambda: town.rows(done)[0][0] == 1 + LEADS, 90)
    persons = await market.sales("GET", "/api/v2/persons?limit=500")
    emails = [one["value"] for person in persons for one in person["emails"] if "@muitos" in one["value"]]
    assert sorted(emails) == [_email(lead) for lead in range(LEADS + 1)]
    assert town.rows(gate)[0][0] == 0
    assert not town.rows("select 1 from run where status <> 1")
