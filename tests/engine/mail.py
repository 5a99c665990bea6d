"""A mail server on loopback: takes letters, or loses its answers where a test says so."""

from __future__ import annotations

import asyncio
import email
from dataclasses import dataclass, field
from email.message import Message


@dataclass
class Mail:
    """`faults` are what happens to the commands of that name, first ones first.

    An answer such as ``451 later`` is given instead; "cut" ends the line without an answer, after a letter
    was taken when the command is the end of one (``.``).
    """

    letters: list[Message] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}/crm@example.com"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            command = line.decode().split(maxsplit=1)[0].upper()
            if command == "DATA":
                writer.write(b"354 go on\r\n")
                self.letters.append(email.message_from_bytes(await self._data(reader)))
                command = "."
            answer = self._fault(command) or {"QUIT": "221 bye"}.get(command, "250 good")
            if answer == "cut":
                break
            if command == "." and not answer.startswith("250"):
                self.letters.pop()
            writer.write(answer.encode() + b"\r\n")
            await writer.drain()
            if command == "QUIT":
                break
        writer.close()

    @staticmethod
    async def _data(reader: asyncio.StreamReader) -> bytes:
        parts: list[bytes] = []
        while (line := await reader.readline()) not in (b".\r\n", b""):
            parts.append(line)
        return b"".join(parts)

    def _fault(self, command: str) -> str:
        waiting = self.faults.get(command)
        return waiting.pop(0) if waiting else ""
