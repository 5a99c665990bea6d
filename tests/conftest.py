"""What all tests share: one embedded PostgreSQL for the whole run, and a fresh database for each test.

`database` is cloned from a migrated template (tens of milliseconds); `database_empty` has no tables. With
pytest-xdist all its processes share one server in one folder, and the last to end removes it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.place import PLACE, data_folder
from vaivem.postgres import EmbeddedServer, cluster
from vaivem.postgres.address import MAINTENANCE_DATABASE, with_database

TEMPLATE = "vaivem_template"
FOLDER_PREFIX = "vaivem-test-"
ABANDONED_SECONDS = 600.0


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Return the address of the run's server (its maintenance database)."""
    _sweep()
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(8)
    folder = PLACE / (FOLDER_PREFIX + run)
    server = EmbeddedServer(folder)
    try:
        with pytest.MonkeyPatch.context() as patch:
            # This server sees no power cut: hundreds of databases come and go, and the disk need not have
            # each of them. Tests of crashes start servers of their own, with our settings.
            patch.setitem(cluster.SETTINGS, "fsync", "off")
            address = with_database(server.start(), MAINTENANCE_DATABASE)
        yield address
    finally:
        if server.leave():
            shutil.rmtree(folder)


@pytest.fixture(scope="session")
def database_template(postgres_server: str) -> str:
    """Return the name of the migrated database that `database` clones."""
    from vaivem.cli.migration import migrate_apart

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        # Of several test processes one makes it, and the others wait for it here.
        connection.execute("select pg_advisory_lock(8213)")
        found = connection.execute("select 1 from pg_database where datname = %s", (TEMPLATE,)).fetchone()
        if not found:
            draft = f"draft_{secrets.token_hex(6)}"
            connection.execute(f"create database {draft}")
            migrate_apart(with_database(postgres_server, draft))
            connection.execute(f"alter database {draft} rename to {TEMPLATE}")
    return TEMPLATE


@pytest.fixture(scope="session")
def migrated_folder() -> Iterator[Path]:
    """Return a data folder whose database has all tables and is not running, to be copied.

    A whole installation on a copy is ready several seconds earlier than on an empty folder.
    """
    from vaivem.cli.migration import migrate_apart

    with data_folder("vaivem-ready-") as made:
        server = EmbeddedServer(made)
        migrate_apart(server.start())
        assert server.leave()
        yield made


@pytest.fixture
def database(postgres_server: str, database_template: str) -> Iterator[str]:
    """Return the address of a fresh database with all tables."""
    yield from _fresh(postgres_server, database_template)


@pytest.fixture
def database_empty(postgres_server: str) -> Iterator[str]:
    """Return the address of a fresh database without tables."""
    yield from _fresh(postgres_server, "template1")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return an empty data folder that the database's user can reach, also when the tests run as root."""
    with data_folder("vaivem-data-") as folder:
        yield folder


def _fresh(server: str, template: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} template {template}")
    try:
        yield with_database(server, name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")


def _sweep() -> None:
    """Remove what runs that were killed left behind."""
    for folder in PLACE.glob(f"{FOLDER_PREFIX}*"):
        if time.time() - folder.stat().st_mtime > ABANDONED_SECONDS and folder.stat().st_uid == os.geteuid():
            server = EmbeddedServer(folder)
            if server.stop_abandoned():
                shutil.rmtree(folder, ignore_errors=True)  # other test processes sweep at the same time
