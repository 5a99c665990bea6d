"""What a rule has had of its past already, and steps of it that are made up for.

Brought in a second time, an event is not worked a second time. Where its run is done and had left out a step
that reaches people, which is ticked now, that run is opened again: it goes by its journal, so whatever it had
done stays done, and does that step as the rule has it today. All that a run of the engine can survive, this
survives: it *is* that run, at the end of its lane.

A run that waits, or has failed, is left alone: it may have a write in doubt, and comes to its steps in order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from vaivem.connectors.sdk import Delivery, Event
from vaivem.core.crossing import same_step
from vaivem.core.errors import VaivemError
from vaivem.engine.desk import Desk
from vaivem.engine.endings import Status
from vaivem.engine.intake import known_by
from vaivem.engine.lane_keys import lane_key
from vaivem.engine.past import HEADER, allowed, is_of, made_up
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line, RuleUse

LEFT_OUT = "past_left_out"


@dataclass(frozen=True, slots=True)
class Known:
    """The last run that a rule has made of an event. `own`: the backfill at hand brought or opened it.

    `left_out` are the steps that can be made up for. `may` are the steps that reach people and that a
    run which has not ended does all the same; None for any other. `headers` are those of its event as kept.
    """

    run: int
    own: bool = False
    failed: bool = False
    may: frozenset[str] | None = None
    left_out: frozenset[str] = frozenset()
    headers: bytes = b""

    def waits(self, steps: Iterable[str]) -> bool:
        """Say whether it has not ended, and will leave out one of these steps."""
        return self.may is not None and not self.may.issuperset(steps)


def past_identity(backfill: int, event: Event) -> tuple[str, ...]:
    """Return what makes an event of a backfill the same as one that it has brought before."""
    moment = event.occurred.isoformat() if event.occurred else ""
    return ("backfill", str(backfill), *(event.same or (event.kind, event.record, moment)))


class MakingUp:
    """Looks at what one backfill finds that its rule has had."""

    def __init__(self, desk: Desk, use: RuleUse, line: Line, backfill: int, earlier: Sequence[int]) -> None:
        """`earlier` are the other backfills of the rule."""
        self._desk = desk
        self._use = use
        self._line = line
        self._backfill = backfill
        self.earlier = earlier

    @classmethod
    async def of(cls, desk: Desk, use: RuleUse, line: Line, backfill: int) -> MakingUp:
        """Return it, with the earlier backfills looked up."""
        rows = await desk.pool.fetch(statement("backfills", "earlier"), use.workspace, use.id, backfill)
        return cls(desk, use, line, backfill, [row["id"] for row in rows])

    async def known(self, event: Event) -> Known | None:
        """Return what became of an event that the rule has had; None for one that is new to it.

        Where a trigger says what starts it once, that decides, whoever told of it. Elsewhere what an earlier
        backfill brought counts, unless there was nothing to do for it: the rule may be another by now.
        """
        once = self._use.trigger.once_key(event, self._use.options)
        found = await self._desk.pool.fetch(
            statement("backfills", "known"),
            self._use.workspace,
            self._use.id,
            self._line.connection.id,
            None if once is None else lane_key(once).to_bytes(8, "big", signed=True),
            [known_by(past_identity(one, event)) for one in self.earlier],
        )
        counts = [row for row in found if once is not None or row["status"] != Status.NOTHING]
        return await self._read(counts[-1]) if counts else None

    async def _read(self, row: Mapping[str, Any]) -> Known:
        headers = row["headers"] or b"{}"
        marked = Delivery("", "", "", orjson.loads(headers), b"")
        quiet = allowed(marked, bulk=bool(row["bulk"]))
        left_out: frozenset[str] = frozenset()
        if quiet is not None and row["kept"] and row["status"] == Status.DONE:
            left_out = await self._still_there(row["version"], _noted(row["notes"]))
        return Known(
            row["id"],
            own=quiet is not None and is_of(marked, self._backfill),
            failed=row["status"] == Status.FAILED,
            may=frozenset(quiet) if quiet is not None and row["open"] else None,
            left_out=left_out,
            headers=headers,
        )

    async def _still_there(self, version: int, steps: Iterable[str]) -> frozenset[str]:
        """Return those of the steps of a version that the rule of today has, too."""
        try:
            before = await self._desk.topology.version(self._desk.pool, self._use.id, version)
        except VaivemError:
            return frozenset()
        rules = before.compiled.rule, self._use.compiled.rule
        return frozenset(step for step in steps if same_step(*rules, step))

    async def make_up(self, event: Event, known: Known, steps: Iterable[str]) -> bool:
        """Open the run again for those of `steps` that it left out; False where there are none (any more)."""
        wanted = [step for step in steps if step in known.left_out]
        if not wanted:
            return False
        headers = orjson.loads(known.headers)
        headers[HEADER] = made_up(headers[HEADER], self._backfill, wanted, self._use.version)
        record = self._use.trigger.record(event, self._use.options)
        lane = lane_key(self._line.connection.id, event.object, record, self._use.id)
        arguments = (self._use.workspace, known.run, lane, known.headers, orjson.dumps(headers))
        async with self._desk.pool.acquire() as db, db.transaction():
            locked = (self._use.workspace, [lane], [self._use.id], [self._use.gate])
            await db.execute(statement("replays", "lock_lanes"), *locked)
            opened = await db.fetchval(statement("backfills", "reopen"), *arguments)
        return opened is not None


def _noted(notes: str | None) -> set[str]:
    """Return the steps that a run says it left out."""
    told = json.loads(notes or "[]")
    return {str(one["params"]["step"]) for one in told if one["code"] == LEFT_OUT}
