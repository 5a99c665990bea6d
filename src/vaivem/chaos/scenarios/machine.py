"""What happens to a machine: a full disk, no database connections left, another time, a paused process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import asyncpg

from vaivem.chaos import tools
from vaivem.chaos.counting import Counts, Faults, count, settle
from vaivem.chaos.scenarios.kills import MIX, WAYS, mixed
from vaivem.chaos.servers import Server
from vaivem.chaos.stage import Scenario, Stage
from vaivem.chaos.town import Town, until

RATE = 60.0
PATIENCE_SECONDS = 60.0  # for what takes seconds: the machine may be busy with other things

# A full disk

DISK_MEGABYTES = 300


def lacks_mount() -> str:
    """Say whether a small file system of our own can be mounted."""
    if os.geteuid() != 0:
        return "only root can mount a small file system: run it as root"
    with tempfile.TemporaryDirectory(prefix="vaivem-chaos-") as folder:
        said = tools.refusal("mount", "-t", "tmpfs", "-o", "size=1m", "chaos", folder)
        if said:
            return f"mount is not allowed here ({said}): run it outside of the container"
        tools.must("umount", folder)
    return ""


async def full_disk(stage: Stage) -> Counts:
    """Fill the database's disk to the last byte for a while, three times."""
    with _small_disk(stage.folder):
        async with stage.playing(WAYS) as (town, load, _):
            faults = Faults()
            seconds = stage.seconds(20, 30, 90)
            flow = asyncio.create_task(load.stream(mixed(stage, int(seconds * RATE)), RATE))
            for _ in range(3):
                await asyncio.sleep(seconds / 8)
                ballast = stage.folder / "ballast"
                _fill(ballast)
                await asyncio.sleep(seconds / 8)
                _fill(ballast)  # whatever was freed meanwhile
                await asyncio.sleep(1)
                ballast.unlink()
                faults.note("room again")
            await flow
            await settle(town, load, stage.counts)
            await count(town, load, stage.counts, faults)
            refused = load.statuses[503]
            stage.counts.notes["answered 503 meanwhile"] = refused
            stage.counts.check(refused > 0, "the disk was never full: no delivery was turned away")
            return stage.counts


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    options = f"size={DISK_MEGABYTES}m,mode=755"
    tools.must("mount", "-t", "tmpfs", "-o", options, "chaos", str(folder))
    try:
        yield
    finally:
        for _ in range(50):
            if not tools.refusal("umount", str(folder)):
                break
            time.sleep(0.1)


def _fill(ballast: Path) -> None:
    """Write zeros until the disk takes no more."""
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(4096))


# No connections left


async def no_connections(stage: Stage) -> Counts:
    """Use up the database's connections, twice, while a worker and web begin anew."""
    async with stage.playing(WAYS) as (town, load, _):
        faults = Faults()
        seconds = stage.seconds(20, 30, 90)
        flow = asyncio.create_task(load.stream(mixed(stage, int(seconds * RATE)), RATE))
        for part in ("worker", "web"):
            await asyncio.sleep(seconds / 6)
            taken = await _take_all(town)
            town.kill(part)
            await asyncio.sleep(seconds / 6)
            taken += await _take_all(town)
            for connection in taken:
                connection.terminate()
            faults.note(f"{part}, no connections")
            stage.counts.notes["connections taken"] = len(taken)
        await flow
        await settle(town, load, stage.counts)
        return await count(town, load, stage.counts, faults)


async def _take_all(town: Town) -> list[asyncpg.Connection]:
    taken: list[asyncpg.Connection] = []
    with suppress(asyncpg.PostgresError, OSError):
        while True:
            taken.append(await asyncpg.connect(town.dsn, timeout=5))
    return taken


# Another time


def _faketime() -> Path | None:
    places = (Path("/usr/lib"), Path("/usr/local/lib"), *Path("/usr/lib").glob("*-linux-gnu*"))
    found = (place / "faketime" / "libfaketime.so.1" for place in places)
    return next((path for path in found if path.exists()), None)


def lacks_faketime() -> str:
    """Say what to do when no library can set the processes' clock."""
    return "" if _faketime() else "libfaketime sets the processes' clock: apt-get install faketime"


