"""Rules that wait until a field goes from a value to a value: what was there before, and what is there now.

What was judged is kept with the run, for a run that is taken up again, or repeated, goes on as it began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from vaivem.connectors.sdk import Connection, Event, Trigger
from vaivem.core.changes import Change, Judgement, Kept, Seen, canonical, judge, restored
from vaivem.core.paths import Scope, reader
from vaivem.engine.lane_keys import lane_key
from vaivem.engine.statements import statement


@dataclass(frozen=True, slots=True)
class Told:
    """What an event says of a field: of whom (`subjects`), its value, and what it was, where it tells."""

    subjects: tuple[str, ...]
    value: Any
    at: datetime | None
    before: Kept | None

    @classmethod
    def of(cls, trigger: Trigger, connection: Connection, event: Event, path: str, scope: Scope) -> Told:
        """Read it: what the event itself tells goes before what was read since."""
        pair = trigger.told_change(connection, event, path)
        value = reader(path)(scope) if pair is None else pair[1]
        before = None if pair is None else Kept(pair[0])
        return cls(trigger.subjects(path, scope), value, event.occurred, before)


@dataclass(frozen=True, slots=True)
class Found:
    """How an event was judged, and both values as they are shown."""

    judgement: Judgement
    before: Any
    after: Any

    def params(self, change: Change) -> dict[str, Any]:
        """Return what the history says of it."""
        return {"field": change.field, "before": _shown(self.before), "after": _shown(self.after)}


def judge_all(
    change: Change, kept: Mapping[str, Kept], told: Told, trigger: Trigger, zone: str
) -> tuple[Found, tuple[str, ...]]:
    """Judge for each subject; one that changed as the rule says counts. Also return whose value is kept."""
    found: list[Found] = []
    fresh: list[str] = []
    place = trigger.place(change.field, told.value)
    for subject in told.subjects:
        known = kept.get(subject)
        kept_place = trigger.place(change.field, known.value) if known else None
        seen = Seen(told.value, told.at, told.before, place, kept_place)
        judgement = judge(change, known, seen, zone=zone)
        before = told.before or known
        found.append(Found(judgement, before.value if before else None, told.value))
        if judgement is not Judgement.LATE:
            fresh.append(subject)
    order = list(Judgement)
    return min(found, key=lambda one: order.index(one.judgement)), tuple(fresh)


async def look(
    pool: asyncpg.Pool, ws: int, rule: int, run: int, record: str, change: Change, told: Told,
    trigger: Trigger, zone: str,
) -> Found:  # fmt: skip
    """Judge what an event tells of a rule's field, once for each run (`run`: the first of its repeats)."""
    row = await pool.fetchrow(statement("changes", "told"), ws, run)
    if row is not None:
        return Found(Judgement(row["code"]), restored(row["before"] or ""), restored(row["after"]))
    keys = {_key(record, change, subject): subject for subject in told.subjects}
    rows = await pool.fetch(statement("changes", "kept"), ws, rule, list(keys))
    kept = {keys[one["key"]]: Kept(restored(one["value"]), one["told"]) for one in rows}
    found, fresh = judge_all(change, kept, told, trigger, zone)
    await _keep(pool, (ws, rule, run), found, [_key(record, change, one) for one in fresh], told)
    return found


async def _keep(
    pool: asyncpg.Pool, place: tuple[int, int, int], found: Found, keys: Sequence[int], told: Told
) -> None:
    before, after = canonical(found.before), canonical(found.after)
    code, value = found.judgement.value, canonical(told.value)
    await pool.execute(statement("changes", "keep"), *place, code, before, after, list(keys), value, told.at)


def _key(record: str, change: Change, subject: str) -> int:
    return lane_key("value", record, change.field, subject)


def _shown(value: Any) -> str:
    return "" if value is None else str(value)[:200]
