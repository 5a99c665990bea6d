"""Commands that run Vaivém: everything at once (`up`), or one process (`web`, `worker`)."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import click

from vaivem import logs
from vaivem.cli import parts
from vaivem.cli.database import on_database
from vaivem.cli.reporting import Command, CommandError, Outcome, say
from vaivem.config import Config
from vaivem.postgres.server import free_port
from vaivem.processes import leash
from vaivem.processes.allocators import tune_allocators
from vaivem.processes.collector import tune_collector
from vaivem.processes.occupancy import check_port, sole_user
from vaivem.processes.parts import PartError
from vaivem.processes.supervisor import Supervisor

APPLICATION = "vaivem.hub.asgi:application"
WEB_STOP_SECONDS = 10


class Steps:
    """Progress in words, on stderr."""

    def starting(self, part: str) -> None:
        """Say nothing: a part that is ready says enough."""

    def ready(self, part: str, seconds: float) -> None:
        """Say that a part is ready."""
        say(f"  {click.style('ready', fg='green')}  {part}  ({seconds:.1f} s)")

    def note(self, part: str, text: str) -> None:
        """Say what happened to a part."""
        say(f"  {click.style(part, fg='yellow')}  {text}")


@click.command(cls=Command)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 32), help="Worker processes.")
def up(workers: int) -> Outcome:
    """Run all of Vaivém until Ctrl-C: database, tables, web, workers."""
    config = with_port(Config.from_environment())
    address = config.public_url or config.local_url

    async def tell() -> None:
        say(f"Vaivém answers at {address}. Ctrl-C stops it.")
        code = (await parts.call(config, "owner-code")).get("code")
        if code:
            say(f"The first visitor becomes the owner, with this code: {code}")

    with sole_user(config.data_dir, address, config.local_url):
        check_port(config.host, config.port)
        say(f"Starting Vaivém in {config.data_dir}")
        asyncio.run(Supervisor(parts.installation(config, workers=workers), Steps()).run(on_ready=tell))
    return Outcome("Stopped.", {"url": address})


@click.command(cls=Command)
def web() -> Outcome:
    """Run one web process: pages, API and the addresses that vendors call."""
    tune_allocators()
    config = with_port(Config.from_environment())
    check_port(config.host, config.port)
    _check_traces()
    on_database(config)
    os.environ[logs.WEB_VARIABLE] = "1"  # the server's child process loads Django, as commands do
    from granian import Granian
    from granian.constants import Interfaces, Loops
    from granian.log import LogLevels

    server = Granian(
        APPLICATION,
        address=config.host,
        port=config.port,
        interface=Interfaces.ASGI,
        workers=1,
        loop=Loops.uvloop,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=WEB_STOP_SECONDS,
        log_level=LogLevels.warning,
        log_dictconfig=logs.server_settings(config.log_form),
    )
    tune_collector()  # before the fork: a look for cycles copies what both processes could share
    server.serve(target_loader=_load_on_leash)
    return Outcome("Stopped.", {"url": config.local_url})


@click.command(cls=Command)
def worker() -> Outcome:
    """Run one worker process: it carries out runs and chores."""
    tune_allocators()
    config = Config.from_environment()
    logs.to_stderr("worker", config.log_form, config.log_level)
    _check_traces()
    on_database(config)
    from vaivem.engine.worker import main

    errands = {"alerts": partial(_alerts, config)} if config.smtp_url else {}
    code = main(replace(config, inherited_dsn=os.environ["VAIVEM_DSN"]), errands)
    if code:
        raise CommandError(f"The worker ended with code {code}.")
    return Outcome("Stopped.")


def _check_traces() -> None:
    from vaivem.engine import traces

    traces.check(os.environ)


async def _alerts(config: Config) -> None:
    """Tell members what needs them, in a process of its own: it needs Django, and the worker does not."""
    try:
        await parts.call(config, "alerts")
    except PartError as error:
        logging.getLogger(__name__).warning("Alerts: %s %s", error, error.detail[-500:])


def with_port(config: Config) -> Config:
    """Return the settings with a free port in place of port 0."""
    return config if config.port else replace(config, port=free_port(config.host))


def _load_on_leash(target: str) -> Callable[..., Any]:
    """Load the web application in the server's child process, which must not outlive its parent either."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # The parent's handlers came along with the fork and would swallow a signal that comes while we load.
        signal.signal(number, signal.SIG_DFL)
    leash.attach_to(os.getppid())
    module, _, name = target.partition(":")
    application: Callable[..., Any] = getattr(import_module(module), name)
    return application
