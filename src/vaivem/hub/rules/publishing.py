"""The life of a rule: draft, check, publish, pause, resume, restore, remove. Each leaves an audit entry.

The engine takes a rule from its published version; saving a draft changes nothing that runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection as db
from django.db import transaction

from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.checks import check_rule
from vaivem.core.compiler import CompiledRule, compile_rule
from vaivem.core.errors import Problem, RuleError
from vaivem.core.rules import Rule as Definition
from vaivem.core.rules import RuleDefinitionError, parse_rule, rule_to_dict
from vaivem.engine import control
from vaivem.hub.connections.models import Connection
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.choices import Settling
from vaivem.hub.rules.definitions import with_ids
from vaivem.hub.rules.models import Rule, RuleState, RuleVersion
from vaivem.hub.shell.clock import now
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member, Workspace

TITLE_LENGTH = 120


class RuleStateError(RuleError):
    """A rule cannot do this in its present state."""

    default_code = "rule_state_wrong"


@dataclass(frozen=True, slots=True)
class Checked:
    """A definition that was looked at. `rule` is None when it cannot even be read."""

    rule: Definition | None
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether it can be published."""
        return not self.problems


def check(definition: Mapping[str, Any], catalog: WorkspaceCatalog, *, zone: str) -> Checked:
    """Look at a definition as publishing would."""
    try:
        rule = parse_rule(with_ids(definition, catalog))
    except RuleDefinitionError as error:
        return Checked(None, error.problems)
    settling = Settling(catalog)
    rule = settling.rule(rule)
    known = {problem.path for problem in settling.problems}
    problems = [problem for problem in check_rule(rule, catalog, zone=zone) if problem.path not in known]
    return Checked(rule, (*problems, *settling.problems))


@transaction.atomic
def create(
    workspace: Workspace, definition: Mapping[str, Any], member: Member | None = None, *, recipe: str = ""
) -> Rule:
    """Make a rule with this draft."""
    draft = with_ids(definition, WorkspaceCatalog(workspace))
    rule = Rule.objects.create(workspace=workspace, title=_title(draft), draft=draft, recipe=recipe)
    audit.note(workspace, member, "rule.created", rule.title, after={"id": rule.pk})
    return rule


@transaction.atomic
def save_draft(rule: Rule, definition: Mapping[str, Any], member: Member | None = None) -> None:
    """Replace a rule's draft, whatever state it is in."""
    draft = with_ids(definition, WorkspaceCatalog(rule.workspace))
    if draft == rule.draft:
        return
    before, rule.draft = rule.draft, draft
    rule.title = _title(draft) or rule.title
    rule.save(update_fields=["draft", "title", "updated"])
    audit.note(rule.workspace, member, "rule.edited", rule.title, before=before, after=draft)


@transaction.atomic
def publish(rule: Rule, member: Member | None = None) -> RuleVersion:
    """Make the draft the version that new events are given to, and switch a new rule on.

    Runs under way finish their version. A paused rule stays paused. Publishing what is published already
    makes no new version. Raises RuleError with every problem.
    """
    locked = Rule.objects.select_for_update().select_related("workspace").get(pk=rule.pk)
    if locked.state == RuleState.REMOVED:
        raise RuleStateError("rule_is_removed")
    catalog = WorkspaceCatalog(locked.workspace)
    checked = check(locked.draft, catalog, zone=locked.workspace.zone)
    if checked.rule is None or checked.problems:
        raise RuleError(problems=checked.problems)
    compiled = compile_rule(checked.rule, catalog)
    version = _version(locked, checked.rule, compiled, member)
    _switch_on(locked, version, checked.rule, member)
    _listen(compiled.connection_id)
    rule.refresh_from_db()
    return version


