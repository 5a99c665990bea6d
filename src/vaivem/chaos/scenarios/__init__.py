"""All scenarios, in the order in which they are played."""

from __future__ import annotations

from vaivem.chaos.scenarios import crowds, kills, links, machine, vendors
from vaivem.chaos.stage import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *kills.SCENARIOS,
    *vendors.SCENARIOS,
    *machine.SCENARIOS,
    *crowds.SCENARIOS,
    *links.SCENARIOS,
)
