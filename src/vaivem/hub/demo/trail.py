"""The trail of one source record through the system, and the moving of a demo's history into the past."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.db import connection as database

from vaivem.engine.ids import SHIFT

TABLES = (("event", "id"), ("run", "id"), ("run", "event_id"), ("step", "run_id"), ("term", "event_id"))
NEWS = """
update news set run_id = run_id - %(distance)s, event_id = event_id - %(distance)s, records = (
  select jsonb_agg(jsonb_set(one, '{at}', to_jsonb((one ->> 'at')::float8 - %(seconds)s)))::text
  from jsonb_array_elements(records::jsonb) one)
where event_id >= %(first)s
"""
TIMES = (("run", "finished", "id"), ("step", "at", "run_id"))


def read_trail(record: str) -> dict[str, Any]:
    """Return a source record's events, runs and calls, oldest first."""
    with database.cursor() as cursor:
        cursor.execute("select id, kind, title, items from event where record = %s order by id", [record])
        events = [dict(zip(("id", "kind", "title", "runs"), row, strict=True)) for row in cursor.fetchall()]
        cursor.execute(
            "select r.id, r.event_id, r.status, r.code, r.records, r.finished from run r"
            " where r.event_id = any(%s) order by r.id",
            [[event["id"] for event in events]],
        )
        names = ("id", "event", "status", "code", "records", "finished")
        runs = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        for run in runs:
            cursor.execute(
                "select name, method, url, status, code, ms from step where run_id = %s order by n, try",
                [run["id"]],
            )
            names = ("name", "method", "url", "status", "code", "ms")
            run["records"] = json.loads(run["records"])
            run["calls"] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {"events": events, "runs": runs}


def waiting_work() -> int:
    """Return how many lanes have work now."""
    with database.cursor() as cursor:
        cursor.execute("select count(*) from lane where due <= vv_now()")
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def move_back(first_event: int, ago: timedelta) -> None:
    """Make everything from an event on look as if it had happened `ago` earlier. Only for finished runs.

    Ids are time-ordered, so moving them moves the rows to their place in the history.
    """
    seconds = ago.total_seconds()
    distance = int(seconds * 1000) << SHIFT
    with database.cursor() as cursor:
        cursor.execute(
            "select vv_make_partitions(vv_now() - make_interval(secs => %s) - interval '8 days', vv_now())",
            [seconds],
        )
        for table, column, key in TIMES:
            cursor.execute(
                f"update {table} set {column} = {column} - make_interval(secs => %s)"  # noqa: S608 - our own names
                f" where {key} >= %s",
                [seconds, first_event],
            )
        cursor.execute(NEWS, {"distance": distance, "seconds": seconds, "first": first_event})
        for table, column in TABLES:
            cursor.execute(
                f"update {table} set {column} = {column} - %s where {column} >= %s",  # noqa: S608 - our own names
                [distance, first_event],
            )
