"""Takes deliveries: once, kept, in their lanes, in one commit (guarantees 1 to 3)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from vaivem.connectors.sdk import Connection, Delivery, Event
from vaivem.core.errors import UnreadableError
from vaivem.core.identity import search_terms, term_hash
from vaivem.engine.batches import Batcher
from vaivem.engine.clock import Clock
from vaivem.engine.crashpoints import reach
from vaivem.engine.ids import IdMaker
from vaivem.engine.journal import DatabaseAwayError, columns
from vaivem.engine.lane_keys import lane_key
from vaivem.engine.links import Link
from vaivem.engine.retention import REMEMBERED_DAYS
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line, RuleUse, Topology
from vaivem.engine.traces import traces

DIGEST_HOURS = 72
LONG_AGO = timedelta(days=REMEMBERED_DAYS)
MOST_EVENTS = 5_000  # of one delivery: each costs the event loop, which others wait for
MOST_KEPT_BYTES = 256 * 1024 * 1024  # of one delivery: it is kept with each of its events
SLICE, SLICE_BYTES = 500, 8 * 1024 * 1024
LIVE, BULK = 5, 0
READY = 1
MASK = "•••"
MASKED_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
NOTIFY_PAUSE_SECONDS = 0.01
MOST_TITLE = 300
SECRET_IN_ADDRESS = 16  # letters: a shorter one may be a word of the address

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Arrival:
    """One event on its way into the database, with the runs it makes."""

    ws: int
    conn: int
    key: bytes
    until: datetime | None
    event_id: int
    event: Event
    part: int
    bulk: bool
    delivery: Delivery  # as it is kept: without secrets
    headers: bytes
    runs: list[tuple[int, int, int, int, int, int, int]] = field(default_factory=list)
    terms: tuple[int, ...] = ()
    begun: int = 0  # for its trace


class Intake:
    """Turns deliveries into events and runs."""

    def __init__(self, topology: Topology, ids: IdMaker, clock: Clock, link: Link, notify: Link) -> None:
        self._topology = topology
        self._ids = ids
        self._clock = clock
        self._link = link
        self._bell = Bell(notify)
        self._masks = Masks()
        self._batcher: Batcher[list[Arrival], int] = Batcher(
            self._write, whole=lambda error: isinstance(error, DatabaseAwayError)
        )

    @property
    def waiting(self) -> int:
        """How many deliveries wait for the next commit."""
        return len(self._batcher)

    async def take(
        self, line: Line, delivery: Delivery, events: Sequence[Event], *, bulk: bool = False
    ) -> int:
        """Keep the events of one delivery; return how many were new. Returns only after the commit.

        Raises UnreadableError for more events than one delivery may hold. Many are kept a slice at a time, so
        that others wait for a slice only; sent again after a crash in between, what was kept is known.
        """
        size = len(delivery.body) + 1
        most = min(MOST_EVENTS, max(1, MOST_KEPT_BYTES // size))
        if len(events) > most and not bulk:
            raise UnreadableError("too_many_events", params={"count": len(events), "most": most})
        kept = self._masks.masked(delivery, line.connection)
        headers = orjson.dumps(kept.headers)
        # All are made before the first is kept: one that cannot be made leaves none of its delivery behind.
        arrivals = [
            self._arrival(line, delivery, kept, headers, event, part, bulk)
            for part, event in in_order(events)
        ]
        step, new = min(SLICE, max(1, SLICE_BYTES // size)), 0
        for begin in range(0, len(arrivals), step):
            new += await self._batcher.submit(arrivals[begin : begin + step])
        return new

    async def tell(self, line: Line, delivery: Delivery) -> None:
        """Keep what we made happen ourselves, as a delivery in the vendor's shape."""
        if line.connector.webhooks is not None:
            await self.take(line, delivery, line.connector.webhooks.parse(delivery, line.connection))

    async def take_past(
        self, line: Line, delivery: Delivery, events: Sequence[tuple[int, Event]], rule: int
    ) -> int:
        """Keep events from before a rule was switched on, each with a run of this rule alone, as bulk.

        `events` are some of the delivery's, in order, each with its place in it.
        """
        kept = self._masks.masked(delivery, line.connection)
        headers = orjson.dumps(kept.headers)
        arrivals = []
        for part, event in events:
            one = self._arrival(line, delivery, kept, headers, event, part, bulk=True)
            uses = self._topology.rules_for(line.connection.id, event.kind)
            one.runs = [self._run(use, line.connection.id, event, one) for use in uses if use.id == rule]
            arrivals.append(one)
        return await self._batcher.submit(arrivals) if arrivals else 0

    def _arrival(
        self,
        line: Line,
        delivery: Delivery,
        masked: Delivery,
        headers: bytes,
        event: Event,
        part: int,
        bulk: bool,
    ) -> Arrival:
        ws, conn = line.connection.workspace, line.connection.id
        key, until = self._identity(delivery, event, part)
        arrival = Arrival(ws, conn, key, until, self._ids.next(), event, part, bulk, masked, headers)
        arrival.begun = traces.now()
        arrival.terms = tuple({term_hash(ws, term) for term in search_terms([*event.terms, event.record])})
        for use in self._topology.rules_for(conn, event.kind):
            if takes(use, event):
                arrival.runs.append(self._run(use, conn, event, arrival))
        if self._topology.tests and not bulk:
            self._add_tests(conn, event, arrival)
        return arrival

    def _add_tests(self, conn: int, event: Event, arrival: Arrival) -> None:
        """Add a run for each draft that waits for one event; a rule that takes it anyway has its run."""
        taken = {run[2] for run in arrival.runs}
        for use in self._topology.tests_for(conn, event.kind):
            if use.id not in taken and takes(use, event):
                arrival.runs.append(self._run(use, conn, event, arrival))

    def _run(
        self, use: RuleUse, conn: int, event: Event, arrival: Arrival
    ) -> tuple[int, int, int, int, int, int, int]:
        record = use.trigger.record(event, use.options)
        lane = lane_key(conn, event.object, record, use.id)
        prio = BULK if arrival.bulk else LIVE
        # Also for a paused rule: whether it still is, the worker asks under a lock. We may know it late.
        return lane, self._ids.next(), use.id, use.version, use.gate, prio, READY

    def _identity(self, delivery: Delivery, event: Event, part: int) -> tuple[bytes, datetime | None]:
        """Return what makes an event the same as one before, and how long that is remembered."""
        if event.same:
            until = None if event.within is None else self._clock.now() + timedelta(minutes=event.within)
            return known_by(event.same), until
        head = f"{delivery.method}\x1f{delivery.path}\x1f{delivery.query}\x1f{part}\x1f".encode()
        digest = hashlib.blake2b(head + delivery.body, digest_size=16).digest()
        return digest, self._clock.now() + timedelta(hours=DIGEST_HOURS)

    async def _write(self, batch: Sequence[list[Arrival]]) -> list[int]:
        first: dict[tuple[int, int, bytes], Arrival] = {}
        again: list[Arrival] = []
        for arrivals in batch:
            for one in arrivals:
                if first.setdefault((one.ws, one.conn, one.key), one) is not one:
                    again.append(one)  # a repeat within the batch: the first one stands for it
        kept = list(first.values())
        reach("ingest.before_commit")
        rows = await self._link.fetch(statement("ingest", "take"), *_arrays(kept))
        reach("ingest.after_commit")
        new = {row["event_id"] for row in rows}
        if new:
            self._bell.ring()
        if traces.on:
            _trace([one for one in kept if one.event_id in new])
        again += [one for one in kept if one.event_id not in new]
        # Of bulk we asked for it ourselves, and what is implied was not what was delivered.
        await self._note_repeats([one for one in again if not one.bulk and not one.event.implied])
        return [sum(one.event_id in new for one in arrivals) for arrivals in batch]

    async def _note_repeats(self, again: Sequence[Arrival]) -> None:
        """Count deliveries of events that were known. It is for people only: a lost count loses no event."""
        if not again:
            return
        times = Counter((one.ws, one.conn, one.key) for one in again)
        rows = [(*key, number) for key, number in sorted(times.items())]
        try:
            await self._link.fetch(statement("ingest", "repeated"), *columns(rows, 4))
        except DatabaseAwayError as error:
            log.info("%d repeated deliveries were taken and not counted: %s", len(again), error)


