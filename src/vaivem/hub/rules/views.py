"""The list of rules, and one rule's page: what it does, how it is doing, its versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from vaivem.core.errors import Problem
from vaivem.core.folding import fold
from vaivem.core.rules import RuleDefinitionError, parse_rule
from vaivem.engine.settling import Settling
from vaivem.hub.rules import backfilling, inside, publishing, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.editing.differences import Difference, differences
from vaivem.hub.rules.figures import MAX_COUNT, RuleFigures, read_figures
from vaivem.hub.rules.files import as_file
from vaivem.hub.rules.held import LimitsForm, limits_form, why_held
from vaivem.hub.rules.models import Rule, RuleState, RuleVersion
from vaivem.hub.rules.sentences import RuleShown, ends_of, sentence_of, shown_rule
from vaivem.hub.shell import clock
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role, Workspace


@dataclass(frozen=True, slots=True)
class RuleBadge:
    """How a rule stands: the pill's kind, its icon and its word."""

    kind: str
    icon: str
    word: str


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule in the list. `source` and `target` are connectors."""

    rule: Rule
    badge: RuleBadge
    sentence: str
    source: str
    target: str
    figures: RuleFigures
    automation: bool = False


def find(request: MemberRequest, number: int) -> Rule:
    """Return a rule of this workspace; 404 for any other, and for a removed one."""
    kept = Rule.objects.select_related("workspace").exclude(state=RuleState.REMOVED)
    return get_object_or_404(kept, pk=number, workspace=request.workspace)


def badge(rule: Rule, *, troubled: bool) -> RuleBadge:
    """Return a rule's state in a word. `troubled`: it names what its connections no longer offer."""
    if troubled:
        return RuleBadge("bad", "warn", _("Needs a correction"))
    if rule.held and rule.state == RuleState.PAUSED:
        return RuleBadge("bad", "pause", _("Held"))
    return {
        RuleState.ON.value: RuleBadge("ok", "ok", _("On")),
        RuleState.PAUSED.value: RuleBadge("wait", "pause", _("Paused")),
    }.get(rule.state, RuleBadge("off", "pencil", _("Draft")))


@require_safe
@for_role(place="rules")
def rules(request: MemberRequest) -> HttpResponse:
    """List the rules: their state, their last run, what they did in the last day."""
    now, wanted, state = clock.now(), request.GET.get("q", "")[:100], request.GET.get("state", "")
    lines = _lines(request.workspace, now)
    removed = list(
        Rule.objects.filter(workspace=request.workspace, state=RuleState.REMOVED).order_by("title", "pk")
    )
    states = STATES | ({REMOVED: gettext_lazy("Removed")} if removed else {})
    values = {
        "now": now,
        "lines": [line for line in lines if _shows(line, wanted, state)],
        "removed": [row for row in removed if _says(row.title, wanted)] if state == REMOVED else None,
        "any": bool(lines or removed),
        "q": wanted,
        "state": state,
        "states": [(key, str(name)) for key, name in states.items()],
        "can_change": request.membership.at_least(Role.EDITOR),
        "max_count": MAX_COUNT,
    }
    return render(request, "rules/list.html", values)


REMOVED = RuleState.REMOVED.value
STATES = {
    "on": gettext_lazy("On"),
    "paused": gettext_lazy("Paused"),
    "draft": gettext_lazy("Draft"),
    "wrong": gettext_lazy("Needs a correction"),
}


def _shows(line: RuleLine, wanted: str, state: str) -> bool:
    """Say whether a line fits what is searched for, whatever its accents, and the chosen state."""
    if state and state != ("wrong" if line.badge.icon == "warn" else line.rule.state):
        return False
    return _says(f"{line.rule.title} {line.sentence}", wanted)


def _says(text: str, wanted: str) -> bool:
    folded = fold(text)
    return all(word in folded for word in fold(wanted).split())


