"""The benchmark's load against a server that answers at once."""

from __future__ import annotations

import asyncio
import contextlib

from vaivem.bench.load import Load, Spec

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


async def test_a_paced_load_ends_though_all_is_answered_before_its_time_is_over() -> None:
    """Nothing is left to be answered then; waiting for it let the server close the idle connections."""

    ended = asyncio.Semaphore(0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r", 1)[0])
                await reader.readexactly(length)
                writer.write(ANSWER)
        writer.close()
        ended.release()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    spec = Spec(
        port=port, hooks=("/h",), secret="s", prefix="p", mode="paced", rate=10, seconds=0.25, connections=2
    )
    try:
        result = await asyncio.wait_for(Load(spec).run(), 10)
        for _ in range(spec.connections):
            await asyncio.wait_for(ended.acquire(), 10)
    finally:
        server.close()
    assert result.statuses == {200: result.sent}
    assert 0 < result.sent <= 3  # one each 0.1 s of 0.25; fewer when the machine stood still
