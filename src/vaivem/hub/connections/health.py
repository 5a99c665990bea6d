"""How a workspace's connections are: their state in words, limit now, last event, what waits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.utils.translation import gettext as _

from vaivem.connectors.sdk import Connector, Quota
from vaivem.connectors.sdk.registry import connector_keys, get_connector
from vaivem.engine.ids import id_at, time_of
from vaivem.engine.keepalive import due_at
from vaivem.hub.connections.budgets import Budget, Spent, budget_of, read_spent
from vaivem.hub.connections.lines import without_secrets
from vaivem.hub.connections.models import Connection, ConnectionState
from vaivem.hub.connections.removed_there import REMOVED_THERE
from vaivem.hub.messages import Explained, explain
from vaivem.hub.shell.templatetags.shell import num

PAUSED, HELD, LIMITED, SPENT = 1, 2, 3, 4
SOON = timedelta(days=7)
CALLS_SEEN = timedelta(minutes=5)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Gate:
    """A connection's gate, as the engine keeps it."""

    state: int = 0
    since: datetime | None = None
    until: datetime | None = None
    code: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls in the window of the limit that is nearest to being reached."""

    used: int
    calls: int
    seconds: float

    @property
    def percent(self) -> int:
        """How much of the limit is used, 100 at most."""
        return min(100, round(100 * self.used / self.calls)) if self.calls else 0

    @property
    def text(self) -> str:
        """The usage in words: 34 of 120 a minute."""
        values = {"used": num(self.used), "calls": num(self.calls)}
        if self.seconds == 60:
            return _("%(used)s of %(calls)s a minute") % values
        return _("%(used)s of %(calls)s in %(seconds)s s") % {**values, "seconds": f"{self.seconds:g}"}


@dataclass(frozen=True, slots=True)
class Health:
    """One connection as people see it. `kind`, `icon` and `word` make its pill."""

    row: Connection
    connector: Connector
    kind: str
    icon: str
    word: str
    gate: Gate
    why: Explained | None = None
    usage: Usage | None = None
    last_event: datetime | None = None
    events_today: int = 0
    waiting: int = 0
    oldest: datetime | None = None
    valid_until: datetime | None = None
    renews: bool = False
    renews_at: datetime | None = None
    renewal_problem: Explained | None = None
    hook_problem: Explained | None = None
    budget: Budget | None = None
    spent: bool = False  # the vendor said that the budget of the day is used up

    @property
    def unrenewed_since(self) -> datetime | None:
        """Since when renewals have failed, None while they do not."""
        since = (self.row.renewal or {}).get("since")
        return datetime.fromisoformat(since) if since else None

    @property
    def broken(self) -> bool:
        """Whether it needs to be reconnected."""
        return self.row.state == ConnectionState.RECONNECT


def all_health(workspace_id: int, now: datetime) -> list[Health]:
    """Return every connection that is not removed: broken ones first, then by name."""
    rows = list(
        Connection.objects.filter(workspace=workspace_id, removed=None).exclude(state=ConnectionState.REMOVED)
    )
    return sorted(
        read_health(workspace_id, rows, now), key=lambda one: (not one.broken, one.row.name.lower())
    )


def read_health(workspace_id: int, rows: list[Connection], now: datetime) -> list[Health]:
    """Return these connections' health, in as many queries however many there are."""
    gates, events, waits, calls = (
        _gates(workspace_id),
        _events(workspace_id, now),
        _waits(workspace_id),
        _calls(workspace_id, now),
    )
    spent = read_spent([row.pk for row in rows if _quota(row)], now)
    return [
        _health(
            row,
            now,
            gates.get(row.pk, Gate()),
            events.get(row.pk, (None, 0)),
            waits.get(row.pk, (0, None)),
            calls.get(row.pk, ()),
            spent.get(row.pk, ()),
        )
        for row in rows
        if row.connector in connector_keys()
    ]


def _health(
    row: Connection,
    now: datetime,
    gate: Gate,
    events: tuple[datetime | None, int],
    waits: tuple[int, datetime | None],
    calls: tuple[float, ...],
    spent: Spent,
) -> Health:
    connector, quota = get_connector(row.connector), _quota(row)
    valid_until, renews = validity(row, connector)
    kind, icon, word = _state(row, gate, valid_until, renews, now)
    return Health(
        row=row,
        connector=connector,
        kind=kind,
        icon=icon,
        word=word,
        gate=gate,
        why=explain(gate.code, gate.params, row.connector) if gate.code and gate.state else None,
        usage=_usage(row, connector, calls, now),
        last_event=events[0],
        events_today=events[1],
        waiting=waits[0],
        oldest=waits[1],
        valid_until=valid_until,
        renews=renews,
        renews_at=renewed_at(row, connector),
        renewal_problem=_renewal_problem(row),
        hook_problem=_hook_problem(row),
        budget=budget_of(quota, spent, now) if quota else None,
        spent=gate.state == SPENT and gate.until is not None and gate.until > now,
    )


