"""How a run begins: whether its event starts the rule, and what the steps have to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from vaivem.connectors.sdk import Event
from vaivem.core.changes import Judgement
from vaivem.core.identity import search_terms, term_hash
from vaivem.core.kinship import Relative, relatives
from vaivem.core.values import Values
from vaivem.engine.automations import NotInsideError, enter
from vaivem.engine.changes import Told, look
from vaivem.engine.clock import CLOCKS
from vaivem.engine.context import StepContext
from vaivem.engine.desk import Desk, RunState
from vaivem.engine.endings import Ending, Status
from vaivem.engine.ids import SHIFT, id_at
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line, RuleUse

QUARTER_HOUR = 15 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Begun:
    """What the steps work with: the source record, what the event is about, and what it says."""

    source: str
    about: tuple[Relative, ...]
    scope: dict[str, Any]


class Beginning:
    """Looks at an event as one run of one rule."""

    def __init__(
        self,
        desk: Desk,
        use: RuleUse,
        run: RunState,
        lane_key: Callable[..., int],
        line: Line,
        zone: str,
    ) -> None:
        """`line` is the connection that the event came from."""
        self._desk = desk
        self._use = use
        self._run = run
        self._lane_key = lane_key
        self._line = line
        self._zone = zone

    async def look(self, event: Event) -> Begun | Ending:
        """Read what the event says, and the conditions; return an ending when there is nothing to do."""
        use, item, line = self._use, self._run.item, self._line
        record = use.trigger.record(event, use.options)
        source = f"{use.source}:{event.object}:{record}"
        begins = not self._run.memory.tries and item.replay_of is None
        stops = begins and use.trigger.stops_echoes
        own = stops and await self._desk.echoes.is_own(item.ws, use.source, event)
        changed = use.compiled.trigger.changed
        if own and changed is None:
            return Ending(Status.NOTHING, "our_own_change")
        if item.bulk and begins and await self._known(event):  # no reads for what a webhook brought already
            return Ending(Status.NOTHING, "already_started")
        if use.trigger.snapshot:
            event = replace(event, late=await self._is_late(event, begins=begins))
        reader = StepContext(
            self._desk, self._run, line, place=0, step="trigger", values=Values({}), options={}, source=source
        )
        data = await use.trigger.scope(reader, event, use.options)
        if data is None:
            return Ending(Status.NOTHING, "not_yet")
        # After the look: an event that has nothing to do yet must not use up the key of the one that will.
        once = use.trigger.once_key(event, use.options)
        if once is not None and not await self._first(once):
            return Ending(Status.NOTHING, "already_started", {"key": once})
        if changed is not None:
            told = Told.of(use.trigger, line.connection, event, changed.field, data)
            change = await look(
                self._desk.pool, item.ws, item.rule, self._first_run, source, changed, told,
                use.trigger, self._zone,
            )  # fmt: skip
            if own:
                return Ending(Status.NOTHING, "our_own_change")
            if change.judgement is not Judgement.CHANGED:
                return Ending(Status.NOTHING, change.judgement.value, change.params(changed))
        about = relatives(use.source, line.connector.kinds, event.object, record, data)
        today = _day(item.run_id >> SHIFT, self._zone)
        scope = {**data, "steps": {}, "rule": {"title": use.compiled.rule.title}, "today": today}
        verdict = use.compiled.passes(scope, zone=self._zone)
        if not verdict.passed:
            return Ending(Status.NOTHING, "filtered", {"tests": [test.to_dict() for test in verdict.reasons]})
        try:  # an automation's person: there may be nobody, or they are in already
            await enter(self._desk, self._run, use.compiled, scope)
        except NotInsideError as not_inside:
            return Ending(Status.NOTHING, not_inside.code, not_inside.params)
        return Begun(source, about, scope)

    async def _is_late(self, event: Event, *, begins: bool) -> bool:
        """Say whether a later event of the record came first. A run that goes on does as it began."""
        if not begins and self._run.memory.upto >= 0:
            return self._run.memory.at(0) is not None
        hashes = [term_hash(self._run.item.ws, term) for term in search_terms([event.record])]
        if event.occurred is None or not hashes:
            return False
        arguments = (self._use.source, event.object, event.record, event.occurred)
        query = statement("lanes", "overtaken")
        lowest = id_at(event.occurred - CLOCKS)
        found = await self._desk.pool.fetchval(query, self._run.item.ws, min(hashes), lowest, *arguments)
        return bool(found)

    @property
    def _first_run(self) -> int:
        """The run that this one repeats, from the beginning: to it a key belongs that is used up once."""
        return self._run.former.root if self._run.former else self._run.item.run_id

    async def _known(self, event: Event) -> bool:
        """Say whether another run has started the rule for what this event reports.

        Asked of what was looked for or is late, which a webhook has mostly brought: reads cost.
        """
        once = self._use.trigger.once_key(event, self._use.options)
        if once is None:
            return False
        item, key = self._run.item, self._lane_key(once).to_bytes(8, "big", signed=True)
        row = await self._desk.pool.fetchval(statement("journal", "started"), item.ws, item.rule, key)
        return row is not None and row != self._first_run

    async def _first(self, once: str) -> bool:
        """Say whether this run is the one that starts the rule for the key."""
        item = self._run.item
        key = self._lane_key(once).to_bytes(8, "big", signed=True)
        row = await self._desk.pool.fetchval(
            statement("journal", "once"), item.ws, item.rule, key, self._first_run
        )
        return bool(row)


def _day(milliseconds: int, zone: str) -> str:
    """Return the day of a moment (YYYY-MM-DD) in a zone."""
    return _day_of(milliseconds // QUARTER_HOUR, zone)


@lru_cache(maxsize=256)
def _day_of(quarter: int, zone: str) -> str:
    """As `_day`, of a quarter of an hour: no zone's day begins within one."""
    moment = datetime.fromtimestamp(quarter * QUARTER_HOUR / 1000, UTC)
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()
