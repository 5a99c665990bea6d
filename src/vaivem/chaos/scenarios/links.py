"""Several machines whose links are cut, and a database whose primary is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from vaivem.chaos.counting import Counts, Faults, count, settle
from vaivem.chaos.networks import Networks, Proxy, lacks_namespaces
from vaivem.chaos.scenarios.kills import WAYS, mixed
from vaivem.chaos.servers import DATABASE, ROLE, Server, lacks_programs
from vaivem.chaos.stage import Scenario, Stage
from vaivem.chaos.town import Town
from vaivem.processes.parts import Part

RATE = 60.0
WORKERS = 3
SHORTEST_CUT, LONGEST_CUT = 2.0, 12.0  # a lease is 6


@dataclass(frozen=True, slots=True)
class Links:
    """Where the parts run, what the database's address is, and how a link is cut and healed."""

    database_url: str
    host: str
    target_host: str
    change: Callable[[Part], Part]
    cut: Callable[[str], None]
    heal: Callable[[str], None]
    names: tuple[str, ...]


async def cut_links(stage: Stage) -> Counts:
    """Cut and heal the links of web and of three workers to one PostgreSQL."""
    namespaces = not lacks_namespaces()
    stage.counts.notes["links"] = "network namespaces" if namespaces else "a proxy"
    async with _namespaces(stage) if namespaces else _proxies(stage) as links:
        options = {
            "workers": WORKERS,
            "database_url": links.database_url,
            "host": links.host,
            "target_host": links.target_host,
            "change": links.change,
        }
        async with stage.playing(WAYS, **options) as (town, load, _):
            faults = Faults()
            seconds = stage.seconds(40, 60, 180)
            flow = asyncio.create_task(load.stream(mixed(stage, int(seconds * RATE)), RATE))
            await _cut(stage, links, faults, seconds)
            await flow
            await settle(town, load, stage.counts)
            return await count(town, load, stage.counts, faults)


async def _cut(stage: Stage, links: Links, faults: Faults, seconds: float) -> None:
    """Cut one link after another until the seconds are over; of a worker's the others make up for it."""
    left = seconds
    while left > 0:
        name = stage.dice.choice(links.names)
        long = stage.dice.uniform(SHORTEST_CUT, LONGEST_CUT)
        links.cut(name)
        if name.startswith("worker"):
            faults.note(f"link of {name} cut")
        await asyncio.sleep(long)
        links.heal(name)
        if not name.startswith("worker"):
            faults.note(f"link of {name} back")
        pause = stage.dice.uniform(0.5, 3.0)
        await asyncio.sleep(pause)
        left -= long + pause


@asynccontextmanager
async def _namespaces(stage: Stage) -> AsyncIterator[Links]:
    short = {"web": "web", **{f"worker-{n}": f"w{n}" for n in range(1, WORKERS + 1)}}
    networks = Networks("db", *short.values())
    with networks.made():
        inside = networks.prefix("db")
        server = Server(stage.folder / "server", host=networks.address("db"), prefix=inside)
        await server.make()

        def moved(part: Part) -> Part:
            return replace(part, command=(*networks.prefix(short[part.name]), *part.command))

        machines = {"database": "db", **short}
        try:
            yield Links(
                server.dsn,
                networks.address("web"),
                networks.host,
                moved,
                lambda name: networks.cut(machines[name]),
                lambda name: networks.heal(machines[name]),
                tuple(machines),
            )
        finally:
            server.stop()


@asynccontextmanager
async def _proxies(stage: Stage) -> AsyncIterator[Links]:
    server = Server(stage.folder / "server", packaged=bool(lacks_programs()))
    await server.make()
    proxies = {name: Proxy(server.dsn) for name in ("web", *(f"worker-{n}" for n in range(1, WORKERS + 1)))}
    for proxy in proxies.values():
        await proxy.start()

    def behind(part: Part) -> Part:
        environment = {**part.environment, "DATABASE_URL": proxies[part.name].dsn}
        return replace(part, environment=environment)

    try:
        yield Links(
            server.dsn,
            "127.0.0.1",
            "127.0.0.1",
            behind,
            lambda name: proxies[name].cut(),
            lambda name: proxies[name].heal(),
            tuple(proxies),
        )
    finally:
        for proxy in proxies.values():
            proxy.stop()
        server.stop()


# The primary is lost

PROMOTED_AFTER_SECONDS = 1.0


async def lost_primary(stage: Stage) -> Counts:
    """Kill the primary for good and promote its synchronous standby, while events go through."""
    primary = Server(stage.folder / "primary", settings={"wal_level": "replica", "hot_standby": "on"})
    standby = Server(stage.folder / "standby", settings={"hot_standby": "on"})
    await primary.make()
    try:
        await standby.clone(primary)
        await _synchronous(primary)
        places = f"{primary.host}:{primary.port},{standby.host}:{standby.port}"
        address = (
            f"postgresql://{ROLE}:{primary.password}@{places}/{DATABASE}?target_session_attrs=read-write"
        )
        async with stage.playing(WAYS, workers=2, database_url=address) as (town, load, _):
            faults = Faults()
            seconds = stage.seconds(20, 30, 90)
            flow = asyncio.create_task(load.stream(mixed(stage, int(seconds * RATE)), RATE))
            await asyncio.sleep(seconds / 2)
            primary.kill()
            await asyncio.sleep(PROMOTED_AFTER_SECONDS)
            await standby.promote()
            faults.note("standby promoted")
            await flow
            await settle(town, load, stage.counts)
            stage.counts.notes["PostgreSQL"] = primary.version
            await _checked(town, stage.counts)
            return await count(town, load, stage.counts, faults)
    finally:
        primary.stop()
        standby.stop()


async def _synchronous(primary: Server) -> None:
    """Let no commit be answered before the standby has it."""
    await primary.sql("alter system set synchronous_standby_names = '*'")
    await primary.sql("select pg_reload_conf()")


async def _checked(town: Town, counts: Counts) -> None:
    counts.check(not await town.value("select pg_is_in_recovery()"), "the standby was not promoted")


SCENARIOS = (
    Scenario("links", "The links of web and three workers to PostgreSQL cut and healed", cut_links),
    Scenario(
        "standby", "PostgreSQL's primary lost, a synchronous standby promoted", lost_primary, lacks_programs
    ),
)
