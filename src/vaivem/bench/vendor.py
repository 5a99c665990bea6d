"""The benchmark's vendor: contacts, deals and notes in memory, over HTTP/1.1, in a process of its own.

A bare asyncio protocol, so that it is never the bottleneck (`vaivem bench` measures its capacity and prints
how busy it was). One endpoint for each way a repeat is made safe: a search before a create (contacts), a PUT,
a reference that is kept unique (deals), and a note that is made anew each time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any
from urllib.parse import parse_qs

import orjson
import uvloop
from typing_extensions import override

from vaivem.processes import leash

Answered = tuple[int, bytes]
HEAD = b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
STREAM_SECONDS = 0.005


class Vendor:
    """The account: what is there, what arrived when (seconds of the machine's monotonic clock)."""

    def __init__(self) -> None:
        self.contacts: dict[str, int] = {}
        self.deals: dict[str, int] = {}
        self.notes = 0
        self.calls = 0
        self.delay = 0.0
        self.arrivals: dict[str, float] = {}
        self.doubled = 0
        self.repeated = 0

    def answer(self, method: bytes, target: bytes, body: bytes) -> Answered:
        """Do what a call asks; return status and body."""
        self.calls += 1
        path, _, query = target.partition(b"?")
        if path == b"/contacts":
            return self._find(query) if method == b"GET" else self._create(body)
        if path == b"/deals":
            return self._deal(body)
        if path.startswith(b"/contacts/"):
            self._updated(orjson.loads(body))
            return 200, b'{"id": %s}' % path[10:]
        if path == b"/notes":
            self.notes += 1
            return 201, b'{"id": %d}' % self.notes
        return 404, b"{}"

    def _find(self, query: bytes) -> Answered:
        email = query[6:].replace(b"%40", b"@").decode()
        number = self.contacts.get(email)
        if number is None:
            return 200, b'{"items": []}'
        return 200, b'{"items": [{"id": %d}]}' % number

    def _create(self, body: bytes) -> Answered:
        contact = orjson.loads(body)
        email = contact["email"]
        self._updated(contact)
        if email in self.contacts:
            self.doubled += 1
        number = self.contacts[email] = len(self.contacts) + 1
        return 201, b'{"id": %d}' % number

    def _updated(self, contact: dict[str, Any]) -> None:
        if "update" in contact:
            self._arrived(contact["update"])

    def _deal(self, body: bytes) -> Answered:
        deal = orjson.loads(body)
        known = self.deals.get(deal["reference"])
        if known is not None:
            self.repeated += 1
            return 200, b'{"id": %d}' % known
        number = self.deals[deal["reference"]] = len(self.deals) + 1
        self._arrived(deal["external_id"])
        return 201, b'{"id": %d}' % number

    def _arrived(self, event: str) -> None:
        if event in self.arrivals:
            self.doubled += 1
            return
        self.arrivals[event] = time.monotonic()

    def begin(self, delay_ms: float) -> None:
        """Begin a phase: nothing has arrived."""
        self.arrivals, self.calls, self.doubled, self.repeated = {}, 0, 0, 0
        self.delay = delay_ms / 1000

    def counts(self) -> dict[str, Any]:
        """Return what a phase came to."""
        last = next(reversed(self.arrivals.values())) if self.arrivals else None
        return {
            "arrived": len(self.arrivals),
            "last": last,
            "calls": self.calls,
            "doubled": self.doubled,
            "repeated": self.repeated,
        }


class Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._loop = asyncio.get_running_loop()
        self._held = b""
        self._stream: asyncio.Task[None] | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport: Any = transport

    @override
    def connection_lost(self, error: Exception | None) -> None:
        """Stop counting for it."""
        if self._stream is not None:
            self._stream.cancel()

    @override
    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        held = self._held + data if self._held else data
        while True:
            end = held.find(b"\r\n\r\n")
            if end < 0:
                break
            head = held[:end].lower()
            place = head.find(b"content-length:")
            length = int(head[place + 15 :].split(b"\r", 1)[0]) if place >= 0 else 0
            if len(held) < end + 4 + length:
                break
            method, target, _ = held[:end].split(b"\r", 1)[0].split(b" ")
            body = held[end + 4 : end + 4 + length]
            held = held[end + 4 + length :]
            self._serve(method, target, body)
        self._held = held

    def _serve(self, method: bytes, target: bytes, body: bytes) -> None:
        if target.startswith(b"/control/"):
            self._control(target, body)
        elif self._vendor.delay:
            self._loop.call_later(
                self._vendor.delay, lambda: self._write(self._vendor.answer(method, target, body))
            )
        else:
            self._write(self._vendor.answer(method, target, body))

    def _write(self, answered: Answered) -> None:
        status, body = answered
        self._transport.write(HEAD % (status, len(body)) + body)

    def _control(self, target: bytes, body: bytes) -> None:
        path, _, query = target.decode().partition("?")
        vendor = self._vendor
        match path.rpartition("/")[2]:
            case "begin":
                vendor.begin(float(parse_qs(query)["delay_ms"][0]))
                self._write((200, b"{}"))
            case "counts":
                self._write((200, orjson.dumps(vendor.counts())))
            case "arrivals":
                self._write((200, orjson.dumps(vendor.arrivals)))
            case "stream":
                self._stream = self._loop.create_task(self._count())
            case _:
                self._write((404, b"{}"))

    async def _count(self) -> None:
        """Tell the load, line by line, how much has arrived."""
        told = -1
        while True:
            if len(self._vendor.arrivals) != told:
                told = len(self._vendor.arrivals)
                self._transport.write(b"%d\n" % told)
            await asyncio.sleep(STREAM_SECONDS)


async def _serve() -> None:
    vendor = Vendor()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(vendor), "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f'{{"url": "http://127.0.0.1:{port}", "port": {port}}}\n')
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Serve until ended."""
    leash.attach()
    uvloop.run(_serve())


if __name__ == "__main__":
    main()
