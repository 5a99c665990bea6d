"""What chores need, without a worker around them: for tests that say themselves when a round comes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from vaivem.engine.answers import Answers
from vaivem.engine.apart import Apart
from vaivem.engine.budgets import Budgets
from vaivem.engine.caller import Caller
from vaivem.engine.catching_up import CatchingUp
from vaivem.engine.clock import Clock
from vaivem.engine.desk import Desk
from vaivem.engine.gates import Gates
from vaivem.engine.ids import IdMaker
from vaivem.engine.intake import Intake
from vaivem.engine.links import Link
from vaivem.engine.outbound import Outbound
from vaivem.engine.post import Post
from vaivem.engine.retention import Retention
from vaivem.engine.spending import Spending
from vaivem.engine.subscriptions import Subscriptions
from vaivem.engine.tokens import Tokens
from vaivem.engine.topology import Topology

from .conftest import House


@dataclass
class Chored:
    """One process's chores."""

    pool: asyncpg.Pool
    desk: Desk
    clock: Clock
    topology: Topology
    caller: Caller
    subscriptions: Subscriptions
    catching_up: CatchingUp
    retention: Retention

    async def look(self) -> None:
        """Read the clock and the configuration again, as a worker does all the time."""
        await self.clock.adjust(self.pool)
        await self.topology.load(self.pool)
        await self.caller.gates.load()


@contextlib.asynccontextmanager
async def chores(house: House, *, apart: bool = True, **settings: Any) -> AsyncIterator[Chored]:
    """Be a process that does chores; `settings` replace those of the installation.

    Without `apart` rotating tokens are refreshed in this process too: quicker, for tests of many days.
    """
    config = replace(house.config, **settings)
    async with contextlib.AsyncExitStack() as stack:
        pool = await stack.enter_async_context(asyncpg.create_pool(house.dsn, min_size=1, max_size=3))
        outbound = Outbound(config.allowed_private_hosts)
        stack.push_async_callback(outbound.close)
        link, bell = Link(house.dsn), Link(house.dsn)
        stack.push_async_callback(link.close)
        stack.push_async_callback(bell.close)
        clock, topology = Clock(), Topology(house.vault)
        caller = Caller(
            outbound,
            Budgets(pool),
            Answers(pool),
            Gates(pool),
            Tokens(pool, house.vault, outbound, Apart(config, house.dsn) if apart else None),
            clock,
            Spending(pool, clock),
        )
        ids = IdMaker(await pool.fetchval("select nextval('node_seq')"), clock.time)
        desk = Desk(
            pool=pool, clock=clock, ids=ids, topology=topology, caller=caller,
            journal=None, lease=None, lost=lambda: None,  # type: ignore[arg-type] - chores work no runs
            post=Post(config.smtp_url, pool, house.vault),
            intake=Intake(topology, ids, clock, link, bell),
        )  # fmt: skip
        made = Chored(
            pool,
            desk,
            clock,
            topology,
            caller,
            Subscriptions(config, pool, topology, caller, clock, house.vault),
            CatchingUp(desk, desk.intake),
            Retention(pool, clock),
        )
        await made.look()
        yield made


def hooked(house: House, hook: str) -> int:
    """Make a connection whose webhook is ours to look after."""
    number = house.connection(hook)
    with house.db() as db:
        db.execute(
            "update connection set connector = 'stub_hooked', wants_hook = true where id = %s", (number,)
        )
    return number
