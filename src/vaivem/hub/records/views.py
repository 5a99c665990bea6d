"""People and companies across all systems: the list with its search, one of them, one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from vaivem.connectors.sdk.documents import HALF, RANKS
from vaivem.core.kinship import DEAL
from vaivem.engine.ids import time_of
from vaivem.engine.people import RECIPIENT
from vaivem.hub.history.detail import find_event
from vaivem.hub.history.names import Names
from vaivem.hub.history.received import shown_body
from vaivem.hub.records import documents, queries
from vaivem.hub.records.comparing import side_by_side, tags_of
from vaivem.hub.records.timeline import RunMade, runs_of, timeline
from vaivem.hub.shell.clock import now as clock_now
from vaivem.hub.workspaces.guard import MemberRequest, for_role


@require_safe
@never_cache
@for_role(place="records")
def records(request: MemberRequest) -> HttpResponse:
    """List people and companies, those heard of last first, or those that a search means."""
    ws, text = request.workspace.pk, request.GET.get("q", "").replace("\x00", "").strip()[:200]
    found = queries.people(ws, text, before=_before(request.GET.get("before", "")))
    shown, names = found[: queries.PAGE], Names(request.workspace)
    systems: dict[int, list[str]] = {}
    under: dict[int, str] = {}
    for known in queries.records_of(ws, [row.id for row in shown]):
        key, person_id = names.connector(known.conn), known.person or 0
        if key and key not in systems.setdefault(person_id, []):
            systems[person_id].append(key)
        under[person_id] = under.get(person_id) or known.said("email", "cpf", "cnpj", "phone")
    rows = [
        {"person": row, "systems": systems.get(row.id, []), "under": under.get(row.id, "")} for row in shown
    ]
    more = f"{shown[-1].at.isoformat()}~{shown[-1].id}" if len(found) > queries.PAGE else ""
    values = {"rows": rows, "q": text, "next": more, "now": clock_now()}
    return render(request, "records/list.html", values)


@require_safe
@never_cache
@for_role(place="records")
def person(request: MemberRequest, number: int) -> HttpResponse:
    """Show one of them: fields side by side, why the records are the same, what happened, documents."""
    ws = request.workspace.pk
    found = queries.one(ws, number)
    if found is None:
        raise Http404
    if found.merged is not None:
        return redirect("person", request.workspace.slug, found.merged)
    names = Names(request.workspace)
    known = queries.records_of(ws, [number])
    numbers = [row.id for row in known]
    before = request.GET.get("before", "")
    happened, older = timeline(
        ws, numbers, names, before=int(before) if before.isdecimal() and len(before) < 19 else None
    )
    kept = queries.kept_for(ws, numbers)
    runs = runs_of(ws, [number for row in (*known, *kept) for number in (row.run_id, row.read_run_id)], names)
    columns, lines = [_column(row, names, runs) for row in known], side_by_side(known, names)
    values = {
        "now": clock_now(),
        "person": found,
        "columns": columns,
        "lines": [
            {
                "name": line.name,
                "differs": line.differs,
                "cells": list(zip(columns, line.values, strict=True)),
            }
            for line in lines
        ],
        "differences": sum(line.differs for line in lines),
        "tags": tags_of(known),
        "wrote": any(row.wrote for row in known),
        "read": any(row.read for row in known),
        "whys": _whys(queries.whys(ws, numbers), known, names),
        "documents": [_document(row, names) for row in documents.documents_of(ws, numbers)],
        "kept": [_kept(row, names, runs) for row in kept],
        "deals": _related(ws, number, names, deals=True),
        "others": _related(ws, number, names, deals=False),
        "happened": happened,
        "older": older,
        "before": before,
    }
    return render(request, "records/person.html", values)


@require_safe
@never_cache
@for_role(place="records")
def document(request: MemberRequest, conn: int, document: str) -> HttpResponse:
    """Show a document: how far it and each recipient is, and all that the signer's system said of it."""
    ws = request.workspace.pk
    found = documents.document_one(ws, conn, document)
    if found is None:
        raise Http404
    names = Names(request.workspace)
    told = documents.told_of(ws, conn, document)
    last = find_event(ws, told[-1].event_id) if told else None
    people = documents.recipients_of(ws, conn, document)
    values = {
        "now": clock_now(),
        "document": _document(found, names),
        "lacking": [row.name or row.email or row.recipient for row in people if row.state == HALF],
        "made_by": runs_of(ws, [found.run_id], names).get(found.run_id),
        "recipients": [
            {
                "row": row,
                "state": documents.recipient_state(row.state),
                "told": [_told(one) for one in told if one.recipient in ("", row.recipient)],
            }
            for row in people
        ],
        "told": [_told(one) for one in told],
        "last": shown_body(last.body) if last else "",
    }
    return render(request, "records/document.html", values)


