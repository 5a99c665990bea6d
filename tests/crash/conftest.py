"""A whole installation with its test accounts, whose processes a test may kill."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.place import data_folder
from vaivem.cli.demo import DemoInstallation
from vaivem.config import Config
from vaivem.postgres import EmbeddedServer
from vaivem.postgres.server import free_port
from vaivem.simulators.stories import Asker, Served

PATIENT = ",".join(["0.3", "0.5", "1", "1", "2", "2", "3", "3"] + ["4"] * 20)


class Town:
    """The installation, the test accounts' controls, and the database."""

    def __init__(self, installation: DemoInstallation, config: Config, asker: Asker) -> None:
        self.installation = installation
        self.config = config
        self.asker = asker
        self.accounts: dict[str, Served] = {one.name: one for one in installation.served()}

    async def control(self, account: str, path: str, body: Any = None) -> Any:
        """Ask a test account's control: GET without a body, POST with one."""
        url = f"{self.accounts[account].control_url}/{path}"
        return await self.asker.call("GET" if body is None else "POST", url, body)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        dsn = EmbeddedServer(self.config.data_dir).dsn
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as db:
            return db.execute(query).fetchall()

    def let_run_wild(self) -> None:
        """Give the breaker room: what is done here in seconds is what it is there to stop."""
        with psycopg.connect(EmbeddedServer(self.config.data_dir).dsn, autocommit=True) as db:
            db.execute("update workspace set record_changes = 1000000000, busy_runs = 1000000000")

    def kill(self, part: str) -> None:
        """Kill a process of the installation at once: a part by name, or the database's postmaster."""
        if part == "database":
            pid_file = next(self.config.data_dir.glob("postgresql*/**/postmaster.pid"))
            pid = int(pid_file.read_text().splitlines()[0])
        else:
            pid = self.installation.supervisor.pid(part)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    async def until(self, done: Callable[[], Any], seconds: float) -> None:
        """Wait until `done` (which may find the database away) is true."""
        import asyncio

        limit = time.monotonic() + seconds
        while True:
            with suppress(psycopg.OperationalError):
                if done():
                    return
            if time.monotonic() > limit:
                raise AssertionError(f"not within {seconds} s: {self.state()}")
            await asyncio.sleep(0.3)

    def state(self) -> str:
        """Return what is not done yet, for a failing test."""
        queries = (
            "select status, code, count(*) from run group by 1, 2",
            "select state, code, count(*), min(due) from pending group by 1, 2",
            "select state, count(*), min(due), max(due) from lane group by 1",
            "select * from gate",
            "select now()",
        )
        logs = [path.read_text()[-2500:] for path in self.config.data_dir.glob("logs/w*.log")]
        return "\n".join([*(str(self.rows(query)) for query in queries), *logs])


@pytest.fixture
def folder(migrated_folder: Path) -> Iterator[Path]:
    """A short folder that the database's user can reach, with a database that has its tables already."""
    with data_folder("vaivem-town-") as made:
        subprocess.run(["/bin/cp", "-a", f"{migrated_folder}/.", made], check=True)
        yield made


@asynccontextmanager
async def town_in(
    folder: Path, *, limits: str = "off", retries: str = PATIENT, accounts: Sequence[str] | None = None
) -> AsyncIterator[Town]:
    """Start an installation in a folder, with these test accounts or those between which a story goes."""
    environment = {"VAIVEM_DATA_DIR": str(folder), "PORT": str(free_port("127.0.0.1"))}
    config = replace(Config.from_environment(environment), host="127.0.0.1")
    before = os.environ.get("VAIVEM_ALLOW_PRIVATE")
    installation = DemoInstallation(config, limits=limits, retries=retries, accounts=accounts)
    try:
        async with installation.supervisor, Asker() as asker:
            town = Town(installation, config, asker)
            town.let_run_wild()
            yield town
    finally:
        if before is None:
            os.environ.pop("VAIVEM_ALLOW_PRIVATE", None)
        else:
            os.environ["VAIVEM_ALLOW_PRIVATE"] = before


@pytest.fixture
async def town(folder: Path) -> AsyncIterator[Town]:
    """An installation whose test accounts have no limits and try their webhooks for long."""
    async with town_in(folder) as made:
        yield made


@pytest.fixture
def dice() -> random.Random:
    """Chance that is the same every time; the seed is printed when a test fails."""
    seed = int(os.environ.get("VAIVEM_TEST_SEED", "2026"))
    print(f"VAIVEM_TEST_SEED={seed}")  # noqa: T201 - shown by pytest for a failing test
    return random.Random(seed)
