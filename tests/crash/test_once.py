"""Once, whatever is sent twice or lost on the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyreqwest.client import ClientBuilder

from vaivem.simulators.stories import stories

from .conftest import Town

pytestmark = pytest.mark.soak

FAULTS = [
    "reset_after_write",
    "timeout_after_write",
    "500_after_write",
    "reset_before",
    "html",
    "half_body",
    "500",
    "429",
]


async def sign(town: Town, number: int = 1) -> Any:
    return await stories("act")["clicksign"].act(town.accounts["clicksign"], number, town.asker)


def done(town: Town) -> int:
    return int(town.rows("select count(*) from run where status = 1")[0][0])


async def test_the_same_webhook_five_times_makes_one_deal(town: Town) -> None:
    before = await town.control("rd_station_crm", "counts")
    await sign(town)
    await town.until(lambda: done(town) == 1, 20)
    ((headers, body, hook),) = town.rows(
        "select e.headers, e.body, c.hook from event e join connection c on c.id = e.conn"
        " where e.kind = 'document_closed'"
    )
    address = f"{town.config.local_url}/hook/{hook}"
    async with ClientBuilder().no_proxy().build() as client:
        for _ in range(4):
            sent = {name: value for name, value in json.loads(headers).items() if name != "content-length"}
            answer = await client.post(address).headers(sent).body_bytes(body).build().send()
            assert answer.status == 200
    assert town.rows("select count(*) from event where kind = 'document_closed'") == [(1,)]
    after = await town.control("rd_station_crm", "counts")
    assert after["deals"] - before["deals"] == 1
    assert done(town) == 1


@pytest.mark.crash
@pytest.mark.parametrize("path", ["/crm/v2/deals", "/crm/v2/contacts"])
async def test_whatever_happens_to_the_answer_there_is_one_deal(town: Town, path: str) -> None:
    before = await town.control("rd_station_crm", "counts")
    shots = [{"method": "POST", "path": path, "fault": fault} for fault in FAULTS]
    await town.control("rd_station_crm", "faults", {"next": shots})
    for number in range(len(FAULTS)):
        await sign(town, number * 4)
    await town.until(lambda: done(town) == len(FAULTS), 60)
    after = await town.control("rd_station_crm", "counts")
    assert after["deals"] - before["deals"] == len(FAULTS)
    assert after["contacts"] - before["contacts"] == len(FAULTS)
    doubles = await town.control("rd_station_crm", "duplicates")
    assert doubles["deals_by_reference"] == doubles["contacts_by_email"] == []
