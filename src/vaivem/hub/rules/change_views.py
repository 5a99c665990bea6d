"""What can be done to a rule: publish its draft, pause, resume, restore a version, remove it."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from vaivem.core.errors import RuleError
from vaivem.hub.rules import publishing, taking_along
from vaivem.hub.rules.figures import read_figures
from vaivem.hub.rules.held import limits_form, save_limits
from vaivem.hub.rules.models import Rule, RuleState, RuleVersion
from vaivem.hub.rules.views import find, rule_page
from vaivem.hub.shell import clock
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Member, Role

Change = Callable[[Rule, Member], None]


@require_http_methods(["GET", "HEAD", "POST"])
@for_role(Role.EDITOR, place="rules")
def publish(request: MemberRequest, number: int) -> HttpResponse:
    """Publish the draft; a new rule is switched on. Where some are inside, ask about them first."""
    row, chosen = find(request, number), request.POST.get("inside", "")
    try:
        asked = publishing.asks(row)
        if request.method != "POST" and asked is not None:
            return render(request, "rules/publish.html", {"rule": row, "asked": asked})
        if request.method != "POST":
            return redirect("rule", request.workspace.slug, row.pk)
        if asked is not None and chosen not in taking_along.CHOICES:
            return redirect("rule_publish", request.workspace.slug, row.pk)
        publishing.publish(row, request.user, inside=chosen or taking_along.FINISH)
    except RuleError as error:
        return rule_page(request, row, error.problems or (error.problem,), 422)
    messages.success(request, _("Published. What happens from now on goes by this version."))
    if chosen == taking_along.MOVE and asked is not None:
        _tell_who_stays(request, row)
    return redirect("rule", request.workspace.slug, row.pk)


def _tell_who_stays(request: MemberRequest, row: Rule) -> None:
    """Say how many of those inside finish their version after all."""
    stay = taking_along.look(row).staying
    text = ngettext(
        "%(number)s of those inside finishes the version it is in.",
        "%(number)s of those inside finish the version they are in.",
        stay,
    )
    if stay:
        messages.warning(request, text % {"number": stay})
    else:
        messages.success(request, _("All who wait inside go on in this version."))


@require_POST
@for_role(place="rules")
def pause(request: MemberRequest, number: int) -> HttpResponse:
    """Let the rule's runs wait; events go on being taken in."""
    done = _("Paused. Events go on being taken in, and wait until you resume it.")
    return _changed(request, number, publishing.pause, done)


@require_POST
@for_role(place="rules")
def resume(request: MemberRequest, number: int) -> HttpResponse:
    """Let the rule's runs go on."""
    return _changed(request, number, publishing.resume, _("Resumed. What waited goes on, in order."))


@require_POST
@for_role(place="rules")
def limits(request: MemberRequest, number: int) -> HttpResponse:
    """Give the rule limits of its own, or the workspace's again."""
    row = find(request, number)
    form = limits_form(row, request.POST)
    if not form.is_valid():
        return rule_page(request, find(request, number), status=422, limits=form)
    save_limits(form, request.user)
    messages.success(request, _("Saved."))
    return redirect("rule", request.workspace.slug, row.pk)


@require_POST
@for_role(place="rules")
def restore(request: MemberRequest, number: int, version: int) -> HttpResponse:
    """Make an earlier version the published one again, or nothing when it cannot be published any more."""
    row = find(request, number)
    try:
        with transaction.atomic():
            publishing.restore(row, version, request.user)
            publishing.publish(row, request.user)
    except RuleVersion.DoesNotExist as error:
        raise Http404 from error
    except RuleError as error:
        row.refresh_from_db()
        return rule_page(request, row, error.problems or (error.problem,), 422)
    text = _("Version %(old)s is in use again, as version %(new)s.")
    messages.success(request, text % {"old": version, "new": row.version})
    return redirect("rule", request.workspace.slug, row.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_role(Role.EDITOR, place="rules")
def remove(request: MemberRequest, number: int) -> HttpResponse:
    """Ask, saying what stops; then take the rule away. Its history stays."""
    row = find(request, number)
    if request.method == "POST":
        publishing.remove(row, request.user)
        text = _("“%(title)s” is removed. Its history stays.") % {"title": row.title}
        back = reverse("rule_bring_back", args=[request.workspace.slug, row.pk])
        messages.success(request, text, extra_tags=back)
        return redirect("rules", request.workspace.slug)
    figures = read_figures(request.workspace.pk, [row.pk], clock.now())[row.pk]
    return render(request, "rules/remove.html", {"rule": row, "figures": figures})


@require_POST
@for_role(place="rules")
def bring_back(request: MemberRequest, number: int) -> HttpResponse:
    """Undo a removal."""
    row = get_object_or_404(Rule, pk=number, workspace=request.workspace)
    return _changed(request, row, publishing.bring_back, _("The rule is back, as it was."))


@require_POST
@for_role(place="rules")
def duplicate(request: MemberRequest, number: int) -> HttpResponse:
    """Make a rule like this one; it is not switched on, and opens in the editor."""
    row = find(request, number)
    made = publishing.copy(row, free_title(row), request.user)
    messages.success(request, _("This is the copy. It takes no events until you switch it on."))
    return redirect("rule_edit", request.workspace.slug, made.pk)


def free_title(rule: Rule) -> str:
    """Return a title for a copy that no rule of the workspace has."""
    base = re.sub(r" \(\d+\)$", "", rule.title)[:110]
    kept = Rule.objects.filter(workspace=rule.workspace_id).exclude(state=RuleState.REMOVED)
    taken = set(kept.filter(title__startswith=base).values_list("title", flat=True))
    numbered = (f"{base} ({number})" for number in range(2, len(taken) + 3))
    return next(one for one in numbered if one not in taken)


def _changed(request: MemberRequest, rule: int | Rule, change: Change, done: str) -> HttpResponse:
    row = rule if isinstance(rule, Rule) else find(request, rule)
    try:
        change(row, request.user)
    except publishing.RuleStateError:  # somebody was faster; the page shows how it stands
        row.refresh_from_db()
        text = _("Nothing was changed: the rule is %(state)s already.")
        messages.warning(request, text % {"state": row.get_state_display().lower()})
    else:
        messages.success(request, done)
    return redirect("rule", request.workspace.slug, row.pk)
