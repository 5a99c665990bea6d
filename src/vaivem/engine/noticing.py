"""Notes who and what the events speak of, and what rules wrote, behind the live path.

Events are read once more, half a minute after they came, a slice at a time, with as long a pause as the
slice took, and nine times that while many runs are under way; so is what the outcomes of steps say (`news`).
Nothing here is read by runs, and no run waits for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import asyncpg

from vaivem.connectors.sdk import Delivery, Event
from vaivem.connectors.sdk.documents import DocumentMoved, Step
from vaivem.core.errors import VaivemError
from vaivem.core.kinship import DEAL, relatives
from vaivem.engine.clock import Clock
from vaivem.engine.ids import id_at, time_of
from vaivem.engine.journal import is_away
from vaivem.engine.people import KEPT, Sight, bind, note_kept, note_read, note_record, note_step
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line, Topology

SLICE = 200
# Whatever is this old is committed, or never will be: statements that write events are cut after 15 seconds,
# those that write links after 60. So the place that was reached only ever moves forward.
EVENTS_SETTLE, LINKS_SETTLE = 30.0, 90.0
ROUND_SECONDS = 40.0
REST, BUSY_REST = 1.0, 9.0  # how long it rests after each slice, as a multiple of what that took

log = logging.getLogger(__name__)


class Noticing:
    """Reads what came and notes who it is about."""

    def __init__(
        self, pool: asyncpg.Pool, topology: Topology, clock: Clock, busy: Callable[[], bool] = lambda: False
    ) -> None:
        """`busy` says whether the worker has many runs under way: they come first."""
        self._pool, self._topology, self._clock, self._busy = pool, topology, clock, busy

    async def run(self) -> None:
        """Note what came since the last round, the workspaces in turn; the rest is left to the next."""
        until = time.monotonic() + ROUND_SECONDS
        waiting = deque(row["id"] for row in await self._pool.fetch(statement("people", "workspaces")))
        while waiting and time.monotonic() < until:
            ws, begun = waiting.popleft(), time.monotonic()
            if await self._slice(ws):
                waiting.append(ws)
            took = time.monotonic() - begun
            await asyncio.sleep(took * (BUSY_REST if self._busy() else REST))

    async def _slice(self, ws: int) -> bool:
        """Note the next events and links of a workspace; return whether there may be more.

        One that cannot be noted is left out, and told to the log: it must not stop the others.
        """
        async with self._pool.acquire() as db, db.transaction():
            await db.execute(statement("people", "lock"), ws)
            reached = await db.fetchrow(statement("people", "reached"), ws)
            until, linked_until = (self._clock.after(-ago) for ago in (EVENTS_SETTLE, LINKS_SETTLE))
            news = await db.fetch(statement("people", "news"), ws, SLICE, id_at(until))
            rows = await db.fetch(statement("people", "events"), ws, reached["event_id"], id_at(until), SLICE)
            links = await db.fetch(statement("people", "linked"), ws, reached["linked"], linked_until, SLICE)
            reading = Reading(self._topology)
            for one in news:
                await self._guarded(db, f"run {one['run_id']}", partial(self._note_news, db, ws, one))
            for row in rows:
                await self._guarded(db, f"event {row['id']}", partial(self._note_event, db, ws, reading, row))
            for link in links:
                await self._guarded(db, f"link of {link['at']}", partial(self._note_link, db, ws, link))
            if rows or links:
                event_id = rows[-1]["id"] if rows else reached["event_id"]
                linked = links[-1]["at"] if links else reached["linked"]
                await db.execute(statement("people", "reach"), ws, event_id, linked)
        return any(len(found) >= SLICE for found in (news, rows, links))

    @staticmethod
    async def _guarded(db: Any, what: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            async with db.transaction():
                await work()
        except Exception as error:
            if is_away(error):
                raise
            log.exception("The people of %s could not be noted", what)

    async def _note_event(self, db: Any, ws: int, reading: Reading, row: asyncpg.Record) -> None:
        """Note the records and the document that an event tells of."""
        line, event_id = self._topology.lines.get(row["conn"]), row["id"]
        event = reading.event(line, row) if line is not None else None
        if line is None or event is None:
            return
        conn, told = line.connection.id, event.occurred or time_of(event_id)
        for one in relatives(conn, line.connector.kinds, event.object, event.record, event.data):
            data = event.data.get(one.object)
            data = data if isinstance(data, dict) else {}
            await note_record(db, ws, Sight(conn, one.object, one.record, one.kind, data, told, event_id))
        for trigger in line.connector.triggers:
            if isinstance(trigger, DocumentMoved) and event.kind in trigger.kinds:
                step = trigger.step(event)
                if step is not None and step.document.get("id"):
                    await note_step(db, ws, conn, step, told, event_id)

    async def _note_news(self, db: Any, ws: int, row: asyncpg.Record) -> None:
        """Note what a run's steps said of the records that they wrote, or found as the rule wants them."""
        for one in json.loads(row["records"]):
            line, told = self._topology.lines.get(one["conn"]), datetime.fromtimestamp(one["at"], UTC)
            if "document" in one:
                if line is not None:
                    step = Step(**one["document"])
                    await note_step(db, ws, one["conn"], step, told, row["event_id"], row["run_id"])
                continue
            kind = KEPT if "of" in one else line.connector.kinds.get(one["object"]) if line else None
            if line is None or kind is None:
                continue
            wrote = one["wrote"]
            sight = Sight(
                one["conn"], one["object"], one["id"], kind, one["data"], told, 0, row["run_id"] * wrote
            )
            if kind == KEPT:
                await note_kept(db, ws, sight, *one["of"])
                continue
            if wrote:
                number, is_new = await note_record(db, ws, sight), True
            else:
                number, is_new = await note_read(db, ws, sight, row["run_id"])
            if is_new or not one.get("looked"):  # whom every event makes a rule look at is in none's story
                await db.execute(statement("people", "hear"), ws, number, row["event_id"])

    async def _note_link(self, db: Any, ws: int, link: asyncpg.Record) -> None:
        """Note what a rule made for a record, and that both are the same."""
        ends = []
        for conn, object_key, record in (
            (link["of_conn"], link["of_object"], link["of_record"]),
            (link["conn"], link["object"], link["record"]),
        ):
            line = self._topology.lines.get(conn)
            kind = line.connector.kinds.get(object_key) if line else None
            if kind is None:
                return
            number = await db.fetchval(statement("people", "known"), ws, conn, object_key, record)
            if number is None:
                number = await note_record(db, ws, Sight(conn, object_key, record, kind, {}, link["at"], 0))
            ends.append((number, kind))
        (one, kind), (other, other_kind) = ends
        if kind == other_kind and kind != DEAL:
            await bind(db, ws, one, other, "link", "", link["at"])


class Reading:
    """Reads events again. A delivery of many events is parsed once."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._last: tuple[Any, ...] = ()
        self._events: list[Event] = []

    def event(self, line: Line, row: asyncpg.Record) -> Event | None:
        """Return an event as its connector reads it now, None when it cannot any more."""
        webhooks = line.connector.webhooks
        if webhooks is None:
            return None
        asked = tuple(row[name] for name in ("conn", "method", "path", "query", "headers", "body"))
        try:
            if asked != self._last:
                delivery = Delivery(
                    row["method"], row["path"], row["query"], json.loads(row["headers"] or b"{}"), row["body"]
                )
                self._events, self._last = list(webhooks.parse(delivery, line.connection)), asked
            part: int = row["part"]
            return self._events[part]
        except (VaivemError, LookupError, TypeError, ValueError, AttributeError) as error:
            log.info("Event %s says nothing of people, for it cannot be read any more: %r", row["id"], error)
            return None
