"""Somebody who takes webhooks: an HTTP server in the test's loop that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class Got:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    json: Any


class Receiver:
    """Listens on a port of this machine; `status` is what it answers."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.status = 200
        self._server: asyncio.Server | None = None
        self.url = ""
        self._arrived = asyncio.Event()

    async def start(self) -> Receiver:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"
        return self

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def until(self, fits: Callable[[list[Got]], bool], seconds: float = 20.0) -> list[Got]:
        """Wait until what arrived fits, and return it."""
        async with asyncio.timeout(seconds):
            while not fits(self.got):
                self._arrived.clear()
                await self._arrived.wait()
        return self.got

    async def count(self, number: int) -> list[Got]:
        """Wait until so many arrived."""
        return await self.until(lambda got: len(got) >= number)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:]) if name
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.got.append(Got(method, path, headers, orjson.loads(body) if body else None))
        self._arrived.set()
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
