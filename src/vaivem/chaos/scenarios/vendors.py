"""Vendors at their worst: answers lost, away for days, credentials refused, limits, records they refuse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from vaivem.chaos.counting import Counts, count, settle
from vaivem.chaos.load import Load
from vaivem.chaos.scenarios.kills import Event, mixed
from vaivem.chaos.stage import Scenario, Stage
from vaivem.chaos.target import FAILING, REFUSED, Window
from vaivem.chaos.town import Town, Way, until
from vaivem.cli import parts

HOUR = 3600.0

# Answers lost after the work

REPLIES = (
    Way("update", ("update",)),
    Way("keyed", ("create_keyed",)),
    Way("found", ("create_found",)),
    Way("unsafe", ("create_unsafe",)),
)
DROP = 0.05


async def lost_replies(stage: Stage) -> Counts:
    """Lose 5 % of the replies after the vendor did the work, for each kind of repeat-safety."""
    async with stage.playing(REPLIES) as (town, load, target):
        target.drop = DROP
        each = stage.size(100, 1000, 10000)
        rate = 400.0
        await load.stream(_creates(each), rate)
        await settle(town, load, stage.counts, patience=300, backlog=True)
        await count(town, load, stage.counts)
        notes = stage.counts.notes
        notes["of each kind"], notes["replies dropped"] = each, dict(target.dropped)
        dropped = target.dropped["unsafe"]
        stage.counts.check(
            stage.counts.decisions == dropped, f"{dropped} unsafe writes in doubt, not all asked for"
        )
        return stage.counts


def _creates(each: int) -> Iterator[Event]:
    for number in range(each):
        for way in REPLIES:
            yield way.name, f"{way.name}-{number}", {"place": 1}


# Away

AWAY = (Way("sale", ("sale",)), Way("update", ("update",)), Way("found", ("create_found",)))


async def days_away(stage: Stage) -> Counts:
    """Three days without the vendor, by the simulated clock: refused, failing, refused; then it is back."""
    async with stage.playing(AWAY) as (town, load, target):
        number = stage.size(500, 2000, 5000)
        await target.go_down(REFUSED)
        await load.stream(mixed(stage, number, ("sale", "update", "found")), 500.0)
        stage.counts.check(
            await load.all_acknowledged(60), "deliveries were not taken while the vendor is down"
        )
        for how in (REFUSED, FAILING, REFUSED):
            await target.come_back()
            await target.go_down(how)
            for _ in range(24):
                await town.pass_time(HOUR)
                await asyncio.sleep(0.3)
        waiting = await town.value("select count(*) from item")
        stage.counts.check(waiting == number, f"{waiting} of {number} runs waited after three days")
        stage.counts.check(
            await town.value("select count(*) from run") == 0, "runs ended while the vendor was down"
        )
        await target.come_back()
        went_by = asyncio.create_task(minutes(town))
        await settle(town, load, stage.counts, patience=120, backlog=True)
        went_by.cancel()
        await count(town, load, stage.counts)
        stage.counts.check(stage.counts.failed == 0, f"{stage.counts.failed} runs failed")
        stage.counts.notes["waited for three days"] = waiting
        return stage.counts


async def minutes(town: Town) -> None:
    """Let a minute go by every half second: pauses end by themselves, as they would."""
    while True:
        await asyncio.sleep(0.5)
        await town.pass_time(60.0)


async def refused_credentials(stage: Stage) -> Counts:
    """The vendor takes the credentials no more, until a person reconnects."""
    async with stage.playing(AWAY) as (town, load, target):
        number = stage.size(200, 1000, 5000)
        flow = asyncio.create_task(load.stream(mixed(stage, number, ("sale", "update", "found")), 250.0))
        await asyncio.sleep(number / 250.0 / 4)
        target.token = "another"  # noqa: S105 - of a vendor that lives for a minute on loopback
        await flow
        stage.counts.check(
            await load.all_acknowledged(60), "deliveries were not taken while credentials fail"
        )
        states = "select count(*) from gate where state = 2"
        stage.counts.check(
            await until(lambda: _is(town, states, len(AWAY)), 30),
            "not every connection asked for a reconnect",
        )
        waiting = await town.value("select count(*) from item")
        for way in AWAY:
            await parts.call(town.config, "chaos-reconnect", str(town.made[way.name]["target"]), "another")
        begun = time.monotonic()
        await settle(town, load, stage.counts, patience=60, backlog=True)
        await count(town, load, stage.counts)
        stage.counts.check(stage.counts.failed == 0, f"{stage.counts.failed} runs failed")
        stage.counts.notes["waited for the reconnect"] = waiting
        stage.counts.notes["drained after it in"] = f"{time.monotonic() - begun:.1f} s"
        return stage.counts


async def _is(town: Town, query: str, wanted: int) -> bool:
    return bool(await town.value(query) == wanted)


async def _none(town: Town, query: str, *arguments: object) -> bool:
    return bool(await town.value(query, *arguments) == 0)


# Limits

MINUTE = 60.0
LIMIT = 600


async def storms(stage: Stage) -> Counts:
    """429 at random; then three workers at the vendor's limit, counted by it in any rolling minute."""
    settings = {"limit_calls": LIMIT, "limit_seconds": MINUTE}
    ways = (Way("keyed", ("create_keyed",), settings), Way("stormy", ("sale",)))
    async with stage.playing(ways, workers=3) as (town, load, target):
        target.storm = 0.2
        await load.stream(mixed(stage, stage.size(100, 400, 2000), ("stormy",)), 100.0)
        await until(lambda: _is(town, "select count(*) from item", 0), 120)
        target.storm = 0.0
        window = target.window = Window(LIMIT, MINUTE)
        minutes = stage.seconds(30, 130, 250) / MINUTE
        number = int(LIMIT * minutes * 1.05)
        await load.stream(mixed(stage, number, ("keyed",), begin=10**6), 300.0)
        begun = window.times[0]
        await asyncio.sleep(begun + minutes * MINUTE - time.monotonic())
        waiting = await town.value("select count(*) from item")
        stage.counts.check(waiting > 0, "the budget was not used to its end: nothing waited")
        used = window.counted(begun + MINUTE / 2, time.monotonic()) / LIMIT
        stage.counts.check(window.most <= LIMIT, f"{window.most} calls in a minute, {LIMIT} allowed")
        stage.counts.check(window.refused == 0, f"{window.refused} calls were refused")
        stage.counts.check(used >= 0.95, f"{used:.1%} of the limit was used, not 95 %")
        stage.counts.notes |= {
            "most calls in a rolling minute": f"{window.most} of {LIMIT}",
            "of the limit used": f"{used:.1%}",
        }
        target.window = None
        await _open_budget(town)
        await settle(town, load, stage.counts, patience=60, backlog=True)
        return await count(town, load, stage.counts)


