"""Runs the parts of an installation: starts them in order, starts again what dies, stops all of it.

    await Supervisor(parts, progress).run(on_ready=...)         until a signal asks it to stop
    async with Supervisor(parts, progress) as running: ...      for a check or a test

`parts` is a list; a tuple in it holds parts that start at the same time. Each is a `Step` (done once, in its
place), a `Part` (a process that stays) or a `DatabasePart`. They stop in the reverse order. A part that ends
by itself is started again after a pause that grows from 0.2 to 10 seconds; one that never became ready ends
the start with `PartError`. After `run` or the `async with` block no process of ours is left.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Protocol

from vaivem.postgres import DatabaseError, EmbeddedServer
from vaivem.processes.child import Child, describe_exit
from vaivem.processes.parts import Part, PartError, Step

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
STEADY_SECONDS = 30.0  # a part that ran this long begins with the first pause again
DATABASE_LOOK_SECONDS = 0.5
LOOKS_BETWEEN_DISK = 120
LEAVE_SECONDS = 2.0  # the children have ended, but a killed one holds its locks for a moment longer
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Progress(Protocol):
    """Who is told what happens. Called in the event loop; must not block."""

    def starting(self, part: str) -> None:
        """Say that a part begins to start."""

    def ready(self, part: str, seconds: float) -> None:
        """Say that a part is ready (or a step done), and how long that took."""

    def note(self, part: str, text: str) -> None:
        """Say that something happened to a part, in a sentence."""


class DatabasePart:
    """The embedded database as a part: joined or started first, watched, left last."""

    def __init__(self, server: EmbeddedServer, name: str = "database") -> None:
        self.server = server
        self.name = name


Startable = Step | Part | DatabasePart


class Supervisor:
    """Runs parts. `environment` is what every child gets on top of ours; the database adds VAIVEM_DSN."""

    def __init__(self, parts: Sequence[Startable | tuple[Startable, ...]], progress: Progress) -> None:
        self._groups = [group if isinstance(group, tuple) else (group,) for group in parts]
        self._progress = progress
        self._stops: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._children: dict[str, Child] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self._asked = asyncio.Event()
        self._stopping = False
        self.environment: dict[str, str] = {}

    async def run(self, on_ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start everything, call `on_ready`, and go on until SIGINT, SIGTERM or SIGHUP; then stop everything.

        A signal during the start stops what was started. A second one kills instead of asking.
        """
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.ask_to_stop)
        try:
            starting = asyncio.create_task(self._start_and_tell(on_ready))
            asked = asyncio.create_task(self._asked.wait())
            try:
                await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    await starting
                    await asked
            finally:
                for task in (starting, asked):
                    task.cancel()
                await asyncio.gather(starting, asked, return_exceptions=True)
                await self.stop()
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)

    def ask_to_stop(self) -> None:
        """Make `run` end; asked once more while it stops, kill what is left."""
        if self._stopping:
            for child in self._children.values():
                child.kill()
        self._asked.set()

    async def start(self) -> None:
        """Start all parts in order; on an error raise it, with what was started still running."""
        for group in self._groups:
            async with asyncio.TaskGroup() as together:
                for part in group:
                    together.create_task(self._start(part))

    async def stop(self) -> None:
        """Stop all parts, the last started first. The first error is raised after all were stopped."""
        self._stopping = True
        for task in self._watchers:
            task.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        errors = []
        while self._stops:
            name, stop = self._stops.pop()
            try:
                await stop()
            except (DatabaseError, OSError) as error:
                self._progress.note(name, str(error))
                errors.append(error)
        if errors:
            raise errors[0]

    def first_line(self, part: str) -> str:
        """Return the first line that a part with `ReadyLine` printed, in its present incarnation."""
        return self._children[part].first_line

    def pid(self, part: str) -> int:
        """Return the process number of a part's present incarnation."""
        return self._children[part].pid

    async def __aenter__(self) -> Supervisor:
        try:
            await self._start_and_tell(None)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start_and_tell(self, on_ready: Callable[[], Awaitable[None]] | None) -> None:
        try:
            await self.start()
        except ExceptionGroup as errors:
            # Parts that start together fail together; one sentence is enough for a person.
            raise errors.exceptions[0] from None
        if on_ready is not None:
            await on_ready()

    async def _start(self, part: Startable) -> None:
        self._progress.starting(part.name)
        began = time.monotonic()
        match part:
            case Step():
                await part.run()
            case DatabasePart():
                await self._start_database(part)
            case Part():
                await self._start_process(part)
        self._progress.ready(part.name, time.monotonic() - began)

    async def _start_database(self, part: DatabasePart) -> None:
        async def leave() -> None:
            await asyncio.to_thread(part.server.leave, LEAVE_SECONDS)

        self._stops.append((part.name, leave))
        # Not to be cancelled half-way: the thread goes on anyway, and `leave` must come after it.
        starting = asyncio.create_task(asyncio.to_thread(part.server.start))
        try:
            self.environment["VAIVEM_DSN"] = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.gather(starting, return_exceptions=True)
            raise
        self._watchers.append(asyncio.create_task(self._watch_database(part)))

    async def _watch_database(self, part: DatabasePart) -> None:
        """Start the server again when its first process is gone. Recovery takes about a second."""
        looks = 0
        while True:
            await asyncio.sleep(DATABASE_LOOK_SECONDS)
            looks += 1
            if looks % LOOKS_BETWEEN_DISK == 0 and (warning := part.server.folder.nearly_full()):
                self._progress.note(part.name, warning)
            if part.server.postmaster_pid is not None:
                continue
            self._progress.note(part.name, "The database ended; starting it again.")
            try:
                self.environment["VAIVEM_DSN"] = await asyncio.to_thread(part.server.revive)
            except DatabaseError as error:
                self._progress.note(part.name, str(error))
                await asyncio.sleep(LONGEST_PAUSE_SECONDS)
            else:
                self._progress.note(part.name, "The database answers again.")

    async def _start_process(self, part: Part) -> None:
        child = await self._spawn(part)

        async def stop() -> None:
            await self._children[part.name].stop()

        self._stops.append((part.name, stop))
        await child.until_ready()
        self._watchers.append(asyncio.create_task(self._keep(part)))

    async def _spawn(self, part: Part) -> Child:
        child = await Child.spawn(part, self.environment)
        self._children[part.name] = child
        return child

    async def _keep(self, part: Part) -> None:
        """Start the part again, and again."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            child = self._children[part.name]
            began = time.monotonic()
            code = await child.wait()
            await self._bury(part, child)
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._progress.note(part.name, f"It ended ({describe_exit(code)}); starting it again.")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            try:
                child = await self._spawn(part)
                await child.until_ready()
            except PartError as error:
                self._progress.note(part.name, str(error))
                self._children[part.name].kill()
            else:
                self._progress.note(part.name, "It is ready again.")

    async def _bury(self, part: Part, child: Child) -> None:
        if part.on_exit is None:
            return
        try:
            await part.on_exit(child.pid)
        except Exception as error:  # noqa: BLE001 - a foreign hook (the database may be away) must not stop us
            # Not lost: the row it would have removed ends with its lease.
            self._progress.note(part.name, f"Its place could not be freed at once: {error}")
