"""Deletes old history beside a living installation, in every other block of a flow, and compares the blocks.

Web, worker and the benchmark's vendor run as in `vaivem bench`; the deletion is the nightly chore's own code, a day
of history after the other, in this process. A block has two halves: as many events as go through, and an even load
at half of that, for the times. What counts is each figure with deletion against the one without, each time the
middle of its blocks.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from past.asking import configured
from past.laying import BIG, SMALL
from vaivem.bench.installation import Installation
from vaivem.bench.phases import Phase, run_phase
from vaivem.cli.run import Steps
from vaivem.engine.clock import Clock
from vaivem.engine.ids import time_of
from vaivem.engine.retention import Retention

WARM_SECONDS = 5.0
FIGURES = {"events/s": True, "ack p95": False, "target p95": False, "ack p99": False, "target p99": False}


@dataclass(slots=True)
class Deleting:
    """What was deleted in a block: runs, and seconds in which something was being deleted."""

    runs: int = 0
    weeks: int = 0
    days: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Block:
    """A block's figures: events a second, and milliseconds."""

    deleted: Deleting | None
    figures: Mapping[str, float]
    load: float


class Thinner:
    """The laid workspaces' history, and how much of it they keep."""

    def __init__(self, pool: asyncpg.Pool, days: int) -> None:
        self._pool = pool
        self._days = days
        self._clock = Clock()

    async def start(self) -> None:
        """Know the database's time, and keep all there is."""
        await self._clock.adjust(self._pool)
        await self._keep(self._days)

    @asynccontextmanager
    async def deleting(self) -> AsyncIterator[Deleting]:
        """Delete day after day of what is oldest for as long as the block lasts; break off then."""
        done, before = Deleting(), await self._left()
        begun, work = time.monotonic(), asyncio.create_task(self._delete(done))
        try:
            yield done
        finally:
            done.seconds = time.monotonic() - begun
            if work.done():
                work.result()
            work.cancel()
            await asyncio.wait([work])
            after = await self._left()
            done.runs, done.weeks = before[0] - after[0], before[1] - after[1]

    async def _delete(self, done: Deleting) -> None:
        retention = Retention(self._pool, self._clock)
        while True:
            self._days -= 1
            if self._days < 1:
                raise SystemExit("All of the history has been deleted before the blocks were over.")
            await self._keep(self._days)
            await retention.run()
            done.days += 1

    async def _keep(self, days: int) -> None:
        await self._pool.execute("update workspace set retention_days = $1 where id <= $2", days, SMALL + 1)
        # Its own is younger, and would keep no week from being dropped.
        await self._pool.execute("update workspace set retention_days = 1 where id > $1", SMALL + 1)

    async def _left(self) -> tuple[int, int]:
        runs: int = await self._pool.fetchval("select count(*) from run where ws <= $1", SMALL + 1)
        weeks: int = await self._pool.fetchval(
            "select count(*) from pg_class where relname ~ '^run_w[0-9]+$'"
        )
        return runs, weeks


def thin(folder: Path, pairs: int, seconds: float) -> int:
    """Print each block, and what deletion costs the flow."""
    return asyncio.run(_thin(folder, pairs, seconds))


async def _thin(folder: Path, pairs: int, seconds: float) -> int:
    async with (
        Installation(configured(folder), Steps()) as house,
        asyncpg.create_pool(house.dsn, min_size=1, max_size=2) as pool,
    ):
        oldest: int | None = await pool.fetchval("select min(id) from run where ws = $1", BIG)
        if oldest is None:
            raise SystemExit("There is no history in this folder: lay it first.")
        kept = (datetime.now(UTC) - time_of(oldest)) / timedelta(days=1)
        thinner = Thinner(pool, int(kept) + 1)
        await thinner.start()
        print(f"{await pool.fetchval('select count(*) from run'):,} runs of {kept:.0f} days", flush=True)
        blocks = await _blocks(house, thinner, pairs, seconds)
    _tell(blocks)
    return 0


async def _blocks(house: Installation, thinner: Thinner, pairs: int, seconds: float) -> list[Block]:
    warm = await _flow(house, "warm", min(WARM_SECONDS, seconds), None)
    rate = warm.rate / 2
    print(f"warm: {warm.rate:.0f} events/s; the even load is {rate:.0f} events/s", flush=True)
    blocks: list[Block] = []
    for pair in range(pairs):
        for busy in (False, True) if pair % 2 == 0 else (True, False):
            name = f"{os.getpid()}p{pair}{'d' if busy else 'q'}"
            if busy:
                async with thinner.deleting() as deleted:
                    most, even = await _both(house, name, seconds, rate)
            else:
                deleted = None
                most, even = await _both(house, name, seconds, rate)
            figures = {
                "events/s": most.rate,
                "ack p95": even.ack_ms["p95"],
                "target p95": even.arrival_ms["p95"],
                "ack p99": even.ack_ms["p99"],
                "target p99": even.arrival_ms["p99"],
            }
            blocks.append(Block(deleted, figures, even.load_average))
            _tell_block(blocks[-1])
    return blocks


async def _both(house: Installation, name: str, seconds: float, rate: float) -> tuple[Phase, Phase]:
    return await _flow(house, f"{name}w", seconds, None), await _flow(house, f"{name}e", seconds, rate)


async def _flow(house: Installation, name: str, seconds: float, rate: float | None) -> Phase:
    if rate is None:
        return await run_phase(house, house.spec(name, "b", mode="window", seconds=seconds))
    return await run_phase(house, house.spec(name, "b", mode="paced", rate=rate, seconds=seconds))


def _tell_block(block: Block) -> None:
    what = "without"
    if block.deleted is not None:
        gone = block.deleted
        what = f"deleting ({gone.runs:,} runs and {gone.weeks} weeks in {gone.seconds:.0f} s)"
    figures = ", ".join(
        f"{name} {value:.0f}" + ("" if FIGURES[name] else " ms") for name, value in block.figures.items()
    )
    print(f"{what}: {figures}; load average {block.load:.1f}", flush=True)


def _tell(blocks: list[Block]) -> None:
    print(f"\n{'middle of the blocks':22} without  deleting   ratio")
    for name in FIGURES:
        quiet, busy = (
            statistics.median(block.figures[name] for block in blocks if (block.deleted is not None) is which)
            for which in (False, True)
        )
        print(f"{name:22} {quiet:7.1f}  {busy:8.1f}   {busy / quiet:5.2f}")
    runs = sum(block.deleted.runs for block in blocks if block.deleted)
    spent = sum(block.deleted.seconds for block in blocks if block.deleted)
    print(f"{runs:,} runs were deleted in {spent:.0f} s, {runs / spent:.0f} a second")
