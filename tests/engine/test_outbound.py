"""What broken exchanges mean: certainly not done, or perhaps. Asked of the real client over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from vaivem.config import PrivateHost
from vaivem.connectors.sdk import Call, Connection
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import RetryError, RuleError, UncertainError, VaivemError
from vaivem.engine.leases import GRACE_SECONDS
from vaivem.engine.outbound import MAX_ANSWER_BYTES, Outbound

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def ask(
    talk: Talk | None, *, allowed: str = "127.0.0.1", timeout: float = 2.0, base: str = ""
) -> VaivemError | int:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert talk is not None
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        finally:
            writer.close()
            ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if talk is None:
        server.close()
        await server.wait_closed()
    stub = get_connector("stub")
    address = base or f"http://127.0.0.1:{port}"
    connection = Connection(1, 1, "stub", "s", "token", {"token": "t"}, {"address_api": address})
    outbound = Outbound((PrivateHost(host=allowed),) if allowed else ())
    try:
        answer = await outbound.send(stub, connection, Call("x", "POST", "/x", json={}, timeout=timeout))
    except VaivemError as error:
        return error
    finally:
        await outbound.close()
        server.close()
        if talk is not None and not base:
            await ended.wait()
            await asyncio.sleep(0.01)  # the transport closes in the loop's next turns
    return answer.status


async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf")
    await writer.drain()


async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01\x02 nonsense\r\n\r\n")
    await writer.drain()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the other side hangs up


@pytest.mark.parametrize("talk", [cut, reset, half, nonsense])
async def test_a_cut_after_the_request_is_uncertain(talk: Talk) -> None:
    error = await ask(talk)
    assert isinstance(error, UncertainError)
    assert error.code == "vendor_answer_lost"


async def test_a_time_out_is_uncertain() -> None:
    error = await ask(silence, timeout=0.3)
    assert isinstance(error, UncertainError)
    assert error.code == "vendor_timed_out"


async def test_a_refused_connection_is_certainly_not_done() -> None:
    error = await ask(None)
    assert isinstance(error, RetryError)
    assert error.code == "vendor_unreachable"


@pytest.mark.parametrize(
    "base",
    [
        "http://127.0.0.1:80",
        "http://localhost:80",
        "http://169.254.169.254",
        "http://[::1]:80",
        "http://[::ffff:10.0.0.1]",
        "http://2130706433/",
        "http://0.0.0.0",
        "http://10.1.2.3",
    ],
)
async def test_private_addresses_are_refused(base: str) -> None:
    error = await ask(cut, allowed="", base=base)
    assert isinstance(error, RuleError)
    assert error.code == "address_is_private"


@pytest.mark.parametrize("base", ["ftp://example.com", "file:///etc/passwd", "//x", "http://"])
async def test_other_addresses_are_not_usable(base: str) -> None:
    error = await ask(cut, base=base)
    assert isinstance(error, RuleError)
    assert error.code == "address_not_usable"


def unconfirmed_limits(port: int) -> list[int]:
    """Return of this process's connections to a port how long sent data may stay unconfirmed, in ms."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        try:
            with socket.socket(fileno=os.dup(int(path.name))) as one:
                if one.getpeername()[1] == port:
                    found.append(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
        except (OSError, IndexError):  # no socket, or none that is connected
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux drops what is not confirmed: nothing to ask")
async def test_what_is_sent_into_a_cut_link_is_dropped_before_another_worker_takes_over() -> None:
    """Else it arrives when the link is healed, after another worker did the write and those behind it."""
    limits: list[int] = []

    async def look(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        limits.extend(unconfirmed_limits(writer.get_extra_info("sockname")[1]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()

    assert await ask(look) == 200
    assert limits == [int(GRACE_SECONDS * 1000)]


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()


async def drop_by_drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)


async def test_an_answer_without_end_is_left_where_it_is_too_large() -> None:
    """Whoever answers our calls must not fill our memory: nothing past the limit is taken."""
    error = await ask(endless, timeout=30.0)
    assert isinstance(error, UncertainError)
    assert error.code == "vendor_answer_too_large"


async def test_the_time_out_covers_the_answer_too() -> None:
    error = await ask(drop_by_drop, timeout=0.5)
    assert isinstance(error, UncertainError)
    assert error.code == "vendor_timed_out"


async def test_a_large_answer_within_the_limit_is_whole() -> None:
    size = MAX_ANSWER_BYTES

    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
        await writer.drain()

    assert await ask(large, timeout=30.0) == 200
