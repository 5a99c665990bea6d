"""A worker that works when it is told to, in the test's own process, and may die at a named point.

Such a death is what SIGKILL does: the links to the database are cut, nothing of the worker goes on, and what
it had handed to the vendor stays done. But it takes a moment, so that a test can look at many.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, NoReturn

import asyncpg
import pytest

from vaivem.engine import budgets, context, crashpoints, sending
from vaivem.engine import worker as worker_module
from vaivem.engine.chores import Chores
from vaivem.engine.desk import Desk
from vaivem.engine.lanes import ClaimedLane
from vaivem.engine.leases import Lease, LeaseLostError
from vaivem.engine.outbound import Outbound
from vaivem.engine.replays import Replays
from vaivem.engine.worker import Worker

from .conftest import House

who: ContextVar[Stepped] = ContextVar("who")


class Died(BaseException):
    """The worker is dead: nothing catches this, as nothing catches a SIGKILL."""


class Stepped(Worker):
    """A worker without a will of its own: `turn` claims some lanes and works them as far as they go now."""

    def __init__(self, house: House, outbound: Outbound) -> None:
        super().__init__(house.config, house.dsn, house.vault, outbound, lambda: None)
        self.dead = False
        self._links: list[asyncpg.Connection | asyncpg.Pool] = []
        self._errors: list[BaseException] = []
        self._begun = asyncio.Event()
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self.run())

    async def begin(self) -> None:
        """Come to the point where an ordinary worker begins to claim."""
        begun = asyncio.create_task(self._begun.wait())
        await asyncio.wait({self._task, begun}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if self._task.done():
            self._task.result()

    async def turn(self, lanes: int) -> int:
        """Do what a worker does all the time, once; return how many lanes it claimed, at most `lanes`."""
        who.set(self)
        claimed = 0
        try:
            claimed = await self._turn_once(lanes)
        except Died:
            pass
        except LeaseLostError:
            self.die()
        except Exception:
            if not self.dead:  # else its links are cut
                raise
        if self.dead:
            self._task.cancel()
            await asyncio.wait({self._task})
        elif self._errors:
            raise self._errors[0]
        return claimed

    async def _turn_once(self, lanes: int) -> int:
        desk = self.desk
        await self._clock.adjust(self._claims)
        await desk.caller.gates.load()
        await self._topology.load(desk.pool)
        await desk.lease.beat()
        await Replays(desk).step()
        claimed = await self._claim_some(desk, self._claims, lanes)
        while self._lanes:
            await asyncio.wait(set(self._lanes))
        return len(claimed)

    def die(self) -> None:
        """Cut everything off at once."""
        self.dead = True
        for link in self._links:
            link.terminate()
        for lane in self._lanes:
            lane.cancel()

    async def leave(self) -> None:
        """End in order."""
        self._over.set()
        await self._task

    # What a worker does by itself

    async def _together(self, desk: Desk, claim_db: asyncpg.Connection, lease: Lease, chores: Chores) -> None:
        self.desk, self._claims = desk, claim_db
        self._begun.set()
        await self._over.wait()
        await lease.leave()

    async def _connect(self, stack: AsyncExitStack, planning: Mapping[str, str]) -> asyncpg.Connection:
        made = await super()._connect(stack, planning)
        self._links.append(made)
        return made

    async def _pool(self, stack: AsyncExitStack, least: int) -> asyncpg.Pool:
        made = await super()._pool(stack, least)
        self._links.append(made)
        return made

    def _ended(self, lane: ClaimedLane, desk: Desk, task: asyncio.Task[None]) -> None:
        """A lane that ends in an error is a bug of ours: an ordinary worker notes it, and goes on."""
        error = None if task.cancelled() else task.exception()
        if error is None:
            super()._ended(lane, desk, task)
        else:
            self._lanes.discard(task)
            self._errors.append(error)


@contextmanager
def in_steps() -> Iterator[None]:
    """Have who reaches the crash point of `dying_at` die, and nobody wait for a limit or another run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crashpoints, "os", SimpleNamespace(getpid=os.getpid, kill=lambda *_: _die()))
        patch.setattr(worker_module, "lease_lost", _die)
        patch.setattr(worker_module, "_close", _cut)
        patch.setattr(budgets, "LONGEST_WAIT_SECONDS", 0.0)
        patch.setattr(sending, "SHORT_WAIT_SECONDS", 0.0)
        patch.setattr(context, "CLAIM_QUEUE_SECONDS", 0.1)
        asyncio.get_running_loop().set_exception_handler(_said)
        yield


@contextmanager
def dying_at(point: str, nth: int) -> Iterator[None]:
    """Let the worker that gets to a crash point for the nth time die there."""
    arm(point, nth)
    try:
        yield
    finally:
        disarm()


def arm(point: str, nth: int = 1) -> None:
    """From now on, let the worker that gets to a crash point for the nth time die there."""
    crashpoints._visits.clear()
    crashpoints._wanted, crashpoints._nth = point, str(nth)


def disarm() -> None:
    """Let nobody die any more."""
    crashpoints._wanted = ""


async def _cut(link: asyncpg.Connection | asyncpg.Pool) -> None:
    """Close what may be cut already, without waiting for it."""
    link.terminate()


def _die() -> NoReturn:
    who.get().die()
    raise Died


def _said(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say what went wrong in the loop, but for what the dead leave behind."""
    if not isinstance(context.get("exception"), Died):
        loop.default_exception_handler(context)
