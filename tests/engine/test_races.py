"""Statements that were overtaken between their snapshot and the row that they lock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from vaivem.engine.lanes import claimed_lanes
from vaivem.engine.leases import Lease
from vaivem.engine.links import BY_KEY
from vaivem.engine.statements import statement

from .conftest import House

GATE_KEEPER = 4711  # an advisory lock
STOPS_AT_THE_FIRST_LANE = f"""
create function stop_here() returns trigger language plpgsql as $$
begin
  if current_setting('application_name') = 'slow' then perform pg_advisory_xact_lock({GATE_KEEPER}); end if;
  return new;
end $$;
create trigger stop_here before update on lane for each row when (old.key = 1) execute function stop_here();
"""
ONE_BY_ONE = {"enable_hashjoin": "off", "enable_mergejoin": "off"}  # rows are locked as they are come to


@pytest.fixture
async def quick(house: House) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(house.dsn)
    yield connection
    await connection.close()


@asynccontextmanager
async def stopped_half_way(
    house: House, query: str, *arguments: object
) -> AsyncIterator[asyncio.Task[list[asyncpg.Record]]]:
    """Have a statement stand between lane 1 and the lanes behind it, until the end of the block."""
    with house.db() as db:
        db.execute(STOPS_AT_THE_FIRST_LANE)
    keeper = await asyncpg.connect(house.dsn)
    slow = await asyncpg.connect(house.dsn, server_settings={"application_name": "slow", **ONE_BY_ONE})
    try:
        await keeper.execute(f"select pg_advisory_lock({GATE_KEEPER})")
        task = asyncio.create_task(slow.fetch(query, *arguments))
        await house.until(
            lambda: house.rows(
                "select 1 from pg_locks l join pg_database d on d.oid = l.database"
                " where d.datname = current_database() and l.locktype = 'advisory' and not l.granted"
            )
        )
        yield task
        await keeper.execute(f"select pg_advisory_unlock({GATE_KEEPER})")
        await task
    finally:
        await slow.close()
        await keeper.close()


@asynccontextmanager
async def stopped_at_its_lease(
    house: House, worker: int, query: str, *arguments: object
) -> AsyncIterator[asyncio.Task[list[asyncpg.Record]]]:
    """Have a statement, begun already, stand at the row of its worker until the end of the block."""
    keeper = await asyncpg.connect(house.dsn)
    slow = await asyncpg.connect(house.dsn, server_settings=BY_KEY)
    try:
        async with keeper.transaction():
            await keeper.execute("select from worker where id = $1 for update", worker)
            task = asyncio.create_task(slow.fetch(query, *arguments))
            waits = "select 1 from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
            await house.until(lambda: house.rows(waits, slow.get_server_pid()))
            yield task
        await task
    finally:
        await slow.close()
        await keeper.close()


async def test_a_lane_that_a_living_worker_has_meanwhile_is_not_freed(
    house: House, quick: asyncpg.Connection
) -> None:
    """Two workers free the lanes of a third, and the quicker one claims one before the other comes to it."""
    living = await Lease(quick, house.folder).register()
    with house.db() as db:
        db.execute(
            "insert into lane (ws, key, rule, gate, tail, state, due, owner)"
            " select 1, n, 1, 1, 1, 2, now(), 999999 from generate_series(1, 2) n"
        )
    async with stopped_half_way(house, statement("leases", "take_over")):
        await quick.execute(statement("leases", "take_over"))
        await quick.execute("update lane set state = 2, owner = $1 where key = 2 and state = 1", living)
        assert house.value("select owner from lane where key = 2") == living
    assert house.rows("select key, owner from lane order by key") == [(1, None), (2, living)]


async def test_a_lane_that_was_worked_meanwhile_is_read_anew(house: House, quick: asyncpg.Connection) -> None:
    """While one worker claims, another one does the lane's first run, begins the second and is gone."""
    living, dead = await Lease(quick, house.folder).register(), 999999
    with house.db() as db:
        db.execute(
            "insert into lane (ws, key, rule, gate, tail, state, prio, due)"
            " select 1, n, 1, 1, 2, 1, 5, now() + n * interval '1 ms' - interval '1 s'"
            " from generate_series(1, 2) n"
        )
        db.execute(
            "insert into item (ws, lane, seq, run_id, event_id, rule, version)"
            " select 1, n, s, 10 * n + s, 1, 1, 1 from generate_series(1, 2) n, generate_series(1, 2) s"
        )
    arguments = (living, 100, 16, [], [], [], 1)
    async with stopped_at_its_lease(house, living, statement("lanes", "claim"), *arguments) as claim:
        await quick.execute("update lane set state = 2, owner = $1 where key = 2 and state = 1", dead)
        await quick.execute("delete from item where run_id = 21")
        await quick.execute(statement("leases", "take_over"))
    first, second = claimed_lanes(claim.result())
    assert [item.run_id for item in first.items] == [11, 12]
    assert (first.changed, first.recover) == (False, False)
    assert (second.changed, second.recover, second.items) == (True, True, ())
