"""One call budget per connection over all workers: a token bucket in the database for each of its limits.

A bucket lets `rate × window + cap` through in a window; with a small cap and the rate lowered by it (and by
the moment for which calls are taken ahead), no window ever holds more than the limit. Live events may use it
up; bulk keeps off a part of it, so that whoever is live always comes first.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from math import floor

import asyncpg

from vaivem.connectors.sdk import Call, Connection, Connector, LimitState
from vaivem.connectors.sdk.manifest import Limit
from vaivem.core.errors import RetryError
from vaivem.engine.answers import own_limit, window_name
from vaivem.engine.statements import statement

CAP_SHARE = 0.04
BULK_RESERVE = 0.25
FEW_CALLS = 10.0
LONGEST_SLICE_SECONDS = 0.1
SLICE_OF_WINDOW = 0.01
LONGEST_WAIT_SECONDS = 20.0
PARKED_SECONDS = 5.0  # after a long wait in place: the run comes back then
BELIEVE_PAUSE_SECONDS = 0.1
ANSWERED_SECONDS, SOON_SECONDS = 30.0, 5.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How a limit is kept: tokens a second, the most that may lie ready, and calls taken ahead.

    `ahead` calls are taken at once and used within `ahead_seconds`, or given up. 1 means none ahead.
    """

    rate: float
    cap: float
    ahead: int
    ahead_seconds: float


@cache
def bucket_shape(limit: Limit) -> Shape:
    """Return what keeps every rolling window of `limit` within it."""
    allowed = limit.calls * limit.share
    if allowed < FEW_CALLS:
        allowed = max(1, floor(allowed)) + 0.9  # calls are whole: 4.9 in a window are 4
    cap = max(1.0 + BULK_RESERVE, allowed * CAP_SHARE)  # over one call, so that bulk has a reserve to leave
    rate = max((allowed - cap) / limit.seconds, 1e-6)
    seconds = min(LONGEST_SLICE_SECONDS, limit.seconds * SLICE_OF_WINDOW)
    ahead = floor(min(rate * seconds, cap / 2))
    if ahead < 2:
        return Shape(rate, cap, 1, 0.0)
    return Shape((allowed - cap) / (limit.seconds + seconds), cap, ahead, seconds)


@dataclass(slots=True)
class _Queue:
    """Who waits in this process for one bucket, live or bulk: one asks the database, the others stand by."""

    slice: int = 0  # calls taken ahead
    taken_at: float = 0.0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class _Bucket:
    name: str
    limit: Limit
    shape: Shape
    live: _Queue = field(default_factory=_Queue)
    bulk: _Queue = field(default_factory=_Queue)


def _bucket_name(limit: Limit) -> str:
    counted = "" if limit.counts == "cost" else f" {limit.counts}"
    scoped = f" {limit.scope}" if limit.scope else ""
    return f"{limit.calls}/{limit.seconds:g}{counted}{scoped}"


