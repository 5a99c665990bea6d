"""One incarnation of a part's process: started in its own group, listened to, and killed with its group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from vaivem.processes import heartbeat, leash
from vaivem.processes.parts import Part, PartError, ReadyBeat, ReadyLine, ReadyUrl, until_answers

LOG_BYTES = 10 * 1024 * 1024
LINE_BYTES = 1024 * 1024


class Child:
    """A running process of a part."""

    def __init__(
        self, part: Part, process: asyncio.subprocess.Process, monitor: heartbeat.Monitor | None
    ) -> None:
        self.part = part
        self.process = process
        self.first_line = ""
        self._has_line = asyncio.Event()
        self._monitor = monitor
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def spawn(cls, part: Part, environment: Mapping[str, str]) -> Child:
        """Start the part's process."""
        output = os.pipe() if isinstance(part.ready, ReadyLine) else None
        monitor = heartbeat.Monitor() if isinstance(part.ready, ReadyBeat) else None
        given = {**os.environ, **environment, **part.environment, leash.PARENT_VARIABLE: str(os.getpid())}
        if monitor:
            given[heartbeat.VARIABLE] = str(monitor.child_descriptor)
        sink = open_log(part.log)
        try:
            process = await asyncio.create_subprocess_exec(
                *part.command,
                env=given,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output[1] if output else sink,
                stderr=sink,
                pass_fds=(monitor.child_descriptor,) if monitor else (),
                start_new_session=True,  # its own group: a Ctrl-C in the terminal reaches only the supervisor
            )
        except OSError as error:
            raise PartError(f"{part.command[0]} cannot be started: {error.strerror}.") from error
        finally:
            close_log(sink)
            if output:
                os.close(output[1])
        child = cls(part, process, monitor)
        if monitor:
            monitor.begin()
            child._begin(child._kill_when_silent(monitor))
        if output:
            child._begin(child._copy_output(output[0]))
        return child

    @property
    def pid(self) -> int:
        """The process's number, which is also its group's."""
        return self.process.pid

    async def until_ready(self) -> None:
        """Return when the process is ready; raise `PartError` when it ends before, or takes too long."""
        exited = asyncio.create_task(self.process.wait())
        ready = asyncio.create_task(self._ready())
        try:
            async with asyncio.timeout(self.part.ready_seconds):
                await asyncio.wait({exited, ready}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError as error:
            raise self._failed(f"was not ready within {self.part.ready_seconds:.0f} seconds") from error
        finally:
            for task in (exited, ready):
                task.cancel()
            await asyncio.gather(exited, ready, return_exceptions=True)
        if self.process.returncode is not None:
            raise self._failed(f"ended at once ({describe_exit(self.process.returncode)})")

    async def wait(self) -> int:
        """Return the exit code when the process has ended; then nothing of its group is left."""
        code = await self.process.wait()
        await self._clear()
        return code

    async def stop(self) -> None:
        """Ask the process to end, and kill it with its group if it does not."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
                self.process.send_signal(signal.SIGCONT)  # a stopped process could not end
            try:
                async with asyncio.timeout(self.part.stop_seconds):
                    await self.process.wait()
            except TimeoutError:
                self.kill()
        await self.wait()

    def kill(self) -> None:
        """Kill the process and all of its group, whatever state they are in."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _ready(self) -> None:
        match self.part.ready:
            case ReadyUrl(url):
                await until_answers(url)
            case ReadyLine():
                await self._has_line.wait()
            case ReadyBeat() if self._monitor:
                await self._monitor.first.wait()
            case _:
                pass

    async def _kill_when_silent(self, monitor: heartbeat.Monitor) -> None:
        await monitor.missed()
        self.kill()

    async def _copy_output(self, descriptor: int) -> None:
        # A pipe of our own: with asyncio.s, waiting for the process waits for all who inherited it.
        stream = asyncio.StreamReader(limit=LINE_BYTES)
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), pipe
        )
        with contextlib.closing(transport):
            await self._copy_lines(stream)

    async def _copy_lines(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            if not self._has_line.is_set():
                self.first_line = line.decode(errors="replace").strip()
                self._has_line.set()
            sink = open_log(self.part.log)
            os.write(sink, line)
            close_log(sink)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _clear(self) -> None:
        self.kill()
        if self._tasks:  # the last words are still in the pipe
            await asyncio.wait(self._tasks, timeout=0.2, return_when=asyncio.FIRST_COMPLETED)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._monitor:
            self._monitor.end()
            self._monitor = None

    def _failed(self, what: str) -> PartError:
        place = f" Its log is {self.part.log}." if self.part.log else ""
        return PartError(f"The part {self.part.name!r} {what}.{place}", detail=log_tail(self.part.log))


def open_log(path: Path | None) -> int:
    """Return a descriptor that takes a part's output: its log, put aside when long, or our stderr."""
    if path is None:
        return sys.stderr.fileno()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def close_log(descriptor: int) -> None:
    """Close what `open_log` returned; our own stderr stays open."""
    if descriptor != sys.stderr.fileno():
        os.close(descriptor)


def log_tail(path: Path | None, lines: int = 15) -> str:
    """Return the last lines of a log, or nothing."""
    if path is None or not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 20_000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def describe_exit(code: int) -> str:
    """Return how a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
