"""The one middleware before a simulator's API: limits, faults and the request log. Pages pass by."""

from __future__ import annotations

import asyncio
import contextlib
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

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
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


class _Entry:
    """The call's line in the log, written once, before the client can know the outcome."""

    def __init__(self, simulator: Simulator, scope: Scope, fault: str | None) -> None:
        self.fault = fault
        self._simulator = simulator
        self._scope = scope
        self._started = time.perf_counter()
        self._written = False

    def write(self, status: int | None) -> None:
        """``status`` None: no answer goes out."""
        if self._written:
            return
        self._written = True
        self._simulator.requests.add(
            LoggedRequest(
                time=self._simulator.clock.now().isoformat(timespec="milliseconds"),
                method=self._scope["method"],
                path=self._scope["path"],
                query=self._scope["query_string"].decode("latin-1"),
                status=status,
                ms=round((time.perf_counter() - self._started) * 1000, 3),
                fault=self.fault,
            )
        )


class ApiGate:
    """Wraps the whole app, acts on the simulator's ``api_prefixes``."""

    def __init__(self, app: ASGIApp, simulator: Simulator) -> None:
        self._app = app
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._simulator.api_prefixes):
            await self._app(scope, receive, send)
            return
        simulator = self._simulator
        fault = simulator.faults.draw(scope["method"], scope["path"])
        entry = _Entry(simulator, scope, fault)

        async def send_logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.write(message["status"])
            await send(message)

        try:
            if simulator.faults.latency_ms:
                await self._pause(simulator.faults.latency_ms / 1000)
            await self._answer(entry, scope, receive, send_logged)
        finally:
            entry.write(None)

    async def _answer(self, entry: _Entry, scope: Scope, receive: Receive, send: Send) -> None:
        simulator, fault = self._simulator, entry.fault
        if fault == "reset_before":
            entry.write(None)
            await cut_connection(scope, receive)
            return
        reading = simulator.take(scope["method"], scope["path"])
        refusal = _refusal(simulator, fault, reading)
        answer = _Answer(send, _raw(simulator.limit_headers(reading)), hold=fault in AFTER_KINDS)
        if refusal is not None:
            await refusal(scope, receive, answer.send)
        elif fault == "timeout":
            entry.write(None)
            await self._hang(receive)
        else:
            await self._app(scope, receive, answer.send)
            if answer.held:
                await self._spoil(entry, answer, scope, receive, send)

    async def _spoil(
        self, entry: _Entry, answer: _Answer, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """The handler has run and the account has changed; now the answer goes wrong."""
        if entry.fault == "reset_after_write":
            entry.write(None)
            await cut_connection(scope, receive)
        elif entry.fault == "timeout_after_write":
            entry.write(None)
            await self._hang(receive)
        elif entry.fault == "half_body":
            await send(_with_length(answer.start, len(answer.body)))
            half = answer.body[: max(len(answer.body) // 2, 1)]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            # The server writes from another thread; a cut at once would lose the half that should arrive.
            await asyncio.sleep(0.02)
            await cut_connection(scope, receive)
        elif entry.fault == "500_after_write":
            await self._simulator.server_error()(scope, receive, send)
        else:
            await Response(b"", answer.start["status"])(scope, receive, send)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._simulator.stopping.wait(), seconds)

    async def _hang(self, receive: Receive) -> None:
        """Say nothing until the client gives up or the server stops."""
        gone = asyncio.ensure_future(_disconnected(receive))
        stopping = asyncio.ensure_future(self._simulator.stopping.wait())
        try:
            await asyncio.wait([gone, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            stopping.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _refusal(simulator: Simulator, fault: str | None, reading: Reading) -> Response | None:
    if fault == "429" or not reading.allowed:
        return simulator.too_many_requests(reading)
    if fault == "500":
        return simulator.server_error()
    if fault == "html":
        return HTMLResponse(_PROXY_PAGE, status_code=502)
    return None


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _with_length(start: Message, length: int) -> Message:
    kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    return {**start, "headers": [*kept, (b"content-length", str(max(length, 2)).encode())]}
