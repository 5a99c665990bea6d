"""Rules over the REST API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status

from vaivem.hub.api.access import workspace_of
from vaivem.hub.api.errors import gone, shown
from vaivem.hub.api.once import once
from vaivem.hub.api.shapes import (
    CheckedOut,
    DoneOut,
    DraftIn,
    LimitsIn,
    PageOut,
    PublishIn,
    RehearsalOut,
    RuleIn,
    RuleOut,
    TestOut,
    VersionOut,
)
from vaivem.hub.rules import publishing, rehearsing, taking_along, testing
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.change_views import free_title
from vaivem.hub.rules.held import limits_form, save_limits
from vaivem.hub.rules.models import Rule, RuleState, RuleVersion
from vaivem.hub.rules.words import connector_at

router = Router(tags=["rules"])


def find(request: HttpRequest, number: int) -> Rule:
    """Return a rule of the token's workspace; raises ApiError for any other, and for a removed one."""
    rows = Rule.objects.select_related("workspace").exclude(state=RuleState.REMOVED)
    rule = rows.filter(workspace=workspace_of(request), pk=number).first()
    if rule is None:
        raise gone()
    return rule


def rule_out(rule: Rule) -> dict[str, Any]:
    """Return a rule as the API shows it."""
    return RuleOut.from_orm(rule).model_dump(mode="json")


@router.get("", response=PageOut[RuleOut])
def list_rules(
    request: HttpRequest, state: str = "", before: int | None = None, limit: int = 50
) -> dict[str, Any]:
    """List the rules, newest first."""
    rows = Rule.objects.filter(workspace=workspace_of(request)).exclude(state=RuleState.REMOVED)
    rows = rows.filter(state=state) if state else rows
    rows = rows.filter(pk__lt=before) if before else rows
    size = max(1, min(limit, 200))
    found = list(rows.order_by("-pk")[: size + 1])
    return {"items": found[:size], "next": str(found[size - 1].pk) if len(found) > size else None}


@router.post("", response={201: RuleOut})
def create(request: HttpRequest, payload: RuleIn) -> Status[Any]:
    """Make a rule; with `publish` it is switched on, or not made at all."""

    def make() -> dict[str, Any]:
        with transaction.atomic():
            rule = publishing.create(workspace_of(request), payload.definition)
            if payload.publish:
                publishing.publish(rule)
        return rule_out(rule)

    return once(request, make)


@router.post("/check", response=CheckedOut)
def check(request: HttpRequest, payload: DraftIn) -> dict[str, Any]:
    """Say what keeps a definition from being published; nothing is saved."""
    workspace = workspace_of(request)
    catalog = WorkspaceCatalog(workspace)
    found = publishing.check(payload.definition, catalog, zone=workspace.zone)
    problems = [
        shown(problem, connector_at(payload.definition, problem.path, catalog)) for problem in found.problems
    ]
    return {"ok": found.ok, "problems": problems}


@router.get("/{number}", response=RuleOut)
def one(request: HttpRequest, number: int) -> Rule:
    """Show a rule."""
    return find(request, number)


@router.put("/{number}/draft", response=RuleOut)
def save_draft(request: HttpRequest, number: int, payload: DraftIn) -> Rule:
    """Replace a rule's draft; what runs stays as it is until it is published.

    409 when a `revision` is given and the draft is another one by now.
    """
    rule = find(request, number)
    publishing.save_draft(rule, payload.definition, seen=payload.revision)
    return rule


@router.post("/{number}/publish", response=RuleOut)
def publish(request: HttpRequest, number: int, payload: PublishIn | None = None) -> Rule:
    """Make the draft the version that new events are given to; a new rule is switched on."""
    rule = find(request, number)
    publishing.publish(rule, inside=payload.inside if payload else taking_along.FINISH)
    return rule


@router.post("/{number}/pause", response=RuleOut)
def pause(request: HttpRequest, number: int) -> Rule:
    """Let a rule's runs wait; events go on being taken in."""
    rule = find(request, number)
    publishing.pause(rule)
    return rule


@router.post("/{number}/resume", response=RuleOut)
def resume(request: HttpRequest, number: int) -> Rule:
    """Let a paused or held rule's runs go on, in order."""
    rule = find(request, number)
    publishing.resume(rule)
    return rule