def _before(text: str) -> tuple[datetime, int] | None:
    at, _sep, number = text.partition("~")
    try:
        moment = datetime.fromisoformat(at)
        return (moment, int(number)) if moment.tzinfo and int(number) < 2**63 else None
    except ValueError:
        return None


def _column(row: queries.Known, names: Names, runs: Mapping[int, RunMade]) -> dict[str, Any]:
    """Return a record as a column. `told`: when its system told of it last, None where only rules know it."""
    by_rules = row.wrote is not None or row.read is not None
    told = row.told if not by_rules else time_of(row.event_id) if row.event_id else None
    name, system = names.connection(row.conn), names.system(row.conn)
    return {
        "row": row,
        "told": told,
        "run": runs.get(row.run_id),
        "read_by": runs.get(row.read_run_id),
        "connector": names.connector(row.conn),
        "name": name,
        "system": system if system.casefold() not in name.casefold() else "",
        "object": _("Signer") if row.object == RECIPIENT else names.object(row.conn, row.object),
        "url": _url(row, names),
    }


def _kept(row: queries.Known, names: Names, runs: Mapping[int, RunMade]) -> dict[str, Any]:
    """Return a record that is kept for a person; one of a document has a state."""
    state = row.said("status")
    return {
        **_column(row, names, runs),
        "title": row.said("name") or row.record,
        "state": documents.recipient_state(state) if state in RANKS else None,
    }


def _url(row: queries.Known, names: Names) -> str:
    """Return a record's address at its vendor; a signer has none of their own."""
    if row.object == RECIPIENT:
        return ""
    url = row.said("url")
    return names.record_url({"conn": row.conn, "object": row.object, "id": row.record, "url": url})


def _whys(found: Sequence[queries.Why], known: Sequence[queries.Known], names: Names) -> list[dict[str, Any]]:
    at = {row.id: names.connection(row.conn) for row in known}
    return [{"one": at[row.a], "other": at[row.b], "text": _why(row), "at": row.at} for row in found]


def _why(row: queries.Why) -> str:
    if row.why == "link":
        return _("A rule made one for the other.")
    if row.why == "member":
        return _("%(name)s said so.") % {"name": row.value}
    words = {"email": _("E-mail"), "cpf_cnpj": _("CPF or CNPJ"), "code": _("External code")}
    return _("The same %(what)s: %(value)s") % {"what": words.get(row.why, row.why), "value": row.value}


def _document(row: documents.Document, names: Names) -> dict[str, Any]:
    return {
        "row": row,
        "name": row.name or row.document,
        "url": row.url if urlsplit(row.url).scheme in ("http", "https") else "",
        "connector": names.connector(row.conn),
        "system": names.connection(row.conn),
        "state": documents.document_state(row.state),
        "own": documents.recipient_state(row.own) if row.own else None,
        "half": row.state == HALF,
        "lacks": documents.lacks(row, names),
    }


def _told(one: documents.Told) -> dict[str, Any]:
    return {"row": one, "state": documents.document_state(one.state).word}


def _related(ws: int, number: int, names: Names, *, deals: bool) -> list[dict[str, Any]]:
    """Return deals, or other people and companies; each of these once, by whichever record tells its name."""
    found: dict[Any, dict[str, Any]] = {}
    rows = [row for row in queries.related(ws, number) if (row.kind == DEAL) == deals]
    numbers = [number for row in rows for number in (row.run_id, row.read_run_id)]
    runs = runs_of(ws, numbers if deals else [], names)
    for row in rows:
        title = row.said("title", "name", "email")
        found.setdefault(
            row.id if deals else row.person,
            {
                "row": row,
                "title": title or row.record,
                "run": runs.get(row.run_id),
                "read_by": runs.get(row.read_run_id),
                "url": _url(row, names) if deals else "",
                "connector": names.connector(row.conn),
                "object": names.object(row.conn, row.object),
            },
        )
    return list(found.values())
