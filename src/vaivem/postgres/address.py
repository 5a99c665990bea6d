"""Database addresses (DSN): building them, changing their database, showing them without the password."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

ROLE = "vaivem"
DATABASE = "vaivem"
MAINTENANCE_DATABASE = "postgres"

# The kernel's limit for a socket's path is 104 bytes on macOS and 108 on Linux, its closing zero included.
SOCKET_PATH_BYTES = 103
SOCKET_NAME = ".s.PGSQL.5432"


def fits_socket(folder: Path) -> bool:
    """Whether a socket file in `folder` can be reached by every client library.

    A comma separates hosts in libpq's addresses and folders in PostgreSQL's setting: no path may have one.
    """
    path = os.fsencode(folder / SOCKET_NAME)
    return len(path) <= SOCKET_PATH_BYTES and b"," not in path and b'"' not in path


def socket_dsn(folder: Path, database: str = DATABASE) -> str:
    """Return the address of a server that listens on a socket file in `folder`."""
    return f"postgresql://{ROLE}@/{quote(database)}?host={quote(str(folder), safe='/')}&port=5432"


def tcp_dsn(port: int, password: str, database: str = DATABASE) -> str:
    """Return the address of a server that listens on this machine only."""
    return f"postgresql://{ROLE}:{quote(password, safe='')}@127.0.0.1:{port}/{quote(database)}"


def with_database(dsn: str, database: str) -> str:
    """Return the same address with another database's name."""
    parts = urlsplit(dsn)
    # An address without a host (a socket file) needs its two slashes written by hand: urlunsplit drops them
    # when nothing stands between them.
    rest = urlunsplit(("", "", "/" + quote(database), parts.query, ""))
    return f"{parts.scheme}://{parts.netloc}{rest}"


def shown(dsn: str) -> str:
    """Return the address for screens and logs, without its password."""
    parts = urlsplit(dsn)
    if parts.password is None:
        return dsn
    user, _, place = parts.netloc.rpartition("@")
    return dsn.replace(parts.netloc, f"{user.partition(':')[0]}:***@{place}", 1)
