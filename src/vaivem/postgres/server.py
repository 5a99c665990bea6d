"""The embedded PostgreSQL: one server per data folder, shared by every process that uses the folder.

Three locks carry its life (`folder.py`). Each user of the server holds the first one shared; the last to
leave gets it alone and stops the server. One process at a time starts or repairs it. And PostgreSQL inherits
the third with all its children, so that only a free lock means that the old server is gone. Neither
`postmaster.pid` nor the process table says so: a dead first process may stay a zombie, and its children
outlive it for a while. That it runs is believed only from an answer to `select 1`; those whom a supervisor
tells so ask it no more than whether it takes connections.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import TracebackType

import psutil

from vaivem.postgres import cluster
from vaivem.postgres.account import Account, choose
from vaivem.postgres.address import (
    DATABASE,
    MAINTENANCE_DATABASE,
    fits_socket,
    socket_dsn,
    tcp_dsn,
    with_database,
)
from vaivem.postgres.binaries import Binaries, installed, reachable_by
from vaivem.postgres.errors import DiskFullError, PortTakenError, StartError
from vaivem.postgres.flocks import FileLock
from vaivem.postgres.folder import DataFolder

JOIN_SECONDS = 60.0  # how long another process may take to stop the server that we want to use
START_LOCK_SECONDS = 180.0  # how long another process may take to make, start or repair it
ANSWER_SECONDS = 120.0  # recovery after a crash replays up to max_wal_size
ORPHAN_SECONDS = 4.0  # children of a dead server leave by themselves within a moment; then they are killed
FAST_STOP_SECONDS = 30.0
PORT_TRIES = 5
POLL_SECONDS = 0.02

Say = Callable[[str], None]


# Servers that this process started. A server outlives the object that started it when others use it, and as
# long as this process lives it must collect a dead child, or that stays a zombie.
_children: list[subprocess.Popen[bytes]] = []


class Answer(Enum):
    """What a try to connect found."""

    YES = "yes"
    BUSY = "busy"  # it is there, and starting, stopping, recovering or serving too many
    FULL = "full"  # it is there and can do nothing: its disk is full
    NO = "no"


DISK_FULL_WORDS = "No space left on device"
_BUSY_WORDS = ("starting up", "shutting down", "recovery mode", "not yet accepting", "too many", "slots are")


class EmbeddedServer:
    """The server of one data folder. `start` joins or starts it, `leave` gives it up; the last one stops it.

    Methods block; call them from a thread in asyncio code. `say` is told about steps that take time.
    """

    def __init__(self, data_dir: Path, *, user: str | None = None, say: Say | None = None) -> None:
        self.folder = DataFolder(data_dir.absolute())
        self._wanted_user = user
        self._say = say or (lambda _: None)
        self._users = FileLock(self.folder.locks / "users")
        self._pid = os.getpid()

    def start(self, *, runs: bool = False) -> str:
        """Join the running server or start one, and return its address.

        `runs`: whoever started us has just started the server, so that its own word is enough.
        """
        self.folder.prepare()
        if not self._users.held and not self._users.shared(JOIN_SECONDS):
            raise StartError("Another process has been stopping this folder's database for a minute.")
        try:
            return self.dsn if runs and self._accepts() else self.revive()
        except BaseException:
            self.leave()
            raise

    def revive(self) -> str:
        """Start the server again if it does not answer; return its address. We must be among its users."""
        with FileLock(self.folder.locks / "start") as turn:
            if not turn.exclusive(START_LOCK_SECONDS):
                raise StartError(
                    "Another process has been starting this folder's database for three minutes."
                )
            if self._answer() is not Answer.YES:
                self._bring_up()
            self._make_database()
        return self.dsn

    def leave(self, patience_seconds: float = 0.0) -> bool:
        """Stop using the server; True if we were the last and it was stopped.

        `patience_seconds` is for one who has just ended the other users: a killed process gives its locks
        back a moment later.
        """
        if not self._users.held or os.getpid() != self._pid:
            return False
        if not self._users.exclusive(patience_seconds):
            return False
        try:
            return self._stop()
        finally:
            self._users.release()

    def stop_abandoned(self) -> bool:
        """Stop the server if nobody uses it (its users were killed); False if somebody does."""
        self.folder.prepare()
        return self._users.shared(0.0) and self.leave()

    @property
    def dsn(self) -> str:
        """The address of Vaivém's database on the server as it runs now."""
        if fits_socket(self.folder.sockets):
            return socket_dsn(self.folder.sockets)
        running = cluster.read_postmaster(self.folder)
        return tcp_dsn(running.port if running else 0, self.folder.password())

    @property
    def postmaster_pid(self) -> int | None:
        """The first process of the server, if it lives."""
        running = cluster.read_postmaster(self.folder)
        return running.pid if running and self._is_ours(running.pid) else None

    def __enter__(self) -> EmbeddedServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def _accepts(self) -> bool:
        """Whether the server says that it takes connections: without the client that asks it for more."""
        running = cluster.read_postmaster(self.folder)
        if running is None:
            return False
        place = str(self.folder.sockets) if fits_socket(self.folder.sockets) else "127.0.0.1"
        ask = [str(installed().program("pg_isready")), "-q", "-t", "3", "-h", place, "-p", str(running.port)]
        return subprocess.run(ask, check=False, stdin=subprocess.DEVNULL).returncode == 0

    def _answer(self) -> Answer:
        answer = probe(with_database(self.dsn, MAINTENANCE_DATABASE))
        if answer is Answer.FULL:
            raise DiskFullError(f"The disk that holds {self.folder.root} is full: free some room.")
        return answer

    def _bring_up(self) -> None:
        account = choose(self.folder.cluster, self._wanted_user)
        with FileLock(self.folder.locks / "server") as alone:
            if not self._await_end(alone):
                return  # it came back by itself
            self.folder.hand_over(account)
            self.folder.check_space()
            binaries = reachable_by(account, self.folder.root / "programs")
            if not self.folder.made:
                self._say("Making the database (first start)")
                cluster.make(self.folder, account, binaries)
            cluster.check_version(self.folder)
            # The lock says that nobody is left, so the notes of a dead server are only in the way: PostgreSQL
            # itself would refuse to start while their number is a zombie's or another program's.
            for note in (self.folder.postmaster_file, *self.folder.sockets.iterdir()):
                note.unlink(missing_ok=True)
            for tries_left in reversed(range(PORT_TRIES)):
                try:
                    self._launch(account, binaries, alone)
                except PortTakenError:
                    if not tries_left or fits_socket(self.folder.sockets):
                        raise
                else:
                    return

    def _launch(self, account: Account, binaries: Binaries, alone: FileLock) -> None:
        in_folder = fits_socket(self.folder.sockets)
        listening = cluster.Listening(
            self.folder.sockets if in_folder else None, 0 if in_folder else free_port()
        )
        offset = self.folder.log.stat().st_size if self.folder.log.exists() else 0
        child = cluster.start(self.folder, account, binaries, listening, alone.fileno())
        _children.append(child)
        until = time.monotonic() + ANSWER_SECONDS
        try:
            while time.monotonic() < until:
                if child.poll() is not None:
                    said = self.folder.log_since(offset)
                    raise cluster.explain(said, self.folder, "The database did not start.")
                if self.folder.postmaster_file.exists() and self._answer() is Answer.YES:
                    return
                time.sleep(POLL_SECONDS)
            raise StartError(f"The database did not answer within {ANSWER_SECONDS:.0f} seconds of its start.")
        except BaseException:
            child.send_signal(
                signal.SIGQUIT
            )  # also when we are interrupted: it is not half-started for others
            raise

    def _await_end(self, alone: FileLock) -> bool:
        """Wait until the old server answers (False) or is gone with all its children (True, lock held)."""
        until = time.monotonic() + ANSWER_SECONDS
        orphans_since: float | None = None
        while time.monotonic() < until:
            reap()
            if alone.exclusive():
                return True
            if self.postmaster_pid is not None:
                orphans_since = None
                if self._answer() is Answer.YES:
                    return False
            else:
                now = time.monotonic()
                orphans_since = orphans_since or now
                if now - orphans_since > ORPHAN_SECONDS:
                    self._kill_orphans()
            time.sleep(POLL_SECONDS)
        raise StartError(
            f"An old database process of {self.folder.root} neither answers nor ends. If another machine or "
            "container uses this folder, stop it there."
        )

    def _make_database(self) -> None:
        import psycopg  # 10 MB that most processes of an installation never need

        with psycopg.connect(with_database(self.dsn, MAINTENANCE_DATABASE), autocommit=True) as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone()
            if not found:
                connection.execute(f"create database {DATABASE}")

    def _stop(self) -> bool:
        with FileLock(self.folder.locks / "server") as gone:
            for number, patience in (
                (signal.SIGINT, FAST_STOP_SECONDS),
                (signal.SIGQUIT, 5.0),
                (signal.SIGKILL, 5.0),
            ):
                pid = self.postmaster_pid
                if pid is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
                if gone.exclusive(patience):
                    break
                if number is not signal.SIGINT:
                    self._kill_orphans()
            stopped = gone.held
        reap()
        if not stopped:
            raise StartError(f"The database in {self.folder.root} did not stop.")
        return True

    def _kill_orphans(self) -> None:
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def _processes(self) -> Iterator[psutil.Process]:
        """Yield the living processes of this folder's server: each works in the cluster's folder."""
        for process in psutil.process_iter():
            if self._is_ours(process.pid):
                yield process

    def _is_ours(self, pid: int) -> bool:
        """Whether a living process (no zombie, no stranger that got the number) works in our cluster."""
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE or "postgres" not in process.name():
                return False
            return Path(process.cwd()) == self.folder.cluster.resolve()
        except (psutil.Error, OSError):
            return False


def reap() -> None:
    """Collect our dead children, so that we leave no zombie of our own."""
    _children[:] = [child for child in _children if child.poll() is None]


def probe(dsn: str, timeout_seconds: int = 3) -> Answer:
    """Ask `select 1`."""
    import psycopg

    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=timeout_seconds) as connection:
            connection.execute("select 1")
    except psycopg.OperationalError as error:
        said = str(error)
        if DISK_FULL_WORDS in said:
            return Answer.FULL
        return Answer.BUSY if any(words in said for words in _BUSY_WORDS) else Answer.NO
    return Answer.YES


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe_socket:
        probe_socket.bind((host, 0))
        port: int = probe_socket.getsockname()[1]
        return port
