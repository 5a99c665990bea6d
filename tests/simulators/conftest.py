"""A simulator under test runs in the test's own event loop, behind a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from pyreqwest.client import Client, ClientBuilder
from tests.simulators.receiver import Receiver

from vaivem.simulators.kit.account import Settings, Simulator
from vaivem.simulators.kit.server import BoundServer
from vaivem.simulators.serve import run


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Running:
    """A simulator that answers at ``base_url``; ``headers`` go with every call (the vendor's login)."""

    simulator: Simulator
    base_url: str
    client: Client
    headers: dict[str, str]

    async def call(
        self, method: str, path: str, json: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        request = self.client.request(method, self.base_url + path).headers(
            {**self.headers, **(headers or {})}
        )
        if json is not None:
            request = request.body_bytes(orjson.dumps(json)).header("Content-Type", "application/json")
        answer = await request.build().send()
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, found, bytes(await answer.bytes()))

    async def form(self, path: str, fields: dict[str, str]) -> Answer:
        answer = await self.client.post(self.base_url + path).form(fields).build().send()
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, found, bytes(await answer.bytes()))


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """``await start(simulator, settings, headers)``; everything started is stopped at the end."""
    stops: list[Callable[[], Awaitable[None]]] = []

    async def start_one(
        simulator: Simulator, settings: Settings | None = None, headers: dict[str, str] | None = None
    ) -> Running:
        ready: asyncio.Future[BoundServer] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(
            run(simulator, settings or Settings(limits="off"), on_ready=ready.set_result)
        )
        await asyncio.wait([ready, serving], return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        server = ready.result()
        client = ClientBuilder().follow_redirects(False).no_proxy().build()

        async def stop() -> None:
            await client.close()
            server.stop()
            await serving

        stops.append(stop)
        return Running(simulator, simulator.base_url, client, headers or {})

    yield start_one
    for stop in reversed(stops):
        await stop()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody outside who takes webhooks."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
    yield receiver
    server.close()
    await server.wait_closed()
