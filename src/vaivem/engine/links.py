"""A connection to the database that comes back after the database was away."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import asyncpg

from vaivem.engine.journal import DatabaseAwayError, is_away

CONNECT_SECONDS = 3.0
# The hot statements join a few rows given to tables by their keys. A plan that was made while a table was
# nearly empty, and is kept, must not read all of it when it is not. And one is kept: to plan an outcome anew
# takes twice the time that it takes to write it, and what the server does by itself depends on how full the
# tables were at the first five calls.
BY_INDEX = {"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan"}
# Nor by a join that reads one side whole: only the rows that were given are looked up, one by one. And not by
# bitmaps: only a plain look through an index marks what is dead in it, and thousands of rows die in a second.
BY_KEY = BY_INDEX | {"enable_hashjoin": "off", "enable_mergejoin": "off", "enable_bitmapscan": "off"}
# What the server does by itself about a client that is cut off: it may not hold locks that others wait for.
SESSION = {
    "idle_in_transaction_session_timeout": "30s",
    "statement_timeout": "60s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
}


class Link:
    """One connection, made when it is needed and dropped when it breaks. One statement at a time."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()
        self._closed = False

    async def fetch(self, query: str, *arguments: Any, seconds: float = 10.0) -> list[asyncpg.Record]:
        """Run a statement; raises DatabaseAwayError when the database cannot be reached."""
        async with self._turn:
            try:
                connection = await self._made()
                rows: list[asyncpg.Record] = await connection.fetch(query, *arguments, timeout=seconds)
                return rows
            except Exception as error:
                if not is_away(error):
                    raise
                await self._drop()
                raise DatabaseAwayError(str(error)) from error

    async def _made(self) -> asyncpg.Connection:
        if self._closed:
            raise DatabaseAwayError("this process is closing")  # for a bell that rings late
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._dsn,
                timeout=CONNECT_SECONDS,
                server_settings=SESSION | BY_INDEX | {"statement_timeout": "15s"},
            )
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.terminate()

    async def close(self) -> None:
        """Close the connection, for good."""
        async with self._turn:
            self._closed = True
            connection, self._connection = self._connection, None
            if connection is not None:
                # A server that is slow to say goodbye does not keep us from closing the others.
                with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await connection.close(timeout=1)
