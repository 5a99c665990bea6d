"""The embedded server's life: started, shared, killed, taken over, stopped; nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from vaivem.postgres import EmbeddedServer, binaries
from vaivem.postgres.account import Account
from vaivem.postgres.errors import DiskFullError, FolderError, VersionError
from vaivem.postgres.folder import DataFolder
from vaivem.postgres.server import Answer, probe

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedServer]:
    """Yield a running server of its own."""
    with EmbeddedServer(data_dir) as running:
        yield running


def processes_in(data_dir: Path) -> list[int]:
    """Return the living processes that work in the folder's cluster."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd().startswith(str(data_dir)):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def wait_until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return when `true()`; fail the test if it stays false."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not become true in time"
        time.sleep(0.02)


# Everything is imported as root first: the interpreter itself may be in a folder that is closed to others.
BECOME_NOBODY = f"""
from vaivem.postgres.server import probe
probe("postgresql://nobody@127.0.0.1:1/nothing")
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
"""


def another(data_dir: Path, after: str = "sys.stdin.read()", *, first: str = "") -> subprocess.Popen[str]:
    """Start another process that joins the folder's server, says its postmaster, and goes on with `after`."""
    lines = (
        "import os, sys, time, signal",
        "from pathlib import Path",
        "from vaivem.postgres import EmbeddedServer",
        first,
        f"server = EmbeddedServer(Path({str(data_dir)!r}))",
        "server.start()",
        "print(server.postmaster_pid, flush=True)",
        after,
    )
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


def first_line(process: subprocess.Popen[str]) -> str:
    """Return what the process says first."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_start_join_and_stop(data_dir: Path) -> None:
    first, second = EmbeddedServer(data_dir), EmbeddedServer(data_dir)
    dsn = first.start()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table kept (id int)")
        shown = {
            name: connection.execute(f"show {name}").fetchone()
            for name in ("fsync", "synchronous_commit", "jit", "listen_addresses", "timezone")
        }
    assert shown == {
        "fsync": ("on",),
        "synchronous_commit": ("on",),
        "jit": ("off",),
        "listen_addresses": ("",),
        "timezone": ("UTC",),
    }
    pid = first.postmaster_pid
    assert second.start() == dsn
    assert second.postmaster_pid == pid
    assert first.leave() is False
    assert probe(dsn) is Answer.YES
    assert second.leave() is True
    assert probe(dsn) is Answer.NO
    assert processes_in(data_dir) == []
    with EmbeddedServer(data_dir) as again, psycopg.connect(again.dsn) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


def test_two_folders_are_independent(server: EmbeddedServer, data_dir: Path) -> None:
    other_folder = data_dir / "other"
    with EmbeddedServer(other_folder) as other:
        assert other.dsn != server.dsn
        assert other.postmaster_pid != server.postmaster_pid
    assert probe(server.dsn) is Answer.YES


def test_two_processes_share_and_the_last_one_stops(data_dir: Path) -> None:
    one = another(data_dir)
    two = another(data_dir)
    with one, two:
        assert first_line(one) == first_line(two) != "None"
        one.kill()
        one.wait()
        assert len(processes_in(data_dir)) > 1
        two.kill()
    assert EmbeddedServer(data_dir).stop_abandoned() is True
    assert processes_in(data_dir) == []


def test_after_its_starter_was_killed_the_next_one_takes_over(data_dir: Path) -> None:
    with another(data_dir, "os.kill(os.getpid(), signal.SIGKILL)") as starter:
        pid = int(first_line(starter))
    server = EmbeddedServer(data_dir)
    server.start()
    assert server.postmaster_pid == pid
    assert server.leave() is True
    assert processes_in(data_dir) == []


def test_a_killed_postmaster_is_started_again_with_its_data(server: EmbeddedServer, data_dir: Path) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("create table kept as select generate_series(1, 1000) as id")
        old = server.postmaster_pid
        assert old is not None
        os.kill(old, signal.SIGKILL)
    began = time.monotonic()
    server.revive()
    assert time.monotonic() - began < 30.0  # a busy machine; what is waited for in vain takes a minute
    assert server.postmaster_pid not in {old, None}
    with psycopg.connect(server.dsn) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (1000,)


def test_one_that_is_told_that_it_runs_joins_without_a_client(data_dir: Path) -> None:
    told = """