async def _open_budget(town: Town) -> None:
    """Lift the limit, so that the rest of the backlog ends soon."""
    await town.rows(
        "update connection set settings = settings - 'limit_calls' - 'limit_seconds' returning id"
    )


SPEED = 4.0
LIVE_PER_MINUTE = 20
BULK_LIMIT = 120


async def live_before_bulk(stage: Stage) -> Counts:
    """A backfill that needs the whole budget for hours; 20 live events a minute must not wait for it."""
    settings = {"limit_calls": BULK_LIMIT, "limit_seconds": MINUTE}
    async with stage.playing((Way("keyed", ("create_keyed",), settings),), workers=2) as (town, load, _):
        bulk = stage.size(500, 6000, 15000)
        conn = town.made["keyed"]["target"]
        await town.rows("update gate set state = 2 where conn = $1 returning conn", conn)
        await load.stream(mixed(stage, bulk, ("keyed",)), 1000.0)
        await load.all_acknowledged(60)
        # As what was caught up is laid down: of the lowest priority.
        await town.rows("update event set bulk = true returning id")
        await town.rows("update lane set prio = 0 returning key")
        await town.rows("update gate set state = 0 where conn = $1 returning conn", conn)
        faster = asyncio.create_task(_faster(town, SPEED))
        minutes = stage.size(1.0, 5.0, 10.0)
        live = mixed(stage, int(LIVE_PER_MINUTE * minutes), ("keyed",), begin=10**6)
        begun = time.monotonic()
        await load.stream(live, LIVE_PER_MINUTE / MINUTE * SPEED)
        taken = (time.monotonic() - begun) * SPEED / MINUTE
        await asyncio.sleep(15.0 / SPEED)
        faster.cancel()
        await _checked_live(stage, town, load, bulk, taken)
        await _open_budget(town)
        await settle(town, load, stage.counts, patience=120, backlog=True)
        return await count(town, load, stage.counts)


