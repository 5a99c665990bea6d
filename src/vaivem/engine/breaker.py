"""The breaker: a rule that runs wild is held, and says why. Nothing of it is dropped.

Two signs: one record is changed again and again (two rules, or a rule and somebody else's, feed each other),
or a rule runs many times more often than it ever does. What was repeated or caught up on purpose does not
count. The looking is done beside the runs: a run only adds to a counter in memory.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import asyncpg

from vaivem.core.identity import search_terms, term_hash
from vaivem.engine.statements import statement

if TYPE_CHECKING:
    from vaivem.engine.desk import Item

LOOK_SECONDS = 1.5
SOON_CHANGES = 5  # so many changes of one record since the last look do not wait for the next one
BUSY_TIMES = 10
CHANGED = ("created", "updated")

Change = tuple[int, int, str, str, str]  # workspace, rule, connection, object, record

SLOTS = 1 << 20
HOUR_SECONDS = 3600.0

log = logging.getLogger(__name__)


class Lately:
    """Knows which records this worker changed in this hour and the one before.

    One byte for each slot, which records may share: some that are new are taken for known, never the other
    way round. Most records are changed once: nobody need ask the database how often they were.
    """

    def __init__(self) -> None:
        self._hours = bytearray(SLOTS)

    def knew(self, change: Change) -> bool:
        """Note a change; say whether its record may have been changed before."""
        hour = int(time.monotonic() / HOUR_SECONDS) % 255 + 1
        slot = hash(change) % SLOTS
        before, self._hours[slot] = self._hours[slot], hour
        return before != 0 and (hour - before) % 255 <= 1


class Breaker:
    """Counts what a worker's runs changed, and holds the rules that change too much."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._runs: Counter[tuple[int, int]] = Counter()
        self._changes: Counter[Change] = Counter()
        self._lately = Lately()
        self._soon = asyncio.Event()

    def note(self, item: Item, records: list[dict[str, str]]) -> None:
        """Note that a run ended, and what it changed."""
        changed = {(row["conn"], row["object"], row["id"]) for row in records if row["did"] in CHANGED}
        if item.bulk or not changed:
            return
        self._runs[item.ws, item.rule] += 1
        for one in changed:
            change = (item.ws, item.rule, *one)
            self._changes[change] += 1
            if self._changes[change] >= SOON_CHANGES:
                self._soon.set()

    async def run(self) -> None:
        """Look now and then, for as long as the worker lives."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._soon.wait()
            except TimeoutError:
                pass
            self._soon.clear()
            await self.look()

    async def look(self) -> None:
        """Count what was noted since the last look, and hold the rules that are over a limit."""
        runs, self._runs = self._runs, Counter()
        changes, self._changes = self._changes, Counter()
        again = [one for one, times in changes.items() if self._lately.knew(one) or times > 1]
        for rule, why in [*await self._often(again), *await self._busy(runs)]:
            if await self._pool.fetchval(statement("breaker", "hold"), rule, json.dumps(why)):
                log.warning("Rule %s is held: %s", rule, why, extra={"rule": rule})

    async def _often(self, changes: list[Change]) -> list[tuple[int, dict[str, Any]]]:
        """Return the rules that changed one record too often, each with the reason."""
        asked = [(ws, rule, _hash(ws, record), *rest, record) for ws, rule, *rest, record in changes]
        if not asked:
            return []
        columns = [list(column) for column in zip(*asked, strict=True)]
        rows = await self._pool.fetch(statement("breaker", "changed"), *columns)
        return [(row["rule"], _why("record_changed_too_often", row)) for row in rows]

    async def _busy(self, runs: Counter[tuple[int, int]]) -> list[tuple[int, dict[str, Any]]]:
        """Return the rules that ran too often in this hour, each with the reason."""
        if not runs:
            return []
        columns = [[ws for ws, _ in runs], [rule for _, rule in runs], list(runs.values())]
        rows = await self._pool.fetch(statement("breaker", "count"), *columns, BUSY_TIMES)
        return [(row["rule"], _why("rule_runs_too_often", row)) for row in rows]


def _hash(ws: int, record: str) -> int:
    """Return one of the hashes under which a run that changed the record is found."""
    return term_hash(ws, min(search_terms([record]), default=""))


def _why(code: str, row: asyncpg.Record) -> dict[str, Any]:
    params = {name: value for name, value in row.items() if name not in ("ws", "rule")}
    return {"code": code, "params": params}
