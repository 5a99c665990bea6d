"""Trying a draft: what stands on the editor's page while a test waits, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from vaivem.hub.messages import connector_text, explain_run, named
from vaivem.hub.rules import rehearsing, testing, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Rule
from vaivem.hub.rules.testing import Tested
from vaivem.hub.rules.views import find
from vaivem.hub.shell import clock
from vaivem.hub.shell.links import page
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role


@require_safe
@for_role(Role.EDITOR, place="rules")
def test(request: MemberRequest, number: int) -> HttpResponse:
    """Show how the latest test stands."""
    row = find(request, number)
    values = {"now": clock.now(), "rule": row, **test_values(request, row)}
    return render(request, "rules/edit/trial.html", values)


@require_POST
@for_role(Role.EDITOR, place="rules")
def stop_test(request: MemberRequest, number: int) -> HttpResponse:
    """Give a test up that waits."""
    row = find(request, number)
    if testing.stop(row, request.user):
        messages.success(request, _("The test is given up; nothing was taken."))
    else:
        messages.warning(request, _("An event had just come; the test is being worked."))
    return redirect("rule_edit", request.workspace.slug, row.pk)


@require_safe
@for_role(Role.EDITOR, place="rules")
def rehearsal(request: MemberRequest, number: int) -> HttpResponse:
    """Show how the latest dry run stands."""
    row = find(request, number)
    found = rehearsing.last(row, WorkspaceCatalog(request.workspace))
    return render(request, "rules/edit/rehearsal.html", {"now": clock.now(), "rule": row, "rehearsal": found})


@require_POST
@for_role(Role.EDITOR, place="rules")
def stop_rehearsal(request: MemberRequest, number: int) -> HttpResponse:
    """Stop a dry run; what it found stays."""
    row = find(request, number)
    if rehearsing.stop(row):
        messages.success(request, _("The dry run is stopped."))
    return redirect(f"{reverse('rule_edit', args=[request.workspace.slug, row.pk])}#rehearsal")


def test_values(request: MemberRequest, row: Rule) -> dict[str, Any]:
    """Return what the test's part of the page needs."""
    found = testing.last_test(row)
    if found is None:
        return {"test": None}
    slug, catalog = request.workspace.slug, WorkspaceCatalog(request.workspace)
    source = catalog.connection(_when(row, found).get("connection", ""))
    told = explain_run(found.code, found.params, _written_to(row, catalog)) if found.code else []
    return {
        "test": found,
        "try_words": try_words(_when(row, found), catalog),
        "test_words": [str(one) for one in told],
        "test_records": [_record(one) for one in found.records],
        "test_account_url": page("test_accounts", slug) if source and source.test_account else "",
        "run_url": page("run", slug, found.trial.run) if found.trial.run else "",
    }


def try_words(when: Mapping[str, Any], catalog: WorkspaceCatalog) -> str:
    """Return what to do at the vendor so that an event comes: the connector's own words, or general ones."""
    source, trigger = catalog.connection(when.get("connection", "")), str(when.get("trigger"))
    connector = source.connector if source else ""
    own = connector_text(connector, f"triggers.{trigger}.try")
    text = _("Make it happen once %(in_the)s, with something made for trying: %(happens)s.")
    happens = words.trigger_name(connector, trigger)
    return own or text % {"in_the": named(connector)["in_the"], "happens": happens}


def _when(row: Rule, found: Tested) -> Mapping[str, Any]:
    version = row.versions.filter(number=found.trial.version or 0).first()
    when: Mapping[str, Any] = version.definition.get("when", {}) if version else {}
    return when


def _written_to(row: Rule, catalog: WorkspaceCatalog) -> str:
    """Return the system that a failure is most likely about: the first that the rule writes to."""
    steps = row.draft.get("then") or ()
    refs = [step.get("connection") for step in steps if isinstance(step, dict)]
    target = next((catalog.connection(ref) for ref in refs if isinstance(ref, str | int)), None)
    return target.connector if target else ""


def _record(record: Mapping[str, Any]) -> dict[str, str]:
    """Return what was done to a record, in words."""
    did = {
        "created": _("Created:"),
        "updated": _("Updated:"),
        "found": _("Found:"),
        "kept": _("Left as it was:"),
    }
    return {
        "what": str(did.get(str(record.get("did")), record.get("did"))),
        "name": str(record.get("name") or record.get("id") or ""),
        "url": str(record.get("url") or ""),
    }
