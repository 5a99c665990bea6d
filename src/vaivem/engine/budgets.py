"""One call budget per connection over all workers: a token bucket in the database for each of its limits.

A bucket lets `rate × window + cap` through in a window; with a cap of 5 % of the limit and the rate lowered
by it, no window ever holds more than the limit. Live events may use it up; bulk keeps off a quarter of it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import asyncpg

from vaivem.connectors.sdk import Connection, Connector, LimitState
from vaivem.connectors.sdk.manifest import Limit
from vaivem.core.errors import RetryError
from vaivem.engine.statements import statement

CAP_SHARE = 0.05
BULK_RESERVE = 0.25
SLICE_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 20.0


def bucket_shape(limit: Limit) -> tuple[float, float]:
    """Return (tokens a second, cap) that keep every rolling window of `limit` within it."""
    allowed = limit.calls * limit.share
    cap = max(1.0, allowed * CAP_SHARE)
    return max((allowed - cap) / limit.seconds, 1e-6), cap


@dataclass(slots=True)
class _Bucket:
    """What this process holds of one bucket: tokens taken ahead, for a moment only."""

    name: str
    rate: float
    cap: float
    slice: float = 0.0
    taken_at: float = 0.0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Budgets:
    """Takes calls from the budgets of connections."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._buckets: dict[int, tuple[tuple[Limit, ...], list[_Bucket]]] = {}
        self._lowered: dict[int, float] = {}
        self.waiting: dict[int, int] = {}

    async def take(self, connector: Connector, connection: Connection, cost: int, *, bulk: bool) -> None:
        """Wait for room in every limit of the connection.

        Raises RetryError (a limit, with the seconds to wait) when that would take long.
        """
        limits = connector.manifest.limit(connection.settings)
        if not limits:
            return
        for bucket in await self._of(connection.id, limits):
            self.waiting[connection.id] = self.waiting.get(connection.id, 0) + 1
            try:
                await self._take(connection.id, bucket, cost, bulk)
            finally:
                self.waiting[connection.id] -= 1

    async def _of(self, conn: int, limits: tuple[Limit, ...]) -> list[_Bucket]:
        known = self._buckets.get(conn)
        if known is not None and known[0] == limits:
            return known[1]
        buckets = []
        for limit in limits:
            rate, cap = bucket_shape(limit)
            bucket = _Bucket(f"{limit.calls}/{limit.seconds:g}", rate, cap)
            await self._pool.execute(statement("budgets", "ensure"), conn, bucket.name, rate, cap)
            buckets.append(bucket)
        self._buckets[conn] = (limits, buckets)
        return buckets

    async def _take(self, conn: int, bucket: _Bucket, cost: int, bulk: bool) -> None:
        async with bucket.turn:
            deadline = time.monotonic() + LONGEST_WAIT_SECONDS
            while True:
                if time.monotonic() - bucket.taken_at > 4 * SLICE_SECONDS:
                    bucket.slice = 0.0  # a stale slice may lie in another window: it is given up
                if bucket.slice >= cost:
                    bucket.slice -= cost
                    return
                wanted = max(float(cost), min(bucket.rate * SLICE_SECONDS, bucket.cap / 2))
                reserve = bucket.cap * BULK_RESERVE if bulk else 0.0
                row = await self._pool.fetchrow(
                    statement("budgets", "take"), conn, bucket.name, wanted, min(reserve, bucket.cap - cost)
                )
                got, wait = float(row["got"]), float(row["wait"])
                bucket.slice += got
                bucket.taken_at = time.monotonic()
                if bucket.slice >= cost:
                    continue
                if time.monotonic() + wait > deadline:
                    raise RetryError("vendor_limit", retry_after=wait, limit=True)
                await asyncio.sleep(min(max(wait, 0.005), 1.0))

    async def believe(self, conn: int, state: LimitState) -> None:
        """Lower the budget to what the vendor's headers say is left."""
        held = self._buckets.get(conn)
        if state.remaining is None or held is None:
            return
        cap = min((bucket.cap for bucket in held[1]), default=0.0)
        if state.remaining <= 0 and state.reset_in:
            await self.close(conn, state.reset_in)
        elif state.remaining < cap and time.monotonic() - self._lowered.get(conn, 0.0) > SLICE_SECONDS:
            self._lowered[conn] = time.monotonic()
            await self._pool.execute(statement("budgets", "believe"), conn, float(state.remaining))

    async def close(self, conn: int, seconds: float) -> None:
        """Let nobody call for that long: the vendor said so."""
        held = self._buckets.get(conn)
        for bucket in held[1] if held else []:
            bucket.slice = 0.0
        await self._pool.execute(statement("budgets", "close"), conn, seconds)
