"""The bounds that the figures are compared with, measured in the same run."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from pyreqwest.exceptions import PyreqwestError

from vaivem.bench.installation import Installation
from vaivem.bench.phases import Phase
from vaivem.bench.phases import run_phase as run
from vaivem.postgres.server import free_port

START_SECONDS = 20.0
TOGETHER = 16


async def bare(house: Installation, flow: str, seconds: float, window: int) -> Phase:
    """Measure the same server and HTTP client doing the flow's calls with no database."""
    async with _served(house, flow) as port:
        spec = house.spec(
            f"bare{flow}", flow, port=port, hooks=("/hook",), mode="window", seconds=seconds, window=window
        )
        return await run(house, spec)


@asynccontextmanager
async def _served(house: Installation, flow: str) -> AsyncIterator[int]:
    port = free_port()
    given = {"flow": flow, "url": house.vendor_url, "secret": house.secret}
    with (house.logs / "bare.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "vaivem.bench.bare",
            str(port),
            env={
                **os.environ,
                "BENCH_BARE": json.dumps(given),
                "VAIVEM_SUPERVISOR_PID": str(os.getpid()),
            },
            stdout=log,
            stderr=log,
        )
    try:
        await _until_up(house, port)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def _until_up(house: Installation, port: int) -> None:
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            answer = await house.client.get(f"http://127.0.0.1:{port}/").build().send()
        except PyreqwestError:
            if time.monotonic() > limit:
                raise
            await asyncio.sleep(0.05)
        else:
            await answer.bytes()
            return


async def commit_rates(house: Installation, seconds: float) -> dict[str, float]:
    """Return PostgreSQL's own durable commits a second: one connection alone, and several together."""
    setup = await asyncpg.connect(house.dsn)
    try:
        await setup.execute("create table if not exists bench_commit (id bigserial primary key, body bytea)")
        rates = {
            "alone": await _commits(house.dsn, 1, seconds),
            "together": await _commits(house.dsn, TOGETHER, seconds),
        }
        await setup.execute("drop table bench_commit")
    finally:
        await setup.close()
    return rates


async def _commits(dsn: str, connections: int, seconds: float) -> float:
    async def one() -> int:
        db = await asyncpg.connect(dsn)
        try:
            await db.execute("set synchronous_commit = on")
            insert = await db.prepare("insert into bench_commit (body) values ($1)")
            done = 0
            while time.monotonic() < until:
                await insert.fetch(body)
                done += 1
            return done
        finally:
            await db.close()

    body = b"x" * 200
    until = time.monotonic() + seconds
    return sum(await asyncio.gather(*(one() for _ in range(connections)))) / seconds


async def capacity(house: Installation, seconds: float) -> Phase:
    """Measure the load and the vendor alone: events sent straight to the vendor's notes."""
    spec = house.spec("alone", "n", port=house.vendor_port, hooks=("/notes",), mode="closed", seconds=seconds)
    return await run(house, spec, steady=True)
