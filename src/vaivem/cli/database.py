"""Commands for the database: migrate, backup, restore."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from vaivem.cli.migration import migrate as migrate_tables
from vaivem.cli.migration import pending, use_django
from vaivem.cli.reporting import CommandError, Group, Outcome, say
from vaivem.config import Config
from vaivem.processes.occupancy import OccupiedError, sole_user


def on_database(config: Config) -> str:
    """Return the database's address, joining or starting the embedded one; children inherit the address."""
    if config.embedded:
        # Also with an address from our supervisor: whoever uses the server counts as its user, so that the
        # last one stops it even if the supervisor was killed.
        from vaivem import postgres

        runs = config.inherited_dsn is not None
        dsn = postgres.join(config.data_dir, config.database_user, say=say, runs=runs)
    else:
        dsn = config.dsn
    os.environ["VAIVEM_DSN"] = dsn
    return dsn


def on_tables(config: Config) -> str:
    """Return the database's address with Django ready on it; tables of another version are an error."""
    dsn = on_database(config)
    use_django(dsn)
    if pending():
        raise CommandError("The database's tables are not at this version: run `vaivem migrate` first.")
    return dsn


@click.command(cls=Group.command_class)
def migrate() -> Outcome:
    """Bring the database's tables to this version."""
    done = migrate_tables(on_database(Config.from_environment()))
    text = f"{len(done.applied)} changes made." if done.applied else "Nothing to do."
    return Outcome(text, {"applied": list(done.applied)})


@click.command(cls=Group.command_class)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> Outcome:
    """Write the database and the key into FILE. It may be made while Vaivém runs."""
    from vaivem.postgres.dump import write_backup

    config = Config.from_environment()
    made = write_backup(file, on_database(config), config.data_dir)
    text = (
        f"Written to {file} ({made.bytes:,} bytes). It holds the key that opens all stored credentials: "
        "keep it as you keep passwords. Only you can read it."
    )
    return Outcome(text, {"file": str(file), "bytes": made.bytes, "version": made.version})


@click.command(cls=Group.command_class)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Throw away what the database and the key file hold now.")
def restore(file: Path, *, replace: bool) -> Outcome:
    """Put the database and the key from FILE back. Vaivém must be stopped."""
    from vaivem.postgres.dump import read_backup

    config = Config.from_environment()
    with _stopped(config):
        done = read_backup(file, on_database(config), config.data_dir, replace=replace)
    text = f"Restored what was saved at {done.made}. Start Vaivém; it brings the tables to this version."
    return Outcome(text, {"made": done.made, "version": done.version})


@contextmanager
def _stopped(config: Config) -> Iterator[None]:
    try:
        with sole_user(config.data_dir, "restore"):
            yield
    except OccupiedError as error:
        raise CommandError(f"Stop Vaivém before restoring. {error}") from error
