"""The webhook source of chaos runs: delivers as vendors do, again and again until it is answered 2xx."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import orjson
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError

from vaivem.chaos.town import TOKEN, Town

AT_ONCE = 100
AGAIN_SECONDS = 0.25
ANSWER_SECONDS = 10.0
TWICE_EVERY = 7
PADDING = "x" * 1100  # an event is about as long as one of an e-signature service: 1.5 KB


@dataclass(slots=True)
class Sent:
    """One event: when its first delivery left, and when one was answered 2xx (None: never)."""

    event: str
    way: str
    record: str
    begun: float
    acknowledged: float | None = None
    tries: int = 0
    email: str = ""


class Load:
    """Delivers events. Events of one record leave one after another; every 7th is delivered twice."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._client: Client | None = None
        self._room = asyncio.Semaphore(AT_ONCE)
        self._records: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent: dict[str, Sent] = {}
        self.statuses: dict[int, int] = defaultdict(int)
        self.repeats = 0

    async def __aenter__(self) -> Self:
        builder = ClientBuilder().no_proxy().timeout(timedelta(seconds=ANSWER_SECONDS))
        self._client = builder.connect_timeout(timedelta(seconds=3)).build()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    def send(self, way: str, record: str, *, also: str | None = None, **data: Any) -> Sent:
        """Begin to deliver an event; `also` is another web process, which is tried before ours."""
        event = str(len(self.sent) + 1)
        body = {"event": event, "record": record, "place": 0, "email": f"p{event}@example.com", "keys": event}
        body |= data
        sent = Sent(event, way, record, time.monotonic(), email=str(body["email"]))
        self.sent[event] = sent
        content = orjson.dumps({**body, "padding": PADDING})
        hook = self._town.hook(way)
        addresses = [hook] if also is None else [also + hook[hook.index("/hook/") :], hook]
        task = asyncio.create_task(self._deliver(sent, addresses, content))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return sent

    async def stream(
        self,
        events: Iterable[tuple[str, str, Mapping[str, Any]]],
        rate: float,
        *,
        until: float = float("inf"),
    ) -> None:
        """Send (way, record, data) at a rate per second, evenly, until all are sent or the time has come."""
        begun = time.monotonic()
        for number, (way, record, data) in enumerate(events):
            pause = begun + number / rate - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            elif number % 50 == 0:
                await asyncio.sleep(0)
            if time.monotonic() > until:
                return
            self.send(way, record, **data)

    async def all_acknowledged(self, seconds: float) -> bool:
        """Wait until every delivery was answered 2xx."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        return not self._tasks

    async def _deliver(self, sent: Sent, addresses: list[str], content: bytes) -> None:
        async with self._records[sent.record]:
            await self._insist(sent, addresses, content)
            sent.acknowledged = time.monotonic()
        if int(sent.event) % TWICE_EVERY == 0:
            self.repeats += 1
            await self._insist(sent, addresses, content)

    async def _insist(self, sent: Sent, addresses: list[str], content: bytes) -> None:
        for address in itertools.cycle(addresses):
            if await self._try(sent, address, content):
                return
            await asyncio.sleep(AGAIN_SECONDS)

    async def _try(self, sent: Sent, address: str, content: bytes) -> bool:
        assert self._client is not None  # noqa: S101 - inside of `async with`
        headers = {"x-key": TOKEN, "content-type": "application/json"}
        async with self._room:
            sent.tries += 1
            if sent.tries == 1:
                sent.begun = time.monotonic()
            try:
                answer = await self._client.post(address).headers(headers).body_bytes(content).build().send()
            except PyreqwestError:
                return False
            self.statuses[answer.status] += 1
            return 200 <= answer.status < 300
