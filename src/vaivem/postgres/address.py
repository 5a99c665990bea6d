"""Database addresses (DSN): building them, changing their database, showing them without the password."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

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


def database_name(dsn: str) -> str:
    """Return the database's name in an address."""
    return unquote(urlsplit(dsn).path.lstrip("/")) or DATABASE


def shown(dsn: str) -> str:
    """Return the address for screens and logs, without its password."""
    parts = urlsplit(dsn)
    if parts.password is None:
        return dsn
    user, _, place = parts.netloc.rpartition("@")
    return dsn.replace(parts.netloc, f"{user.partition(':')[0]}:***@{place}", 1)


def django_database(dsn: str) -> dict[str, Any]:
    """Return Django's DATABASES entry for an address; parameters it has no name for become OPTIONS."""
    from psycopg.conninfo import conninfo_to_dict  # Django's processes have it anyway, others need none of it

    given = {key: value for key, value in conninfo_to_dict(dsn).items() if value is not None}
    named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    entry: dict[str, Any] = {"ENGINE": "django.db.backends.postgresql"}
    entry |= {name: str(given.pop(key)) for key, name in named.items() if key in given}
    return entry | {"OPTIONS": given}
