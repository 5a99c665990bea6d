"""The page "Moving from an old integration": questions, old and new side by side, then both at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from vaivem.core.errors import RuleError
from vaivem.core.rules import read_rule
from vaivem.hub.rules import files, looking, moving, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.file_views import shown_change, text_of
from vaivem.hub.rules.models import Move, Rule, RuleState
from vaivem.hub.rules.moved_views import tell
from vaivem.hub.rules.moving_answers import ELSEWHERE, HERE, pair_of, switch_of
from vaivem.hub.rules.sentences import RuleShown, shown_rule
from vaivem.hub.shell.clock import now
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role


@dataclass(frozen=True, slots=True)
class Side:
    """One rule in words."""

    title: str
    shown: RuleShown
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """What runs today beside what takes its place."""

    old: tuple[Side, ...]
    new: Side | None


@require_http_methods(["GET", "HEAD", "POST"])
@for_role(Role.EDITOR, place="rules")
def moving_page(request: MemberRequest) -> HttpResponse:
    """Ask, show the move, and make it when the one that was seen is still the same."""
    if request.method != "POST":
        return _questions(request)
    try:
        text = text_of(request)
        move = switch_of(request, request.POST, text)
        asked = request.POST.get("seen", "")
        if not asked:
            return _side_by_side(request, move, text)
        if asked != move.seen:
            return _side_by_side(request, move, text, _("The rules were changed meanwhile."), 409)
        looks = bool(request.POST.get("look"))
        if not looks and request.POST.get("where") == ELSEWHERE and not request.POST.get("off"):
            why = _("Say that the old integration is off, or will be by then. Otherwise both would send.")
            return _side_by_side(request, move, text, why, 422)
        if looks:
            row = looking.begin(move, _form(request, text), _days(request), request.user)
            return redirect("rules_move", request.workspace.slug, row.pk)
        with transaction.atomic():
            row = looking.note(move, _form(request, text), request.user)
            moving.make(move, request.user, row)
    except files.FileError as error:
        found = [(one.path, words.sentence(one)) for one in error.placed]
        return _questions(request, words.sentence(error.whole), found)
    except UnicodeDecodeError:
        return _questions(request, _("The file is not text in UTF-8."))
    except ValueError:
        return _questions(request, _("Choose the moment from which on the new rules count."))
    except RuleError as error:
        return _side_by_side(
            request, switch_of(request, request.POST, text), text, words.sentence(error.problem), 409
        )
    tell(request, row)
    return redirect("rules_move", request.workspace.slug, row.pk)


def _form(request: MemberRequest, text: str) -> dict[str, list[str]]:
    """Return the answers to keep, the file's text among them."""
    return {**dict(request.POST.lists()), "text": [text]}


def _days(request: MemberRequest) -> int:
    given = request.POST.get("days", "")
    return next((one for one in looking.DAYS if given == str(one)), looking.DAYS[1])


def _questions(
    request: MemberRequest, refused: str = "", problems: list[tuple[str, str]] | None = None
) -> HttpResponse:
    given = request.POST or request.GET
    catalog = WorkspaceCatalog(request.workspace)
    sides = [given.get("one", ""), given.get("two", "")]
    pair = [int(one) for one in sides if one.isdecimal() and int(one) in catalog.connections]
    chosen = len(set(pair)) == 2
    if refused == "" and given.get("one") and not chosen:
        refused = _("Choose two different accounts.")
    where = given.get("where", HERE)
    values = {
        "accounts": catalog.connections.values(),
        "pair": pair,
        "chosen": chosen,
        "where": where if where in (HERE, ELSEWHERE) else HERE,
        "tool": given.get("tool", "")[:200],
        "old": moving.between(request.workspace, pair, RuleState.ON) if chosen else [],
        "drafts": moving.between(request.workspace, pair, RuleState.DRAFT) if chosen else [],
        "ticked": [int(one) for one in given.getlist("draft") if one.isdecimal() and len(one) < 10],
        "moment": given.get("moment") or f"{_here(request):%Y-%m-%dT%H:%M}",
        "text": given.get("text", "")[:500_000],
        "earlier": Move.objects.filter(workspace=request.workspace).order_by("-pk")[:10],
        "refused": refused,
        "problems": problems or [],
    }
    status = 422 if request.method == "POST" or refused else 200
    return render(request, "rules/moving.html", values, status=status)


def _here(request: MemberRequest) -> datetime:
    return now().astimezone(ZoneInfo(request.workspace.zone))


def _side_by_side(
    request: MemberRequest, move: moving.Switch, text: str, refused: str = "", status: int = 200
) -> HttpResponse:
    catalog, given = WorkspaceCatalog(request.workspace), request.POST
    combinations = [] if move.plan is None else move.plan.of(files.Kind.COMBINATION)
    table = move.plan is not None and move.plan.is_table
    rows = [Row(tuple(_side(rule, catalog) for rule in one.old), _new(one, catalog)) for one in move.new] + [
        Row((_side(rule, catalog),), None) for rule in move.without
    ]
    values = {
        "rows": rows,
        "combinations": [shown_change(one, catalog, is_table=table) for one in combinations],
        "problems": [words.sentence(one) for one in move.problems],
        "ok": move.ok,
        "seen": move.seen,
        "where": given.get("where", HERE),
        "tool": given.get("tool", "").strip()[:200],
        "does": given.get("does", "").strip()[:2000],
        "one_side": given.get("one", ""),
        "two": given.get("two", ""),
        "names": [row.name for row in map(catalog.connection, pair_of(given)) if row],
        "moment": move.moment,
        "days": looking.DAYS,
        "given_moment": given.get("moment", ""),
        "old_rules": move.old,
        "drafts": move.drafts,
        "text": text,
        "refused": refused,
    }
    status = status if move.ok or status != 200 else 422
    return render(request, "rules/moving_plan.html", values, status=status)


def _side(rule: Rule, catalog: WorkspaceCatalog) -> Side:
    version = rule.versions.filter(number=rule.version or 0).first()
    definition = version.definition if version else rule.draft
    return Side(rule.title, shown_rule(read_rule(definition)[0], catalog))


def _new(one: moving.New, catalog: WorkspaceCatalog) -> Side:
    definition = dict(one.definition)
    problems = []
    for problem in one.problems:
        place = words.place(problem.path, definition, catalog)
        said = str(words.explained(problem, definition, catalog))
        problems.append(f"{place}: {said}" if place else said)
    return Side(one.title, shown_rule(read_rule(definition)[0], catalog), tuple(problems))
