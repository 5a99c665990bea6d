"""Time can be moved and listeners hear of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vaivem.simulators.kit.clock import Clock


def test_moves():
    clock, heard = Clock(), []
    clock.on_move(lambda: heard.append(clock.offset_seconds))
    before = clock.now()
    clock.advance(3600)
    assert timedelta(seconds=3600) <= clock.now() - before < timedelta(seconds=3601)
    clock.set(datetime(2030, 1, 1, tzinfo=UTC))
    assert clock.now().year == 2030
    clock.real()
    assert clock.offset_seconds == 0
    assert len(heard) == 3
    with pytest.raises(ValueError, match="offset"):
        clock.set(datetime(2030, 1, 1))  # noqa: DTZ001


async def test_control(start, toy):
    running = await start(toy)
    moved = await running.call("POST", "/_control/clock", {"at": "2031-05-01T10:00:00-03:00"})
    assert moved.json["now"].startswith("2031-05-01T13:00:00")
    for wrong in ({}, {"at": "tomorrow"}, {"advance_seconds": "x"}, {"at": "2031-05-01T10:00:00"}):
        assert (await running.call("POST", "/_control/clock", wrong)).status == 400
