"""Workers that are certainly dead are buried at once, and nobody else is."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from vaivem.engine import leases, presence
from vaivem.engine.leases import Lease

from .conftest import House

HOLDS = (
    "import sys, time, pathlib; from vaivem.engine.presence import Presence;"
    " held = Presence(pathlib.Path(sys.argv[1])); print(held.mark, flush=True); time.sleep(60)"
)


@pytest.fixture
async def connection(house: House) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(house.dsn)
    yield made
    await made.close()


@pytest.fixture
async def lease(house: House, connection: asyncpg.Connection) -> AsyncIterator[Lease]:
    made = Lease(connection, house.folder)
    await made.register()
    yield made
    made.end()


def workers(house: House) -> set[int]:
    return {number for (number,) in house.rows("select id from worker")}


async def test_a_machine_with_the_same_name_and_number_buries_nobody(
    house: House,
    lease: Lease,
    connection: asyncpg.Connection,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two containers, each with the name that its file gives it, and the first process in it."""
    monkeypatch.setattr(presence, "machine", lambda: "another")
    other = Lease(connection, data_dir / "elsewhere")
    (data_dir / "elsewhere").mkdir()
    await other.register()
    assert len(set(house.rows("select host, pid from worker"))) == 1
    for one in (lease, other, lease, other):
        assert await one.beat() == 0
    assert workers(house) == {lease.worker, other.worker}
    other.end()


async def test_a_copied_folder_proves_nothing(
    house: House,
    lease: Lease,
    connection: asyncpg.Connection,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another machine was given a copy of the data folder, for its key: nobody locks the files in that."""
    shutil.copytree(house.folder / presence.FOLDER, data_dir / "copy" / presence.FOLDER)
    monkeypatch.setattr(presence, "machine", lambda: "another")
    other = Lease(connection, data_dir / "copy")
    await other.register()
    await other.beat()
    await leases.bury(house.dsn, data_dir / "copy")
    assert workers(house) == {lease.worker, other.worker}
    other.end()


def holder(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start a process that keeps a mark of its own in a folder; return both."""
    process = subprocess.Popen([sys.executable, "-c", HOLDS, str(folder)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    mark = process.stdout.readline().decode().strip()
    process.stdout.close()
    return process, mark


def lay(house: House, mark: str, pid: int, until: str) -> None:
    """Lay down a worker with one lane; `until` is when its lease ends, from now."""
    with house.db() as db:
        row = db.execute(
            "insert into worker (id, until, host, pid, mark)"
            " values (nextval('worker_seq'), now() + %s::interval, 'here', %s, %s) returning id",
            (until, pid, mark),
        ).fetchone()
        assert row is not None
        db.execute(
            "insert into lane (ws, key, rule, gate, tail, state, due, owner)"
            " values (1, 7, 1, 1, 1, 2, now(), %s)",
            row,
        )


async def test_a_process_that_stands_still_past_its_lease_is_killed_before_its_lanes_go_on(
    house: House, lease: Lease
) -> None:
    """It may have looked at its lease already: woken later, it would send what another has done meanwhile."""
    process, mark = holder(house.folder)
    process.send_signal(signal.SIGSTOP)
    lay(house, mark, process.pid, "-1 second")
    assert await lease.beat() == 0  # what it handed to the network may still arrive
    assert process.poll() is None
    lay_back = "update worker set until = now() - interval '10 seconds' where mark = %s"
    with house.db() as db:
        db.execute(lay_back, (mark,))
    assert await lease.beat() == 1
    assert process.wait(5) == -signal.SIGKILL
    assert workers(house) == {lease.worker}


async def test_a_number_alone_gets_nobody_killed(house: House, lease: Lease) -> None:
    """In another container the worker's number is another process's, or it was given to one since."""
    process, mark = holder(house.folder)
    bystander, _ = holder(house.folder)
    lay(house, mark, bystander.pid, "-10 seconds")
    await lease.beat()
    assert workers(house) == {lease.worker}
    assert process.poll() is None
    assert bystander.poll() is None
    for one in (process, bystander):
        one.kill()
        one.wait()


async def test_a_killed_process_is_buried_before_anybody_waited_for_it(house: House, lease: Lease) -> None:
    process, mark = holder(house.folder)
    lay(house, mark, process.pid, "1 hour")
    assert await lease.beat() == 0
    process.kill()
    await house.until(lambda: Path(f"/proc/{process.pid}/stat").read_text().split()[2] == "Z")
    assert await lease.beat() == 1
    assert workers(house) == {lease.worker}
    assert len(list((house.folder / presence.FOLDER).iterdir())) == 1
    process.wait()


async def test_an_incarnation_that_lost_its_database_is_buried_by_the_next(
    house: House, lease: Lease, connection: asyncpg.Connection
) -> None:
    """Though its process lives. What it did not give back goes on at once."""
    after = Lease(connection, house.folder)
    await after.register()
    await after.beat()
    assert workers(house) == {lease.worker, after.worker}
    lease.end()
    await after.beat()
    assert workers(house) == {after.worker}
    after.end()


async def test_a_supervisor_buries_the_dead_and_no_others(
    house: House, lease: Lease, connection: asyncpg.Connection
) -> None:
    dead = Lease(connection, house.folder)
    await dead.register()
    dead.end()
    await leases.bury(house.dsn, house.folder)
    assert workers(house) == {lease.worker}


async def test_who_stops_in_order_leaves_nothing(house: House, lease: Lease) -> None:
    await lease.leave()
    lease.end()
    assert workers(house) == set()
    assert list((house.folder / presence.FOLDER).iterdir()) == []


async def test_where_no_file_can_be_kept_the_lease_alone_tells(
    house: House, connection: asyncpg.Connection, data_dir: Path
) -> None:
    (data_dir / presence.FOLDER).write_text("in the way")
    made = Lease(connection, data_dir)
    await made.register()
    await made.beat()
    assert house.rows("select mark from worker") == [("",)]
    made.end()
