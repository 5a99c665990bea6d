"""The whole way, word by word at the vendors: the chosen stage, the sale, its day, the reason in a field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.crash.conftest import folder
from tests.flows.moving import ZONE
from tests.flows.test_broken_connection import known
from tests.flows.test_links import become_deal, email_of, event, lead, market, timeline
from tests.flows.test_marketing_to_sales import Market
from tests.flows.test_odd_values import _read_lists, change_rules

__all__ = ["folder", "market"]  # fixtures, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]
DAY_FIELD, REASON_FIELD = "cf_data_da_venda", "cf_motivo_da_perda"


async def test_a_deal_is_where_it_was_chosen_and_its_end_in_the_chosen_fields(market: Market) -> None:
    town = market.town
    pipeline = await market.sales("POST", "/api/v2/pipelines", {"name": "Vindos do site"})
    stages = [
        await market.sales("POST", "/api/v2/stages", {"name": name, "pipeline_id": pipeline["id"]})
        for name in ("Entrada", "Em conversa")
    ]
    await _read_lists(market)

    def choose(rule: dict[str, Any]) -> None:
        step = rule["then"][-1]
        if step["action"] == "create_or_update_deal":
            step["fields"]["deal.pipeline"] = {"value": pipeline["name"]}
            step["fields"]["deal.stage"] = {"value": stages[1]["name"]}
        elif step["action"] == "mark_sale":
            step["options"]["date_field"] = DAY_FIELD
        elif step["action"] == "mark_lost":
            step["options"] |= {"reason_field": REASON_FIELD, "date_field": DAY_FIELD}

    await change_rules(market, choose)
    told = {"conversion_identifier": "site", "name": "Ana", "company_name": "Padaria Ana"}
    await event(market, "CONVERSION", email_of("Ana"), **told)
    await market.until(partial(known, market, email_of("Ana")))
    won, lost = await become_deal(market, "Ana"), await become_deal(market, "Bruno")
    for deal, name in ((won, "Ana"), (lost, "Bruno")):
        assert (deal["pipeline_id"], deal["stage_id"]) == (pipeline["id"], stages[1]["id"])
        person = await market.sales("GET", f"/api/v2/persons/{deal['person_id']}")
        assert (person["name"], [one["value"] for one in person["emails"]]) == (name, [email_of(name)])
        assert deal["org_id"] == person["org_id"]
    organization = await market.sales("GET", f"/api/v2/organizations/{won['org_id']}")
    assert organization["name"] == "Padaria Ana"
    # Bruno is of no company: that step is left out with the reason, and the others are done.
    assert lost["org_id"] is None
    notes = "select params->'notes'->0->>'code', params->'notes'->0->>'path' from run order by event_id"
    await town.until(lambda: len(town.rows(notes)) == 2, 60)
    assert town.rows(notes) == [(None, None), ("required_missing", "organization.name")]

    # It is late in the evening in São Paulo, and the next day in UTC: the day is that of the people.
    evening = datetime.now(UTC).replace(hour=1, minute=30, second=0)
    evening -= timedelta(days=evening > datetime.now(UTC))
    await town.control("pipedrive", "clock", {"at": evening.isoformat()})
    await market.sales("PATCH", f"/api/v2/deals/{won['id']}", {"status": "won", "value": 1234.5})
    await market.sales("PATCH", f"/api/v2/deals/{lost['id']}", {"status": "lost", "lost_reason": "Preço"})
    done = "select count(*) from run where status = 1"
    await town.until(lambda: town.rows(done)[0][0] == 4, 90)
    day = evening.astimezone(ZONE).date().isoformat()
    assert day != evening.date().isoformat()
    sold, refused = await lead(market, email_of("Ana")), await lead(market, email_of("Bruno"))

    async def ends() -> list[list[dict[str, Any]]]:
        found = [
            await timeline(market, sold["uuid"], "SALE"),
            await timeline(market, refused["uuid"], "OPPORTUNITY_LOST"),
        ]
        return found if all(found) else []

    (sale,), (loss,) = await market.until(ends)
    assert sale["value"] == 1234.5
    assert loss["reason"] == "Preço"
    assert sold[DAY_FIELD] == day
    assert (refused[REASON_FIELD], refused[DAY_FIELD]) == ("Preço", day)
    assert not town.rows("select 1 from run where status <> 1")
