"""The journal: intents before writes, outcomes before the next write, all by group commit and fenced.

Each operation is one run's; a batch of them is one statement (`sql/journal.sql`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter

import asyncpg
import msgspec

from vaivem.engine.batches import Batcher
from vaivem.engine.crashpoints import reach
from vaivem.engine.statements import statement

# So many are written together: with more, the worker stands by while all of its runs are in one statement,
# and the database while they go on.
TOGETHER = 64


class StepRow(msgspec.Struct):
    """One exchange with a vendor (or a wait, or an answer of a person), as history keeps it.

    `n` is its place in the run, `try_` counts repeats of that place; `done` says that it is final for it.
    """

    n: int
    try_: int
    step: str
    name: str
    conn: int
    write: bool
    done: bool
    known: str | None
    method: str
    url: str
    status: int
    request: bytes | None
    response: bytes | None
    code: str
    ms: int
    at: datetime


class Finish(msgspec.Struct):
    """The end of a run, and the place of its item in its lane."""

    event_id: int
    rule: int
    version: int
    status: int
    code: str
    params: str
    records: str
    calls: int
    tries: int
    lane: int
    seq: int
    terms: tuple[int, ...] = ()
    replay_of: int | None = None


class LinkRow(msgspec.Struct):
    """A match key and its record; `record_id` None forgets it."""

    conn: int
    object: str
    key: str
    record_id: str | None


class News(msgspec.Struct):
    """What the outcomes of a run's steps say of records (`news.news_of`, as JSON), to be noted later."""

    event_id: int
    records: str


class Outcome(msgspec.Struct):
    """What a run has to make durable now. `intent` is the n of the write that comes next."""

    ws: int
    run_id: int
    steps: list[StepRow] = msgspec.field(default_factory=list)
    links: list[LinkRow] = msgspec.field(default_factory=list)
    settled: bool = False
    released: bool = False
    intent: int | None = None
    finish: Finish | None = None
    let_go: bool = False
    news: News | None = None


class Acquire(msgspec.Struct):
    """A claim on match keys (may be none), and the intent of the write that may follow."""

    ws: int
    run_id: int
    n: int
    keys: tuple[tuple[int, str, str], ...]  # connection, object, key


class Park(msgspec.Struct):
    """A run that waits, and its lane given back."""

    ws: int
    run_id: int
    lane: int
    event_id: int
    rule: int
    version: int
    conn: int
    state: str
    code: str
    params: str
    due: datetime
    tries: int = 0
    worked: float = 0.0


class DatabaseAwayError(Exception):
    """The database cannot be reached: the worker begins anew when it is back."""


def is_away(error: BaseException) -> bool:
    """Say whether an error means that the database or the connection to it is gone."""
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
        return False  # an argument that cannot be sent: the operation's own fault
    gone = (
        OSError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,  # what the driver makes of a connection that is lost while it prepares
        asyncpg.PostgresConnectionError,
        asyncpg.CannotConnectNowError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.TooManyConnectionsError,
        asyncpg.DiskFullError,
        asyncpg.QueryCanceledError,
        DatabaseAwayError,
    )
    return isinstance(error, gone)


