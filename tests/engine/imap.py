"""An IMAP server on loopback: signs in, opens a folder to be read, searches and gives letters by number."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field


@dataclass
class Imap:
    """`letters` by number. `marked` counts what a reader may not do: open to write, read with marking."""

    letters: dict[int, bytes] = field(default_factory=dict)
    validity: int = 7
    password: str = "uma senha"
    port: int = 0
    marked: int = 0
    read: list[int] = field(default_factory=list)
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
        return f"imap://crm%40example.com:uma%20senha@127.0.0.1:{self.port}/Caixa%20de%20entrada"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK here\r\n")
        while line := await reader.readline():
            tag, _, rest = line.decode().strip().partition(" ")
            answer = self._answer(rest)
            writer.write(answer.replace(b"TAG", tag.encode()))
            await writer.drain()
            if rest.upper() == "LOGOUT":
                break
        writer.close()

    def _answer(self, command: str) -> bytes:
        name = command.upper()
        if name == "CAPABILITY":
            return b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"
        if name.startswith("LOGIN"):
            known = f'"{self.password}"' in command and "crm@example.com" in command
            return b"TAG OK in\r\n" if known else b"TAG NO [AUTHENTICATIONFAILED] wrong\r\n"
        if name.startswith(("EXAMINE", "SELECT")):
            self.marked += name.startswith("SELECT")
            if '"Caixa de entrada"' not in command:
                return b"TAG NO no such folder\r\n"
            held = f"* {len(self.letters)} EXISTS\r\n* OK [UIDVALIDITY {self.validity}] valid\r\n"
            return held.encode() + b"TAG OK [READ-ONLY] open\r\n"
        if name.startswith("UID SEARCH"):
            return self._search(command)
        if name.startswith("UID FETCH"):
            return self._fetch(command)
        return b"* BYE\r\nTAG OK bye\r\n" if name == "LOGOUT" else b"TAG BAD what\r\n"

    def _search(self, command: str) -> bytes:
        first = re.search(r"UID (\d+):\*", command)
        assert first or re.search(r"SINCE \d{1,2}-[A-Z][a-z]{2}-\d{4}$", command)
        found = sorted(one for one in self.letters if not first or one >= int(first[1]))
        if first and not found and self.letters:
            found = [max(self.letters)]  # as the standard says of "9:*" where 3 is the last
        return f"* SEARCH {' '.join(map(str, found))}\r\nTAG OK done\r\n".encode()

    def _fetch(self, command: str) -> bytes:
        asked = re.search(r"FETCH (\d+) \(BODY(\.PEEK)?\[(.*?)\](?:<0\.(\d+)>)?\)", command)
        assert asked
        self.marked += asked[2] is None
        whole = self.letters[int(asked[1])]
        if asked[3]:
            head = whole.partition(b"\r\n\r\n")[0] + b"\r\n"
            unfolded = re.sub(rb"\r\n[ \t]+", b" ", head)
            part = b"".join(
                one + b"\r\n" for one in unfolded.split(b"\r\n") if one.lower().startswith(b"content-type")
            )
        else:
            self.read.append(int(asked[1]))
            part = whole[: int(asked[4])] if asked[4] else whole
        said = f"* 1 FETCH (UID {asked[1]} BODY[{asked[3]}] {{{len(part)}}}\r\n"
        return said.encode() + part + b")\r\nTAG OK done\r\n"
