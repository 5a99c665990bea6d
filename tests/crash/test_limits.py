"""Vendors' documented limits, kept by two workers together, as the vendors themselves count."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from vaivem.cli import parts
from vaivem.cli.run import Steps
from vaivem.connectors.sdk.registry import get_connector
from vaivem.processes.supervisor import Supervisor

from .conftest import Town, town_in

pytestmark = pytest.mark.soak

LONG = bool(os.environ.get("VAIVEM_LONG"))
SECONDS = 180.0 if LONG else 11.0
EVENTS = 600 if LONG else 160  # more than either vendor's limit lets through meanwhile
BEGIN_SECONDS = 5.0
USED = 0.9 if LONG else 0.75  # of what we allow ourselves; a short look weighs single calls

# Beside the recipe, which calls nobody but the CRM: two reads at Clicksign for each document.
READS_ENVELOPES = """
rules:
  - title: Documents of cancelled envelopes
    when: {connection: clicksign, trigger: document_completed, options: {per: envelope}}
    if:
      - {field: envelope.status, is: equals, value: canceled}
    then:
      - id: letter
        kind: email
        to: {value: ana@example.com}
        subject: {text: "{{ envelope.name }}"}
        body: {text: "{{ envelope.status }}"}
"""


@pytest.mark.crash
@pytest.mark.timeout(360)
async def test_documented_limits_are_kept_and_used(folder: Path) -> None:
    async with town_in(folder, limits="documented") as town:
        rules = folder / "rules.yaml"
        rules.write_text(READS_ENVELOPES, "utf-8")
        (made,) = (await parts.call(town.config, "rules", "apply", "--yes", str(rules)))["rules"]
        second = parts.worker(town.config, 2, 2, town.config.data_dir / "logs")
        async with Supervisor((second,), Steps()):
            _live_by_the_manifest(town)
            await town.until(lambda: town.rows("select count(*) from worker") == [(2,)], 60)
            await asyncio.sleep(1)  # both workers have read the new settings by then
            for account in town.accounts:
                await town.control(account, "limits", {"mode": "documented"})  # counts from nothing
            batch = {"count": EVENTS, "rate": 50, "metadata": {"envelope_id": "{envelope}"}}
            await town.control("clicksign", "signatures/bulk", batch)
            await town.until(lambda: town.rows("select count(*) >= 80 from item") == [(True,)], 60)
            await asyncio.sleep(BEGIN_SECONDS)
            begun, before = time.monotonic(), await _counted(town)
            await asyncio.sleep(SECONDS)
            seen = await _counted(town)
            seconds = time.monotonic() - begun
            waiting = dict(town.rows("select rule, count(*) from item group by 1"))
            assert made["id"] in waiting
            assert len(waiting) == 2
            assert min(waiting.values()) > 8, waiting  # both had work all the time
            for account, limits in seen.items():
                used = (limits["total"] - before[account]["total"]) / seconds / _ours(account)
                print(f"{account}: {used:.1%} of our share was used; {limits}")  # noqa: T201 - for who measures
                assert limits["max_in_window"] <= limits["limit"], (account, limits)
                assert limits["refused"] == 0, (account, limits)
                assert used >= USED, (account, used, limits)
            ended = dict(town.rows("select code, count(*) from run group by 1"))
            print(f"ended: {ended}")  # noqa: T201
            # Each envelope was read, and is not cancelled; in the short form deals are hardly begun.
            assert ended.keys() >= ({"", "filtered"} if LONG else {"filtered"})
            assert ended.keys() <= {"", "filtered"}


async def _counted(town: Town) -> dict[str, Any]:
    return {account: await town.control(account, "limits") for account in town.accounts}


def _ours(account: str) -> float:
    """Return the calls a second that we allow ourselves by the manifest."""
    limits = get_connector(account).manifest.limits
    (limit,) = limits.get("production", limits.get("", ()))
    return limit.calls * limit.share / limit.seconds


def _live_by_the_manifest(town: Town) -> None:
    """Take away the test accounts' own figures; Clicksign's documented one is production's."""
    town.rows(
        "update connection set settings = settings - 'limit_calls' - 'limit_seconds'"
        " || case connector when 'clicksign' then '{\"environment\": \"production\"}'::jsonb else '{}' end"
        " returning id"
    )
