"""Events, runs, decisions and rejected deliveries over the REST API."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from vaivem.hub.api.access import workspace_of
from vaivem.hub.api.errors import gone
from vaivem.hub.api.shapes import (
    AnswerIn,
    CountOut,
    DecisionOut,
    DoneOut,
    EventDetailOut,
    EventOut,
    Given,
    PageOut,
    RejectedOut,
    RunDetailOut,
    RunOut,
)
from vaivem.hub.decisions.waiting import open_decisions, read_wanted, waiting_behind
from vaivem.hub.history import acts, detail, queries
from vaivem.hub.history.detail import CallRow, DecisionRow, RunDetail
from vaivem.hub.history.filters import Filters, read_cursor, read_filters
from vaivem.hub.history.queries import EventRow, RejectedRow, RunRow
from vaivem.hub.history.rules_of import rules_meant
from vaivem.hub.messages import explain
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.shell.clock import now

router = Router(tags=["history"])
MAX_PAGE = 200


class Asked(Given):
    """What a list is narrowed by. Days are whole days in the workspace's zone; `to` includes its day."""

    status: str = Field("", description="done, waiting, needs_you, failed, nothing or stopped")
    rule: str = ""
    connection: str = ""
    period: str = Field("", description="today, yesterday, 7days or 30days")
    since: str = Field("", alias="from")
    until: str = Field("", alias="to")
    q: str = Field("", description="People, e-mails, CPF or CNPJ, documents, deals")
    before: str = ""
    limit: int = Field(50, ge=1, le=MAX_PAGE)

    def filters(self, request: HttpRequest) -> Filters:
        """Return the question; raises FilterError."""
        query = self.model_dump(by_alias=True, exclude={"before", "limit"})
        return read_filters(query, now=now(), zone=workspace_of(request).zone)


class AskedDecisions(Given):
    """Which decisions."""

    kind: str = Field("", description="doubt or choice")
    rule: str = ""
    connection: str = ""
    after: str = ""
    limit: int = Field(50, ge=1, le=MAX_PAGE)


class AskedEvents(Asked):
    """And for events."""

    unused: bool = Field(default=False, description="Only those that no rule took.")


