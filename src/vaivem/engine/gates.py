"""A connection's gate: shut while the vendor is down (and probed), at a limit, or until a reconnect."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import asyncpg

from vaivem.core.errors import RetryError
from vaivem.engine.statements import statement

FAILURES_TO_PAUSE = 6
MIN_LIMIT_SECONDS = 0.25
LONGEST_LIMIT_SECONDS = 60.0

SPENT_TRY_SECONDS = 300.0  # between two tries of live events while the budget of the day is spent

OPEN, PAUSED, HELD, LIMITED, SPENT = 0, 1, 2, 3, 4

log = logging.getLogger(__name__)


class Gates:
    """Counts what calls of this process end in, and opens and shuts gates by it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._failures: Counter[int] = Counter()
        self._states: dict[int, int] = {}
        self._limited_until: dict[int, float] = {}
        self._strikes: Counter[int] = Counter()
        self._spent: dict[int, tuple[float, str]] = {}  # until when (monotonic), and the code that said so

    async def load(self) -> None:
        """Read all gates; connections without one get it."""
        await self._pool.execute(statement("gates", "ensure"))
        await self._pool.execute(statement("gates", "free_removed"))
        rows = await self._pool.fetch(statement("gates", "all"))
        now = time.monotonic()
        self._states = {row["conn"]: row["state"] for row in rows}
        self._limited_until = {
            row["conn"]: max(now + row["closed_for"], self._limited_until.get(row["conn"], 0.0))
            for row in rows
            if row["state"] == LIMITED
        }
        self._spent = {
            row["conn"]: (now + row["closed_for"], row["code"]) for row in rows if row["state"] == SPENT
        }

    async def look(self, conn: int) -> int:
        """Return the state of a gate as the database has it now."""
        found = await self._pool.fetchval(statement("gates", "state"), conn)
        self._states[conn] = OPEN if found is None else found
        return self._states[conn]

    def state(self, conn: int) -> int:
        """Return the last known state of a gate."""
        return self._states.get(conn, OPEN)

    async def worked(self, conn: int, cost: int = 0) -> None:
        """A call was answered sensibly: whatever was counted is forgotten, a probed gate opens."""
        self._failures.pop(conn, None)
        state = self._states.get(conn, OPEN)
        if state == SPENT:
            await self._refill(conn, cost)
            return
        if state == LIMITED and time.monotonic() < self._limited_until.get(conn, 0.0):
            return
        self._strikes.pop(conn, None)
        if state in (PAUSED, LIMITED):
            if await self._pool.fetchval(statement("gates", "open"), conn) is None:
                await self.look(conn)
                return
            self._states[conn] = OPEN
            await self._pool.execute("notify vv_lanes")

    async def failed(self, conn: int, code: str, params: Mapping[str, Any]) -> None:
        """A call found the vendor down. Many in a row, or a failed probe, shut the gate."""
        self._failures[conn] += 1
        many = self._failures[conn] >= FAILURES_TO_PAUSE
        if not many and self.state(conn) != PAUSED:
            return
        if many:
            self._failures.pop(conn, None)
        arguments = (conn, code, json.dumps(dict(params)), many)
        if await self._pool.fetchval(statement("gates", "pause"), *arguments) is not None:
            self._states[conn] = PAUSED
            log.warning("Connection %s is paused: %s", conn, code, extra={"connection": conn})
        else:
            await self.look(conn)  # closed already, or held, or another worker found the vendor up

    async def limited(self, conn: int, seconds: float | None, code: str = "vendor_limit") -> float:
        """The vendor's limit is reached: nobody calls for `seconds`, or for a growing time if it said none.

        `code` says which limit. Return the seconds.
        """
        now = time.monotonic()
        if seconds is None:
            if now < self._limited_until.get(conn, 0.0):
                return self._limited_until[conn] - now  # calls that left together strike once
            seconds = min(MIN_LIMIT_SECONDS * 2 ** self._strikes[conn], LONGEST_LIMIT_SECONDS)
            self._strikes[conn] += 1
        seconds = max(seconds, MIN_LIMIT_SECONDS)
        self._limited_until[conn] = max(now + seconds, self._limited_until.get(conn, 0.0))
        if self.state(conn) == OPEN:
            self._states[conn] = LIMITED
        await self._pool.execute(statement("gates", "limit"), conn, seconds, code)
        return seconds

    async def spend(self, conn: int, code: str, cost: int, seconds: float) -> None:
        """The budget of the day is spent: for `seconds` only live events are tried, now and then.

        `cost` is that of the refused call; a cheaper one that is let through does not open the gate.
        """
        self._states[conn] = SPENT
        self._spent[conn] = (time.monotonic() + seconds, code)
        log.warning(
            "Connection %s has spent its budget of the day: %s", conn, code, extra={"connection": conn}
        )
        params = json.dumps({"cost": cost})
        await self._pool.execute(statement("gates", "spend"), conn, code, params, seconds, SPENT_TRY_SECONDS)

    async def pass_spent(self, conn: int, *, bulk: bool) -> None:
        """Let a live call through now and then while the budget is spent, and nothing that is bulk.

        Raises RetryError for whoever has to wait.
        """
        until, code = self._spent.get(conn, (0.0, "vendor_limit"))
        left = until - time.monotonic()
        if left <= 0:
            return
        if not bulk:
            granted = await self._pool.fetchval(statement("gates", "try_spent"), conn, SPENT_TRY_SECONDS)
            if granted is not None or await self.look(conn) != SPENT:
                return
            left = min(left, SPENT_TRY_SECONDS)
        raise RetryError(code, retry_after=left, limit=True, spent=True)

    async def _refill(self, conn: int, cost: int) -> None:
        """Open the gate when there is budget again: for all that waited."""
        if await self._pool.fetchval(statement("gates", "refill"), conn, cost) is None:
            await self.look(conn)
            return
        self._states[conn] = OPEN
        await self._pool.execute("notify vv_lanes")

    async def hold(self, conn: int, code: str, params: Mapping[str, Any]) -> None:
        """The credentials are no longer accepted: its runs wait for a person."""
        self._states[conn] = HELD
        log.warning("Connection %s needs to be reconnected: %s", conn, code, extra={"connection": conn})
        async with self._pool.acquire() as db, db.transaction():
            # The connection before the gate, as a reconnect locks them.
            await db.execute(statement("topology", "need_reconnect"), conn)
            await db.execute(statement("gates", "hold"), conn, code, json.dumps(dict(params)))
