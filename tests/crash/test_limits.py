"""Vendors' documented limits, kept by two workers together, as the vendors themselves count."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from vaivem.cli import parts
from vaivem.cli.run import Steps
from vaivem.connectors.sdk.registry import get_connector
from vaivem.processes.supervisor import Supervisor

from .conftest import Town, town_in

LONG = bool(os.environ.get("VAIVEM_LONG"))
SECONDS = 180.0 if LONG else 20.0
EVENTS = 200 if LONG else 60  # more than the slower vendor's limit lets through meanwhile
BEGIN_SECONDS = 5.0


@pytest.mark.crash
@pytest.mark.timeout(300)
async def test_documented_limits_are_kept_and_used(folder: Path) -> None:
    async with town_in(folder, limits="documented") as town:
        second = parts.worker(town.config, 2, 2, town.config.data_dir / "logs")
        async with Supervisor((second,), Steps()):
            _live_by_the_manifest(town)
            await town.until(lambda: town.rows("select count(*) from worker") == [(2,)], 20)
            await asyncio.sleep(1)  # both workers have read the new settings by then
            for account in town.accounts:
                await town.control(account, "limits", {"mode": "documented"})  # counts from nothing
            await town.control("clicksign", "signatures/bulk", {"count": EVENTS, "rate": 50})
            await town.until(lambda: town.rows("select count(*) >= 40 from item") == [(True,)], 20)
            await asyncio.sleep(BEGIN_SECONDS)
            begun, before = time.monotonic(), (await town.control("rd_station_crm", "limits"))["total"]
            await asyncio.sleep(SECONDS)
            seen = {account: await town.control(account, "limits") for account in town.accounts}
            seconds = time.monotonic() - begun
            assert town.rows("select count(*) > 8 from lane where gate <> 0") == [(True,)]  # work waited
            for account, limits in seen.items():
                assert limits["max_in_window"] <= limits["limit"], (account, limits)
                assert limits["refused"] == 0, (account, limits)
            (limit,) = get_connector("rd_station_crm").manifest.limits[""]
            ours = limit.calls * limit.share / limit.seconds
            used = (seen["rd_station_crm"]["total"] - before) / seconds / ours
            print(f"{used:.1%} of our share was used; {seen}")  # noqa: T201 - for who measures
            assert used >= (0.9 if LONG else 0.8)
            assert town.rows("select count(*) from run where status = 2") == [(0,)]


def _live_by_the_manifest(town: Town) -> None:
    """Take away the test accounts' own figures; Clicksign's documented one is production's."""
    town.rows(
        "update connection set settings = settings - 'limit_calls' - 'limit_seconds'"
        " || case connector when 'clicksign' then '{\"environment\": \"production\"}'::jsonb else '{}' end"
        " returning id"
    )