def _quota(row: Connection) -> Quota | None:
    if row.connector not in connector_keys():
        return None
    return get_connector(row.connector).quota(without_secrets(row))


def _state(
    row: Connection, gate: Gate, valid_until: datetime | None, renews: bool, now: datetime
) -> tuple[str, str, str]:
    if row.state == ConnectionState.RECONNECT or gate.state == HELD:
        return "bad", "bad", _("Removed there") if gate.code == REMOVED_THERE else _("Reconnect")
    if row.state in (ConnectionState.OFF, ConnectionState.PAUSED):
        return "off", "pause", _("Switched off")
    if gate.state == PAUSED:
        return "warn", "warn", _("Does not answer")
    if gate.state == LIMITED and gate.until and gate.until > now:
        return "wait", "clock", _("At the limit")
    if gate.state == SPENT and gate.until and gate.until > now:
        return "warn", "clock", _("Budget spent")
    if valid_until and not renews and valid_until - now < SOON:
        return "warn", "hand", _("Ends soon")
    return "ok", "ok", _("Working")


def validity(row: Connection, connector: Connector) -> tuple[datetime | None, bool]:
    """Return until when the access lasts if nobody does anything, and whether Vaivém renews it by itself."""
    try:
        oauth = connector.manifest.method(row.method).oauth
    except KeyError:
        return None, False
    if oauth is None:
        return None, False
    if row.refreshed and oauth.refresh_idle_days:
        return row.refreshed + timedelta(days=oauth.refresh_idle_days), True
    return None, True


def renewed_at(row: Connection, connector: Connector) -> datetime | None:
    """Return when Vaivém renews the access by itself if nobody uses it, None for one that needs none."""
    try:
        oauth = connector.manifest.method(row.method).oauth
    except KeyError:
        return None
    return due_at(row.pk, oauth, row.refreshed) if oauth and row.refreshed else None


def _renewal_problem(row: Connection) -> Explained | None:
    problem = row.renewal or {}
    if not problem.get("code"):
        return None
    return explain(problem["code"], problem.get("params", {}), row.connector)


def _usage(row: Connection, connector: Connector, calls: tuple[float, ...], now: datetime) -> Usage | None:
    limits = [limit for limit in connector.limits(without_secrets(row)) if not limit.scope]
    seen = [
        Usage(sum(1 for age in calls if age <= limit.seconds), limit.calls, limit.seconds)
        for limit in limits
        if limit.seconds <= CALLS_SEEN.total_seconds()
    ]
    return max(seen, key=lambda one: one.used / one.calls, default=None)


def _hook_problem(row: Connection) -> Explained | None:
    problem = (row.subscription or {}).get("problem") or {}
    if not row.wants_hook or not problem.get("code"):
        return None
    return explain(
        problem["code"], {"message": problem.get("detail", ""), **problem.get("params", {})}, row.connector
    )


def _gates(workspace_id: int) -> dict[int, Gate]:
    rows = _rows(
        "select conn, state, since, closed_until, code, params::text from gate where ws = %s", [workspace_id]
    )
    return {
        conn: Gate(state, since, until, code, json.loads(params))
        for conn, state, since, until, code, params in rows
    }


def _events(workspace_id: int, now: datetime) -> dict[int, tuple[datetime | None, int]]:
    rows = _rows(
        "select conn, max(id), count(*) from event where ws = %s and id >= %s group by conn",
        [workspace_id, id_at(now - DAY)],
    )
    return {conn: (time_of(last), number) for conn, last, number in rows}


def _waits(workspace_id: int) -> dict[int, tuple[int, datetime | None]]:
    rows = _rows(
        "select l.gate, count(*), min(i.run_id) from item i join lane l on l.ws = i.ws and l.key = i.lane"
        " where i.ws = %s group by l.gate",
        [workspace_id],
    )
    return {conn: (number, time_of(oldest)) for conn, number, oldest in rows}


def _calls(workspace_id: int, now: datetime) -> dict[int, tuple[float, ...]]:
    """Return the age in seconds of each call of the last minutes, by connection."""
    rows = _rows(
        "select conn, array_agg(extract(epoch from %(now)s - at)::float8) from step"
        " where ws = %(ws)s and run_id >= %(from)s and conn > 0 and at > %(since)s and url <> ''"
        " group by conn",
        {"ws": workspace_id, "now": now, "since": now - CALLS_SEEN, "from": id_at(now - 12 * CALLS_SEEN)},
    )
    return {conn: tuple(ages) for conn, ages in rows}


def _rows(query: str, params: Any) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(query, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
