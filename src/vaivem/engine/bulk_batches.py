"""Writes in bulk, the other side: records that came together are sent in one call, and looked for.

Any worker may look after any batch. One that takes it moves its next look on first, so that no other does as
well. When that worker dies, another goes on from what is noted: a batch without a name was perhaps sent, and
is sent again, which changes nothing (`BulkWrite`); one with a name is looked for. What becomes of a record is
told in the statement that wakes its run.

Whatever goes wrong for good, and whatever takes longer than a day, is left to the runs: each writes its own
record then, and hears the vendor's word on it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg

from vaivem.connectors.sdk import Answer, BulkWrite
from vaivem.core.errors import BugError, Recovery, RetryError, VaivemError
from vaivem.core.retry import next_pause
from vaivem.engine.desk import Desk, as_json
from vaivem.engine.direct import ChoreCaller
from vaivem.engine.journal import is_away
from vaivem.engine.parking import look_pause
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line

IDLE_SECONDS, AWAY_SECONDS = 1.0, 5.0
GATHER_SECONDS = 10.0  # how long the first record of a call waits for others at most
QUIET_SECONDS = 2.0  # and how long for the next one
HOLD_SECONDS = 180.0  # one worker looks after a batch for so long: longer than any call
FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 2.0, 60.0
LONGEST_PAUSE_SECONDS = 60.0
GIVE_UP_SECONDS = 24 * 3600.0
AT_ONCE = 8

Told = Sequence[Mapping[str, Any] | None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch with its records, and with whom they are written how."""

    found: asyncpg.Record
    rows: Sequence[asyncpg.Record]
    line: Line
    bulk: BulkWrite
    records: Sequence[Mapping[str, Any]]


class BulkBatches:
    """Sends what gathered, and looks after what was sent."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            while True:
                pause = IDLE_SECONDS
                try:
                    await self.step()
                except Exception as error:
                    pause = AWAY_SECONDS
                    if not is_away(error):
                        log.exception("Writes in bulk could not go on; they are tried again")
                await asyncio.sleep(pause)
        finally:
            for task in self._under_way:
                task.cancel()

    async def step(self) -> None:
        """Form batches of what waited long enough or fills one, and begin to work those that are due."""
        pool = self._desk.pool
        if not await pool.fetchval(statement("bulk", "some")):
            return
        for row in await pool.fetch(statement("bulk", "gathering"), GATHER_SECONDS, QUIET_SECONDS):
            most, size = self._room(row["conn"], row["key"])
            if row["ripe"] or row["many"] >= most:
                await pool.execute(statement("bulk", "form"), row["conn"], row["key"], most, size)
        while len(self._under_way) < AT_ONCE:
            batch = await pool.fetchrow(statement("bulk", "take"), HOLD_SECONDS)
            if batch is None:
                return
            task = asyncio.create_task(self._guarded(batch))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def forget(self) -> None:
        """Delete what is over for long."""
        await self._desk.pool.execute(statement("bulk", "forget"))

    def _room(self, conn: int, key: str) -> tuple[int, int]:
        """Return the most records and bytes of a call; of one that is no more there, any number."""
        _, bulk = self._end(conn, key)
        return (bulk.most, bulk.most_bytes) if bulk is not None else (1000, 10**6)

    def _end(self, conn: int, key: str) -> tuple[Line | None, BulkWrite | None]:
        line = self._desk.topology.lines.get(conn)
        try:
            return line, line.connector.bulk_write(key) if line is not None else None
        except KeyError:
            return line, None

    async def _guarded(self, batch: asyncpg.Record) -> None:
        """Work a batch; what fails is tried again when no worker holds it any more, or left to the runs."""
        try:
            await self._work(batch)
        except Exception as error:
            if not is_away(error):
                log.exception("Batch %s of connection %s failed", batch["id"], batch["conn"])

    async def _work(self, found: asyncpg.Record) -> None:
        line, bulk = self._end(found["conn"], found["key"])
        rows = await self._desk.pool.fetch(statement("bulk", "records"), found["id"])
        if not rows or line is None or bulk is None or found["waited"] > GIVE_UP_SECONDS:
            await self._leave(found, rows)
            return
        batch = _Batch(found, rows, line, bulk, [json.loads(row["record"]) for row in rows])
        try:
            await (self._look(batch) if found["name"] else self._send(batch))
        except VaivemError as error:
            if error.recovery not in (Recovery.RETRY, Recovery.RESOLVE, Recovery.RECONNECT):
                log.warning("Batch %s is left to its runs: %s %s", found["id"], error.code, error.detail)
                await self._leave(found, rows)
                return
            tries = found["tries"] + 1
            after = error.retry_after if isinstance(error, RetryError) else None
            pause = min(LONGEST_PAUSE_SECONDS, next_pause(tries, seed=found["id"]))
            await self._later(found, max(pause, after or 0.0), tries)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            raise  # the database: looked after again when no worker holds it
        except Exception:  # our bug: no run waits for it
            log.exception("Batch %s of %s is left to its runs", found["id"], found["key"])
            await self._leave(found, rows)

    async def _send(self, batch: _Batch) -> None:
        call = batch.bulk.call(batch.records)
        look = partial(self._desk.look_at_lease, call.timeout)
        exchange = await self._desk.caller.exchange(batch.line, call, bulk=True, look=look)
        if exchange.error is not None:
            refused = _refused(batch.bulk, exchange.answer, len(batch.rows))
            if not refused:
                raise exchange.error
            await self._leave(batch.found, [batch.rows[place] for place in refused])
            await self._later(batch.found, 0.0, 0)
            return
        name = batch.bulk.name(exchange.answer) if exchange.answer is not None else ""
        if not name:
            raise BugError("vendor_answer_unexpected", detail=f"{call.name} told no name")
        arguments = (batch.found["id"], name, FIRST_LOOK_SECONDS)
        await self._desk.pool.execute(statement("bulk", "sent"), *arguments)

    async def _look(self, batch: _Batch) -> None:
        reader = ChoreCaller(self._desk.caller, batch.line)
        told = await batch.bulk.look(reader, batch.found["name"], batch.records)
        if told is None:
            worked = batch.found["worked"]
            pause = look_pause(worked, first=FIRST_LOOK_SECONDS, last=LONGEST_LOOK_SECONDS)
            await self._later(batch.found, pause, 0)
            return
        if len(told) != len(batch.rows):
            raise BugError(detail=f"{batch.bulk.key} told of {len(told)} records, not {len(batch.rows)}")
        await self._tell(batch.found, batch.rows, told)

    async def _leave(self, found: asyncpg.Record, rows: Sequence[asyncpg.Record]) -> None:
        """Leave records to their runs."""
        await self._tell(found, rows, [None] * len(rows))

    async def _tell(self, found: asyncpg.Record, rows: Sequence[asyncpg.Record], told: Told) -> None:
        """Say what became of records, wake their runs, and end the batch when it has no others."""
        texts = [as_json(one) for one in told]
        columns = [row["run_id"] for row in rows], [row["n"] for row in rows], texts
        if rows:
            await self._desk.pool.execute(statement("bulk", "tell"), found["id"], *columns)
        await self._desk.pool.execute(statement("bulk", "close"), found["id"])

    async def _later(self, found: asyncpg.Record, seconds: float, tries: int) -> None:
        await self._desk.pool.execute(statement("bulk", "later"), found["id"], tries, seconds)


def _refused(bulk: BulkWrite, answer: Answer | None, many: int) -> Collection[int]:
    """Return the places of the records that the vendor named when it refused the call."""
    return sorted({place for place in bulk.refused(answer) if 0 <= place < many}) if answer else ()