def known_by(same: Sequence[str]) -> bytes:
    """Return the key that an event is remembered by; `same` is what makes it the same as another."""
    return hashlib.blake2b("\x1f".join(same).encode(), digest_size=16).digest()


def in_order(events: Sequence[Event]) -> list[tuple[int, Event]]:
    """Return a delivery's events with their places in it, those first that happened before it."""
    return sorted(enumerate(events), key=lambda placed: not placed[1].implied)


def _trace(new: Sequence[Arrival]) -> None:
    for one in new:
        ids = {"workspace": one.ws, "connection": one.conn, "event": one.event_id}
        traces.accepted(one.event_id, one.begun, ids, one.event.kind if one.runs else "")


def takes(use: RuleUse, event: Event) -> bool:
    """Say whether a rule takes an event: it was on by then, and its options let it through.

    What happened long before the event that tells of it may have been taken when it did, which is forgotten.
    """
    happened = use.trigger.happened(event)
    if happened is not None:
        if use.on_since is not None and happened < use.on_since:
            return False
        if event.occurred is not None and event.occurred - happened > LONG_AGO:
            return False
    return use.trigger.accepts(event, use.options)


def masked(delivery: Delivery, connection: Connection) -> Delivery:
    """Return a delivery without what proves the sender: history is not a place for secrets."""
    return _masked(delivery, frozenset(_texts(connection.credentials)))


