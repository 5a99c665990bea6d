"""The supervisor: order, restarts, missed beats, and that nothing is left behind however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from vaivem.postgres import EmbeddedServer
from vaivem.processes.parts import Part, PartError, ReadyBeat, ReadyLine, Step
from vaivem.processes.supervisor import DatabasePart, Supervisor

STAND = str(Path(__file__).with_name("stand.py"))


class Notes:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def starting(self, part: str) -> None:
        self.lines.append(f"starting {part}")

    def ready(self, part: str, seconds: float) -> None:
        assert seconds >= 0
        self.lines.append(f"ready {part}")

    def note(self, part: str, text: str) -> None:
        self.lines.append(f"{part}: {text}")


def stand(kind: str, pids: Path, **options: object) -> Part:
    """Return a part that runs one of the programs in stand.py."""
    options.setdefault("ready", ReadyLine())
    return Part(kind, (sys.executable, STAND, kind, str(pids)), log=pids.parent / f"{kind}.log", **options)  # type: ignore[arg-type]


def pids_in(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()]


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return when `true()`; fail the test if it stays false."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - the other side is another process
            await asyncio.sleep(0.02)


async def test_parts_start_in_order_and_all_end(tmp_path: Path) -> None:
    pids, notes = tmp_path / "pids", Notes()

    async def step() -> None:
        notes.lines.append("the step runs")

    parts = [Step("first", step), (stand("obedient", pids), stand("family", pids))]
    async with Supervisor(parts, notes) as running:
        assert running.first_line("obedient") == f"ready {running.pid('obedient')}"
        assert all(map(alive, pids_in(pids)))
    assert notes.lines[:3] == ["starting first", "the step runs", "ready first"]
    assert sorted(notes.lines[3:]) == [
        "ready family",
        "ready obedient",
        "starting family",
        "starting obedient",
    ]
    assert len(pids_in(pids)) == 3
    await until(lambda: not any(map(alive, pids_in(pids))))


async def test_a_dead_part_is_started_again_after_its_hook(tmp_path: Path) -> None:
    pids, notes, buried = tmp_path / "pids", Notes(), []

    async def bury(pid: int) -> None:
        assert not alive(pid)
        buried.append(pid)

    async with Supervisor([stand("obedient", pids, on_exit=bury)], notes) as running:
        first = running.pid("obedient")
        os.kill(first, signal.SIGKILL)
        await until(lambda: "obedient: It is ready again." in notes.lines)
        assert buried == [first]
        assert alive(running.pid("obedient"))
    assert "obedient: It ended (killed by SIGKILL); starting it again." in notes.lines
    assert not any(map(alive, pids_in(pids)))


async def test_a_hook_that_fails_does_not_keep_the_part_down(tmp_path: Path) -> None:
    async def bury(pid: int) -> None:
        raise ConnectionRefusedError("the database is away")

    notes = Notes()
    async with Supervisor([stand("obedient", tmp_path / "pids", on_exit=bury)], notes) as running:
        os.kill(running.pid("obedient"), signal.SIGKILL)
        await until(lambda: "obedient: It is ready again." in notes.lines)
    assert "obedient: Its place could not be freed at once: the database is away" in notes.lines


async def test_a_stopped_worker_is_killed_when_it_misses_its_beats(tmp_path: Path) -> None:
    pids, notes = tmp_path / "pids", Notes()
    async with Supervisor([stand("beating", pids, ready=ReadyBeat())], notes) as running:
        first = running.pid("beating")
        began = time.monotonic()
        os.kill(first, signal.SIGSTOP)
        await until(lambda: "beating: It is ready again." in notes.lines)
        assert 3.0 < time.monotonic() - began < 30
        assert not alive(first)
    assert not any(map(alive, pids_in(pids)))


async def test_a_part_that_cannot_start_is_said_with_its_last_words(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    parts = [stand("obedient", pids), stand("failing", pids)]
    with pytest.raises(PartError, match=r"'failing' ended at once \(exit code 3\)") as caught:
        async with Supervisor(parts, Notes()):
            pytest.fail("it must not become ready")
    assert caught.value.detail == "no such table: worker"
    assert not any(map(alive, pids_in(pids)))


async def test_a_part_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(PartError, match="was not ready within 1 seconds"):
        async with Supervisor([stand("silent", pids, ready_seconds=1.0)], Notes()):
            pytest.fail("it must not become ready")
    assert not any(map(alive, pids_in(pids)))


async def test_a_part_that_ignores_the_request_to_stop_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    began = time.monotonic()
    async with Supervisor([stand("stubborn", pids, stop_seconds=0.5)], Notes()):
        pass
    assert time.monotonic() - began < 30
    assert not any(map(alive, pids_in(pids)))


async def test_a_killed_database_is_started_again_within_two_seconds(data_dir: Path) -> None:
    notes = Notes()
    server = EmbeddedServer(data_dir)
    async with Supervisor([DatabasePart(server)], notes) as running:
        dsn = running.environment["VAIVEM_DSN"]
        old = server.postmaster_pid
        assert old is not None
        os.kill(old, signal.SIGKILL)
        began = time.monotonic()
        await until(lambda: "database: The database answers again." in notes.lines)
        assert time.monotonic() - began < 15  # generous: the machine may be busy
        with psycopg.connect(dsn) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    assert server.postmaster_pid is None


SUPERVISED = """
import asyncio, sys
from pathlib import Path
from vaivem.postgres import EmbeddedServer
from vaivem.processes.supervisor import DatabasePart, Supervisor
sys.path.insert(0, {folder!r})
from test_supervisor import Notes, stand
async def main():
    async def ready():
        print("ready", flush=True)
    pids = Path({pids!r})
    together = (stand("obedient", pids), stand("family", pids))
    await Supervisor([DatabasePart(EmbeddedServer(Path({data!r}))), together], Notes()).run(on_ready=ready)
asyncio.run(main())
"""


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(number: signal.Signals, tmp_path: Path, data_dir: Path) -> None:
    with supervised(tmp_path, data_dir) as process:
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
    assert len(pids_in(tmp_path / "pids")) == 3
    assert not any(map(alive, pids_in(tmp_path / "pids")))
    assert EmbeddedServer(data_dir).postmaster_pid is None


def test_children_of_a_killed_supervisor_end(tmp_path: Path, data_dir: Path) -> None:
    with supervised(tmp_path, data_dir) as process:
        process.kill()
        process.wait(timeout=20)
    obedient = [pid for pid in pids_in(tmp_path / "pids") if not grandchild(pid)]
    until_time = time.monotonic() + 20
    while any(map(alive, obedient)):
        assert time.monotonic() < until_time
        time.sleep(0.05)
    for pid in filter(alive, pids_in(tmp_path / "pids")):
        os.kill(pid, signal.SIGKILL)
    assert EmbeddedServer(data_dir).stop_abandoned() is True


def grandchild(pid: int) -> bool:
    """Whether it is the part's own child, which its parent's leash does not reach."""
    try:
        return STAND not in psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return False


def supervised(tmp_path: Path, data_dir: Path) -> subprocess.Popen[str]:
    """Start a supervisor with a database and two parts, and return it when all are ready."""
    code = SUPERVISED.format(
        folder=str(Path(__file__).parent), data=str(data_dir), pids=str(tmp_path / "pids")
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process
