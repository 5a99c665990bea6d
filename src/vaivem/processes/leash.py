"""A child's side of its parent's death: it must not go on alone.

A supervisor that is killed cannot stop anyone, so each child looks after itself: it ends as after SIGTERM,
which lets the last one stop the embedded database, and if that takes too long it is killed with its group.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

import psutil

PARENT_VARIABLE = "VAIVEM_SUPERVISOR_PID"
LOOK_SECONDS = 0.5
ORDERLY_SECONDS = 12.0
PR_SET_PDEATHSIG = 1


_supervisor = 0


def attach() -> None:
    """Tie this process to the supervisor that started it, if one did."""
    global _supervisor
    parent = os.environ.pop(PARENT_VARIABLE, "")  # for us only, not for what we start
    if parent.isdecimal():
        _supervisor = int(parent)
        attach_to(_supervisor)


def orphaned() -> bool:
    """Whether a supervisor started this process and is gone, or going.

    A killed process dies thread by thread. The kernel tells us when the first is dead: we are children of the
    others then, under the same number, and its locks are held until the last one is dead, too.
    """
    if not _supervisor or os.getppid() != _supervisor:
        return bool(_supervisor)
    try:
        return psutil.Process(_supervisor).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def attach_to(parent: int) -> None:
    """Tie this process to its parent process `parent`."""
    if sys.platform == "linux":
        # The kernel's signal comes at once; the thread is the way elsewhere, and sees to it that we end.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    threading.Thread(target=_watch, args=(parent,), name="leash", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORDERLY_SECONDS)
    if os.getpgid(0) == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
