"""Backfills: what happened before a rule was switched on, as far as the vendor's own lists reach.

A backfill is looked at first: how much there is, and field by field what some of it would write. A person
then starts it. Both go through the past a day at a time, as bulk, and note how far they have come together
with what came of it: whichever worker is there goes on, and a killed one loses nothing. An event is known by
the backfill it came from, so a day that is read twice is taken once.

Steps that reach people (e-mails, notices, notes, automations) are left out unless a person ticked them; the
deliveries of a backfill say which, in a header that counts on bulk only. Whoever forgot to tick brings the
past in once more: what is in already stays, and what was left out of it is made up for (`making_up.py`).
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
from vaivem.engine.intake import Intake, in_order
from vaivem.engine.journal import is_away
from vaivem.engine.making_up import Known, MakingUp, past_identity
from vaivem.engine.past import HEADER, mark
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
        making_up = await MakingUp.of(self._desk, use, line, told["id"])
        if working and not await self._has_room(told, making_up):
            return False
        since, until = told["at"], min(told["at"] + WINDOW, told["until"])
        if since < until and line.connector.webhooks is not None:
            reader = ChoreCaller(self._desk.caller, line)
            deliveries = await line.connector.webhooks.past(reader, told["since"], since, until)
            for delivery in deliveries:
                await self._one(told, use, line, delivery, making_up)
                await asyncio.sleep(0)
        told["at"] = until
        if until >= told["until"]:
            told["state"] = BackfillState.DONE if working else BackfillState.LOOKED_AT
        return True

    async def _has_room(self, told: Mapping[str, Any], making_up: MakingUp) -> bool:
        """Say whether more may be put into lanes.

        What is still under way cannot be made up for. It is waited for here, before the vendor is asked.
        """
        db, rule = self._desk.pool, (told["ws"], told["rule"])
        if told["steps"] and making_up.earlier and await db.fetchval(statement("backfills", "moves"), *rule):
            return False
        waiting: int = await db.fetchval(statement("backfills", "waiting"), *rule)
        return waiting < MOST_WAITING

    def _ends(self, told: Mapping[str, Any]) -> tuple[RuleUse, Line]:
        use = self._desk.topology.rules.get(told["rule"])
        if use is None or use.workspace != told["ws"]:
            raise RuleError("rule_is_off")
        line = self._desk.topology.lines.get(use.source)
        if line is None or line.connector.webhooks is None:
            raise RuleError("connection_is_gone", params={"connection": use.source})
        return use, line

    async def _one(
        self, told: dict[str, Any], use: RuleUse, line: Line, delivery: Delivery, making_up: MakingUp
    ) -> None:
        """Count, or take, what the rule would have taken of one delivery."""
        webhooks = line.connector.webhooks
        if webhooks is None:
            return
        marked = replace(delivery, headers={**delivery.headers, HEADER: mark(told["id"], told["steps"])})
        try:
            events = webhooks.parse(marked, line.connection)
        except UnreadableError:
            _add(told, "unreadable")
            return
        tally = Tally(self._desk.topology, use, told["counts"], time_of(self._desk.ids.next()))
        for part, event in in_order(events):
            if not _is_past(use, event, told):
                continue
            known = await making_up.known(event)
            if told["state"] == BackfillState.UNDER_WAY:
                await self._take(told, use, line, marked, (part, event), known, making_up)
                continue
            _see(told, event)
            if known is not None:
                _count_known(told, known)
                continue
            await tally.add(line, event)
            await self._rehearse(told, use, line, marked, event, part)

    async def _take(
        self,
        told: dict[str, Any],
        use: RuleUse,
        line: Line,
        delivery: Delivery,
        placed: tuple[int, Event],
        known: Known | None,
        making_up: MakingUp,
    ) -> None:
        """Take an event that is new to the rule; of one that is not, make up for what was left out."""
        part, event = placed
        if known is None:
            named = replace(event, same=past_identity(told["id"], event), near=0.0)
            _add(told, "taken", await self._intake.take_past(line, delivery, [(part, named)], use.id))
        elif known.own:
            return
        elif await making_up.make_up(event, known, told["steps"]):
            _add(told, "made_up")
        else:
            _count_known(told, known)
            if known.waits(told["steps"]):
                _add(told, "waits")

    async def _rehearse(
        self, told: dict[str, Any], use: RuleUse, line: Line, delivery: Delivery, event: Event, part: int
    ) -> None:
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
    if event.kind not in use.trigger.kinds:
        return False
    happened = use.trigger.happened(event)
    before = happened is None or happened < (use.on_since or told["until"])
    tells_other = happened is not None and happened != event.occurred
    asked = not tells_other or happened is None or happened >= told["since"]
    return before and asked and use.trigger.accepts(event, use.options)


def _see(told: dict[str, Any], event: Event) -> None:
    """Count an event, and whom it is about."""
    _add(told, "events")
    _know(told, "records", event.record)
    for term in event.terms:
        if "@" in term:
            _know(told, "people", term.casefold())


def _count_known(told: dict[str, Any], known: Known) -> None:
    """Count an event that is in already, and the steps that were left out of it."""
    _add(told, "known")
    if known.failed:
        _add(told, "failed")
    by_step = told["counts"].setdefault("left_out", {})
    for step in known.left_out:
        by_step[step] = by_step.get(step, 0) + 1


def _add(told: dict[str, Any], name: str, number: int = 1) -> None:
    told["counts"][name] = told["counts"].get(name, 0) + number


def _know(told: dict[str, Any], name: str, value: str) -> None:
    """Count a value once: what was seen is kept with the counts, in short."""
    seen = told["counts"].setdefault(f"{name}_seen", {})
    short = hashlib.blake2b(value.encode("utf-8", "replace"), digest_size=6).hexdigest()
    if short not in seen:
        seen[short] = 1
        _add(told, name)