def _version(
    rule: Rule, definition: Definition, compiled: CompiledRule, member: Member | None
) -> RuleVersion:
    last = rule.versions.order_by("-number").first()
    content, form = rule_to_dict(definition), json.loads(json.dumps(compiled.to_dict()))
    if (
        last is not None
        and last.number == rule.version
        and last.definition == content
        and last.compiled == form
    ):
        return last
    number = last.number + 1 if last else 1
    return RuleVersion.objects.create(
        rule=rule, number=number, definition=content, compiled=form, author=member
    )


def _switch_on(rule: Rule, version: RuleVersion, definition: Definition, member: Member | None) -> None:
    before = {"version": rule.version, "state": rule.state}
    rule.version = version.number
    rule.title = definition.title[:TITLE_LENGTH]
    rule.draft = version.definition
    if rule.state == RuleState.DRAFT:
        # Vendors tell times to the second: what happens in this very second counts.
        rule.state, rule.on_since = RuleState.ON, now().replace(microsecond=0)
    rule.save()
    after = {"version": rule.version, "state": rule.state}
    if before != after:
        audit.note(rule.workspace, member, "rule.published", rule.title, before=before, after=after)


def _listen(connection_id: int) -> None:
    """Let the vendor deliver to us: a connection's first rule is what its webhook is for."""
    row = Connection.objects.get(pk=connection_id)
    webhooks = get_connector(row.connector).webhooks
    if webhooks is None or row.wants_hook:
        return
    Connection.objects.filter(pk=connection_id).update(wants_hook=True)
    if webhooks.managed:
        with db.cursor() as cursor:
            control.wake_chore(cursor, "ensure_webhook", {"connection": connection_id})


@transaction.atomic
def pause(rule: Rule, member: Member | None = None) -> None:
    """Let a rule's runs wait; events go on being taken in. Raises RuleStateError when it is not on."""
    _change(rule, {RuleState.ON}, RuleState.PAUSED, member, "rule.paused")
    with db.cursor() as cursor:
        control.pause_rule(cursor, rule.pk)


@transaction.atomic
def resume(rule: Rule, member: Member | None = None) -> None:
    """Let a paused rule's runs go on, in order. Raises RuleStateError when it is not paused."""
    _change(rule, {RuleState.PAUSED}, RuleState.ON, member, "rule.resumed")
    with db.cursor() as cursor:
        control.resume_rule(cursor, rule.pk)


@transaction.atomic
def remove(rule: Rule, member: Member | None = None) -> None:
    """Take a rule away: what waits ends as stopped, what is being worked at this moment finishes.

    Its versions and its history stay. Raises RuleStateError when it is removed already.
    """
    _change(
        rule, {RuleState.DRAFT, RuleState.ON, RuleState.PAUSED}, RuleState.REMOVED, member, "rule.removed"
    )
    with db.cursor() as cursor:
        control.drop_rule_work(cursor, rule.pk)


def restore(rule: Rule, number: int, member: Member | None = None) -> None:
    """Make an earlier version the draft; publishing it is another step. Raises RuleVersion.DoesNotExist."""
    save_draft(rule, rule.versions.get(number=number).definition, member)


def troubles(rule: Rule, catalog: WorkspaceCatalog) -> tuple[Problem, ...]:
    """Return what a published rule names that its connections no longer offer (a deleted stage, an owner)."""
    if rule.version is None:
        return ()
    version = rule.versions.filter(number=rule.version).first()
    if version is None:
        return ()
    return check(version.definition, catalog, zone=rule.workspace.zone).problems


def _change(
    rule: Rule, allowed: set[RuleState], state: RuleState, member: Member | None, action: str
) -> None:
    locked = Rule.objects.select_for_update().get(pk=rule.pk)
    if locked.state not in allowed:
        raise RuleStateError(params={"state": locked.state})
    before, locked.state = locked.state, state
    locked.save(update_fields=["state", "updated"])
    audit.note(
        rule.workspace, member, action, rule.title, before={"state": before}, after={"state": state.value}
    )
    rule.refresh_from_db()


def _title(definition: Mapping[str, Any]) -> str:
    title = definition.get("title")
    return title[:TITLE_LENGTH] if isinstance(title, str) else ""
