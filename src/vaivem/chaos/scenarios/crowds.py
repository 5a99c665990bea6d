"""Much at once: people known by several keys, several rules on one event, parked runs, many connections."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from vaivem.chaos.counting import Counts, Faults, count, settle
from vaivem.chaos.scenarios.kills import Event, mixed
from vaivem.chaos.scenarios.vendors import minutes
from vaivem.chaos.stage import Scenario, Stage
from vaivem.chaos.target import HANGING, Target
from vaivem.chaos.town import Way

RATE = 150.0
DAY = 86400.0

SEVERAL = (
    Way("known", ("create_known",)),
    Way("many", ("create_keyed", "create_found", "update", "sale")),
    Way("parked", ("create_keyed",), wait=24 * 60),
)


async def several(stage: Stage) -> Counts:
    """Several keys a claim, four rules on one event, runs that wait for a day: with two workers that die."""
    async with stage.playing(SEVERAL, workers=2) as (town, load, target):
        faults = Faults()
        target.drop = 0.02
        number = stage.size(300, 1500, 6000)
        names = tuple(way.name for way in SEVERAL)
        flow = asyncio.create_task(load.stream(mixed(stage, number, names), RATE))
        for _ in range(3):
            await asyncio.sleep(number / RATE / 4)
            part = stage.dice.choice(town.worker_names())
            faults.note(part)
            town.kill(part)
        await flow
        await load.all_acknowledged(60)
        parked = "select count(*) from pending where state = 'wait'"
        for _ in range(100):
            await asyncio.sleep(0.3)
            waiting = await town.value(parked)
            if waiting == await town.value("select count(*) from item"):
                break
        early = sum(load.sent[event].way == "parked" for event in target.arrived)
        stage.counts.check(early == 0, f"{early} runs did not wait")
        stage.counts.notes["waited for a day"] = waiting
        await town.pass_time(DAY + 60)
        town.kill(town.worker_names()[0])
        target.drop = 0.0
        await settle(town, load, stage.counts, backlog=True)
        return await count(town, load, stage.counts, faults)


CONNECTIONS = 50


async def fair(stage: Stage) -> Counts:
    """50 workspaces: one with a backlog, one whose vendor hangs; the other 48 notice nothing."""
    hanging = Target(stage.dice)
    await hanging.start()
    await hanging.go_down(HANGING)
    quiet = tuple(Way(f"quiet-{n}", ("sale",), workspace=f"W{n}") for n in range(CONNECTIONS - 2))
    ways = (
        Way("backlog", ("sale",), {"limit_calls": 1200, "limit_seconds": 60}, "Backlog"),
        Way("hangs", ("sale",), {"address_api": hanging.url}, "Hangs"),
        *quiet,
    )
    try:
        async with stage.playing(ways) as (town, load, target):
            for way in ("backlog", "hangs"):
                await load.stream(
                    mixed(stage, stage.size(200, 1500, 5000), (way,), begin=len(load.sent)), 1000.0
                )
            await load.all_acknowledged(60)
            names = tuple(way.name for way in quiet)
            number = int(stage.seconds(15, 30, 120) * 20)
            await load.stream(_apart(mixed(stage, number, names, begin=10**6)), 20.0)
            await asyncio.sleep(2)
            mine = [one for one in load.sent.values() if one.way in names]
            waits = sorted(
                target.arrived[one.event] - one.begun for one in mine if one.event in target.arrived
            )
            late = len(mine) - len(waits)
            stage.counts.check(late == 0, f"{late} events of quiet workspaces had not arrived after 2 s")
            p95 = waits[int(len(waits) * 0.95)]
            stage.counts.check(p95 < 2, f"the p95 of quiet workspaces was {p95:.1f} s")
            left = await town.value("select count(*) from item")
            stage.counts.check(left > 0, "the backlog was over too soon to be in anybody's way")
            stage.counts.notes |= {"p95 of 48 quiet workspaces": f"{p95:.2f} s", "backlog meanwhile": left}
            await hanging.come_back()
            await town.rows("update connection set settings = settings - 'limit_calls' returning id")
            went_by = asyncio.create_task(minutes(town))
            await settle(town, load, stage.counts, patience=120, backlog=True)
            went_by.cancel()
            target.add(hanging)
            return await count(town, load, stage.counts)
    finally:
        await hanging.stop()


def _apart(events: Iterator[Event]) -> Iterator[Event]:
    """Give each workspace people of its own: all of them stand for one target, which knows no workspaces."""
    for way, record, data in events:
        yield way, record, {**data, "email": f"{way}-{data['email']}"}


SCENARIOS = (
    Scenario("several", "Several keys, several rules, runs that wait for a day", several),
    Scenario("fairness", "50 workspaces, one with a backlog and one whose vendor hangs", fair),
)
