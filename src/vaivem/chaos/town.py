"""A whole installation as `vaivem up` runs it, whose processes a chaos run may kill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg

from vaivem.chaos.target import Target
from vaivem.cli import parts
from vaivem.config import Config, set_by_operator
from vaivem.postgres import EmbeddedServer
from vaivem.postgres.server import free_port
from vaivem.processes.parts import Part, Step
from vaivem.processes.supervisor import Startable, Supervisor

CONNECTORS = Path(__file__).with_name("connectors")
TOKEN = "what-proves-the-sender"  # noqa: S105 - of a vendor that lives for a minute on loopback
LOOKS = (
    "select id, until - now() as holds, host, pid from worker",
    "select gate, state, owner, recover, prio, count(*), min(due - vv_now()), max(due - vv_now()) from lane"
    " group by 1, 2, 3, 4, 5 order by 6 desc limit 12",
    "select state, code, count(*) from pending group by 1, 2",
    "select conn, state, code, closed_until - vv_now() as closed, probed from gate where state > 0",
    "select pid, state, wait_event, now() - xact_start as since, pg_blocking_pids(pid) as behind,"
    " client_addr, left(query, 70) as query from pg_stat_activity where now() - xact_start > interval '1 s'",
)


@dataclass(frozen=True, slots=True)
class Way:
    """A source connection, a target connection, and a rule for each of the actions between them."""

    name: str
    actions: tuple[str, ...]
    settings: Mapping[str, Any] | None = None
    workspace: str = ""
    wait: int = 0  # minutes that the rules wait before they act
    method: str = "token"  # how the target connection is authorised

    def plan(self) -> dict[str, Any]:
        """Return it as the seed reads it."""
        return {
            "name": self.name,
            "actions": list(self.actions),
            "settings": dict(self.settings or {}),
            "workspace": self.workspace,
            "wait": self.wait,
            "method": self.method,
        }


class Quiet:
    """Keeps what the supervisor says, for whoever looks for a cause."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def starting(self, part: str) -> None:
        """Say nothing."""

    def ready(self, part: str, seconds: float) -> None:
        """Keep how long a part took."""
        self.notes.append(f"{part} ready in {seconds:.1f} s")

    def note(self, part: str, text: str) -> None:
        """Keep what happened to a part."""
        self.notes.append(f"{part}: {text}")


