"""The worker process: claims lanes and works their runs.

Crash-only: when the lease is lost the process ends at once; when the database goes away everything under way
is dropped and begins anew as another incarnation. Either way the journal says what was done.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NoReturn

import asyncpg
import uvloop

from vaivem.config import Config
from vaivem.engine.answers import Answers
from vaivem.engine.apart import Apart
from vaivem.engine.awaiting import Lookout
from vaivem.engine.budgets import Budgets, bucket_shape
from vaivem.engine.caller import Caller
from vaivem.engine.chores import Chores, Errand
from vaivem.engine.clock import Clock, went_back
from vaivem.engine.crashpoints import reach
from vaivem.engine.desk import Desk
from vaivem.engine.gates import Gates
from vaivem.engine.ids import IdMaker
from vaivem.engine.intake import Intake
from vaivem.engine.journal import Journal, is_away
from vaivem.engine.lanes import ClaimedLane, LaneWorker, claimed_lanes
from vaivem.engine.leases import BEAT_SECONDS, Lease, LeaseLostError
from vaivem.engine.links import BY_INDEX, BY_KEY, SESSION, Link
from vaivem.engine.outbound import Outbound
from vaivem.engine.post import Post
from vaivem.engine.replays import Replays
from vaivem.engine.spending import Spending
from vaivem.engine.statements import statement
from vaivem.engine.tokens import Tokens
from vaivem.engine.topology import Topology, TopologyKeeper
from vaivem.engine.traces import traces
from vaivem.engine.ways_out import WaysOut
from vaivem.processes.collector import tune_collector
from vaivem.processes.heartbeat import Pulse
from vaivem.vault import Vault

SLOTS = 576  # more do more where a vendor is slow, and need memory: see decision 0013
MIN_GATE_SLOTS = 16
BUDGET_QUEUE = 8  # runs that may wait in place for one connection's budget
PACE_SECONDS = 2.0  # a gate has no more lanes than its connection may make calls in this time
POLL_SECONDS = 1.0
LANES_CHANNEL = "vv_lanes"
STOP_SECONDS = 8.0
UNWIND_SECONDS = 10.0  # what is cancelled may still tell the database, for so long
CLOSE_SECONDS = 1.0
BUG_PAUSE_SECONDS = 60.0
TOGETHER_SECONDS = 0.002
FEW_LANES = 32
BUSY_TOGETHER_SECONDS = 0.008

log = logging.getLogger(__name__)


def lease_lost() -> NoReturn:
    """End the process without unwinding: nothing it would still do is allowed."""
    log.critical("The lease is lost: this worker ends; its lanes go on in another")
    os._exit(70)


def stuck(tasks: Collection[asyncio.Future[Any]]) -> NoReturn:
    """End the process: a part of it that does not end would keep the next incarnation from beginning."""
    log.critical("This worker ends: %s of its parts do not, such as %r", len(tasks), next(iter(tasks)))
    os._exit(70)


class Worker:
    """One incarnation of a worker."""

    def __init__(
        self,
        config: Config,
        dsn: str,
        vault: Vault,
        outbound: Outbound,
        ready: Callable[[], None],
        errands: Mapping[str, Errand] | None = None,
    ) -> None:
        self._errands = errands or {}
        self._config = config
        self._ready = ready
        self._dsn = dsn
        self._vault = vault
        self._outbound = outbound
        self._topology = Topology(vault)
        self._clock = Clock()
        self._lanes: set[asyncio.Task[None]] = set()
        self._per_gate: Counter[int] = Counter()
        self._bulk_per_gate: Counter[int] = Counter()
        self._wake = asyncio.Event()
        self._turn = 0
        self._broken: asyncio.Future[None] | None = None
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until told to stop; raises when the database is gone."""
        async with contextlib.AsyncExitStack() as stack:
            pool = await self._pool(stack, 2)
            lease_db = await self._connect(stack, BY_INDEX)
            claim_db, outcome_db, acquire_db = [await self._connect(stack, BY_KEY) for _ in range(3)]
            await self._clock.adjust(claim_db)
            node = await claim_db.fetchval("select nextval('node_seq')")
            lease = Lease(lease_db, self._config.data_dir)
            stack.callback(lease.end)
            await lease.register()
            gates = Gates(pool)
            await gates.load()
            await self._topology.load(pool)
            # Of its own: a token endpoint that hangs must not keep the runs from the database.
            token_pool = await self._pool(stack, 0)
            apart = Apart(self._config, self._dsn)
            tokens = Tokens(token_pool, self._vault, self._outbound, apart)
            spending = Spending(pool, self._clock)
            caller = Caller(
                self._outbound, Budgets(pool), Answers(pool), gates, tokens, self._clock, spending
            )
            ids = IdMaker(node, self._clock.time)
            desk = Desk(
                pool=pool,
                clock=self._clock,
                ids=ids,
                topology=self._topology,
                caller=caller,
                journal=Journal(lease.worker, outcome_db, acquire_db, lease_lost),
                lease=lease,
                lost=lease_lost,
                post=Post(self._config.smtp_url, pool, self._vault, WaysOut(self._config, pool)),
                intake=Intake(self._topology, ids, self._clock, self._link(stack), self._link(stack)),
                busy=lambda: len(self._lanes) >= FEW_LANES,
            )
            await claim_db.add_listener(LANES_CHANNEL, lambda *_: self._wake.set())
            chores = Chores(self._config, self._dsn, desk, self._vault, self._errands)
            log.info("Worker %s of %s is at work", lease.worker, socket.gethostname())
            self._ready()
            await self._together(desk, claim_db, lease, chores)

    async def _connect(
        self, stack: contextlib.AsyncExitStack, planning: Mapping[str, str]
    ) -> asyncpg.Connection:
        settings = SESSION | dict(planning)
        connection = await asyncpg.connect(self._dsn, command_timeout=30, server_settings=settings)
        stack.push_async_callback(_close, connection)
        return connection

    def _link(self, stack: contextlib.AsyncExitStack) -> Link:
        """Return a connection of the intake's own, made when there is something to take."""
        link = Link(self._dsn)
        stack.push_async_callback(link.close)
        return link

    async def _pool(self, stack: contextlib.AsyncExitStack, least: int) -> asyncpg.Pool:
        pool = await asyncpg.create_pool(
            self._dsn, min_size=least, max_size=4, command_timeout=60, server_settings=SESSION
        )
        stack.push_async_callback(_close, pool)
        return pool

    async def _together(self, desk: Desk, claim_db: asyncpg.Connection, lease: Lease, chores: Chores) -> None:
        """Run all parts; the first that fails takes the others with it."""
        keeper = TopologyKeeper(self._dsn, self._topology)
        self._broken = asyncio.get_running_loop().create_future()
        tasks: list[asyncio.Future[Any]] = [
            self._broken,
            asyncio.create_task(self._beat(lease, desk)),
            asyncio.create_task(self._watch(lease)),
            asyncio.create_task(keeper.run()),
            asyncio.create_task(chores.run()),
            asyncio.create_task(Replays(desk).run()),
            asyncio.create_task(Lookout(desk).run()),
            asyncio.create_task(desk.breaker.run()),
            asyncio.create_task(desk.caller.spending.run()),
            asyncio.create_task(self._claim(desk, claim_db)),
            asyncio.create_task(self.stopping.wait()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self._drain()
            await desk.caller.spending.flush()
            await lease.leave()
        finally:
            for task in (*tasks, *self._lanes):
                task.cancel()
            _, left = await asyncio.wait({*tasks, *self._lanes}, timeout=UNWIND_SECONDS)
            if left:
                stuck(left)

    async def _drain(self) -> None:
        """An orderly stop: runs under way may end, for a while; the rest is recovered elsewhere."""
        if self._lanes:
            await asyncio.wait(set(self._lanes), timeout=STOP_SECONDS)

    async def _beat(self, lease: Lease, desk: Desk) -> None:
        count = 0
        while True:
            try:
                freed = await lease.beat()
            except LeaseLostError:
                lease_lost()
            if freed:
                self._wake.set()
            count += 1
            if count % 2 == 0:
                if back := await self._clock.adjust(desk.pool):
                    await went_back(desk.pool, back)
                    self._wake.set()
                await desk.caller.gates.load()
            await asyncio.sleep(BEAT_SECONDS)

    async def _watch(self, lease: Lease) -> None:
        try:
            await lease.watch()
        except LeaseLostError:
            lease_lost()

    async def _claim(self, desk: Desk, db: asyncpg.Connection) -> None:
        while not self.stopping.is_set():
            free = SLOTS - len(self._lanes)
            claimed = await self._claim_some(desk, db, free) if free > 0 else []
            if claimed and free > len(claimed):
                await asyncio.sleep(self._pause())
                continue
            if not claimed or free <= 0:
                await self._rest(desk, db, some_free=free > 0)
                await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        """Return how long to let lanes come together: one claim for each that ends would cost too much."""
        return TOGETHER_SECONDS if len(self._lanes) < FEW_LANES else BUSY_TOGETHER_SECONDS

    async def _claim_some(self, desk: Desk, db: asyncpg.Connection, free: int) -> list[ClaimedLane]:
        self._wake.clear()
        rooms = self._rooms(desk)
        gates, live, bulk = [list(column) for column in zip(*rooms, strict=True)] or ([], [], [])
        self._turn += 1
        arguments = (desk.lease.worker, min(free, 100), MIN_GATE_SLOTS, gates, live, bulk, self._turn)
        rows = await db.fetch(statement("lanes", "claim"), *arguments)
        reach("lanes.after_claim")
        lanes = claimed_lanes(rows)
        for lane in lanes:
            task = asyncio.create_task(LaneWorker(desk, lane).work())
            self._lanes.add(task)
            self._per_gate[lane.gate] += 1
            self._bulk_per_gate[lane.gate] += lane.bulk
            task.add_done_callback(partial(self._ended, lane, desk))
        return lanes

    def _rooms(self, desk: Desk) -> list[tuple[int, int, int]]:
        """Return how many more lanes each gate with lanes under way may have: in all, and of bulk.

        A gate may fill half of what the others leave free, bulk half of that: a vendor that hangs, and the
        backlog of one workspace, never take every slot. Nor does a gate get more than its vendor's limit lets
        through soon: a few runs that end are worth more than all of them half done.
        """
        waiting, held = desk.caller.budgets.waiting, sum(self._per_gate.values())
        rooms = []
        for gate, count in self._per_gate.items():
            most = min(max(MIN_GATE_SLOTS, (SLOTS - held + count) // 2), self._pace(gate))
            room, bulk = most - count, most // 2 - self._bulk_per_gate[gate]
            if waiting[gate, False]:
                room = min(room, BUDGET_QUEUE - waiting[gate, False])
            if waiting[gate, True]:
                bulk = min(bulk, BUDGET_QUEUE - waiting[gate, True])
            rooms.append((gate, max(0, room), max(0, bulk)))
        return rooms

    def _pace(self, gate: int) -> int:
        """Return how many lanes a gate's limits have calls for."""
        line = self._topology.lines.get(gate)
        limits = line.connector.limits(line.connection) if line else ()
        rates = (bucket_shape(limit).rate for limit in limits if not limit.each)
        calls = min(rates, default=SLOTS) * PACE_SECONDS
        return max(BUDGET_QUEUE, min(SLOTS, int(calls)))

    def _ended(self, lane: ClaimedLane, desk: Desk, task: asyncio.Task[None]) -> None:
        self._lanes.discard(task)
        self._per_gate[lane.gate] -= 1
        self._bulk_per_gate[lane.gate] -= lane.bulk
        if not self._per_gate[lane.gate]:
            del self._per_gate[lane.gate], self._bulk_per_gate[lane.gate]
        self._wake.set()
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if is_away(error):
            self._break(error)
        else:
            ids = {"workspace": lane.ws, "lane": lane.key}
            log.error(
                "Lane %s ended in a bug of ours; it is tried again later", lane.key, exc_info=error, extra=ids
            )
            later = asyncio.create_task(self._set_back(desk, lane))
            self._lanes.add(later)
            later.add_done_callback(self._lanes.discard)

    async def _set_back(self, desk: Desk, lane: ClaimedLane) -> None:
        """Give a lane back, to come due later, so that one bug does not stop its worker."""
        try:
            await desk.pool.execute(
                statement("lanes", "set_back"), desk.lease.worker, lane.ws, lane.key, BUG_PAUSE_SECONDS
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self._break(error)

    def _break(self, error: BaseException) -> None:
        if self._broken is not None and not self._broken.done():
            self._broken.set_exception(error)

    async def _rest(self, desk: Desk, db: asyncpg.Connection, *, some_free: bool) -> None:
        """Wait for a wake-up, or until the next lane is due."""
        seconds = POLL_SECONDS
        if some_free:
            full = [gate for gate, room, _ in self._rooms(desk) if not room]
            due = await db.fetchval(statement("lanes", "next_due"), full)
            if due is not None:
                seconds = min(seconds, max(float(due), 0.02))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()


async def _close(database: asyncpg.Connection | asyncpg.Pool) -> None:
    """Close what leads to the database; when that takes long (a link that is cut) drop it."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await database.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        database.terminate()


class Heart:
    """Beats from the first time that a worker is ready: also while it waits for a database that is away."""

    def __init__(self) -> None:
        self._pulse = Pulse.from_environment()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to beat; once is enough."""
        if self._task is None:
            self._task = asyncio.create_task(self._pulse.run())


async def _live(config: Config, errands: Mapping[str, Errand]) -> None:
    """Be one incarnation after another until told to stop."""
    dsn = config.dsn
    vault = Vault.from_folder(config.data_dir)
    outbound = Outbound(config.allowed_private_hosts)
    heart = Heart()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        worker = Worker(config, dsn, vault, outbound, heart.start, errands)
        watch = asyncio.create_task(_pass_on(stop, worker.stopping))
        try:
            await worker.run()
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("The database is away, trying again: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await stop.wait()
        finally:
            watch.cancel()
    await outbound.close()


async def _pass_on(stop: asyncio.Event, stopping: asyncio.Event) -> None:
    await stop.wait()
    stopping.set()


def main(config: Config, errands: Mapping[str, Errand] | None = None) -> int:
    """Run a worker until SIGTERM or SIGINT; return the exit code. `errands` are done every five minutes."""
    traces.begin("worker")
    tune_collector()
    uvloop.run(_live(config, errands or {}))
    traces.end()
    return 0  # the command line leaves the embedded database and then ends without winding down
