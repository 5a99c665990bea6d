"""The target of chaos runs: a vendor on loopback that counts what it did, and can be made to misbehave."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
from typing_extensions import override

Record = dict[str, Any]
Reply = tuple[int, Any, str]  # status, JSON, further header lines

REFUSED, FAILING, HANGING = "refused", "failing", "hanging"


@dataclass(slots=True)
class Window:
    """The vendor's own count of calls in any rolling window."""

    limit: int
    seconds: float
    times: deque[float] = field(default_factory=deque)
    most: int = 0
    refused: int = 0
    all: list[float] = field(default_factory=list)

    def takes(self, now: float) -> bool:
        """Count a call; say whether it is within the limit."""
        while self.times and self.times[0] <= now - self.seconds:
            self.times.popleft()
        self.times.append(now)
        self.all.append(now)
        self.most = max(self.most, len(self.times))
        if len(self.times) <= self.limit:
            return True
        self.refused += 1
        return False

    def counted(self, begin: float, end: float) -> float:
        """Return how many calls there were in a window between two moments, on average."""
        return sum(begin < at <= end for at in self.all) / (end - begin) * self.seconds


@dataclass(slots=True)
class Update:
    """One state of a record that arrived: its place in the record's order, the event, and when."""

    place: int
    event: str
    at: float


class Target:
    """Counts creates by the event that asked for them and keeps each record's updates in order.

    Faults are set at any time: `drop` is the share of writes whose answer is lost after the work was done,
    `storm` the share of calls answered 429, `down` how it is away, `token` what it takes as credentials.
    """

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.created: dict[str, list[tuple[str, float]]] = defaultdict(list)  # event -> (kind, when)
        self.updates: dict[str, list[Update]] = defaultdict(list)
        self.people: Counter[str] = Counter()
        self.known: list[set[str]] = []
        self.calls: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.poisoned: set[str] = set()  # events whose writes are refused
        self.cursed: set[str] = set()  # events whose writes fail with 500, for ever
        self.drop = 0.0
        self.storm = 0.0
        self.down = ""
        self.delay = 0.0
        self.token: str | None = None
        self.window: Window | None = None
        self.arrived: dict[str, float] = {}  # event -> when its last write was done first
        self.port = 0
        self.host = "127.0.0.1"
        self._access = 1  # the number of the access token that is taken
        self._keyed: dict[str, int] = {}
        self._found: dict[str, int] = {}
        self._email_ids: dict[str, int] = {}
        self._next = 0
        self._server: asyncio.Server | None = None
        self.lines: set[_Line] = set()

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Line(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, and cut every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for line in list(self.lines):
            line.cut()
        await asyncio.sleep(0)

    async def go_down(self, how: str) -> None:
        """Be away: connections refused, every answer a 503, or no answer at all."""
        self.down = how
        if how == REFUSED:
            await self.stop()

    async def come_back(self) -> None:
        """Be there again."""
        was, self.down = self.down, ""
        if was == REFUSED:
            await self.start()

    def add(self, other: Target) -> None:
        """Count what another target counted too."""
        for event, made in other.created.items():
            self.created[event] += made
        for record, updates in other.updates.items():
            self.updates[record] += updates
        self.arrived |= other.arrived

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://{self.host}:{self.port}"

    def expire_tokens(self) -> None:
        """Take no access token that was given out so far."""
        self._access += 1

    def answer(self, method: str, target: str, headers: bytes, body: bytes) -> Reply | None:
        """Do what is asked; None for an answer that is lost."""
        now = time.monotonic()
        parts = urlsplit(target)
        kind = parts.path.split("/")[1]
        self.calls[f"{method} {kind}"] += 1
        if kind == "token":
            return 200, {"access_token": self._token, "refresh_token": "kept", "expires_in": 7200}, ""
        refusal = self._refusal(headers, now)
        if refusal is not None:
            return refusal
        content: Record = orjson.loads(body) if body else {}
        if method != "GET" and content.get("event") in self.poisoned:
            return 422, {"error": "this record is not valid"}, ""
        if method != "GET" and content.get("event") in self.cursed:
            return 500, {"error": "this one we stumble over"}, ""
        done = self._do(method, kind, unquote(parts.path.rpartition("/")[2]), parse_qs(parts.query), content)
        if method != "GET" and self.drop and self._dice.random() < self.drop:
            self.dropped[kind] += 1
            return None
        return 200, done, ""

    def _refusal(self, headers: bytes, now: float) -> Reply | None:
        if self.window is not None and not self.window.takes(now):
            return 429, {"error": "too many calls"}, "retry-after: 1\r\n"
        if self.down == FAILING:
            return 503, {"error": "down"}, ""
        if self.storm and self._dice.random() < self.storm:
            return 429, {"error": "storm"}, "retry-after: 1\r\n"
        if self.token is not None and f"x-key: {self.token}".encode() not in headers.lower():
            return 401, {"error": "who are you"}, ""
        if b"authorization: bearer" in headers.lower() and self._token.encode() not in headers:
            return 401, {"error": "this token is over"}, ""
        return None

    @property
    def _token(self) -> str:
        return f"access-{self._access}-"

    def _do(self, method: str, kind: str, last: str, query: dict[str, list[str]], content: Record) -> Any:
        if method == "GET":
            return self._find(kind, query)
        if kind == "things":
            self.updates[last].append(Update(int(content["place"]), content["event"], self._arrive(content)))
            return {"id": last}
        if method == "PUT":
            self._arrive(content)
            return {"id": last}
        if kind == "keyed" and content["key"] in self._keyed:
            return {"id": self._keyed[content["key"]]}
        number = self._next = self._next + 1
        if kind == "people":
            self.people[content["email"]] += 1
            self._email_ids.setdefault(content["email"], number)
            return {"id": number}
        self.created[content["event"]].append((kind, self._arrive(content)))
        if kind == "keyed":
            self._keyed[content["key"]] = number
        elif kind == "found":
            self._found.setdefault(content["event"], number)
        elif kind == "known":
            self.known.append(set(content["keys"]))
            return {"id": len(self.known)}
        return {"id": number}

    def _find(self, kind: str, query: dict[str, list[str]]) -> list[Record]:
        ((_, (value,)),) = query.items()
        if kind == "known":
            return [{"id": n} for n, keys in enumerate(self.known, start=1) if value in keys]
        found = (self._email_ids if kind == "people" else self._found).get(value)
        return [] if found is None else [{"id": found}]

    def _arrive(self, content: Record) -> float:
        now = time.monotonic()
        if "event" in content:
            self.arrived.setdefault(content["event"], now)
        return now


class _Line(asyncio.Protocol):
    """One connection to the target: bare HTTP/1.1, one request after another."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what asyncio says of TCP
        self._transport = transport
        self._target.lines.add(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._target.lines.discard(self)

    def cut(self) -> None:
        """Break the connection off."""
        if self._transport is not None:
            self._transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, gap, rest = self._buffer.partition(b"\r\n\r\n")
            if not gap:
                return
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            self._serve(method, target, head, rest[:length])

    def _serve(self, method: str, target: str, head: bytes, body: bytes) -> None:
        if self._target.down == HANGING:
            return
        reply = self._target.answer(method, target, head, body)
        if reply is None:
            self.cut()
        elif self._target.delay:
            asyncio.get_running_loop().call_later(self._target.delay, self._write, reply)
        else:
            self._write(reply)

    def _write(self, reply: Reply) -> None:
        status, answer, extra = reply
        content = orjson.dumps(answer)
        head = (
            f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
            f"content-length: {len(content)}\r\n{extra}\r\n"
        )
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(head.encode() + content)
