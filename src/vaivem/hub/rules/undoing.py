"""Taking back a move: the old rules run as they ran, the new ones do not, and the links it made are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import connection as database
from django.db import transaction

from vaivem.core.errors import RuleError
from vaivem.engine import control
from vaivem.hub.rules import publishing
from vaivem.hub.rules.models import Move, Rule, RuleState
from vaivem.hub.shell.clock import now
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member

if TYPE_CHECKING:
    from vaivem.hub.rules.moving import Switch


def before(switch: Switch) -> dict[str, Any]:
    """Return how things stand before a switch."""
    rules = Rule.objects.filter(workspace=switch.workspace).exclude(state=RuleState.REMOVED)
    return {
        "old": [_stands(rule) for rule in switch.old],
        "rules": {str(rule.pk): _stands(rule) for rule in rules},
    }


def _stands(rule: Rule) -> dict[str, Any]:
    since = rule.on_since.isoformat() if rule.on_since else ""
    return {"rule": rule.pk, "state": rule.state, "version": rule.version, "since": since}


def keep(row: Move, stood: Mapping[str, Any], made: Sequence[Rule]) -> None:
    """Link what the look found, and keep how to undo it and the switch."""
    new = [stood["rules"].get(str(rule.pk), {"rule": rule.pk, "version": None}) for rule in made]
    with database.cursor() as cursor:
        links, keys = control.keep_found(cursor, row.workspace_id, row.pk)
    row.made = {"old": stood["old"], "new": new, "links": links, "keys": keys}
    row.moved = now()
    row.save(update_fields=["made", "moved"])


@transaction.atomic
def undo(row: Move, member: Member | None = None) -> None:
    """Take a move back, whole or not at all. Raises RuleError when a rule cannot be as it was."""
    locked = Move.objects.select_for_update().select_related("workspace").get(pk=row.pk)
    if locked.moved is None or locked.undone is not None:
        raise RuleError("move_not_undoable")
    titles = []
    for one in locked.made["new"]:
        if rule := _rule(locked, one["rule"]):
            _end(rule, one, member)
            titles.append(rule.title)
    for one in locked.made["old"]:
        if rule := _rule(locked, one["rule"]):
            _begin_again(rule, one, member)
    with database.cursor() as cursor:
        control.drop_found(cursor, locked.workspace_id, locked.made["links"], locked.made["keys"])
    Move.objects.filter(pk=row.pk).update(undone=now())
    audit.note(locked.workspace, member, "rules.moved_back", ", ".join(titles))
    row.refresh_from_db()


def _rule(row: Move, number: int) -> Rule | None:
    rules = Rule.objects.select_related("workspace").filter(workspace=row.workspace_id, pk=number)
    return rules.exclude(state=RuleState.REMOVED).first()


def _end(rule: Rule, stood: Mapping[str, Any], member: Member | None) -> None:
    """Let a new rule be as it was: off, or by the version that ran before the move."""
    if stood["version"] is None:
        if rule.state == RuleState.ON:
            publishing.switch_off(rule, member)
        return
    publishing.publish_as(rule, rule.versions.get(number=stood["version"]).definition, member)
    if stood["state"] == RuleState.PAUSED and rule.state == RuleState.ON:
        publishing.pause(rule, member)


def _begin_again(rule: Rule, stood: Mapping[str, Any], member: Member | None) -> None:
    """Let an old rule run by the version that ran; what is in its draft since stays there."""
    if rule.state != RuleState.DRAFT:
        return
    waiting = rule.draft
    publishing.restore(rule, stood["version"], member)
    publishing.publish(rule, member)
    if rule.draft != waiting:
        publishing.save_draft(rule, waiting, member)
    if stood["since"]:  # as before: what comes late is taken by whichever rule runs when it comes
        Rule.objects.filter(pk=rule.pk).update(on_since=datetime.fromisoformat(stood["since"]))
