"""Rules and field combinations from a file: planned and shown first, then applied whole or not at all.

The file is as `layout` reads it: each rule as `core.rules.parse_rule` reads it and with ``enabled: false``
for one that is not to run, each combination with its pair and object. Connections go by name or short name.
Both are known by their titles. What the file does not name is left alone.
"""

from __future__ import annotations

import contextlib
import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db import transaction

from vaivem.core.errors import Problem, RuleError
from vaivem.core.rules import RuleDefinitionError, parse_rule, rule_to_dict
from vaivem.hub.rules import combining, planning, publishing
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.definitions import each_action, in_order, loose, own_fields, with_ids, with_names
from vaivem.hub.rules.layout import Entry, FileError, read, written
from vaivem.hub.rules.models import Combination, Rule, RuleState
from vaivem.hub.workspaces.models import Member, Workspace

__all__ = ["Act", "Change", "FileError", "Kind", "Plan", "PlanError", "apply", "as_file", "plan"]


class PlanError(RuleError):
    """A plan with problems cannot be applied."""

    default_code = "plan_has_problems"


class Act(StrEnum):
    """What applying would do to a rule."""

    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"


class Kind(StrEnum):
    """What an entry of a file is."""

    RULE = "rule"
    COMBINATION = "combination"


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the file. `diff` are lines that begin with "+", "-" or a blank.

    `before` is what stands now (None for what is new), `definition` what it becomes; of a combination both
    are as a file has them. `pk` is its row. `lines` are those of the problems in the file, 0 where unknown.
    `touches` are the titles of the rules that share a combination and are published anew with it.
    `whole` is a rule's definition with the fields of its combinations as its own. `line` is where it stands.
    """

    act: Act
    title: str
    definition: Mapping[str, Any]
    enabled: bool = True
    pk: int | None = None
    before: Mapping[str, Any] | None = None
    diff: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    kind: Kind = Kind.RULE
    lines: tuple[int, ...] = ()
    touches: tuple[str, ...] = ()
    whole: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for programs."""
        placed = zip(self.problems, self.lines, strict=True)
        return {
            "kind": self.kind.value,
            "act": self.act.value,
            "title": self.title,
            "enabled": self.enabled,
            self.kind.value: self.pk,
            "diff": list(self.diff),
            "touches": list(self.touches),
            "problems": [one.to_dict() | ({"line": line} if line else {}) for one, line in placed],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a file would do: to its combinations, then to its rules, in the file's order."""

    workspace: Workspace
    changes: tuple[Change, ...]
    is_table: bool = False

    @property
    def ok(self) -> bool:
        """Whether it can be applied."""
        return not any(change.problems for change in self.changes)

    @property
    def acts(self) -> Counter[Act]:
        """How many entries are created, changed, unchanged."""
        return Counter(change.act for change in self.changes)

    def of(self, kind: Kind) -> list[Change]:
        """Return the entries of a kind."""
        return [change for change in self.changes if change.kind is kind]


def plan(text: str, workspace: Workspace) -> Plan:
    """Plan a file. Raises FileError when it is not one; each entry's problems are in the plan."""
    layout, catalog = read(text), WorkspaceCatalog(workspace)
    titles = Counter(str(entry.data.get("title")) for entry in layout.rules)
    combinations = _combinations(layout.combinations, catalog, set(titles))
    existing: dict[str, list[Rule]] = {}
    for rule in Rule.objects.filter(workspace=workspace).exclude(state=RuleState.REMOVED).order_by("id"):
        existing.setdefault(rule.title, []).append(rule)
    rules = []
    for entry in layout.rules:
        title = str(entry.data.get("title") or "")
        twice = titles[title] > 1 and bool(title)
        rules.append(_change(entry, existing.get(title, []), catalog, workspace.zone, twice=twice))
    return Plan(workspace, (*combinations, *rules), layout.is_table)


@transaction.atomic
def apply(planned: Plan, member: Member | None = None) -> list[Rule]:
    """Do what was planned, all of it or nothing; return the rules, in the file's order.

    Raises RuleError when the plan has problems, or when something was changed since it was made.
    """
    if not planned.ok:
        raise PlanError(problems=tuple(p for change in planned.changes for p in change.problems))
    rules = planned.of(Kind.RULE)
    published = {change.pk for change in rules if change.pk and change.enabled and change.act is Act.CHANGE}
    for change in planned.of(Kind.COMBINATION):
        _combine(change, planned.workspace, published, member)
    return [_apply(change, planned.workspace, member) for change in rules]


def as_file(
    rules: list[Rule], catalog: WorkspaceCatalog, combinations: list[Combination] | None = None
) -> str:
    """Return rules and combinations as a file that `plan` reads: drafts, with connections by short name.

    Without `combinations`, those that the rules share.
    """
    entries = [_plain(rule.draft, rule.state, catalog) for rule in rules]
    if combinations is None:
        named = _combinations_of(entries)
        combinations = [row for row in catalog.combinations.values() if row.title in named]
    shared = {"combinations": [planning.plain(row, catalog) for row in combinations]} if combinations else {}
    return written({**shared, "rules": entries} if entries or not shared else shared)


def _combinations_of(definitions: list[dict[str, Any]]) -> set[Any]:
    named: set[Any] = set()

    def note(step: dict[str, Any]) -> dict[str, Any]:
        if isinstance(step.get("combination"), str):
            named.add(step["combination"])
        return step

    for definition in definitions:
        each_action(definition, note)
    return named


def _combinations(entries: tuple[Entry, ...], catalog: WorkspaceCatalog, ours: set[str]) -> list[Change]:
    """Plan combinations, and let the catalog have them as they would be: the rules are checked with those.

    `ours` are the titles of the file's rules, which say for themselves what is wrong with them.
    """
    titles = Counter(str(entry.data.get("title")) for entry in entries)
    found = []
    for place, entry in enumerate(entries, start=1):
        row, same, problems = planning.row_of(entry.data, catalog)
        if titles[row.title] > 1 and row.title:
            problems.append(Problem("title_twice_in_file", {"title": row.title}, "title"))
        whole = None not in (row.source_id, row.target_id)
        before = planning.plain(same, catalog) if same else None
        after = planning.plain(row, catalog) if whole else dict(entry.data)
        act = Act.CREATE if same is None else Act.UNCHANGED if before == after else Act.CHANGE
        touched = combining.touched(same, row.fields) if same and act is Act.CHANGE and not problems else []
        problems += [_refusal(one) for one in touched if one.problems and one.rule.title not in ours]
        old = "" if before is None else written(before)
        diff = () if act is Act.UNCHANGED else tuple(_diff(old, written(after)))
        found.append(
            Change(
                act, row.title, after, True, same.pk if same else None, before, diff, tuple(problems),
                Kind.COMBINATION, tuple(entry.line(one.path) for one in problems),
                tuple(one.rule.title for one in touched), line=entry.line(""),
            )
        )  # fmt: skip
        if whole:
            row.pk = row.pk or -place  # not there yet: a number that no row has
            catalog.combinations[row.pk] = row
    return found


def _refusal(one: combining.Touched) -> Problem:
    return Problem("rule_refuses", {"title": one.rule.title}, "fields")


def _change(entry: Entry, same: list[Rule], catalog: WorkspaceCatalog, zone: str, *, twice: bool) -> Change:
    data = dict(entry.data)
    enabled = data.pop("enabled", True)
    title = str(data.get("title") or "")
    problems: list[Problem] = []
    if not isinstance(enabled, bool):
        problems.append(Problem("rule_wrong_type", {"expected": "boolean"}, "enabled"))
        enabled = True
    if len(same) > 1:
        problems.append(Problem("title_twice_in_workspace", {"title": title}, "title"))
    checked = publishing.check(data, catalog, zone=zone)
    problems += checked.problems
    if twice:
        problems.append(Problem("title_twice_in_file", {"title": title}, "title"))
    definition = rule_to_dict(checked.rule) if checked.rule else with_ids(data, catalog)
    whole = each_action(definition, loose)
    definition = each_action(definition, lambda step: _by_title(step, catalog))
    rule = same[0] if same else None
    before = _shown(rule.draft if rule else {}, rule.state if rule else RuleState.DRAFT, catalog)
    after = _shown(definition, RuleState.ON if enabled else RuleState.DRAFT, catalog)
    act = Act.CREATE if rule is None else Act.UNCHANGED if _stands(rule, after, before) else Act.CHANGE
    diff = () if act is Act.UNCHANGED else tuple(_diff("" if rule is None else before, after))
    lines = tuple(entry.line(one.path) for one in problems)
    return Change(
        act, title, definition, enabled, rule.pk if rule else None, rule.draft if rule else None, diff,
        tuple(problems), lines=lines, whole=whole, line=entry.line(""),
    )  # fmt: skip


def _stands(rule: Rule, after: str, before: str) -> bool:
    """Say whether the rule is already as the file wants it: the draft, and what is published."""
    if after != before:
        return False
    published = rule.versions.filter(number=rule.version).first() if rule.version else None
    return rule.state != RuleState.ON or (published is not None and published.definition == rule.draft)


def _by_title(step: dict[str, Any], catalog: WorkspaceCatalog) -> dict[str, Any]:
    """Return a step with its combination by title: the file may be what makes it."""
    row = catalog.combination(step.get("combination"))
    return step if row is None else step | {"combination": row.title, "fields": own_fields(step)}


def _shown(definition: Mapping[str, Any], state: str, catalog: WorkspaceCatalog) -> str:
    """Return the YAML of a definition in its plain form."""
    return written(_plain(definition, state, catalog))


def _plain(definition: Mapping[str, Any], state: str, catalog: WorkspaceCatalog) -> dict[str, Any]:
    """Return a definition as people write it, with `enabled` only where it is not."""
    with contextlib.suppress(RuleDefinitionError):  # a draft that is half done is shown as it is
        definition = rule_to_dict(parse_rule(definition))
    enabled = {} if state == RuleState.ON else {"enabled": False}
    return {**with_names(in_order(definition, catalog), catalog), **enabled}


def _diff(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++"))]


def _combine(change: Change, workspace: Workspace, published: set[int], member: Member | None) -> None:
    """Make or change a combination; rules that the file publishes itself are left to it."""
    if change.act is Act.UNCHANGED:
        return
    catalog = WorkspaceCatalog(workspace)
    row, same, problems = planning.row_of(change.definition, catalog)
    if (same.pk if same else None) != change.pk or (
        planning.plain(same, catalog) if same else None
    ) != change.before:
        raise PlanError("plan_is_old")
    if problems:
        raise PlanError(problems=tuple(problems))
    if same is None:
        combining.create(workspace, row.title, (row.source_id, row.target_id), row.object, row.fields, member)
    else:
        combining.change(same, row.fields, member, but=published)


def _apply(change: Change, workspace: Workspace, member: Member | None) -> Rule:
    if change.pk is None:
        if Rule.objects.filter(workspace=workspace, title=change.title).exclude(state="removed").exists():
            raise PlanError("plan_is_old")
        rule = publishing.create(workspace, change.definition, member)
    else:
        found = Rule.objects.filter(pk=change.pk, workspace=workspace).exclude(state="removed").first()
        if found is None:
            raise PlanError("plan_is_old")
        rule = found
        if change.act is Act.UNCHANGED:
            return rule
        publishing.save_draft(rule, change.definition, member)
    if change.enabled:
        publishing.publish(rule, member)
        if rule.state == RuleState.PAUSED:
            publishing.resume(rule, member)
    elif rule.state == RuleState.ON:
        publishing.pause(rule, member)
    return rule
