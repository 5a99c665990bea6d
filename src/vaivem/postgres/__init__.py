"""The embedded PostgreSQL: its programs, its life, its addresses. Nothing here knows Vaivém's tables."""

from __future__ import annotations

import atexit
import os
from pathlib import Path

from vaivem.postgres.errors import DatabaseError
from vaivem.postgres.server import EmbeddedServer, Say

__all__ = ["DatabaseError", "EmbeddedServer", "join", "leave"]

_joined: dict[tuple[int, Path], EmbeddedServer] = {}


def leave(patience_seconds: float = 0.0) -> None:
    """Give up every server that this process joined; the last of a server's users stops it.

    `patience_seconds` is for one whose fellow users end at this moment, too.
    """
    for key in list(_joined):
        _joined.pop(key).leave(patience_seconds)


atexit.register(leave)


def join(data_dir: Path, user: str | None = None, *, say: Say | None = None, runs: bool = False) -> str:
    """Join or start the folder's server for as long as this process lives, and return its address.

    The process must end in a way that runs `atexit` (the command line turns SIGTERM into that); if it is
    killed, the server goes on and the next user of the folder takes it over. `runs`: the caller was told that
    it does.
    """
    key = (os.getpid(), data_dir.absolute())
    if key not in _joined:
        server = EmbeddedServer(data_dir, user=user, say=say)
        server.start(runs=runs)
        _joined[key] = server
    return _joined[key].dsn