class Journal:
    """Writes operations of one worker. `lost` is called when the lease is gone, and does not return."""

    def __init__(
        self,
        worker: int,
        outcomes: asyncpg.Connection,
        acquires: asyncpg.Connection,
        lost: Callable[[], None],
    ) -> None:
        self._worker = worker
        self._outcomes_db = outcomes
        self._acquires_db = acquires
        self._lost = lost
        self._outcomes: Batcher[Outcome, bool] = Batcher(self._write_outcomes, limit=TOGETHER, whole=is_away)
        self._acquires: Batcher[Acquire, dict[str, str] | None] = Batcher(
            self._write_acquires, limit=TOGETHER, whole=is_away
        )
        self._parks: Batcher[Park, bool] = Batcher(self._write_parks, limit=TOGETHER, whole=is_away)
        self._db_turn = asyncio.Lock()

    async def acquire(self, op: Acquire) -> dict[str, str] | None:
        """Return the records that the keys are known to be, or None when another run holds one of them."""
        return await self._acquires.submit(op)

    async def write(self, op: Outcome) -> bool:
        """Make an outcome durable. Return whether the lane was let go (when `let_go` asked for it)."""
        return await self._outcomes.submit(op)

    async def park(self, op: Park) -> None:
        """Make a waiting run durable and give its lane back."""
        await self._parks.submit(op)

    async def _write_acquires(self, ops: Sequence[Acquire]) -> list[dict[str, str] | None]:
        reach("journal.before_intent")
        wanted: set[tuple[int, int, str, str]] = set()
        kept: list[Acquire] = []
        asked: set[int] = set()
        for op in ops:
            keys = {(op.ws, *key) for key in op.keys}
            if keys & wanted:
                continue  # two of one batch want one key: the later one asks again
            wanted |= keys
            kept.append(op)
            asked.add(op.run_id)
        keyed = [(op.ws, op.run_id, *key) for op in kept for key in op.keys]
        rows = await self._acquires_db.fetch(
            statement("journal", "acquire"),
            self._worker,
            *columns(keyed, 5),
            [op.ws for op in kept],
            [op.run_id for op in kept],
            [op.n for op in kept],
            [len(op.keys) for op in kept],
        )
        self._check_lease(any(row[0] == 0 for row in rows))
        reach("journal.after_intent")
        results: dict[int, dict[str, str]] = {}
        for run_id, _, key, record in rows:
            known = results.setdefault(run_id, {})
            if key is not None and record is not None:
                known[key] = record
        await self._give_back([op for op in kept if op.run_id not in results and op.keys])
        return [results.get(op.run_id) if op.run_id in asked else None for op in ops]

    async def _give_back(self, ops: list[Acquire]) -> None:
        """Release the claims of runs that did not get all of their keys."""
        if ops:
            await self._acquires_db.execute(
                statement("journal", "release"),
                [op.run_id for op in ops],
                self._worker,
            )

    async def _write_outcomes(self, ops: Sequence[Outcome]) -> list[bool]:
        reach("journal.before_outcome")
        finishing = any(op.finish for op in ops)
        if finishing:
            reach("run.before_finish")
        async with self._db_turn:
            rows = await self._outcomes_db.fetch(statement("journal", "write"), self._worker, *_arrays(ops))
        self._check_lease(any(row[0] == 0 for row in rows))
        reach("journal.after_outcome")
        if finishing:
            reach("run.after_finish")
        gone = {(row[1], row[2]) for row in rows if row[0] == 2}
        return [bool(op.let_go and op.finish and (op.ws, op.finish.lane) in gone) for op in ops]

    async def _write_parks(self, ops: Sequence[Park]) -> list[bool]:
        reach("run.before_park")
        names = (
            "ws", "run_id", "lane", "event_id", "rule", "version", "conn", "state", "code", "params", "due",
            "tries", "worked",
        )  # fmt: skip
        columns = [[getattr(op, name) for op in ops] for name in names]
        async with self._db_turn:
            rows = await self._outcomes_db.fetch(statement("journal", "park"), self._worker, *columns)
        self._check_lease(bool(rows))
        reach("run.after_park")
        return [True] * len(ops)

    async def leave_lane(self, ws: int, lane: int, seq: int, own_lane: int, due: datetime) -> None:
        """Move a run in a wait step from its lane to one of its own."""
        async with self._db_turn:
            await self._outcomes_db.execute(
                statement("journal", "leave"), self._worker, ws, lane, seq, own_lane, due
            )

    async def ask(self, *arguments: object) -> None:
        """Put a question for a person (arguments as in the statement `ask`, after the worker)."""
        async with self._db_turn:
            await self._outcomes_db.execute(statement("journal", "ask"), self._worker, *arguments)

    def _check_lease(self, held: bool) -> None:
        if not held:
            self._lost()


_STEP = attrgetter(
    "n", "try_", "step", "name", "conn", "write", "done", "known", "method", "url", "status", "request",
    "response", "code", "ms", "at",
)  # fmt: skip
_LINK = attrgetter("conn", "object", "key", "record_id")
_RUN = attrgetter(
    "event_id", "rule", "version", "status", "code", "params", "records", "calls", "tries", "lane", "seq"
)


def _arrays(ops: Sequence[Outcome]) -> list[Sequence[object]]:
    """Turn outcomes into the arrays of the statement `write`, in its order."""
    steps = [(op.ws, op.run_id, *_STEP(row)) for op in ops for row in op.steps]
    settled = [(op.ws, op.run_id) for op in ops if op.settled]
    released = [(op.ws, op.run_id) for op in ops if op.released]
    links = [(op.ws, *_LINK(link), op.run_id) for op in ops for link in op.links]
    intents = [(op.ws, op.run_id, op.intent) for op in ops if op.intent is not None]
    ends = [(op.ws, op.run_id, op.finish, op.let_go) for op in ops if op.finish is not None]
    runs = [(ws, run, *_RUN(end)) for ws, run, end, _ in ends]
    *finished, lane, seq = columns(runs, 13)
    terms = [(ws, term, end.event_id) for ws, _, end, _ in ends for term in end.terms]
    news = [(op.ws, op.run_id, op.news.event_id, op.news.records) for op in ops if op.news is not None]
    leaving = [(ws, end.lane, end.seq) for ws, _, end, let_go in ends if let_go]
    return [
        *columns(steps, 18),
        *columns(settled, 2),
        *columns(released, 2),
        *columns(links, 6),
        *columns(intents, 3),
        *finished,
        finished[0],
        lane,
        seq,
        *columns(terms, 3),
        *columns(leaving, 3),
        [end.replay_of for _, _, end, _ in ends],
        *columns(news, 4),
    ]


def columns(rows: Sequence[tuple[object, ...]], count: int) -> list[Sequence[object]]:
    """Return the columns of rows, also of none."""
    return list(zip(*rows, strict=True)) if rows else [()] * count
