"""One installation per data folder and per port, said in words before anything starts.

The web server shares a port with whoever else binds it, so a second copy would start happily and take half of
the requests: it must be asked before.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from vaivem.postgres.flocks import FileLock
from vaivem.postgres.folder import DataFolder


class OccupiedError(Exception):
    """The folder or the port is in use; the text is a sentence that says by whom."""


@contextmanager
def sole_user(data_dir: Path, url: str, local_url: str = "") -> Iterator[None]:
    """Hold the folder for this process; `OccupiedError` names the process that holds it already.

    `url` is where people reach it, `local_url` where its web process listens.
    """
    folder = DataFolder(data_dir)
    folder.prepare()
    lock = FileLock(folder.locks / "up")
    if not lock.exclusive():
        raise OccupiedError(_who_holds(lock.read(), data_dir))
    with lock:
        about = {"pid": os.getpid(), "url": url, "local_url": local_url, "since": time.time()}
        lock.write(json.dumps(about).encode())
        yield


def running_address(data_dir: Path) -> str:
    """Return where the installation that runs on this folder answers; "" when none does."""
    address = str((_holder(data_dir) or {}).get("url", ""))
    return address if address.startswith(("http://", "https://")) else ""


def local_address(data_dir: Path) -> str | None:
    """Return where the web process of the installation that runs on this folder listens.

    "" when it has none (a restore holds the folder, too), None when nobody holds the folder.
    """
    holder = _holder(data_dir)
    return None if holder is None else str(holder.get("local_url", ""))


def _holder(data_dir: Path) -> dict[str, object] | None:
    """Return what who holds the folder wrote about itself; None when nobody holds it."""
    lock = FileLock(DataFolder(data_dir).locks / "up")
    if not lock.path.exists() or lock.exclusive():
        lock.release()
        return None
    try:
        found = json.loads(lock.read())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def check_port(host: str, port: int) -> None:
    """Raise `OccupiedError` if nobody can listen there, with the reason."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise OccupiedError(f"HOST {host!r} is not an address of this machine: {error.strerror}.") from error
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                raise OccupiedError(_why_not(error, host, port)) from error


def _who_holds(text: bytes, data_dir: Path) -> str:
    try:
        holder = json.loads(text)
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(holder["since"]))
        who = f"process {holder['pid']}, at {holder['url']}, since {since}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return (
        f"Vaivém already runs on the folder {data_dir}: {who}. Stop that one first, or start this one on "
        "another folder (VAIVEM_DATA_DIR) and port (PORT)."
    )


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken{_listener(port)}. Stop that program, or choose another port with PORT."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for root. Choose a port above 1023 with PORT."
    return f"Nobody can listen at {host}:{port}: {error.strerror}. Check HOST and PORT."


def _listener(port: int) -> str:
    """Return who listens on a port, in words, as far as we may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and port in connection.laddr
            if listens and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        pass
    return " by another program"
