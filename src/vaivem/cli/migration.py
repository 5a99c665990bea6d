"""Bringing the database's tables to this version: Django's migrations, one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

SETTINGS_MODULE = "vaivem.hub.settings"
LOCK_KEY = 0x7661697665  # "vaive"; an advisory lock that only migrations take
OLDEST_VERSION = 150000
APART_SECONDS = 300.0


class MigrationError(Exception):
    """The tables could not be brought to this version; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was done: the names of the migrations applied, in order."""

    applied: tuple[str, ...]


def migrate(dsn: str) -> Migrated:
    """Apply what is missing. Others that migrate at the same time wait here and then find nothing to do."""
    use_django(dsn)
    import psycopg
    from django.core.management import call_command

    with psycopg.connect(dsn, autocommit=True) as lock:
        if lock.info.server_version < OLDEST_VERSION:
            raise MigrationError("Vaivém needs PostgreSQL 15 or newer; this server is older.")
        lock.execute("select pg_advisory_lock(%s)", (LOCK_KEY,))
        missing = pending()
        if missing:
            call_command("migrate", verbosity=0, interactive=False)
    return Migrated(missing)


def pending() -> tuple[str, ...]:
    """Return the names of the migrations that the database lacks, in the order of their application."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return tuple(f"{migration.app_label}.{migration.name}" for migration, _ in plan)


def use_django(dsn: str) -> None:
    """Make Django ready in this process, on this database."""
    os.environ["VAIVEM_DSN"] = dsn
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS_MODULE)
    import django

    django.setup()


def migrate_apart(dsn: str) -> None:
    """Migrate in a process of its own, for callers whose Django stands on another database."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "vaivem.cli.migration"],
        env=environment | {"VAIVEM_DSN": dsn},
        check=False,
        capture_output=True,
        text=True,
        timeout=APART_SECONDS,
    )
    if done.returncode != 0:
        raise MigrationError(f"The tables could not be made: {done.stderr.strip()}")


if __name__ == "__main__":
    migrate(os.environ["VAIVEM_DSN"])
