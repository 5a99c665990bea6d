"""What a run's page shows."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from vaivem.core.fields import FieldType
from vaivem.hub.history.detail import DecisionRow, RunDetail
from vaivem.hub.history.filters import Shown
from vaivem.hub.history.lines import BADGES, did, reasons, title_of, waits
from vaivem.hub.history.names import Names
from vaivem.hub.history.received import shown_body, size_text
from vaivem.hub.history.trail import before_steps, definition_of, steps_of
from vaivem.hub.history.why import labels_of, main_fields, tests, typed
from vaivem.hub.messages import connector_text, explain, named
from vaivem.hub.shell.clock import now as clock_now
from vaivem.hub.workspaces.guard import MemberRequest
from vaivem.hub.workspaces.models import Member, Role


def page_values(request: MemberRequest, found: RunDetail) -> dict[str, Any]:
    """Return everything that a run's page shows."""
    now, names, row = clock_now(), Names(request.workspace), found.run
    why = reasons(row, names) if row.code else []
    rule = definition_of(found)
    trigger = rule.when.trigger if rule else ""
    received = found.received
    steps = steps_of(found, rule, names, why)
    decision = found.open_decision
    return {
        "now": now,
        "detail": found,
        "run": row,
        "title": title_of(row, names),
        "badge": BADGES[row.shown],
        "rule_title": names.rule(row.rule),
        "rule_gone": row.rule not in names.rules,
        "source": {"connector": names.connector(row.event_conn), "name": names.connection(row.event_conn)},
        "received": received,
        "kind": names.trigger(row.event_conn, row.kind),
        "fields": main_fields(received, names, trigger) if received else [],
        "body": shown_body(received.body) if received else "",
        "size": size_text(received.body) if received else "",
        "before": before_steps(found, names),
        "steps": steps,
        "stopped": next((s for s in steps if s.state in ("failed", "waiting", "needs_you")), None),
        "why": why,
        "waits": waits(row, names, now) if row.shown is Shown.WAITING else "",
        "waits_for": named(names.connector(row.conn))["the"] if names.connector(row.conn) else "",
        "tests": tests(row.params, labels_of(received, names, trigger)) if received else [],
        "notes": _notes(row.params, names.target(row.rule)),
        "records": [_record(one, names) for one in row.records],
        "decision": _question(decision, names) if decision else None,
        "answered": [_answered(one) for one in found.decisions if one.answer is not None],
        "can_act": request.membership.at_least(Role.EDITOR),
        "can_retry": row.shown is Shown.FAILED
        or (row.shown is Shown.WAITING and bool(row.since) and row.state != "answered"),
        "can_stop": row.shown in (Shown.WAITING, Shown.NEEDS_YOU) and bool(row.since),
        "live": row.shown is Shown.WAITING,
    }  # fmt: skip


def _record(record: dict[str, Any], names: Names) -> dict[str, Any]:
    conn = int(record.get("conn") or 0)
    return {
        "text": did(record, names),
        "name": record.get("name") or record.get("id"),
        "url": names.record_url(record),
        "connector": names.connector(conn),
        "system": names.system(conn),
    }


def _notes(params: dict[str, Any], connector: str) -> list[str]:
    return [
        explain(
            str(note.get("code")), {"field": note.get("path", ""), **note.get("params", {})}, connector
        ).text
        for note in params.get("notes", ())
    ]


def _question(decision: DecisionRow, names: Names) -> dict[str, Any]:
    """Return what is asked, ready to show."""
    question = decision.question
    code = str(question.get("code") or "several_matches")
    candidates = [
        {
            "id": str(one.get("id")),
            "name": one.get("name") or one.get("id"),
            "url": names.record_url({**one, "conn": decision.conn, "object": question.get("object")}),
            "facts": _facts(one, decision.conn, str(question.get("object", "")), names),
        }
        for one in question.get("candidates", ())
    ]
    return {
        "id": decision.id,
        "kind": decision.kind,
        "asked": decision.asked,
        "in_the": named(names.connector(decision.conn))["in_the"],
        "object": names.object(decision.conn, str(question.get("object", ""))).lower(),
        "why": explain(code, question, names.connector(decision.conn)),
        "method": question.get("method", ""),
        "url": question.get("url", ""),
        "sent": shown_body(str(question.get("sent") or "").encode()),
        "candidates": candidates,
    }


def _facts(candidate: dict[str, Any], conn: int, object_key: str, names: Names) -> list[tuple[str, str]]:
    """Return what tells one candidate apart from the others."""
    connector = names.connector(conn)
    found = []
    for key, value in candidate.items():
        if key in ("id", "name", "url") or value in (None, "", []):
            continue
        name = connector_text(connector, f"fields.{object_key}.{key}") or key
        kind = FieldType.DATETIME if key.endswith("_at") else FieldType.TEXT
        word = (
            connector_text(connector, f"fields.{object_key}.{key}.{value}") if isinstance(value, str) else ""
        )
        found.append((name, word or typed(value, kind, names.workspace.zone)))
    return found


def _answered(decision: DecisionRow) -> dict[str, Any]:
    answer = decision.answer or {}
    words = {
        "done": _("it had been done"),
        "do": _("do it again"),
        "skip": _("leave it out"),
        "record": _("use %(record)s") % {"record": answer.get("record", "")},
        "create": _("make a new one"),
        "stopped": _("stopped"),
    }
    member = Member.objects.filter(pk=decision.answered_by or 0).first()
    return {
        "text": words.get(str(answer.get("choice")), str(answer.get("choice"))),
        "who": str(member) if member else _("a program"),
        "at": decision.answered,
    }
