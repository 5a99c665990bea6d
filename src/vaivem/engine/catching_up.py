"""What webhooks missed: bounded reads of what changed meanwhile, at each vendor that allows it.

After Vaivém itself was away, once; and gently now and then (the manifest's `sweep_minutes`), as long as a
rule listens. Each look begins where the last one ended, with some overlap, and stays behind by a few minutes,
so that what a webhook is about to bring is left to it. All of it is bulk.

What is owed is a fact of its own (`catch_up/<connection>`), written together with the sign of life that ends
the absence: a crash, or a vendor that is down, leaves it owed, and the next round goes on with it.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from vaivem.connectors.sdk import Delivery, Event
from vaivem.core.errors import BugError, Recovery, RetryError, UnreadableError, VaivemError
from vaivem.core.identity import search_terms, term_hash
from vaivem.engine.clock import CLOCKS
from vaivem.engine.desk import Desk
from vaivem.engine.direct import ChoreCaller
from vaivem.engine.ids import id_at
from vaivem.engine.intake import MOST_TITLE, Intake
from vaivem.engine.journal import is_away
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line

AWAY_SECONDS = 300.0
LONGEST_LOOK_BACK = timedelta(days=7)
OVERLAP = timedelta(minutes=2)
MOST_TRIES = 60
SWEEP_SETTLES = timedelta(minutes=5)  # what happened just now may still be on its way

log = logging.getLogger(__name__)


class CatchingUp:
    """Notes that the installation is alive, and looks back when it was not."""

    def __init__(self, desk: Desk, intake: Intake) -> None:
        self._desk = desk
        self._intake = intake

    async def go_on(self) -> None:
        """Write down that events could arrive now, and do what is still owed."""
        await self._note("alive", {"at": self._desk.clock.now().isoformat()})
        await self._owe_sweeps()
        await self._pay()

    async def after_absence(self) -> None:
        """Look back if the last sign of life is old; the first start of all has nothing to look back to."""
        now = self._desk.clock.now()
        async with self._desk.pool.acquire() as db, db.transaction():
            await db.execute(statement("chores", "absence_lock"))  # of several workers one finds the absence
            value = await db.fetchval(statement("chores", "fact"), "alive")
            since = datetime.fromisoformat(json.loads(value)["at"]) if value else now
            if (now - since).total_seconds() >= AWAY_SECONDS:
                since = max(since - OVERLAP, now - LONGEST_LOOK_BACK)
                owed = json.dumps({"state": "owed", "since": since.isoformat(), "until": now.isoformat()})
                names = [_name(line) for line in self._desk.topology.lines.values() if _looks_back(line)]
                await db.execute(statement("chores", "note_owed"), names, owed)
            alive = json.dumps({"at": now.isoformat()})
            await db.execute(statement("chores", "note_fact"), "alive", alive)
        await self._pay()

    async def _owe_sweeps(self) -> None:
        """Owe a look to each connection whose last one is long enough ago: webhooks get lost."""
        heard = self._desk.topology.heard()
        lines = [
            line
            for line in self._desk.topology.lines.values()
            if line.connector.manifest.sweep_minutes and line.connection.id in heard and _looks_back(line)
        ]
        until = self._desk.clock.now() - SWEEP_SETTLES
        for line in lines:
            value = await self._desk.pool.fetchval(statement("chores", "fact"), _name(line))
            last = json.loads(value) if value else None
            pause = timedelta(minutes=line.connector.manifest.sweep_minutes)
            since = datetime.fromisoformat(last["until"]) if last else until - pause
            if (last and last["state"] == "owed") or until - since < pause:
                continue
            owed = {"state": "owed", "since": max(since - OVERLAP, until - LONGEST_LOOK_BACK).isoformat()}
            await self._note(_name(line), {**owed, "until": until.isoformat(), "sweep": True})

    async def _pay(self) -> None:
        """Do every look back that is owed; a passing failure leaves it owed."""
        for row in await self._desk.pool.fetch(statement("chores", "owed")):
            line = self._desk.topology.lines.get(int(row["name"].rpartition("/")[2]))
            if line is not None and _looks_back(line):
                await self._note(row["name"], await self._look_back(line, json.loads(row["value"])))

    async def _look_back(self, line: Line, owed: dict[str, Any]) -> dict[str, Any]:
        """Read what was missed; return the fact that tells how it went."""
        since, until = (datetime.fromisoformat(owed[key]) for key in ("since", "until"))
        told: dict[str, Any] = {**owed, "state": "done", "problem": {}}
        told["tries"] = int(owed.get("tries", 0)) + 1
        try:
            told["found"] = told["new"] = 0
            webhooks = line.connector.webhooks
            caller = ChoreCaller(self._desk.caller, line)
            for delivery in await webhooks.missed(caller, since, until) if webhooks else ():
                told["found"] += 1
                told["new"] += await self._take(line, delivery, told)
        except VaivemError as error:
            log.warning(
                "Connection %s: what was missed could not be read: %s",
                line.connection.id,
                error,
                extra=line.ids,
            )
            told["problem"] = error.problem.to_dict()
            told["tries"] -= isinstance(error, RetryError) and error.limit  # a limit only delays
            if error.recovery in (Recovery.RETRY, Recovery.RESOLVE) and told["tries"] < MOST_TRIES:
                told["state"] = "owed"
        except Exception as error:
            if is_away(error):
                raise
            log.exception(
                "Connection %s: what was missed could not be read", line.connection.id, extra=line.ids
            )
            told["problem"] = BugError(detail=repr(error)).problem.to_dict()
        return told

    async def _take(self, line: Line, delivery: Delivery, told: dict[str, Any]) -> int:
        """Take one delivery; one that cannot be read is told and does not keep the others out."""
        try:
            events = (
                line.connector.webhooks.parse(delivery, line.connection) if line.connector.webhooks else []
            )
        except UnreadableError as error:
            told["problem"] = error.problem.to_dict()
            return 0
        new = [event for event in events if not (event.near and await self._is_told(line, event))]
        return await self._intake.take(line, delivery, new, bulk=True)

    async def _is_told(self, line: Line, event: Event) -> bool:
        """Say whether a webhook brought what a look back found, by kind, record, title and time."""
        if event.occurred is None:
            return False
        ws, slack = line.connection.workspace, timedelta(seconds=event.near)
        hashes = [term_hash(ws, term) for term in search_terms([event.record])]
        since, until = event.occurred - slack, event.occurred + slack
        what = (line.connection.id, event.kind, event.record, event.title[:MOST_TITLE])
        query = statement("chores", "told_already")
        return bool(
            await self._desk.pool.fetchval(query, ws, hashes, id_at(since - CLOCKS), *what, since, until)
        )

    async def _note(self, name: str, value: dict[str, Any]) -> None:
        await self._desk.pool.execute(statement("chores", "note_fact"), name, json.dumps(value))


def _name(line: Line) -> str:
    return f"catch_up/{line.connection.id}"


def _looks_back(line: Line) -> bool:
    return line.catch_up and line.wants_hook and line.state == "working"
