"""Chores, through PgQueuer: what is scheduled or asked for, is safe to repeat, and is nobody's run.

A chore that fails stays in the queue as failed, with its trace; the next round of its schedule repeats it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.models import Job, Schedule

from vaivem.config import Config
from vaivem.connectors.sdk import Delivery
from vaivem.core.errors import UnreadableError, VaivemError
from vaivem.engine.backfills import Backfills
from vaivem.engine.bounces import Bounces
from vaivem.engine.bulk_batches import BulkBatches
from vaivem.engine.catalogs import read_catalog
from vaivem.engine.catching_up import CatchingUp
from vaivem.engine.desk import Desk, clean
from vaivem.engine.direct import ChoreCaller
from vaivem.engine.ingest import unpacked
from vaivem.engine.journal import is_away
from vaivem.engine.keepalive import KeepAlive
from vaivem.engine.marking import mark_rules
from vaivem.engine.moves import Moves
from vaivem.engine.noticing import Noticing
from vaivem.engine.rehearsals import Rehearsals
from vaivem.engine.retention import Retention
from vaivem.engine.statements import statement
from vaivem.engine.subscriptions import Subscriptions
from vaivem.vault import Vault

AT_ONCE = 20
EVERY_MINUTE = "* * * * *"
EVERY_FIVE_MINUTES = "*/5 * * * *"
EVERY_HOUR = "7 * * * *"
EVERY_NIGHT = "23 3 * * *"
IDLE_CATALOG_HOURS = 24

# What the command line gives a worker to do now and then, in a process of its own: it needs the hub.
Errand = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class Chores:
    """The chores of one worker. All workers run them; the queue gives each job to one."""

    def __init__(
        self, config: Config, dsn: str, desk: Desk, vault: Vault, errands: Mapping[str, Errand] | None = None
    ) -> None:
        self._errands = dict(errands or {})
        self._dsn = dsn
        self._desk = desk
        caller = desk.caller
        self._intake = desk.intake
        self._subscriptions = Subscriptions(config, desk.pool, desk.topology, caller, desk.clock, vault)
        self._catching_up = CatchingUp(desk, self._intake)
        self._rehearsals = Rehearsals(desk)
        self._moves = Moves(desk)
        self._backfills = Backfills(desk, self._intake)
        self._bulk_batches = BulkBatches(desk)
        self._keep_alive = KeepAlive(desk)
        self._noticing = Noticing(desk.pool, desk.topology, desk.clock, desk.busy)
        self._bounces = Bounces(config.bounces_url, desk.pool)
        self._retention = Retention(desk.pool, desk.clock)

    async def run(self) -> None:
        """Do chores until cancelled."""
        connection = await asyncpg.connect(self._dsn)
        going_on = [asyncio.create_task(one.run()) for one in (self._backfills, self._bulk_batches)]
        try:
            queue = PgQueuer.from_asyncpg_connection(connection)
            self._schedule(queue)
            self._serve(queue)
            await self._at_start()
            await queue.run(dequeue_timeout=timedelta(seconds=2), batch_size=10, max_concurrent_tasks=AT_ONCE)
        finally:
            for task in going_on:
                task.cancel()
            # A server that is slow to say goodbye must not stand in for a cancellation.
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=1)

    async def _at_start(self) -> None:
        """What must not wait for a schedule: partitions first, then what was missed while we were away."""
        await self._retention.make_partitions()
        await self._guarded("keep_tokens", self._keep_alive.run)
        await self._guarded("keep_webhooks", self._subscriptions.keep_all)
        await self._guarded("catch_up", self._catching_up.after_absence)

    async def _forget_notices(self) -> None:
        """Delete what members were told months ago."""
        await self._desk.pool.execute(statement("notices", "forget"))

    async def _forget_waits(self) -> None:
        """Delete the waits for an event of runs that are over."""
        await self._desk.pool.execute(statement("awaiting", "forget_all"))

    def _schedule(self, queue: PgQueuer) -> None:
        rounds: tuple[tuple[str, str, Callable[[], Awaitable[None]]], ...] = (
            ("keep_webhooks_round", EVERY_MINUTE, self._subscriptions.keep_all),
            ("keep_tokens_round", EVERY_MINUTE, self._keep_alive.run),
            ("alive_round", EVERY_MINUTE, self._catching_up.go_on),
            ("answered_round", EVERY_MINUTE, self._wake_answered),
            ("moves_round", EVERY_MINUTE, self._moves.go_on),
            ("people_round", EVERY_MINUTE, self._noticing.run),
            ("post_round", EVERY_MINUTE, self._desk.post.send_waiting),
            ("answers_round", EVERY_FIVE_MINUTES, self._desk.caller.answers.forget),
            ("bounces_round", EVERY_FIVE_MINUTES, self._bounces.look),
            ("catalogs_round", EVERY_HOUR, self._refresh_catalogs),
            ("retention_round", EVERY_NIGHT, self._retention.run),
            ("old_letters_round", EVERY_NIGHT, self._desk.post.forget),
            ("old_notices_round", EVERY_NIGHT, self._forget_notices),
            ("old_waits_round", EVERY_NIGHT, self._forget_waits),
            ("old_bulk_round", EVERY_NIGHT, self._bulk_batches.forget),
        )
        errands = ((f"{name}_errand", EVERY_FIVE_MINUTES, work) for name, work in self._errands.items())
        for name, expression, work in (*rounds, *errands):

            async def tick(
                schedule: Schedule, work: Callable[[], Awaitable[None]] = work, name: str = name
            ) -> None:
                await self._guarded(name, work)

            queue.schedule(name, expression, clean_old=True)(tick)

    def _serve(self, queue: PgQueuer) -> None:
        served: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "ensure_webhook": self._ensure_webhook,
            "refresh_catalog": self._refresh_catalog_asked,
            "retake_rejected": self._retake,
            "rehearse": self._rehearsals.run,
            "look": self._moves.run,
            "send_letters": self._send_letters,
        }
        for name, work in served.items():

            async def do(job: Job, work: Callable[[dict[str, Any]], Awaitable[None]] = work) -> None:
                await work(json.loads(job.payload or b"{}"))

            queue.entrypoint(name, on_failure="hold")(do)

    @staticmethod
    async def _guarded(name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do one round; what goes wrong is told, and the next round tries again.

        Only a database that is away is raised: a chore's own bug must not end the worker.
        """
        try:
            await work()
        except VaivemError as error:
            log.warning("Chore %s: %s", name, error)
        except Exception as error:
            if is_away(error):
                raise
            log.exception("Chore %s ended in a bug", name)

    async def _wake_answered(self) -> None:
        await self._desk.pool.execute(statement("chores", "end_questions"))
        await self._desk.pool.execute(statement("chores", "wake_answered"))

    async def _send_letters(self, _payload: dict[str, Any]) -> None:
        await self._guarded("send_letters", self._desk.post.send_waiting)

    async def _ensure_webhook(self, payload: dict[str, Any]) -> None:
        await self._desk.topology.load(self._desk.pool)
        line = self._desk.topology.lines.get(int(payload["connection"]))
        if line is not None and line.wants_hook:
            await self._subscriptions.keep(line)

    async def _refresh_catalogs(self) -> None:
        """Read the lists that are due: as often as the manifest says, daily where no rule uses them."""
        in_use, hour = self._desk.topology.in_use(), int(self._desk.clock.time() // 3600)
        for conn, line in list(self._desk.topology.lines.items()):
            hours = line.connector.manifest.catalog_hours if conn in in_use else IDLE_CATALOG_HOURS
            if (hour + conn) % hours:  # spread over the hours, not all at one
                continue
            await self._guarded("refresh_catalog", partial(self._refresh_catalog, {"connection": conn}))

    async def _refresh_catalog_asked(self, payload: dict[str, Any]) -> None:
        """Read the lists of a connection that was made or changed just now: our configuration may lag."""
        await self._desk.topology.load(self._desk.pool)
        await self._refresh_catalog(payload)

    async def _refresh_catalog(self, payload: dict[str, Any]) -> None:
        line = self._desk.topology.lines.get(int(payload["connection"]))
        if line is None or line.state != "working" or not (line.connector.lists or line.connector.objects):
            return
        catalog = await read_catalog(line.connector, ChoreCaller(self._desk.caller, line))
        await self._desk.pool.execute(
            statement("topology", "save_catalog"), line.connection.id, json.dumps(catalog)
        )
        await self._desk.topology.load(self._desk.pool)
        await mark_rules(self._desk.pool, self._desk.topology, line.connection.id)

    async def _retake(self, payload: dict[str, Any]) -> None:
        """Read a rejected delivery again: it became readable by a fix of the connection or of ours."""
        row = await self._desk.pool.fetchrow(statement("chores", "rejected"), payload["ws"], payload["id"])
        line = self._desk.topology.lines.get(row["conn"]) if row else None
        if row is None or line is None or line.connector.webhooks is None:
            return
        webhooks = line.connector.webhooks
        kept = Delivery(row["method"], row["path"], row["query"], json.loads(row["headers"]), row["body"])
        try:
            delivery = webhooks.slim(unpacked(kept, webhooks.max_bytes), line.connection)
            await self._intake.take(line, delivery, webhooks.parse(delivery, line.connection))
        except VaivemError as error:
            await self._still_rejected(row, error)
        except Exception as error:
            if is_away(error):
                raise
            log.exception(
                "Connection %s: a delivery still cannot be read", line.connection.id, extra=line.ids
            )
            await self._still_rejected(row, UnreadableError(detail=repr(error)))
        else:
            await self._desk.pool.execute(statement("chores", "retaken"), row["ws"], row["id"])

    async def _still_rejected(self, row: asyncpg.Record, error: VaivemError) -> None:
        params = json.dumps(clean({**error.params, "detail": error.detail[:500]}))
        await self._desk.pool.execute(
            statement("chores", "still_rejected"), row["ws"], row["id"], error.code, params
        )
