"""The parts of an installation, for `up` and `demo`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaivem.cli.reporting import say
from vaivem.config import Config
from vaivem.postgres import EmbeddedServer
from vaivem.processes import leash
from vaivem.processes.parts import Part, PartError, ReadyBeat, ReadyLine, ReadyUrl, Step
from vaivem.processes.supervisor import DatabasePart, Startable

COMMAND = (sys.executable, "-m", "vaivem.cli")


def installation(
    config: Config, *, workers: int = 1, logs: Path | None = None
) -> list[Startable | tuple[Startable, ...]]:
    """Return all parts of an installation: database (if ours), tables, then web and workers together.

    `logs` is a folder for what they say; None lets it through to our stderr. To put something in between
    (a demo's seed), build the list from the functions below.
    """
    together = (web(config, logs), *(worker(config, number + 1, workers, logs) for number in range(workers)))
    return [*database(config), tables(config), together]


def database(config: Config) -> list[Startable]:
    """Return the embedded database, or nothing when the operator's own is used."""
    if not config.embedded:
        return []
    return [DatabasePart(EmbeddedServer(config.data_dir, user=config.database_user, say=say))]


def tables(config: Config) -> Step:
    """Return the step that migrates, in a process of its own: it needs Django, and a supervisor does not."""

    async def migrate() -> None:
        await call(config, "migrate")

    return Step("tables", migrate)


def web(config: Config, logs: Path | None = None) -> Part:
    """Return the web process, ready when it says so itself at /readyz."""
    return Part(
        "web",
        (*COMMAND, "web"),
        ready=ReadyUrl(f"{config.local_url}/readyz"),
        environment=settings(config),
        log=logs / "web.log" if logs else None,
    )


def worker(config: Config, number: int = 1, of: int = 1, logs: Path | None = None) -> Part:
    """Return a worker process, ready at its first beat; its lease ends at once when it dies."""
    name = "worker" if of == 1 else f"worker-{number}"

    async def bury(pid: int) -> None:
        from vaivem.engine import leases

        await leases.bury(_dsn(config), config.data_dir)

    return Part(
        name,
        (*COMMAND, "worker"),
        ready=ReadyBeat(),
        environment=settings(config),
        log=logs / f"{name}.log" if logs else None,
        on_exit=bury,
    )


def simulator(
    name: str,
    *,
    port: int,
    state: Path | None = None,
    options: tuple[str, ...] = (),
    logs: Path | None = None,
) -> Part:
    """Return a test account's process. Its JSON line is the supervisor's `first_line(name)`.

    A port other than 0 keeps its address over restarts.
    """
    kept = ("--state", str(state)) if state else ()
    return Part(
        name,
        (*COMMAND, "sandbox", "serve", name, "--port", str(port), *kept, *options),
        ready=ReadyLine(),
        log=logs / f"{name}.log" if logs else None,
    )


def settings(config: Config) -> dict[str, str]:
    """Return the environment that gives a child the settings that differ from what it would read itself."""
    given = {"VAIVEM_DATA_DIR": str(config.data_dir), "HOST": config.host, "PORT": str(config.port)}
    if config.public_url:
        given["VAIVEM_PUBLIC_URL"] = config.public_url
    return given


async def call(config: Config, *arguments: str) -> dict[str, Any]:
    """Run a `vaivem` command to its end and return what it reports; `PartError` says its problem."""
    environment: Mapping[str, str] = {
        **os.environ,
        **settings(config),
        leash.PARENT_VARIABLE: str(os.getpid()),
    }
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        "--json",
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, said = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.communicate()
        raise
    last = output.decode(errors="replace").strip().splitlines()[-1:]
    try:
        report: dict[str, Any] = json.loads(last[0])
    except (IndexError, ValueError) as error:
        raise PartError(
            f"`vaivem {' '.join(arguments)}` ended without a report.", detail=said.decode(errors="replace")
        ) from error
    if not report["ok"]:
        raise PartError(report["problem"], detail=said.decode(errors="replace").strip())
    return report


def _dsn(config: Config) -> str:
    """Return the database's address without starting anything: a hook may run while the database is away."""
    return config.database_url or EmbeddedServer(config.data_dir).dsn
