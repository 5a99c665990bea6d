"""Sending webhooks as a vendor does: many at once, again after a failure, always the same bytes."""

from __future__ import annotations

import asyncio
import base64
import heapq
import ipaddress
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError

from vaivem.simulators.kit.clock import Clock
from vaivem.simulators.kit.faults import Faults

KEPT = 20_000
CONCURRENCY = 64
TIMEOUT_SECONDS = 10.0


class RefusedAddressError(ValueError):
    """The vendor would not take this address for a webhook."""


@dataclass(slots=True)
class Delivery:
    """One event on its way to one address. ``state``: queued, held, retrying, delivered, failed or dropped.

    ``hook`` is the subscription's id at the simulator; ``copy_of`` the id of the delivery this one doubles on
    purpose; one that is sent ``once`` is not tried again.
    """

    id: str
    event: str
    url: str
    body: bytes
    headers: dict[str, str]
    hook: str = ""
    copy_of: str | None = None
    state: str = "queued"
    method: str = "POST"
    once: bool = False
    tries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        return self.state in ("delivered", "failed", "dropped")

    def as_dict(self) -> dict[str, Any]:
        shown = {
            "id": self.id,
            "event": self.event,
            "url": self.url,
            "hook": self.hook,
            "method": self.method,
        }
        return {**shown, "copy_of": self.copy_of, "tries": self.tries, "state": self.state, "once": self.once}


