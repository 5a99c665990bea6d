"""The page of one move: what exists already, the switch, what is left to do elsewhere, and the way back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from vaivem.core.errors import RuleError
from vaivem.hub.rules import files, looking, moving, undoing, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Move, Rule
from vaivem.hub.rules.moving_answers import ELSEWHERE, pair_of, switch_of
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role


def _find(request: MemberRequest, number: int) -> Move:
    row = Move.objects.select_related("workspace").filter(workspace=request.workspace, pk=number).first()
    if row is None:
        raise Http404
    return row


@require_safe
@for_role(Role.EDITOR, place="rules")
def look(request: MemberRequest, number: int) -> HttpResponse:
    """Show how the look stands."""
    row = _find(request, number)
    found = looking.stands(row, WorkspaceCatalog(request.workspace))
    return render(request, "rules/move_look.html", {"look": found, "move": row})


@require_http_methods(["GET", "HEAD", "POST"])
@for_role(Role.EDITOR, place="rules")
def move_page(request: MemberRequest, number: int) -> HttpResponse:
    """Show one move, and make it when what was asked for is still the same."""
    row = _find(request, number)
    if request.method != "POST":
        return _page(request, row)
    given = answers_of(row)
    if row.moved is not None:
        return _page(request, row, _("This move was made already."), 409)
    if given.get("where") == ELSEWHERE and not request.POST.get("off"):
        why = _("Say that the old integration is off, or will be by then. Otherwise both would send.")
        return _page(request, row, why, 422)
    try:
        switch = switch_of(request, given, given.get("text", ""))
        if switch.seen != row.seen:
            return _page(request, row, _("The rules were changed meanwhile. Begin again."), 409)
        looking.stop(row)
        moving.make(switch, request.user, row)
    except (files.FileError, RuleError) as error:
        return _page(request, row, words.sentence(error.problem), 409)
    except ValueError:
        return _page(request, row, _("Choose the moment from which on the new rules count."), 422)
    tell(request, row)
    return redirect("rules_move", request.workspace.slug, row.pk)


@require_POST
@for_role(Role.EDITOR, place="rules")
def stop(request: MemberRequest, number: int) -> HttpResponse:
    """Stop the look; what it found stays."""
    row = _find(request, number)
    if looking.stop(row):
        messages.success(request, _("The look is stopped. What it found so far counts."))
    return redirect("rules_move", request.workspace.slug, row.pk)


@require_POST
@for_role(Role.EDITOR, place="rules")
def go_on(request: MemberRequest, number: int) -> HttpResponse:
    """Let the look go on where it was."""
    row = _find(request, number)
    if looking.go_on(row):
        messages.success(request, _("The look goes on where it was."))
    return redirect("rules_move", request.workspace.slug, row.pk)


@require_POST
@for_role(Role.EDITOR, place="rules")
def undo(request: MemberRequest, number: int) -> HttpResponse:
    """Take the move back."""
    row = _find(request, number)
    try:
        undoing.undo(row, request.user)
    except RuleError as error:
        return _page(request, row, words.sentence(error.problem), 409)
    messages.success(request, _("The move is taken back: the old rules run again as before."))
    return redirect("rules_move", request.workspace.slug, row.pk)


def answers_of(row: Move) -> QueryDict:
    """Return the answers that a move was asked with."""
    given = QueryDict(mutable=True)
    for key, values in row.form.items():
        given.setlist(key, list(values))
    return given


def tell(request: MemberRequest, row: Move) -> None:
    """Say which rules run now."""
    titles = ", ".join(f"“{rule.title}”" for rule in _rules(row, "new"))
    messages.success(request, _("Moved over. Now running: %(rules)s.") % {"rules": titles})


def _rules(row: Move, which: str) -> list[Rule]:
    numbers = [one["rule"] for one in row.made.get(which, ())]
    return list(Rule.objects.filter(workspace=row.workspace_id, pk__in=numbers).order_by("title", "pk"))


def _page(request: MemberRequest, row: Move, refused: str = "", status: int = 200) -> HttpResponse:
    catalog, given = WorkspaceCatalog(request.workspace), answers_of(row)
    accounts = [one for one in map(catalog.connection, pair_of(given)) if one]
    values: dict[str, Any] = {
        "move": row,
        "look": looking.stands(row, catalog),
        "refused": refused,
        "where": given.get("where"),
        "tool": given.get("tool", ""),
        "moment": given.get("moment", ""),
        "names": [one.name for one in accounts],
        "new": _rules(row, "new"),
        "old": _rules(row, "old"),
        "links": len(row.made.get("links", ())) + len(row.made.get("keys", ())),
        "days": (row.until - row.since).days if row.since and row.until else 0,
    }
    return render(request, "rules/move.html", values, status=status)
