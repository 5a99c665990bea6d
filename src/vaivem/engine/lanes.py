"""Lanes: one rule and one source record, worked in order by one worker at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import asyncpg
import orjson
from msgspec.structs import replace

from vaivem.connectors.sdk import Delivery
from vaivem.core.crossing import SHIFT
from vaivem.core.errors import ReconnectError, Recovery, RetryError, RuleError, VaivemError
from vaivem.core.retry import may_retry, next_pause
from vaivem.engine.automations import WAITS, leave, look_once_more
from vaivem.engine.awaiting import AWAITS
from vaivem.engine.awaiting import look_once_more as look_for_event
from vaivem.engine.desk import Desk, Item, RunState
from vaivem.engine.endings import Ending, Status
from vaivem.engine.former import recall_former
from vaivem.engine.gates import HELD, OPEN
from vaivem.engine.ids import time_of
from vaivem.engine.lane_keys import lane_key
from vaivem.engine.memory import Memory, recall
from vaivem.engine.parking import ParkError
from vaivem.engine.runs import Crossed, Execution
from vaivem.engine.statements import statement
from vaivem.engine.topology import RuleUse
from vaivem.engine.traces import traces
from vaivem.logs import about

HELD_LOOK_SECONDS = 60.0
REOPENED_LOOK_SECONDS = 1.0  # a person reconnected while a call with the old access was refused
LIMIT_LOOK_SECONDS = 5.0
ARRIVING_SECONDS = 0.005
BUG = "bug"
BEFORE_ALL = -(2**63)  # a place: runs that are tried again go before the first one

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClaimedLane:
    """A lane that this worker owns now, with its first items. `recover`: its first run began before.

    `changed`: it was worked while it was claimed, and its items are to be read.
    """

    ws: int
    key: int
    gate: int
    tail: int
    recover: bool
    bulk: bool
    items: tuple[Item, ...]
    changed: bool = False


def claimed_lanes(rows: Iterable[asyncpg.Record]) -> list[ClaimedLane]:
    """Group the rows of the statement `claim` by lane."""
    grouped: dict[tuple[int, int], list[asyncpg.Record]] = {}
    for row in rows:
        grouped.setdefault((row["ws"], row["key"]), []).append(row)
    return [
        ClaimedLane(
            ws,
            key,
            own[0]["gate"],
            own[0]["tail"],
            own[0]["recover"],
            own[0]["prio"] == 0,
            tuple(read_item(ws, key, row) for row in own if row["seq"] is not None),
            own[0]["changed"],
        )
        for (ws, key), own in grouped.items()
    ]


def read_item(ws: int, lane: int, row: asyncpg.Record) -> Item:
    """Read one item with its delivery."""
    delivery = None
    if row["body"] is not None:
        headers = orjson.loads(row["headers"])
        delivery = Delivery(row["method"], row["path"], row["query"], headers, row["body"])
    return Item(
        ws,
        lane,
        row["seq"],
        row["run_id"],
        row["event_id"],
        row["rule"],
        row["version"],
        row["conn"] or 0,
        row["part"] or 0,
        bool(row["bulk"]) or row["replay_of"] is not None,
        row["title"] or "",
        delivery,
        row["replay_of"],
        row["begun"],
    )


class After(Enum):
    """What becomes of a lane after one of its runs."""

    NEXT = "next"  # the run ended or left the lane: go on
    GONE = "gone"  # the lane was let go with the run
    PARKED = "parked"  # the lane was given back, to come due later


class LaneWorker:
    """Works the runs of one lane in order, until nothing is left or one of them has to wait."""

    def __init__(self, desk: Desk, lane: ClaimedLane) -> None:
        self._desk = desk
        self._lane = lane

    async def work(self) -> None:
        """Work the lane."""
        items, recover, seq = self._lane.items, self._lane.recover, self._lane.tail
        if self._lane.changed:
            items = await self._more(BEFORE_ALL)
        while True:
            for item in items:
                seq = item.seq
                about.set(item)
                began = recover or item.begun
                memory = await recall(self._desk.pool, item.ws, item.run_id) if began else Memory()
                recover = False
                with traces.run(item):
                    after = await self._one(item, memory, last=item is items[-1])
                if after is not After.NEXT:
                    return
            items = await self._more(seq)
            while not items:
                if await self._let_go(seq):
                    return
                tail = await self._tail()
                if tail is None:
                    return
                items = await self._more(seq)
                if not items:  # what was there is taken away, or an ingest holds the lane
                    seq = tail
                    await asyncio.sleep(ARRIVING_SECONDS)

    async def _more(self, after: int) -> tuple[Item, ...]:
        lane = self._lane
        rows = await self._desk.pool.fetch(
            statement("lanes", "more"), self._desk.lease.worker, lane.ws, lane.key, after
        )
        return tuple(read_item(lane.ws, lane.key, row) for row in rows)

    async def _let_go(self, seq: int) -> bool:
        lane = self._lane
        arguments = (self._desk.lease.worker, lane.ws, lane.key, seq)
        return await self._desk.pool.fetchval(statement("lanes", "let_go"), *arguments) is not None

    async def _tail(self) -> int | None:
        lane = self._lane
        tail: int | None = await self._desk.pool.fetchval(
            statement("lanes", "tail"), self._desk.lease.worker, lane.ws, lane.key
        )
        return tail

    async def _one(self, item: Item, memory: Memory, *, last: bool) -> After:
        state = await self._rule_state(item)
        version = await self._version(item, memory) if state != "paused" else item.version
        item = replace(item, version=version or item.version)
        run = RunState(item, memory)
        if version is None:
            return await self._finish(run, Ending(Status.NOTHING, "test_is_over"), last=last)
        if state == "paused":
            return After.PARKED
        if state == "gone":
            return await self._failed(run, RuleError("connection_is_gone"), last=last)
        if state == "removed" and not memory.tries:
            return await self._finish(run, Ending(Status.STOPPED, "rule_was_removed"), last=last)
        try:
            use, crossings = await self._versions(item, memory)
            if item.delivery is None:
                raise RuleError("event_is_gone")
            if item.replay_of is not None:
                run.former = await recall_former(
                    self._desk.pool, item.ws, item.rule, item.replay_of, item.run_id
                )
            ending = await Execution(self._desk, use, run, lane_key, crossings).run()
        except ParkError as park:
            return await self._park(run, park)
        except VaivemError as error:
            return await self._failed(run, error, last=last)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            raise  # the database: the worker begins anew
        except Exception as error:  # our bug: the run says so, the lane goes on
            log.exception("Run %s ended in a bug", item.run_id)
            return await self._finish(run, _bug(item, error), last=last)
        if ending is None:
            log.debug("Run %s waits: wait", item.run_id)
            traces.ended("waiting", "wait_step")
            return After.NEXT  # it left the lane
        return await self._finish(run, ending, last=last)

    async def _versions(self, item: Item, memory: Memory) -> tuple[RuleUse, list[Crossed]]:
        """Return the version that the run began with, and those that it went on in.

        Moved again while it waited at the same step, it goes on in the last one.
        """
        topology, pool = self._desk.topology, self._desk.pool
        began = memory.crossings[0].before if memory.crossings else item.version
        crossed: list[Crossed] = []
        for number, one in enumerate(memory.crossings, start=1):
            use = await topology.version(pool, item.rule, one.version)
            if crossed and crossed[-1].step == one.step:
                crossed.pop()
            crossed.append(Crossed(one.step, use, number * SHIFT))
        return await topology.version(pool, item.rule, began), crossed

    async def _version(self, item: Item, memory: Memory) -> int | None:
        """Return the version that a run goes by: the draft's when a test waits for this very event.

        None for the run of a draft whose test took an event before: nothing else is taken meanwhile.
        """
        is_test = item.version < 0
        begins = not memory.tries and item.replay_of is None and item.rule in self._desk.topology.tests
        if not is_test and not begins:
            return item.version
        arguments = (item.ws, item.rule, item.run_id, time_of(item.event_id))
        taken: int | None = await self._desk.pool.fetchval(statement("lanes", "take_test"), *arguments)
        return taken if is_test else taken or item.version

    async def _rule_state(self, item: Item) -> str:
        """Return "on" for a rule that takes events; of any other what the database says, at this moment.

        A paused rule's lane is given back with the question, unless its run can only fail ("gone").
        """
        current = self._desk.topology.rules.get(item.rule)
        if current is not None and not current.paused:
            return "on"
        arguments = (self._desk.lease.worker, item.ws, item.lane, item.rule, item.version)
        state: str | None = await self._desk.pool.fetchval(statement("lanes", "rule_state"), *arguments)
        return state or "removed"

    async def _finish(self, run: RunState, ending: Ending, *, last: bool) -> After:
        gone = await self._desk.flush(run, finish=ending.finish(run), let_go=last)
        if run.person:
            await leave(self._desk, run)
        self._desk.breaker.note(run.item, run.records)
        if ending.code != BUG:  # that was logged with its trace
            # Codes alone: what fills their texts is people's data.
            level = logging.INFO if ending.status is Status.FAILED else logging.DEBUG
            what = f"{ending.status.name.lower()} {ending.code}".rstrip()
            log.log(level, "Run %s ended: %s", run.item.run_id, what)
        traces.ended(ending.status.name.lower(), ending.code)
        return After.GONE if gone else After.NEXT

    async def _failed(self, run: RunState, error: VaivemError, *, last: bool) -> After:
        """Do what the error's recovery says."""
        conn = int(run.steps[-1].conn) if run.steps else 0
        if error.recovery in (Recovery.RETRY, Recovery.RESOLVE):
            return await self._retry(run, error, conn, last=last)
        if isinstance(error, ReconnectError):
            held = await self._desk.caller.gates.look(conn) == HELD
            due = self._desk.clock.after(HELD_LOOK_SECONDS if held else REOPENED_LOOK_SECONDS)
            return await self._park(run, ParkError("held", error.code, due, conn, error.params))
        return await self._finish(run, Ending.of(error), last=last)

    async def _retry(self, run: RunState, error: VaivemError, conn: int, *, last: bool) -> After:
        clock, memory = self._desk.clock, run.memory
        if isinstance(error, RetryError) and error.limit:
            due = clock.after(error.retry_after or LIMIT_LOOK_SECONDS)
            return await self._park(run, ParkError("limit", error.code, due, conn, error.params))
        if not may_retry(memory.worked):
            return await self._finish(run, Ending.of(error, code="gave_up"), last=last)
        after = error.retry_after if isinstance(error, RetryError) else None
        pause = next_pause(memory.failures, retry_after=after, seed=run.item.run_id)
        park = ParkError(
            "retry", error.code, clock.after(pause), conn, error.params, failed=True, pause=pause
        )
        return await self._park(run, park)

    async def _park(self, run: RunState, park: ParkError) -> After:
        await self._desk.drop(run, keeps=park.keeps)
        works = park.failed and self._desk.caller.gates.state(park.conn) == OPEN
        await self._desk.park(run.item, run.item.lane, park, worked=park.pause if works else 0.0)
        if park.code == WAITS:
            await look_once_more(self._desk, run, park)
        elif park.code == AWAITS:
            await look_for_event(self._desk, run.item.ws, run.item.run_id)
        level = logging.INFO if park.state == "decision" else logging.DEBUG
        log.log(level, "Run %s waits: %s %s", run.item.run_id, park.state, park.code)
        traces.ended("waiting", park.code)
        return After.PARKED


def _bug(item: Item, error: Exception) -> Ending:
    params = {"reference": str(item.run_id), "kind": type(error).__name__}
    return Ending(Status.FAILED, BUG, params)
