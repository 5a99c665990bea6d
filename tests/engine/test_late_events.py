"""Webhooks in another order than things happened: what is older is not written over what is newer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from .conftest import House
from .inside import pass_time, put, working


class Story:
    """Tells when things happen: in some minutes from the beginning of the test, after the rule was made."""

    def __init__(self) -> None:
        self._begin = datetime.now(UTC) + timedelta(minutes=5)

    def at(self, seconds: float) -> str:
        return (self._begin + timedelta(seconds=seconds)).isoformat()


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def seen(house: House) -> House:
    house.rule("put", when={"connection": 1, "trigger": "thing_seen"}, then=[put("do")])
    house.vendor.things.append({"id": 1, "name": "there"})
    return house


async def happened(house: House, name: str, at: str, **parts: str) -> None:
    before = len(house.runs())
    assert await house.deliver(delivery=name, name=name, occurred=at, **parts) == 200
    await house.until(lambda: len(house.runs()) > before)


def written(house: House) -> list[str]:
    return [body["name"] for _, body in house.vendor.puts]


async def test_a_late_event_has_its_record_read_again(seen: House, story: Story) -> None:
    async with working(seen):
        await happened(seen, "first", story.at(0))
        await happened(seen, "third", story.at(20))
        await happened(seen, "second", story.at(10))
        await happened(seen, "of another", story.at(5), record="r2")
        await happened(seen, "fourth", story.at(30))
    assert written(seen) == ["first", "third", "second, 1 there now", "of another", "fourth"]
    assert seen.vendor.calls["GET things"] == 1


async def test_a_run_that_goes_on_does_as_it_began(house: House, story: Story) -> None:
    """A later event that came meanwhile does not change what was read before a write."""
    house.rule("put", when={"connection": 1, "trigger": "thing_seen"}, then=[put("one"), put("two")])
    house.vendor.fault = lambda method, path, nth: "refuse" if (method, nth) == ("PUT", 2) else None
    async with working(house):
        assert await house.deliver(delivery="d1", name="first", occurred=story.at(0)) == 200
        await house.until(lambda: house.value("select count(*) from pending") == 1)
        assert await house.deliver(delivery="d2", name="later", occurred=story.at(60)) == 200
        pass_time(house, seconds=30)
        await house.until(lambda: [status for status, _ in house.runs()].count(1) == 2)
    assert written(house) == ["first", "first", "later", "later"]
    assert house.vendor.calls["GET things"] == 0
