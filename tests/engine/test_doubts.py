"""Writes in doubt stay so until something settles them, and are looked for when the vendor must have them."""

from __future__ import annotations

from typing import Any

import pytest

from vaivem.engine import sending
from vaivem.engine.control import answer_decision, retry_run

from .conftest import House
from .inside import working


async def note_in_doubt(house: House) -> None:
    """Have a worker die right after the note was sent."""
    house.rule("note_once")
    dying = house.worker(crash_at="call.after_send:2")
    await house.deliver(delivery="d1", name="note")
    await house.until(lambda: dying.poll() is not None)
    assert len(house.vendor.notes) == 1


@pytest.mark.parametrize("fault", [503, 429, "refuse"])
async def test_a_read_that_fails_before_a_write_in_doubt_leaves_it_in_doubt(house: House, fault: Any) -> None:
    """The run waits for the read; when it comes to the write again, that may have been done all the same."""
    await note_in_doubt(house)
    house.vendor.fault = lambda method, path, nth: fault if (method, nth) == ("GET", 2) else None
    async with working(house):
        await house.until(lambda: house.rows("select 1 from pending"))
        with house.db() as db:
            db.execute("update lane set due = now() where state = 1")
            db.execute("update gate set closed_until = now() where closed_until is not null")
        await house.until(lambda: house.rows("select 1 from decision") or house.runs())
    assert house.runs() == []
    assert house.rows("select state, code from pending") == [("decision", "write_in_doubt")]
    assert len(house.vendor.notes) == 1


async def test_a_look_that_fails_leaves_the_write_in_doubt(house: House) -> None:
    """What may be there though it is not found is a person's to say, also after a look that failed."""
    house.rule("post_unsure")
    dying = house.worker(crash_at="call.after_send:2")
    await house.deliver(delivery="d1", name="thing")
    await house.until(lambda: dying.poll() is not None)
    house.vendor.things.clear()  # the vendor does not show it yet
    failing = {3}  # the look before the write, then the look for what is in doubt

    def fault(method: str, path: str, nth: int) -> Any:
        return 503 if method == "GET" and nth in failing else None

    house.vendor.fault = fault
    async with working(house):
        await house.until(lambda: house.vendor.calls["GET things"] >= 3)
        await house.until(lambda: house.rows("select 1 from pending where state <> 'doubt'") or house.runs())
        with house.db() as db:
            db.execute("update lane set due = now() where state = 1")
        await house.until(lambda: house.rows("select 1 from decision") or house.runs())
    assert house.rows("select state, code from pending") == [("decision", "write_in_doubt_not_found")]
    assert house.vendor.calls["POST things"] == 1


@pytest.mark.parametrize("nth", [2, 3])  # before what is known of it is durable, and after its question
async def test_a_crash_about_a_question_asks_nothing_twice(house: House, nth: int) -> None:
    """Else the second count has an answer before anybody is asked: done again unasked, or never."""
    house.vendor.fault = lambda method, path, nth: "lost" if method == "POST" and nth <= 2 else None
    house.rule("post_unsafe")
    dying = house.worker(crash_at=f"journal.before_outcome:{nth}")
    await house.deliver(delivery="d1", name="note")
    await house.until(lambda: dying.poll() is not None)
    async with working(house):
        await house.until(lambda: house.rows("select 1 from pending"))
        assert house.value("select count(*) from decision") == 1
        answer(house, "do")
        await house.until(lambda: house.value("select count(*) from decision") == 2)
        assert len(house.vendor.notes) == 2
        answer(house, "do")
        await house.until(lambda: house.runs())
    assert house.runs() == [(1, "")]
    assert len(house.vendor.notes) == 3
    assert house.value("select count(*) from decision where answer is not null") == 2


def answer(house: House, choice: str) -> None:
    with house.db() as db, db.cursor() as cursor:
        for (number,) in house.rows("select id from decision where answer is null"):
            assert answer_decision(cursor, 1, number, {"choice": choice}, 1)


async def test_an_intent_says_when_its_write_leaves(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look before it took long: who looks for the write later must not count that as time to settle."""
    monkeypatch.setattr(sending, "INTENT_SECONDS", 0.2)
    house.vendor.fault = lambda method, path, nth: 0.8 if method == "GET" else 0.5
    house.rule("post_found")
    ages: list[float] = []
    async with working(house):
        await house.deliver(delivery="d1", name="slow")
        await house.until(lambda: house.vendor.calls["POST things"] == 1)
        query = "select extract(epoch from now() - at)::float8 from intent order by n desc limit 1"
        ages.append(house.value(query))
        waited = "select extract(epoch from now() - min(at))::float8 from intent"
        ages.append(house.value(waited))
        await house.until(lambda: house.runs())
    last, first = ages
    assert first > 0.8
    assert last < first - 0.5


async def test_a_run_that_failed_before_it_was_settled_is_still_in_doubt_when_it_is_retried(
    house: House,
) -> None:
    await note_in_doubt(house)
    house.vendor.fault = lambda method, path, nth: 422 if (method, nth) == ("GET", 2) else None
    async with working(house):
        await house.until(lambda: house.runs())
        assert house.runs()[0][0] == 2
        assert house.value("select count(*) from intent") == 0
        with house.db() as db, db.cursor() as cursor:
            assert retry_run(cursor, 1, house.value("select id from run"))
        await house.until(lambda: house.rows("select 1 from decision") or house.runs())
    assert house.rows("select state, code from pending") == [("decision", "write_in_doubt")]
    assert len(house.vendor.notes) == 1
