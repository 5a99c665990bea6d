"""The hook: a raw ASGI app that answers 2xx only for what is committed (guarantee 1)."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import re
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from functools import partial
from io import BytesIO
from typing import Any

from vaivem.config import Config
from vaivem.connectors.sdk import Connection, Delivery, Reply, Webhooks
from vaivem.core.errors import SignatureError, TooLargeError, UnreadableError, VaivemError
from vaivem.engine.clock import Clock
from vaivem.engine.desk import clean
from vaivem.engine.ids import IdMaker, id_at
from vaivem.engine.intake import Intake, masked
from vaivem.engine.journal import DatabaseAwayError
from vaivem.engine.links import Link
from vaivem.engine.metrics import CONTENT_TYPE, Metrics, may_read
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line, Topology, TopologyKeeper
from vaivem.engine.traces import traces
from vaivem.processes.collector import tune_collector
from vaivem.vault import Vault

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HOOK = re.compile(r"^/hook/([A-Za-z0-9_-]{16,64})(/.*)?$")
MOST_WAITING = 5000
RETRY_AFTER_SECONDS = 5
READY_SECONDS = 2.0
FLOOD_SECONDS = 10.0
ORDINARY_BYTES = 5 * 1024 * 1024  # of a body; larger ones, where a vendor sends such, take turns
LARGE_AT_ONCE = 2
LARGE_WAITING = 16  # for their turn, each with its ordinary part in memory
BODY_SECONDS = 30.0  # for a body to arrive, up to the ordinary size: who sends slowly holds memory meanwhile
LARGE_SECONDS = 90.0  # for the rest of a large body to arrive
LARGE_BYTES = 1024 * 1024  # proved and unpacked beside the event loop, which others wait for

log = logging.getLogger(__name__)


class _BusyError(Exception):
    """Too much is under way: the sender is asked to come again."""


class IngestApp:
    """Serves ``/hook/<token>``, ``/healthz``, ``/readyz`` and ``/metrics``."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._clock = Clock()
        self._tasks: list[asyncio.Task[None]] = []
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._large_waiting = 0
        self._listed: dict[int, float] = {}  # connection -> when its last forged delivery was listed

    async def startup(self) -> None:
        """Connect to the database and read the configuration."""
        dsn = self._config.dsn
        self._link, self._look, self._notify = Link(dsn), Link(dsn), Link(dsn)
        self._metrics = Metrics(Link(dsn))  # of its own: a slow count keeps no delivery waiting
        self._topology = Topology(Vault.from_folder(self._config.data_dir))
        rows = await self._look.fetch("select nextval('node_seq') as node")
        await self._look.fetch(statement("chores", "make_partitions"))  # we may be here before any worker
        self._ids = IdMaker(rows[0]["node"], self._clock.time)
        self._intake = Intake(self._topology, self._ids, self._clock, self._link, self._notify)
        traces.begin("web")
        tune_collector()
        keeper = TopologyKeeper(dsn, self._topology)
        self._tasks = [asyncio.create_task(keeper.run()), asyncio.create_task(self._keep_time())]

    async def shutdown(self) -> None:
        """Let the last commit end and close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in (self._link, self._look, self._notify):
            await link.close()
        await self._metrics.close()
        traces.end()

    async def _keep_time(self) -> None:
        while True:
            with contextlib.suppress(DatabaseAwayError):
                rows = await self._look.fetch("select vv_now() as now")
                self._clock.set(rows[0]["now"])
            await asyncio.sleep(2)

    def serves(self, path: str) -> bool:
        """Say whether a path is this app's."""
        return path.startswith("/hook/") or path in ("/healthz", "/readyz", "/metrics")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if path == "/healthz":
            await _answer(send, Reply(200, b'{"ok": true}', "application/json"))
        elif path == "/readyz":
            await _answer(send, await self._ready())
        elif path == "/metrics":
            await _answer(send, await self._figures(scope))
        else:
            await self._hook(scope, receive, send)

    async def _figures(self, scope: Scope) -> Reply:
        """Tell Prometheus, if the operator gave it a token: without one there is no such page."""
        sent = dict(scope["headers"]).get(b"authorization", b"")
        if not may_read(self._config.metrics_token, sent):
            return Reply(401 if self._config.metrics_token else 404)
        try:
            text = await self._metrics.text()
        except DatabaseAwayError:
            return Reply(503)
        return Reply(200, text.encode(), CONTENT_TYPE)

    async def _ready(self) -> Reply:
        try:
            await self._look.fetch("select 1 from gate limit 1", seconds=READY_SECONDS)
        except DatabaseAwayError as error:
            content = json.dumps({"ok": False, "problem": f"The database cannot be reached: {error}"})
            return Reply(503, content.encode(), "application/json")
        return Reply(200, b'{"ok": true}', "application/json")

    async def _hook(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = HOOK.match(scope["path"])
        if match is None:
            await _answer(send, Reply(404))
            return
        try:
            reply = await self._take(match[1], match[2] or "", scope, receive)
        except (DatabaseAwayError, _BusyError):
            reply = Reply(503)
        self._metrics.delivered(reply.status)
        headers = [(b"retry-after", str(RETRY_AFTER_SECONDS).encode())] if reply.status == 503 else []
        await _answer(send, reply, headers)

    async def _take(self, token: str, rest: str, scope: Scope, receive: Receive) -> Reply:
        line = self._topology.lines.get(self._topology.hooks.get(token, 0)) or await self._find(token)
        if isinstance(line, Reply):
            return line
        webhooks = line.connector.webhooks
        if webhooks is None:
            return Reply(404)
        if line.locked or self._intake.waiting > MOST_WAITING:
            return Reply(503)  # without its secret, whether a delivery is authentic cannot be told: not now
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope.get("query_string", b"").decode("latin-1")
        most = webhooks.max_bytes
        ordinary = min(ORDINARY_BYTES, most)
        body = BytesIO()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                ended = await read_body(receive, body, ordinary)
        except TimeoutError:
            return Reply(408)
        if body.tell() > most:
            return Reply(413)
        if ended:
            whole = Delivery(scope["method"], rest, query, headers, body.getvalue())
            return await self._deliver(line, webhooks, whole, ordinary)
        async with self._turn():
            try:
                async with asyncio.timeout(LARGE_SECONDS):
                    ended = await read_body(receive, body, most)
            except TimeoutError:
                return Reply(408)
            if not ended or body.tell() > most:
                return Reply(413)
            whole = Delivery(scope["method"], rest, query, headers, body.getvalue())
            return await self._deliver(line, webhooks, whole, most)

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for the turn of a large body. Raises _BusyError when too many wait: each holds memory."""
        if self._large_waiting >= LARGE_WAITING:
            raise _BusyError
        self._large_waiting += 1
        try:
            await self._large.acquire()
        finally:
            self._large_waiting -= 1
        try:
            yield
        finally:
            self._large.release()

    async def _find(self, token: str) -> Line | Reply:
        """Look a token up that the configuration does not know (yet)."""
        rows = await self._look.fetch(statement("ingest", "hook_state"), token)
        if not rows:
            return Reply(404)
        if rows[0]["removed"]:
            return Reply(410)
        await self._topology.load(self._look)
        return self._topology.lines.get(rows[0]["id"]) or Reply(404)

    async def _deliver(self, line: Line, webhooks: Webhooks, delivery: Delivery, limit: int) -> Reply:
        """Prove, read and keep a delivery. One that unpacks to more than `limit` bytes takes a turn first."""
        connection = line.connection
        try:
            opening = partial(opened, webhooks, delivery, connection, limit)
            large = len(delivery.body) > LARGE_BYTES or "content-encoding" in delivery.headers
            plain = await asyncio.to_thread(opening) if large else opening()
            if webhooks.is_probe(plain, connection):
                return Reply(200)
            events = webhooks.parse(plain, connection)
        except SignatureError as error:
            await self._refuse(line, delivery, error)
            return Reply(401)
        except TooLargeError:
            if limit >= webhooks.max_bytes:
                return Reply(413)
            async with self._turn():  # some kilobytes may have held tens of megabytes
                return await self._deliver(line, webhooks, delivery, webhooks.max_bytes)
        except VaivemError as error:
            await self._reject(line, delivery, error, webhooks.unreadable.status)
            return webhooks.unreadable
        except Exception as error:  # whatever a parser stumbles over: kept, listed, read again after a fix
            log.exception("Connection %s: a delivery could not be read", connection.id, extra=line.ids)
            await self._reject(
                line, delivery, UnreadableError(detail=repr(error)), webhooks.unreadable.status
            )
            return webhooks.unreadable
        try:
            await self._intake.take(line, plain, events)
        except DatabaseAwayError:
            raise
        except VaivemError as error:
            await self._reject(line, delivery, error, webhooks.unreadable.status)
            return webhooks.unreadable
        except Exception as error:  # an event that the database does not take is not lost either
            log.exception(
                "Connection %s: a delivery could not be kept as events", connection.id, extra=line.ids
            )
            problem = UnreadableError(detail=repr(error))
            await self._reject(line, delivery, problem, webhooks.unreadable.status)
            return webhooks.unreadable
        return webhooks.accepted(plain, connection)

    async def _refuse(self, line: Line, delivery: Delivery, error: SignatureError) -> None:
        """List a delivery that is not authentic, without its body: one in a while for each connection.

        The answer does not wait for a database that is away: nothing of it has to be kept.
        """
        conn, now = line.connection.id, time.monotonic()
        if now - self._listed.get(conn, -FLOOD_SECONDS) < FLOOD_SECONDS:
            return
        self._listed[conn] = now
        log.warning("Connection %s: a delivery is not authentic: %s", conn, error, extra=line.ids)
        since = id_at(self._clock.after(-FLOOD_SECONDS))
        row = self._rejection(line, delivery, error, 401, b"")
        with contextlib.suppress(DatabaseAwayError):
            await self._look.fetch(statement("ingest", "reject_once"), *row, since)

    async def _reject(self, line: Line, delivery: Delivery, error: VaivemError, status: int) -> None:
        """List an authentic delivery that was not taken, with all that a later look needs."""
        row = self._rejection(line, delivery, error, status, delivery.body)
        await self._look.fetch(statement("ingest", "reject"), *row)

    def _rejection(
        self, line: Line, delivery: Delivery, error: VaivemError, status: int, body: bytes
    ) -> tuple[object, ...]:
        kept = masked(delivery, line.connection)
        return (
            line.connection.workspace,
            self._ids.next(),
            line.connection.id,
            error.code,
            json.dumps(clean({**error.params, "detail": error.detail[:500]})),
            status,
            delivery.method,
            clean(kept.path)[:1000],
            clean(kept.query)[:4000],
            json.dumps(kept.headers).encode(),
            body,
        )


def unpacked(delivery: Delivery, limit: int) -> Delivery:
    """Return the delivery with its body unpacked within the size limit.

    Raises TooLargeError for what grows over it, UnreadableError for what is not what it says.
    """
    encoding = delivery.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return delivery
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise UnreadableError("encoding_unknown", params={"encoding": encoding[:50]})
    unpacker = zlib.decompressobj(wbits=47 if "gzip" in encoding else zlib.MAX_WBITS)
    try:
        body = unpacker.decompress(delivery.body, limit + 1)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableError("body_not_compressed", params={"encoding": encoding}) from error
    if len(body) > limit:
        raise TooLargeError(params={"bytes": limit})
    if not unpacker.eof:
        raise UnreadableError("body_incomplete", params={"encoding": encoding})
    headers = {name: value for name, value in delivery.headers.items() if name != "content-encoding"}
    return Delivery(delivery.method, delivery.path, delivery.query, headers, body)


def opened(webhooks: Webhooks, delivery: Delivery, connection: Connection, limit: int) -> Delivery:
    """Return an authentic delivery unpacked, and without what need not be kept. Raises a DeliveryError."""
    webhooks.verify(delivery, connection)
    return webhooks.slim(unpacked(delivery, limit), connection)


async def read_body(receive: Receive, body: BytesIO, limit: int) -> bool:
    """Read the request's body, or more of it, until over `limit` bytes are there; say whether it ended.

    It is kept once: `getvalue` copies nothing. A sender that leaves half-way ends the request.
    """
    while body.tell() <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DatabaseAwayError("the sender left before the end")
        body.write(message.get("body", b""))
        if not message.get("more_body"):
            return True
    return False


async def _answer(send: Send, reply: Reply, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    head = [
        (b"content-type", reply.content_type.encode()),
        (b"content-length", str(len(reply.content)).encode()),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": head + (headers or [])})
    await send({"type": "http.response.body", "body": reply.content})
