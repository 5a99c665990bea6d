"""What is known of events that were not counted as they should be, for whoever looks for the cause."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from vaivem.chaos.load import Load
from vaivem.chaos.target import Update
from vaivem.chaos.town import Town

MOST = 20
RUNS = "(select ws, id, event_id from run union all select ws, run_id, event_id from item)"
STEPS = f"""
    select e.title, s.at, s.run_id, s.n, s.try, s.name, s.write, s.done, s.status, s.code, s.ms
    from step s join {RUNS} r on r.ws = s.ws and r.id = s.run_id
    join event e on e.ws = r.ws and e.id = r.event_id where e.title = any($1)"""  # noqa: S608 - our own words
ENDS = """
    select e.title, r.finished as at, r.id as run_id, r.status, r.code, r.tries
    from run r join event e on e.ws = r.ws and e.id = r.event_id where e.title = any($1)"""

Told = tuple[float, str]  # seconds since 1970


async def evidence(
    town: Town, load: Load, events: Iterable[str], faults: Iterable[tuple[str, float]]
) -> list[str]:
    """Return lines in the order of time: faults, deliveries, arrivals at the target, the runs' journals."""
    named = list(dict.fromkeys(events))[:MOST]
    ahead = time.time() - time.monotonic()
    told: list[Told] = [(ahead + at, f"fault: {what}") for what, at in faults]
    for event in named:
        told += [(ahead + at, f"event {event}: {what}") for at, what in _seen(town, load, event)]
    for what, query in (("journal", STEPS), ("run ended", ENDS)):
        rows = await town.rows(query, named)
        told += [(row["at"].timestamp(), f"event {row['title']}: {what} {_shown(row)}") for row in rows]
    return [f"{_moment(at)} {what}" for at, what in sorted(told)]


def _seen(town: Town, load: Load, event: str) -> list[Told]:
    """Return what source and target saw of an event, by this process's steady clock."""
    sent, target = load.sent[event], town.target
    told = [(sent.begun, f"sent first ({sent.way}, {sent.record})")]
    if sent.acknowledged is not None:
        told.append((sent.acknowledged, f"acknowledged, {sent.tries} tries"))
    told += [(at, f"the target made one of {kind}") for kind, at in target.created.get(event, [])]
    for record, updates in target.updates.items():
        told += [(one.at, f"the target put {record} at {one.place}") for one in updates if one.event == event]
    return told


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _shown(row: Any) -> str:
    return " ".join(f"{name}={value}" for name, value in row.items() if name not in ("title", "at"))


def late_events(updates: list[Update]) -> list[tuple[str, str]]:
    """Return the event of each update that arrived after a later one, and the event of that."""
    highest: Update | None = None
    found: list[tuple[str, str]] = []
    for one in updates:
        if highest is None or one.place > highest.place:
            highest = one
        elif one.place < highest.place:
            found.append((one.event, highest.event))
    return found