def _masked(delivery: Delivery, secrets: frozenset[str]) -> Delivery:
    headers = {
        name: MASK if name in MASKED_HEADERS or value in secrets else value
        for name, value in delivery.headers.items()
    }
    path, query = _hidden(delivery.path, secrets), _hidden(delivery.query, secrets)
    return Delivery(delivery.method, path, query, headers, delivery.body)


def _hidden(text: str, secrets: frozenset[str]) -> str:
    """Return a part of an address without the secrets in it: a vendor that signs nothing has one there."""
    for secret in secrets if text else ():
        if len(secret) >= SECRET_IN_ADDRESS:
            text = text.replace(secret, MASK)
    return text


class Masks:
    """As `masked`, for many deliveries: each connection's secrets are looked up once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Connection, frozenset[str]]] = {}

    def masked(self, delivery: Delivery, connection: Connection) -> Delivery:
        """Return the delivery without what proves the sender."""
        known = self._known.get(connection.id)
        if known is None or known[0] is not connection:
            known = self._known[connection.id] = connection, frozenset(_texts(connection.credentials))
        return _masked(delivery, known[1])


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if len(value) >= 6 else []
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in _texts(part)]
    return []


def _plain(text: str, limit: int) -> str:
    return text.replace("\x00", "")[:limit]


def _arrays(arrivals: Sequence[Arrival]) -> list[Sequence[object]]:
    """Return the arrays of the statement `take`, in its order."""
    events = [
        (
            one.ws,
            one.conn,
            one.key,
            one.until,
            one.event_id,
            _plain(one.event.kind, 100),
            _plain(one.event.object, 100),
            _plain(one.event.record, 300),
            _plain(one.event.title, MOST_TITLE),
            one.event.occurred,
            one.bulk,
            len(one.runs),
            one.part,
            one.delivery.method,
            _plain(one.delivery.path, 1000),
            _plain(one.delivery.query, 4000),
            one.headers,
            one.delivery.body,
        )
        for one in arrivals
    ]
    runs = [(one.ws, one.event_id, *run) for one in arrivals for run in one.runs]
    terms = [(one.ws, term, one.event_id) for one in arrivals for term in one.terms]
    return [*columns(events, 18), *columns(runs, 9), *columns(terms, 3)]


class Bell:
    """Wakes workers: at most every few milliseconds, and always once more after the last arrival."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._dirty = False
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Say that there is new work."""
        self._dirty = True
        if self._task is None:
            self._task = asyncio.create_task(self._ring())

    async def _ring(self) -> None:
        try:
            while self._dirty:
                self._dirty = False
                try:
                    await self._link.fetch("notify vv_lanes")
                except DatabaseAwayError:
                    return  # workers look by themselves every second
                await asyncio.sleep(NOTIFY_PAUSE_SECONDS)
        finally:
            self._task = None
