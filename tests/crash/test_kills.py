"""Worker, web and PostgreSQL killed at any moment: nothing is lost and nothing is doubled."""

from __future__ import annotations

import asyncio
import random

import pytest

from .conftest import Town

pytestmark = pytest.mark.soak

EVENTS = 500


@pytest.mark.crash
@pytest.mark.timeout(200)
async def test_500_signatures_survive_kills(town: Town, dice: random.Random) -> None:
    before = await town.control("rd_station_crm", "counts")
    await town.control("clicksign", "signatures/bulk", {"count": EVENTS, "rate": 40})
    for part in ("worker", "web", "database", "worker", "database", "web", "worker"):
        await asyncio.sleep(dice.uniform(0.5, 2.0))
        town.kill(part)
    await town.until(lambda: town.rows("select count(*) from run where status = 1")[0][0] >= EVENTS, 120)
    await town.until(lambda: town.rows("select count(*) from lane")[0][0] == 0, 30)
    after = await town.control("rd_station_crm", "counts")
    assert after["deals"] - before["deals"] == EVENTS
    assert after["contacts"] - before["contacts"] == EVENTS
    doubles = await town.control("rd_station_crm", "duplicates")
    assert doubles["deals_by_reference"] == []
    assert doubles["contacts_by_email"] == []
    assert town.rows("select status, count(*) from run group by 1") == [(1, EVENTS)]
    for table in ("item", "intent", "claim", "pending"):
        assert town.rows(f"select count(*) from {table}") == [(0,)]  # noqa: S608
