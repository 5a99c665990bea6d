"""Moving from an old integration: what runs today and what takes its place, switched in one transaction.

Old rules of this workspace stop taking events when the new ones begin, and finish what they took. Of an
integration that runs elsewhere only the moment is known from which on the new rules count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from vaivem.core.errors import Problem, RuleError
from vaivem.core.rules import read_rule
from vaivem.hub.rules import files, publishing, undoing
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Move, Rule, RuleState
from vaivem.hub.shell.clock import now
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member, Workspace

BACK, AHEAD = timedelta(days=7), timedelta(days=31)


class MoveError(RuleError):
    """The move cannot be made so; `problems` say why."""

    default_code = "move_wrong"


@dataclass(frozen=True, slots=True)
class New:
    """A rule that will run: of the file, or a draft that is switched on. `old` are those that it replaces."""

    title: str
    definition: Mapping[str, Any]
    old: tuple[Rule, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Switch:
    """What is to happen at once. `moment` None: now, without a gap to the old rules.

    `pair` are the two accounts that it is about; what the file says has to be between them.
    """

    workspace: Workspace
    old: tuple[Rule, ...]
    drafts: tuple[Rule, ...]
    plan: files.Plan | None
    moment: datetime | None = None
    pair: frozenset[int] = frozenset()

    @property
    def problems(self) -> list[Problem]:
        """Everything but the file's and the drafts' own problems."""
        found = []
        switched_on = [change for change in (self.plan.changes if self.plan else ()) if change.enabled]
        if not self.drafts and not any(change.kind is files.Kind.RULE for change in switched_on):
            found.append(Problem("move_without_rules"))
        touched = {change.pk for change in self.plan.of(files.Kind.RULE)} if self.plan else set()
        twice = [rule for rule in self.old if rule.pk in touched]
        found += [Problem("move_old_is_new", {"title": rule.title}) for rule in twice]
        found += self._elsewhere()
        if self.moment is not None and not now() - BACK <= self.moment <= now() + AHEAD:
            found.append(Problem("move_moment_far", {"back": BACK.days, "ahead": AHEAD.days}))
        return found

    @property
    def new(self) -> list[New]:
        """The rules that will run, each beside the old ones that begin with the same happening."""
        catalog, found = WorkspaceCatalog(self.workspace), []
        for change in self.plan.of(files.Kind.RULE) if self.plan else ():
            found.append(New(change.title, change.whole, self._before(change.whole), change.problems))
        for rule in self.drafts:
            checked = publishing.check(rule.draft, catalog, zone=self.workspace.zone)
            found.append(New(rule.title, rule.draft, self._before(rule.draft), checked.problems))
        return found

    @property
    def without(self) -> list[Rule]:
        """The old rules in whose place nothing comes."""
        taken = {rule.pk for one in self.new for rule in one.old}
        return [rule for rule in self.old if rule.pk not in taken]

    @property
    def ok(self) -> bool:
        """Whether it can be made."""
        whole = not self.problems and (self.plan is None or self.plan.ok)
        return whole and not any(one.problems for one in self.new)

    @property
    def seen(self) -> str:
        """What two switches have in common that do the same from where things stand."""
        parts: list[Any] = [
            (row.pk, row.revision, row.version, row.state) for row in (*self.old, *self.drafts)
        ]
        parts += [change.to_dict() for change in self.plan.changes] if self.plan else []
        parts.append(self.moment.isoformat() if self.moment else "")
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()

    def _elsewhere(self) -> list[Problem]:
        """Return a problem for each entry of the file that is not between the two accounts."""
        catalog, found = WorkspaceCatalog(self.workspace), []
        for change in self.plan.changes if self.plan and self.pair else ():
            if change.kind is files.Kind.COMBINATION:
                named = [change.definition.get("from"), change.definition.get("to")]
            else:
                named = [*_accounts(change.definition)]
            rows = [catalog.connection(one) for one in named if isinstance(one, str | int)]
            accounts = {row.pk for row in rows if row}
            if None not in rows and not self.pair <= accounts:
                names = ", ".join(sorted(row.name for row in rows if row))
                found.append(
                    Problem(
                        "move_other_accounts",
                        {"title": change.title, "line": change.line, "accounts": names},
                    )
                )
        return found

    def _before(self, definition: Mapping[str, Any]) -> tuple[Rule, ...]:
        start = _start(definition)
        return tuple(rule for rule in self.old if _start(rule.draft) == start)


def between(workspace: Workspace, pair: Collection[int], state: RuleState) -> list[Rule]:
    """Return the rules in a state that read one of two accounts and write the other."""
    rows = Rule.objects.filter(workspace=workspace, state=state).order_by("title", "pk")
    return [row for row in rows if set(pair) <= _accounts(row.draft)]


@transaction.atomic
def make(switch: Switch, member: Member | None = None, row: Move | None = None) -> list[Rule]:
    """Switch the old rules off and the new ones on, at once; return the new ones.

    With `row`, what its look found is linked in the same transaction, and it says how to undo it all.

    Between rules of this workspace no event falls through: what happened before and arrives later is taken
    by the new rules, and what the old ones took is finished by them. Raises RuleError, and changes nothing.
    """
    if not switch.ok:
        raise MoveError(problems=tuple(switch.problems) or (Problem("move_wrong"),))
    undo = undoing.before(switch)
    ran = {rule.pk for rule in Rule.objects.filter(workspace=switch.workspace, state=RuleState.ON)}
    begun = {one.title: [rule.on_since for rule in one.old if rule.on_since] for one in switch.new}
    for rule in switch.old:
        publishing.switch_off(rule, member)
    made = files.apply(switch.plan, member) if switch.plan else []
    for rule in switch.drafts:
        publishing.publish(rule, member)
        made.append(rule)
    for rule in made:
        rule.refresh_from_db()
        since = switch.moment or min(begun.get(rule.title, []), default=None)
        if since is not None and rule.state == RuleState.ON and rule.pk not in ran:
            Rule.objects.filter(pk=rule.pk).update(on_since=since)
            rule.refresh_from_db()
    if row is not None:
        undoing.keep(row, undo, made)
    audit.note(
        switch.workspace,
        member,
        "rules.moved",
        ", ".join(rule.title for rule in made),
        before={"rules": [rule.title for rule in switch.old]},
        after={"rules": [rule.title for rule in made], "moment": str(switch.moment or "")},
    )
    return made


def _accounts(definition: Mapping[str, Any]) -> set[Any]:
    rule, _problems = read_rule(definition)
    return {rule.when.connection, *(getattr(step, "connection", None) for _path, step in rule.all_steps())}


def _start(definition: Mapping[str, Any]) -> tuple[Any, Any]:
    when = definition.get("when")
    return (when.get("connection"), when.get("trigger")) if isinstance(when, Mapping) else (None, None)
