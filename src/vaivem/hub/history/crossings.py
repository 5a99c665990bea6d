"""Runs that were moved to another version of their rule: which steps they go through, and who moved them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from vaivem.core.crossing import SHIFT, after, flat
from vaivem.core.errors import VaivemError
from vaivem.core.rules import Rule, parse_rule
from vaivem.core.steps import Step
from vaivem.engine.memory import CROSSED
from vaivem.hub.history.detail import CallRow, RunDetail
from vaivem.hub.rules.models import RuleVersion


@dataclass(frozen=True, slots=True)
class Moved:
    """A run went on, behind a step where it waited, in another version. `by` may be ""."""

    step: str
    before: int
    version: int
    by: str
    at: datetime
    shift: int


def moves(calls: Iterable[CallRow]) -> list[Moved]:
    """Return the moves of a run, in order."""
    rows = [row for row in calls if row.name == CROSSED and not row.is_call]
    found = []
    for number, row in enumerate(rows, start=1):
        told = json.loads(row.response or b"{}")
        who = str(told.get("by") or "")
        found.append(Moved(row.step, int(told["from"]), int(told["to"]), who, row.at, number * SHIFT))
    return found


def path_of(detail: RunDetail, rule: Rule) -> dict[int, Step]:
    """Return the steps that a run goes through, by their places in its journal.

    `rule` is the version that it is in now. Of one whose earlier version is gone, the steps of this one.
    """
    crossed: list[Moved] = []
    for one in moves(detail.calls):
        if crossed and crossed[-1].step == one.step:
            crossed.pop()
        crossed.append(one)
    numbers = {moves(detail.calls)[0].before, *(one.version for one in crossed)} if crossed else set()
    versions = _versions(detail.run.rule, numbers) if crossed else {}
    if not crossed or versions.keys() != numbers:
        return _placed(rule, rule.then, 0)
    current, shift = versions[moves(detail.calls)[0].before], 0
    steps, found = current.then, dict[int, Step]()
    for one in crossed:
        left = {step.id for step in flat(after(steps, one.step) or ())}
        done = _placed(current, steps, shift)
        found |= {place: step for place, step in done.items() if step.id not in left}
        current, shift = versions[one.version], one.shift
        steps = after(current.then, one.step) or ()
    return found | _placed(current, steps, shift)


def _placed(rule: Rule, steps: Iterable[Step], shift: int) -> dict[int, Step]:
    wanted = {step.id for step in flat(steps)}
    numbered = enumerate((step for _, step in rule.all_steps()), start=1)
    return {place + shift: step for place, step in numbered if step.id in wanted}


def _versions(rule: int, numbers: Iterable[int]) -> Mapping[int, Rule]:
    found: dict[int, Rule] = {}
    for row in RuleVersion.objects.filter(rule=rule, number__in=set(numbers)):
        try:
            found[row.number] = parse_rule(row.definition)
        except VaivemError:  # of another release
            continue
    return found
