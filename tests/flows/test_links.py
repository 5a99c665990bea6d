"""Leads and persons stay linked: with another address, without one, without a person at the deal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.crash.conftest import folder, town_in
from tests.flows.test_broken_connection import known
from tests.flows.test_marketing_to_sales import Market

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(240)]


@pytest.fixture
async def market(folder: Path) -> AsyncIterator[Market]:
    async with town_in(folder, accounts=("pipedrive", "rd_station_marketing")) as town:
        subscribed = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
        await town.until(lambda: len(town.rows(subscribed)) == 2, 120)
        yield Market(town)


def email_of(name: str) -> str:
    return f"{name.lower()}@vinculos.example"


async def event(market: Market, kind: str, email: str, **payload: Any) -> None:
    body = {"event_type": kind, "event_family": "CDP", "payload": {"email": email, **payload}}
    await market.marketing("POST", f"/platform/events?event_type={kind.lower()}", body)


async def deals(market: Market, name: str) -> list[dict[str, Any]]:
    return [one for one in await market.deals() if one["title"] == name]


async def lead(market: Market, email: str) -> dict[str, Any]:
    found: dict[str, Any] = await market.marketing("GET", f"/platform/contacts/email:{email}")
    return found


async def become_deal(market: Market, name: str) -> dict[str, Any]:
    """Let a lead convert, be an opportunity and become a deal."""
    await event(market, "CONVERSION", email_of(name), conversion_identifier="feira", name=name)
    await market.until(partial(known, market, email_of(name)))
    await event(market, "OPPORTUNITY", email_of(name), funnel_name="default")
    (deal,) = await market.until(partial(deals, market, name))
    return dict(deal)


async def timeline(market: Market, uuid: str, kind: str) -> list[dict[str, Any]]:
    found = await market.marketing("GET", f"/platform/contacts/{uuid}/events")
    return [one["payload"] for one in found if one["event_type"] == kind]


async def win(market: Market, deal: int, value: float) -> None:
    await market.sales("PATCH", f"/api/v2/deals/{deal}", {"status": "won", "value": value})


async def change_person(market: Market, deal: dict[str, Any], *emails: str) -> None:
    items = [{"value": email} for email in emails]
    await market.sales("PATCH", f"/api/v2/persons/{deal['person_id']}", {"emails": items})


async def persons_named(market: Market, name: str) -> list[dict[str, Any]]:
    listed = await market.sales("GET", "/api/v2/persons?limit=500")
    return [one for one in listed if one["name"] == name]


async def test_deals_find_their_lead_back(market: Market) -> None:
    town = market.town
    names = ("Ana", "Bia", "Caio", "Davi")
    made = {name: await become_deal(market, name) for name in names}
    uuids = {name: (await lead(market, email_of(name)))["uuid"] for name in names}
    done = "select count(*) from run where status = 1"
    await town.until(lambda: town.rows(done)[0][0] == len(names), 60)

    await change_person(market, made["Ana"])  # no address any more
    await win(market, made["Ana"]["id"], 100)
    await change_person(market, made["Bia"], "outro.endereco@vinculos.example")  # one that nobody knows there
    await market.sales(
        "PATCH", f"/api/v2/deals/{made['Bia']['id']}", {"status": "lost", "lost_reason": "Preço"}
    )
    await market.sales("PATCH", f"/api/v2/deals/{made['Caio']['id']}", {"person_id": None})
    await win(market, made["Caio"]["id"], 300)

    async def all_there() -> bool:
        sold = [await timeline(market, uuids[name], "SALE") for name in ("Ana", "Caio")]
        lost = await timeline(market, uuids["Bia"], "OPPORTUNITY_LOST")
        return [len(one) for one in (*sold, lost)] == [1, 1, 1]

    await market.until(all_there)
    assert [one["value"] for one in await timeline(market, uuids["Ana"], "SALE")] == [100]
    assert [one["value"] for one in await timeline(market, uuids["Caio"], "SALE")] == [300]
    assert [one["reason"] for one in await timeline(market, uuids["Bia"], "OPPORTUNITY_LOST")] == ["Preço"]
    assert not await known(market, "outro.endereco@vinculos.example")

    # The lead has another address: it is still the same person, who gets it.
    new = "davi.novo@vinculos.example"
    await market.marketing("PATCH", f"/platform/contacts/uuid:{uuids['Davi']}", {"email": new})
    await event(market, "OPPORTUNITY", new, funnel_name="default")

    async def has_new() -> bool:
        (person,) = await persons_named(market, "Davi")
        return new in [item["value"] for item in person["emails"]]

    await market.until(has_new)
    assert len(await deals(market, "Davi")) == 1
    assert not town.rows("select 1 from run where status <> 1")


async def test_without_a_link_each_address_is_tried_and_then_the_rule_decides(market: Market) -> None:
    town = market.town
    await event(market, "CONVERSION", email_of("Edu"), conversion_identifier="feira", name="Edu")
    await market.until(partial(known, market, email_of("Edu")))
    uuid = (await lead(market, email_of("Edu")))["uuid"]
    emails = [{"value": "edu.casa@vinculos.example"}, {"value": email_of("Edu")}]
    person = await market.sales("POST", "/api/v2/persons", {"name": "Edu", "emails": emails})
    deal = await market.sales("POST", "/api/v2/deals", {"title": "Edu", "person_id": person["id"]})
    alone = await market.sales("POST", "/api/v2/deals", {"title": "Sozinho"})
    await asyncio.sleep(1)
    await win(market, deal["id"], 50)
    await win(market, alone["id"], 60)

    async def sold() -> list[dict[str, Any]]:
        return await timeline(market, uuid, "SALE")

    assert [one["value"] for one in await market.until(sold)] == [50]
    ended = "select params->'notes'->0->>'code' from run order by params->'notes'->0->>'code' nulls first"
    await town.until(lambda: town.rows(ended) == [(None,), ("lead_unknown",)], 60)
    assert not await known(market, "edu.casa@vinculos.example")