class Webhooks:
    """The queue of deliveries and the tasks that send them. Pauses are of the simulated clock."""

    def __init__(self, clock: Clock, faults: Faults, delays_seconds: Sequence[float]) -> None:
        self._clock = clock
        self._faults = faults
        self.default_delays = tuple(float(d) for d in delays_seconds)
        self.delays_seconds = self.default_delays
        self.timeout_seconds = TIMEOUT_SECONDS
        self.deliveries: dict[str, Delivery] = {}
        self.counts: dict[str, int] = {}
        self._due: list[tuple[float, int, Delivery]] = []
        self._sequence = 0
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._sending: set[asyncio.Task[None]] = set()
        self._listeners: list[Callable[[Delivery], None]] = []
        self._try_listeners: list[Callable[[Delivery], None]] = []
        self._start_listeners: list[Callable[[Delivery], None]] = []
        clock.on_move(self._wake.set)

    def on_outcome(self, listener: Callable[[Delivery], None]) -> None:
        """Have ``listener`` called when a delivery is delivered or has failed for good."""
        self._listeners.append(listener)

    def on_try(self, listener: Callable[[Delivery], None]) -> None:
        """Have ``listener`` called after each try, its outcome last in ``tries``.

        It may change the ``body`` of the next try, for vendors that count their tries there.
        """
        self._try_listeners.append(listener)

    def on_start(self, listener: Callable[[Delivery], None]) -> None:
        """Have ``listener`` called before each try; it may change the body and the headers of that try."""
        self._start_listeners.append(listener)

    def send(
        self,
        event: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        hook: str = "",
        method: str = "POST",
        once: bool = False,
        hold: bool = False,
    ) -> Delivery:
        """Queue one delivery, its bytes and headers as given; faults may drop, double or delay it.

        With ``hold`` it waits for ``release``, for vendors that send nothing to an address that is down.
        """
        made: dict[str, Any] = {"hook": hook, "method": method, "once": once}
        delivery = Delivery(uuid.uuid4().hex, event, url, body, dict(headers), **made)
        self._keep(delivery)
        if hold:
            delivery.state = "held"
        else:
            self._begin(delivery)
        return delivery

    def release(self, delivery: Delivery) -> None:
        """Let a delivery that is held go."""
        delivery.state = "queued"
        self._begin(delivery)

    def _begin(self, delivery: Delivery) -> None:
        if self._faults.chance(self._faults.p_webhook_missing):
            self._finish(delivery, "dropped")
            return
        late = self._faults.random.uniform(0.2, 2.0) if self._chance_of_reorder() else 0.0
        self._queue(delivery, late)
        if self._faults.chance(self._faults.p_webhook_double):
            copy = replace(
                delivery, id=uuid.uuid4().hex, headers=dict(delivery.headers), copy_of=delivery.id, tries=[]
            )
            self._keep(copy)
            self._queue(copy, late + self._faults.random.uniform(0.0, 0.5))

    def set_schedule(self, delays_seconds: Sequence[float]) -> None:
        """The pauses between tries; one try more than there are pauses. Raises ``ValueError``."""
        delays = tuple(float(d) for d in delays_seconds)
        if any(d < 0 for d in delays):
            raise ValueError("a pause is not negative")
        self.delays_seconds = delays

    def clear(self) -> None:
        """Forget every delivery, those on their way too."""
        for task in self._sending:
            task.cancel()
        self.deliveries.clear()
        self.counts.clear()
        self._due.clear()

    def list(self) -> list[dict[str, Any]]:
        """The newest deliveries, oldest first."""
        return [delivery.as_dict() for delivery in self.deliveries.values()]

    async def run(self) -> None:
        """Send what is due, for ever; cancel to stop."""
        client = ClientBuilder().follow_redirects(False).no_proxy().max_connections(CONCURRENCY).build()
        async with client:
            try:
                await self._dispatch(client)
            finally:
                for task in self._sending:
                    task.cancel()
                await asyncio.gather(*self._sending, return_exceptions=True)

    async def _dispatch(self, client: Client) -> None:
        while True:
            self._wake.clear()
            now = self._clock.now().timestamp()
            while self._due and self._due[0][0] <= now:
                delivery = heapq.heappop(self._due)[2]
                await self._slots.acquire()
                task = asyncio.get_running_loop().create_task(self._try(client, delivery))
                self._sending.add(task)
                task.add_done_callback(self._sent)
            pause = self._due[0][0] - self._clock.now().timestamp() if self._due else None
            try:
                await asyncio.wait_for(self._wake.wait(), None if pause is None else max(pause, 0))
            except TimeoutError:
                continue

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._slots.release()

    async def _try(self, client: Client, delivery: Delivery) -> None:
        for prepare in self._start_listeners:
            prepare(delivery)
        at, started = self._clock.now(), time.perf_counter()
        attempt: dict[str, Any] = {"at": at.isoformat(timespec="milliseconds")}
        try:
            request = (
                client.request(delivery.method, delivery.url)
                .headers(delivery.headers)
                .body_bytes(delivery.body)
            )
            answer = await request.timeout(timedelta(seconds=self.timeout_seconds)).build().send()
            attempt["status"] = answer.status
        except (PyreqwestError, ValueError) as error:
            attempt["error"] = f"{type(error).__name__}: {error}"
        attempt["ms"] = round((time.perf_counter() - started) * 1000, 1)
        delivery.tries.append(attempt)
        for listener in self._try_listeners:
            listener(delivery)
        if 200 <= attempt.get("status", 0) < 300:
            self._finish(delivery, "delivered")
        elif delivery.once or len(delivery.tries) > len(self.delays_seconds):
            self._finish(delivery, "failed")
        else:
            delivery.state = "retrying"
            self._queue(delivery, self.delays_seconds[len(delivery.tries) - 1])

    def _chance_of_reorder(self) -> bool:
        return self._faults.chance(self._faults.p_webhook_reorder)

    def _keep(self, delivery: Delivery) -> None:
        self.deliveries[delivery.id] = delivery
        if len(self.deliveries) > KEPT:
            oldest = next(iter(self.deliveries))
            if self.deliveries[oldest].finished:
                del self.deliveries[oldest]

    def _queue(self, delivery: Delivery, delay_seconds: float) -> None:
        self._sequence += 1
        due = self._clock.now().timestamp() + delay_seconds
        heapq.heappush(self._due, (due, self._sequence, delivery))
        self._wake.set()

    def _finish(self, delivery: Delivery, state: str) -> None:
        delivery.state = state
        self.counts[state] = self.counts.get(state, 0) + 1
        for listener in self._listeners:
            listener(delivery)

    def snapshot(self) -> dict[str, Any]:
        """The schedule and what is still on its way (JSON-able)."""
        waiting = [
            {**d.as_dict(), "body": base64.b64encode(d.body).decode(), "headers": d.headers}
            for d in self.deliveries.values()
            if not d.finished
        ]
        return {"delays_seconds": list(self.delays_seconds), "waiting": waiting}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take back a ``snapshot``; what was on its way is sent again at once."""
        self.clear()
        self.set_schedule(data["delays_seconds"])
        for item in data["waiting"]:
            delivery = Delivery(**{**item, "body": base64.b64decode(item["body"])})
            self._keep(delivery)
            self._queue(delivery, 0.0)


def check_address(url: str) -> None:
    """Vendors demand https; a test account also takes plain http to this very machine.

    Raises ``RefusedAddressError`` with the reason, in English.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise RefusedAddressError("the address has no host")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)):
        return
    raise RefusedAddressError("the address must be https (http is taken for this machine only)")


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine by its name or number; no name is looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
