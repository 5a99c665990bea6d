"""Vendors at their worst: limits, errors, lost answers, doubled and reordered webhooks, all at once."""

from __future__ import annotations

import os

import pytest

from .conftest import Town

EVENTS = 1000 if os.environ.get("VAIVEM_LONG") else 200
FAULTS = {
    "p_429": 0.2,
    "p_500": 0.05,
    "p_reset_after_write": 0.02,
    "p_webhook_double": 0.2,
    "p_webhook_reorder": 0.2,
    "seed": 7,
}
NO_FAULTS = {name: 0 for name in FAULTS if name != "seed"}


@pytest.mark.crash
@pytest.mark.timeout(420)
async def test_1000_signatures_survive_every_fault_at_once(town: Town) -> None:
    before = await town.control("rd_station_crm", "counts")
    for account in town.accounts:
        await town.control(account, "faults", FAULTS)
    await town.control(
        "clicksign", "signatures/bulk", {"count": EVENTS, "rate": 100, "distinct_people": EVENTS * 2 // 5}
    )
    await town.until(lambda: _ended(town) >= EVENTS * 0.9, 300)
    for account in town.accounts:
        await town.control(account, "faults", NO_FAULTS)
    await town.until(lambda: _ended(town) + _decisions(town) >= EVENTS, 60)
    after = await town.control("rd_station_crm", "counts")
    doubles = await town.control("rd_station_crm", "duplicates")
    assert doubles["deals_by_reference"] == []
    assert doubles["contacts_by_email"] == []
    assert after["deals"] - before["deals"] == EVENTS - _decisions(town)
    assert after["contacts"] - before["contacts"] == EVENTS * 2 // 5
    assert (
        town.rows("select state, code, count(*) from pending where state <> 'decision' group by 1, 2") == []
    )
    assert town.rows("select status, code, count(*) from run where status <> 1 group by 1, 2") == []


def _ended(town: Town) -> int:
    return int(town.rows("select count(*) from run")[0][0])


def _decisions(town: Town) -> int:
    return int(town.rows("select count(*) from decision where answer is null")[0][0])
