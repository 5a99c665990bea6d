"""The one middleware before a simulator's API: limits, faults and the request log. Pages pass by."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vaivem.simulators.kit.connection import cut_connection
from vaivem.simulators.kit.faults import AFTER_KINDS
from vaivem.simulators.kit.requests import LoggedRequest

if TYPE_CHECKING:
    from vaivem.simulators.kit.account import Simulator
    from vaivem.simulators.kit.limits import Reading

# What a proxy in front of a vendor shows when the vendor is not there: HTML where JSON is promised.
_PROXY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class _Answer:
    """What the handler sent, held back or passed on, with the vendor's limit headers on it."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]], hold: bool) -> None:
        self._send = send
        self._headers = headers
        self._hold = hold
        self.held: list[Message] = []
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._headers]
        if self._hold:
            self.held.append(message)
        else:
            await self._send(message)

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.held if m["type"] == "http.response.body")

    @property
    def start(self) -> Message:
        return next(m for m in self.held if m["type"] == "http.response.start")


class ApiGate:
    """Wraps the whole app, acts on the simulator's ``api_prefixes``."""

    def __init__(self, app: ASGIApp, simulator: Simulator) -> None:
        self._app = app
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._simulator.api_prefixes):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        simulator, method, path = self._simulator, scope["method"], scope["path"]
        fault = simulator.faults.draw(method, path)
        status: int | None = None
        try:
            if simulator.faults.latency_ms:
                await asyncio.sleep(simulator.faults.latency_ms / 1000)
            status = await self._answer(fault, scope, receive, send)
        finally:
            simulator.requests.add(
                LoggedRequest(
                    time=simulator.clock.now().isoformat(timespec="milliseconds"),
                    method=method,
                    path=path,
                    query=scope["query_string"].decode("latin-1"),
                    status=status,
                    ms=round((time.perf_counter() - started) * 1000, 3),
                    fault=fault,
                )
            )

    async def _answer(self, fault: str | None, scope: Scope, receive: Receive, send: Send) -> int | None:
        """Answer the call; the status sent, or None where the connection was cut or left hanging."""
        simulator = self._simulator
        if fault == "reset_before":
            await cut_connection(scope, receive)
            return None
        reading = simulator.limits.take()
        refusal = _refusal(simulator, fault, reading)
        answer = _Answer(send, _raw(simulator.limit_headers(reading)), hold=fault in AFTER_KINDS)
        if refusal is not None:
            await refusal(scope, receive, answer.send)
            return refusal.status_code
        if fault == "timeout":
            await _hang(receive)
            return None
        await self._app(scope, receive, answer.send)
        if not answer.held:
            return answer.status
        return await self._spoil(fault, answer, scope, receive, send)

    async def _spoil(
        self, fault: str | None, answer: _Answer, scope: Scope, receive: Receive, send: Send
    ) -> int | None:
        """The handler has run and the account has changed; now the answer goes wrong."""
        if fault == "reset_after_write":
            await cut_connection(scope, receive)
            return None
        if fault == "timeout_after_write":
            await _hang(receive)
            return None
        if fault == "half_body":
            await send(_with_length(answer.start, len(answer.body)))
            half = answer.body[: max(len(answer.body) // 2, 1)]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            # The server writes from another thread; a cut at once would lose the half that should arrive.
            await asyncio.sleep(0.02)
            await cut_connection(scope, receive)
            return answer.status
        spoiled = (
            self._simulator.server_error()
            if fault == "500_after_write"
            else Response(b"", answer.status or 200)
        )
        await spoiled(scope, receive, send)
        return spoiled.status_code


def _refusal(simulator: Simulator, fault: str | None, reading: Reading) -> Response | None:
    if fault == "429" or not reading.allowed:
        return simulator.too_many_requests(reading)
    if fault == "500":
        return simulator.server_error()
    if fault == "html":
        return HTMLResponse(_PROXY_PAGE, status_code=502)
    return None


async def _hang(receive: Receive) -> None:
    """Say nothing until the client gives up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _with_length(start: Message, length: int) -> Message:
    kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    return {**start, "headers": [*kept, (b"content-length", str(max(length, 2)).encode())]}
