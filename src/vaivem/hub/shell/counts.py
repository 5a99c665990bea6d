"""How much waits for people: one count, so that the navigation and Home agree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection

from vaivem.engine.ids import id_at
from vaivem.hub.shell import clock

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """`needs` is everything on Home's list; `reconnect` and `decisions` are among it."""

    needs: int
    reconnect: int
    decisions: int


def waiting_for_people(workspace_id: int) -> Waiting:
    """Count decisions, connections to reconnect, without events or budget, failures by cause, rejected."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select
              (select count(*) from decision where ws = %(ws)s and answer is null),
              (select count(*) from connection where workspace_id = %(ws)s and state = 'reconnect'),
              (select count(*) from connection where workspace_id = %(ws)s
                 and state not in ('reconnect', 'removed') and wants_hook
                 and subscription->'problem'->>'code' is not null),
              (select count(*) from (
                 select from run where ws = %(ws)s and id >= %(day)s and status = 2 and replayed_by is null
                 group by rule, code) f),
              (select count(*) from (
                 select from rejected x join connection c on c.id = x.conn
                 where x.ws = %(ws)s and x.state = 0 group by x.conn) r),
              (select count(*) from rule
               where workspace_id = %(ws)s and marked is not null and state in ('on', 'paused')),
              (select count(*) from rule
               where workspace_id = %(ws)s and held is not null and state = 'paused'),
              (select count(*) from gate g join connection c on c.id = g.conn
               where g.ws = %(ws)s and g.state = 4 and g.closed_until > %(now)s
                 and c.state not in ('reconnect', 'removed'))
            """,
            {"ws": workspace_id, "day": id_at(clock.now() - DAY), "now": clock.now()},
        )
        decisions, broken, *rest = cursor.fetchone()
    return Waiting(decisions + broken + sum(rest), broken, decisions)
