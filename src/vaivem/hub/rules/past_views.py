"""Bringing in what happened before a rule was switched on: look, start, watch, stop, go on."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from vaivem.core.errors import RuleError
from vaivem.engine.backfills import BackfillState
from vaivem.hub.messages import explain_error, explain_run
from vaivem.hub.rules import backfilling
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Rule
from vaivem.hub.rules.sentences import ends_of
from vaivem.hub.rules.views import find
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role

CHOICES = (30, 90, 180)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_role(place="rules")
def past(request: MemberRequest, number: int) -> HttpResponse:
    """Show how the latest backfill of a rule stands, or do what was asked of it."""
    row = find(request, number)
    source, _target = ends_of(_definition(row), WorkspaceCatalog(request.workspace))
    if request.method == "POST":
        _act(request, row, source)
        return redirect("rule_past", request.workspace.slug, row.pk)
    found = backfilling.last(row)
    values: dict[str, Any] = {
        "rule": row,
        "found": found,
        "days": [one for one in CHOICES if one <= backfilling.reach(source)],
        "can_act": request.membership.at_least(Role.EDITOR),
        **_standing(row, found, source),
    }
    if request.htmx and request.GET.get("live"):
        part = render(request, "rules/past_progress.html", values)
        if found is None or not found.live:
            part["HX-Refresh"] = "true"  # what can be done now stands below
        return part
    return render(request, "rules/past.html", values)


def _standing(row: Rule, found: backfilling.Backfill | None, source: str) -> dict[str, Any]:
    if found is None:
        return {}
    looked, counts = found.state is BackfillState.LOOKED_AT, found.counts
    left_out = counts.get("left_out", {})
    ticks = [(*one, int(left_out.get(one[0], 0))) for one in backfilling.reaching(row)] if looked else []
    steps, tags = backfilling.foreseen(row, found) if looked else ([], [])
    return {
        "looking": found.state is BackfillState.LOOKING,
        "looked": looked,
        "working": found.state is BackfillState.UNDER_WAY,
        "done": found.state is BackfillState.DONE,
        "can_go_on": found.begun and found.state in (BackfillState.STOPPED, BackfillState.FAILED),
        "problem": [str(one) for one in explain_run(found.code, found.params, source)] if found.code else [],
        "ticks": ticks,
        "all_in": bool(counts.get("known")) and counts.get("known") == counts.get("events"),
        "to_make_up": any(number for _, _, number in ticks),
        "would": steps,
        "tags": tags,
        "events": backfilling.sample(row, found) if looked else (),
    }


def _act(request: MemberRequest, row: Rule, source: str) -> None:
    act, member = request.POST.get("act", ""), request.user
    if act == "start":
        seen = request.POST.get("seen", "")
        looked = int(seen) if seen.isdecimal() and len(seen) < 19 else None
        did = backfilling.start(row, request.POST.getlist("step"), member, looked)
    elif act == "stop":
        did = backfilling.stop(row, member)
    elif act == "go_on":
        did = backfilling.go_on(row, member)
    else:
        did = True
        given = request.POST.get("days", "30")
        try:
            backfilling.look(row, int(given) if given.isdecimal() and len(given) < 5 else 30, source, member)
        except RuleError as error:
            messages.warning(request, str(explain_error(error)))
    if not did:
        messages.warning(request, _("Nothing was changed: it stands as shown here."))


def _definition(row: Rule) -> dict[str, Any]:
    version = row.versions.filter(number=row.version or 0).first()
    definition: dict[str, Any] = version.definition if version else row.draft
    return definition
