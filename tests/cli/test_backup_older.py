"""A backup into a PostgreSQL older than the tools: the operator's own server may be version 15 or 16."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from vaivem.postgres.account import choose
from vaivem.postgres.binaries import INSTALL_FOLDER, installed
from vaivem.postgres.dump import read_backup, write_backup

OLDER = installed().root.with_name(
    INSTALL_FOLDER.removesuffix("18")
)  # the package brings PostgreSQL 16 as well


@pytest.fixture
def older(data_dir: Path) -> Iterator[str]:
    """Yield the address of a server of an older version."""
    account = choose(data_dir / "none", None)
    area = data_dir / "older"
    area.mkdir()
    if account.switch:
        area.chmod(0o777)

    def run(program: str, *arguments: str) -> None:
        command = [str(OLDER / "bin" / program), *arguments]
        options = account.popen_options()
        quiet = subprocess.DEVNULL
        subprocess.run(command, check=True, cwd=area, stdout=quiet, stderr=quiet, timeout=60, **options)

    run(
        "initdb",
        f"--pgdata={area}/data",
        "--username=vaivem",
        "--encoding=UTF8",
        "--locale=C",
        "--auth=trust",
    )
    settings = f"-c listen_addresses= -c unix_socket_directories={area}"
    run("pg_ctl", "-D", f"{area}/data", "-w", "-l", f"{area}/log", "-o", settings, "start")
    try:
        yield f"postgresql://vaivem@/postgres?host={area}"
    finally:
        run("pg_ctl", "-D", f"{area}/data", "-w", "-m", "immediate", "stop")


def test_it_comes_back_into_an_older_server(older: str, data_dir: Path) -> None:
    lines = [f"line {number}\n" for number in range(200)]
    with psycopg.connect(older, autocommit=True) as connection:
        assert connection.info.server_version < 170000
        connection.execute("create table note (id serial primary key, text text)")
        connection.cursor().executemany("insert into note (text) values (%s)", [(line,) for line in lines])
        connection.execute("insert into note (text) values ('SET transaction_timeout = 0;')")
    write_backup(data_dir / "backup.tar", older, data_dir)
    read_backup(data_dir / "backup.tar", older, data_dir, replace=True)
    with psycopg.connect(older) as connection:
        rows = connection.execute("select text from note order by id").fetchall()
    assert [row[0] for row in rows] == [*lines, "SET transaction_timeout = 0;"]
