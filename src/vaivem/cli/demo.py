"""The demo: Vaivém with test accounts, recipes on and a few days of history; and its check."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from vaivem.cli import parts
from vaivem.cli.database import on_tables
from vaivem.cli.demo_check import check_main_job
from vaivem.cli.reporting import Command, CommandError, Outcome, say
from vaivem.cli.run import Steps, with_port
from vaivem.config import Config
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.postgres.server import free_port
from vaivem.processes.occupancy import check_port, sole_user
from vaivem.processes.parts import Step
from vaivem.processes.supervisor import Startable, Supervisor
from vaivem.simulators.serve import names
from vaivem.simulators.stories import Served, stories

PORTS_FILE = "demo-ports.json"
TEST_LIMITS = "60000/60"
TEST_RETRIES = "1,2,5,15,60"


@click.command(cls=Command)
@click.option("--check", is_flag=True, help="Do the main job once without a browser, print its trail, end.")
def demo(*, check: bool) -> Outcome:
    """Run Vaivém with test accounts until Ctrl-C: nothing to sign up for, nothing real is touched."""
    config = Config.from_environment()
    return _check(config) if check else _demo(with_port(config))


def _demo(config: Config) -> Outcome:
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with sole_user(config.data_dir, config.local_url, config.local_url):
        check_port(config.host, config.port)
        say(f"Starting the demo in {config.data_dir}")
        installation = DemoInstallation(config, accounts=connectable_accounts())
        asyncio.run(installation.supervisor.run(on_ready=installation.welcome))
    return Outcome("Stopped. `make demo` goes on where this ended.", {"url": config.local_url})


def _check(config: Config) -> Outcome:
    """Use a folder of its own below the data folder, which is gone afterwards."""
    config.data_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="check-", dir=config.data_dir))
    folder.chmod(0o755)  # the database's user passes through it when we are root
    inner = replace(config, data_dir=folder, port=free_port("127.0.0.1"), host="127.0.0.1", database_url=None)
    inner = replace(inner, inherited_dsn=None, public_url=None)
    try:
        return asyncio.run(_checked(inner))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _checked(config: Config) -> Outcome:
    installation = DemoInstallation(config)
    async with installation.supervisor:
        return await check_main_job(config, installation.served())


class DemoInstallation:
    """The parts of a demo: those of any installation, the test accounts, and the seed between them."""

    def __init__(
        self,
        config: Config,
        *,
        limits: str = TEST_LIMITS,
        retries: str = TEST_RETRIES,
        accounts: Sequence[str] | None = None,
    ) -> None:
        """Prepare a demo with these test accounts; without a choice, those between which a story goes."""
        self.config = config
        self._options = ("--limits", limits, "--retries", retries)
        self._logs = config.data_dir / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._ports = _ports(config.data_dir, accounts or sorted({**stories("act"), **stories("holds")}))
        self._seeded: Mapping[str, Any] = {}
        os.environ["VAIVEM_TEST_ACCOUNTS"] = ",".join(
            f"{name}=http://127.0.0.1:{port}" for name, port in self._ports.items()
        )
        os.environ["VAIVEM_SMTP_URL"] = "outbox:"  # letters are shown on a page, and sent to nobody
        os.environ.pop("VAIVEM_PUBLIC_URL", None)
        os.environ.pop("DATABASE_URL", None)
        self.supervisor = Supervisor(self._parts(), Steps())

    def _parts(self) -> list[Startable | tuple[Startable, ...]]:
        accounts = tuple(
            parts.simulator(
                name,
                port=port,
                state=self.config.data_dir / f"test-account-{name}.json",
                options=self._options,
                logs=self._logs,
            )
            for name, port in self._ports.items()
        )
        begin: list[Startable | tuple[Startable, ...]] = [
            *parts.database(self.config),
            (parts.tables(self.config), *accounts),
            Step("workspace", self._seed),
        ]
        return [*begin, (parts.web(self.config, self._logs), parts.worker(self.config, logs=self._logs))]

    def served(self) -> list[Served]:
        """Return the test accounts, as they said they are served."""
        return [Served.from_line(line) for line in self._lines()]

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(self.supervisor.first_line(name) or "{}") for name in self._ports]

    async def _seed(self) -> None:
        arguments = [json.dumps(line) for line in self._lines()]
        self._seeded = await parts.call(self.config, "demo-seed", *arguments)

    async def welcome(self) -> None:
        """Make some history the first time, then say where to look."""
        if self._seeded.get("fresh"):
            say("  Making a few days of history: documents are signed in the test account, deals appear")
            begun = time.monotonic()
            await parts.call(self.config, "demo-history", *(json.dumps(line) for line in self._lines()))
            Steps().ready("history", time.monotonic() - begun)
        link = (await parts.call(self.config, "login-link"))["url"]
        say("")
        say(f"  Vaivém answers at   {self.config.local_url}")
        for account in self.served():
            say(f"  Test account        {account.base_url}  ({account.name})")
        say(f"  Sign in with        {link}")
        say("")
        say("  The link works once, within 15 minutes; `vaivem login-link` makes another. Ctrl-C stops.")


def connectable_accounts() -> list[str]:
    """Return the names of all test accounts that a connector says how to connect."""
    known = set(connector_keys())
    return [name for name in names() if name in known and get_connector(name).manifest.test_account]


def _ports(folder: Path, accounts: Sequence[str]) -> dict[str, int]:
    """Return the test accounts' ports: the same at every start, unless somebody else has taken one."""
    kept = folder / PORTS_FILE
    known: dict[str, int] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    ports = {name: _free(known.get(name)) for name in accounts}
    kept.write_text(json.dumps({**known, **ports}), "utf-8")
    return ports


def _free(wanted: int | None) -> int:
    if wanted is not None:
        try:
            check_port("127.0.0.1", wanted)
        except OSError:
            return free_port("127.0.0.1")
        except Exception as error:
            raise CommandError(str(error)) from error
        return wanted
    return free_port("127.0.0.1")


@click.command("demo-seed", cls=Command, hidden=True)
@click.argument("lines", nargs=-1)
def demo_seed(lines: tuple[str, ...]) -> Outcome:
    """Put the demo's workspace right. LINES are what the test accounts print."""
    on_tables(Config.from_environment())
    from vaivem.hub.demo.seeding import seed

    return Outcome("", seed([json.loads(line) for line in lines]))


@click.command("demo-history", cls=Command, hidden=True)
@click.argument("lines", nargs=-1)
def demo_history(lines: tuple[str, ...]) -> Outcome:
    """Let a few days of history happen at the test accounts. LINES are what they print."""
    on_tables(Config.from_environment())
    from vaivem.cli.demo_history import make_history

    asyncio.run(make_history([Served.from_line(json.loads(line)) for line in lines]))
    return Outcome("")


@click.command("demo-trail", cls=Command, hidden=True)
@click.argument("record")
def demo_trail(record: str) -> Outcome:
    """Tell what became of a source record."""
    on_tables(Config.from_environment())
    from vaivem.hub.demo.trail import read_trail

    return Outcome("", read_trail(record))
