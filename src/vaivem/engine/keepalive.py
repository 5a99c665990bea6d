"""Keeps idle connections alive: a refresh token that is not used within the vendor's limit dies.

A connection in use refreshes by its calls. One that nobody calls is refreshed at about half of the limit, so
that the other half is left for a vendor that is down, or for an installation that was off.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from vaivem.connectors.sdk.manifest import OAuth
from vaivem.core.errors import VaivemError
from vaivem.engine.desk import Desk, clean
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line

SHARE, SPREAD = 0.5, 0.1  # of the limit: between 40 and 50 %, so that many connections do not come at once
UNKNOWN_LIMIT = timedelta(days=60)  # where the vendor names none: once in 24 to 30 days
LONGEST_PAUSE = timedelta(hours=1)

log = logging.getLogger(__name__)


def idle_limit(oauth: OAuth) -> timedelta:
    """Return after how long without use the refresh token is taken to be dead."""
    return timedelta(days=oauth.refresh_idle_days) if oauth.refresh_idle_days else UNKNOWN_LIMIT


def due_at(connection: int, oauth: OAuth, refreshed: datetime) -> datetime:
    """Return when an idle connection is refreshed. It depends on nothing but its arguments: pages show it."""
    scatter = (connection * 2_654_435_761 % 2**32) / 2**32
    return refreshed + idle_limit(oauth) * (SHARE - SPREAD * scatter)


class KeepAlive:
    """The round that refreshes what nobody has used for long."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self) -> None:
        """Refresh what is due, the one with the least time left first."""
        now = self._desk.clock.now()
        due: list[tuple[datetime, int, Mapping[str, Any], Line]] = []
        for row in await self._desk.pool.fetch(statement("topology", "renewable")):
            line = self._desk.topology.lines.get(row["id"])
            oauth = line.connector.manifest.method(line.connection.method).oauth if line else None
            if line is None or oauth is None:
                continue
            tried = json.loads(row["renewal"])
            if due_at(row["id"], oauth, row["refreshed"]) <= now and _again(tried) <= now:
                due.append((row["refreshed"] + idle_limit(oauth), row["id"], tried, line))
        for *_, tried, line in sorted(due, key=lambda one: one[:2]):
            await self._renew(line, tried)

    async def _renew(self, line: Line, tried: Mapping[str, Any]) -> None:
        try:
            await self._desk.caller.renew(line)
        except VaivemError as error:
            conn = line.connection.id
            log.warning("Connection %s: its access could not be renewed: %s", conn, error, extra=line.ids)
            problem = {
                "at": self._desk.clock.now().isoformat(),
                "tries": int(tried.get("tries") or 0) + 1,
                "since": tried.get("since") or self._desk.clock.now().isoformat(),
                **clean(error.problem.to_dict()),
            }
            await self._desk.pool.execute(statement("topology", "note_renewal"), conn, json.dumps(problem))


def _again(tried: Mapping[str, Any]) -> datetime:
    """Return when to try again after what went wrong: in a minute, then in growing pauses."""
    if not tried:
        return datetime.min.replace(tzinfo=UTC)
    pause = min(timedelta(minutes=2 ** min(int(tried["tries"]) - 1, 10)), LONGEST_PAUSE)
    return datetime.fromisoformat(tried["at"]) + pause
