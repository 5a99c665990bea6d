"""Processes that are killed while events go through: at random, and at every named crash point."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vaivem.chaos.counting import Counts, Faults, count, settle
from vaivem.chaos.load import Load
from vaivem.chaos.servers import Server, lacks_programs
from vaivem.chaos.stage import Scenario, Stage
from vaivem.chaos.town import Town, Way, until
from vaivem.engine.crashpoints import POINTS
from vaivem.postgres.server import free_port
from vaivem.processes.parts import until_answers

PARTS = ("worker", "web", "database")
WAYS = (
    Way("sale", ("sale",)),
    Way("update", ("update",)),
    Way("keyed", ("create_keyed",)),
    Way("found", ("create_found",)),
    Way("unsafe", ("create_unsafe",)),
    Way("known", ("create_known",)),
    Way("granted", ("create_found",), method="oauth"),
)
MIX = ("sale", "sale", "sale", "update", "update", "keyed", "found", "known", "granted", "unsafe")
LIVES = 3  # each process dies at least so often
DROP = 0.01
AWAY_SECONDS = 0.5  # until whoever looks after an operator's own database starts it again

Event = tuple[str, str, Mapping[str, Any]]


def mixed(stage: Stage, number: int, ways: tuple[str, ...] = MIX, *, begin: int = 0) -> Iterator[Event]:
    """Yield events of these ways: sales (each person buys three times), updates of 40 records, ..."""
    places = dict.fromkeys((f"thing-{begin}-{n}" for n in range(40)), 0)
    for event in range(begin, begin + number):
        way = stage.dice.choice(ways)
        if way == "update":
            record = stage.dice.choice(list(places))
            places[record] += 1
            yield way, record, {"place": places[record]}
        elif way == "known":
            person = event // 30
            keys = [f"mail-{person}", f"phone-{person}", f"paper-{person}"]
            yield way, f"{way}-{event}", {"keys": ",".join(stage.dice.sample(keys, 2))}
        else:
            yield way, f"{way}-{event}", {"email": f"p{event // 3}@example.com"}


async def kill_embedded(stage: Stage) -> Counts:
    """Kill worker, web and the embedded database in a drawn order, each at least three times."""
    async with stage.playing(WAYS) as (town, load, _):
        return await _killed(stage, town, load, lambda: town.kill("database"))


async def kill_external(stage: Stage) -> Counts:
    """The same with a PostgreSQL of the operator's, which something else starts again."""
    server = Server(stage.folder / "server")
    await server.make()
    returns: set[asyncio.Task[None]] = set()

    def kill() -> None:
        server.kill()
        task = asyncio.create_task(_return(server))
        returns.add(task)
        task.add_done_callback(returns.discard)

    try:
        async with stage.playing(WAYS, database_url=server.dsn) as (town, load, _):
            stage.counts.notes["PostgreSQL"] = server.version
            return await _killed(stage, town, load, kill)
    finally:
        server.stop()


async def _return(server: Server) -> None:
    await asyncio.sleep(AWAY_SECONDS)
    await server.revive()


async def _killed(stage: Stage, town: Town, load: Load, kill_database: Callable[[], None]) -> Counts:
    number, rate = stage.size((1500, 80.0), (4000, 130.0), (20000, 150.0))
    seconds = stage.seconds(stage.room(number / rate), number / rate, number / rate)
    town.target.drop = DROP
    faults = Faults()
    flow = asyncio.create_task(load.stream(mixed(stage, number), number / seconds))
    await _kill(stage, town, faults, seconds, kill_database)
    await flow
    town.target.drop = 0.0
    await settle(town, load, stage.counts)
    for part in PARTS:
        stage.counts.check(faults.counted().get(part, 0) >= LIVES, f"{part} was killed too few times")
    await count(town, load, stage.counts, faults)
    stage.counts.notes["answers dropped"] = sum(town.target.dropped.values())
    return stage.counts


