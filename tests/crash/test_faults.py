"""Vendors at their worst: limits, errors, lost answers, doubled and reordered webhooks, all at once."""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest

from .conftest import Town

pytestmark = pytest.mark.soak

EVENTS = 1000 if os.environ.get("VAIVEM_LONG") else 200
PEOPLE = EVENTS * 2 // 5
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
    before = {deal["id"] for deal in await town.control("rd_station_crm", "deals/contacts")}
    people = (await town.control("rd_station_crm", "counts"))["contacts"]
    for account in town.accounts:
        await town.control(account, "faults", FAULTS)
    batch = {"count": EVENTS, "rate": 100, "distinct_people": PEOPLE, "signers": 2}
    await town.control("clicksign", "signatures/bulk", batch)
    await town.until(lambda: _ended(town) >= EVENTS * 0.9, 300)
    for account in town.accounts:
        await town.control(account, "faults", NO_FAULTS)
    over = time.monotonic()
    await town.until(lambda: _ended(town) + _decisions(town) >= EVENTS and not _waiting(town), 60)
    seconds = time.monotonic() - over

    asked = _decisions(town)
    signed = await town.control("clicksign", "signed")
    made = [
        deal for deal in await town.control("rd_station_crm", "deals/contacts") if deal["id"] not in before
    ]
    wrong = [what for row in signed if (what := _wrong(row, made))]
    assert len(signed) == EVENTS
    assert len(wrong) <= asked, wrong[:5]  # one that a person is asked about is not there yet
    assert len(made) == EVENTS - asked
    assert len([row for row in signed if len(row["signers"]) == 2]) == EVENTS // 2
    doubles = await town.control("rd_station_crm", "duplicates")
    assert doubles["deals_by_reference"] == []
    assert doubles["contacts_by_email"] == []
    assert (await town.control("rd_station_crm", "counts"))["contacts"] - people == PEOPLE
    assert town.rows("select status, code, count(*) from run where status <> 1 group by 1, 2") == []
    faults = town.rows(
        "select status, count(*) from step where status in (0, 429, 500) group by 1 order by 1"
    )
    print(f"{seconds:.1f} s after the faults ended; {asked} decisions; answers {faults}")  # noqa: T201


def _wrong(signed: dict[str, list[str]], made: list[dict[str, list[str]]]) -> str:
    """Return what is wrong with the deal of a document: there is one, and its contacts are the signers."""
    name = str(signed["filename"]).removesuffix(".pdf")
    deals = [deal["contacts"] for deal in made if name in deal["name"]]
    if len(deals) != 1:
        return f"{name}: {len(deals)} deals"
    return "" if Counter(deals[0]) == Counter(signed["signers"]) else f"{name}: {deals[0]}"


def _ended(town: Town) -> int:
    return int(town.rows("select count(*) from run")[0][0])


def _decisions(town: Town) -> int:
    return int(town.rows("select count(*) from decision where answer is null")[0][0])


def _waiting(town: Town) -> int:
    """Return how many runs wait for something else than a listed decision, or for one that waits for it."""
    return int(
        town.rows(
            "select count(*) from item i left join decision d on d.ws = i.ws and d.run_id = i.run_id"
            " and d.answer is null where d.id is null"
        )[0][0]
    )
