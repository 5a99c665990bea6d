"""Two workspaces on the same vendors' accounts: each event reaches each once, and they start no circle."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from typing import Any

import pytest
import yaml

from tests.crash.conftest import Town, folder
from tests.flows.moving import taken_away
from tests.flows.test_broken_connection import known
from tests.flows.test_links import email_of, event, lead, market, persons_named, timeline
from tests.flows.test_marketing_to_sales import Market
from vaivem.cli import parts

__all__ = ["folder", "market"]  # fixtures, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]
SECOND = """
from vaivem.cli.database import on_tables
from vaivem.config import Config
on_tables(Config.from_environment())
from vaivem.hub.connections.test_accounts import connect
from vaivem.hub.workspaces.access import make_workspace
from vaivem.hub.workspaces.models import Member, Membership, Role
member, workspace = Member.objects.order_by("id")[0], make_workspace("Agência")
Membership.objects.create(member=member, workspace=workspace, role=Role.OWNER)
for key in ("pipedrive", "rd_station_marketing"):
    connect(workspace, member, key)
"""
SUBSCRIBED = "select count(*) from connection where jsonb_array_length(subscription->'ids') > 0"


async def second_workspace(town: Town) -> None:
    """Make another workspace, connected to the same two accounts by an access of its own."""
    settings = {**os.environ, **parts.settings(town.config)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SECOND, env=settings)
    assert await process.wait() == 0


async def rule_in(town: Town, workspace: str, rule: dict[str, Any]) -> None:
    file = town.config.data_dir / f"{workspace}.yaml"
    file.write_text(yaml.safe_dump({"rules": [rule]}, allow_unicode=True), "utf-8")
    done = await parts.call(town.config, "rules", "apply", str(file), "--workspace", workspace, "--yes")
    assert done["applied"], done


def of(town: Town, workspace: str, connector: str) -> str:
    """Return the short name of a workspace's connection."""
    found = town.rows(
        "select c.slug from connection c join workspace w on w.id = c.workspace_id"  # noqa: S608 - our own words
        f" where w.slug = '{workspace}' and c.connector = '{connector}'"
    )
    return str(found[0][0])


async def test_two_workspaces_on_one_account_start_no_circle(market: Market) -> None:
    """One makes a person of every conversion, the other a conversion of every person."""
    town = market.town
    await taken_away(town)
    await second_workspace(town)
    one, two = "raiar-solar", "agencia"
    fields = {"person.name": {"from": "lead.name", "write": "always"}, "person.email": {"from": "lead.email"}}
    for workspace, trigger in ((one, "converted"), (two, "marked_opportunity")):
        step = {"id": "one", "kind": "action", "connection": of(town, workspace, "pipedrive")}
        start = {"connection": of(town, workspace, "rd_station_marketing"), "trigger": trigger}
        then = [{**step, "action": "create_or_update_person", "fields": fields}]
        await rule_in(town, workspace, {"title": f"{trigger} vira pessoa", "when": start, "then": then})
    fields = {
        "conversion.identifier": {"text": "no-crm"},
        "lead.email": {"from": "person.emails"},
        "lead.name": {"from": "person.name"},
    }
    step = {"id": "one", "kind": "action", "connection": of(town, two, "rd_station_marketing")}
    for trigger in ("person_created", "person_updated"):
        start = {"connection": of(town, two, "pipedrive"), "trigger": trigger}
        then = [{**step, "action": "register_conversion", "fields": fields}]
        await rule_in(town, two, {"title": f"{trigger} vira conversão", "when": start, "then": then})
    await town.until(lambda: town.rows(SUBSCRIBED)[0][0] == 4, 120)  # each tells each workspace
    await asyncio.sleep(4)  # every process reads the rules anew

    name = "Iara"
    await event(market, "CONVERSION", email_of(name), conversion_identifier="site", name=name)
    await market.until(partial(known, market, email_of(name)))
    (person,) = await market.until(partial(persons_named, market, name))
    uuid = (await lead(market, email_of(name)))["uuid"]

    async def both() -> list[str]:
        found = [one["conversion_identifier"] for one in await timeline(market, uuid, "CONVERSION")]
        return found if len(found) > 1 else []

    assert sorted(await market.until(both)) == ["site", "vaivem-no-crm"]
    # Then a person changes the name in the sales tool: once round, and silence.
    await asyncio.sleep(1.5)
    await market.sales("PATCH", f"/api/v2/persons/{person['id']}", {"name": "Iara Lopes"})
    await town.until(lambda: town.rows("select count(*) from run where status = 1")[0][0] == 3, 60)
    await asyncio.sleep(8)
    assert town.rows("select count(*) from lane") == [(0,)]
    assert len(await timeline(market, uuid, "CONVERSION")) == 3
    assert (await lead(market, email_of(name)))["name"] == "Iara Lopes"
    ended = "select w.slug, r.status, count(*) from run r join workspace w on w.id = r.ws group by 1, 2"
    assert sorted(town.rows(ended)) == [(two, 1, 2), (one, 1, 1)]

    # Each has heard of each thing once, and of nothing but that.
    heard = "select w.slug, e.kind, count(*) from event e join workspace w on w.id = e.ws group by 1, 2"
    told: dict[str, dict[str, int]] = {one: {}, two: {}}
    for slug, kind, number in town.rows(heard):
        told[slug][kind] = number
    assert told[one] == told[two]
    assert told[one] == {"WEBHOOK.CONVERTED": 3, "person.create": 1, "person.change": 1}
    assert town.rows("select count(*) from (select ws, conn from event group by 1, 2) x") == [(4,)]
