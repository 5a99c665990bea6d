"""Writes in bulk, the run's side: a record goes with those of other runs in one call of the vendor.

A run of the past says what it wants written, and waits in its lane with all that it holds, as for a write in
doubt: its intent and its claims stay, and what it read is durable with them, so none of it is read again.
`bulk_batches` sends what came together and tells each run what became of its record, which is then a row of
the run's own journal, like any write.

It is for records that are not there yet. Who is there already is changed by the run's own calls: somebody who
is in every document would have their runs wait for one import after the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from vaivem.engine.desk import Desk, RunState, as_json
from vaivem.engine.memory import COUNTED, LEFT_OUT, TOGETHER
from vaivem.engine.parking import ParkError
from vaivem.engine.past import allowed
from vaivem.engine.sending import Sending
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line

# A run is woken when its record has been worked; it looks by itself so often, should that be missed.
LOOK_SECONDS = 120.0
WAITS = "waits_for_bulk"

Told = Mapping[str, Any] | None


class InBulk:
    """What one step of a run has written in bulk."""

    __slots__ = ("_desk", "_line", "_run", "_sending")

    def __init__(self, desk: Desk, run: RunState, line: Line, sending: Sending) -> None:
        self._desk = desk
        self._run = run
        self._line = line
        self._sending = sending

    @property
    def offered(self) -> bool:
        """Whether the run may: it is of the past, and repeats no other one. That never changes for a run."""
        item = self._run.item
        return allowed(item.delivery, bulk=item.bulk) is not None and self._run.former is None

    async def write(self, n: int, key: str, record: Mapping[str, Any]) -> Told:
        """Return what the vendor told of the record; None where the run is to write it by itself.

        Raises ParkError while it is under way.
        """
        item, conn = self._run.item, self._line.connection.id
        place = (item.ws, item.run_id, n)
        row = await self._desk.pool.fetchrow(statement("bulk", "told"), *place)
        if row is None:
            self._sending.add_word(n, COUNTED, write=False, done=False, response=None)
            await self._desk.flush(self._run, intent=n)
            text = as_json(record)
            await self._desk.pool.execute(statement("bulk", "ask"), *place, conn, key, item.lane, text)
        elif row["told"] is not None:
            return self._over(n, key, record, json.loads(row["told"]))
        due = self._desk.clock.now() + timedelta(seconds=LOOK_SECONDS)
        raise ParkError("doubt", WAITS, due, conn, keeps=True)

    def _over(self, n: int, key: str, record: Mapping[str, Any], told: Told) -> Told:
        """Journal what became of the record: it was written, or the run goes on to write it."""
        if self._run.memory.doubt_n == n:  # else it is of a write that the run did by itself, after this
            self._run.memory.doubt = None
        if told is None:
            self._sending.add_word(n, key, write=False, done=True, response=b"null", code=LEFT_OUT)
            return None
        bulk = self._line.connector.bulk_write(key)
        wire = self._desk.shown(self._line, bulk.call([record]))
        self._sending.add_part(n, key, wire, as_json(told).encode(), TOGETHER)
        return told
