"""Cutting a client's connection from inside an ASGI handler.

ASGI has no way to end a connection without an answer, and an exception becomes a 500. But the server runs in
this very process, so the accepted socket is one of our own descriptors: found by its peer, and shut down.
"""

from __future__ import annotations

import os
import socket

from starlette.types import Receive, Scope

_DESCRIPTORS = "/dev/fd"


class CutError(RuntimeError):
    """The client's socket was not found in this process; the fault could not be made."""


async def cut_connection(scope: Scope, receive: Receive) -> None:
    """Shut the client's socket down and wait until the server has noticed.

    Returning earlier would let the server write its own 500 first.
    """
    host, port = scope["client"]
    _shut_down(str(host), int(port))
    while (await receive())["type"] != "http.disconnect":
        pass


def _shut_down(host: str, port: int) -> None:
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208
        connection = _accepted_socket(int(name))
        if connection is None:
            continue
        with connection:
            try:
                peer = connection.getpeername()
            except OSError:
                continue
            if isinstance(peer, tuple) and peer[:2] == (host, port):
                connection.shutdown(socket.SHUT_RDWR)
                return
    raise CutError(f"no socket of {host}:{port} in this process")


def _accepted_socket(descriptor: int) -> socket.socket | None:
    """A duplicate of the descriptor as a socket; None where it is something else or already gone."""
    try:
        duplicate = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=duplicate)
    except OSError:
        os.close(duplicate)
        return None
