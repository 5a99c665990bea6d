"""The engine's time is the database's, shift included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from vaivem.engine.clock import Clock


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
