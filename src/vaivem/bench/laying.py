"""Lays down history and backlog by SQL, as the engine itself would have left them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import asyncpg

from vaivem.bench.events import SIGNATURE_HEADER, event_body
from vaivem.bench.installation import Installation

CHUNK = 20_000
HANDS = 2  # connections that lay side by side: one statement keeps no more than one core busy

_HOT = ("lane", "item", "seen", "intent", "claim")
_COLD = ("event", "run", "step", "term")


def _statement(name: str) -> str:
    text = files("vaivem.bench").joinpath("laying.sql").read_text("utf-8")
    return text.partition(f"-- name: {name}\n")[2].partition("-- name: ")[0]


class Layers:
    """Adds rows up to a depth; remembers how many it has laid."""

    def __init__(self, house: Installation) -> None:
        self._house = house
        self.history = 0
        self.backlog = 0

    async def lay_history(self, depth: int) -> float:
        """Have `depth` finished runs in the history; return the seconds it took."""
        begun = time.monotonic()
        await self._lay("history", self.history, depth, "laid", _COLD)
        self.history = depth
        return time.monotonic() - begun

    async def lay_backlog(self, more: int) -> float:
        """Let `more` events wait in lanes of their own; return the seconds it took."""
        begun = time.monotonic()
        await self._lay("backlog", self.backlog, self.backlog + more, "back", (*_HOT, "event"))
        self.backlog += more
        return time.monotonic() - begun

    async def _lay(self, name: str, low: int, high: int, prefix: str, tables: tuple[str, ...]) -> None:
        db = await asyncpg.connect(self._house.dsn)
        try:
            connection = next(iter(self._house.hooks))
            ws, rule = await db.fetchrow(
                "select workspace_id, id from rule where title = 'Signed b' order by id limit 1"
            )
            body = event_body("@P@", 0, "b").decode().replace("@P@-000000", f"{prefix}-@@")
            body = body.replace("@P@.0@", f"{prefix}.@@@")
            headers = f'{{"content-type":"application/json","{SIGNATURE_HEADER}":"{"0" * 64}"}}'
            chunks = iter(range(low + 1, high + 1, CHUNK))
            given = (ws, connection, body, headers, rule)
            await asyncio.gather(*(self._lay_chunks(name, chunks, high, given) for _ in range(HANDS)))
            for table in tables:
                await db.execute(f"vacuum (analyze) {table}")
            await db.execute("checkpoint")
        finally:
            await db.close()

    async def _lay_chunks(self, name: str, chunks: Iterator[int], high: int, given: tuple[Any, ...]) -> None:
        db = await asyncpg.connect(self._house.dsn)
        try:
            await db.execute("set synchronous_commit = off")  # made-up rows; the engine's own stay durable
            query = _statement(name)
            for first in chunks:
                await db.execute(query, first, min(first + CHUNK - 1, high), *given)
        finally:
            await db.close()

    async def clear_backlog(self) -> None:
        """Take away what still waits."""
        db = await asyncpg.connect(self._house.dsn)
        try:
            await db.execute(_statement("clear_lanes"))
            await db.execute(_statement("clear_items"))
            for table in _HOT:
                await db.execute(f"vacuum (analyze) {table}")
        finally:
            await db.close()
