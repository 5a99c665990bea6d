"""The editor's page: it saves the draft as people type, and says at once what it would do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from vaivem.core.errors import RuleError
from vaivem.hub.rules import drafts, publishing, rehearsing, testing, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.drafts import DraftConflictError
from vaivem.hub.rules.editing import acts
from vaivem.hub.rules.editing.differences import changes_since, differences
from vaivem.hub.rules.editing.filling import filled
from vaivem.hub.rules.editing.form import read_form
from vaivem.hub.rules.editing.page import editor
from vaivem.hub.rules.models import Rule
from vaivem.hub.rules.trial_views import test_values
from vaivem.hub.rules.views import find
from vaivem.hub.shell import clock, kept_forms
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role


@require_http_methods(["GET", "HEAD", "POST"])
@for_role(Role.EDITOR, place="rules")
def edit(request: MemberRequest, number: int) -> HttpResponse:
    """Show the editor; a POST saves the draft, does what its button says, and shows what came of it."""
    row = find(request, number)
    if request.method != "POST":
        return _opened(request, row)
    catalog = WorkspaceCatalog(request.workspace)
    seen = _revision(request)
    before = _seen_draft(row, seen)
    definition = filled(read_form(request.POST, before), before, catalog)
    text = request.POST.get("act", "")
    did = request.POST.get("did", "") if text == "overwrite" else text
    changed = filled(acts.act(definition, did), definition, catalog)
    try:
        drafts.save(row, changed, request.user, seen=None if text == "overwrite" else seen)
    except DraftConflictError as conflict:
        return _conflict(request, conflict, changed)
    return _after(request, row, text, changed != definition)


def _opened(request: MemberRequest, row: Rule) -> HttpResponse:
    """Show the draft, or what somebody typed before their session ended: it is saved when they say so.

    A button that changes the form (one more step) is done as well; one that publishes or tries is not.
    """
    kept = kept_forms.take(request)
    if kept is None or "when:connection" not in kept.fields:
        return _page(request, row, row.draft, request.GET.get("sample", ""))
    text = kept.fields.get("revision", "")
    revision = int(text) if text.isdecimal() else row.revision
    before = _seen_draft(row, revision)
    catalog = WorkspaceCatalog(request.workspace)
    definition = filled(read_form(kept.fields, before), before, catalog)
    definition = filled(acts.act(definition, kept.fields.get("act", "")), definition, catalog)
    return _page(request, row, definition, kept.fields.get("sample", ""), typed=revision)


def _after(request: MemberRequest, row: Rule, act: str, changed: bool) -> HttpResponse:
    sample = request.POST.get("sample", "")
    here = reverse("rule_edit", args=[request.workspace.slug, row.pk])
    if act == "publish":
        return _publish(request, row, sample)
    if act in ("try", "rehearse"):
        return _try(request, row, sample, act)
    if request.htmx:
        return _page(request, row, row.draft, sample, part=request.POST.get("part", "editor"))
    if not changed and not act:
        messages.success(request, _("The draft is saved."))
    return redirect(f"{here}?sample={sample}#editor" if sample else f"{here}#editor")


def _publish(request: MemberRequest, row: Rule, sample: str) -> HttpResponse:
    try:
        if publishing.asks(row) is not None:
            return redirect("rule_publish", request.workspace.slug, row.pk)
        publishing.publish(row, request.user)
    except RuleError:
        return _page(request, row, row.draft, sample, status=422)
    messages.success(request, _("Published. What happens from now on goes by this version."))
    return redirect("rule", request.workspace.slug, row.pk)


def _try(request: MemberRequest, row: Rule, sample: str, act: str) -> HttpResponse:
    begin, part = (testing.start, "test") if act == "try" else (rehearsing.start, "rehearsal")
    try:
        begin(row, request.user)
    except RuleError as error:
        if not error.problem.path:
            messages.warning(request, words.sentence(error.problem))
        return _page(request, row, row.draft, sample, status=422)
    return redirect(f"{reverse('rule_edit', args=[request.workspace.slug, row.pk])}#{part}")


@require_POST
@for_role(Role.EDITOR, place="rules")
def go_back(request: MemberRequest, number: int, revision: int) -> HttpResponse:
    """Undo: make an earlier revision the draft again."""
    row = find(request, number)
    if drafts.go_back(row, revision, request.user):
        messages.success(request, _("The draft is as it was before."))
    else:
        messages.warning(request, _("That draft is no longer kept; nothing was changed."))
    return redirect("rule_edit", request.workspace.slug, row.pk)


@require_POST
@for_role(Role.EDITOR, place="rules")
def new(request: MemberRequest) -> HttpResponse:
    """Make an empty rule and open it in the editor."""
    definition = {"title": _("New rule"), "when": {"connection": "", "trigger": ""}, "then": []}
    row = publishing.create(request.workspace, definition, request.user)
    return redirect("rule_edit", request.workspace.slug, row.pk)


def _page(
    request: MemberRequest,
    row: Rule,
    definition: Mapping[str, Any],
    sample: str = "",
    *,
    part: str = "page",
    status: int = 200,
    typed: int | None = None,
) -> HttpResponse:
    now, catalog = clock.now(), WorkspaceCatalog(request.workspace)
    shown = editor(row, definition, catalog, now, sample)
    values = {
        "now": now,
        "rule": row,
        "revision": row.revision if typed is None else typed,
        "typed": typed is not None,
        "editor": shown,
        "tokens": json.dumps(shown.tokens, ensure_ascii=False),
        "kept": row.drafts.filter(revision=row.revision).select_related("member").first(),
        "published": row.version is not None,
        "changed": row.version is None
        or not row.versions.filter(number=row.version, definition=row.draft).exists(),
        "undo": row.revision - 1 if row.drafts.filter(revision=row.revision - 1).exists() else None,
        "oob": part == "notes",
        **({} if part == "notes" else test_values(request, row)),
        "rehearsal": None if part == "notes" else rehearsing.last(row, catalog),
    }
    template = {"notes": "rules/edit/notes.html", "editor": "rules/edit/editor.html"}.get(
        part, "rules/edit/page.html"
    )
    return render(request, template, values, status=status)


def _conflict(request: MemberRequest, conflict: DraftConflictError, mine: Mapping[str, Any]) -> HttpResponse:
    """Say who changed what meanwhile, and show both versions; what was typed is on the page."""
    catalog, row = WorkspaceCatalog(request.workspace), conflict.rule
    seen = conflict.seen.definition if conflict.seen else {}
    values = {
        "now": clock.now(),
        "rule": row,
        "people": list(dict.fromkeys(str(one.member or "") for one in conflict.since)),
        "last": conflict.since[-1] if conflict.since else None,
        "theirs": changes_since(conflict.seen, conflict.since, catalog) if conflict.seen else [],
        "mine": differences(seen or row.draft, mine, catalog),
        "both": differences(row.draft, mine, catalog),
        "did": request.POST.get("act", ""),
        "typed": [(name, value) for name, values in request.POST.lists() for value in values]
        if request.POST
        else [],
    }
    return render(request, "rules/edit/conflict.html", values, status=409)


def _revision(request: MemberRequest) -> int | None:
    text = request.POST.get("revision", "")
    return int(text) if text.isdecimal() else None


def _seen_draft(row: Rule, revision: int | None) -> Mapping[str, Any]:
    """Return the draft that a form was made from."""
    kept = row.drafts.filter(revision=revision).first() if revision not in (None, row.revision) else None
    definition: Mapping[str, Any] = kept.definition if kept else row.draft
    return definition
