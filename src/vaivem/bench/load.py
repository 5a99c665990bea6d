"""The benchmark's load: signed events over HTTP/1.1 with kept connections, in a process of its own.

`vaivem.bench.load '<spec>'` sends and prints one line of JSON. Modes:

- ``closed``: each connection sends its next event when the last is acknowledged.
- ``window``: the same, but at most `window` events are sent and not yet at the target, for `seconds`.
- ``paced``: `rate` events a second, whatever happens to them; times count from when an event was *due*, so
  that a server that stalls cannot hide it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter, deque
from typing import Any

import msgspec
import orjson
import uvloop
from typing_extensions import override

from vaivem.bench.events import SIGNATURE_HEADER, event_body, signature
from vaivem.processes import leash

TICK_SECONDS = 0.001
HEAD = (
    "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: Assinatura/3.2\r\naccept: */*\r\n"
    "content-type: application/json\r\n" + SIGNATURE_HEADER + ": "
)


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. `hooks` are the paths to deliver to in turn, `templates` those of the events in turn."""

    port: int
    hooks: tuple[str, ...]
    secret: str
    prefix: str
    mode: str = "closed"
    count: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    window: int = 2000
    vendor_port: int = 0
    connections: int = 64
    templates: tuple[str, ...] = ("b",)
    one_record: bool = False


class Result(msgspec.Struct, kw_only=True):
    """What came of it. Times are of the machine's monotonic clock; `acks` are (number, due, answered)."""

    sent: int
    first: float
    last_ack: float
    statuses: dict[int, int]
    acks: list[tuple[int, float, float]]
    cpu_seconds: float
    late: float  # the most that the load itself was behind its pace


class Line(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._held = b""
        self.number = 0
        self.due = 0.0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for the first event."""
        self._transport: Any = transport
        self._load.free.append(self)

    @override
    def connection_lost(self, error: Exception | None) -> None:
        """Say that the server hung up: the benchmark fails then."""
        self._load.lost(error)

    def send(self, number: int, due: float, request: bytes) -> None:
        """Send one request."""
        self.number, self.due = number, due
        self._transport.write(request)

    def close(self) -> None:
        """Let the connection go."""
        self._transport.close()

    @override
    def data_received(self, data: bytes) -> None:
        """Read the answer."""
        held = self._held + data if self._held else data
        end = held.find(b"\r\n\r\n")
        if end < 0:
            self._held = held
            return
        head = held[:end].lower()
        place = head.find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r", 1)[0]) if place >= 0 else 0
        if len(held) < end + 4 + length:
            self._held = held
            return
        self._held = b""
        self._load.answered(self, int(head[9:12]))


class Load:
    """Sends what the spec says."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.free: deque[Line] = deque()
        self._secret = spec.secret.encode()
        self._heads = [HEAD.format(path=path).encode() for path in spec.hooks]
        self._sent = 0
        self._answered = 0
        self._statuses: Counter[int] = Counter()
        self._acks: list[tuple[int, float, float]] = []
        self._arrived = 0
        self._late = 0.0
        self._ending = False
        self._backed_up: deque[tuple[int, float]] = deque()

    async def run(self) -> Result:
        """Send everything and wait for all answers."""
        loop = asyncio.get_running_loop()
        for _ in range(self.spec.connections):
            await loop.create_connection(lambda: Line(self), "127.0.0.1", self.spec.port)
        self._done = loop.create_future()
        counter = asyncio.create_task(self._follow()) if self.spec.mode == "window" else None
        self._first = time.monotonic()
        self._until = self._first + self.spec.seconds if self.spec.seconds else float("inf")
        if self.spec.mode == "paced":
            await self._pace()
        else:
            self._fill()
        await self._done
        if counter is not None:
            counter.cancel()
        self._ending = True
        for line in self.free:
            line.close()
        return Result(
            sent=self._sent,
            first=self._first,
            last_ack=max((ack for _, _, ack in self._acks), default=0.0),
            statuses=dict(self._statuses),
            acks=self._acks,
            cpu_seconds=time.process_time(),
            late=self._late,
        )

    def _may_send(self) -> bool:
        spec = self.spec
        if spec.count and self._sent >= spec.count:
            return False
        if time.monotonic() >= self._until:
            return False
        return spec.mode != "window" or self._sent < self._arrived + spec.window

    def _over(self) -> bool:
        return bool(self.spec.count and self._sent >= self.spec.count) or time.monotonic() >= self._until

    def _fill(self) -> None:
        while self.free and self._may_send():
            self._send(self.free.popleft(), time.monotonic())
        self._end_if_answered()

    def _end_if_answered(self) -> None:
        if self._over() and self._answered == self._sent and not self._done.done():
            self._done.set_result(None)

    def _send(self, line: Line, due: float) -> None:
        self._send_number(line, self._next(), due)

    def _next(self) -> int:
        self._sent += 1
        return self._sent

    def _send_number(self, line: Line, number: int, due: float) -> None:
        spec = self.spec
        body = event_body(
            spec.prefix, number, spec.templates[number % len(spec.templates)], one_record=spec.one_record
        )
        head = self._heads[number % len(self._heads)]
        signed = signature(self._secret, body)
        line.send(number, due, b"%b%b\r\ncontent-length: %d\r\n\r\n%b" % (head, signed, len(body), body))

    def answered(self, line: Line, status: int) -> None:
        """Count an answer, and let its connection go on."""
        self._answered += 1
        self._statuses[status] += 1
        self._acks.append((line.number, line.due, time.monotonic()))
        if self._backed_up:
            self._send_number(line, *self._backed_up.popleft())
            return
        self.free.append(line)
        if self.spec.mode != "paced":
            self._fill()
        else:
            self._end_if_answered()

    async def _pace(self) -> None:
        step = 1 / self.spec.rate
        due = self._first
        while not self._over():
            now = time.monotonic()
            self._late = max(self._late, now - due)
            while due <= now and not self._over():
                number = self._next()
                if self.free:
                    self._send_number(self.free.popleft(), number, due)
                else:
                    self._backed_up.append((number, due))
                due += step
            await asyncio.sleep(TICK_SECONDS)
        self._end_if_answered()

    async def _follow(self) -> None:
        """Hear from the target how much has arrived."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.spec.vendor_port)
        writer.write(b"GET /control/stream HTTP/1.1\r\nhost: x\r\n\r\n")
        while line := await reader.readline():
            self._arrived = int(line)
            self._fill()

    def lost(self, error: Exception | None) -> None:
        """Fail when the server hangs up before the end."""
        if not self._ending and not self._done.done():
            self._done.set_exception(ConnectionError(f"the server hung up: {error}"))


def main() -> None:
    """Run one spec, given as JSON."""
    leash.attach()
    spec = msgspec.json.decode(sys.argv[1], type=Spec)
    result = uvloop.run(Load(spec).run())
    sys.stdout.buffer.write(orjson.dumps(msgspec.to_builtins(result, str_keys=True)) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
