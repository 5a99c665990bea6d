"""Where the tests lay down databases and data folders."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - the folders made in it have names of their own
MEMORY_NEEDED_BYTES = 4 << 30


def _place() -> Path:
    """Return a folder in memory where there is one with room, else the usual one.

    Every test's database is some 900 files that come and go, and ext4 looks at each recently deleted file
    before it makes the next one: on such a disk more than half of the tests' time went into that.
    """
    usual = Path(tempfile.gettempdir())
    try:
        held = os.statvfs(MEMORY)
    except OSError:
        return usual
    usable = not held.f_flag & os.ST_NOEXEC and os.access(MEMORY, os.W_OK | os.X_OK)
    return MEMORY if usable and held.f_bavail * held.f_frsize >= MEMORY_NEEDED_BYTES else usual


PLACE = _place()


@contextmanager
def data_folder(prefix: str) -> Iterator[Path]:
    """Give an empty folder that the database's user can reach, also when the tests run as root.

    (pytest's own temporary folders are closed to other users.)
    """
    with tempfile.TemporaryDirectory(prefix=prefix, dir=PLACE, ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)
