"""The command line, `vaivem`. One module per family of commands; reporting.py says how they answer."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence

import click

from vaivem import __version__, postgres
from vaivem.cli.reporting import Group, run
from vaivem.processes import leash

ORPHAN_LEAVE_SECONDS = 5.0

MODULES = {
    "alerts": "vaivem.cli.alerts",
    "api-token": "vaivem.cli.access",
    "backup": "vaivem.cli.database",
    "bench": "vaivem.cli.bench",
    "connector": "vaivem.cli.connector",
    "chaos": "vaivem.chaos.command",
    "chaos-reconnect": "vaivem.chaos.command",
    "chaos-seed": "vaivem.chaos.command",
    "demo": "vaivem.cli.demo",
    "demo-history": "vaivem.cli.demo",
    "demo-seed": "vaivem.cli.demo",
    "demo-trail": "vaivem.cli.demo",
    "doctor": "vaivem.cli.doctor",
    "key": "vaivem.cli.key",
    "login-link": "vaivem.cli.access",
    "migrate": "vaivem.cli.database",
    "owner-code": "vaivem.cli.access",
    "restore": "vaivem.cli.database",
    "rules": "vaivem.cli.rules",
    "sandbox": "vaivem.cli.sandbox",
    "second-factor-off": "vaivem.cli.access",
    "up": "vaivem.cli.run",
    "web": "vaivem.cli.run",
    "worker": "vaivem.cli.run",
}


@click.group(cls=Group, modules=MODULES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vaivem")
def cli() -> None:
    """Vaivém: what happens in one tool of your sales team becomes true in the others.

    Settings come from the environment: VAIVEM_DATA_DIR, DATABASE_URL, VAIVEM_PUBLIC_URL, HOST, PORT.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the entry point of the `vaivem` script."""
    leash.attach()
    code = run(cli, sys.argv[1:] if arguments is None else arguments)
    # Whoever asked us to end may ask again: the last user must not be cut off while it stops the database.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # A supervisor that was killed has threads, and its locks go with the last of them: after we were told.
    postgres.leave(ORPHAN_LEAVE_SECONDS if leash.orphaned() else 0.0)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # Threads of the HTTP client and the web server may abort an interpreter that winds down.
    os._exit(code)