@require_safe
@for_role(place="rules")
def rule(request: MemberRequest, number: int) -> HttpResponse:
    """Show one rule as it is published, or its draft when it never was; of a removed one, the way back."""
    row = get_object_or_404(Rule, pk=number, workspace=request.workspace)
    if row.state == RuleState.REMOVED:
        values = {"rule": row, "can_change": request.membership.at_least(Role.EDITOR)}
        return render(request, "rules/removed.html", values)
    return rule_page(request, find(request, number))


def rule_page(
    request: MemberRequest,
    row: Rule,
    refused: tuple[Problem, ...] = (),
    status: int = 200,
    limits: LimitsForm | None = None,
) -> HttpResponse:
    """Render a rule's page. `refused` are the problems that kept something from being published."""
    catalog, now = WorkspaceCatalog(request.workspace), clock.now()
    versions = list(row.versions.filter(number__gt=0).select_related("author").order_by("-number"))
    current = next((one for one in versions if one.number == row.version), None)
    definition = current.definition if current else row.draft
    troubles = publishing.troubles(row, catalog) if row.version else ()
    source, target = ends_of(definition, catalog)
    values = {
        "now": now,
        "rule": row,
        "badge": badge(row, troubled=bool(troubles) and row.state == RuleState.ON),
        "told": _told(definition, catalog),
        "source": source,
        "target": target,
        "troubles": [_placed(problem, definition, catalog) for problem in troubles],
        "refused": [_placed(problem, row.draft, catalog) for problem in refused],
        "draft_waits": current is not None and row.draft != current.definition,
        "versions": _compared(versions, catalog),
        "figures": read_figures(request.workspace.pk, [row.pk], now)[row.pk],
        "max_count": MAX_COUNT,
        "file": as_file([row], catalog),
        "can_change": request.membership.at_least(Role.EDITOR),
        "held": why_held(row),
        "inside": inside.count(row) if definition.get("automation") else None,
        "past_days": backfilling.reach(source),
        "limits": limits or limits_form(row),
    }
    return render(request, "rules/rule.html", values, status=status)


def _compared(
    versions: list[RuleVersion], catalog: WorkspaceCatalog
) -> list[tuple[RuleVersion, list[Difference]]]:
    """Return each version, newest first, with what it changed, in words."""
    older = [*versions[1:], None][: len(versions)]
    return [
        (one, differences(before.definition, one.definition, catalog) if before else [])
        for one, before in zip(versions, older, strict=True)
    ]


def _lines(workspace: Workspace, now: datetime) -> list[RuleLine]:
    catalog = WorkspaceCatalog(workspace)
    kept = Rule.objects.filter(workspace=workspace).exclude(state=RuleState.REMOVED)
    found = list(kept.order_by("title", "pk"))
    figures = read_figures(workspace.pk, [row.pk for row in found], now)
    published = {
        (one.rule_id, one.number): one
        for one in RuleVersion.objects.filter(rule__in=found).defer("compiled", "author")
    }
    return [
        _line(row, published.get((row.pk, row.version or 0)), figures[row.pk], catalog, workspace.zone)
        for row in found
    ]


def _line(
    row: Rule, version: RuleVersion | None, figures: RuleFigures, catalog: WorkspaceCatalog, zone: str
) -> RuleLine:
    definition = version.definition if version else row.draft
    troubled = (
        version is not None
        and row.state == RuleState.ON
        and not publishing.check(version.definition, catalog, zone=zone).ok
    )
    source, target = ends_of(definition, catalog)
    return RuleLine(
        row,
        badge(row, troubled=troubled),
        sentence_of(definition, catalog),
        source,
        target,
        figures,
        automation=bool(definition.get("automation")),
    )


def _told(definition: dict[str, object], catalog: WorkspaceCatalog) -> RuleShown | None:
    try:
        return shown_rule(Settling(catalog).rule(parse_rule(definition)), catalog)
    except RuleDefinitionError:
        return None


def _placed(problem: Problem, definition: dict[str, object], catalog: WorkspaceCatalog) -> str:
    place = words.place(problem.path, definition, catalog)
    text = str(words.explained(problem, definition, catalog))
    return f"{place}: {text}" if place else text
