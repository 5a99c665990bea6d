"""Field combinations: the list, one's form with what a change would do to each rule, and removal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from vaivem.core.errors import RuleError, VaivemError
from vaivem.core.fields import group_of
from vaivem.core.rules import read_rule
from vaivem.hub.rules import combining, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.combination_form import CombinationForm
from vaivem.hub.rules.editing import samples
from vaivem.hub.rules.editing.pickable import object_names
from vaivem.hub.rules.models import Combination
from vaivem.hub.rules.previews import preview
from vaivem.hub.shell import clock
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role

EVENTS = 3
EARLIER = 20


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does to one field for one event."""

    event: str
    field: str
    before: str
    after: str


@require_safe
@for_role(place="rules")
def combinations(request: MemberRequest) -> HttpResponse:
    """List the combinations with their fields and the rules that use them."""
    catalog = WorkspaceCatalog(request.workspace)
    lines = []
    for row in catalog.combinations.values():
        rows = CombinationForm(row, catalog).rows()
        lines.append({**_pair(row, catalog), "rows": rows, "rules": combining.sharing(row)})
    removed = Combination.objects.filter(workspace=request.workspace, removed__isnull=False)
    can_change = request.membership.at_least(Role.EDITOR)
    values = {"lines": lines, "can_change": can_change, "pairs": _pairs(catalog), "removed": list(removed)}
    return render(request, "rules/combinations.html", values)


@require_http_methods(["GET", "HEAD", "POST"])
@for_role(Role.EDITOR, place="rules")
def new(request: MemberRequest) -> HttpResponse:
    """Make a combination: the pair and the object were chosen in the list's form."""
    catalog, given = WorkspaceCatalog(request.workspace), request.POST or request.GET
    chosen = next((pair for pair in _pairs(catalog) if pair[0] == given.get("pair", "")), None)
    if chosen is None:
        text = _("Choose two accounts and what is to be filled.")
        messages.warning(request, text)
        return redirect("combinations", request.workspace.slug)
    source, target, thing = chosen[0].split("|")
    title = given.get("title", "").strip() or chosen[1][:120]
    row = Combination(
        workspace=request.workspace, title=title, source_id=int(source), target_id=int(target), object=thing
    )
    form = CombinationForm(row, catalog)
    row.fields = _acted(request, form) if request.method == "POST" else form.defaults()
    if request.POST.get("act") == "save":
        try:
            made = combining.create(
                request.workspace, title, (row.source_id, row.target_id), thing, row.fields, request.user
            )
        except RuleError as error:
            return _page(request, row, catalog, error, status=422, pair=chosen[0])
        messages.success(request, _("Saved. It sends nothing until a rule's step uses it."))
        return redirect("combination", request.workspace.slug, made.pk)
    return _page(request, row, catalog, pair=chosen[0])


@require_http_methods(["GET", "HEAD", "POST"])
@for_role(Role.EDITOR, place="rules")
def combination(request: MemberRequest, number: int) -> HttpResponse:
    """Show the form; a POST shows what a change would do to each rule, and then does it.

    With `version`, the form says what stood before that change, and what bringing it back would do.
    """
    row, catalog = _find(request, number), WorkspaceCatalog(request.workspace)
    version = request.GET.get("version", "")
    if request.method != "POST" and version:
        entry = next((one for one in combining.earlier(row) if str(one.pk) == version), None)
        if entry is None:
            raise Http404
        shown = _find(request, number)
        shown.fields = dict(entry.before["fields"])
        return _page(request, shown, catalog, touched=combining.touched(row, shown.fields))
    if request.method != "POST" or not request.POST.get("act"):
        return _page(request, row, catalog)
    form, act = CombinationForm(row, catalog), request.POST["act"]
    fields, title = _acted(request, form), request.POST.get("title", "").strip()
    shown = _find(request, number)
    shown.fields, shown.title = fields, title or row.title
    seen = request.POST.get("revision", "")
    if act == "save":
        try:
            revision = int(seen) if seen.isdecimal() else None
            made = combining.change(row, fields, request.user, title=title, seen=revision)
        except RuleError as error:
            return _page(request, shown, catalog, error, status=422)
        done = ngettext(
            "Saved. %(number)s rule has a new version.",
            "Saved. %(number)s rules have a new version.",
            len(made),
        )
        messages.success(request, done % {"number": len(made)})
        return redirect("combination", request.workspace.slug, number)
    return _page(request, shown, catalog, touched=combining.touched(row, fields) if act == "look" else None)


@require_POST
@for_role(Role.EDITOR, place="rules")
def remove(request: MemberRequest, number: int) -> HttpResponse:
    """Take a combination away, with a way back; refused while rules use it."""
    row = _find(request, number)
    try:
        combining.remove(row, request.user)
    except RuleError as error:
        messages.warning(request, words.sentence(error.problem))
        return redirect("combination", request.workspace.slug, number)
    back = reverse("combination_bring_back", args=[request.workspace.slug, row.pk])
    messages.success(request, _("“%(title)s” is removed.") % {"title": row.title}, extra_tags=back)
    return redirect("combinations", request.workspace.slug)