@router.get("/runs", response=PageOut[RunOut])
def list_runs(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    """List runs, newest first, whether they have ended or not."""
    ws, filters = workspace_of(request).pk, asked.filters(request)
    page = queries.runs(
        ws, filters, before=read_cursor(asked.before), rules=rules_meant(ws, filters), limit=asked.limit
    )
    catalog = WorkspaceCatalog(workspace_of(request))
    return {"items": [_run(row, catalog) for row in page.rows], "next": _next(page.next)}


@router.get("/runs/{number}", response=RunDetailOut)
def one_run(request: HttpRequest, number: str) -> dict[str, Any]:
    """Show a run with every request and response."""
    found = _found(request, number)
    catalog = WorkspaceCatalog(workspace_of(request))
    return {
        **_run(found.run, catalog),
        "steps": [_call(row) for row in found.calls],
        "decisions": [_decision(row) for row in found.decisions],
        "behind": found.behind,
    }


@router.post("/runs/{number}/retry", response=DoneOut)
def retry(request: HttpRequest, number: str, older: bool = False) -> DoneOut:
    """Let a failed run go on from its failed step, or a waiting one try at once.

    Refused (`record_has_newer`) when the record has had a newer event since, unless `older`.
    """
    acts.retry(workspace_of(request), _found(request, number).run, older=older)
    return DoneOut()


@router.post("/runs/{number}/stop", response=DoneOut)
def stop(request: HttpRequest, number: str) -> DoneOut:
    """End a waiting run."""
    acts.stop(workspace_of(request), _found(request, number).run)
    return DoneOut()


@router.get("/events", response=PageOut[EventOut])
def list_events(request: HttpRequest, asked: Query[AskedEvents]) -> dict[str, Any]:
    """List events, newest first."""
    page = queries.events(
        workspace_of(request).pk,
        asked.filters(request),
        before=read_cursor(asked.before),
        unused=asked.unused,
        limit=asked.limit,
    )
    return {"items": [_event(row) for row in page.rows], "next": _next(page.next)}


@router.get("/events/{number}", response=EventDetailOut)
def one_event(request: HttpRequest, number: str) -> dict[str, Any]:
    """Show an event as it came."""
    ws = workspace_of(request).pk
    found = detail.find_event(ws, _id(number))
    if found is None:
        raise gone()
    return {
        **_event(found.event),
        "method": found.method,
        "path": found.path,
        "query": found.query,
        "headers": found.headers,
        "body": _text(found.body) or "",
        "runs": [str(run) for run in detail.runs_of_event(ws, found.event.id)],
    }


@router.get("/decisions", response=PageOut[DecisionOut])
def list_decisions(request: HttpRequest, asked: Query[AskedDecisions]) -> dict[str, Any]:
    """List what waits for a person, the oldest first; `next` is the value of `after`."""
    ws, size = workspace_of(request).pk, asked.limit
    wanted = read_wanted({"kind": asked.kind, "rule": asked.rule, "connection": asked.connection})
    rows = open_decisions(ws, wanted, after=read_cursor(asked.after) or 0, limit=size + 1)
    behind = waiting_behind(ws, rows[:size])
    following = rows[size - 1].id if len(rows) > size else None
    items = [_decision(row) | {"behind": behind.get(row.run_id, 0)} for row in rows[:size]]
    return {"items": items, "next": _next(following)}


@router.get("/decisions/{number}", response=DecisionOut)
def one_decision(request: HttpRequest, number: str) -> dict[str, Any]:
    """Show a decision, answered or not."""
    found = detail.decision_one(workspace_of(request).pk, _id(number))
    if found is None:
        raise gone()
    return _decision(found)


@router.post("/decisions/{number}/look", response=DoneOut)
def look(request: HttpRequest, number: str) -> DoneOut:
    """Let the run look at the vendor again: what it finds settles the question or is asked anew."""
    found = detail.decision_one(workspace_of(request).pk, _id(number))
    if found is None:
        raise gone()
    acts.look_again(workspace_of(request), found)
    return DoneOut()


@router.post("/decisions/{number}/answer", response=DoneOut)
def answer(request: HttpRequest, number: str, payload: AnswerIn) -> DoneOut:
    """Settle a decision; its run goes on by itself."""
    workspace = workspace_of(request)
    if detail.decision_one(workspace.pk, _id(number)) is None:
        raise gone()
    acts.answer(workspace, _id(number), payload.model_dump())
    return DoneOut()


@router.get("/rejected", response=PageOut[RejectedOut])
def list_rejected(request: HttpRequest, before: str = "", limit: int = 50) -> dict[str, Any]:
    """List deliveries that could not be taken and wait for a person."""
    size = max(1, min(limit, MAX_PAGE))
    page = queries.rejected(workspace_of(request).pk, Filters(), before=read_cursor(before), limit=size)
    catalog = WorkspaceCatalog(workspace_of(request))
    return {"items": [_rejected(row, catalog) for row in page.rows], "next": _next(page.next)}


@router.post("/rejected/retake", response=CountOut)
def retake_all(request: HttpRequest) -> dict[str, Any]:
    """Have all that wait read again."""
    return {"number": acts.retake_all(workspace_of(request))}


@router.post("/rejected/{number}/retake", response=DoneOut)
def retake(request: HttpRequest, number: str) -> DoneOut:
    """Have a rejected delivery read again."""
    acts.retake(workspace_of(request), _rejected_id(request, number))
    return DoneOut()


@router.post("/rejected/{number}/dismiss", response=DoneOut)
def dismiss(request: HttpRequest, number: str) -> DoneOut:
    """Take a rejected delivery off the list."""
    acts.dismiss(workspace_of(request), _rejected_id(request, number))
    return DoneOut()


def _found(request: HttpRequest, number: str) -> RunDetail:
    found = detail.find_run(workspace_of(request).pk, _id(number))
    if found is None:
        raise gone()
    return found


def _rejected_id(request: HttpRequest, number: str) -> int:
    if queries.rejected_one(workspace_of(request).pk, _id(number)) is None:
        raise gone()
    return _id(number)


def _id(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) >= 2**63:
        raise gone()
    return int(text)


def _next(cursor: int | None) -> str | None:
    return None if cursor is None else str(cursor)


def _event(row: EventRow) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "connection": row.conn,
        "deliveries": row.again + 1,
        "last_delivery": row.again_at,
        **{
            name: getattr(row, name)
            for name in ("kind", "object", "record", "title", "occurred", "bulk", "at")
        },
    }


def _run(row: RunRow, catalog: WorkspaceCatalog) -> dict[str, Any]:
    event = EventRow(
        row.event_id, row.event_conn, row.kind, row.object, row.record, row.title, row.occurred, row.bulk, 1,
        row.again, row.again_at,
    )  # fmt: skip
    at = catalog.connections.get(row.conn)
    message = str(explain(row.code, row.params, at.connector if at else "")) if row.code else ""
    plain = ("rule", "version", "state", "code", "params", "records", "calls", "tries")
    times = ("at", "finished", "since", "due", "ahead")
    return {
        "id": str(row.id),
        "event": _event(event),
        "status": row.shown.value,
        "message": message,
        "replay_of": str(row.replay_of) if row.replay_of else None,
        "replayed_by": str(row.replayed_by) if row.replayed_by else None,
        **{name: getattr(row, name) for name in plain + times},
    }


def _call(row: CallRow) -> dict[str, Any]:
    plain = ("n", "attempt", "step", "name", "write", "done", "method", "url", "status", "code", "at")
    return {
        **{name: getattr(row, name) for name in plain},
        "connection": row.conn,
        "request": _text(row.request),
        "response": _text(row.response),
        "milliseconds": row.ms,
    }


def _decision(row: DecisionRow) -> dict[str, Any]:
    plain = ("rule", "kind", "question", "asked", "answer", "answered")
    return {
        "id": str(row.id),
        "run": str(row.run_id),
        "connection": row.conn,
        "choices": list(acts.CHOICES.get(row.kind, ())),
        **{name: getattr(row, name) for name in plain},
    }


def _rejected(row: RejectedRow, catalog: WorkspaceCatalog) -> dict[str, Any]:
    at = catalog.connections.get(row.conn)
    return {
        "id": str(row.id),
        "connection": row.conn,
        "message": str(explain(row.code, row.params, at.connector if at else "")),
        "body": _text(row.body) or "",
        **{name: getattr(row, name) for name in ("at", "code", "status", "method", "headers")},
    }


def _text(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "replace")
