"""After Vaivém itself was away: one bounded read of what changed meanwhile at each vendor that allows it."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta

from vaivem.core.errors import VaivemError
from vaivem.engine.desk import Desk
from vaivem.engine.direct import ChoreCaller
from vaivem.engine.intake import Intake
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line

AWAY_SECONDS = 300.0
LONGEST_LOOK_BACK = timedelta(days=7)
OVERLAP = timedelta(minutes=2)

log = logging.getLogger(__name__)


class CatchingUp:
    """Notes that the installation is alive, and looks back when it was not."""

    def __init__(self, desk: Desk, intake: Intake) -> None:
        self._desk = desk
        self._intake = intake

    async def note_alive(self) -> None:
        """Write down that events could arrive now."""
        await self._note("alive", {"at": self._desk.clock.now().isoformat()})

    async def after_absence(self) -> None:
        """Look back if the last sign of life is old; the first start of all has nothing to look back to."""
        now = self._desk.clock.now()
        since = await self._last_alive()
        await self.note_alive()
        if since is None or (now - since).total_seconds() < AWAY_SECONDS:
            return
        since = max(since - OVERLAP, now - LONGEST_LOOK_BACK)
        for line in list(self._desk.topology.lines.values()):
            if line.catch_up and line.wants_hook and line.state == "working":
                await self._look_back(line, since, now)

    async def _look_back(self, line: Line, since: datetime, until: datetime) -> None:
        webhooks = line.connector.webhooks
        if webhooks is None:
            return
        found = new = 0
        problem: dict[str, object] = {}
        try:
            for delivery in await webhooks.missed(ChoreCaller(self._desk.caller, line), since, until):
                found += 1
                events = webhooks.parse(delivery, line.connection)
                new += await self._intake.take(line, delivery, events, bulk=True)
        except VaivemError as error:
            log.warning("Connection %s: what was missed could not be read: %s", line.connection.id, error)
            problem = error.problem.to_dict()
        await self._note(
            f"catch_up/{line.connection.id}",
            {
                "since": since.isoformat(),
                "until": until.isoformat(),
                "found": found,
                "new": new,
                "problem": problem,
            },
        )

    async def _last_alive(self) -> datetime | None:
        value = await self._desk.pool.fetchval(statement("chores", "fact"), "alive")
        return datetime.fromisoformat(json.loads(value)["at"]) if value else None

    async def _note(self, name: str, value: dict[str, object]) -> None:
        await self._desk.pool.execute(statement("chores", "note_fact"), name, json.dumps(value))
