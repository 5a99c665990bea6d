"""`vaivem chaos` as CI runs it, and how it counts."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from vaivem.chaos.scenarios import SCENARIOS

pytestmark = pytest.mark.soak

COMMAND = (sys.executable, "-m", "vaivem.cli", "chaos")


async def chaos(*arguments: str) -> tuple[dict[str, Any], str]:
    """Run the command to its end; return its report and what it said meanwhile."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, "--json", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, said = await process.communicate()
    return json.loads(output.splitlines()[-1]), said.decode()


@pytest.mark.crash
@pytest.mark.timeout(150)
async def test_the_short_form_loses_and_doubles_nothing() -> None:
    report, said = await chaos("--short", "--seed", os.environ.get("VAIVEM_TEST_SEED", "2026"))
    assert report["ok"], said
    assert report["whole"] is False
    (kills,) = report["scenarios"]
    assert all(kills["notes"]["faults"][part] >= 3 for part in ("worker", "web", "database"))
    assert kills["acknowledged"] == kills["sent"] > 500
    assert [kills[name] for name in ("lost", "doubled", "out_of_order", "stuck")] == [0, 0, 0, 0]
    if os.getloadavg()[0] < 2 * (os.cpu_count() or 1):
        assert report["seconds"] < 50
    assert "kills" in said


async def test_an_unknown_scenario_is_an_error() -> None:
    report, _ = await chaos("--only", "nothing-like-it")
    assert not report["ok"]
    assert "kills" in report["problem"]


def test_scenarios_have_names_of_their_own() -> None:
    assert len({one.key for one in SCENARIOS}) == len(SCENARIOS)
    assert any(one.short for one in SCENARIOS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--seconds", "nan"), "not a number"), (("--short", "--long"), "choose one")],
)
async def test_what_says_nothing_or_two_things_is_refused(arguments: tuple[str, ...], words: str) -> None:
    report, _ = await chaos(*arguments)
    assert words in report["problem"]
