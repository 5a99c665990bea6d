"""Sales of people whom RD Station Marketing does not know: it takes them and drops them without a word.

So nothing is said to be done that came to nothing there, whatever the step says of unknown leads.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.crash.conftest import folder
from tests.flows.test_broken_connection import known
from tests.flows.test_links import become_deal, email_of, lead, market, timeline, win
from tests.flows.test_marketing_to_sales import Market
from tests.flows.test_odd_values import SALE, change_rules, runs

__all__ = ["folder", "market"]  # fixtures, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]


async def sold(market: Market, name: str, value: float) -> None:
    """Win a deal of a person whom only the sales tool knows."""
    emails = [{"value": email_of(name)}]
    person = await market.sales("POST", "/api/v2/persons", {"name": name, "emails": emails})
    deal = await market.sales("POST", "/api/v2/deals", {"title": name, "person_id": person["id"]})
    await win(market, deal["id"], value)


async def unknown_lead(market: Market, choice: str) -> None:
    def change(rule: dict[str, Any]) -> None:
        if rule["title"] == SALE:
            rule["then"][0]["options"] = {**rule["then"][0].get("options", {}), "unknown_lead": choice}

    await change_rules(market, change)


async def dropped(market: Market) -> Any:
    return await market.town.control("rd_station_marketing", "dropped")


async def test_nothing_is_done_that_the_vendor_drops(market: Market) -> None:
    town = market.town
    await sold(market, "Lia", 10)  # the recipe leaves such a step out, and shows it
    await runs(market, 1)
    notes = "select status, params->'notes'->0->>'code', records from run order by finished desc limit 1"
    assert town.rows(notes) == [(1, "lead_unknown", [])]

    await unknown_lead(market, "fail")
    await sold(market, "Mel", 20)
    assert (await runs(market, 2))[-1] == (2, "lead_unknown")
    for name in ("Lia", "Mel"):
        assert not await known(market, email_of(name))
    assert await dropped(market) == []

    # Made by a conversion, the lead is there a while later only: the sale waits for that.
    await unknown_lead(market, "convert")
    await town.control("rd_station_marketing", "quirks", {"conversion_seconds": 20.0})
    await sold(market, "Noa", 30)
    waits = "select code from pending"
    await town.until(lambda: town.rows(waits) == [("lead_not_there_yet",)], 60)
    assert not await known(market, email_of("Noa"))
    assert await dropped(market) == []
    await market.until(partial(known, market, email_of("Noa")))
    town.rows("update clock set shift = shift + interval '61 seconds' returning 1")
    assert (await runs(market, 3))[-1] == (1, "")
    uuid = (await lead(market, email_of("Noa")))["uuid"]

    async def there() -> list[dict[str, Any]]:
        return await timeline(market, uuid, "SALE")

    assert [one["value"] for one in await market.until(there)] == [30]
    assert len(await timeline(market, uuid, "CONVERSION")) == 1
    assert await dropped(market) == []


async def test_a_linked_lead_that_is_gone_takes_no_sale(market: Market) -> None:
    town = market.town
    deal = await become_deal(market, "Oto")
    await runs(market, 1)
    uuid = (await lead(market, email_of("Oto")))["uuid"]
    await market.marketing("DELETE", f"/platform/contacts/uuid:{uuid}")
    await win(market, deal["id"], 40)
    await runs(market, 2)
    notes = "select status, params->'notes'->0->>'code', records from run order by finished desc limit 1"
    assert town.rows(notes) == [(1, "lead_unknown", [])]
    assert await dropped(market) == []
