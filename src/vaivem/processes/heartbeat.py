"""A worker's sign of life to its supervisor: one byte into a pipe, twice a second.

The supervisor kills a worker that misses its beats before its lease ends, so that a paused worker cannot wake
up and write after another has taken over its lanes (`kill -9` works on a stopped process). The first beat
says that the worker is ready. A machine that sleeps stops both clocks alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

VARIABLE = "VAIVEM_HEARTBEAT_FD"
BEAT_SECONDS = 0.5
MISSED_SECONDS = 4.0  # under the lease of 6 seconds


class Pulse:
    """The worker's side. Without a supervisor it does nothing."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        if descriptor is not None:
            os.set_blocking(descriptor, False)
            os.set_inheritable(descriptor, False)

    @classmethod
    def from_environment(cls) -> Pulse:
        """Take the pipe that the supervisor gave us, if one did."""
        given = os.environ.pop(VARIABLE, "")
        return cls(int(given) if given.isdecimal() else None)

    def beat(self) -> None:
        """Say that we live. A full pipe (a stopped supervisor) or a closed one (a dead one) is no error."""
        if self._descriptor is not None:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._descriptor, b".")

    async def run(self) -> None:
        """Beat until cancelled. It shares the loop with the work, so a loop that hangs misses its beats."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_SECONDS)


class Monitor:
    """The supervisor's side of one child's pipe."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self._last: float | None = None
        self.first = asyncio.Event()

    @property
    def child_descriptor(self) -> int:
        """What the child inherits."""
        return self._write

    def begin(self) -> None:
        """Start listening, once the child has its end."""
        os.close(self._write)
        asyncio.get_running_loop().add_reader(self._read, self._heard)

    def end(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._read)
        os.close(self._read)

    async def missed(self) -> None:
        """Return when a child that has begun to beat has been silent for too long."""
        await self.first.wait()
        looked = time.monotonic()
        while True:
            await asyncio.sleep(BEAT_SECONDS / 2)
            now = time.monotonic()
            if now - looked > BEAT_SECONDS * 2:
                # We were held up ourselves: what the child sent meanwhile is still in the pipe.
                self._heard()
            looked = now
            if self._last is not None and now - self._last > MISSED_SECONDS:
                return

    def _heard(self) -> None:
        try:
            heard = os.read(self._read, 65536)
        except BlockingIOError:
            return
        if heard:
            self._last = time.monotonic()
            self.first.set()
        else:  # the child closed its end: its exit is seen elsewhere
            asyncio.get_running_loop().remove_reader(self._read)
