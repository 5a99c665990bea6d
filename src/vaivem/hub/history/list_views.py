"""The lists of the history: runs, events that no rule took, deliveries that could not be taken."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from vaivem.engine.ids import id_at
from vaivem.hub.history import acts, detail, queries
from vaivem.hub.history.export import MOST_ROWS
from vaivem.hub.history.filters import FilterError, Filters, Shown, cursor_time, read_cursor, read_filters
from vaivem.hub.history.lines import BADGES, lines
from vaivem.hub.history.names import Names
from vaivem.hub.history.received import shown_body
from vaivem.hub.history.rules_of import rules_meant
from vaivem.hub.messages import explain, explain_error
from vaivem.hub.rules.models import RuleState
from vaivem.hub.shell.clock import now as clock_now
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role

DAY = timedelta(days=1)
MOST_PICKED = 200
FILTER_NAMES = ("q", "status", "rule", "connection", "period", "from", "to")


@require_safe
@for_role(place="history")
def history(request: MemberRequest) -> HttpResponse:
    """List runs, newest first."""
    now, names = clock_now(), Names(request.workspace)
    filters, before = _asked(request, now)
    meant = rules_meant(request.workspace.pk, filters)
    fresh = request.GET.get("fresh", "")
    if fresh.isascii() and fresh.isdecimal():
        count = queries.newer_runs(request.workspace.pk, filters, int(fresh), rules=meant)
        return render(request, "history/fresh.html", {"count": count, "top": fresh, **_query(request)})
    page = queries.runs(request.workspace.pk, filters, before=before, rules=meant)
    values = {
        "now": now,
        "names": names,
        "filters": filters,
        "lines": lines(page.rows, names, now, cursor_time(before) if before else None),
        "page": page,
        "looked_to": cursor_time(page.next) if page.partial and page.next else None,
        "top": page.rows[0].id if page.rows else id_at(now),
        "statuses": [(shown.value, BADGES[shown].word) for shown in Shown],
        "rules": [rule for rule in names.rules.values() if rule.state != RuleState.REMOVED],
        "connections": [row for row in names.connections.values() if row.removed is None],
        "tabs": _tabs(request, now),
        "can_act": request.membership.at_least(Role.EDITOR),
        "before": before,
        "export_most": MOST_ROWS,
        **_query(request),
    }
    return render(request, "history/list.html", values)


@require_POST
@for_role(place="history")
def retry_picked(request: MemberRequest) -> HttpResponse:
    """Let the picked runs that failed go on from where they stopped."""
    done = skipped = overtaken = 0
    for text in request.POST.getlist("run")[:MOST_PICKED]:
        found = (
            detail.find_run(request.workspace.pk, int(text)) if text.isdecimal() and len(text) < 20 else None
        )
        try:
            if found is None or found.run.shown is not Shown.FAILED:
                skipped += 1
                continue
            acts.retry(request.workspace, found.run, request.user)
            done += 1
        except acts.OvertakenError:
            overtaken += 1
        except acts.ActError:
            skipped += 1
    if done:
        text = ngettext(
            "%(number)s run goes on from where it stopped.",
            "%(number)s runs go on from where they stopped.",
            done,
        )
        messages.success(request, text % {"number": done})
    if skipped:
        text = ngettext(
            "%(number)s was left as it is: only what failed can be retried.",
            "%(number)s were left as they are: only what failed can be retried.",
            skipped,
        )
        messages.warning(request, text % {"number": skipped})
    if overtaken:
        text = ngettext(
            "%(number)s was left as it is: a newer event of its record came first. "
            "Open it to retry it anyway.",
            "%(number)s were left as they are: newer events of their records came first. "
            "Open one to retry it anyway.",
            overtaken,
        )
        messages.warning(request, text % {"number": overtaken})
    return redirect("history", request.workspace.slug)


@require_safe
@for_role(place="history")
def unused(request: MemberRequest) -> HttpResponse:
    """List events that no rule took."""
    now, names = clock_now(), Names(request.workspace)
    filters, before = _asked(request, now)
    page = queries.events(request.workspace.pk, filters, before=before, unused=True)
    rows = [
        {
            "event": row,
            "kind": names.trigger(row.conn, row.kind),
            "source": names.connector(row.conn),
            "name": names.connection(row.conn),
        }
        for row in page.rows
    ]
    values = {"now": now, "rows": rows, "page": page, "filters": filters, "tabs": _tabs(request, now)}
    return render(request, "history/unused.html", values | _query(request))


@require_safe
@for_role(place="history")
def rejected(request: MemberRequest) -> HttpResponse:
    """List deliveries that could not be taken and wait for a person."""
    now, names = clock_now(), Names(request.workspace)
    _, before = _asked(request, now)
    page = queries.rejected(request.workspace.pk, Filters(), before=before, limit=20)
    rows = [
        {
            "row": row,
            "why": explain(row.code, row.params, names.connector(row.conn)),
            "source": names.connector(row.conn),
            "name": names.connection(row.conn),
            "body": shown_body(row.body),
        }
        for row in page.rows
    ]
    values = {
        "now": now,
        "rows": rows,
        "page": page,
        "tabs": _tabs(request, now),
        "can_act": request.membership.at_least(Role.EDITOR),
    }
    return render(request, "history/rejected.html", values)


@require_POST
@for_role(place="history")
def retake_all(request: MemberRequest) -> HttpResponse:
    """Have all that wait read again."""
    number = acts.retake_all(request.workspace, request.user)
    text = ngettext(
        "%(number)s delivery is being read again. If it works, it leaves this list in a moment.",
        "%(number)s deliveries are being read again. Those that work leave this list in a moment.",
        number,
    )
    messages.success(request, text % {"number": number})
    return redirect("rejected", request.workspace.slug)


@require_POST
@for_role(place="history")
def settle_rejected(request: MemberRequest, number: int, act: str) -> HttpResponse:
    """Read a rejected delivery again, or dismiss it."""
    if queries.rejected_one(request.workspace.pk, number) is None:
        raise Http404
    try:
        if act == "retake":
            acts.retake(request.workspace, number, request.user)
            messages.success(
                request, _("It is being read again. If it works, it leaves this list in a moment.")
            )
        else:
            acts.dismiss(request.workspace, number, request.user)
            messages.success(request, _("Dismissed."))
    except acts.ActError as error:
        messages.warning(request, str(explain_error(error)))
    return redirect("rejected", request.workspace.slug)


def _asked(request: MemberRequest, now: datetime) -> tuple[Filters, int | None]:
    """Read the address; what cannot be read there is no page."""
    try:
        filters = read_filters(request.GET, now=now, zone=request.workspace.zone)
        return filters, read_cursor(request.GET.get("before"))
    except FilterError as error:
        raise Http404 from error


def _query(request: HttpRequest) -> dict[str, Any]:
    """Return the filters as they stand in the address, for links and the form."""
    chosen = {name: value for name in FILTER_NAMES if (value := request.GET.get(name, ""))}
    since = {"since": chosen["from"]} if "from" in chosen else {}  # a template cannot say "from"
    return {"chosen": chosen | since, "query": urlencode(chosen), "filled": list(chosen.items())}


def _tabs(request: MemberRequest, now: datetime) -> dict[str, int]:
    return queries.tab_counts(request.workspace.pk, id_at(now - DAY))
