"""What a step made happen is an event at once and once; what a delivery says of before comes before it."""

from __future__ import annotations

import json

import pytest

from .conftest import House

TOLD = {"when": {"connection": 1, "trigger": "thing_told"}}
RUNS = "select r.rule, r.status, r.code, e.kind from run r join event e on e.id = r.event_id order by r.id"


def hooked(house: House) -> None:
    house.rows("update connection set wants_hook = true returning 1")


@pytest.mark.soak
@pytest.mark.crash
@pytest.mark.parametrize(
    "point", ["call.after_send", "ingest.before_commit", "ingest.after_commit", "journal.after_outcome"]
)
async def test_what_a_step_made_happen_starts_a_rule_once_whenever_the_worker_dies(
    house: House, point: str
) -> None:
    hooked(house)
    making, hearing = house.rule("post_told"), house.rule("put", **TOLD)
    await house.deliver(delivery="d1", record="r1", name="n1")
    dying = house.worker(crash_at=f"{point}:1")
    await house.until(lambda: dying.poll() is not None, 30)
    house.worker()
    await house.until(lambda: len(house.runs()) == 2, 60)
    await house.until_idle()
    assert sorted(house.rows(RUNS)) == [(making, 1, "", "thing"), (hearing, 1, "", "told")]
    assert len(house.vendor.keyed) == 1
    assert [path for path, _ in house.vendor.puts] == ["/things/r1"]


async def test_what_the_vendor_tells_of_it_late_is_nothing_new(house: House) -> None:
    hooked(house)
    house.rule("post_told")
    hearing = house.rule("put", **TOLD)
    house.worker()
    await house.deliver(delivery="d1", record="r1", name="n1")
    await house.until(lambda: len(house.runs()) == 2, 30)
    await house.deliver(kind="told", delivery="told r1", record="r1", name="as the vendor tells it")
    await house.deliver(kind="told", delivery="told r2", record="r2")
    await house.until(lambda: len(house.runs()) == 3, 30)
    await house.until_idle()
    assert [row[3] for row in house.rows(RUNS) if row[0] == hearing] == ["told", "told"]
    assert house.vendor.puts == [("/things/r1", {"name": "n1"}), ("/things/r2", {"name": "n"})]


async def test_without_a_webhook_of_ours_nothing_is_told(house: House) -> None:
    making = house.rule("post_told")
    house.rule("put", **TOLD)
    house.worker()
    await house.deliver(delivery="d1")
    await house.until(lambda: len(house.runs()) == 1, 30)
    await house.until_idle()
    assert house.rows(RUNS) == [(making, 1, "", "thing")]
    assert house.value("select count(*) from event") == 1


async def test_what_a_delivery_implies_is_worked_before_it_and_counts_as_no_repeat(house: House) -> None:
    house.rule("put")
    later = {"record": "r1", "name": "later", "email": "a@b.c", "delivery": "d2"}
    before = {**later, "name": "before", "delivery": "d1", "implied": True}
    for _ in range(2):
        assert await house.send(json.dumps([later, before]).encode()) == 200
    house.worker()
    await house.until(lambda: len(house.runs()) == 2, 30)
    assert [body["name"] for _, body in house.vendor.puts] == ["before", "later"]
    repeated = "select e.part, r.times from repeated r join event e on e.id = r.event_id"
    assert house.rows(repeated) == [(0, 1)]
