"""Rules from a file: what it would change is planned and shown first, then applied whole or not at all.

The file is YAML: a list of rules, or ``rules:`` with such a list, each as `core.rules.parse_rule` reads it
and with ``enabled: false`` for one that is not to run. Connections go by name or short name. A rule is known
by its title. Rules that the file does not name are left alone.
"""

from __future__ import annotations

import contextlib
import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml
from django.db import transaction

from vaivem.core.errors import Problem, RuleError
from vaivem.core.rules import RuleDefinitionError, parse_rule, rule_to_dict
from vaivem.hub.rules import publishing
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.definitions import in_order, with_ids, with_names
from vaivem.hub.rules.models import Rule, RuleState
from vaivem.hub.workspaces.models import Member, Workspace

MAX_FILE_LENGTH = 2 * 1024 * 1024
MAX_RULES = 500


class FileError(RuleError):
    """A file that is not a list of rules; `problems` say where."""

    default_code = "file_unreadable"


class PlanError(RuleError):
    """A plan with problems cannot be applied."""

    default_code = "plan_has_problems"


class Act(StrEnum):
    """What applying would do to a rule."""

    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """One rule of the file. `diff` are lines that begin with "+", "-" or a blank."""

    act: Act
    title: str
    definition: Mapping[str, Any]
    enabled: bool
    rule_id: int | None = None
    diff: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for programs."""
        return {
            "act": self.act.value,
            "title": self.title,
            "enabled": self.enabled,
            "rule": self.rule_id,
            "diff": list(self.diff),
            "problems": [problem.to_dict() for problem in self.problems],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a file would do, in the file's order."""

    workspace: Workspace
    changes: tuple[Change, ...]

    @property
    def ok(self) -> bool:
        """Whether it can be applied."""
        return not any(change.problems for change in self.changes)

    @property
    def acts(self) -> Counter[Act]:
        """How many rules are created, changed, unchanged."""
        return Counter(change.act for change in self.changes)


def plan(text: str, workspace: Workspace) -> Plan:
    """Plan a file. Raises FileError when it holds no list of rules; each rule's problems are in the plan."""
    entries = _entries(text)
    catalog = WorkspaceCatalog(workspace)
    titles = Counter(str(entry.get("title")) for entry in entries)
    existing: dict[str, list[Rule]] = {}
    for rule in Rule.objects.filter(workspace=workspace).exclude(state=RuleState.REMOVED).order_by("id"):
        existing.setdefault(rule.title, []).append(rule)
    changes = []
    for entry in entries:
        title = str(entry.get("title") or "")
        change = _change(entry, existing.get(title, []), catalog, workspace.zone)
        if titles[title] > 1 and title:
            twice = Problem("title_twice_in_file", {"title": title}, "title")
            change = _with_problem(change, twice)
        changes.append(change)
    return Plan(workspace, tuple(changes))


@transaction.atomic
def apply(planned: Plan, member: Member | None = None) -> list[Rule]:
    """Do what was planned, all of it or nothing; return the rules, in the file's order.

    Raises PlanError when the plan has problems, or when a rule was changed since it was made.
    """
    if not planned.ok:
        raise PlanError(problems=tuple(p for change in planned.changes for p in change.problems))
    return [_apply(change, planned.workspace, member) for change in planned.changes]


def as_file(rules: list[Rule], catalog: WorkspaceCatalog) -> str:
    """Return rules as a file that `plan` reads: their drafts, with connections by short name."""
    return _yaml({"rules": [_plain(rule.draft, rule.state, catalog) for rule in rules]})


def _entries(text: str) -> list[dict[str, Any]]:
    if len(text) > MAX_FILE_LENGTH:
        raise FileError("file_too_large", params={"max": MAX_FILE_LENGTH})
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = {"line": mark.line + 1, "column": mark.column + 1} if mark else {}
        raise FileError(params=place, detail=str(getattr(error, "problem", "") or "")) from error
    if isinstance(data, Mapping) and set(data) == {"rules"}:
        data = data["rules"]
    elif isinstance(data, Mapping) and "when" in data:
        data = [data]
    if not isinstance(data, list) or not data or not all(isinstance(entry, Mapping) for entry in data):
        raise FileError("file_without_rules")
    if len(data) > MAX_RULES:
        raise FileError("file_with_too_many_rules", params={"max": MAX_RULES})
    return [dict(entry) for entry in data]


def _change(entry: dict[str, Any], same: list[Rule], catalog: WorkspaceCatalog, zone: str) -> Change:
    enabled = entry.pop("enabled", True)
    title = str(entry.get("title") or "")
    problems: list[Problem] = []
    if not isinstance(enabled, bool):
        problems.append(Problem("rule_wrong_type", {"expected": "boolean"}, "enabled"))
        enabled = True
    if len(same) > 1:
        problems.append(Problem("title_twice_in_workspace", {"title": title}, "title"))
    checked = publishing.check(entry, catalog, zone=zone)
    problems += checked.problems
    definition = rule_to_dict(checked.rule) if checked.rule else with_ids(entry, catalog)
    rule = same[0] if same else None
    before = _shown(rule.draft if rule else {}, rule.state if rule else RuleState.DRAFT, catalog)
    after = _shown(definition, RuleState.ON if enabled else RuleState.DRAFT, catalog)
    act = Act.CREATE if rule is None else Act.UNCHANGED if _stands(rule, after, before) else Act.CHANGE
    diff = () if act is Act.UNCHANGED else tuple(_diff("" if rule is None else before, after))
    return Change(act, title, definition, enabled, rule.pk if rule else None, diff, tuple(problems))


def _stands(rule: Rule, after: str, before: str) -> bool:
    """Say whether the rule is already as the file wants it: the draft, and what is published."""
    if after != before:
        return False
    published = rule.versions.filter(number=rule.version).first() if rule.version else None
    return rule.state != RuleState.ON or (published is not None and published.definition == rule.draft)


def _with_problem(change: Change, problem: Problem) -> Change:
    return Change(
        change.act,
        change.title,
        change.definition,
        change.enabled,
        change.rule_id,
        change.diff,
        (*change.problems, problem),
    )


def _shown(definition: Mapping[str, Any], state: str, catalog: WorkspaceCatalog) -> str:
    """Return the YAML of a definition in its plain form."""
    return _yaml(_plain(definition, state, catalog))


def _plain(definition: Mapping[str, Any], state: str, catalog: WorkspaceCatalog) -> dict[str, Any]:
    """Return a definition as people write it, with `enabled` only where it is not."""
    with contextlib.suppress(RuleDefinitionError):  # a draft that is half done is shown as it is
        definition = rule_to_dict(parse_rule(definition))
    enabled = {} if state == RuleState.ON else {"enabled": False}
    return {**with_names(in_order(definition, catalog), catalog), **enabled}


def _diff(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++"))]


def _yaml(data: Any) -> str:
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=110)


def _apply(change: Change, workspace: Workspace, member: Member | None) -> Rule:
    if change.rule_id is None:
        if Rule.objects.filter(workspace=workspace, title=change.title).exclude(state="removed").exists():
            raise PlanError("plan_is_old")
        rule = publishing.create(workspace, change.definition, member)
    else:
        found = Rule.objects.filter(pk=change.rule_id, workspace=workspace).exclude(state="removed").first()
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
