"""A limit of a few calls in one second, kept by two workers together.

Judged by when each call was granted, on the bucket's own clock. When it arrives is the machine's affair: on a
busy one two calls that were granted apart may come together, are told to wait, and do.
"""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from tests.crash.conftest import Town, folder, town_in
from vaivem.cli import parts
from vaivem.cli.run import Steps
from vaivem.postgres import EmbeddedServer
from vaivem.processes.supervisor import Supervisor
from vaivem.simulators.clicksign.story import act

__all__ = ["folder"]  # a fixture, taken over

pytestmark = [pytest.mark.soak, pytest.mark.timeout(400)]
DOCUMENTS, CALLS = 16, 60
# Each look into a bucket: how much was there, how much was granted, and whether the vendor had closed it.
LOG = """
create table asked (id serial, name text, at float8, room float8, got float8, rate float8, closed bool);
create function note_asked() returns trigger language plpgsql as $$
declare
  since float8 = greatest(0, extract(epoch from new.at - old.at));
  room float8 = least(old.cap, old.tokens + old.rate * since);
begin
  insert into asked (name, at, room, got, rate, closed) values (new.name, extract(epoch from new.at), room,
    room - new.tokens, new.rate, coalesce(new.closed_until > new.at, false));
  return null;
end $$;
create trigger note_asked after update of at on bucket for each row
  when (new.conn in ({connections})) execute function note_asked();
"""


def note_what_is_asked(town: Town, connector: str) -> None:
    """Have the database note each look into the buckets of a connector's connections."""
    found = town.rows(f"select id from connection where connector = '{connector}'")  # noqa: S608
    with psycopg.connect(EmbeddedServer(town.config.data_dir).dsn, autocommit=True) as db:
        db.execute(LOG.replace("{connections}", ", ".join(str(number) for (number,) in found)).encode())


async def test_five_calls_a_second_are_kept_over_two_workers(folder: Path) -> None:
    async with town_in(folder, limits="documented", accounts=("activecampaign", "clicksign")) as town:
        town.rows(
            "update connection set settings = settings - 'limit_calls' - 'limit_seconds'"
            " where connector = 'activecampaign' returning 1"
        )
        await town.control("clicksign", "limits", {"mode": "off"})
        second = parts.worker(town.config, 2, 2, town.config.data_dir / "logs")
        async with Supervisor((second,), Steps()):
            await town.until(lambda: town.rows("select count(*) from worker") == [(2,)], 60)
            await asyncio.sleep(12)  # both workers have read the new settings by then, notified or not
            note_what_is_asked(town, "activecampaign")
            await town.control("activecampaign", "limits", {"mode": "documented"})  # counts from nothing
            for number in range(DOCUMENTS):
                await act(town.accounts["clicksign"], number, town.asker)
            granted = "select count(*) from asked where got > 0.5"
            await town.until(lambda: town.rows(granted)[0][0] >= CALLS, 120)
            await town.until(lambda: not town.rows("select 1 from lane"), 200)
            assert not town.rows("select 1 from run where status = 2"), town.state()
            seen = await town.control("activecampaign", "limits")
            asked = town.rows("select name, at, room, got, rate, closed from asked order by id")
        print(seen, len(asked), asked[-1])  # noqa: T201 - for who measures
        limit, window = seen["limit"], seen["window_seconds"]
        calls = [(at, got) for _, at, _, got, _, _ in asked if got > 0.5]
        assert seen["total"] <= sum(round(got) for _, got in calls), "a call left that nobody granted"
        for at, _ in calls:
            held = sum(round(got) for when, got in calls if at <= when < at + window)
            assert held <= limit, f"{held} calls were granted within {window} s"
        for name, _, room, got, rate, closed in asked:
            assert got > 0.5 or closed or room < 1.32, f"{name} had {room} calls, and refused one"  # bulk's
            assert rate * window >= 0.9 * limit, f"{name} gives {rate} calls a second"
        assert all(before <= after for (before, _), (after, _) in pairwise(calls)), "its clock went back"
