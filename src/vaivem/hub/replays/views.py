"""Repeating runs with the rule of today: ask, see before and after, start, watch, stop."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from vaivem.engine.ids import id_at
from vaivem.engine.replays import Part, ReplayState
from vaivem.hub.history.detail import find_run
from vaivem.hub.history.filters import FilterError, read_filters
from vaivem.hub.history.list_views import DAY, FILTER_NAMES
from vaivem.hub.history.names import Names
from vaivem.hub.history.queries import tab_counts
from vaivem.hub.history.rules_of import rules_meant
from vaivem.hub.messages import explain_error
from vaivem.hub.replays import sets
from vaivem.hub.replays.comparison import Comparer
from vaivem.hub.replays.sets import PAGE, ReplayError, ReplayRow, ReplaySet
from vaivem.hub.replays.words import asked_words, part_badge, said, set_badge, step_words, time_left
from vaivem.hub.shell.clock import now as clock_now
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Member, Role

MOST_PICKED = 1000


@require_safe
@never_cache
@for_role(place="history")
def replays(request: MemberRequest) -> HttpResponse:
    """List the sets, newest first."""
    before = _number(request.GET.get("before", ""))
    found = sets.latest(request.workspace.pk, before=before, limit=PAGE + 1)
    names = Names(request.workspace)
    values = {
        "now": clock_now(),
        "rows": [_set_line(one, names) for one in found[:PAGE]],
        "next": found[PAGE - 1].id if len(found) > PAGE else None,
        "before": before,
        "tabs": _tabs(request),
    }
    return render(request, "replays/list.html", values)


@require_POST
@for_role(place="history")
def ask(request: MemberRequest) -> HttpResponse:
    """Make a set: of the runs that were picked, or of all that a filter means."""
    try:
        number = _asked(request)
    except ReplayError as error:
        messages.warning(request, str(explain_error(error)))
        return redirect("history", request.workspace.slug)
    return redirect("replay", request.workspace.slug, number)


def _asked(request: MemberRequest) -> int:
    workspace, given = request.workspace, request.POST
    picked = [int(run) for run in given.getlist("run") if run.isascii() and run.isdecimal() and len(run) < 20]
    if picked or "all" not in given:
        return sets.ask_for_runs(workspace, picked[:MOST_PICKED], request.user)
    asked = {name: value for name in FILTER_NAMES if (value := given.get(name, ""))}
    try:
        filters = read_filters(asked, now=clock_now(), zone=workspace.zone)
    except FilterError as error:
        raise Http404 from error
    return sets.ask_for(workspace, filters, rules_meant(workspace.pk, filters), asked, request.user)


@require_safe
@never_cache
@for_role(place="history")
def replay(request: MemberRequest, number: int) -> HttpResponse:
    """Show a set: how far it is, what it would do, each run before and after."""
    found = _found(request, number)
    names = Names(request.workspace)
    values = {"now": clock_now(), "set": found, "query": "", **_progress(found, names)}
    values["can_act"] = request.membership.at_least(Role.EDITOR)
    if request.htmx and request.GET.get("live"):
        part = render(request, "replays/progress.html", values)
        if not found.live:
            part["HX-Refresh"] = "true"  # what can be done now stands below
        return part
    return render(request, "replays/one.html", values | _runs(request, found, names))


@require_POST
@for_role(place="history")
def start(request: MemberRequest, number: int) -> HttpResponse:
    """Begin; a set whose rule was changed meanwhile is looked at anew instead."""
    found = _found(request, number)
    given: QueryDict = request.POST
    try:
        sets.start(
            request.workspace,
            found,
            given.getlist("again"),
            older=given.get("older") == "on",
            member=request.user,
        )
    except ReplayError as error:
        messages.warning(request, str(explain_error(error)))
    else:
        after = sets.find(request.workspace.pk, number)
        if after is not None and after.state is ReplayState.LOOKING:
            messages.warning(
                request, _("The rule was changed meanwhile: what it would do is looked at anew.")
            )
        else:
            messages.success(request, _("Begun. You can leave this page and come back at any time."))
    return redirect("replay", request.workspace.slug, number)


@require_POST
@for_role(place="history")
def stop(request: MemberRequest, number: int) -> HttpResponse:
    """Stop: what has begun ends, the rest is left out."""
    found = _found(request, number)
    try:
        sets.stop(request.workspace, found, request.user)
    except ReplayError as error:
        messages.warning(request, str(explain_error(error)))
    else:
        messages.success(request, _("Stopped. What had begun ends; the rest is left as it was."))
    return redirect("replay", request.workspace.slug, number)


def _progress(found: ReplaySet, names: Names) -> dict[str, Any]:
    now = clock_now()
    done = found.looked_at if found.state is ReplayState.LOOKING else found.finished
    total = found.total if found.state is ReplayState.LOOKING else found.wanted
    left = found.seconds_left(now)
    return {
        "said": said(found),
        "badge": set_badge(found),
        "asked": asked_words(found, names),
        "done": done,
        "of": total,
        "percent": round(100 * done / total) if total else 100,
        "left": time_left(left) if left is not None else "",
        "parts": [
            {"part": part, "badge": part_badge(part), "number": found.counts[part]}
            for part in Part
            if found.counts.get(part) and part is not Part.NEW
        ],
        "looking": found.state is ReplayState.LOOKING,
        "waits": found.state is ReplayState.LOOKED_AT,
        "under_way": found.state in (ReplayState.UNDER_WAY, ReplayState.STOPPING),
        "by": str(Member.objects.filter(pk=found.made_by or 0).first() or _("a program")),
        "ready": found.counts.get(Part.READY, 0),
        "late": found.counts.get(Part.OVERTAKEN, 0),
    }


def _runs(request: MemberRequest, found: ReplaySet, names: Names) -> dict[str, Any]:
    part = _part(request.GET.get("part", ""))
    after = _number(request.GET.get("after", "")) or 0
    rows = sets.runs_of(request.workspace.pk, found.id, part=part, after=after, limit=PAGE + 1)
    comparer = Comparer(names)
    ticks = []
    if found.state is ReplayState.LOOKED_AT:
        ticks = step_words(sets.tickable(request.workspace, found), names)
    return {
        "rows": [_run_line(request, row, comparer, names) for row in rows[:PAGE]],
        "next": rows[PAGE - 1].run if len(rows) > PAGE else None,
        "after": after,
        "part": part,
        "ticks": ticks,
    }


def _run_line(request: MemberRequest, row: ReplayRow, comparer: Comparer, names: Names) -> dict[str, Any]:
    from vaivem.hub.history.lines import title_of

    detail = find_run(request.workspace.pk, row.run)
    compared = comparer.compare(detail) if detail and row.part <= Part.OVERTAKEN else None
    return {
        "row": row,
        "badge": part_badge(row.part),
        "title": title_of(detail.run, names) if detail else str(row.run),
        "at": detail.run.at if detail else None,
        "why": _why(row, names),
        "rule": names.rule(row.rule),
        "compared": compared,
    }


def _why(row: ReplayRow, names: Names) -> str:
    from vaivem.hub.messages import explain_run

    if not row.code:
        return ""
    return " ".join(one.text for one in explain_run(row.code, row.params, names.target(row.rule))[:3])


def _set_line(found: ReplaySet, names: Names) -> dict[str, Any]:
    return {"set": found, "badge": set_badge(found), "said": said(found), "asked": asked_words(found, names)}


def _tabs(request: MemberRequest) -> dict[str, int]:
    return tab_counts(request.workspace.pk, id_at(clock_now() - DAY))


def _found(request: MemberRequest, number: int) -> ReplaySet:
    found = sets.find(request.workspace.pk, number)
    if found is None:
        raise Http404
    return found


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def _part(text: str) -> Part | None:
    number = _number(text)
    try:
        return None if number is None else Part(number)
    except ValueError as error:
        raise Http404 from error
