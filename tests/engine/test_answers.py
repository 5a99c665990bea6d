"""One read of a record serves all who ask for it while it may not be read again, and no longer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest
from msgspec.structs import replace
from typing_extensions import override

from vaivem.connectors.sdk import Answer, Call, Connection, Connector
from vaivem.connectors.sdk.manifest import Limit
from vaivem.core.errors import RetryError
from vaivem.engine import answers as answers_module
from vaivem.engine import budgets as budgets_module
from vaivem.engine.answers import Answers, own_limit
from vaivem.engine.budgets import SOON_SECONDS, Budgets
from vaivem.engine.caller import Caller
from vaivem.engine.clock import Clock
from vaivem.engine.gates import Gates
from vaivem.engine.topology import Line

QUARTER = Limit(calls=1, seconds=900.0, scope="envelope", each=True)
HERE = Connection(1, 1, "stub", "s", "token", {})
HOUR = timedelta(hours=1)
LATER = "update clock set shift = shift + interval '15 minutes'"


def read(since: datetime | None, record: str = "e1", path: str = "/e1") -> Call:
    return Call("things.read", "GET", path, scope="envelope", record=record, since=since)


class Narrow(Connector):
    """A vendor with a limit for all calls, and one for each record."""

    @override
    def limits(self, connection: Connection) -> tuple[Limit, ...]:
        return (Limit(calls=1, seconds=60.0), QUARTER)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database, min_size=1, max_size=2) as made:
        yield made


@pytest.fixture
def answers(pool: asyncpg.Pool) -> Answers:
    return Answers(pool)


async def kept(answers: Answers, pool: asyncpg.Pool, content: bytes = b"{}") -> datetime:
    """Keep an answer that was got now; return the moment."""
    at: datetime = await pool.fetchval("select vv_now()")
    await answers.keep(1, QUARTER, read(at - 2 * HOUR), at, Answer(200, {}, content))
    return at


async def test_an_answer_serves_what_happened_well_before_it(answers: Answers, pool: asyncpg.Pool) -> None:
    at = await kept(answers, pool, b'{"a": 1}')
    found = await answers.find(1, QUARTER, read(at - 2 * HOUR), None)
    assert found is not None
    assert (found.at, found.answer.status, found.answer.json) == (at, 200, {"a": 1})
    assert await answers.find(1, QUARTER, read(at - HOUR + timedelta(seconds=1)), None) is None, (
        "clocks differ"
    )
    assert await answers.find(1, QUARTER, read(None), None) is None, "nobody said that an older one will do"
    assert await answers.find(1, QUARTER, read(at - 2 * HOUR, path="/e1/x"), None) is None, "another call"
    assert await answers.find(1, QUARTER, read(at - 2 * HOUR, "e2"), None) is None, "another record"
    assert await answers.find(2, QUARTER, read(at - 2 * HOUR), None) is None, "another connection"


async def test_a_run_that_was_made_before_the_read_is_served_whatever_the_vendors_clock_says(
    answers: Answers, pool: asyncpg.Pool
) -> None:
    at = await kept(answers, pool)
    assert await answers.find(1, QUARTER, read(at + HOUR), at - timedelta(seconds=6)) is not None
    assert await answers.find(1, QUARTER, read(at + HOUR), at - timedelta(seconds=4)) is None
    assert await answers.find(1, QUARTER, read(at + HOUR), at + timedelta(seconds=1)) is None


async def test_it_ends_with_the_time_in_which_the_record_may_not_be_read(
    answers: Answers, pool: asyncpg.Pool
) -> None:
    at = await kept(answers, pool)
    await answers.forget()
    assert await pool.fetchval("select count(*) from kept_answer") == 1
    await pool.execute(LATER)
    assert await answers.find(1, QUARTER, read(at - 2 * HOUR), None) is None
    await answers.forget()
    assert await pool.fetchval("select count(*) from kept_answer") == 0


async def test_a_newer_answer_takes_the_place_and_an_older_one_does_not(
    answers: Answers, pool: asyncpg.Pool
) -> None:
    at = await kept(answers, pool, b"1")
    await answers.keep(1, QUARTER, read(at), at - timedelta(seconds=3), Answer(200, {}, b"0"))
    found = await answers.find(1, QUARTER, read(at - 2 * HOUR), None)
    assert found is not None
    assert found.answer.content == b"1"
    await kept(answers, pool, b"2")
    found = await answers.find(1, QUARTER, read(at - 2 * HOUR), None)
    assert found is not None
    assert found.answer.content == b"2"


async def test_what_many_look_up_lasts_as_long_as_its_call_says(answers: Answers, pool: asyncpg.Pool) -> None:
    at: datetime = await pool.fetchval("select vv_now()")
    search = Call("tags.search", "GET", "/tags", query=(("search", "a"),), lasts=60.0)
    await answers.keep_lasting(1, search, at, Answer(200, {}, b"[1]"))
    found = await answers.find_lasting(1, search, at + timedelta(seconds=59))
    assert found is not None
    assert found.answer.content == b"[1]"
    assert await answers.find_lasting(1, search, at + timedelta(seconds=61)) is None
    assert await answers.find_lasting(2, search, at) is None, "another connection"
    other = replace(search, query=(("search", "b"),))
    assert await answers.find_lasting(1, other, at) is None, "another search"
    await answers.keep_lasting(1, other, at, Answer(200, {}, b"[2]"))
    assert await answers.find_lasting(1, search, at) is not None, "each has its place"
    await pool.execute(LATER)
    await answers.forget()
    assert await pool.fetchval("select count(*) from kept_answer") == 0


async def test_only_bulk_makes_do_with_what_others_looked_up(pool: asyncpg.Pool, answers: Answers) -> None:
    clock, line = Clock(), cast("Line", SimpleNamespace(connector=Narrow()))
    await clock.adjust(pool)
    caller = Caller(*(cast("Any", None),) * 2, answers, *(cast("Any", None),) * 2, clock, cast("Any", None))
    search = Call("tags.search", "GET", "/tags", lasts=60.0)
    at: datetime = await pool.fetchval("select vv_now()")
    await caller._keep(line, HERE, search, at, Answer(200, {}, b"live"), bulk=False)
    assert await caller._kept(line, HERE, search, None, bulk=True) is None, "a live one leaves nothing"
    await caller._keep(line, HERE, replace(search, anew=True), at, Answer(200, {}, b"bulk"), bulk=True)
    found = await caller._kept(line, HERE, search, None, bulk=True)
    assert found is not None
    assert found.answer.content == b"bulk"
    assert await caller._kept(line, HERE, search, None, bulk=False) is None, "a live one asks"
    assert await caller._kept(line, HERE, replace(search, anew=True), None, bulk=True) is None


async def test_an_answer_from_before_says_nothing_of_how_the_vendor_is(
    pool: asyncpg.Pool, answers: Answers
) -> None:
    clock, gates = Clock(), Gates(pool)
    await clock.adjust(pool)
    line = cast("Line", SimpleNamespace(connector=Narrow(), connection=HERE, locked=False))
    caller = Caller(*(cast("Any", None),) * 2, answers, gates, cast("Any", None), clock, cast("Any", None))
    search = Call("tags.search", "GET", "/tags", lasts=60.0, authorise=False)
    await answers.keep_lasting(
        HERE.id, search, await pool.fetchval("select vv_now()"), Answer(200, {}, b"[1]")
    )
    await gates.failed(HERE.id, "vendor_unreachable", {})
    exchange = await caller.exchange(line, search, bulk=True)
    assert exchange.answer is not None
    assert exchange.answer.content == b"[1]"
    assert gates._failures[HERE.id] == 1, "the vendor may still be down"


async def test_a_large_answer_is_not_kept(
    answers: Answers, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_module, "MOST_BYTES", 10)
    await kept(answers, pool, b"x" * 11)
    assert await pool.fetchval("select count(*) from kept_answer") == 0
    await kept(answers, pool, b"x" * 10)
    assert await pool.fetchval("select count(*) from kept_answer") == 1


async def test_who_comes_while_the_read_is_under_way_looks_again_soon(pool: asyncpg.Pool) -> None:
    budgets, now = Budgets(pool), datetime.now(UTC)
    await budgets._take_window(1, QUARTER, read(now))
    with pytest.raises(RetryError) as soon:
        await budgets._take_window(1, QUARTER, read(now))
    assert soon.value.retry_after == SOON_SECONDS
    with pytest.raises(RetryError) as whole:
        await budgets._take_window(1, QUARTER, read(None))
    assert whole.value.retry_after is not None
    assert whole.value.retry_after > 890


async def test_a_call_that_finds_no_room_elsewhere_does_not_count_for_its_record(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets_module, "LONGEST_WAIT_SECONDS", 0.0)
    budgets, narrow = Budgets(pool), Narrow()
    await budgets._of(1, narrow.limits(HERE)[:1])
    await pool.execute("update bucket set tokens = 0")
    for _ in range(2):
        with pytest.raises(RetryError) as full:
            await budgets.take(narrow, HERE, read(None), bulk=False)
        assert full.value.code == "vendor_limit"
    await pool.execute("update bucket set tokens = cap")
    await budgets.take(narrow, HERE, read(None), bulk=False)
    with pytest.raises(RetryError) as read_already:
        await budgets.take(narrow, HERE, read(None), bulk=False)
    assert read_already.value.code == "record_limit"


def test_only_a_record_with_a_limit_of_its_own_is_meant() -> None:
    limits = (Limit(calls=10, seconds=1.0), QUARTER)
    assert own_limit(limits, read(None)) is QUARTER
    assert own_limit(limits, Call("things.read", "GET", "/e1", scope="envelope")) is None
    assert own_limit(limits, Call("things.read", "GET", "/e1", record="e1")) is None
