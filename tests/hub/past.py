"""Writes history as the engine does, for tests of what is read from it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from tests.hub.workplace import Workplace

from vaivem.core.identity import search_terms, term_hash
from vaivem.engine.ids import id_at

BODY = {
    "event": "document_closed",
    "document": {"key": "doc-1", "name": "Contrato Duarte"},
    "signer": {"name": "Marina Duarte", "email": "marina@duarte.example"},
    "signers": [{"name": "Marina Duarte", "email": "marina@duarte.example"}],
}


class Past:
    """The history of a workplace. Ids count up from a few minutes ago."""

    def __init__(self, workplace: Workplace) -> None:
        self.workplace = workplace
        self.ws = workplace.site.workspace.pk
        [(now,)] = self.sql("select vv_now()")
        self.now: datetime = now
        self._next = id_at(now - timedelta(minutes=10))

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall()) if cursor.description else []

    def insert(self, table: str, **columns: Any) -> None:
        """Insert one row."""
        names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
        self.sql(f"insert into {table} ({names}) values ({marks})", *columns.values())  # noqa: S608 - our own names

    def id(self, ago: timedelta | None = None) -> int:
        """Return the next id, or one of a moment ago."""
        self._next += 1
        return id_at(self.now - ago) + self._next % 1000 if ago else self._next

    def event(
        self, title: str = "Contrato Duarte", *, found_by: tuple[str, ...] = (), items: int = 1, **parts: Any
    ) -> int:
        """Write an event; return its id."""
        number: int = parts.pop("id", None) or self.id()
        values = {
            "conn": self.workplace.sign.pk,
            "kind": "document_closed",
            "object": "document",
            "record": "doc-1",
            "method": "POST",
            "path": "",
            "query": "",
            "headers": json.dumps({"content-type": "application/json", "authorization": "•••"}).encode(),
            "body": json.dumps(BODY, ensure_ascii=False).encode(),
        }
        self.insert("event", ws=self.ws, id=number, title=title, items=items, **(values | parts))
        for term in search_terms([title, *found_by]):
            self.insert("term", ws=self.ws, hash=term_hash(self.ws, term), event_id=number)
        return number

    def run(self, rule: int = 1, status: int = 1, *, event: int | None = None, **parts: Any) -> int:
        """Write a run that has ended, with its event unless that is given; return its id."""
        event = event or self.event()
        number: int = parts.pop("id", None) or self.id()
        values = {"version": 1, "code": "", "params": "{}", "records": "[]", "calls": 2, "finished": self.now}
        self.insert(
            "run", ws=self.ws, id=number, event_id=event, rule=rule, status=status, **(values | parts)
        )
        return number

    def item(
        self, rule: int = 1, *, lane: int | None = None, seq: int = 1, lane_state: int = 1, **parts: Any
    ) -> int:
        """Write a run that waits its turn; return its id."""
        event = parts.pop("event", None) or self.event()
        number: int = parts.pop("id", None) or self.id()
        lane = lane or number
        self.sql(
            "insert into lane (ws, key, rule, gate, tail, state, due) values (%s,%s,%s,%s,%s,%s,vv_now())"
            " on conflict (ws, key) do update set tail = excluded.tail",
            self.ws, lane, rule, parts.pop("gate", 0), seq, lane_state,
        )  # fmt: skip
        self.insert(
            "item", ws=self.ws, lane=lane, seq=seq, run_id=number, event_id=event, rule=rule, version=1
        )
        return number

    def waiting(self, state: str = "retry", code: str = "vendor_unavailable", **parts: Any) -> int:
        """Write a run that has begun and waits; return its id."""
        rule, conn = parts.pop("rule", 1), parts.pop("conn", self.workplace.crm.pk)
        due = parts.pop("due", self.now + timedelta(minutes=5))
        params = json.dumps(parts.pop("params", {}))
        event = parts.pop("event", None) or self.event()
        number = self.item(rule, event=event, **parts)
        self.insert(
            "pending", ws=self.ws, run_id=number, lane=parts.get("lane") or number, event_id=event, rule=rule,
            version=1, conn=conn, state=state, code=code, params=params, since=self.now, due=due, tries=2,
        )  # fmt: skip
        return number

    def call(self, run: int, n: int = 1001, **parts: Any) -> None:
        """Write one exchange of a run."""
        values = {
            "try": 1,
            "step": "deal",
            "name": "deals.create",
            "conn": self.workplace.crm.pk,
            "write": True,
            "done": True,
            "method": "POST",
            "url": "https://crm.acme.example/deals",
            "status": 201,
            "request": b'{"name": "Contrato Duarte"}',
            "response": b'{"id": "d1"}',
            "code": "",
            "ms": 228,
            "at": self.now,
        }
        self.insert("step", ws=self.ws, run_id=run, n=n, **(values | parts))

    def decision(self, run: int, kind: str = "doubt", **question: Any) -> int:
        """Write a question about a run; return its id."""
        number = self.id()
        asked = question or {
            "code": "write_in_doubt",
            "call": "deals.create",
            "method": "POST",
            "url": "https://crm.acme.example/deals",
            "sent": '{"name": "Contrato Duarte"}',
        }
        self.insert(
            "decision", ws=self.ws, id=number, run_id=run, event_id=run, rule=1, conn=self.workplace.crm.pk,
            slot=f"{kind}:1001", kind=kind, question=json.dumps(asked), asked=self.now,
        )  # fmt: skip
        return number

    def rejected(self, code: str = "delivery_unreadable", body: bytes = b"{") -> int:
        """Write a delivery that could not be taken; return its id."""
        number = self.id()
        self.insert(
            "rejected", ws=self.ws, id=number, conn=self.workplace.sign.pk, code=code, params="{}",
            status=200, method="POST", path="", query="", body=body,
            headers=b'{"content-type": "text/plain"}',
        )  # fmt: skip
        return number
