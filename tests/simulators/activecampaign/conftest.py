"""A running account, reached with its key (the API), as a person (pages) and from outside (control)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import parse_qsl

import pytest

from vaivem.simulators.activecampaign.app import ActiveCampaign


class Answer(Protocol):
    """What a call came to."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any: ...

    @property
    def text(self) -> str: ...


class Ac:
    """One account and the ways to call it."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.simulator: ActiveCampaign = running.simulator
        self.base_url: str = running.base_url
        self.credentials = self.simulator.credentials()

    async def api(self, method: str, path: str, body: Any = None, token: str = "", **headers: str) -> Answer:
        """Call API v3 with the key."""
        sent = {"Api-Token": token or self.credentials["api_token"], **headers}
        answer: Answer = await self.running.call(method, f"/api/3{path}", body, sent)
        return answer

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Call anything, without the key."""
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

    async def contact(self, email: str = "ana@example.com", **values: Any) -> Any:
        """Create or update a contact."""
        answer = await self.api("POST", "/contact/sync", {"contact": {"email": email, **values}})
        assert answer.status in (200, 201), answer.text
        return answer.json["contact"]

    async def kept(self, email: str = "ana@example.com") -> Any:
        """The contact as the account keeps it, with tags, lists, values by title, records; or None."""
        found = await self.control(f"contacts?email={email}")
        return found[0] if found else None

    async def schema(self, slug: str = "documento", **more: Any) -> Any:
        """Make a schema for signed documents."""

        def field(key: str, name: str, kind: str, **rest: Any) -> dict[str, Any]:
            return {"id": key, "labels": {"singular": name, "plural": name}, "type": kind, **rest}

        options = [{"id": "sent", "value": "Sent"}, {"id": "done", "value": "Completed"}]
        fields = [
            field("pages", "Pages", "number", required=False, scale=0),
            field("status", "Status", "dropdown", options=options),
            field("link", "Link", "text"),
            field("sent-at", "Sent", "datetime"),
        ]
        relation = {
            "id": "primary-contact",
            "labels": {"singular": "Primary Contact", "plural": "Primary Contacts"},
            "description": "Primary contact to this object",
            "namespace": "contacts",
            "hasMany": False,
        }
        body = {
            "slug": slug,
            "labels": {"singular": "Documento", "plural": "Documentos"},
            "description": "Documentos assinados",
            "fields": fields,
            "relationships": [relation],
            **more,
        }
        return await self.api("POST", "/customObjects/schemas", {"schema": body})


@pytest.fixture
async def ac(start: Callable[..., Awaitable[Any]]) -> Ac:
    """A fresh account with limits off."""
    return Ac(await start(ActiveCampaign()))


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

    async def forms(self, count: int) -> list[dict[str, str]]:
        """Wait until so many have come; return what they say."""
        async with asyncio.timeout(30), self._came:
            await self._came.wait_for(lambda: len(self.got) >= count)
        return [dict(parse_qsl(body.decode(), keep_blank_values=True)) for _, body in self.got]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
    yield receiver
    server.close()
    await server.wait_closed()
