"""Backfills: what happened before a rule was switched on, as far as the vendor's own lists reach.

A backfill is looked at first: how much there is, and field by field what some of it would write. A person
then starts it. Both go through the past a day at a time, as bulk, and note how far they have come together
with what came of it: whichever worker is there goes on, and a killed one loses nothing. An event is known by
the backfill it came from, so a day that is read twice is taken once.

Steps that reach people (e-mails, notices, notes, automations) are left out unless a person ticked them; the
deliveries of a backfill say which, in a header that counts on bulk only.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from enum import IntEnum
from typing import Any

import orjson

from vaivem.connectors.sdk import Delivery, Event
from vaivem.core.errors import Recovery, RuleError, UnreadableError, VaivemError
from vaivem.engine.desk import Desk, clean
from vaivem.engine.direct import ChoreCaller
from vaivem.engine.ids import time_of
from vaivem.engine.intake import Intake
from vaivem.engine.journal import is_away
from vaivem.engine.past import HEADER
from vaivem.engine.rehearsals import rehearse_one
from vaivem.engine.statements import statement
from vaivem.engine.tallies import Tally
from vaivem.engine.topology import Line, RuleUse

WINDOW = timedelta(days=1)
MOST_WAITING = 200  # runs in lanes: more are not put there, so that it can be stopped
SAMPLES = 5
IDLE_SECONDS, PAUSE_SECONDS = 1.0, 15.0

log = logging.getLogger(__name__)


class BackfillState(IntEnum):
    """How a backfill stands."""

    LOOKING = 0
    LOOKED_AT = 1
    UNDER_WAY = 2
    DONE = 3
    STOPPED = 4
    FAILED = 5


class Backfills:
    """Goes on with every backfill that is open, a day at a time."""

    def __init__(self, desk: Desk, intake: Intake) -> None:
        self._desk = desk
        self._intake = intake

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            busy = False
            try:
                busy = await self.step()
            except Exception as error:
                if not is_away(error):
                    log.exception("A backfill could not go on; it is tried again")
                await asyncio.sleep(PAUSE_SECONDS)
            await asyncio.sleep(0 if busy else IDLE_SECONDS)

    async def step(self) -> bool:
        """Do a day of one backfill; return whether there was something to do.

        One worker at a time does: its connection holds a lock, which ends with it. No transaction stays open
        while a vendor is read.
        """
        async with self._desk.pool.acquire() as db:
            if not await db.fetchval(statement("backfills", "begin")):
                return False
            try:
                return await self._step(db)
            finally:
                await db.execute(statement("backfills", "end"))

    async def _step(self, db: Any) -> bool:
        row = await db.fetchrow(statement("backfills", "next"))
        if row is None:
            return False
        told = dict(row) | {"code": "", "params": {}}
        told["counts"], told["sample"] = json.loads(row["counts"]), json.loads(row["sample"])
        try:
            busy = await self._day(told)
        except VaivemError as error:
            busy = False
            told |= {"code": error.code, "params": clean(dict(error.params))}
            if error.recovery not in (Recovery.RETRY, Recovery.RESOLVE, Recovery.RECONNECT):
                told["state"] = BackfillState.FAILED
        await self._note(db, told, row["state"])
        return busy

    async def _note(self, db: Any, told: Mapping[str, Any], before: int) -> None:
        texts = [json.dumps(clean(told[key]), ensure_ascii=False) for key in ("counts", "sample", "params")]
        await db.execute(
            statement("backfills", "note"),
            *(told["ws"], told["id"], int(told["state"]), told["at"]),
            *(texts[0], texts[1], told["code"], texts[2], before, PAUSE_SECONDS if told["code"] else 0.0),
        )

    async def _day(self, told: dict[str, Any]) -> bool:
        """Do the next day, and say so in `told`; return whether it got further."""
        use, line = self._ends(told)
        working = told["state"] == BackfillState.UNDER_WAY
        if (
            working
            and await self._desk.pool.fetchval(statement("backfills", "waiting"), told["ws"], told["rule"])
            >= MOST_WAITING
        ):
            return False
        since, until = told["at"], min(told["at"] + WINDOW, told["until"])
        if since < until and line.connector.webhooks is not None:
            reader = ChoreCaller(self._desk.caller, line)
            deliveries = await line.connector.webhooks.past(reader, told["since"], since, until)
            for delivery in deliveries:
                await self._one(told, use, line, delivery)
                await asyncio.sleep(0)
        told["at"] = until
        if until >= told["until"]:
            told["state"] = BackfillState.DONE if working else BackfillState.LOOKED_AT
        return True

    def _ends(self, told: Mapping[str, Any]) -> tuple[RuleUse, Line]:
        use = self._desk.topology.rules.get(told["rule"])
        if use is None or use.workspace != told["ws"]:
            raise RuleError("rule_is_off")
        line = self._desk.topology.lines.get(use.source)
        if line is None or line.connector.webhooks is None:
            raise RuleError("connection_is_gone", params={"connection": use.source})
        return use, line

    async def _one(self, told: dict[str, Any], use: RuleUse, line: Line, delivery: Delivery) -> None:
        """Count, or take, what the rule would have taken of one delivery."""
        webhooks = line.connector.webhooks
        if webhooks is None:
            return
        marked = replace(delivery, headers={**delivery.headers, HEADER: ",".join(("on", *told["steps"]))})
        try:
            events = webhooks.parse(marked, line.connection)
        except UnreadableError:
            _add(told, "unreadable")
            return
        tally = Tally(self._desk.topology, use, told["counts"], time_of(self._desk.ids.next()))
        kept = [event for event in events if _is_past(use, event, told)]
        if told["state"] == BackfillState.UNDER_WAY:
            named = [
                replace(one, same=("backfill", str(told["id"]), *_sameness(one)), near=0.0) for one in kept
            ]
            _add(told, "taken", await self._intake.take_past(line, marked, named, use.id))
            return
        for part, event in enumerate(events):
            if event in kept:
                await tally.add(line, event)
                await self._look(told, use, line, marked, event, part)

    async def _look(
        self, told: dict[str, Any], use: RuleUse, line: Line, delivery: Delivery, event: Event, part: int
    ) -> None:
        _add(told, "events")
        _know(told, "records", event.record)
        for term in event.terms:
            if "@" in term:
                _know(told, "people", term.casefold())
        if len(told["sample"]) < SAMPLES:
            row = {
                "id": self._desk.ids.next(), "title": event.title, "method": delivery.method,
                "path": delivery.path, "query": delivery.query, "body": delivery.body, "part": part,
                "headers": orjson.dumps(dict(delivery.headers)),
            }  # fmt: skip
            told["sample"].append(clean(await rehearse_one(self._desk, use, line, row)))


def _is_past(use: RuleUse, event: Event, told: Mapping[str, Any]) -> bool:
    """Say whether an event is from before, and of the time asked for: what comes later is the rule's own.

    A record is listed by its last change; what starts the rule may have happened to it long before that.
    """
    happened = use.trigger.happened(event)
    before = happened is None or happened < (use.on_since or told["until"])
    tells_other = happened is not None and happened != event.occurred
    asked = not tells_other or happened is None or happened >= told["since"]
    return before and asked and use.trigger.accepts(event, use.options)


def _sameness(event: Event) -> tuple[str, ...]:
    moment = event.occurred.isoformat() if event.occurred else ""
    return event.same or (event.kind, event.record, moment)


def _add(told: dict[str, Any], name: str, number: int = 1) -> None:
    told["counts"][name] = told["counts"].get(name, 0) + number


def _know(told: dict[str, Any], name: str, value: str) -> None:
    """Count a value once: what was seen is kept with the counts, in short."""
    seen = told["counts"].setdefault(f"{name}_seen", {})
    short = hashlib.blake2b(value.encode("utf-8", "replace"), digest_size=6).hexdigest()
    if short not in seen:
        seen[short] = 1
        _add(told, name)