async def _kill(
    stage: Stage, town: Town, faults: Faults, seconds: float, kill_database: Callable[[], None]
) -> None:
    """Kill parts evenly over the seconds, in a drawn order."""
    rounds = max(LIVES, int(seconds // 12))
    order = [part for _ in range(rounds) for part in stage.dice.sample(PARTS, len(PARTS))]
    begun, gap = time.monotonic(), seconds / (len(order) + 1)
    for number, part in enumerate(order):
        moment = begun + gap * (number + stage.dice.uniform(0.5, 1.0))
        await asyncio.sleep(max(0.0, moment - time.monotonic()))
        faults.note(part)
        if part == "database":
            kill_database()
        else:
            town.kill(part)


# At every named point

POINT_SECONDS = 25.0
POINT_EVENTS = 60
ROTATED = Way("rotated", ("create_found",), method="rotating")  # refreshes in a process of its own
MOST_EVENTS = 60_000  # of one point: records of another would begin again at their first place
TOKEN_SECONDS = 3.0  # how long an access token lasts while a refresh is to be died in
RATE = 60.0


async def crash_points(stage: Stage) -> Counts:
    """Let a further worker, or web process, die at each named point while another goes on."""
    async with stage.playing((*WAYS, ROTATED)) as (town, load, target):
        faults = Faults()
        target.drop = 0.03  # so that some runs park
        for number, point in enumerate(POINTS):
            await _die_at(stage, town, load, point, number * MOST_EVENTS)
            faults.note(point)
        target.drop = 0.0
        await load.stream(mixed(stage, POINT_EVENTS, begin=len(POINTS) * MOST_EVENTS), RATE)
        await settle(town, load, stage.counts)
        await count(town, load, stage.counts, faults)
        stage.counts.notes["faults"] = f"{len(POINTS)} points, one death at each"
        return stage.counts


async def _die_at(stage: Stage, town: Town, load: Load, point: str, begin: int) -> None:
    """Send events until a process that is to die at the point has died there."""
    expiring = asyncio.create_task(_keep_expiring(town)) if point.startswith("oauth.") else None
    victim = town.spawn("worker") if point.startswith("lease.") else None
    at = f"{point}:{stage.dice.randint(1, 3)}"
    address = None
    if point.startswith("ingest."):
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        dying = town.spawn("web", VAIVEM_CRASH_AT=at, PORT=str(port))
        await asyncio.wait_for(until_answers(f"{address}/readyz"), POINT_SECONDS)
    else:
        dying = town.spawn("worker", VAIVEM_CRASH_AT=at)
    flow = asyncio.create_task(_keep_sending(stage, town, load, begin, address))
    if victim is not None:
        await until(lambda: town.at_work(victim.pid), 20)
        town.end(victim)
    died = await until(lambda: _dead(town, dying, point), POINT_SECONDS)
    for task in (flow, expiring):
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    stage.counts.check(died, f"no process died at {point}")
    town.end(dying)


def _dead(town: Town, dying: subprocess.Popen[bytes], point: str) -> bool:
    """Say whether a process was killed. Web is two processes: one serves and dies, its parent says so."""
    if point.startswith("ingest."):
        return "Unexpected exit" in town.words_of(dying)
    return dying.poll() == -signal.SIGKILL


async def _keep_expiring(town: Town) -> None:
    """Give workers every reason to refresh, and time to use what they get."""
    while True:
        town.target.expire_tokens()
        await asyncio.sleep(TOKEN_SECONDS)


async def _keep_sending(stage: Stage, town: Town, load: Load, begin: int, address: str | None) -> None:
    """Send events without end; to a web process that dies only creates, which go to the other one then."""
    for n in range(MOST_EVENTS // POINT_EVENTS):
        events = mixed(stage, POINT_EVENTS, (*MIX, ROTATED.name), begin=begin + n * POINT_EVENTS)
        for way, record, data in events:
            if address is None or way != "update":
                load.send(way, record, also=address, **data)
            await asyncio.sleep(1 / RATE)


SCENARIOS = (
    Scenario("kills", "Worker, web and embedded PostgreSQL killed at random", kill_embedded, short=True),
    Scenario("kills-own", "The same with an installed PostgreSQL", kill_external, lacks_programs),
    Scenario("points", "A process killed at every named crash point", crash_points),
)