@require_POST
@for_role(Role.EDITOR, place="rules")
def bring_back(request: MemberRequest, number: int) -> HttpResponse:
    """Undo a removal."""
    row = get_object_or_404(Combination, pk=number, workspace=request.workspace)
    try:
        combining.bring_back(row, request.user)
    except RuleError as error:
        messages.warning(request, words.sentence(error.problem))
    return redirect("combinations", request.workspace.slug)


def _find(request: MemberRequest, number: int) -> Combination:
    rows = Combination.objects.select_related("workspace").filter(removed__isnull=True)
    return get_object_or_404(rows, pk=number, workspace=request.workspace)


def _acted(request: MemberRequest, form: CombinationForm) -> dict[str, Any]:
    """Return the fields that the form says, after its button: one more field, or all suggestions."""
    fields, act, key = form.read(request.POST), request.POST.get("act"), request.POST.get("add", "")
    form.row.fields = fields
    if act == "add" and key in form.known:
        fields.setdefault(key, form.suggestion(form.known[key]) or {"text": ""})
    if act == "suggest":
        fields |= form.suggested()
    return fields


def _page(
    request: MemberRequest,
    row: Combination,
    catalog: WorkspaceCatalog,
    error: RuleError | None = None,
    *,
    status: int = 200,
    pair: str = "",
    touched: list[combining.Touched] | None = None,
) -> HttpResponse:
    form = CombinationForm(row, catalog)
    shown = None
    if touched is not None:
        shown = [(one.rule, _effects(one, catalog), [*map(words.sentence, one.problems)]) for one in touched]
    values = {
        **_pair(row, catalog),
        "rows": form.rows(),
        "example": next((f"{{{{ {key} }}}}" for key in form.readable), ""),
        "more": form.more(),
        "suggested": len(form.suggested()),
        "pair": pair,
        "touched": shown,
        "earlier": combining.earlier(row)[:EARLIER] if row.pk else [],
        "refused": [_said(one, form) for one in error.problems or (error.problem,)] if error else [],
    }
    return render(request, "rules/combination.html", values, status=status)


def _said(problem: Any, form: CombinationForm) -> str:
    key = problem.path.removeprefix("fields.")
    name = next((one.label for one in form.rows() if one.key == key), "")
    text = str(words.sentence(problem))
    return f"{name}: {text}" if name and name not in text else text


def _effects(one: combining.Touched, catalog: WorkspaceCatalog) -> list[Effect]:
    """Return what differs for the newest events, or for the built-in example when there is none."""
    rules = [read_rule(definition)[0] for definition in (one.before, one.after)]
    row, connector = catalog.connection(rules[0].when.connection), catalog.connector(rules[0].when.connection)
    if row is None or connector is None:
        return []
    trigger = connector.trigger(rules[0].when.trigger)
    scopes: list[tuple[str, Any]] = []
    for past in samples.latest(row, trigger, EVENTS):
        try:
            scope = samples.scope_of(row, trigger, past.id, rules[0].when.options)
        except VaivemError:  # the vendor does not give it now: another event, or the example, says it too
            continue
        scopes += [(past.title, scope)] if scope is not None else []
    found = []
    for title, scope in scopes or [(_("Example"), trigger.sample)]:
        before, after = (_lines(rule, catalog, scope, row.workspace.zone) for rule in rules)
        for key in dict.fromkeys([*before, *after]):
            old, now = before.get(key, ("", "")), after.get(key, ("", ""))
            if old[1] != now[1]:
                found.append(Effect(title, old[0] or now[0], old[1], now[1]))
    return found


def _lines(rule: Any, catalog: WorkspaceCatalog, scope: Any, zone: str) -> dict[Any, tuple[str, str]]:
    steps = preview(rule, catalog, scope, clock.now(), zone)
    return {
        (step.place, line.key, line.element): (line.label, line.problem or line.value)
        for step in steps
        for line in step.lines
    }


def _pair(row: Combination, catalog: WorkspaceCatalog) -> dict[str, Any]:
    source, target = catalog.connection(row.source_id), catalog.connection(row.target_id)
    return {
        "combination": row,
        "source": words.account(source) if source else "",
        "target": words.account(target) if target else "",
        "thing": object_names(target.connector, row.object) if target else row.object,
    }


def _pairs(catalog: WorkspaceCatalog) -> list[tuple[str, str]]:
    """Return every pair of accounts and object that a combination can be made for, and its name."""
    found = []
    for source in catalog.connections.values():
        connector = catalog.connector(source.pk)
        if connector is None or not connector.triggers:
            continue
        for target in catalog.connections.values():
            for thing in () if target.pk == source.pk else _objects(target.pk, catalog):
                thing_name = object_names(target.connector, thing)
                name = f"{words.account(source)} → {words.account(target)}: {thing_name}"
                found.append((f"{source.pk}|{target.pk}|{thing}", name))
    return found


def _objects(target: int, catalog: WorkspaceCatalog) -> list[str]:
    connector = catalog.connector(target)
    shapes = [
        catalog.action(target, one.key)
        for one in (connector.actions if connector else ())
        if one.key.startswith("create")
    ]
    return list(dict.fromkeys(group_of(one.fields[0].key) for one in shapes if one and one.fields))
