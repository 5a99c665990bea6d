"""Processes that are killed while events go through: at random."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

from vaivem.chaos.counting import Counts, Faults, count, settle
from vaivem.chaos.stage import Scenario, Stage
from vaivem.chaos.town import Town, Way

PARTS = ("worker", "web", "database")
WAYS = (
    Way("sale", ("sale",)),
    Way("update", ("update",)),
    Way("keyed", ("create_keyed",)),
    Way("found", ("create_found",)),
    Way("unsafe", ("create_unsafe",)),
    Way("known", ("create_known",)),
)
LIVES = 3  # each process dies at least so often
DROP = 0.01


def mixed(
    stage: Stage, number: int, *, ways: tuple[str, ...] = ()
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield events of all kinds: half sales (some people buy twice), a quarter updates of 40 records."""
    places = dict.fromkeys((f"thing-{n}" for n in range(40)), 0)
    for event in range(number):
        way = stage.dice.choice(
            ways or ("sale", "sale", "sale", "update", "update", "keyed", "found", "known", "unsafe")
        )
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


async def kill_at_random(stage: Stage) -> Counts:
    """Kill worker, web and the embedded database in a drawn order, each at least three times."""
    async with stage.playing(WAYS) as (town, load, target):
        target.drop = DROP
        number, rate = stage.size((1500, 80.0), (4000, 130.0), (20000, 150.0))
        seconds = stage.seconds(stage.room(number / rate), number / rate, number / rate)
        faults = Faults()
        flow = asyncio.create_task(load.stream(mixed(stage, number), number / seconds))
        await _kill(stage, town, faults, seconds)
        await flow
        target.drop = 0.0
        await settle(town, load, stage.counts)
        _expect_kills(stage.counts, faults)
        await count(town, load, stage.counts, faults)
        stage.counts.notes["answers dropped"] = sum(target.dropped.values())
        return stage.counts


async def _kill(stage: Stage, town: Town, faults: Faults, seconds: float) -> None:
    """Kill parts evenly over the seconds, in a drawn order."""
    rounds = max(LIVES, int(seconds // 12))
    order = [part for _ in range(rounds) for part in stage.dice.sample(PARTS, len(PARTS))]
    begun, gap = time.monotonic(), seconds / (len(order) + 1)
    for number, part in enumerate(order):
        await asyncio.sleep(
            max(0.0, begun + gap * (number + stage.dice.uniform(0.5, 1.0)) - time.monotonic())
        )
        faults.note(part)
        town.kill(part)


def _expect_kills(counts: Counts, faults: Faults) -> None:
    for part in PARTS:
        counts.check(faults.counted().get(part, 0) >= LIVES, f"{part} was killed fewer than {LIVES} times")


SCENARIOS = (
    Scenario("kills", "Worker, web and embedded PostgreSQL killed at random", kill_at_random, short=True),
)
