"""Replays: runs of the past repeated with the rule of today, as many as a member asks for.

A replay is looked at first (what would be done, what would still fail), and started by a person. Then its
runs are put at the end of their lanes, a few at a time, as bulk. All that is known of it is in the tables
`replay` and `replay_run`: whichever worker is there goes on with it, and a killed one loses nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import asyncpg
import orjson

from vaivem.connectors.sdk import Delivery, Event
from vaivem.core.errors import VaivemError
from vaivem.core.identity import record_hash
from vaivem.engine.desk import Desk, clean
from vaivem.engine.foresight import Foresight, JournalReader, Kept, foresee
from vaivem.engine.journal import is_away
from vaivem.engine.lane_keys import lane_key
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line, RuleUse

SLICE = 25
MOST_UNDER_WAY = 200
IDLE_SECONDS = 1.0
BUSY_SECONDS = 0.05
PROBLEMS_KEPT = 5

log = logging.getLogger(__name__)


class ReplayState(IntEnum):
    """How a replay stands."""

    LOOKING = 0
    LOOKED_AT = 1
    UNDER_WAY = 2
    DONE = 3
    STOPPING = 4
    STOPPED = 5


class Part(IntEnum):
    """How one of its runs stands."""

    NEW = 0
    READY = 1
    FAILS = 2
    NOTHING = 3
    CANNOT = 4
    OVERTAKEN = 5
    QUEUED = 6
    DONE = 7
    FAILED = 8
    ENDED = 9
    LEFT_OUT = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out of one run."""

    run: int
    part: Part
    code: str = ""
    params: Mapping[str, Any] | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """A run with the lane that its repetition belongs into."""

    row: asyncpg.Record
    use: RuleUse
    lane: int
    event: Event
    line: Line


class CannotRepeatError(VaivemError):
    """A run that cannot be repeated, and why."""

    default_code = "run_cannot_be_repeated"


