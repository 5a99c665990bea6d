"""Those who wait inside a rule when a new version is published: they finish theirs, or go on in the new one.

Who waits at a step goes on behind that step in the new version, where it has the step and nothing is missing
for what comes after; what was done stays done. Everybody else finishes the version that they are in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext as _

from vaivem.core.compiler import CompiledRule
from vaivem.core.crossing import NEEDS_MORE, START_CHANGED, STEP_CHANGED, STEP_GONE, why_not
from vaivem.core.errors import VaivemError
from vaivem.core.rules import Rule as Definition
from vaivem.core.rules import parse_rule
from vaivem.engine import control
from vaivem.engine.topology import main_connection
from vaivem.hub.history.names import Names
from vaivem.hub.history.trail import step_name
from vaivem.hub.rules.models import Rule, RuleVersion
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member

FINISH, MOVE = "finish", "move"
CHOICES = (FINISH, MOVE)
SHOWN = 20  # of those who stay, by name

WAITING = """
select version, coalesce(params ->> 'step', ''), count(*)::int from pending
where ws = %(ws)s and rule = %(rule)s and state = 'wait' and version > 0 group by 1, 2 order by 1 desc, 2"""
OTHERS = """
select count(*)::int from pending
where ws = %(ws)s and rule = %(rule)s and state <> 'wait' and version > 0 and version <> %(version)s"""
WHO = """
select p.run_id,
  coalesce((
    select min(i.person) from inside i where i.ws = p.ws and i.rule = p.rule and i.run_id = p.run_id), ''),
  coalesce((select e.title from event e where e.ws = p.ws and e.id = p.event_id), '') from pending p
where p.ws = %(ws)s and p.rule = %(rule)s and p.state = 'wait' and p.version = %(version)s
  and coalesce(p.params ->> 'step', '') = %(step)s order by p.run_id limit %(n)s"""


@dataclass(frozen=True, slots=True)
class Group:
    """Those who wait at one step of one version. `why` they stay, in words; "" where they can go on.

    `who` are some of those who stay: run and person (or the event's title).
    """

    version: int
    step: str
    name: str
    count: int
    code: str
    why: str
    who: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Inside:
    """Those inside a rule whose version is, or would be, another. `busy` are at work or stuck at a step."""

    groups: tuple[Group, ...]
    busy: int = 0

    @property
    def going(self) -> int:
        """How many can go on in the new version."""
        return sum(one.count for one in self.groups if not one.code)

    @property
    def staying(self) -> int:
        """How many finish the version that they are in."""
        return sum(one.count for one in self.groups if one.code) + self.busy

    @property
    def any(self) -> bool:
        """Whether anybody is inside."""
        return bool(self.groups or self.busy)


def look(rule: Rule, then: Definition | None = None) -> Inside:
    """Return who is inside by another version, and who could go on in `then` (None: what is published)."""
    rows = _rows(WAITING, rule)
    versions = _versions(rule, {version for version, _, _ in rows} | {rule.version or 0})
    published = then is None
    goal = then if then is not None else versions.get(rule.version or 0)
    if goal is None:
        return Inside(())
    names = Names(rule.workspace)
    rows = [row for row in rows if not (published and row[0] == rule.version)]
    groups = tuple(
        _group(rule, versions.get(version), goal, (version, step, count), names)
        for version, step, count in rows
    )
    busy = _rows(OTHERS, rule, version=(rule.version or 0) if published else 0)
    return Inside(groups, busy[0][0])


class Ways:
    """Which steps of which versions lead on in the published one; each pair is looked at once."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._known: dict[tuple[int, str], bool] = {}

    def lead(self, version: int, step: str) -> bool:
        """Say whether who waits at a step of a version can go on in the one that is published."""
        if version == self._rule.version or version < 0:
            return False
        if (version, step) not in self._known:
            versions = _versions(self._rule, {version, self._rule.version or 0})
            before, then = versions.get(version), versions.get(self._rule.version or 0)
            self._known[version, step] = bool(before and then and not why_not(before, then, step))
        return self._known[version, step]


@transaction.atomic
def move(rule: Rule, member: Member | None, *, run: int | None = None, note: bool = True) -> int:
    """Let those who can go on in the published version; return how many did. `run`: only that one.

    Whoever a worker has in hand at this moment, and whoever does not wait at a step, stays.
    """
    rule = Rule.objects.select_for_update().select_related("workspace").get(pk=rule.pk)
    row = RuleVersion.objects.filter(rule=rule, number=rule.version or 0).first()
    if row is None:
        return 0
    gate = main_connection(CompiledRule.from_dict(row.compiled).steps)
    by, moved = str(member) if member else audit.via.get(), 0
    with database.cursor() as cursor:
        for group in look(rule).groups:
            if not group.code:
                told = control.Crossing(rule.pk, group.step, group.version, row.number, gate, by, run)
                moved += control.cross(cursor, rule.workspace_id, told)
    if moved and note:
        after = {"version": row.number, "moved": moved, **({"run": run} if run else {})}
        audit.note(rule.workspace, member, "rule.moved_inside", rule.title, after=after)
    return moved


def why_words(code: str) -> str:
    """Say why somebody stays in the version that they are in."""
    return {
        STEP_GONE: _("this step is not in the new version"),
        STEP_CHANGED: _("this step waits for something else in the new version"),
        START_CHANGED: _("the new version starts from something else"),
        NEEDS_MORE: _("what comes after needs a step that was not done for them"),
    }.get(code, "")


def _group(
    rule: Rule, before: Definition | None, then: Definition, row: tuple[int, str, int], names: Names
) -> Group:
    version, step, count = row
    code = why_not(before, then, step) if before is not None else STEP_GONE
    who = _who(rule, version, step) if code else ()
    return Group(version, step, _name(before, step, names), count, code, why_words(code), who)


def _who(rule: Rule, version: int, step: str) -> tuple[tuple[int, str], ...]:
    rows = _rows(WHO, rule, version=version, step=step, n=SHOWN)
    return tuple((run, person.partition(":")[2] or title) for run, person, title in rows)


def _name(definition: Definition | None, step_id: str, names: Names) -> str:
    steps = definition.all_steps() if definition is not None else []
    for _path, step in steps:
        if step.id == step_id:
            conn = getattr(step, "connection", 0)
            return step_name(step, names.connector(conn) if isinstance(conn, int) else "")
    return step_id


def _versions(rule: Rule, numbers: set[int]) -> Mapping[int, Definition]:
    found: dict[int, Definition] = {}
    for row in RuleVersion.objects.filter(rule=rule, number__in=numbers):
        try:
            found[row.number] = parse_rule(row.definition)
        except VaivemError:  # of another release: it goes on as it is
            continue
    return found


def _rows(query: str, rule: Rule, **more: int | str) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(query, {"ws": rule.workspace_id, "rule": rule.pk, **more})
        return list(cursor.fetchall())
