"""Machines that a chaos run pretends to have: network namespaces with links of their own, or a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from vaivem.chaos import tools

SUBNET = "10.213.77"
SET_NAME = 'hostname "$0" && exec "$@"'


def lacks_namespaces() -> str:
    """Say why network namespaces cannot be made here, or ""."""
    if os.geteuid() != 0:
        return "only root can make network namespaces: run it as root"
    if not tools.found("ip", "unshare", "setpriv"):
        return "apt-get install iproute2 util-linux"
    said = tools.refusal("ip", "netns", "add", "vaivem-probe")
    if said:
        return f"network namespaces are not allowed here ({said}): run it outside of the container"
    tools.must("ip", "netns", "del", "vaivem-probe")
    return ""


class Networks:
    """A switch on this machine (`.1`) and machines on it: network namespaces with names of their own."""

    def __init__(self, *machines: str) -> None:
        self._tag = secrets.token_hex(2)
        self._bridge = f"vv{self._tag}"
        self._addresses = {name: f"{SUBNET}.{number}" for number, name in enumerate(machines, start=2)}
        self.host = f"{SUBNET}.1"

    @contextmanager
    def made(self) -> Iterator[Networks]:
        """Make all of it, and take it away afterwards."""
        try:
            tools.must("ip", "link", "add", "name", self._bridge, "type", "bridge")
            tools.must("ip", "addr", "add", f"{self.host}/24", "dev", self._bridge)
            tools.must("ip", "link", "set", self._bridge, "up")
            for name, address in self._addresses.items():
                self._make(name, address)
            yield self
        finally:
            for name in self._addresses:
                tools.refusal("ip", "netns", "del", self._space(name))
                tools.refusal("ip", "link", "del", self._outer(name))
            tools.refusal("ip", "link", "del", self._bridge)

    def address(self, name: str) -> str:
        """Return a machine's address."""
        return self._addresses[name]

    def prefix(self, name: str) -> tuple[str, ...]:
        """Return what a command begins with to run on a machine."""
        inside = ("ip", "netns", "exec", self._space(name))
        return (*inside, "unshare", "--uts", "sh", "-c", SET_NAME, f"{name}-{self._tag}")

    def cut(self, name: str) -> None:
        """Take a machine's link away: packets are lost in both directions, and nobody is told."""
        tools.must("ip", "link", "set", self._outer(name), "down")

    def heal(self, name: str) -> None:
        """Give the link back."""
        tools.must("ip", "link", "set", self._outer(name), "up")

    def _make(self, name: str, address: str) -> None:
        space, outer, inner = self._space(name), self._outer(name), f"i{self._tag}{name}"
        tools.must("ip", "netns", "add", space)
        tools.must("ip", "link", "add", outer, "type", "veth", "peer", "name", inner)
        tools.must("ip", "link", "set", inner, "netns", space)
        tools.must("ip", "-n", space, "addr", "add", f"{address}/24", "dev", inner)
        for device in (inner, "lo"):
            tools.must("ip", "-n", space, "link", "set", device, "up")
        tools.must("ip", "link", "set", outer, "master", self._bridge)
        tools.must("ip", "link", "set", outer, "up")

    def _space(self, name: str) -> str:
        return f"vaivem-{self._tag}-{name}"

    def _outer(self, name: str) -> str:
        return f"o{self._tag}{name}"


class Proxy:
    """A link to the database that can be cut: what is sent meanwhile arrives when it is healed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        parts = urlsplit(dsn)
        self._there = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def dsn(self) -> str:
        """The database's address behind the proxy."""
        host, port = self._there
        return self._dsn.replace(f"{host}:{port}", f"127.0.0.1:{self.port}", 1)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Listen no more, and cut every connection."""
        self._open.set()
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    def cut(self) -> None:
        """Pass nothing on."""
        self._open.clear()

    def heal(self) -> None:
        """Pass everything on again."""
        self._open.set()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._there)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
        self._writers -= {writer, far_writer}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
