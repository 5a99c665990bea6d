"""Locks between processes that the kernel gives back when a process dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from vaivem.postgres.errors import DiskFullError, FolderError

POLL_SECONDS = 0.03


class FileLock:
    """One open file that can be locked, shared or alone. Two objects exclude each other, also in one process.

    A child process that inherits the open file holds the same lock; it is free when the last holder is gone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def shared(self, timeout_seconds: float) -> bool:
        """Take it together with others; False if someone kept it alone all the time."""
        return self._wait(fcntl.LOCK_SH, timeout_seconds)

    def exclusive(self, timeout_seconds: float = 0.0) -> bool:
        """Take it alone; False if someone else kept it all the time. A shared hold is given up for it."""
        return self._wait(fcntl.LOCK_EX, timeout_seconds)

    def release(self) -> None:
        """Give our hold back; without effect if there is none. A child that inherited it keeps the lock.

        So it is closed, not unlocked: unlocking would take the lock from the child as well.
        """
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def held(self) -> bool:
        """Whether this object has the file open, which it only has while it holds the lock."""
        return self._descriptor is not None

    def fileno(self) -> int:
        """Return the descriptor, to hand it to a child."""
        if self._descriptor is None:
            raise RuntimeError(f"{self.path} is not locked")
        return self._descriptor

    def read(self) -> bytes:
        """Return what the file says, whoever holds it; empty if it is not there."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""

    def write(self, text: bytes) -> None:
        """Say something in the file that we hold."""
        descriptor = self.fileno()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text, 0)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _wait(self, kind: int, timeout_seconds: float) -> bool:
        if self._descriptor is None:
            self._descriptor = _open(self.path)
        until = time.monotonic() + timeout_seconds
        while True:
            try:
                fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    self.release()
                    return False
                time.sleep(POLL_SECONDS)
            else:
                return True


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except PermissionError as error:
        raise FolderError(
            f"{path} belongs to another user of this machine. Start Vaivém as the user who owns it, "
            "or choose another folder with VAIVEM_DATA_DIR."
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError(f"The disk that holds {path.parent} is full.") from error
        raise FolderError(f"{path} cannot be opened: {error.strerror}.") from error
