"""What chaos runs count, from both ends: what was acknowledged, what is at the target, what a person sees."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from vaivem.chaos.evidence import evidence, late_events
from vaivem.chaos.load import Load
from vaivem.chaos.town import Town, until

STUCK_SECONDS = 10.0
MOST_NAMED = 20  # of what was doubled
KINDS = {
    "update": "things",
    "create_keyed": "keyed",
    "create_found": "found",
    "create_known": "known",
    "create_unsafe": "unsafe",
    "sale": "keyed",
}


@dataclass(slots=True)
class Counts:
    """What came of the events of one scenario."""

    sent: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    stuck: int = 0
    recovery_seconds: float | None = None
    decisions: int = 0
    failed: int = 0
    drained_seconds: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the guarantees held."""
        return not (self.lost or self.doubled or self.out_of_order or self.stuck or self.problems)

    def check(self, holds: bool, problem: str) -> None:
        """Note a problem unless something holds."""
        if not holds:
            self.problems.append(problem)

    def to_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"ok": self.ok, **asdict(self)}


class Faults:
    """The faults of a run and when each began; recovery is measured from them."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, float]] = []

    def note(self, what: str) -> None:
        """A fault begins now."""
        self.begun.append((what, time.monotonic()))

    def recovery(self, load: Load, arrived: dict[str, float]) -> tuple[float, str] | None:
        """Return the longest time from a fault to the first arrival of an event sent after it, and which."""
        news = sorted((one.begun, arrived[one.event]) for one in load.sent.values() if one.event in arrived)
        slowest: tuple[float, str] | None = None
        for what, at in self.begun:
            after = [arrival for begun, arrival in news if begun >= at]
            if after and (slowest is None or min(after) - at > slowest[0]):
                slowest = (min(after) - at, what)
        return slowest

    def counted(self) -> dict[str, int]:
        """Return how many there were of each."""
        return dict(Counter(what for what, _ in self.begun))


async def settle(
    town: Town, load: Load, counts: Counts, *, patience: float = 90.0, backlog: bool = False
) -> None:
    """Wait, from the end of the faults, until every acknowledged event is done, failed or listed.

    Notes what is stuck after ten seconds; of a `backlog` what does not move for ten seconds.
    """
    begun = moved = time.monotonic()
    counts.check(await load.all_acknowledged(patience), "deliveries were not answered 2xx after the faults")
    marked, left = False, -1
    while time.monotonic() - begun < patience:
        now_left = await _left(town)
        if now_left == 0:
            break
        moved = time.monotonic() if now_left != left else moved
        left = now_left
        since = moved if backlog else begun
        if not marked and time.monotonic() - since >= STUCK_SECONDS:
            marked, counts.stuck = True, await _unlisted(town)
        await asyncio.sleep(0.25)
    else:
        counts.stuck = max(counts.stuck, await _unlisted(town))
        counts.problems.append(f"{left} runs were not done {patience:.0f} s after the faults")
        await town.look()
    counts.drained_seconds = round(time.monotonic() - begun, 1)


async def count(town: Town, load: Load, counts: Counts, faults: Faults | None = None) -> Counts:
    """Fill in what is counted at both ends."""
    target = town.target
    counts.sent = len(load.sent)
    counts.acknowledged = sum(one.acknowledged is not None for one in load.sent.values())
    # The lists first: what is done meanwhile is at the target by then, and not lost between two looks.
    listed, waiting = await _listed(town), await _waiting(town)
    odd: list[str] = []
    seen = Counter((event, kind) for event, made in target.created.items() for kind, _ in made)
    seen.update((one.event, "things") for updates in target.updates.values() for one in _firsts(updates))
    for one in load.sent.values():
        wanted = Counter(KINDS[action] for action in town.ways[one.way].actions)
        for kind, number in wanted.items():
            has = seen[one.event, kind]
            if kind == "known":  # made once for all events that know the person; the others update it
                has = int(one.event in target.arrived)
            if has > number:
                counts.doubled += has - number
                named = counts.notes.setdefault("doubled", [])
                named += [f"{one.event} {kind}"] if len(named) < MOST_NAMED else []
                odd.append(one.event)
            missing = number - has
            known = min(missing, listed[one.event] + waiting[one.event])
            if one.acknowledged is not None and missing > known:
                counts.lost += missing - known
                odd.append(one.event)
    people = sum(number - 1 for number in target.people.values() if number > 1)
    twins = _twins(target.known)
    if people or twins:
        counts.notes["doubled_records"] = {"people": people, "known": twins}
        odd += _behind(load, {email for email, number in target.people.items() if number > 1})
    counts.doubled += people + twins
    late = [pair for updates in target.updates.values() for pair in late_events(updates)]
    counts.out_of_order = len(late)
    counts.decisions = await town.value("select count(*) from decision where answer is null")
    counts.failed = await town.value("select count(*) from run where status in (2, 4)")
    if faults is not None and faults.begun:
        found = faults.recovery(load, target.arrived)
        if found is not None:
            counts.recovery_seconds, counts.notes["slowest_recovery_from"] = round(found[0], 2), found[1]
        counts.notes["faults"] = faults.counted()
    if odd or late:
        odd = [event for pair in late for event in pair] + odd
        counts.notes["evidence"] = await evidence(town, load, odd, faults.begun if faults else ())
    return counts


def _behind(load: Load, emails: set[str]) -> list[str]:
    """Return the events that spoke of these people."""
    return [one.event for one in load.sent.values() if one.email in emails]


async def _left(town: Town) -> int:
    """Return how many runs are neither done nor waiting for a person; 1 for a database that is away."""
    query = """
        select count(*) from item i where not exists (
          select 1 from pending p
          where p.ws = i.ws and p.lane = i.lane and p.state in ('decision', 'held'))"""
    found = [1]

    async def ask() -> bool:
        found[0] = await town.value(query)
        return True

    await until(ask, 5)
    return found[0]


async def _unlisted(town: Town) -> int:
    """Return how many runs no list shows as waiting for something."""
    query = (
        "select count(*) from item i where not exists ("
        " select 1 from pending p where p.ws = i.ws and p.lane = i.lane)"
    )
    return int(await town.value(query))


async def _listed(town: Town) -> Counter[str]:
    """Return by event how many of its runs a person sees as waiting, failed, stopped or rejected."""
    query = """
        select e.title, count(*) from pending p join event e on e.ws = p.ws and e.id = p.event_id group by 1
        union all
        select e.title, count(*) from run r join event e on e.ws = r.ws and e.id = r.event_id
        where r.status in (2, 4) group by 1"""
    found: Counter[str] = Counter()
    for title, number in await town.rows(query):
        found[title] += number
    return found


async def _waiting(town: Town) -> Counter[str]:
    """Return by event how many of its runs wait in a lane."""
    query = """
        select e.title, count(*) from item i join event e on e.ws = i.ws and e.id = i.event_id
        where not exists (select 1 from pending p where p.ws = i.ws and p.run_id = i.run_id) group by 1"""
    return Counter({row[0]: row[1] for row in await town.rows(query)})


def _firsts(updates: list[Any]) -> list[Any]:
    """Return updates without those that repeat the one before: an idempotent write may be sent again."""
    return [one for at, one in enumerate(updates) if at == 0 or updates[at - 1].event != one.event]


def _twins(records: list[set[str]]) -> int:
    """Return how many records share a key with an earlier one."""
    before: set[str] = set()
    twins = 0
    for keys in records:
        twins += bool(keys & before)
        before |= keys
    return twins
