"""What Home is made of, read from the engine's tables. A day begins at midnight in the workspace's zone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection as database

from vaivem.engine.ids import id_at

DONE, FAILED, NOTHING, STOPPED = 1, 2, 3, 4
LATEST = 6
HOURS = 24
SLOT_MILLISECONDS = 900_000  # in no zone does an hour begin between two quarters


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of a day: events received, and how many of their runs failed or had to be tried again."""

    events: int = 0
    failed: int = 0
    retried: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """Today and yesterday by the hour. `hour` is the current one; `yesterday_so_far` ends at this time."""

    hours: tuple[Hour, ...]
    yesterday: tuple[int, ...]
    hour: int
    yesterday_so_far: int

    @property
    def events(self) -> int:
        """Events received today."""
        return sum(hour.events for hour in self.hours)

    @property
    def peak(self) -> int:
        """The hour with the most events."""
        return max(range(HOURS), key=lambda hour: self.hours[hour].events)


@dataclass(frozen=True, slots=True)
class Figures:
    """Today's runs by how they ended, and what waits now (whenever it came)."""

    done: int
    failed: int
    nothing: int
    stopped: int
    waiting: int
    rejected: int
    half: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class Latest:
    """A run that just ended or waits: what it was about and what came of it."""

    id: int
    title: str
    at: datetime
    status: int
    code: str
    params: Mapping[str, Any]
    records: list[dict[str, Any]]
    rule: str
    source: str
    targets: tuple[str, ...]
    seconds: float | None


def read_day(workspace_id: int, zone: ZoneInfo, now: datetime) -> Day:
    """Return today and yesterday by the hour."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    before = (midnight - timedelta(days=1)).replace(tzinfo=zone)
    # Counted by whole numbers first: the zone is asked for each quarter of an hour, not for each event.
    counted = _rows(
        "select at::date = %(today)s, extract(hour from at)::int, sum(number)::int, sum(early)::int from ("
        " select to_timestamp(slot * %(slot)s / 1000) at time zone %(zone)s as at, number, early from ("
        "  select (id >> 22) / %(slot)s as slot, count(*) as number,"
        "   count(*) filter (where id < %(same)s) as early"
        "  from event where ws = %(ws)s and id >= %(from)s group by 1) s) e group by 1, 2",
        {
            "zone": str(zone),
            "today": midnight.date(),
            "ws": workspace_id,
            "from": id_at(before),
            "same": id_at(now - timedelta(days=1)),
            "slot": SLOT_MILLISECONDS,
        },
    )
    events = {hour: number for today, hour, number, _ in counted if today}
    yesterday = {hour: number for today, hour, number, _ in counted if not today}
    so_far = sum(early for today, _, _, early in counted if not today)
    troubles = _rows(
        "select extract(hour from to_timestamp((id >> 22) / 1000.0) at time zone %(zone)s)::int,"
        " count(*) filter (where status = 2), count(*) filter (where tries > 0)"
        " from run where ws = %(ws)s and id >= %(from)s and (status = 2 or tries > 0) group by 1",
        {"zone": str(zone), "ws": workspace_id, "from": id_at(midnight)},
    )
    failed = {hour: (bad, again) for hour, bad, again in troubles}
    hours = tuple(Hour(events.get(h, 0), *failed.get(h, (0, 0))) for h in range(HOURS))
    return Day(hours, tuple(yesterday.get(h, 0) for h in range(HOURS)), now.astimezone(zone).hour, so_far)


def read_figures(workspace_id: int, zone: ZoneInfo, now: datetime) -> Figures:
    """Return today's runs by their end, the time they took, and what waits."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    ended = _rows(
        "select status, count(*),"
        " percentile_cont(array[0.5, 0.95]) within group (order by took) filter (where status = 1)"
        " from (select status, date_part('epoch', finished) - (id >> 22)::float8 / 1000 as took"
        "  from run where ws = %s and id >= %s) r group by status",
        [workspace_id, id_at(midnight)],
    )
    by_status = {status: (number, times) for status, number, times in ended}
    waiting = _rows("select count(*) from item where ws = %s", [workspace_id])[0][0]
    rejected = _rows("select count(*) from rejected where ws = %s and state = 0", [workspace_id])[0][0]
    done, times = by_status.get(DONE, (0, None))
    return Figures(
        done=done,
        failed=by_status.get(FAILED, (0,))[0],
        nothing=by_status.get(NOTHING, (0,))[0],
        stopped=by_status.get(STOPPED, (0,))[0],
        waiting=waiting,
        rejected=rejected,
        half=max(0.0, times[0]) if times else None,
        most=max(0.0, times[1]) if times else None,
    )


def read_latest(workspace_id: int, number: int = LATEST) -> list[Latest]:
    """Return the last runs that ended."""
    rows = _rows(
        "select r.id, e.title, r.finished, r.status, r.code, r.params::text, r.records::text, rule.title,"
        " source.connector, extract(epoch from r.finished) - (r.id >> 22) / 1000.0,"
        " (select array_agg(distinct c.connector) from step s join connection c on c.id = s.conn"
        "  where s.ws = r.ws and s.run_id = r.id and s.write)"
        " from (select * from run where ws = %(ws)s order by id desc limit %(number)s) r"
        " join event e on e.ws = r.ws and e.id = r.event_id"
        " left join rule on rule.id = r.rule left join connection source on source.id = e.conn"
        " order by r.id desc",
        {"ws": workspace_id, "number": number},
    )
    return [
        Latest(
            id=run,
            title=title,
            at=finished,
            status=status,
            code=code,
            params=json.loads(params) if params else {},
            records=json.loads(records) if records else [],
            rule=rule or "",
            source=source or "",
            targets=tuple(targets or ()),
            seconds=max(0.0, float(took)) if status == DONE else None,
        )
        for run, title, finished, status, code, params, records, rule, source, took, targets in rows
    ]


def read_sparks(workspace_id: int, now: datetime) -> dict[int, list[int]]:
    """Return events of the last ten hours by connection, for the small lines."""
    since = now - timedelta(hours=10)
    rows = _rows(
        "select conn, least(9, ((id >> 22) - %(since)s) / 3600000)::int as slot, count(*)"
        " from event where ws = %(ws)s and id >= %(from)s group by 1, 2",
        {"ws": workspace_id, "since": int(since.timestamp() * 1000), "from": id_at(since)},
    )
    found: dict[int, list[int]] = {}
    for conn, slot, number in rows:
        found.setdefault(conn, [0] * 10)[slot] = number
    return found


def has_history(workspace_id: int) -> bool:
    """Say whether anything ever arrived."""
    return bool(_rows("select exists (select 1 from event where ws = %s)", [workspace_id])[0][0])


def _rows(query: str, params: Any) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(query, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
