"""Saving a rule's draft: by several people, often, and with a way back.

Each save is a revision. Who saves over a revision that they have not seen is told who changed what; nothing
is overwritten in silence. What one member types in one go is one revision in the log of changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction

from vaivem.core.errors import RuleError
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.definitions import with_ids
from vaivem.hub.rules.models import Rule, RuleDraft
from vaivem.hub.shell.clock import now
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import AuditEntry, Member

TITLE_LENGTH = 120
KEPT = 60  # revisions of one rule
ONE_GO = timedelta(minutes=10)


class DraftConflictError(RuleError):
    """The draft was changed by somebody else meanwhile. `seen` is the draft that this change began with.

    `since` are the changes made over it, oldest first; `seen` is None when it is no longer kept.
    """

    default_code = "draft_changed"

    def __init__(self, rule: Rule, seen: RuleDraft | None, since: tuple[RuleDraft, ...]) -> None:
        super().__init__(params={"revision": rule.revision})
        self.rule = rule
        self.seen = seen
        self.since = since


def title_of(definition: Mapping[str, Any]) -> str:
    """Return a definition's title, cut to what a rule can have; "" when it has none."""
    title = definition.get("title")
    return title[:TITLE_LENGTH] if isinstance(title, str) else ""


def first(rule: Rule, member: Member | None) -> None:
    """Keep the draft that a rule is made with."""
    RuleDraft.objects.create(rule=rule, revision=rule.revision, definition=rule.draft, member=member)


@transaction.atomic
def save(
    rule: Rule, definition: Mapping[str, Any], member: Member | None = None, *, seen: int | None = None
) -> None:
    """Replace a rule's draft, whatever state the rule is in; `rule` is as saved afterwards.

    `seen` is the revision that the change began with; None overwrites whatever is there. Raises
    DraftConflictError when the draft is another one by now, and differs from this one.
    """
    locked = Rule.objects.select_for_update().select_related("workspace").get(pk=rule.pk)
    draft = with_ids(definition, WorkspaceCatalog(locked.workspace))
    if draft != locked.draft:
        if seen is not None and seen != locked.revision:
            raise _conflict(locked, seen)
        _replace(locked, draft, member)
    rule.refresh_from_db()


def _conflict(rule: Rule, seen: int) -> DraftConflictError:
    kept = {row.revision: row for row in rule.drafts.select_related("member").order_by("revision")}
    since = tuple(row for revision, row in kept.items() if revision > seen)
    return DraftConflictError(rule, kept.get(seen), since)


def _replace(rule: Rule, draft: dict[str, Any], member: Member | None) -> None:
    before = rule.draft
    if not rule.drafts.filter(revision=rule.revision).exists():
        first(rule, None)
    rule.draft, rule.revision = draft, rule.revision + 1
    rule.title = title_of(draft) or rule.title
    rule.save(update_fields=["draft", "title", "revision", "updated"])
    RuleDraft.objects.create(rule=rule, revision=rule.revision, definition=draft, member=member)
    rule.drafts.filter(revision__lte=rule.revision - KEPT).delete()
    _note(rule, before, member)


def _note(rule: Rule, before: Mapping[str, Any], member: Member | None) -> None:
    """Note the change; what a member types in one go is one entry."""
    last = (
        AuditEntry.objects.filter(workspace=rule.workspace, object=rule.title[:160]).order_by("-pk").first()
    )
    same = (
        last is not None
        and last.action == "rule.edited"
        and last.member_id == (member.pk if member else None)
    )
    if last is not None and member is not None and same and now() - last.at < ONE_GO:
        AuditEntry.objects.filter(pk=last.pk).update(after=rule.draft)
        return
    audit.note(rule.workspace, member, "rule.edited", rule.title, before=before, after=rule.draft)


def settle(rule: Rule, definition: dict[str, Any], member: Member | None) -> None:
    """Let the draft of a locked rule be what was published; its caller saves the row."""
    if rule.draft == definition:
        return
    if not rule.drafts.filter(revision=rule.revision).exists():
        first(rule, None)
    rule.draft, rule.revision = definition, rule.revision + 1
    first(rule, member)


def go_back(rule: Rule, revision: int, member: Member | None) -> bool:
    """Make an earlier revision the draft again, as a new one. False when it is no longer kept."""
    kept = rule.drafts.filter(revision=revision).first()
    if kept is None:
        return False
    save(rule, kept.definition, member)
    return True
