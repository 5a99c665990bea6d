"""Granian in this process, on a port that is known before the first request."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from granian._granian import ListenerSpec
from granian.constants import Interfaces, SSLProtocols
from granian.server.embed import Server
from typing_extensions import override

from vaivem.simulators.kit.certificate import Certificate

BACKLOG = 1024


class BoundServer(Server):
    """Binds the socket itself, so that port 0 works, and tells the port to ``on_bound`` before it serves."""

    def __init__(
        self,
        target: Any,
        address: str,
        port: int,
        on_bound: Callable[[int], None],
        on_stop: Callable[[], None] | None = None,
        tls: Certificate | None = None,
    ) -> None:
        super().__init__(
            target,
            address=address,
            port=port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
            backlog=BACKLOG,
            ssl_cert=tls.certificate if tls else None,
            ssl_key=tls.key if tls else None,
            ssl_protocol_min=SSLProtocols.tls12,
        )
        self._on_bound = on_bound
        self._on_stop = on_stop

    @override
    def _init_shared_socket(self) -> None:
        # On Linux the server would keep a spec and bind the port anew; with port 0 that would be another one,
        # so the one socket bound here is the one that is served.
        holder = ListenerSpec(self.bind_addr, self.bind_port, self.backlog).build()
        descriptor: int = holder.get_fd()
        vars(self).update(_ssp=None, _shd=holder, _sfd=descriptor)
        with socket.socket(fileno=os.dup(descriptor)) as bound:
            # Listening at once lets a first request wait for the worker instead of being refused.
            bound.listen(BACKLOG)
            self._on_bound(bound.getsockname()[1])

    @override
    def stop(self) -> None:
        """Finish the requests under way and return from ``serve``; ``on_stop`` is called before."""
        if self._on_stop is not None:
            self._on_stop()
        super().stop()  # type: ignore[no-untyped-call]
