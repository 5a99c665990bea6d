"""How rules are doing: their last run, what came of the last day, what waits. One query for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection as database

from vaivem.engine.ids import id_at, time_of

DAY = timedelta(days=1)
MAX_COUNT = 1000
STATUSES = {1: "done", 2: "failed", 3: "nothing", 4: "stopped"}

QUERY = """
select u.rule, last.id, last.status::int, day.runs::int, day.done::int, day.failed::int,
  (select count(*) from (select 1 from lane l join item i on i.ws = l.ws and i.lane = l.key
                         where l.rule = u.rule and l.ws = %(ws)s limit %(most)s) w)::int
from unnest(%(rules)s::int[]) u(rule)
left join lateral (
  select newest.id, s.status from unnest(array[1, 2, 3, 4]::smallint[]) s(status)
  cross join lateral (
    select id from run where ws = %(ws)s and rule = u.rule and status = s.status
    order by id desc limit 1) newest
  order by newest.id desc limit 1) last on true
cross join lateral (
  select count(*) as runs, count(*) filter (where status = 1) as done,
    count(*) filter (where status = 2) as failed
  from (select r.id, s.status from unnest(array[1, 2, 3, 4]::smallint[]) s(status)
        cross join lateral (
          select id from run
          where ws = %(ws)s and rule = u.rule and status = s.status and id >= %(since)s
          order by id desc limit %(most)s) r
        order by r.id desc limit %(most)s) r) day"""


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """One rule's figures. The counts are of the last 24 hours, of at most the newest MAX_COUNT runs.

    `last_status` is done, failed, nothing or stopped; "" while there is no run that has ended.
    """

    last_run: int | None = None
    last_status: str = ""
    runs: int = 0
    done: int = 0
    failed: int = 0
    waiting: int = 0

    @property
    def last_at(self) -> datetime | None:
        """When the last run's event arrived."""
        return time_of(self.last_run) if self.last_run else None

    @property
    def more(self) -> bool:
        """Whether there may be more runs than were counted."""
        return self.runs >= MAX_COUNT


def read_figures(workspace_id: int, rules: list[int], now: datetime) -> dict[int, RuleFigures]:
    """Return the figures of each of these rules."""
    with database.cursor() as cursor:
        cursor.execute(
            QUERY, {"ws": workspace_id, "rules": rules, "since": id_at(now - DAY), "most": MAX_COUNT}
        )
        return {
            rule: RuleFigures(last, STATUSES.get(status or 0, ""), runs, done, failed, waiting)
            for rule, last, status, runs, done, failed, waiting in cursor.fetchall()
        }
