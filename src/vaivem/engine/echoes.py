"""Our own changes that come back as events: what we wrote is kept, and such an event goes no further.

Only for records of connections that send us events. What was written is kept before its intent goes; so as
long as an intent of a rule that writes to the connection stands, what it wrote may still come, and is waited
for. Without one, what is not there was not written by us: content decides, never a time window.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

import asyncpg

from vaivem.connectors.sdk import Event, Written
from vaivem.core.echoes import is_echo, kept
from vaivem.engine.statements import statement
from vaivem.engine.topology import Topology

LOOKS = 40
LOOK_PAUSE_SECONDS = 0.1


class Echoes:
    """What we last wrote to each record, and whether an event tells of nothing else."""

    def __init__(self, pool: asyncpg.Pool, topology: Topology) -> None:
        self._pool = pool
        self._topology = topology

    async def keep(self, ws: int, written: Iterable[tuple[int, Written]]) -> None:
        """Keep what was written; fields written before stay, unless they are written anew."""
        rows = [
            (ws, conn, one.object, one.record, json.dumps(kept(one.values, one.version)))
            for conn, one in written
            if one.values
        ]
        if rows:
            await self._pool.executemany(statement("echoes", "keep"), rows)

    async def is_own(self, ws: int, conn: int, event: Event) -> bool:
        """Say whether an event only tells of a change that we made."""
        writers = self._topology.writers(conn)
        if event.changed is None or not writers:
            return False
        arguments = (ws, conn, event.object, event.record, writers)
        for _ in range(LOOKS):
            row = await self._pool.fetchrow(statement("echoes", "last"), *arguments)
            if row is not None and row["fields"] is not None:
                fields = json.loads(row["fields"])
                if is_echo(event.changed, event.version, fields, whole=event.whole):
                    return True
            if row is None or not row["writing"]:
                return False
            await asyncio.sleep(LOOK_PAUSE_SECONDS)
        return False
