"""Leads whose webhooks are doubled, come in another order or not at all: each is one person, and one deal."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.conftest import Town, folder, town_in
from tests.flows.test_marketing_to_sales import Market

__all__ = ["folder"]  # a fixture, taken over

LONG = bool(os.environ.get("VAIVEM_LONG"))
LEADS, AGAIN = (1700, 300) if LONG else (34, 6)

pytestmark = pytest.mark.timeout(7200 if LONG else 300)


@pytest.fixture
async def market(folder: Path) -> AsyncIterator[Market]:
    async with town_in(folder, accounts=("pipedrive", "rd_station_marketing")) as town:
        subscribed = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
        await town.until(lambda: len(town.rows(subscribed)) == 2, 60)
        yield Market(town)


def _email(number: int) -> str:
    return f"lead{number:04}@muitos.example"


async def _happens(market: Market, number: int, kind: str, **payload: Any) -> None:
    body = {"event_type": kind, "event_family": "CDP", "payload": {"email": _email(number), **payload}}
    await market.marketing("POST", f"/platform/events?event_type={kind.lower()}", body)


async def _persons(market: Market) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await market._ask("pipedrive", "GET", f"/api/v2/persons?limit=500{cursor}", None)
        found += answer["data"]
        following = (answer.get("additional_data") or {}).get("next_cursor")
        if not following:
            break
        cursor = f"&cursor={following}"
    return [one for one in found if any("@muitos.example" in item["value"] for item in one["emails"])]


def _gone_by(town: Town) -> None:
    """Let the next look for what was missed come due."""
    town.rows("update clock set shift = shift + interval '62 minutes' returning 1")


async def _quiet(town: Town) -> None:
    """Wait until nothing has come or been done for some seconds."""
    seen, since = None, time.monotonic()
    while time.monotonic() - since < 6:
        now = town.rows("select (select count(*) from event), (select count(*) from run)")[0]
        left = town.rows("select count(*) from lane")[0][0]
        if now != seen or left:
            seen, since = now, time.monotonic()
        await asyncio.sleep(0.5)


async def test_what_webhooks_lose_is_found_and_nothing_is_doubled(market: Market) -> None:
    town = market.town
    town.rows("update workspace set busy_runs = 100000 returning 1")  # so many at once is meant
    chaos = {
        "p_webhook_double": 0.3,
        "p_webhook_reorder": 0.2,
        "p_webhook_missing": 0.05 if LONG else 0.15,
        "seed": 7,
    }
    await town.control("rd_station_marketing", "faults", chaos)
    everybody = [*range(LEADS), *range(AGAIN)]
    for number in everybody:
        await _happens(market, number, "CONVERSION", conversion_identifier="feira", name=f"Pessoa {number}")
    await _quiet(town)  # the vendor works on events later, and drops an opportunity of nobody it knows
    for number in everybody:
        await _happens(market, number, "OPPORTUNITY", funnel_name="default")
    await _quiet(town)
    await town.control("rd_station_marketing", "faults", dict.fromkeys(chaos, 0))
    brought = len(await _persons(market))
    assert brought < LEADS  # else there is nothing to find
    _gone_by(town)

    async def all_there() -> bool:
        return len(await _persons(market)) >= LEADS

    for _ in range(8 if LONG else 2):
        try:
            await market.until(all_there)
            break
        except AssertionError:
            continue
    persons = await _persons(market)
    emails = [item["value"] for one in persons for item in one["emails"]]
    assert sorted(emails) == [_email(number) for number in range(LEADS)]
    assert {one["name"] for one in persons} == {f"Pessoa {number}" for number in range(LEADS)}
    assert not town.rows("select 1 from run where status = 2")
