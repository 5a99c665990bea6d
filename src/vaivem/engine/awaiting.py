"""Waits for something to happen: which event it was, or that the time is over.

The run decides, in the one lane that it has: an event and the time-out only wake it, so whatever comes first
and whatever comes at once, it goes on once. What an event is found by is kept with the wait (`awaited`). It
is looked for when the wait begins, again when the run has left its lane, and every few seconds by one of the
workers (`Lookout`), which looks back as far as an event may take to be committed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson

from vaivem.connectors.sdk import Delivery, Event, Reader, Trigger
from vaivem.core.compiled_steps import CompiledAwait
from vaivem.core.errors import RecordError, RuleError, UnreadableError
from vaivem.core.identity import match_keys, search_terms, term_hash
from vaivem.engine.desk import Desk, RunState, as_json
from vaivem.engine.ids import id_at, time_of
from vaivem.engine.journal import StepRow, is_away
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line

AWAITS = "awaits_an_event"
NAME = "await"
NOTHING_CAME = b'{"happened": false}'
# Whatever is this old is committed, or never will be: statements that write events are cut after 15 seconds.
SETTLE_SECONDS = 30.0
LOOK_SECONDS = 2.0
LOOK_SHARE = 20  # of a look's own time: many waits are looked through less often
OLDER = timedelta(minutes=1)  # what a vendor's clock may be behind ours

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """The record that the run itself is about."""

    conn: int
    object: str
    record: str


class Awaiting:
    """One wait of one run."""

    def __init__(
        self,
        desk: Desk,
        run: RunState,
        line: Line,
        step: CompiledAwait,
        *,
        known: Iterable[str],
        source: Source,
        reader: Reader,
        zone: str,
    ) -> None:
        self._desk, self._run, self._line, self._step = desk, run, line, step
        self._known, self._source, self._reader, self._zone = tuple(known), source, reader, zone
        self.until = desk.clock.now()  # of the time-out; known when the wait has begun
        try:
            self._trigger: Trigger = line.connector.trigger(step.step.trigger)
        except KeyError as error:
            raise RuleError("trigger_is_gone", params={"trigger": step.step.trigger}) from error

    async def begin(self, lane: int) -> None:
        """Note what is awaited. A repeat of the run finds its wait again."""
        item, step = self._run.item, self._step
        hashes = sorted({term_hash(item.ws, term) for term in search_terms(await self._found_by())})
        await self._desk.pool.execute(
            statement("awaiting", "begin"), item.ws, item.run_id, step.id, lane, step.connection_id,
            sorted(self._trigger.kinds), hashes, step.step.limit.total_seconds(),
        )  # fmt: skip
        row = await self._desk.pool.fetchrow(statement("awaiting", "waiting"), item.ws, item.run_id)
        self._since, self.until = time_of(row["after"]), row["until"]

    async def _found_by(self) -> list[str]:
        """Return what the event may be found by: what it has to tell, and records that may tell it."""
        conn, ws = self._step.connection_id, self._run.item.ws
        if self._step.step.about is None:
            return [self._source.record]
        keys = [
            str(key) for value in self._known for key in match_keys("person", email=value, cpf_cnpj=value)
        ]
        rows = await self._desk.pool.fetch(statement("awaiting", "more_hashes"), ws, keys, conn)
        made = [str(one["id"]) for one in self._run.records if one["conn"] == str(conn)]
        return [*self._known, *(row["record"] for row in rows), *made]

    async def look(self) -> bytes | None:
        """Return what the awaited event tells, as the journal keeps it; None when it did not come yet."""
        item = self._run.item
        while True:
            rows = await self._desk.pool.fetch(statement("awaiting", "candidates"), item.ws, item.run_id)
            for row in rows:
                told = await self._told(row)
                if told is not None:
                    more = {"happened": True, "event": str(row["id"]), "conn": self._step.connection_id}
                    return as_json({**told, **more}).encode()
                settled = id_at(self._desk.clock.after(-SETTLE_SECONDS))
                await self._desk.pool.execute(
                    statement("awaiting", "refuse"), item.ws, item.run_id, row["id"], settled
                )
            if not rows:
                return None

    async def _told(self, row: asyncpg.Record) -> Mapping[str, Any] | None:
        """Return what an event tells if it is the awaited one, else None."""
        options = self._step.step.options
        try:
            event = self._event(row)
            if not self._trigger.accepts(event, options) or await self._is_other(event):
                return None
            told = await self._trigger.scope(self._reader, event, options)
        except (RecordError, UnreadableError) as error:  # gone meanwhile, or not to be read: it tells nothing
            log.info("Event %s is not what run %s awaits: %s", row["id"], self._run.item.run_id, error)
            return None
        if told is None or not self._step.is_about(told, self._known):
            return None
        return told if self._step.lets_through(told, zone=self._zone) else None

    def _event(self, row: asyncpg.Record) -> Event:
        webhooks = self._line.connector.webhooks
        if webhooks is None:
            raise UnreadableError
        headers = json.loads(row["headers"])
        delivery = Delivery(row["method"], row["path"], row["query"], headers, row["body"])
        try:
            event: Event = webhooks.parse(delivery, self._line.connection)[row["part"]]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UnreadableError(detail=repr(error)) from error
        return event

    async def _is_other(self, event: Event) -> bool:
        """Say whether an event does not count: it happened before, was our doing, or is another record's."""
        happened = self._trigger.happened(event)  # not when something was last told of the record
        if happened is not None and happened < self._since - OLDER:
            return True
        if self._step.step.about is None:
            record = self._trigger.record(event, self._step.step.options)
            source = Source(self._step.connection_id, event.object, record)
            if source != self._source:
                return True
        own = self._trigger.stops_echoes
        return own and await self._desk.echoes.is_own(self._run.item.ws, self._step.connection_id, event)

    async def end(self) -> None:
        """Forget the wait, once what came of it is durable."""
        item = self._run.item
        await self._desk.pool.execute(statement("awaiting", "over"), item.ws, item.run_id, self._step.id)


