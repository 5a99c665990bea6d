"""A relay in front of the database that a test can take away, and give back."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import parse_qs, urlsplit


class Relay:
    """Listens on loopback and passes everything on to the database of `dsn`."""

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        query = parse_qs(parts.query)
        self._folder = query.get("host", [""])[0]
        self._host = parts.hostname or "127.0.0.1"
        self._port = int(query.get("port", [parts.port or 5432])[0])
        self._login, self._name = parts.netloc.rpartition("@")[0], parts.path.lstrip("/")
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self.port = 0

    def hold(self) -> None:
        """Pass nothing on, and tell nobody: a link is cut."""
        self._passes.clear()

    def heal(self) -> None:
        """Pass everything on again."""
        self._passes.set()

    @property
    def dsn(self) -> str:
        """The database's address behind the relay."""
        return f"postgresql://{self._login}@127.0.0.1:{self.port}/{self._name}"

    async def start(self) -> None:
        """Listen: the database is there."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut every connection and take no more: the database is away."""
        self._passes.set()
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._folder:
            path = f"{self._folder}/.s.PGSQL.{self._port}"
            far_reader, far_writer = await asyncio.open_unix_connection(path)
        else:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        self._open |= {writer, far_writer}
        await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
        self._open -= {writer, far_writer}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
