"""A worker's lease: one row, renewed by a beat, that fences everything the worker writes.

Leases use the machine's own clock (one that goes on while it sleeps), never the shifted one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from vaivem.engine.clock import boot_time
from vaivem.engine.crashpoints import reach
from vaivem.engine.journal import DatabaseAwayError
from vaivem.engine.presence import Presence, ended, forget, holds, machine, stop
from vaivem.engine.statements import statement

LEASE_SECONDS = 6.0
BEAT_SECONDS = LEASE_SECONDS / 5
PATIENCE_MILLISECONDS = 500  # for the row of a worker that is over
# What a worker handed to the network before its lease ended may arrive for so long: nobody takes over before,
# and what the vendor's machine has not confirmed by then is dropped (`outbound.new_client`).
GRACE_SECONDS = 2.5
LATE_SECONDS = 1.0
DYING_SECONDS = 1.0

log = logging.getLogger(__name__)


class LeaseLostError(BaseException):
    """This worker no longer owns anything: the process ends at once, without unwinding.

    Not an `Exception`, so that no handler of ordinary errors swallows it.
    """


class Lease:
    """The lease of this process incarnation. `end` it when nothing of the incarnation acts any more."""

    def __init__(
        self, connection: asyncpg.Connection, data_dir: Path, seconds: float = LEASE_SECONDS
    ) -> None:
        self._connection = connection
        self._data_dir = data_dir
        self._presence = Presence(data_dir)
        self._seconds = seconds
        self._until = 0.0
        self._turn = asyncio.Lock()  # an orderly stop comes while a beat is under way
        self._left = False
        self.worker = 0

    async def register(self) -> int:
        """Take a lease; return the worker's id."""
        begun = boot_time()
        place = (socket.gethostname(), os.getpid(), self._presence.mark)
        self.worker = await self._connection.fetchval(statement("leases", "register"), self._seconds, *place)
        self._until = begun + self._seconds
        return self.worker

    async def beat(self) -> int:
        """Renew the lease, bury workers that are gone, free their lanes; return how many lanes were freed."""
        async with self._turn:
            if self._left:
                return 0
            await self._renew()
            await self._stop_late()
            marks = ended(self._data_dir)
            gone = await self._gone_here(marks) if marks else []
            reach("lease.before_takeover")
            freed = await self._take_over(gone)
            reach("lease.after_takeover")
            if freed is not None:
                forget(self._data_dir, marks)
            return freed or 0

    async def _renew(self) -> None:
        begun = boot_time()
        arguments = (self.worker, self._seconds)
        # One that takes as long as a lease is no use: the worker begins anew then.
        if not await self._connection.fetchval(
            statement("leases", "beat"), *arguments, timeout=self._seconds
        ):
            raise LeaseLostError
        self._until = begun + self._seconds

    async def _stop_late(self) -> None:
        """Kill workers of this machine whose lease ended long ago: one that stands still would go on later.

        Between its last look at the lease and the network it may have held a write, which would leave when it
        wakes. A supervisor kills its own before that; this is for those that have none.
        """
        late = await self._connection.fetch(
            statement("leases", "late"), self.worker, GRACE_SECONDS, f"{machine()}:%"
        )
        for row in late:
            if stop(self._data_dir, row["mark"], row["pid"]):
                log.error("Worker %s stood still past its lease and was killed", row["id"])
                with contextlib.suppress(TimeoutError):  # what still dies does nothing else
                    async with asyncio.timeout(DYING_SECONDS):
                        while holds(self._data_dir, row["mark"]):  # noqa: ASYNC110 - a process
                            await asyncio.sleep(0.01)

    async def _take_over(self, gone: list[int]) -> int | None:
        """Free the lanes of workers that are over; None when one cannot be fenced before the next beat.

        Apart from the renewal: who waits here for another's row must hold none that others wait for. And one
        message, so one transaction that needs no word from us half-way: a machine that is cut off in the
        middle would hold its locks, and every ingest would wait for them.
        """
        message = "; ".join(
            (
                f"select set_config('lock_timeout', '{PATIENCE_MILLISECONDS}', true)",
                _with(statement("leases", "clamp"), self.worker, self._seconds),
                _with(statement("leases", "expire"), gone, GRACE_SECONDS),
                statement("leases", "take_over"),
            )
        )
        try:
            freed: str = await self._connection.execute(message)
        except asyncpg.LockNotAvailableError:
            log.warning("A worker that is over holds its lease's row: its lanes are freed later")
            return None
        return int(freed.rpartition(" ")[2])

    async def _gone_here(self, marks: Sequence[str]) -> list[int]:
        """Return workers of this machine that are certainly over."""
        rows: Sequence[asyncpg.Record] = await self._connection.fetch(statement("leases", "marked"), marks)
        return [row["id"] for row in rows]

    def covers(self, seconds: float) -> bool:
        """Say whether the lease holds for that long from now: the last look before a write leaves."""
        return boot_time() + min(seconds, self._seconds / 2) < self._until

    async def assure(self, seconds: float) -> bool:
        """Say the same, but renew a lease that does not hold for so long: a beat may be late."""
        if self.covers(seconds):
            return True
        async with self._turn:
            if not self.covers(seconds) and not self._left:  # others that waited here may have renewed it
                try:
                    await self._renew()
                except LeaseLostError:
                    return False
        return self.covers(seconds)

    async def watch(self) -> None:
        """Wait for the end of the lease: nothing may leave after it, though a beat may wait for its answer.

        Raises DatabaseAwayError then; LeaseLostError when this process stood still, and comes to it late.
        """
        while (left := self._until - boot_time()) > 0:  # noqa: ASYNC110 - each beat moves the end
            await asyncio.sleep(left)
        if left < -LATE_SECONDS:
            raise LeaseLostError
        raise DatabaseAwayError("the lease ended while the database did not answer")

    async def leave(self) -> None:
        """Give lanes back and end the lease: an orderly stop."""
        async with self._turn, self._connection.transaction():
            self._left = True
            await self._connection.execute(statement("leases", "give_back"), self.worker)
            await self._connection.execute(statement("leases", "leave"), self.worker)
        self._presence.leave()

    def end(self) -> None:
        """Let others of this machine know that nothing of this incarnation acts any more."""
        self._presence.end()


def _with(query: str, *numbers: float | list[int]) -> str:
    """Return a statement with numbers in place of its parameters: a message of several takes none."""
    for place, number in enumerate(numbers, start=1):
        listed = isinstance(number, list)
        query = query.replace(f"${place}", f"'{{{str(number)[1:-1]}}}'" if listed else f"({number})")
    return query


async def bury(dsn: str, data_dir: Path) -> None:
    """Delete the rows of this machine's workers that are dead, so that takeover need not wait for a beat."""
    marks = ended(data_dir)
    if not marks:
        return
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(statement("leases", "bury"), marks)
            await connection.execute(statement("leases", "take_over"))
            await connection.execute("notify vv_lanes")
    finally:
        await connection.close()
    forget(data_dir, marks)
