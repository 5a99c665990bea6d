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
from vaivem.core.rules import read_rule, rule_to_dict
from vaivem.engine import control
from vaivem.engine.settling import Settling
from vaivem.hub.connections.lines import without_secrets
from vaivem.hub.connections.models import Connection
from vaivem.hub.rules import drafts, sharing, taking_along
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.definitions import each_action, loose, with_ids
from vaivem.hub.rules.models import Rule, RuleState, RuleVersion
from vaivem.hub.shell.clock import now
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import AuditEntry, Member, Workspace


class RuleStateError(RuleError):
    """A rule cannot do this in its present state."""

    default_code = "rule_state_wrong"


@dataclass(frozen=True, slots=True)
class Checked:
    """A definition that was looked at. `rule` is None when it is not whole; `read` is what there is of it."""

    rule: Definition | None
    problems: tuple[Problem, ...]
    read: Definition | None = None

    @property
    def ok(self) -> bool:
        """Whether it can be published."""
        return not self.problems


def check(definition: Mapping[str, Any], catalog: WorkspaceCatalog, *, zone: str) -> Checked:
    """Look at a definition as publishing would; of one that is not whole, also at what there is."""
    read, unread = read_rule(with_ids(definition, catalog))
    settling = Settling(catalog)
    rule = settling.rule(read)
    known = {problem.path for problem in settling.problems}
    found = [problem for problem in check_rule(rule, catalog, zone=zone) if problem.path not in known]
    problems = (*found, *settling.problems, *sharing.problems(rule, catalog))
    if not unread:
        return Checked(rule, problems, rule)
    if any(problem.path.endswith(".kind") for problem in unread):  # a step is left out: places would shift
        return Checked(None, unread, None)
    places = [problem.path for problem in unread]
    more = [one for one in problems if not any(_about(one.path, place) for place in places)]
    return Checked(None, (*unread, *more), rule)


def _about(path: str, place: str) -> bool:
    """Say whether a place is, or is in, another one or is around it."""
    return path == place or path.startswith((f"{place}.", f"{place}[")) or place.startswith(f"{path}.")


@transaction.atomic
def create(
    workspace: Workspace, definition: Mapping[str, Any], member: Member | None = None, *, recipe: str = ""
) -> Rule:
    """Make a rule with this draft."""
    draft = with_ids(definition, WorkspaceCatalog(workspace))
    rule = Rule.objects.create(workspace=workspace, title=drafts.title_of(draft), draft=draft, recipe=recipe)
    drafts.first(rule, member)
    audit.note(workspace, member, "rule.created", rule.title, after={"id": rule.pk})
    return rule


def save_draft(
    rule: Rule, definition: Mapping[str, Any], member: Member | None = None, *, seen: int | None = None
) -> None:
    """Replace a rule's draft, whatever state it is in. Raises DraftConflictError; see `drafts.save`."""
    drafts.save(rule, definition, member, seen=seen)


