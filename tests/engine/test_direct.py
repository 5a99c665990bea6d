"""Calls outside of runs: a vendor's limit of some seconds is waited out, a longer one is told."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from vaivem.config import Config
from vaivem.connectors.sdk import Call, Connection
from vaivem.core.errors import RetryError
from vaivem.engine.direct import DirectCaller

BUSY = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: %d\r\ncontent-length: 0\r\n\r\n"
FINE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


async def _ask(folder: Path, answers: list[bytes]) -> int:
    """Read once from a vendor that gives these answers in turn; return the status."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answers:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            writer.write(answers.pop(0))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    environment = {"VAIVEM_DATA_DIR": str(folder), "VAIVEM_ALLOW_PRIVATE": "127.0.0.1"}
    address = {"address_api": f"http://127.0.0.1:{port}"}
    connection = Connection(0, 1, "stub", "s", "token", {"token": "t"}, address)
    try:
        async with DirectCaller(Config.from_environment(environment), connection) as caller:
            return (await caller.read(Call("x", "GET", "/x"))).status
    finally:
        server.close()


async def test_a_short_limit_is_waited_out(tmp_path: Path) -> None:
    begun = time.monotonic()
    assert await _ask(tmp_path, [BUSY % 1, BUSY % 1, FINE]) == 200
    assert time.monotonic() - begun >= 2.0


async def test_a_long_limit_is_told_at_once(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(RetryError) as told:
        await _ask(tmp_path, [BUSY % 3600])
    assert (told.value.code, told.value.retry_after) == ("vendor_limit", 3600.0)
    assert time.monotonic() - begun < 60
