"""The engine's time is the database's, shift included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from vaivem.engine.clock import Clock

from .conftest import House
from .inside import pass_time, working


@pytest.mark.parametrize("shift", ["0", "3 days", "-2 hours"])
async def test_the_clock_follows_the_databases_shift(database: str, shift: str) -> None:
    db = await asyncpg.connect(database)
    try:
        await db.execute("update clock set shift = $1::text::interval", shift)
        clock = Clock()
        await clock.adjust(db)
        there = await db.fetchval("select vv_now()")
    finally:
        await db.close()
    assert abs(clock.now() - there) < timedelta(seconds=2)
    assert abs(clock.after(90) - there - timedelta(seconds=90)) < timedelta(seconds=2)
    assert clock.now().tzinfo is UTC


def test_a_moment_just_read_is_now() -> None:
    clock = Clock()
    there = datetime.now(UTC) + timedelta(days=400)
    clock.set(there)
    assert abs(clock.time() - there.timestamp()) < 1


async def test_nothing_waits_for_an_hour_that_was_there_before(house: House) -> None:
    """A clock that was an hour ahead is set right: what came due by it comes due, budgets fill again."""
    with house.db() as db:
        limit = '{"limit_calls": 100, "limit_seconds": 60}'
        db.execute("update connection set settings = settings || %s::jsonb", (limit,))
    house.rule("put")
    pass_time(house, hours=1)
    async with working(house):
        await house.deliver(delivery="d1", record="r1")
        await house.until(lambda: len(house.runs()) == 1)
        house.vendor.fault = lambda method, path, nth: 503
        await house.deliver(delivery="d2", record="r2")
        await house.until(lambda: house.rows("select 1 from pending"))
        house.vendor.fault = lambda method, path, nth: None
        with house.db() as db:
            db.execute("update bucket set tokens = 0")
        pass_time(house, hours=-1)
        await house.deliver(delivery="d3", record="r3")
        await house.until(lambda: len(house.runs()) == 3)
    assert house.runs() == [(1, "")] * 3