@transaction.atomic
def publish(rule: Rule, member: Member | None = None, *, inside: str = taking_along.FINISH) -> RuleVersion:
    """Make the draft the version that new events are given to, and switch a new rule on.

    Runs under way finish their version; with `inside` ``move`` those that wait at a step go on in the new one
    where they can. A paused rule stays paused. Publishing what is published already makes no new version.
    Raises RuleError with every problem.
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
    before = locked.version
    _switch_on(locked, version, checked.rule, member)
    if inside == taking_along.MOVE and before != version.number:
        taking_along.move(locked, member)
    for connection in {compiled.connection_id, *compiled.awaited}:
        listen(connection)
    rule.refresh_from_db()
    return version


def asks(rule: Rule) -> taking_along.Inside | None:
    """Return who waits inside a rule whose draft is another than what is published; None for nobody.

    Raises RuleError where the draft cannot be published.
    """
    catalog = WorkspaceCatalog(rule.workspace)
    checked = check(rule.draft, catalog, zone=rule.workspace.zone)
    if checked.rule is None or checked.problems:
        raise RuleError(problems=checked.problems)
    content = rule_to_dict(checked.rule)
    if rule.version is None or rule.versions.filter(number=rule.version, definition=content).exists():
        return None
    found = taking_along.look(rule, checked.rule)
    return found if found.groups else None


def publish_as(rule: Rule, definition: Mapping[str, Any], member: Member | None) -> bool:
    """Let a locked rule that was published run by another definition; False when it does already.

    Its draft follows where nothing else waited in it, else only what its combinations say does. Its state
    and title stay. Raises RuleError with every problem, the rule's title in front.
    """
    catalog, before = WorkspaceCatalog(rule.workspace), rule.version
    checked = check(definition, catalog, zone=rule.workspace.zone)
    if checked.rule is None or checked.problems:
        raise RuleError("rule_refuses", params={"title": rule.title}, problems=checked.problems)
    waited = not rule.versions.filter(number=before or 0, definition=rule.draft).exists()
    version = _version(rule, checked.rule, compile_rule(checked.rule, catalog), member)
    if version.number == before:
        return False
    rule.version, rule.marks, rule.marked = version.number, [], None
    draft = with_ids(rule.draft, catalog) if waited else version.definition
    drafts.settle(rule, draft, member)
    rule.save()
    audit.note(
        rule.workspace,
        member,
        "rule.published",
        rule.title,
        before={"version": before, "state": rule.state},
        after={"version": rule.version, "state": rule.state},
    )
    return True


def _version(
    rule: Rule, definition: Definition, compiled: CompiledRule, member: Member | None
) -> RuleVersion:
    last = rule.versions.filter(number__gt=0).order_by("-number").first()
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
    rule.title = definition.title[: drafts.TITLE_LENGTH]
    drafts.settle(rule, version.definition, member)
    rule.marks, rule.marked = [], None
    if rule.state == RuleState.DRAFT:
        # Vendors tell times to the second: what happens in this very second counts.
        rule.state, rule.on_since = RuleState.ON, now().replace(microsecond=0)
    rule.save()
    after = {"version": rule.version, "state": rule.state}
    if before != after:
        audit.note(rule.workspace, member, "rule.published", rule.title, before=before, after=after)


def listen(connection_id: int) -> None:
    """Let the vendor deliver to us: a connection's first rule is what its webhook is for."""
    row = Connection.objects.get(pk=connection_id)
    webhooks = get_connector(row.connector).webhooks
    if webhooks is None or row.wants_hook:
        return
    Connection.objects.filter(pk=connection_id).update(wants_hook=True)
    if not webhooks.by_hand(without_secrets(row)):
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
    """Let a paused or held rule's runs go on, in order. Raises RuleStateError when it is neither.

    What a held rule did until now is not counted again.
    """
    _change(rule, {RuleState.PAUSED}, RuleState.ON, member, "rule.resumed")
    was_held = Rule.objects.filter(pk=rule.pk, held__isnull=False)
    let_go = was_held.update(held=None, held_since=None, let_go=now())
    rule.refresh_from_db()
    with db.cursor() as cursor:
        if let_go:
            control.let_rule_go_on(cursor, rule.pk)
        control.resume_rule(cursor, rule.pk)


@transaction.atomic
def switch_off(rule: Rule, member: Member | None = None) -> None:
    """Let a rule take no more events: what it took is finished, and what comes is not kept for it.

    It is a draft again; publishing it begins anew. Raises RuleStateError when it is not on.
    """
    _change(rule, {RuleState.ON}, RuleState.DRAFT, member, "rule.switched_off")
    Rule.objects.filter(pk=rule.pk).update(version=None, marks=[], marked=None)
    rule.refresh_from_db()


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


@transaction.atomic
def bring_back(rule: Rule, member: Member | None = None) -> None:
    """Undo a removal: the rule stands as it stood. Raises RuleStateError when it is not removed."""
    locked = Rule.objects.select_for_update().get(pk=rule.pk)
    before = _state_before_removal(locked)
    if locked.state != RuleState.REMOVED or before is None:
        raise RuleStateError(params={"state": locked.state})
    _change(rule, {RuleState.REMOVED}, before, member, "rule.brought_back")


def _state_before_removal(rule: Rule) -> RuleState | None:
    entries = AuditEntry.objects.filter(workspace=rule.workspace_id, action="rule.removed")
    last = entries.filter(after__rule=rule.pk).order_by("-pk").first()
    return RuleState(last.before["state"]) if last is not None else None


def copy(rule: Rule, title: str, member: Member | None = None) -> Rule:
    """Make a rule with this one's draft; it is not switched on."""
    return create(rule.workspace, {**rule.draft, "title": title}, member, recipe=rule.recipe)


def restore(rule: Rule, number: int, member: Member | None = None) -> None:
    """Make an earlier version the draft, as it ran. Raises RuleVersion.DoesNotExist."""
    definition = rule.versions.get(number=number).definition
    if with_ids(definition, WorkspaceCatalog(rule.workspace)) != definition:
        # Its combination was changed since: what comes back is what ran then, so the step is cut loose.
        definition = each_action(definition, loose)
    save_draft(rule, definition, member)


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
    after = {"state": state.value, "rule": rule.pk}
    audit.note(rule.workspace, member, action, rule.title, before={"state": before}, after=after)
    rule.refresh_from_db()
