"""Moving from an integration that runs elsewhere: what it made is found and linked."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.browser.conftest import chromium
from tests.crash.conftest import folder
from tests.flows.moving import move, signed_in, taken_away
from tests.flows.test_broken_connection import known
from tests.flows.test_links import deals, email_of, event, lead, market, timeline
from tests.flows.test_marketing_to_sales import Market
from vaivem.engine import control
from vaivem.postgres import EmbeddedServer

__all__ = ["chromium", "folder", "market"]  # fixtures, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]
PHONE = "+5511987650001"
RULE = (
    "select r.id, r.workspace_id, v.compiled from rule r join rule_version v on v.rule_id = r.id and"
    " v.number = r.version join connection c on c.id = (v.compiled->'rule'->'when'->>'connection')::int"
    " where c.connector = 'rd_station_marketing'"
)


def database(market: Market) -> psycopg.Connection[Any]:
    return psycopg.connect(EmbeddedServer(market.town.config.data_dir).dsn, autocommit=True)


async def made_by_the_old_one(market: Market, name: str, pipeline: int) -> tuple[int, int]:
    """Be the old integration: a person with the lead's address and an open deal of theirs."""
    person = await market.sales(
        "POST", "/api/v2/persons", {"name": name, "emails": [{"value": email_of(name)}]}
    )
    deal = await market.sales(
        "POST",
        "/api/v2/deals",
        {"title": f"{name} (antigo)", "person_id": person["id"], "pipeline_id": pipeline},
    )
    return int(person["id"]), int(deal["id"])


async def opportunities(market: Market, email: str) -> list[dict[str, Any]]:
    return await timeline(market, (await lead(market, email))["uuid"], "OPPORTUNITY")


async def test_what_the_old_integration_made_is_found_and_linked(market: Market) -> None:
    [(_rule, ws, compiled)] = market.town.rows(RULE)
    with database(market) as db:
        db.execute("update rule set state = 'paused'")
    both, only = "Beatriz", "Caio"
    steps = {one["id"]: one for one in compiled["rule"]["then"]}
    pipeline = int(steps["deal"]["fields"]["deal.pipeline"]["value"])
    person, deal = await made_by_the_old_one(market, both, pipeline)
    for name in (both, only):
        await event(market, "CONVERSION", email_of(name), conversion_identifier="feira", name=name)
        await market.until(partial(known, market, email_of(name)))
        await event(market, "OPPORTUNITY", email_of(name), funnel_name="default")
        await market.until(partial(opportunities, market, email_of(name)))
    with database(market) as db:
        [move] = db.execute(
            "insert into move (workspace_id, form, seen, rules, state, since, until, beat) values (%s, '{}',"
            " '', %s, 'waiting', vv_now() - interval '1 day', vv_now() + interval '1 minute', vv_now())"
            " returning id",
            (ws, json.dumps([compiled])),
        ).fetchone() or [0]
        control.wake_chore(db.cursor(), "look", {"move": move})
    state = "select state from move"
    await market.town.until(lambda: market.town.rows(state) not in ([("waiting",)], [("running",)]), 120)
    assert market.town.rows("select state, code from move") == [("done", "")]
    found = dict(market.town.rows("select title, steps from move_found"))
    how = {
        name: {one["step"]: (one["how"], one["by"]) for one in steps}
        for title, steps in found.items()
        for name in (both, only)
        if name in title
    }
    assert set(how) == {both, only}, found
    assert how[both]["person"] == ("found", "email"), found
    assert how[both]["deal"] == ("found", "person"), found
    assert how[only]["person"][0] == "new", found
    assert [one["id"] for one in await deals(market, only)] == []  # nothing is written by a look

    with database(market) as db, db.transaction():
        links, keys = control.keep_found(db.cursor(), ws, move)
    uuid = (await lead(market, email_of(both)))["uuid"]
    assert {(one[1], one[2], one[5]) for one in links} >= {
        ("person", str(person), uuid),
        ("deal", str(deal), uuid),
    }
    assert [(one[1], one[3]) for one in keys] == [("deal", str(deal))]


async def test_a_live_event_of_a_lead_that_both_saw_updates_what_is_there(
    market: Market, chromium: str
) -> None:
    town, name = market.town, "Beatriz"
    rules = await taken_away(town)
    for rule in rules:
        rule["title"] = f"Nova: {rule['title']}"
    steps = {one["id"]: one for rule in rules for one in rule["then"]}
    pipeline = int(steps["deal"]["fields"]["deal.pipeline"]["value"])
    organization = await market.sales("POST", "/api/v2/organizations", {"name": "Padaria Beatriz"})
    person, deal = await made_by_the_old_one(market, name, pipeline)
    for path in (f"persons/{person}", f"deals/{deal}"):
        await market.sales("PATCH", f"/api/v2/{path}", {"org_id": organization["id"]})
    told = {"conversion_identifier": "feira", "name": name, "company_name": "Padaria Beatriz"}
    await event(market, "CONVERSION", email_of(name), **told)
    await market.until(partial(known, market, email_of(name)))
    await event(market, "OPPORTUNITY", email_of(name), funnel_name="default")
    await market.until(partial(opportunities, market, email_of(name)))
    await asyncio.sleep(1.5)  # a webhook tells when something happened to the second
    before = await town.control("pipedrive", "counts")

    moment = datetime.now(UTC) - timedelta(minutes=1)
    async with signed_in(town, chromium) as page:
        await move(page, town, rules, moment, look=True)
    assert town.rows("select state, code from move") == [("done", "")]
    await asyncio.sleep(4)  # every process reads the rules anew

    # The lead has another name and phone, and is marked again.
    told |= {"name": "Beatriz Prado", "mobile_phone": PHONE}
    await event(market, "CONVERSION", email_of(name), **told)

    async def renamed() -> bool:
        return bool((await lead(market, email_of(name)))["name"] == "Beatriz Prado")

    await market.until(renamed)
    await event(market, "OPPORTUNITY", email_of(name), funnel_name="default")
    done = "select count(*) from run where status = 1"
    await town.until(lambda: town.rows(done)[0][0] >= 1, 60)
    now = await market.sales("GET", f"/api/v2/persons/{person}")
    assert (now["name"], [one["value"] for one in now["phones"]]) == ("Beatriz Prado", [PHONE])
    assert await town.control("pipedrive", "counts") == before  # nothing is made anew
    [run] = town.rows("select records from run where status = 1")
    kept = {(one["object"], one["id"]) for one in run[0]}
    assert kept == {("organization", str(organization["id"])), ("person", str(person)), ("deal", str(deal))}

    # And the deal that the old integration made finds its lead back.
    await market.sales("PATCH", f"/api/v2/deals/{deal}", {"status": "won", "value": 900})
    uuid = (await lead(market, email_of(name)))["uuid"]

    async def sold() -> list[dict[str, Any]]:
        return await timeline(market, uuid, "SALE")

    assert [one["value"] for one in await market.until(sold)] == [900]
    assert not town.rows("select 1 from run where status <> 1")
    problems = town.rows("select subscription->'problem' from connection")
    assert problems == [({},), ({},)]  # both accounts tell of what happens there
