"""The past of a rule between two accounts: brought in whole and once, though the worker is killed."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.crash.conftest import Town, folder, town_in
from tests.flows.test_envelopes_to_contacts import Desk as Envelopes
from tests.flows.test_envelopes_to_contacts import has_records
from tests.flows.test_signature_to_tags import TAGS
from vaivem.simulators.clicksign.story import act

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1500 if os.environ.get("VAIVEM_LONG") else 550)]
LONG = bool(os.environ.get("VAIVEM_LONG"))
DOCUMENTS = {"clicksign": 6, "docusign": 30 if LONG else 12}
LATER_HOURS = 3
KILLS = 3
SUBSCRIBED = "select 1 from connection where jsonb_array_length(subscription->'ids') > 0"
ASK = """
insert into backfill (ws, rule, since, until, at, made, touched)
select workspace_id, id, begins, on_since, begins, vv_now(), vv_now()
from (select *, on_since - interval '3 days' as begins from rule where recipe like '%to_contact') r
returning 1
"""
OFF = "update rule set state = 'draft' returning 1"
ON = "update rule set state = 'on', on_since = date_trunc('second', vv_now()) returning 1"
LATER = "update clock set shift = shift + interval '3 hours' returning 1"
QUARTER = "update clock set shift = shift + interval '16 minutes' returning 1"
LOOKED = """
select (select count(*) from run), (select count(*) from step where name = 'tags.search' and method = 'GET')
"""
SOON = "select 1 from lane where due < vv_now() + interval '1 minute'"
START = "update backfill set state = 2, at = since, touched = vv_now() where state = 1 returning counts"


async def contacts(town: Town) -> dict[str, list[dict[str, Any]]]:
    """Return the contacts of each address."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in await town.control("activecampaign", "contacts"):
        found.setdefault(str(one["email"]).casefold(), []).append(one)
    return found


async def signed(town: Town, vendor: str, envelopes: Envelopes) -> dict[str, list[str]]:
    """Have documents signed; return the tags that each of their people must get."""
    if vendor == "clicksign":
        acts = [await act(town.accounts[vendor], number, town.asker) for number in range(DOCUMENTS[vendor])]
        people = {str(one["email"]).casefold() for document in acts for one in document.people}
        return {email: sorted(TAGS) for email in people}
    for number in range(DOCUMENTS[vendor]):
        await envelopes.envelope(number)
    await envelopes.settled(90)
    return {email: sorted(tags) for email, tags in envelopes.told.tags().items()}


async def killed_while_it_works(town: Town, people: Sequence[str]) -> int:
    """Kill the worker again and again while contacts appear; return how often something was under way."""
    busy = 0
    for number in range(KILLS):
        async with asyncio.timeout(90):
            while True:
                there = await contacts(town)
                if sum(email in there for email in people) > number * len(people) // (KILLS + 1):
                    break
                await asyncio.sleep(0.05)
        busy += bool(town.rows("select 1 from item limit 1"))
        town.kill("worker")
    return busy


async def let_pass(town: Town, vendor: str, query: str, seconds: int) -> None:
    """Let time pass, for the installation and for the vendor."""
    if vendor == "docusign":
        await town.control(vendor, "clock", {"advance_seconds": seconds})
    assert town.rows(query)


async def quarters_waited(town: Town, vendor: str) -> int:
    """Wait until all is done; return how many quarters of an hour had to pass for it."""
    waited, limit = 0, time.monotonic() + (1200 if LONG else 300)
    while not town.rows("select 1 from backfill where state = 3") or town.rows("select 1 from lane"):
        assert time.monotonic() < limit, town.state()
        await asyncio.sleep(1)
        if town.rows("select 1 from lane") and not town.rows(SOON):
            waited += 1
            await let_pass(town, vendor, QUARTER, 16 * 60)
    return waited


@pytest.mark.parametrize("vendor", ["docusign", "clicksign"])
async def test_every_document_is_counted_and_then_brought_in_once_through_kills(
    folder: Path, vendor: str
) -> None:
    async with town_in(folder, accounts=("activecampaign", vendor)) as town:
        await town.until(lambda: len(town.rows(SUBSCRIBED)) == 1, 90)
        envelopes = Envelopes(town)
        if vendor == "docusign":
            await envelopes.make_object()
            await envelopes.set_up("sent,opened,completed,declined,changed")
        town.rows(OFF)
        await asyncio.sleep(3)
        wanted = await signed(town, vendor, envelopes)
        await let_pass(town, vendor, LATER, LATER_HOURS * 3600)
        await asyncio.sleep(3)  # what comes in the second in which a rule is switched on is the rule's own
        assert not wanted.keys() & (await contacts(town)).keys()
        town.rows(ON)
        await asyncio.sleep(3)
        assert town.rows(ASK)
        await town.until(lambda: town.rows("select 1 from backfill where state = 1"), 90)
        assert not wanted.keys() & (await contacts(town)).keys()  # it was only looked at
        ((counts,),) = town.rows(START)
        assert counts["by_tag"] == Counter(tag for tags in wanted.values() for tag in tags)
        assert await killed_while_it_works(town, sorted(wanted)) > 0
        waited = await quarters_waited(town, vendor)
        found = await contacts(town)
        assert {email: len(found.get(email, ())) for email in wanted} == dict.fromkeys(wanted, 1)
        assert {email: sorted(found[email][0]["tags"]) for email in wanted} == wanted
        assert not town.rows("select 1 from run where status = 2"), town.state()
        assert not town.rows("select 1 from decision where answer is null"), town.state()
        assert not town.rows("select 1 from run group by event_id having count(*) > 1")
        assert not any((await town.control("activecampaign", "duplicates")).values())
        if vendor == "docusign":
            ((runs, looked),) = town.rows(LOOKED)
            assert looked < runs, "each run wants tags, which are looked for once in a minute"
            has_records(envelopes, await envelopes.contacts())
            read = await town.control(vendor, "polling")
            print(f"{runs} runs, {read['reads']} reads, {waited} quarters waited")  # noqa: T201 - the figures
            assert read["violations"] == 0
            # A worker that is killed while it reads leaves an envelope read, and what it answered unknown.
            assert waited <= KILLS
            assert read["reads"] <= DOCUMENTS[vendor] * (1 + waited) < runs
