"""What a supervisor runs: steps that end, processes that stay, and the embedded database."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

READY_SECONDS = 90.0
READY_POLL_SECONDS = 0.05
STOP_SECONDS = 15.0


class PartError(Exception):
    """A part did not start or failed; the text is a sentence, `detail` its own last words."""

    def __init__(self, sentence: str, *, detail: str = "") -> None:
        super().__init__(sentence)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Step:
    """Something done once, in its place in the order. Its error ends the start."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ReadyUrl:
    """Ready when GET answers 200."""

    url: str


@dataclass(frozen=True, slots=True)
class ReadyLine:
    """Ready when the process has printed a line to stdout; the supervisor keeps it (`first_line`)."""


@dataclass(frozen=True, slots=True)
class ReadyBeat:
    """Ready at the first beat (heartbeat.py); from then on missed beats kill the process."""


Ready = ReadyUrl | ReadyLine | ReadyBeat | None


@dataclass(frozen=True, slots=True)
class Part:
    """A process that stays. It is started again whenever it ends by itself.

    `command` is an argument list; `log` takes what it says (None: our stderr). `on_exit` is called with the
    pid of each incarnation that died, before the next one starts. The process must call `leash.attach` (every
    `vaivem` command does), else it survives a supervisor that is killed.
    """

    name: str
    command: tuple[str, ...]
    ready: Ready = None
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    on_exit: Callable[[int], Awaitable[None]] | None = None
    ready_seconds: float = READY_SECONDS
    stop_seconds: float = STOP_SECONDS


async def until_answers(url: str) -> None:
    """Return when a GET of an address on this machine answers 200."""
    while not await asyncio.to_thread(_get_ok, url):  # noqa: ASYNC110 - the other side is another process
        await asyncio.sleep(READY_POLL_SECONDS)


def _get_ok(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=3)
    with contextlib.closing(connection):
        try:
            connection.request("GET", parts.path or "/")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
