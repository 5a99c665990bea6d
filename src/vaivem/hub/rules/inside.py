"""Who is in an automation: each person's step, since when, until when; and what can be done for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection as database

from vaivem.core.errors import VaivemError
from vaivem.core.rules import parse_rule
from vaivem.hub.history.names import Names
from vaivem.hub.history.trail import step_name
from vaivem.hub.messages import explain
from vaivem.hub.rules import taking_along
from vaivem.hub.rules.models import Rule, RuleVersion

PAGE = 50
MAX_COUNT = 1000

# In the order of the table's key, so that each page is a walk along it.
WHERE = """
select s.person, s.run_id, s.since, i.version, coalesce(p.state, ''), coalesce(p.code, ''),
  coalesce(p.params, '{}')::text, p.due,
  coalesce((select max(t.n) / 1000 %% 100 from step t where t.ws = s.ws and t.run_id = s.run_id), 0),
  coalesce(l.state = 3, false)
from inside s join item i on i.ws = s.ws and i.run_id = s.run_id
left join pending p on p.ws = s.ws and p.run_id = s.run_id
left join lane l on l.ws = i.ws and l.key = i.lane
where s.ws = %(ws)s and s.rule = %(rule)s and s.person > %(after)s order by s.person limit %(n)s"""
COUNT = """
select count(*) from (
  select 1 from inside s join item i on i.ws = s.ws and i.run_id = s.run_id
  where s.ws = %(ws)s and s.rule = %(rule)s limit %(n)s) x"""


@dataclass(frozen=True, slots=True)
class Inside:
    """One person. `key` says who in the table; `code` says why the run waits, `due` until when.

    `step` and `number` are those of the version that the run goes by; `old` says that it is an earlier one,
    `can_move` that the person can go on in the one of today.
    """

    key: str
    run: int
    since: datetime
    version: int
    old: bool
    state: str
    code: str
    why: str
    due: datetime | None
    number: int
    step_id: str
    step: str
    can_move: bool

    @property
    def person(self) -> str:
        """The address or document number that the person is known by."""
        return self.key.partition(":")[2]


def count(rule: Rule) -> int:
    """Return how many people are inside, at most MAX_COUNT."""
    with database.cursor() as cursor:
        cursor.execute(COUNT, {"ws": rule.workspace_id, "rule": rule.pk, "n": MAX_COUNT})
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def people(rule: Rule, *, after: str = "", limit: int = PAGE) -> tuple[list[Inside], str]:
    """Return a page of the people inside, and what the next one comes after, "" for the last."""
    given: dict[str, int | str] = {
        "ws": rule.workspace_id,
        "rule": rule.pk,
        "after": after.replace("\x00", ""),
        "n": limit + 1,
    }
    with database.cursor() as cursor:
        cursor.execute(WHERE, given)
        rows = cursor.fetchall()
    steps, names, ways = _Steps(rule), Names(rule.workspace), taking_along.Ways(rule)
    found = [_inside(row, rule, steps, names, ways) for row in rows[:limit]]
    return found, found[-1].key if len(rows) > limit else ""


def _inside(row: tuple[Any, ...], rule: Rule, steps: _Steps, names: Names, ways: taking_along.Ways) -> Inside:
    person, run, since, version, state, code, params, due, place, paused = row
    told: Mapping[str, Any] = json.loads(params)
    number, step_id, step = steps.at(version, str(told.get("step") or ""), place, names)
    can_move = state == "wait" and ways.lead(version, step_id)
    state = "rule_paused" if paused else state or "running"
    return Inside(
        key=person,
        run=run,
        since=since,
        version=version,
        old=version != rule.version,
        state=state,
        code=code,
        why=explain(code, told).text if code and state not in ("rule_paused", "wait") else "",
        due=due if due is not None and due.year < 9000 else None,
        number=number,
        step_id=step_id,
        step=step,
        can_move=can_move,
    )


class _Steps:
    """The steps of a rule's versions, each version read once."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._versions: dict[int, list[Any]] = {}

    def at(self, version: int, step_id: str, place: int, names: Names) -> tuple[int, str, str]:
        """Return a step's number, id and name: the one that is named, else the one at a place."""
        if version not in self._versions:
            self._versions[version] = self._read(version)
        steps = self._versions[version]
        numbers = [n for n, step in enumerate(steps, start=1) if step.id == step_id] if step_id else [place]
        if not numbers or not 0 < numbers[0] <= len(steps):
            return 0, step_id, ""
        step = steps[numbers[0] - 1]
        conn = getattr(step, "connection", 0)
        return numbers[0], step.id, step_name(step, names.connector(conn) if isinstance(conn, int) else "")

    def _read(self, version: int) -> list[Any]:
        row = RuleVersion.objects.filter(rule=self._rule, number=version).first()
        try:
            return [step for _, step in parse_rule(row.definition).all_steps()] if row else []
        except VaivemError:
            return []
