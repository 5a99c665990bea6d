"""What a run's page shows."""

from __future__ import annotations

from typing import Any

from vaivem.hub.history.detail import RunDetail
from vaivem.hub.history.filters import Shown
from vaivem.hub.history.lines import BADGES, did, reasons, title_of, waits
from vaivem.hub.history.names import Names
from vaivem.hub.history.questions import answered, question
from vaivem.hub.history.received import shown_body, size_text
from vaivem.hub.history.trail import before_steps, definition_of, names_read, steps_of
from vaivem.hub.history.why import labels_of, main_fields, tests, told_by_content
from vaivem.hub.mail.models import Bounce
from vaivem.hub.messages import explain, named
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.shell.clock import now as clock_now
from vaivem.hub.workspaces.guard import MemberRequest
from vaivem.hub.workspaces.models import Role


def page_values(request: MemberRequest, found: RunDetail) -> dict[str, Any]:
    """Return everything that a run's page shows."""
    now, names, row = clock_now(), Names(request.workspace), found.run
    why = reasons(row, names) if row.code else []
    rule = definition_of(found)
    trigger = rule.when.trigger if rule else ""
    received = found.received
    steps = steps_of(found, rule, names, why)
    labels = labels_of(received, names, trigger) if received else {}
    if rule and row.params.get("tests"):
        labels |= names_read(rule, WorkspaceCatalog(request.workspace))
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
        "alike": received is not None and told_by_content(received, names),
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
        "tests": tests(row.params, labels) if received else [],
        "ended_at": next((one for one in steps if one.ended), None),
        "notes": _notes(row.params, names.target(row.rule)),
        "bounces": list(Bounce.objects.filter(workspace=request.workspace, run=row.id)),
        "records": [_record(one, names) for one in row.records],
        "decision": question(decision, names) if decision else None,
        "answered": [answered(one) for one in found.decisions if one.answer is not None],
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