def outcome_row(step: str, n: int, response: bytes, at: datetime) -> StepRow:
    """Return the row that says what came of a wait: it counts like a write."""
    return StepRow(
        n=n, try_=1, step=step, name=NAME, conn=0, write=True, done=True, known=None, method="", url="",
        status=0, request=None, response=response, code="", ms=0, at=at,
    )  # fmt: skip


def read_outcome(response: bytes) -> dict[str, Any]:
    """Return what later steps read of a wait."""
    told: dict[str, Any] = orjson.loads(response)
    return told


async def look_once_more(desk: Desk, ws: int, run_id: int) -> None:
    """After a run has left its lane to wait: wake it if what it awaits came in this moment."""
    await desk.pool.execute(statement("awaiting", "wake_one"), ws, run_id)


class Lookout:
    """Wakes runs whose event came. One worker looks at a time; without such waits it asks one question."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self) -> None:
        """Look for as long as the worker lives."""
        while True:
            began = time.monotonic()
            await self._guarded(self.look)
            await asyncio.sleep(max(LOOK_SECONDS, LOOK_SHARE * (time.monotonic() - began)))

    @staticmethod
    async def _guarded(work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            if is_away(error):
                raise
            log.exception("What runs await could not be looked for")

    async def look(self) -> None:
        """Wake what awaits what came since the last look."""
        pool = self._desk.pool
        if not await pool.fetchval(statement("awaiting", "some")):
            return
        async with pool.acquire() as db, db.transaction():
            if not await db.fetchval(statement("awaiting", "lock")):
                return
            reached = id_at(self._desk.clock.after(-SETTLE_SECONDS))  # before anything is read
            low = await db.fetchval(statement("awaiting", "reached")) or 0
            rows = await db.fetch(statement("awaiting", "wake"), low)
            # A run that is on its way into its lane is woken by a later look: those go on from its event.
            missed = [row for row in rows if not row["woken"]]
            for row in missed:
                await db.execute(statement("awaiting", "forget"), row["ws"], row["run_id"])
            await db.execute(
                statement("awaiting", "reach"), min([reached, *(row["id"] - 1 for row in missed)])
            )
            if len(rows) > len(missed):
                await db.execute("notify vv_lanes")
