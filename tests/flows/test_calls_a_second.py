"""A limit of a few calls in one second, kept by two workers together, as the vendor itself counts."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.crash.conftest import folder, town_in
from vaivem.cli import parts
from vaivem.cli.run import Steps
from vaivem.processes.supervisor import Supervisor
from vaivem.simulators.clicksign.story import act

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(400)]
DOCUMENTS, SECONDS = 16, 15.0
# Requests bunch up on a busy machine, on their way: a few too many in a second are told to wait, and do.
BUNCHED = 0.05


async def test_five_calls_a_second_are_kept_over_two_workers(folder: Path) -> None:
    async with town_in(folder, limits="documented", accounts=("activecampaign", "clicksign")) as town:
        town.rows(
            "update connection set settings = settings - 'limit_calls' - 'limit_seconds'"
            " where connector = 'activecampaign' returning 1"
        )
        await town.control("clicksign", "limits", {"mode": "off"})
        second = parts.worker(town.config, 2, 2, town.config.data_dir / "logs")
        async with Supervisor((second,), Steps()):
            await town.until(lambda: town.rows("select count(*) from worker") == [(2,)], 60)
            await asyncio.sleep(2)  # both workers have read the new settings by then
            for number in range(DOCUMENTS):
                await act(town.accounts["clicksign"], number, town.asker)
            await town.until(lambda: len(town.rows("select 1 from item")) > DOCUMENTS, 60)
            await town.control("activecampaign", "limits", {"mode": "documented"})  # counts from nothing
            begun = time.monotonic()
            await asyncio.sleep(SECONDS)
            seen = await town.control("activecampaign", "limits")
            seconds = time.monotonic() - begun
            assert len(town.rows("select 1 from item")) > 0, "there was work all the time"
            print(f"{seen['total'] / seconds:.2f} calls a second; {seen}")  # noqa: T201 - for who measures
            assert seen["refused"] <= BUNCHED * seen["total"], seen
            assert seen["max_in_window"] <= seen["limit"] + 2, seen
            assert seen["total"] / seconds >= 3.0, seen
            await town.until(lambda: not town.rows("select 1 from lane"), 200)
            assert not town.rows("select 1 from run where status = 2"), town.state()
