"""A lead becomes person, organization and deal; the deal's end goes back to its timeline. Once each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.conftest import Town, folder, town_in

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(180)]
EMAIL = "nina.prado@padaria.example"


class Market:
    """The two accounts, asked as somebody with their tokens would."""

    def __init__(self, town: Town) -> None:
        self.town = town

    async def marketing(self, method: str, path: str, body: Any = None) -> Any:
        return await self._ask("rd_station_marketing", method, path, body)

    async def sales(self, method: str, path: str, body: Any = None) -> Any:
        return (await self._ask("pipedrive", method, path, body))["data"]

    async def _ask(self, name: str, method: str, path: str, body: Any) -> Any:
        account = self.town.accounts[name]
        headers = {"authorization": f"Bearer {account.credentials['access_token']}"}
        return await self.town.asker.call(method, f"{account.base_url}{path}", body, headers)

    async def event(self, kind: str, **payload: Any) -> None:
        body = {"event_type": kind, "event_family": "CDP", "payload": {"email": EMAIL, **payload}}
        await self.marketing("POST", f"/platform/events?event_type={kind.lower()}", body)

    async def lead(self) -> dict[str, Any] | None:
        return await self._maybe(self.marketing("GET", f"/platform/contacts/email:{EMAIL}"))

    async def timeline(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind on the lead's timeline."""
        lead = await self.lead()
        assert lead
        found = await self.marketing("GET", f"/platform/contacts/{lead['uuid']}/events")
        return [one["payload"] for one in found if one["event_type"] == kind]

    async def deals(self) -> list[dict[str, Any]]:
        return list(await self.sales("GET", "/api/v2/deals?limit=500") or ())

    async def persons(self) -> list[dict[str, Any]]:
        listed = await self.sales("GET", "/api/v2/persons?limit=500")
        return [one for one in listed or () if EMAIL in [item["value"] for item in one["emails"]]]

    @staticmethod
    async def _maybe(asking: Awaitable[Any]) -> Any:
        try:
            return await asking
        except Exception as error:
            if "404" in str(error):
                return None
            raise

    async def until(self, done: Callable[[], Awaitable[Any]]) -> Any:
        """Wait until `done` gives something, and return it."""
        for _ in range(120):
            if found := await done():
                return found
            await asyncio.sleep(0.5)
        raise AssertionError(self.town.state())


@pytest.fixture
async def market(folder: Path) -> AsyncIterator[Market]:
    """An installation with both accounts connected and the recipes between them on."""
    async with town_in(folder, accounts=("pipedrive", "rd_station_marketing")) as town:
        subscribed = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
        await town.until(lambda: len(town.rows(subscribed)) == 2, 120)
        yield Market(town)


async def test_a_lead_goes_to_sales_and_its_end_comes_back(market: Market) -> None:
    before = len(await market.deals())
    await market.event(
        "CONVERSION", conversion_identifier="newsletter", name="Nina Prado", company_name="Padaria Prado"
    )
    await market.until(market.lead)
    await market.event("OPPORTUNITY", funnel_name="default")

    async def deal_made() -> list[dict[str, Any]]:
        return [one for one in await market.deals() if one["title"] == "Nina Prado"]

    (deal,) = await market.until(deal_made)
    (person,) = await market.persons()
    assert (deal["person_id"], deal["org_id"]) == (person["id"], person["org_id"])
    organization = await market.sales("GET", f"/api/v2/organizations/{deal['org_id']}")
    assert organization["name"] == "Padaria Prado"

    await market.sales("PATCH", f"/api/v2/deals/{deal['id']}", {"status": "won", "value": 1500.5})
    done = "select count(*) from run where status = 1"
    await market.town.until(lambda: market.town.rows(done)[0][0] == 2, 60)

    async def sold() -> list[dict[str, Any]]:
        return await market.timeline("SALE")

    assert [one["value"] for one in await market.until(sold)] == [1500.5]

    # Marked again, the lead updates what is there and makes nothing.
    await market.event("OPPORTUNITY", funnel_name="default")
    await market.town.until(lambda: market.town.rows(done)[0][0] >= 3, 60)
    assert len(await market.deals()) == before + 1
    assert len(await market.persons()) == 1

    await market.sales("PATCH", f"/api/v2/deals/{deal['id']}", {"status": "open"})
    await market.sales("PATCH", f"/api/v2/deals/{deal['id']}", {"status": "lost", "lost_reason": "Preço"})
    await market.town.until(lambda: market.town.rows(done)[0][0] >= 4, 60)
    assert not market.town.rows("select 1 from run where status <> 1")
    assert not market.town.rows("select 1 from rejected")

    async def lost() -> list[dict[str, Any]]:
        return await market.timeline("OPPORTUNITY_LOST")

    assert [one["reason"] for one in await market.until(lost)] == ["Preço"]
    assert len(await market.timeline("SALE")) == 1
