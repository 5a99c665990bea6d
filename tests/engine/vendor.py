"""A vendor on loopback for the engine's tests: bare HTTP whose answers can be lost, late or wrong."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

Record = dict[str, Any]
Reply = tuple[int, Any, Record]  # status, JSON (or bytes as they are), headers
Door = Callable[[str, str, dict[str, str], bytes], Reply | None]


@dataclass
class Vendor:
    """Things, notes, people and deals; `fault` may say what happens to a call.

    `fault(method, path, nth)` returns None (answer), "lost" (do it, cut the line), "refuse" (cut the line
    without doing it), a status (answer it, do nothing), or seconds to wait before the answer.
    `door(method, path, headers, body)` may answer in the vendor's place; None lets the call in.
    """

    things: list[Record] = field(default_factory=list)
    notes: list[Record] = field(default_factory=list)
    people: list[Record] = field(default_factory=list)
    hooks: list[Record] = field(default_factory=list)
    missed: list[Record] = field(default_factory=list)
    imports: list[Record] = field(default_factory=list)
    keyed: dict[str, Record] = field(default_factory=dict)
    puts: list[tuple[str, Record]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    fault: Callable[[str, str, int], Any] = lambda method, path, nth: None
    door: Door = lambda method, path, headers, body: None
    port: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.transport.abort()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0].partition(":")[2])) if lengths else b""
        path = urlsplit(target).path
        name = f"{method} {path.split('/')[1]}"
        self.calls[name] += 1
        fault = self.fault(method, path, self.calls[name])
        if isinstance(fault, float):
            await asyncio.sleep(fault)
            fault = None
        if fault == "refuse":
            return False
        if isinstance(fault, int):
            self._write(writer, fault, {"error": "made up"})
            return True
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        reply = self.door(method, path, {name.lower(): value for name, value in headers.items()}, body)
        if reply is not None:
            self._write(writer, *reply)
            return True
        answer = self._do(method, path, parse_qs(urlsplit(target).query), json.loads(body or b"{}"))
        if fault == "lost":
            return False
        self._write(writer, 200, answer)
        await writer.drain()
        return True

    @staticmethod
    def _write(writer: asyncio.StreamWriter, status: int, answer: Any, headers: Record | None = None) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        named = {"content-type": "application/json", "content-length": len(content), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + content)

    def _do(self, method: str, path: str, query: dict[str, list[str]], body: Record) -> Any:
        kind = path.split("/")[1]
        if kind == "keyed":
            return self.keyed.setdefault(body["key"], {"id": len(self.keyed) + 1, **body})
        rows: list[Record] = getattr(self, kind)
        if kind == "hooks" and method != "GET":
            return self._hook(method, path, body)
        if method == "GET" and not query:
            return rows
        if method == "GET":
            ((name, (value,)),) = query.items()
            if name == "part":
                return [row for row in rows if value in row["name"].split(",")]
            return [row for row in rows if str(row.get(name)) == value]
        if method == "PUT":
            self.puts.append((path, body))
            for row in rows:
                if str(row["id"]) == path.rsplit("/", 1)[1]:
                    row.update(body)
            return {"id": path.rsplit("/", 1)[1]}
        rows.append({"id": len(rows) + 1, **body})
        return rows[-1]

    def _hook(self, method: str, path: str, body: Record) -> Any:
        """Register, mend or remove a webhook; the vendor makes up its secret."""
        number = path.rpartition("/")[2]
        if method == "DELETE":
            self.hooks = [hook for hook in self.hooks if hook["id"] != number]
        elif method == "PUT":
            for hook in self.hooks:
                hook.update(body if hook["id"] == number else {})
        else:
            made = str(self.calls["POST hooks"])
            self.hooks.append({"id": made, "secret": f"secret-{made}", **body})
            return self.hooks[-1]
        return {}
