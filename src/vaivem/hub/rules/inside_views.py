"""Who is where in an automation: the page, and what can be done for a person on it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from vaivem.hub.history import acts, detail
from vaivem.hub.history.queries import RunRow
from vaivem.hub.messages import explain
from vaivem.hub.rules import inside, taking_along
from vaivem.hub.rules.views import find
from vaivem.hub.shell.clock import now as clock_now
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Member, Role, Workspace


@require_safe
@never_cache
@for_role(place="rules")
def who(request: MemberRequest, number: int) -> HttpResponse:
    """List the people who are in an automation, and where."""
    rule = find(request, number)
    rows, following = inside.people(rule, after=request.GET.get("after", "")[:300])
    values = {
        "now": clock_now(),
        "rule": rule,
        "rows": rows,
        "next": urlencode({"after": following}) if following else "",
        "first": not request.GET.get("after"),
        "can_move": taking_along.look(rule).going,
        "can_change": request.membership.at_least(Role.EDITOR),
    }
    return render(request, "rules/inside.html", values)


@require_POST
@for_role(place="rules")
def go_on(request: MemberRequest, number: int, run: int) -> HttpResponse:
    """Let a person go on now: a wait is over, and what is retried is tried at once."""
    return _done(request, number, run, acts.retry, _("On its way: the next step is done in a moment."))


@require_POST
@for_role(place="rules")
def remove(request: MemberRequest, number: int, run: int) -> HttpResponse:
    """Take a person out: the run ends where it is."""
    text = _("Taken out. What was done stays; what comes after is not done.")
    return _done(request, number, run, acts.stop, text)


@require_POST
@for_role(place="rules")
def move(request: MemberRequest, number: int, run: int) -> HttpResponse:
    """Let a person go on in the version of today."""
    found, rule = _run(request, number, run), find(request, number)
    if taking_along.move(rule, request.user, run=found.id):
        text = _("Moved: behind this step, version %(version)s goes on.")
        messages.success(request, text % {"version": rule.version})
    else:
        messages.warning(request, _("Not moved: they do not wait at this step any more."))
    return redirect("rule_inside", request.workspace.slug, number)


@require_POST
@for_role(place="rules")
def move_all(request: MemberRequest, number: int) -> HttpResponse:
    """Let everybody who can go on in the version of today."""
    rule = find(request, number)
    moved = taking_along.move(rule, request.user)
    text = ngettext(
        "%(number)s person goes on in version %(version)s.",
        "%(number)s people go on in version %(version)s.",
        moved,
    )
    told = messages.success if moved else messages.warning
    told(request, text % {"number": moved, "version": rule.version})
    return redirect("rule_inside", request.workspace.slug, number)


def _done(
    request: MemberRequest, number: int, run: int, act: Callable[[Workspace, RunRow, Member], None], text: str
) -> HttpResponse:
    """Do something with the run of a person, say how it went, and show who is where."""
    found = _run(request, number, run)
    try:
        act(request.workspace, found, request.user)
    except acts.ActError as error:
        messages.warning(request, str(explain(error.code)))
    else:
        messages.success(request, text)
    return redirect("rule_inside", request.workspace.slug, number)


def _run(request: MemberRequest, number: int, run: int) -> RunRow:
    """Return a run of this rule; 404 for any other."""
    rule, found = find(request, number), detail.find_run(request.workspace.pk, run)
    if found is None or found.run.rule != rule.pk:
        raise Http404
    return found.run