async def _checked_live(stage: Stage, town: Town, load: Load, bulk: int, minutes: float) -> None:
    arrived, counts = town.target.arrived, stage.counts
    late = [one for one in load.sent.values() if int(one.event) > bulk]
    waits = sorted((arrived[one.event] - one.begun) * SPEED for one in late if one.event in arrived)
    counts.check(len(waits) == len(late), f"{len(late) - len(waits)} live events had not arrived")
    p95 = waits[int(len(waits) * 0.95)] if waits else float("inf")
    done = sum(one.event in arrived for one in load.sent.values()) - len(waits)
    counts.check(p95 < 15, f"the p95 of live events was {p95:.1f} s")
    counts.check(done < bulk, "the backfill was over before the live events were")
    counts.notes |= {
        "live p95": f"{p95:.1f} s",
        "simulated minutes": round(minutes, 1),
        "bulk calls a minute meanwhile": round(done / minutes, 1),
    }


async def _faster(town: Town, speed: float) -> None:
    """Let the simulated clock go faster than the machine's."""
    before = time.monotonic()
    while True:
        await asyncio.sleep(0.1)
        now = time.monotonic()
        await town.pass_time((now - before) * (speed - 1))
        before = now


# Poison


async def poison(stage: Stage) -> Counts:
    """One record in a thousand that the vendor refuses, and one that it stumbles over again and again."""
    async with stage.playing((Way("update", ("update",)),)) as (town, load, target):
        number = stage.size(500, 1000, 5000)
        events = list(mixed(stage, number, ("update",)))
        for place in range(number // 3, number, 1000):
            target.poisoned.add(str(place + 1))
        target.cursed.add(str(number // 5))
        await load.stream(events, 100.0)
        cursed = load.sent[next(iter(target.cursed))].record
        joined = "select count(*) from item i join event e on e.ws = i.ws and e.id = i.event_id"
        others = f"{joined} where e.record <> $1"
        stage.counts.check(await until(lambda: _none(town, others, cursed), 30), "the other records wait too")
        target.cursed.clear()
        went_by = asyncio.create_task(minutes(town))
        await settle(town, load, stage.counts, patience=30, backlog=True)
        went_by.cancel()
        await count(town, load, stage.counts)
        refused = len(target.poisoned)
        stage.counts.check(
            stage.counts.failed == refused, f"{stage.counts.failed} runs failed, not {refused}"
        )
        waits = sorted(
            target.arrived[one.event] - one.begun
            for one in load.sent.values()
            if one.event in target.arrived and one.record != cursed
        )
        p99 = waits[int(len(waits) * 0.99)]
        stage.counts.check(p99 < 5, f"the p99 of the others was {p99:.1f} s")
        stage.counts.notes |= {"refused": refused, "p99 of the others": f"{p99:.2f} s"}
        return stage.counts


# Order

RECORDS, UPDATES = 100, 200


async def order(stage: Stage) -> Counts:
    """Many updates to each of 100 records, by a vendor that stumbles, with two workers of which one dies."""
    async with stage.playing((Way("update", ("update",)),), workers=2) as (town, load, target):
        target.drop, target.storm = 0.01, 0.002
        each = stage.size(10, 50, UPDATES)
        flow = asyncio.create_task(load.stream(_rounds(each), 400.0))
        for _ in range(3):
            await asyncio.sleep(RECORDS * each / 400.0 / 4)
            town.kill(stage.dice.choice(town.worker_names()))
        await flow
        await load.all_acknowledged(120)
        target.drop = target.storm = 0.0
        await settle(town, load, stage.counts, patience=120, backlog=True)
        await count(town, load, stage.counts)
        stage.counts.notes["records and updates"] = f"{RECORDS} × {each}"
        return stage.counts


def _rounds(each: int) -> Iterator[Event]:
    for place in range(1, each + 1):
        for record in range(RECORDS):
            yield "update", f"thing-{record}", {"place": place}


SCENARIOS = (
    Scenario(
        "replies", "5 % of the replies lost after the work, for each kind of repeat-safety", lost_replies
    ),
    Scenario("days-away", "The vendor down for three days (simulated clock)", days_away),
    Scenario("credentials", "Credentials revoked, then reconnected", refused_credentials),
    Scenario("storms", "429 at random; three workers at the vendor's limit", storms),
    Scenario("live-first", "Live events beside a backfill that needs the whole budget", live_before_bulk),
    Scenario("poison", "One record in a thousand is refused, one is failed on for ever", poison),
    Scenario("order", "Updates of 100 records stay in order", order),
)
