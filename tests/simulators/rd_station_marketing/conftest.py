"""A running account, reached as an app (the API), as a person (pages) and from outside (control)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import orjson
import pytest

from vaivem.simulators.rd_station_marketing.app import RdStationMarketing


class Answer(Protocol):
    """What a call came to."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any: ...

    @property
    def text(self) -> str: ...


class Rd:
    """One account and the ways to call it."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.simulator: RdStationMarketing = running.simulator
        self.base_url: str = running.base_url
        self.credentials = self.simulator.credentials()

    async def api(
        self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str
    ) -> Answer:
        """Call the API as the demo's app."""
        sent = {"Authorization": f"Bearer {token or self.credentials['access_token']}", **headers}
        if body is None and method in ("POST", "PUT", "PATCH"):
            sent["Content-Type"] = "application/json"
        answer: Answer = await self.running.call(method, path, body, sent)
        return answer

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Call anything, without the app's token."""
        answer: Answer = await self.running.call(method, path, body, headers)
        return answer

    async def form(self, path: str, fields: dict[str, str]) -> Answer:
        """Send a form."""
        answer: Answer = await self.running.form(path, fields)
        return answer

    async def control(self, path: str, body: Any = None) -> Any:
        """Call the control app: GET without a body, POST with one. The call must be answered with 200."""
        answer = await self.call("GET" if body is None else "POST", f"/_control/{path}", body)
        assert answer.status == 200, answer.text
        return answer.json

    async def event(self, kind: str, email: str, **payload: Any) -> Answer:
        """Send an event as documented."""
        body = {"event_type": kind, "event_family": "CDP", "payload": {"email": email, **payload}}
        return await self.api("POST", f"/platform/events?event_type={kind.lower()}", body)

    async def converted(self, email: str, identifier: str = "newsletter", **payload: Any) -> None:
        """A conversion that is worked at once."""
        answer = await self.event("CONVERSION", email, conversion_identifier=identifier, **payload)
        assert answer.status == 200, answer.text
        await self.control("settle", {})

    async def qualified(self, kind: str, email: str, **payload: Any) -> Answer:
        """Opportunity, sale or loss, worked at once."""
        answer = await self.event(kind, email, funnel_name="default", **payload)
        await self.control("settle", {})
        return answer

    async def lead(self, email: str) -> Any:
        """The whole lead as the account keeps it, or None."""
        found = await self.control(f"leads?email={email}")
        return found[0] if found else None


@pytest.fixture
async def rd(start: Callable[..., Awaitable[Any]]) -> Rd:
    """A fresh account with limits off."""
    return Rd(await start(RdStationMarketing()))


class Receiver:
    """Takes deliveries; `statuses` are answered in turn, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.url = ""
        self._came = asyncio.Condition()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        async with self._came:
            self.got.append((headers, body))
            self._came.notify_all()
        status = self.statuses.pop(0) if self.statuses else 200
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def bodies(self, count: int) -> list[Any]:
        """Wait until so many have come; return what they say."""
        async with asyncio.timeout(30), self._came:
            await self._came.wait_for(lambda: len(self.got) >= count)
        return [orjson.loads(body) for _, body in self.got]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
    yield receiver
    server.close()
    await server.wait_closed()
