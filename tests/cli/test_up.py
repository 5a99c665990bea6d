"""`vaivem up`: all starts and says so, refuses a second copy, survives kills, and leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from vaivem.postgres import EmbeddedServer
from vaivem.postgres.server import free_port

pytestmark = pytest.mark.timeout(120)


class Up:
    """A running `vaivem up`."""

    def __init__(self, process: subprocess.Popen[str], data_dir: Path, port: int) -> None:
        self.process = process
        self.data_dir = data_dir
        self.port = port

    def get(self, path: str) -> int:
        """Return the status of a page, or 0."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def child(self, word: str) -> int:
        """Return the number of the child that runs a command."""
        for child in psutil.Process(self.process.pid).children():
            try:
                if child.cmdline()[-1:] == [word]:
                    return child.pid
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue  # it died between being listed and being asked
        return 0

    def family(self) -> list[int]:
        """Return the numbers of all its processes, the database's too."""
        process = psutil.Process(self.process.pid)
        return [process.pid, *(child.pid for child in process.children(recursive=True))]


@contextmanager
def up(data_dir: Path) -> Iterator[Up]:
    """Run `vaivem up --json` until the block ends, and kill what is left then."""
    port = free_port()
    with (data_dir / "up.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "vaivem.cli", "up", "--json"],
            env=environ(data_dir, port),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    running = Up(process, data_dir, port)
    try:
        until(lambda: process.poll() is not None or bool(running.child("worker")), 60)
        until(lambda: process.poll() is not None or "Ctrl-C stops it" in said(data_dir), 60)
        assert process.poll() is None, said(data_dir)
        yield running
    finally:
        process.kill()
        process.communicate()


def environ(data_dir: Path, port: int) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "VAIVEM_DATA_DIR": str(data_dir), "PORT": str(port)}


def said(data_dir: Path) -> str:
    return (data_dir / "up.log").read_text()


def until(true: Callable[[], bool], seconds: float = 45.0) -> None:
    """Return when `true()`; fail the test if it stays false."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.05)


def alive(pids: list[int]) -> list[str]:
    """Return the command lines of those processes that live (a zombie is dead)."""
    found = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{pid} {' '.join(process.cmdline())}")
        except psutil.NoSuchProcess:
            continue
    return found


def gone(pids: list[int]) -> bool:
    """Whether none of the processes lives."""
    return not alive(pids)


def refused(data_dir: Path, port: int) -> dict[str, Any]:
    """Return the report of a second `up` that must not start."""
    done = subprocess.run(
        [sys.executable, "-m", "vaivem.cli", "up", "--json"],
        env=environ(data_dir, port),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_it_runs_refuses_a_second_copy_and_leaves_nothing(data_dir: Path) -> None:
    with up(data_dir) as running:
        assert running.get("/healthz") == 200
        family = running.family()
        second = refused(data_dir, free_port())["problem"]
        assert f"already runs on the folder {data_dir}: process {running.process.pid}" in second
        assert f"http://127.0.0.1:{running.port}" in second
        taken = refused(data_dir / "other", running.port)["problem"]
        assert taken.startswith(f"Port {running.port} is taken by ")
        running.process.send_signal(signal.SIGINT)
        output, _ = running.process.communicate(timeout=30)
    assert json.loads(output.splitlines()[-1])["ok"] is True
    assert gone(family)


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has in memory")
def test_what_stays_for_months_holds_nothing_that_it_does_not_need(data_dir: Path) -> None:
    with up(data_dir) as running:
        web, worker = running.child("web"), running.child("worker")
        (server,) = psutil.Process(web).children()
        for pid in (web, worker):  # Django's client of the database is in the server's own process
            held = Path(f"/proc/{pid}/maps").read_text()
            assert "uvloop" in held
            assert "psycopg" not in held
        for pid in (server.pid, worker):
            told = Path(f"/proc/{pid}/smaps").read_text()
            assert "_pyreqwest" in told
            assert not [line for line in told.splitlines() if line.startswith("VmFlags") and " hg" in line]


@pytest.mark.soak
def test_killed_parts_come_back(data_dir: Path) -> None:
    with up(data_dir) as running:
        web, worker = running.child("web"), running.child("worker")
        postmaster = EmbeddedServer(data_dir).postmaster_pid
        assert web
        assert worker
        assert postmaster
        for pid in (web, worker, postmaster):
            os.kill(pid, signal.SIGKILL)
        until(lambda: running.child("web") not in {0, web} and running.child("worker") not in {0, worker})
        until(lambda: running.get("/readyz") == 200)
        assert EmbeddedServer(data_dir).postmaster_pid not in {None, postmaster}
        family = running.family()
        running.process.terminate()
        running.process.communicate(timeout=30)
    assert gone(family)


def test_who_is_asked_to_end_twice_still_stops_the_database(data_dir: Path) -> None:
    asked_again = """
import os, signal
from vaivem import cli, postgres
stop = postgres.EmbeddedServer._stop
def asked(server):
    os.kill(os.getpid(), signal.SIGTERM)  # as the leash does half a second after the kernel
    return stop(server)
postgres.EmbeddedServer._stop = asked
cli.main(["owner-code", "--json"])
"""
    done = subprocess.run(
        [sys.executable, "-c", asked_again],
        env=environ(data_dir, free_port()),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "run `vaivem migrate` first" in json.loads(done.stdout.splitlines()[-1])["problem"], done.stderr
    assert EmbeddedServer(data_dir).postmaster_pid is None


@pytest.mark.soak
def test_nothing_survives_a_killed_supervisor(data_dir: Path) -> None:
    with up(data_dir) as running:
        family = running.family()
        running.process.kill()
    end = time.monotonic() + 30
    while left := alive(family):
        assert time.monotonic() < end, left
        time.sleep(0.05)