class Budgets:
    """Takes calls from the budgets of connections."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._buckets: dict[int, tuple[tuple[Limit, ...], list[_Bucket]]] = {}
        self._lowered: dict[int, float] = {}
        self.waiting: Counter[tuple[int, bool]] = Counter()  # by connection, and whether it is bulk

    async def take(
        self, connector: Connector, connection: Connection, call: Call, *, bulk: bool
    ) -> datetime | None:
        """Wait for room in every limit of the connection that the call counts towards.

        Return the moment at which its record's own limit noted it, by the database's clock; None without one.
        Raises RetryError (a limit, with the seconds to wait) when that would take long, and for a record's
        own limit at once. A call that costs more than a bucket holds waits for a full one and leaves a debt.
        """
        limits = connector.limits(connection)
        if not limits:
            return None
        own = own_limit(limits, call)
        taken = await self._take_window(connection.id, own, call) if own is not None else None
        try:
            await self._take_each(connection.id, limits, call, bulk=bulk)
        except RetryError:
            if own is not None:  # the call is not made: it must not count for the record
                name = window_name(own, call)
                await self._pool.execute(statement("budgets", "give_window_back"), connection.id, name, taken)
            raise
        return taken

    async def _take_each(self, conn: int, limits: tuple[Limit, ...], call: Call, *, bulk: bool) -> None:
        for bucket in await self._of(conn, tuple(one for one in limits if not one.each)):
            if bucket.limit.scope not in ("", call.scope):
                continue
            cost = call.cost if bucket.limit.counts == "cost" else 1
            self.waiting[conn, bulk] += 1
            try:
                await self._take(conn, bucket, cost, bulk)
            finally:
                self.waiting[conn, bulk] -= 1

    async def _take_window(self, conn: int, limit: Limit, call: Call) -> datetime:
        """Take a call of a record's own limit: few in a long time, each noted with its moment (returned).

        Where the one that was granted has only just left, its answer may soon serve this one too.
        """
        name = window_name(limit, call)
        allowed = max(1, floor(limit.calls * limit.share))
        row = await self._pool.fetchrow(
            statement("budgets", "take_window"), conn, name, allowed, limit.seconds
        )
        if not row["granted"]:
            wait = row["wait"]
            if call.since is not None and allowed == 1 and wait > limit.seconds - ANSWERED_SECONDS:
                wait = SOON_SECONDS
            raise RetryError("record_limit", retry_after=max(1.0, wait), limit=True, narrow=True)
        taken: datetime = row["taken"]
        return taken

    async def _of(self, conn: int, limits: tuple[Limit, ...]) -> list[_Bucket]:
        known = self._buckets.get(conn)
        if known is not None and known[0] == limits:
            return known[1]
        buckets = []
        for limit in limits:
            bucket = _Bucket(_bucket_name(limit), limit, bucket_shape(limit))
            shape = bucket.shape
            await self._pool.execute(statement("budgets", "ensure"), conn, bucket.name, shape.rate, shape.cap)
            buckets.append(bucket)
        self._buckets[conn] = (limits, buckets)
        return buckets

    async def _take(self, conn: int, bucket: _Bucket, cost: int, bulk: bool) -> None:
        queue = bucket.bulk if bulk else bucket.live
        async with queue.turn:
            deadline = time.monotonic() + LONGEST_WAIT_SECONDS
            while True:
                wait = await self._try(conn, bucket, queue, cost, bulk)
                if wait is None:
                    return
                if time.monotonic() + wait > deadline:
                    raise RetryError("vendor_limit", retry_after=max(wait, PARKED_SECONDS), limit=True)
                await asyncio.sleep(min(max(wait, 0.005), 1.0))

    async def _try(self, conn: int, bucket: _Bucket, queue: _Queue, cost: int, bulk: bool) -> float | None:
        """Take `cost` calls; return None when they are ours, else the seconds until they can be."""
        shape = bucket.shape
        if time.monotonic() - queue.taken_at > shape.ahead_seconds:
            queue.slice = 0  # a stale slice may lie in another window: it is given up
        if queue.slice < cost:
            reserve = min(shape.cap * BULK_RESERVE, max(0.0, shape.cap - cost)) if bulk else 0.0
            begun = time.monotonic()
            row = await self._pool.fetchrow(
                statement("budgets", "take"), conn, bucket.name, max(cost, shape.ahead), cost, reserve
            )
            if not row["got"]:
                return float(row["wait"])
            queue.slice = int(row["got"])
            queue.taken_at = begun
        queue.slice -= cost
        return None

    async def believe(self, conn: int, state: LimitState) -> None:
        """Lower the budgets that the vendor's headers speak of to what they say is left."""
        held = self._buckets.get(conn)
        if state.remaining is None or held is None:
            return
        meant = [b for b in held[1] if (b.limit.counts, b.limit.scope) == (state.counts, state.scope)]
        cap = min((bucket.shape.cap for bucket in meant), default=0.0)
        if state.remaining <= 0 and state.reset_in:
            await self.close(conn, state.reset_in)
        elif (
            state.remaining < cap and time.monotonic() - self._lowered.get(conn, 0.0) > BELIEVE_PAUSE_SECONDS
        ):
            self._lowered[conn] = time.monotonic()
            self._give_up(conn)
            names = [bucket.name for bucket in meant]
            await self._pool.execute(statement("budgets", "believe"), conn, float(state.remaining), names)

    async def close(self, conn: int, seconds: float) -> None:
        """Let nobody call for that long: the vendor said so."""
        self._give_up(conn)
        await self._pool.execute(statement("budgets", "close"), conn, seconds)

    def _give_up(self, conn: int) -> None:
        """Give up what was taken ahead."""
        held = self._buckets.get(conn)
        for bucket in held[1] if held else []:
            bucket.live.slice = bucket.bulk.slice = 0
