"""A worker's sign of life: a file that it keeps locked, so that others of this machine see its end at once.

The system lets go of a lock with the process that held it, however that ended, and not before. A host's name
and a process's number prove nothing: two containers may share both.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import signal
import uuid
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import psutil

BOOT = Path("/proc/sys/kernel/random/boot_id")
FOLDER = "workers"  # in the data folder

log = logging.getLogger(__name__)


@cache
def machine() -> str:
    """Return what only this machine has, since it was last started."""
    try:
        return BOOT.read_text("ascii").strip()
    except OSError:  # another system than Linux
        return f"{uuid.getnode():x}-{int(psutil.boot_time())}"


class Presence:
    """The locked file of one worker incarnation.

    `mark` names it in the worker's row: the machine, and the file. Where none can be kept it is empty, and
    the worker's end is known by its lease alone.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER
        self._name = secrets.token_hex(12)
        self._file = self._lock()
        self.mark = "" if self._file is None else f"{machine()}:{self._name}"

    def _lock(self) -> int | None:
        draft = self._folder / f".{self._name}"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            file = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        except OSError as error:
            log.warning("The end of this worker will be seen late: %s", error)
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.rename(self._folder / self._name)  # nobody has seen it without its lock
        except OSError as error:
            log.warning("The end of this worker will be seen late: %s", error)
            os.close(file)
            draft.unlink(missing_ok=True)
            return None
        return file

    def leave(self) -> None:
        """Take the file away: nothing of this worker is left to be taken over."""
        if self._file is not None:
            (self._folder / self._name).unlink(missing_ok=True)

    def end(self) -> None:
        """Let the lock go: from now on nothing of this incarnation does anything."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def ended(data_dir: Path) -> list[str]:
    """Return the marks of this folder's workers that are certainly over.

    A folder that was copied from another machine has files too, whose marks are not its workers'.
    """
    try:
        there = list((data_dir / FOLDER).iterdir())
    except OSError:
        return []
    return [f"{machine()}:{path.name}" for path in there if path.name[:1] != "." and not _is_locked(path)]


def forget(data_dir: Path, marks: Iterable[str]) -> None:
    """Take away the files of workers that are buried."""
    for mark in marks:
        (data_dir / FOLDER / mark.rpartition(":")[2]).unlink(missing_ok=True)


def stop(data_dir: Path, mark: str, pid: int) -> bool:
    """Kill the process of this machine that holds a mark's lock; say whether it was found and killed.

    Its number alone proves nothing, so the process must have that very file open. `kill -9` works on a
    process that stands still, and no other signal does.
    """
    here, _, name = mark.rpartition(":")
    if here != machine() or pid == os.getpid():
        return False
    held = str((data_dir / FOLDER / name).resolve())
    try:
        if all(file.path != held for file in psutil.Process(pid).open_files()):
            return False
        os.kill(pid, signal.SIGKILL)
    except (psutil.Error, OSError):  # gone meanwhile, or somebody else's
        return False
    return True


def holds(data_dir: Path, mark: str) -> bool:
    """Say whether a mark's lock is held, or may be."""
    return _is_locked(data_dir / FOLDER / mark.rpartition(":")[2])


def _is_locked(path: Path) -> bool:
    """Say whether somebody holds the lock, or may."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: several may look at once
    except OSError:
        return True
    finally:
        os.close(file)
    return False
