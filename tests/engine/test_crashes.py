"""Workers that die at every named point, answers that are lost, leases that end: done once all the same."""

from __future__ import annotations

import signal

import pytest

from vaivem.engine.crashpoints import POINTS

from .conftest import House

WORKER_POINTS = [
    point
    for point in POINTS
    if not point.startswith(("ingest.", "run.before_park", "run.after_park", "lease."))
]

# What these leave is in doubt. The others, some of which wait for a lease to end, take minutes together.
DOUBTS = {"journal.after_intent", "call.after_send", "journal.after_outcome", "run.before_finish"}


@pytest.mark.crash
@pytest.mark.parametrize(
    "point",
    [pytest.param(point, marks=() if point in DOUBTS else pytest.mark.soak) for point in WORKER_POINTS],
)
@pytest.mark.parametrize("action", ["person_and_deal", pytest.param("post_found", marks=pytest.mark.soak)])
async def test_a_worker_that_dies_leaves_no_double_and_no_gap(house: House, action: str, point: str) -> None:
    house.rule(action)
    for number in range(8):
        await house.deliver(
            delivery=f"d{number}", record=f"r{number}", name=f"n{number % 4}", email=f"e{number % 4}"
        )
    dying = house.worker(crash_at=f"{point}:2")
    house.worker()
    await house.until(lambda: len(house.runs()) == 8, 30)
    await house.until_idle()
    if dying.poll() is None:
        dying.kill()
    assert {status for status, _ in house.runs()} == {1}
    if action == "post_found":
        assert sorted(thing["name"] for thing in house.vendor.things) == ["n0", "n1", "n2", "n3"]
    else:
        assert sorted(person["email"] for person in house.vendor.people) == ["e0", "e1", "e2", "e3"]
        assert len(house.vendor.keyed) == 8
    for table in ("item", "intent", "claim", "pending"):
        assert house.value(f"select count(*) from {table}") == 0  # noqa: S608


async def test_what_was_not_there_is_not_looked_for_again_after_its_write(house: House) -> None:
    """The run made it; a second look would find it, and lead another way than the one that was gone."""
    house.vendor.fault = lambda method, path, nth: (
        404 if (method, path, nth) == ("GET", "/things/r1", 1) else None
    )
    house.rule("put_new")
    dying = house.worker(crash_at="call.before_send:3")
    await house.deliver(delivery="d1", name="only", record="r1")
    await house.until(lambda: dying.poll() is not None, 30)
    house.worker()
    await house.until(lambda: len(house.runs()) == 1, 30)
    assert house.runs() == [(1, "")]
    assert house.vendor.calls["GET things"] == 1
    assert [path for path, _ in house.vendor.puts] == ["/things/r1"]
    assert len(house.vendor.keyed) == 1


@pytest.mark.parametrize("action", ["post_found", "post_keyed"])
async def test_a_lost_answer_makes_one_record(house: House, action: str) -> None:
    house.vendor.fault = lambda method, path, nth: "lost" if method == "POST" and nth == 1 else None
    house.rule(action)
    house.worker()
    await house.deliver(delivery="d1", name="only")
    await house.until(lambda: house.runs(), 20)
    assert house.runs() == [(1, "")]
    assert len(house.vendor.things) + len(house.vendor.keyed) == 1
    codes = house.rows("select code from step where name in ('things.post', 'things.keyed') order by try")
    assert codes[0] == ("vendor_answer_lost",)


async def test_an_unsafe_write_in_doubt_waits_for_a_person(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: "lost" if nth == 1 else None
    house.rule("post_unsafe")
    house.worker()
    await house.deliver(delivery="d1", name="note")
    await house.until(lambda: house.rows("select 1 from pending where state = 'decision'"))
    question = house.value("select question from decision")
    assert question["call"] == "notes.post"
    assert "note" in question["sent"]
    assert len(house.vendor.notes) == 1
    answer(house, {"choice": "done", "record": "77"})
    await house.until(lambda: house.runs())
    assert house.runs() == [(1, "")]
    assert len(house.vendor.notes) == 1
    assert house.value("select records from run")[0]["id"] == "77"


async def test_do_it_again_after_a_doubt(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: "refuse" if nth == 1 else None
    house.rule("post_unsafe")
    house.worker()
    await house.deliver(delivery="d1", name="note")
    await house.until(lambda: house.rows("select 1 from pending where state = 'decision'"))
    answer(house, {"choice": "do"})
    await house.until(lambda: house.runs())
    assert house.runs() == [(1, "")]
    assert len(house.vendor.notes) == 1


async def test_a_second_doubt_asks_again(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: "lost" if nth <= 2 else None
    house.rule("post_unsafe")
    house.worker()
    await house.deliver(delivery="d1", name="note")
    await house.until(lambda: house.rows("select 1 from decision where answer is null"))
    answer(house, {"choice": "do"})
    await house.until(lambda: len(house.rows("select 1 from decision")) == 2)
    answer(house, {"choice": "skip"})
    await house.until(lambda: house.runs())
    assert len(house.vendor.notes) == 2
    assert house.value("select params from run")["notes"][0]["code"] == "skipped_by_person"


@pytest.mark.parametrize("action", ["put", "post_found"])
async def test_a_doubt_ends_after_a_day_of_trying(house: House, action: str) -> None:
    house.vendor.fault = lambda method, path, nth: "lost" if method != "GET" else None
    house.rule(action)
    house.worker()
    await house.deliver(delivery="d1", name="never")
    await house.until(lambda: house.rows("select 1 from pending where state = 'doubt'"))
    house.vendor.things.clear()
    with house.db() as db:
        db.execute("update pending set worked = 90000")
        db.execute("update lane set due = now() where state = 1")
    if action == "put":
        await house.until(lambda: house.runs())
        assert house.runs() == [(2, "gave_up")]
        assert house.value("select count(*) from intent") == 0
    else:
        await house.until(lambda: house.rows("select 1 from pending where state in ('decision')"))


async def test_several_matches_wait_and_the_choice_is_used(house: House) -> None:
    house.vendor.things = [{"id": 1, "name": "twin"}, {"id": 2, "name": "twin"}]
    house.rule("post_found")
    house.worker()
    await house.deliver(delivery="d1", name="twin")
    await house.until(lambda: house.rows("select 1 from pending where state = 'decision'"))
    assert house.value("select count(*) from claim") == 0
    answer(house, {"choice": "record", "record": "2", "remember": True})
    await house.until(lambda: house.runs())
    assert house.value("select records from run")[0]["id"] == "2"
    assert house.rows("select key, record_id from link") == [("name:twin", "2")]


async def test_a_paused_worker_loses_its_lanes_and_ends(house: House) -> None:
    house.vendor.fault = lambda method, path, nth: 1.5 if method == "PUT" else None
    house.rule("put")
    first = house.worker()
    await house.deliver(delivery="d1", record="r1", name="one")
    await house.until(lambda: house.vendor.calls["PUT things"] == 1)
    first.send_signal(signal.SIGSTOP)
    house.worker()
    await house.until(lambda: house.runs(), 20)
    first.send_signal(signal.SIGCONT)
    await house.until(lambda: first.poll() is not None)
    assert first.returncode == -signal.SIGKILL  # by who took its lanes: it must not wake up
    assert house.runs() == [(1, "")]


def answer(house: House, choice: dict[str, object]) -> None:
    from vaivem.engine.control import answer_decision

    with house.db() as db, db.cursor() as cursor:
        (number,) = house.rows("select id from decision where answer is null order by id desc")[0]
        assert answer_decision(cursor, 1, number, choice, 1)
