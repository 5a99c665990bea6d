"""Somebody outside who takes webhooks."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import orjson


class Receiver:
    """Takes deliveries; `statuses` are answered in turn, then `status`."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.status = 200
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
        status = self.statuses.pop(0) if self.statuses else self.status
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def wait(self, count: int) -> list[bytes]:
        """Wait until so many have come; return their bodies."""
        async with asyncio.timeout(30), self._came:
            await self._came.wait_for(lambda: len(self.got) >= count)
        return [body for _, body in self.got]

    async def documents(self, count: int) -> list[Any]:
        """Wait until so many have come; return what they say, as JSON."""
        return [orjson.loads(body) for body in await self.wait(count)]

    async def forms(self, count: int) -> list[dict[str, str]]:
        """Wait until so many have come; return what they say, as forms."""
        return [dict(parse_qsl(body.decode(), keep_blank_values=True)) for body in await self.wait(count)]
