"""Decisions: one list of what waits for a member, one of them open beside it."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from vaivem.hub.decisions.waiting import (
    PAGE,
    Wanted,
    next_after,
    open_decisions,
    read_wanted,
    waiting_behind,
)
from vaivem.hub.history import acts
from vaivem.hub.history.detail import DecisionRow, decision_one, find_run
from vaivem.hub.history.filters import FilterError
from vaivem.hub.history.lines import did, title_of
from vaivem.hub.history.names import Names
from vaivem.hub.history.questions import answered, question
from vaivem.hub.history.why import people_of
from vaivem.hub.messages import explain
from vaivem.hub.rules.models import RuleState
from vaivem.hub.shell.clock import now as clock_now
from vaivem.hub.shell.counts import waiting_for_people
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role

LOOK_SECONDS = 4.0
LOOK_PAUSE = 0.2


@require_safe
@never_cache
@for_role(place="decisions")
def decisions(request: MemberRequest) -> HttpResponse:
    """Show the list, with its oldest decision open."""
    wanted = _wanted(request)
    rows = open_decisions(request.workspace.pk, wanted, after=_after(request), limit=PAGE + 1)
    return render(request, "decisions/list.html", _values(request, wanted, rows, rows[0] if rows else None))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_role(place="decisions")
def decision(request: MemberRequest, number: int) -> HttpResponse:
    """Show one decision beside the others, or take its answer."""
    found = decision_one(request.workspace.pk, number)
    if found is None:
        raise Http404
    wanted = _wanted(request)
    if request.method == "POST":
        return _answer(request, wanted, found)
    rows = open_decisions(request.workspace.pk, wanted, after=_after(request), limit=PAGE + 1)
    return render(request, "decisions/list.html", _values(request, wanted, rows, found))


@require_POST
@for_role(place="decisions")
def look(request: MemberRequest, number: int) -> HttpResponse:
    """Let the run look at the vendor again, and wait a moment for what it sees."""
    found = decision_one(request.workspace.pk, number)
    if found is None:
        raise Http404
    wanted = _wanted(request)
    try:
        acts.look_again(request.workspace, found)
    except acts.ActError as error:
        messages.warning(request, str(explain(error.code)))
        return redirect(_address(request, wanted, number))
    seen = _seen(request, found)
    if seen is None:
        messages.info(request, _("It is being looked at. Open this page again in a moment."))
    elif seen.answer is None and not _still_asks(request, seen):
        messages.success(request, _("It is settled: the run found what it needed and goes on by itself."))
        return _on(request, wanted, number)
    return redirect(_address(request, wanted, number))


def _seen(request: MemberRequest, before: DecisionRow) -> DecisionRow | None:
    """Return the decision once it was looked at again, None when that takes long."""
    limit = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < limit:
        time.sleep(LOOK_PAUSE)
        found = decision_one(request.workspace.pk, before.id)
        if found is None or found.question != before.question or not _still_asks(request, found):
            return found
    return None


def _still_asks(request: MemberRequest, row: DecisionRow) -> bool:
    run = find_run(request.workspace.pk, row.run_id)
    return run is not None and run.run.finished is None


def _answer(request: MemberRequest, wanted: Wanted, found: DecisionRow) -> HttpResponse:
    choice, _sep, record = request.POST.get("answer", "").partition(":")
    given = {
        "choice": choice,
        "record": record or request.POST.get("record", ""),
        "remember": request.POST.get("remember") == "on",
    }
    try:
        acts.answer(request.workspace, found.id, given, request.user)
    except acts.AnswerError:
        rows = open_decisions(request.workspace.pk, wanted, limit=PAGE + 1)
        values = _values(request, wanted, rows, found) | {"unanswered": True, "given": request.POST}
        return render(request, "decisions/list.html", values, status=422)
    except acts.ActError as error:
        messages.warning(request, str(explain(error.code)))
    else:
        messages.success(request, _("Thank you. The run goes on by itself."))
    if request.POST.get("on") == "on":
        return _on(request, wanted, found.id)
    return redirect("run", request.workspace.slug, found.run_id)


def _on(request: MemberRequest, wanted: Wanted, number: int) -> HttpResponse:
    """Go on with the next decision, or show that none waits."""
    following = next_after(request.workspace.pk, wanted, number)
    if following is None:
        query = f"?{wanted.query}" if wanted.query else ""
        return redirect(reverse("decisions", args=[request.workspace.slug]) + query)
    return redirect(_address(request, wanted, following))


def _address(request: MemberRequest, wanted: Wanted, number: int) -> str:
    address = reverse("decision", args=[request.workspace.slug, number])
    return f"{address}?{wanted.query}" if wanted.query else address


def _values(
    request: MemberRequest, wanted: Wanted, rows: list[DecisionRow], chosen: DecisionRow | None
) -> dict[str, Any]:
    names, ws = Names(request.workspace), request.workspace.pk
    shown = rows[:PAGE]
    if chosen is not None and chosen.id not in {row.id for row in shown} and chosen.answer is None:
        shown = [chosen, *shown]
    behind = waiting_behind(ws, shown)
    total = waiting_for_people(ws).decisions
    return {
        "now": clock_now(),
        "wanted": wanted,
        "query": wanted.query,
        "rows": [_line(row, names, behind.get(row.run_id, 0)) for row in shown],
        "more": rows[PAGE - 1].id if len(rows) > PAGE else None,
        "after": _after(request),
        "total": total,
        "said": ngettext(
            "%(number)s run waits for your word.", "%(number)s runs wait for your word.", total
        ) % {"number": total},
        "rules": [rule for rule in names.rules.values() if rule.state != RuleState.REMOVED],
        "connections": [row for row in names.connections.values() if row.removed is None],
        "chosen": _open(request, chosen, names, behind) if chosen else None,
        "can_act": request.membership.at_least(Role.EDITOR),
    }  # fmt: skip


def _line(row: DecisionRow, names: Names, behind: int) -> dict[str, Any]:
    if row.kind == "choice":
        number = len(row.question.get("candidates") or ())
        text = ngettext("%(number)s record fits", "%(number)s records fit", number) % {"number": number}
    else:
        text = _("Was it done?")
    name = str(row.question.get("title") or "") or row.event_title
    return {"row": row, "title": name or names.rule(row.rule), "text": text, "behind": behind}


def _open(
    request: MemberRequest, row: DecisionRow, names: Names, behind: dict[int, int]
) -> dict[str, Any] | None:
    detail = find_run(request.workspace.pk, row.run_id)
    if detail is None:
        return None
    return {
        "row": row,
        "question": question(row, names),
        "answered": answered(row) if row.answer is not None else None,
        "run": detail.run,
        "title": title_of(detail.run, names),
        "rule": names.rule(row.rule),
        "connector": names.connector(row.conn),
        "connection": names.connection(row.conn),
        "behind": behind.get(row.run_id, 0),
        "people": people_of(detail.received, names) if detail.received and row.kind == "choice" else [],
        "records": [
            {"text": did(one, names), "name": one.get("name") or one.get("id"), "url": names.record_url(one)}
            for one in detail.run.records
        ],
    }


def _wanted(request: MemberRequest) -> Wanted:
    try:
        return read_wanted(request.GET)
    except FilterError as error:
        raise Http404 from error


def _after(request: MemberRequest) -> int:
    text = request.GET.get("after", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
