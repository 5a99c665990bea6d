"""Many failed runs are repaired with a corrected mapping: each write once, though workers are killed.

The long form (``VAIVEM_LONG=1``) repairs 5,000.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter

import pytest

from .conftest import House
from .repeating import ask, ended, looked_at, parts, publish, start
from .test_replays import step

LONG = bool(os.environ.get("VAIVEM_LONG"))
RUNS = 5000 if LONG else 150
KILLS = 6 if LONG else 2
SECONDS = 900.0 if LONG else 90.0


@pytest.mark.crash
@pytest.mark.timeout(SECONDS * 3)
async def test_failed_runs_are_repaired_each_write_once(house: House) -> None:
    house.vendor.door = lambda method, path, headers, body: (
        (422, {"error": "not a number"}, {}) if b"to be agreed" in body else None
    )
    note, bad = step("note", "post_unsafe"), step("made", "post_found", "text:to be agreed")
    rule = house.rule("post_found", then=[note, bad])
    house.worker()
    for begin in range(0, RUNS, 50):
        many = range(begin, min(begin + 50, RUNS))
        await asyncio.gather(
            *(house.deliver(delivery=f"d{n}", record=f"r{n}", name=f"deal {n}") for n in many)
        )
    failed = "select count(*) from run where status = 2 and replayed_by is null"
    await house.until(lambda: house.value(failed) == RUNS, SECONDS)
    publish(house, rule, [note, step("made", "post_found", "text:{{ name }} for {{ steps.note.id }}")])
    replay = ask(house)
    await looked_at(house, replay)
    assert Counter(parts(house, replay)) == {(1, ""): RUNS}
    house.worker()
    assert await start(house, replay)
    for number in range(1, KILLS + 1):
        target = RUNS * number // (KILLS + 1)
        await house.until(lambda target=target: len(house.vendor.things) >= target, SECONDS)  # type: ignore[misc]
        house.kill(next(process for process in house.workers if process.poll() is None))
        house.worker()
    await ended(house, replay, SECONDS)
    await house.until_idle()
    assert Counter(state for state, _ in parts(house, replay)) == {7: RUNS}
    names = Counter(thing["name"].partition(" for ")[0] for thing in house.vendor.things)
    assert names == {f"deal {n}": 1 for n in range(RUNS)}
    assert len(house.vendor.notes) == RUNS
    assert house.value("select count(*) from run where replay_of is not null and status = 1") == RUNS