import sys
from pathlib import Path
from vaivem import postgres
print(postgres.join(Path(sys.argv[1]), runs=True), "psycopg" in sys.modules, flush=True)
sys.stdin.readline()
"""
    with EmbeddedServer(data_dir) as first:
        asked = subprocess.Popen(
            [sys.executable, "-c", told, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with asked:
            assert first_line(asked) == f"{first.dsn} False"
            assert first.leave() is False  # it counts as a user
            assert probe(first.dsn) is Answer.YES
            asked.communicate("\n")
    assert processes_in(data_dir) == []


def test_what_one_is_told_is_not_believed_of_a_dead_server(server: EmbeddedServer, data_dir: Path) -> None:
    old = server.postmaster_pid
    assert old is not None
    os.kill(old, signal.SIGKILL)
    second = EmbeddedServer(data_dir)
    assert probe(second.start(runs=True)) is Answer.YES
    assert second.postmaster_pid not in {old, None}
    assert second.leave() is False


def test_a_postmaster_that_is_a_zombie_is_not_believed(data_dir: Path) -> None:
    # Its parent stops at once, so that nobody collects the dead child: as in a container without an init.
    with another(data_dir, "os.kill(os.getpid(), signal.SIGSTOP)") as starter:
        pid = int(first_line(starter))
        wait_until(lambda: psutil.Process(starter.pid).status() == psutil.STATUS_STOPPED)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        server = EmbeddedServer(data_dir)
        server.start()
        assert server.postmaster_pid not in {pid, None}
        starter.kill()
        starter.wait()
    assert server.leave() is True


def test_orphans_of_a_killed_postmaster_are_waited_for(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            backend = connection.info.backend_pid
            os.kill(backend, signal.SIGSTOP)  # it cannot notice that its parent dies
            old = server.postmaster_pid
            assert old is not None
            os.kill(old, signal.SIGKILL)
            server.revive()
        assert not psutil.pid_exists(backend) or psutil.Process(backend).status() == psutil.STATUS_ZOMBIE
        assert probe(server.dsn) is Answer.YES


def test_a_stranger_with_the_dead_postmasters_number_is_in_nobodys_way(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        text = DataFolder(data_dir).postmaster_file.read_text()
    stale = text.splitlines()
    stale[0] = str(os.getpid())
    DataFolder(data_dir).postmaster_file.write_text("\n".join(stale) + "\n")
    began = time.monotonic()
    with EmbeddedServer(data_dir) as server:
        assert probe(server.dsn) is Answer.YES
    assert time.monotonic() - began < 30.0


def test_a_long_path_uses_a_port_with_a_password(data_dir: Path) -> None:
    deep = data_dir / ("a" * 60) / ("b" * 60)
    with EmbeddedServer(deep) as server:
        assert "@127.0.0.1:" in server.dsn
        assert probe(server.dsn) is Answer.YES
        password = (deep / "database.password").read_text().strip()
        assert probe(server.dsn.replace(password, "wrong")) is Answer.NO
        assert (deep / "database.password").stat().st_mode & 0o777 == 0o600
        with EmbeddedServer(deep) as second:
            assert second.dsn == server.dsn
    assert processes_in(data_dir) == []


def test_an_interrupted_first_start_begins_afresh(data_dir: Path) -> None:
    folder = DataFolder(data_dir)
    folder.prepare()
    (folder.area / "data.draft" / "base").mkdir(parents=True)
    with EmbeddedServer(data_dir) as server:
        assert probe(server.dsn) is Answer.YES
        assert not (folder.area / "data.draft").exists()


def test_nothing_is_written_outside_and_secrets_are_private(server: EmbeddedServer, data_dir: Path) -> None:
    assert sorted(place.name for place in data_dir.iterdir()) == [
        "database.password",
        "locks",
        "logs",
        "postgresql",
    ]
    assert (data_dir / "postgresql").stat().st_mode & 0o777 == 0o700
    assert (data_dir / "logs").stat().st_mode & 0o777 == 0o700


def test_another_majors_files_are_named(data_dir: Path) -> None:
    with EmbeddedServer(data_dir):
        pass
    (data_dir / "postgresql/data/PG_VERSION").write_text("17\n")
    with pytest.raises(VersionError, match="made by PostgreSQL 17"):
        EmbeddedServer(data_dir).start()


def test_a_full_disk_is_said_before_anything_is_made(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "shutil.disk_usage", lambda _: os.terminal_size((0, 0)) and type("", (), {"free": 7_000_000})
    )
    with pytest.raises(DiskFullError, match="is full: the database needs 200 MB and 6 MB are free"):
        EmbeddedServer(data_dir).start()
    assert not (data_dir / "postgresql/data").exists()


def test_a_file_in_the_folders_place_is_named(data_dir: Path) -> None:
    (data_dir / "file").write_text("")
    with pytest.raises(FolderError, match="cannot be used"):
        EmbeddedServer(data_dir / "file").start()


@as_root
def test_root_hands_the_database_to_an_ordinary_user(server: EmbeddedServer, data_dir: Path) -> None:
    assert server.postmaster_pid is not None
    assert psutil.Process(server.postmaster_pid).uids().real == NOBODY
    assert (data_dir / "postgresql/data").stat().st_uid == NOBODY


@as_root
def test_root_may_use_a_folder_that_only_root_could_enter(data_dir: Path) -> None:
    data_dir.chmod(0o700)
    with EmbeddedServer(data_dir) as server:
        assert probe(server.dsn) is Answer.YES
    assert data_dir.stat().st_mode & 0o777 == 0o711


@as_root
def test_programs_that_the_database_user_cannot_reach_are_copied(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a project under /root. The copy is another place, so asking about it must still be answered truly.
    original = binaries.installed().root
    can_run = Account.can_run
    monkeypatch.setattr(
        Account, "can_run", lambda self, program: original not in program.parents and can_run(self, program)
    )
    with EmbeddedServer(data_dir) as server:
        assert server.postmaster_pid is not None
        assert psutil.Process(server.postmaster_pid).exe().startswith(str(data_dir / "programs"))
    with EmbeddedServer(data_dir) as server:
        assert probe(server.dsn) is Answer.YES


@as_root
def test_root_is_told_which_folder_is_closed(data_dir: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(FolderError, match=f"'nobody', and this user cannot pass the folder {closed}\\."):
        EmbeddedServer(closed / "data").start()
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_an_ordinary_user_runs_it_and_root_goes_on_with_that_user(data_dir: Path) -> None:
    os.chown(data_dir, NOBODY, NOBODY)
    after = "print(server.leave(), flush=True)"
    with another(data_dir, after, first=BECOME_NOBODY) as process:
        assert int(first_line(process))
        assert first_line(process) == "True"
    assert process.returncode == 0
    with EmbeddedServer(data_dir, user=None) as server:
        assert probe(server.dsn) is Answer.YES
    assert processes_in(data_dir) == []


@as_root
def test_an_ordinary_user_is_told_that_the_folder_is_roots(data_dir: Path) -> None:
    with EmbeddedServer(data_dir):
        pass
    data_dir.chmod(0o755)
    with another(data_dir, first=BECOME_NOBODY) as process:
        _, said = process.communicate()
    assert "not writable for you" in said