async def clock_jumps(stage: Stage) -> Counts:
    """Set the database's clock, which is everybody's, an hour ahead and back; a worker dies each time."""
    shift = stage.folder / "shift"
    shift.write_text("+0")
    environment = {
        "LD_PRELOAD": str(_faketime()),
        "FAKETIME_TIMESTAMP_FILE": str(shift),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    server = Server(stage.folder / "server", environment=environment)
    await server.make()

    try:
        async with stage.playing(WAYS, database_url=server.dsn, workers=2) as (town, load, _):
            faults = Faults()
            seconds = stage.seconds(20, 40, 120)
            flow = asyncio.create_task(load.stream(mixed(stage, int(seconds * RATE)), RATE))
            for moment in ("+1h", "+0", "-1h", "+0"):
                await asyncio.sleep(seconds / 5)
                stranger = await _abroad(town)
                town.kill(stage.dice.choice(town.worker_names()))
                shift.write_text(moment)
                faults.note(f"the clock at {moment}")
                stage.counts.check(
                    await until(partial(_gone, town, stranger), PATIENCE_SECONDS),
                    "the lease of a dead worker elsewhere went on",
                )
            await flow
            await settle(town, load, stage.counts)
            return await count(town, load, stage.counts, faults)
    finally:
        server.stop()


async def _abroad(town: Town) -> int:
    """Lay down the lease of a worker of another machine, as it stands when that dies in this moment."""
    query = (
        "insert into worker (id, until, host, pid)"
        " values (nextval('worker_seq'), now() + interval '6 seconds', 'elsewhere', 1) returning id"
    )
    return int(await town.value(query))


async def _gone(town: Town, worker: int) -> bool:
    return not await town.value("select exists (select 1 from worker where id = $1)", worker)


# A paused worker

PAUSE_SECONDS = 9.0  # a lease is 6


async def paused_workers(stage: Stage) -> Counts:
    """Stop a worker past its lease while another takes over, and let it go on, again and again."""
    async with stage.playing(WAYS, workers=1) as (town, load, target):
        faults = Faults()
        target.drop = 0.02
        rounds = stage.size(2, 3, 10)
        number = int(rounds * (PAUSE_SECONDS + 4) * RATE)
        flow = asyncio.create_task(load.stream(mixed(stage, number), RATE))
        ended = 0
        for _ in range(rounds):
            paused = town.spawn("worker")  # nobody watches it: a supervisor would have killed it by then
            await until(partial(town.at_work, paused.pid), PATIENCE_SECONDS)
            await asyncio.sleep(stage.dice.uniform(0.5, 1.5))
            os.kill(paused.pid, signal.SIGSTOP)
            faults.note("a worker stopped")
            await asyncio.sleep(PAUSE_SECONDS)
            paused.send_signal(signal.SIGCONT)
            ended += await until(partial(_ended, paused), 10)
            said = paused.returncode
            # The worker that takes its lanes kills one of its own machine, if the pause is long enough.
            known = (None, 1, 70, -signal.SIGKILL)
            stage.counts.check(said in known, f"a paused worker ended with {said}")
            town.end(paused)
        target.drop = 0.0
        await flow
        await settle(town, load, stage.counts)
        stage.counts.check(ended == rounds, "a worker without a lease went on")
        return await count(town, load, stage.counts, faults)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


# A slow disk

FLUSH_MICROSECONDS = 20000


async def slow_disk(stage: Stage) -> Counts:
    """Every commit takes 20 ms longer; processes die all the same."""
    async with stage.playing(WAYS) as (town, load, _):
        for name, value in (("commit_siblings", 0), ("commit_delay", FLUSH_MICROSECONDS)):
            await town.rows(f"alter system set {name} = {value}")
        await town.rows("select pg_reload_conf()")
        faults = Faults()
        seconds = stage.seconds(20, 30, 90)
        flow = asyncio.create_task(load.stream(mixed(stage, int(seconds * RATE), MIX), RATE))
        for part in ("worker", "web", "worker"):
            await asyncio.sleep(seconds / 4)
            faults.note(part)
            town.kill(part)
        await flow
        await settle(town, load, stage.counts, backlog=True)
        await count(town, load, stage.counts, faults)
        waits = sorted(one.acknowledged - one.begun for one in load.sent.values() if one.acknowledged)
        stage.counts.notes["acknowledged, p50"] = f"{waits[len(waits) // 2] * 1000:.0f} ms"
        return stage.counts


SCENARIOS = (
    Scenario("disk-full", "The database's disk full, three times", full_disk, lacks_mount),
    Scenario("connections", "The database's connections used up", no_connections),
    Scenario("clock", "The database's clock set an hour ahead and an hour back", clock_jumps, lacks_faketime),
    Scenario("paused", "A worker stopped past its lease, then resumed", paused_workers),
    Scenario("slow-disk", "Every commit 20 ms slower", slow_disk),
)