@router.put("/{number}/limits", response=RuleOut)
def limits(request: HttpRequest, number: int, payload: LimitsIn) -> Rule:
    """Give a rule limits of its own; null leaves one to the workspace's."""
    rule = find(request, number)
    form = limits_form(rule, payload.model_dump())
    form.full_clean()  # the payload's shape has the same bounds
    save_limits(form, None)
    return rule


@router.get("/{number}/versions", response=list[VersionOut])
def versions(request: HttpRequest, number: int) -> list[dict[str, Any]]:
    """List a rule's published versions, newest first."""
    rule = find(request, number)
    return [
        {
            "number": row.number,
            "created": row.created,
            "author": str(row.author or ""),
            "current": row.number == rule.version,
            "definition": row.definition,
        }
        for row in rule.versions.filter(number__gt=0).select_related("author").order_by("-number")
    ]


@router.post("/{number}/versions/{version}/restore", response=RuleOut)
def restore(request: HttpRequest, number: int, version: int) -> Rule:
    """Make an earlier version the draft."""
    rule = find(request, number)
    try:
        publishing.restore(rule, version)
    except RuleVersion.DoesNotExist as error:
        raise gone() from error
    return rule


@router.post("/{number}/copy", response={201: RuleOut})
def copy(request: HttpRequest, number: int) -> Status[Any]:
    """Make a rule with this one's draft; it is not switched on."""
    rule = find(request, number)
    return once(request, lambda: rule_out(publishing.copy(rule, free_title(rule))))


@router.post("/{number}/bring-back", response=RuleOut)
def bring_back(request: HttpRequest, number: int) -> Rule:
    """Undo a removal."""
    rule = Rule.objects.filter(workspace=workspace_of(request), pk=number).first()
    if rule is None:
        raise gone()
    publishing.bring_back(rule)
    return rule


@router.get("/{number}/test", response=TestOut)
def test(request: HttpRequest, number: int) -> dict[str, Any]:
    """Show how the latest test of the draft stands."""
    found = testing.last_test(find(request, number))
    if found is None:
        return {"state": "none"}
    trial = found.trial
    run = str(trial.run) if trial.run else None
    shown = {"state": found.state, "since": trial.since, "until": trial.until, "run": run}
    return {**shown, "code": found.code, "records": list(found.records)}


@router.post("/{number}/test", response=DoneOut)
def start_test(request: HttpRequest, number: int) -> DoneOut:
    """Let the draft take the next event, once and for real, instead of the published version."""
    testing.start(find(request, number))
    return DoneOut()


@router.delete("/{number}/test", response=DoneOut)
def stop_test(request: HttpRequest, number: int) -> DoneOut:
    """Give a test up that waits."""
    testing.stop(find(request, number))
    return DoneOut()


@router.get("/{number}/rehearsal", response=RehearsalOut)
def rehearsal(request: HttpRequest, number: int) -> dict[str, Any]:
    """Show how the latest dry run stands, and what it found."""
    found = rehearsing.last(find(request, number), WorkspaceCatalog(workspace_of(request)))
    if found is None:
        return {"state": "none"}
    events = [asdict(one) | {"number": str(one.number)} for one in found.events]
    shown = {"state": found.state, "done": found.done, "total": found.total}
    return {**shown, "counts": dict(found.counts), "events": events}


@router.post("/{number}/rehearsal", response=DoneOut)
def start_rehearsal(request: HttpRequest, number: int) -> DoneOut:
    """Apply the draft to the events of the last 30 days without writing anything."""
    rehearsing.start(find(request, number))
    return DoneOut()


@router.delete("/{number}/rehearsal", response=DoneOut)
def stop_rehearsal(request: HttpRequest, number: int) -> DoneOut:
    """Stop a dry run; what it found stays."""
    rehearsing.stop(find(request, number))
    return DoneOut()


@router.delete("/{number}", response=DoneOut)
def remove(request: HttpRequest, number: int) -> DoneOut:
    """Take a rule away; what waits of it ends as stopped."""
    publishing.remove(find(request, number))
    return DoneOut()