class Town:
    """An installation in `folder` whose rules send to `target`. Used as ``async with``."""

    def __init__(
        self,
        folder: Path,
        target: Target,
        ways: Sequence[Way],
        *,
        workers: int = 1,
        database_url: str | None = None,
        environment: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        change: Callable[[Part], Part] = lambda part: part,
    ) -> None:
        self.folder = folder
        self.target = target
        self.ways = {way.name: way for way in ways}
        self.made: dict[str, dict[str, Any]] = {}
        self.said = Quiet()
        self.workers = workers
        self._environment = dict(environment or {})
        self._change = change
        self._before: dict[str, str | None] = {}
        self._stack = AsyncExitStack()
        self._strays: list[subprocess.Popen[bytes]] = []
        self.config = Config(
            data_dir=folder,
            host=host,
            port=free_port(),
            database_url=database_url,
            log_level="warning",
        )
        self.supervisor = Supervisor(self._parts(), self.said)

    def _parts(self) -> list[Startable | tuple[Startable, ...]]:
        logs = self.folder / "logs"
        together = [parts.web(self.config, logs)]
        together += [
            parts.worker(self.config, number + 1, self.workers, logs) for number in range(self.workers)
        ]
        begin: list[Startable | tuple[Startable, ...]] = [*parts.database(self.config)]
        return [
            *begin,
            parts.tables(self.config),
            Step("seed", self._seed),
            tuple(self._change(part) for part in together),
        ]

    async def __aenter__(self) -> Self:
        self._surround()
        try:
            await self._stack.enter_async_context(self.supervisor)
        except BaseException:
            self._restore()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for process in self._strays:
                self.end(process)
            await self._stack.aclose()
        finally:
            self._restore()

    def _surround(self) -> None:
        """Set what children inherit: nothing of the operator's own settings, and the target allowed."""
        given = {
            "VAIVEM_CONNECTORS": str(CONNECTORS),
            "VAIVEM_ALLOW_PRIVATE": self.target.host,
            "VAIVEM_LOG_LEVEL": "warning",
            **self._environment,
        }
        if self.config.database_url:
            given["DATABASE_URL"] = self.config.database_url
        self._before = {name: os.environ.pop(name, None) for name in {*set_by_operator(os.environ), *given}}
        os.environ.update(given)

    def _restore(self) -> None:
        for name, value in self._before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

    async def _seed(self) -> None:
        plan = {
            "token": TOKEN,
            "url": self.target.url,
            "ways": [way.plan() for way in self.ways.values()],
        }
        report = await parts.call(self.config, "chaos-seed", json.dumps(plan))
        self.made = report["ways"]

    # What a run asks and does

    @property
    def dsn(self) -> str:
        """The database's address as it is now."""
        return self.config.database_url or EmbeddedServer(self.folder).dsn

    def hook(self, way: str) -> str:
        """Return the address that events of a way are delivered to."""
        return f"{self.config.local_url}/hook/{self.made[way]['hook']}"

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Ask the database; an OSError or asyncpg's own error when it is away."""
        connection = await asyncpg.connect(self.dsn, timeout=5, command_timeout=30)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return found
        finally:
            with suppress(Exception):
                await connection.close(timeout=1)

    async def value(self, query: str, *arguments: Any) -> Any:
        """Return one value."""
        return (await self.rows(query, *arguments))[0][0]

    def spawn(self, command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a further process of the installation that nobody watches."""
        given = {**os.environ, **parts.settings(self.config), "VAIVEM_DSN": self.dsn, **environment}
        with (self.folder / "logs" / f"stray-{len(self._strays)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*parts.COMMAND, command],
                env=given,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._strays.append(process)
        return process

    def words_of(self, process: subprocess.Popen[bytes]) -> str:
        """Return what a process that `spawn` started has said."""
        number = self._strays.index(process)
        return (self.folder / "logs" / f"stray-{number}.log").read_text(errors="replace")

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process that `spawn` started, with all of its group."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    async def at_work(self, pid: int) -> bool:
        """Say whether the worker process `pid` has a lease."""
        return bool(await self.value("select exists (select 1 from worker where pid = $1)", pid))

    def kill(self, part: str) -> None:
        """Kill a part with all of its group; "database" is the first process of the embedded server."""
        with suppress(ProcessLookupError, PermissionError):
            if part == "database":
                pid = EmbeddedServer(self.folder).postmaster_pid
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
            else:
                os.killpg(self.supervisor.pid(part), signal.SIGKILL)

    def worker_names(self) -> list[str]:
        """Return the names of the worker parts."""
        return ["worker"] if self.workers == 1 else [f"worker-{n + 1}" for n in range(self.workers)]

    async def pass_time(self, seconds: float) -> None:
        """Let time go by for everybody (leases use the machine's clock and do not notice)."""
        await self.rows("update clock set shift = shift + make_interval(secs => $1)", seconds)

    async def look(self) -> None:
        """Keep how the database stands, for whoever looks for the cause of a run that failed."""
        for query in LOOKS:
            self.said.notes += [str(dict(row)) for row in await self.rows(query)]

    def last_words(self, lines: int = 12) -> str:
        """Return the ends of the processes' logs, for a failing run."""
        told = [f"{path.name}: {line}" for path in sorted((self.folder / "logs").glob("*.log"))
                for line in path.read_text(errors="replace").splitlines()[-lines:]]  # fmt: skip
        return "\n".join([*self.said.notes[-lines:], *told])


async def until(done: Callable[[], Any], seconds: float, every: float = 0.2) -> bool:
    """Wait until `done` (a function, maybe async; a database that is away counts as no) is true."""
    limit = time.monotonic() + seconds
    while True:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            found = done()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return True
        if time.monotonic() > limit:
            return False
        await asyncio.sleep(every)
