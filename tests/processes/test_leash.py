"""A child's side of its parent's death."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from vaivem.processes import leash

# Its first thread ends, and another goes on for a while: as of a process that is killed, on a busy machine.
SUPERVISOR = """
import ctypes, os, subprocess, sys, threading, time
threading.Thread(target=time.sleep, args=(3,)).start()
given = os.environ | {sys.argv[2]: str(os.getpid())}
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=given, stdout=subprocess.PIPE)
child.stdout.readline()
ctypes.CDLL(None).syscall(int(sys.argv[3]), 0)
"""
CHILD = """
import os, signal
from vaivem.processes import leash
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
supervisor = os.getppid()
leash.attach()
before = leash.orphaned()
print("attached", flush=True)
signal.sigwait({signal.SIGTERM})
os.write(2, f"{before} {leash.orphaned()} {os.getppid() == supervisor}".encode())
os._exit(0)
"""
EXIT = {"x86_64": 60, "aarch64": 93}


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in EXIT,
    reason="ends one thread, by the kernel's number",
)
def test_a_supervisor_of_which_one_thread_still_lives_is_gone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISOR, CHILD, leash.PARENT_VARIABLE, str(EXIT[platform.machine()])],
        check=False,
        capture_output=True,
        timeout=30,
        env=dict(os.environ),
    )
    assert done.stderr == b"False True True"
