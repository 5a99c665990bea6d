"""A worker's desk: what its runs share, and the state of one run on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import orjson

from vaivem.connectors.sdk import Call, Delivery, Written
from vaivem.engine.breaker import Breaker
from vaivem.engine.caller import Caller
from vaivem.engine.claims import Key, LocalClaims
from vaivem.engine.clock import Clock
from vaivem.engine.echoes import Echoes
from vaivem.engine.former import Former
from vaivem.engine.ids import IdMaker
from vaivem.engine.intake import Intake
from vaivem.engine.journal import Finish, Journal, LinkRow, News, Outcome, Park, StepRow
from vaivem.engine.leases import Lease
from vaivem.engine.linking import Link, keep
from vaivem.engine.memory import Memory
from vaivem.engine.outbound import Wire, build_wire
from vaivem.engine.parking import ParkError
from vaivem.engine.post import Post
from vaivem.engine.topology import Line, Topology

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def plain(text: str) -> str:
    """Return a text that PostgreSQL takes: without null characters and halves of surrogate pairs."""
    text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def clean(value: Any) -> Any:
    """Return JSON that PostgreSQL takes."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict | Mapping):
        return {clean(str(key)): clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [clean(part) for part in value]
    return value if isinstance(value, int | float | bool | type(None)) else str(value)


def as_json(value: Any) -> str:
    """Return JSON text that PostgreSQL takes, whatever a vendor put into the value."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:  # halves of surrogate pairs, keys that are no texts, other types
        return json.dumps(clean(value), ensure_ascii=False)
    if b"\\u0000" in text:
        return json.dumps(clean(value), ensure_ascii=False)
    return text.decode()


class Item(msgspec.Struct, frozen=True):
    """One pending run of a lane, with the delivery that it began with (None: the event is gone).

    `replay_of` is the run that it repeats. `begun`: it may have a journal, wherever in its lane it is.
    """

    ws: int
    lane: int
    seq: int
    run_id: int
    event_id: int
    rule: int
    version: int
    conn: int
    part: int
    bulk: bool
    title: str
    delivery: Delivery | None
    replay_of: int | None = None
    begun: bool = False


class RunState(msgspec.Struct):
    """A run in the making: what is not durable yet, and what the journal already has."""

    item: Item
    memory: Memory
    former: Former | None = None
    steps: list[StepRow] = msgspec.field(default_factory=list)
    links: list[LinkRow] = msgspec.field(default_factory=list)
    records: list[dict[str, str]] = msgspec.field(default_factory=list)
    notes: list[dict[str, Any]] = msgspec.field(default_factory=list)
    local: tuple[Key, ...] = ()
    found_by: set[str] = msgspec.field(default_factory=set)  # what its event is found by already
    written: list[tuple[int, Written]] = msgspec.field(default_factory=list)  # by connection
    linked: list[Link] = msgspec.field(default_factory=list)
    news: list[dict[str, Any]] = msgspec.field(default_factory=list)  # what its outcomes say of records
    person: str = ""  # who is in the automation by this run
    intent: bool = False  # a durable intent stands for the next write
    intended: datetime = LONG_AGO  # when it was made
    settled: bool = False  # intents before are done with
    released: bool = False  # claims before are done with

    @property
    def dirty(self) -> bool:
        """Whether an outcome of a write, or the end of a claim, is not durable yet."""
        return self.settled or self.released or any(row.write for row in self.steps)


class Desk:
    """Everything that a worker's runs share."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        clock: Clock,
        ids: IdMaker,
        topology: Topology,
        caller: Caller,
        journal: Journal,
        lease: Lease,
        lost: Callable[[], None],
        post: Post,
        intake: Intake,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        """`busy` says whether many runs are under way: chores that can wait do."""
        self.busy = busy
        self.breaker = Breaker(pool)
        self.echoes = Echoes(pool, topology)
        self.post = post
        self.intake = intake
        self.pool = pool
        self.clock = clock
        self.ids = ids
        self.topology = topology
        self.caller = caller
        self.journal = journal
        self.lease = lease
        self.lost = lost
        self.local_claims = LocalClaims()

    def shown(self, line: Line, call: Call) -> Wire:
        """Return a call as it goes out; only its `shown_url` and body may be kept."""
        # Of a locked connection there is nothing to authorise it with.
        without = msgspec.structs.replace(call, authorise=False) if line.locked else call
        return build_wire(line.connector, line.connection, without)

    async def flush(
        self, run: RunState, *, intent: int | None = None, finish: Finish | None = None, let_go: bool = False
    ) -> bool:
        """Make what the run did durable, with the next intent or its end; return if its lane was let go."""
        if intent is None and finish is None and not run.dirty:
            return False
        op = Outcome(
            run.item.ws,
            run.item.run_id,
            steps=run.steps,
            links=run.links,
            settled=run.settled or finish is not None,
            released=run.released or finish is not None,
            intent=intent,
            finish=finish,
            let_go=let_go,
            news=self._news(run) if finish is not None else None,
        )
        run.steps, run.links = [], []
        await self._keep(run)  # before the intent goes: see `Echoes.is_own`
        gone = await self.journal.write(op)
        if op.released:
            self.give_local(run)
            run.released = False
        run.settled = False
        if intent is not None:
            run.intent, run.intended = True, self.clock.now()
        else:
            run.intent = False
        return gone

    async def drop(self, run: RunState, *, keeps: bool) -> None:
        """Make what a waiting run did durable; what is certainly not done leaves no intent and no claim.

        A write that was in doubt before, and that the run has not come to again, stays in doubt.
        """
        keeps = keeps or run.memory.doubt is not None
        run.settled = not keeps
        run.released = not keeps
        op = Outcome(
            run.item.ws,
            run.item.run_id,
            steps=run.steps,
            links=run.links,
            settled=run.settled,
            released=run.released,
            news=self._news(run),
        )
        run.steps, run.links = [], []
        await self._keep(run)
        await self.journal.write(op)
        self.give_local(run)

    async def _keep(self, run: RunState) -> None:
        """Keep what was written, and which records belong together."""
        await self.echoes.keep(run.item.ws, run.written)
        await keep(self.pool, run.item.ws, run.linked)
        run.written, run.linked = [], []

    @staticmethod
    def _news(run: RunState) -> News | None:
        """Return what is to be noted; not before the run ends or waits: a repeat of it tells it again."""
        news, run.news = run.news, []
        return News(run.item.event_id, as_json(news)) if news else None

    async def park(self, item: Item, lane: int, park: ParkError, *, worked: float = 0.0) -> None:
        """Make durable why a run waits, and give `lane` back if this worker owns it."""
        await self.journal.park(
            Park(
                item.ws,
                item.run_id,
                lane,
                item.event_id,
                item.rule,
                item.version,
                park.conn,
                park.state,
                park.code,
                as_json(dict(park.params)),
                park.due or NEVER,
                tries=int(park.failed),
                worked=worked,
            )
        )

    async def look_at_lease(self, seconds: float) -> None:
        """Take the last look before a write leaves, after every wait: without a lease the process ends."""
        if not await self.lease.assure(seconds):
            self.lost()

    def give_local(self, run: RunState) -> None:
        """Let other runs of this worker ask for the keys."""
        self.local_claims.give(run.local)
        run.local = ()

    async def ask(
        self,
        run: RunState,
        conn: int,
        slot: str,
        kind: str,
        question: Mapping[str, Any],
        *,
        doubt: int | None = None,
    ) -> None:
        """Put a question for a person; the run parks right after.

        `doubt` is the place of a write in doubt. Its slot counts how often it was sent, so that becomes
        durable first: after a crash in between, the same doubt would be asked a second time under another
        count, and the answer be taken later for one to a doubt that nobody had heard of.
        """
        if doubt is not None:
            await self.flush(run, intent=doubt)
        item = run.item
        text = as_json(dict(question))
        await self.journal.ask(
            item.ws, self.ids.next(), item.run_id, item.event_id, item.rule, conn, slot, kind, text
        )
