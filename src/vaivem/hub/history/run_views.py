"""One run's page, one event's page, and what can be done there."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from vaivem.hub.history import acts, detail
from vaivem.hub.history.detail import RunDetail
from vaivem.hub.history.lines import BADGES
from vaivem.hub.history.names import Names
from vaivem.hub.history.received import shown_body, size_text
from vaivem.hub.history.run_page import page_values
from vaivem.hub.history.why import main_fields, reasons_without_rule, told_by_content
from vaivem.hub.messages import explain
from vaivem.hub.shell.clock import now as clock_now
from vaivem.hub.workspaces.guard import MemberRequest, for_role


@require_safe
@never_cache
@for_role(place="history")
def run(request: MemberRequest, number: int) -> HttpResponse:
    """Show a run: what arrived, each step with request and response, what came of it."""
    found = _found(request, number)
    return render(request, "history/run.html", page_values(request, found))


@require_POST
@for_role(place="history")
def retry(request: MemberRequest, number: int) -> HttpResponse:
    """Let a failed run go on from its failed step, or a waiting one try at once."""
    found = _found(request, number)
    try:
        acts.retry(request.workspace, found.run, request.user, older=request.POST.get("older") == "on")
    except acts.OvertakenError as error:
        values = page_values(request, found) | {"newer": error.run}
        return render(request, "history/run.html", values, status=409)
    except acts.ActError as error:
        messages.warning(request, str(explain(error.code)))
    else:
        messages.success(request, _("On its way. The result appears here in a moment."))
    return redirect("run", request.workspace.slug, number)


@require_POST
@for_role(place="history")
def stop(request: MemberRequest, number: int) -> HttpResponse:
    """End a waiting run."""
    found = _found(request, number)
    try:
        acts.stop(request.workspace, found.run, request.user)
    except acts.ActError as error:
        messages.warning(request, str(explain(error.code)))
    else:
        messages.success(request, _("Stopped. What waited behind it goes on."))
    return redirect("run", request.workspace.slug, number)


@require_POST
@for_role(place="history")
def decide(request: MemberRequest, number: int, decision: int) -> HttpResponse:
    """Take the answer to what the run waits for."""
    found = _found(request, number)
    if decision not in {one.id for one in found.decisions}:
        raise Http404
    choice, _sep, record = request.POST.get("answer", "").partition(":")
    given = {
        "choice": choice,
        "record": record or request.POST.get("record", ""),
        "remember": request.POST.get("remember") == "on",
    }
    try:
        acts.answer(request.workspace, decision, given, request.user)
    except acts.AnswerError:
        values = page_values(request, found) | {"unanswered": True}
        return render(request, "history/run.html", values, status=422)
    except acts.ActError as error:
        messages.warning(request, str(explain(error.code)))
    else:
        messages.success(request, _("Thank you. The run goes on by itself."))
    return redirect("run", request.workspace.slug, number)


@require_safe
@never_cache
@for_role(place="history")
def event(request: MemberRequest, number: int) -> HttpResponse:
    """Show an event: what it holds, which runs it made, or why it made none."""
    received = detail.find_event(request.workspace.pk, number)
    if received is None:
        raise Http404
    names = Names(request.workspace)
    ids = detail.runs_of_event(request.workspace.pk, number)
    found = [one for run in ids if (one := detail.find_run(request.workspace.pk, run))]
    values = {
        "now": clock_now(),
        "received": received,
        "title": received.event.title or received.event.record or received.event.kind,
        "kind": names.trigger(received.event.conn, received.event.kind),
        "connector": names.connector(received.event.conn),
        "name": names.connection(received.event.conn),
        "alike": told_by_content(received, names),
        "fields": main_fields(received, names),
        "body": shown_body(received.body),
        "size": size_text(received.body),
        "runs": [
            {"run": one.run, "badge": BADGES[one.run.shown], "rule": names.rule(one.run.rule)}
            for one in found
        ],
        "reasons": [] if found else reasons_without_rule(received, names),
    }
    return render(request, "history/event.html", values)


def _found(request: MemberRequest, number: int) -> RunDetail:
    found = detail.find_run(request.workspace.pk, number)
    if found is None:
        raise Http404
    return found
