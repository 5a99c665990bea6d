"""Small programs that stand in for a worker or a web process in the supervisor's tests.

Called as ``python stand.py KIND FILE``: each incarnation adds its pid to FILE.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from vaivem.processes import leash
from vaivem.processes.heartbeat import Pulse


def obedient() -> None:
    """Say a line, and go on until SIGTERM."""
    sys.stdout.write(f"ready {os.getpid()}\n")
    sys.stdout.flush()
    signal.pause()


def stubborn() -> None:
    """Ignore SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    obedient()


def family() -> None:
    """Have a child of one's own, which ignores SIGTERM."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code])
    note(child.pid)
    obedient()


def beating() -> None:
    """Beat as a worker does."""
    asyncio.run(Pulse.from_environment().run())


def failing() -> None:
    """End at once, with a reason in the log."""
    sys.stderr.write("no such table: worker\n")
    raise SystemExit(3)


def silent() -> None:
    """Never become ready."""
    time.sleep(60)


def note(pid: int) -> None:
    """Remember a process number for the test."""
    with Path(sys.argv[2]).open("a") as file:
        file.write(f"{pid}\n")


if __name__ == "__main__":
    leash.attach()
    note(os.getpid())
    {kind.__name__: kind for kind in (obedient, stubborn, family, beating, failing, silent)}[sys.argv[1]]()
