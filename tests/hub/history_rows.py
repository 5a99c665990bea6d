"""Rows of the engine's tables, as it would have written them."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from vaivem.engine.ids import id_at

_numbers = itertools.count(1)


def new_id(moment: datetime) -> int:
    """Return an id of this moment that no other call returns."""
    return id_at(moment) + next(_numbers)


def add_event(ws: int, conn: int, moment: datetime, title: str = "Contrato Duarte", body: str = "{}") -> int:
    """Put an event into the history and return its id."""
    number = new_id(moment)
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into event (ws, id, conn, kind, object, record, title, items, method, path, query,"
            " headers, body)"
            " values (%s, %s, %s, 'auto_close', 'document', 'd1', %s, 1, 'POST', '', '', %s, %s)",
            [ws, number, conn, title, b"{}", body.encode()],
        )
    return number


def add_run(ws: int, event: int, rule: int, moment: datetime, status: int = 1, **more: Any) -> int:
    """Put an ended run into the history and return its id."""
    number = new_id(moment)
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into run (ws, id, event_id, rule, version, status, code, params, records, calls,"
            " tries, finished)"
            " values (%s, %s, %s, %s, 1, %s, %s, %s, %s, 2, %s, %s)",
            [
                ws, number, event, rule, status, more.get("code", ""), json.dumps(more.get("params", {})),
                json.dumps(more.get("records", [])), more.get("tries", 0), moment + timedelta(seconds=2),
            ],
        )  # fmt: skip
    return number


def add_step(ws: int, run: int, conn: int, moment: datetime, *, write: bool = True) -> None:
    """Put a call into a run's journal."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into step (ws, run_id, n, try, step, name, conn, write, done, method, url, status,"
            " ms, at)"
            " values (%s, %s, %s, 1, 'deal', 'deals.create', %s, %s, true, 'POST', 'https://x.example',"
            " 201, 40, %s)",
            [ws, run, next(_numbers), conn, write, moment],
        )


def add_waiting(ws: int, conn: int, moment: datetime, rule: int = 1) -> int:
    """Put a run into a lane that waits for a connection, and return its id."""
    number = new_id(moment)
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into lane (ws, key, rule, gate, tail, state, due) values (%s, %s, %s, %s, 1, 1,"
            " vv_now())",
            [ws, number, rule, conn],
        )
        cursor.execute(
            "insert into item (ws, lane, seq, run_id, event_id, rule, version) values (%s, %s, 1, %s,"
            " %s, %s, 1)",
            [ws, number, number, number, rule],
        )
    return number


def add_decision(
    ws: int, run: int, event: int, conn: int, question: dict[str, Any], kind: str = "choice"
) -> int:
    """Put an open decision."""
    number = new_id(datetime.fromisoformat("2026-01-01T00:00:00+00:00"))
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into decision (ws, id, run_id, event_id, rule, conn, slot, kind, question, asked)"
            " values (%s, %s, %s, %s, 1, %s, 'slot', %s, %s, vv_now())",
            [ws, number, run, event, conn, kind, json.dumps(question)],
        )
    return number


def set_gate(ws: int, conn: int, state: int, code: str = "", params: dict[str, Any] | None = None) -> None:
    """Close or open a connection's gate."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into gate (conn, ws, state, code, params, since, closed_until)"
            " values (%s, %s, %s, %s, %s, vv_now(), vv_now() + interval '1 minute')"
            " on conflict (conn) do update set state = excluded.state, code = excluded.code",
            [conn, ws, state, code, json.dumps(params or {})],
        )