class Replays:
    """Goes on with every replay that is open, a slice at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            busy = False
            try:
                busy = await self.step()
            except Exception as error:
                if is_away(error):
                    raise
                log.exception("A replay could not go on; it is tried again")
                await asyncio.sleep(IDLE_SECONDS)
            await asyncio.sleep(BUSY_SECONDS if busy else IDLE_SECONDS)

    async def step(self) -> bool:
        """Do a slice of one replay, in one transaction; return whether there was something to do."""
        async with self._desk.pool.acquire() as db, db.transaction():
            row = await db.fetchrow(statement("replays", "next"))
            if row is None:
                return False
            await db.execute(statement("replays", "touch"), row["ws"], row["id"])
            if row["state"] == ReplayState.LOOKING:
                return await self._look(db, row)
            busy = await self._go_on(db, row)
        if busy:
            await self._desk.pool.execute("notify vv_lanes")
        return busy

    async def _look(self, db: Any, replay: asyncpg.Record) -> bool:
        """Say of the next runs what repeating them would do."""
        ws, number = replay["ws"], replay["id"]
        rows = await db.fetch(statement("replays", "unexamined"), ws, number, [Part.NEW], SLICE, 0)
        if not rows:
            await self._move(db, replay, ReplayState.LOOKING, ReplayState.LOOKED_AT)
            return True
        reads = await self._reads(db, ws, [row["run_id"] for row in rows])
        verdicts, placed = [], []
        for row in rows:
            try:
                one = self._place(ws, row)
                verdicts.append(self._examine(one, reads.get(row["run_id"], [])))
                placed.append(one)
            except CannotRepeatError as error:
                verdicts.append(Verdict(row["run_id"], Part.CANNOT, error.code, error.params))
            await asyncio.sleep(0)  # other runs of this worker have their turn
        late = await self._overtaken(db, ws, placed)
        await self._note(db, replay, [_late(one) if one.run in late else one for one in verdicts])
        return True

    async def _reads(self, db: Any, ws: int, runs: list[int]) -> dict[int, list[Kept]]:
        found: dict[int, list[Kept]] = {}
        for row in await db.fetch(statement("replays", "reads"), ws, runs):
            kept = Kept(row["name"], row["status"], row["response"] or b"")
            found.setdefault(row["run_id"], []).append(kept)
        return found

    def _place(self, ws: int, row: asyncpg.Record) -> Placed:
        """Read the event as it is read today, and find its lane. Raises CannotRepeatError."""
        if not row["there"]:
            raise CannotRepeatError("run_not_there")
        if not row["kept"]:
            raise CannotRepeatError("event_is_gone")
        use = self._desk.topology.rules.get(row["rule"])
        if use is None or use.workspace != ws:
            raise CannotRepeatError("rule_is_off")
        line = self._desk.topology.lines.get(row["conn"])
        if line is None or line.connector.webhooks is None:
            raise CannotRepeatError("connection_is_gone")
        if use.source != row["conn"]:
            raise CannotRepeatError("rule_starts_elsewhere")
        headers = orjson.loads(row["headers"])
        delivery = Delivery(row["method"], row["path"], row["query"], headers, row["body"])
        try:
            event = line.connector.webhooks.parse(delivery, line.connection)[row["part"]]
            record = use.trigger.record(event, use.options)
        except (VaivemError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise CannotRepeatError("event_unreadable") from error
        return Placed(row, use, lane_key(use.source, event.object, record, use.id), event, line)

    def _examine(self, one: Placed, reads: Sequence[Kept]) -> Verdict:
        run, use = one.row["run_id"], one.use
        zone = self._desk.topology.zones.get(use.workspace, "America/Sao_Paulo")
        reader = JournalReader(one.line.connection, reads)
        now = self._desk.clock.now()
        found = foresee(use.compiled, use.trigger, one.event, reader, zone=zone, now=now)
        return _verdict(run, use.version, found)

    async def _overtaken(self, db: Any, ws: int, placed: Sequence[Placed]) -> set[int]:
        """Return the runs whose record has had a newer event since."""
        asked = [
            (
                one.row["run_id"],
                one.row["event_id"],
                one.use.id,
                one.row["conn"],
                one.row["object"],
                one.row["record"],
                record_hash(ws, one.row["record"]),
                one.lane,
            )
            for one in placed
        ]
        columns = [[row[place] for row in asked] for place in range(8)]
        rows = await db.fetch(statement("replays", "overtaken"), ws, *columns)
        return {row["run_id"] for row in rows}

    async def _note(self, db: Any, replay: asyncpg.Record, verdicts: Sequence[Verdict]) -> None:
        if verdicts:
            await db.execute(
                statement("replays", "note"),
                replay["ws"],
                replay["id"],
                [one.run for one in verdicts],
                [int(one.part) for one in verdicts],
                [one.code for one in verdicts],
                [json.dumps(clean(dict(one.params or {})), ensure_ascii=False) for one in verdicts],
                [one.version for one in verdicts],
            )

    async def _go_on(self, db: Any, replay: asyncpg.Record) -> bool:
        """Note what has ended, and put more runs into their lanes, or take them out of these again."""
        ws, number = replay["ws"], replay["id"]
        if replay["state"] == ReplayState.STOPPING:
            await db.execute(statement("replays", "withdraw"), ws, number)
            await db.execute(statement("replays", "leave_out"), ws, number)
        await db.execute(statement("replays", "settle"), ws, number)
        under_way = await db.fetchval(statement("replays", "under_way"), ws, number)
        if replay["state"] == ReplayState.UNDER_WAY:
            room = min(SLICE, MOST_UNDER_WAY - under_way)
            if room > 0 and await self._feed(db, replay, room):
                return True
            if not under_way and not await self._left(db, replay):
                await self._move(db, replay, ReplayState.UNDER_WAY, ReplayState.DONE)
        elif not under_way:
            await self._move(db, replay, ReplayState.STOPPING, ReplayState.STOPPED)
        return False

    def _wanted(self, replay: asyncpg.Record) -> list[int]:
        return [Part.READY, Part.OVERTAKEN] if replay["older"] else [Part.READY]

    async def _next_rows(self, db: Any, replay: asyncpg.Record, number: int) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await db.fetch(
            statement("replays", "unexamined"), replay["ws"], replay["id"], self._wanted(replay), number, 0
        )
        return rows

    async def _left(self, db: Any, replay: asyncpg.Record) -> bool:
        return bool(await self._next_rows(db, replay, 1))

    async def _feed(self, db: Any, replay: asyncpg.Record, room: int) -> int:
        """Put the next runs into their lanes, oldest first. Return how many were looked at."""
        ws = replay["ws"]
        rows = await self._next_rows(db, replay, room)
        placed, verdicts = [], []
        for row in rows:
            try:
                placed.append(_as_looked_at(self._place(ws, row)))
            except CannotRepeatError as error:
                verdicts.append(Verdict(row["run_id"], Part.CANNOT, error.code, error.params))
            await asyncio.sleep(0)
        if placed:
            await db.execute(
                statement("replays", "lock_lanes"),
                ws,
                [one.lane for one in placed],
                [one.use.id for one in placed],
                [one.use.gate for one in placed],
            )
        # Only now: with the lanes locked, no newer event can come between this look and our runs.
        late = set() if replay["older"] else await self._overtaken(db, ws, placed)
        verdicts += [_late(Verdict(run, Part.READY)) for run in late]
        await self._note(db, replay, verdicts)
        await self._enqueue(db, replay, [one for one in placed if one.row["run_id"] not in late])
        return len(rows)

    async def _enqueue(self, db: Any, replay: asyncpg.Record, placed: Sequence[Placed]) -> None:
        if placed:
            await db.execute(
                statement("replays", "enqueue"),
                replay["ws"],
                replay["id"],
                [one.row["run_id"] for one in placed],
                [one.row["event_id"] for one in placed],
                [one.lane for one in placed],
                [self._desk.ids.next() for _ in placed],
                [one.use.id for one in placed],
                [one.use.version for one in placed],
            )

    async def _move(self, db: Any, replay: asyncpg.Record, before: int, after: int) -> None:
        await db.execute(statement("replays", "move"), replay["ws"], replay["id"], int(before), int(after))


def _verdict(run: int, version: int, found: Foresight) -> Verdict:
    if found.ending:
        return Verdict(run, Part.NOTHING, found.ending, {"tests": list(found.tests)}, version)
    if found.problems:
        problems = [problem.to_dict() for problem in found.problems[:PROBLEMS_KEPT]]
        return Verdict(run, Part.FAILS, "mapping_failed", {"problems": problems}, version)
    return Verdict(run, Part.READY, "not_known_before" if found.unknown else "", {}, version)


def _as_looked_at(one: Placed) -> Placed:
    """Return it if its rule still is the one that a person saw the outcome of. Raises CannotRepeatError."""
    if one.use.version != one.row["version"]:
        raise CannotRepeatError("rule_changed_since")
    return one


def _late(verdict: Verdict) -> Verdict:
    if verdict.part is not Part.READY:
        return verdict
    return Verdict(verdict.run, Part.OVERTAKEN, "newer_event_done", {}, verdict.version)
