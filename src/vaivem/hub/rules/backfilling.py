"""Backfills: asked for, looked at, started, stopped and gone on with. A worker does them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext

from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import RuleError
from vaivem.core.rules import parse_rule
from vaivem.core.steps import ActionStep, EmailStep, NotifyStep
from vaivem.engine import control
from vaivem.engine.backfills import BackfillState
from vaivem.hub.rules import rehearsing, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Rule, RuleTrial
from vaivem.hub.shell.clock import now
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member

OPEN = (BackfillState.LOOKING, BackfillState.UNDER_WAY)
# What the look alone has to remember, and what the work counts itself.
OF_THE_LOOK = ("records_seen", "people_seen", "by_step_seen", "by_tag_seen", "known", "failed", "left_out")


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill as it stands. `percent` is how much of its time is behind it."""

    id: int
    state: BackfillState
    since: datetime
    until: datetime
    at: datetime
    steps: tuple[str, ...]
    counts: Mapping[str, Any]
    sample: Sequence[Mapping[str, Any]]
    code: str
    params: Mapping[str, Any]
    waiting: int

    @property
    def percent(self) -> int:
        """How far it has come."""
        whole = (self.until - self.since).total_seconds()
        return round(100 * (self.at - self.since).total_seconds() / whole) if whole > 0 else 100

    @property
    def live(self) -> bool:
        """Whether it changes by itself: the look, the work, and runs of it that wait."""
        return self.state in OPEN or bool(self.waiting and self.begun)

    @property
    def begun(self) -> bool:
        """Whether a person has started it."""
        return bool(self.counts.get("begun"))


def reach(connector: str) -> int:
    """Return how many days back a system's lists tell the past; 0 for one that does not."""
    try:
        webhooks = get_connector(connector).webhooks
    except (KeyError, LookupError, ImportError):
        return 0
    return webhooks.past_days if webhooks is not None else 0


def last(rule: Rule) -> Backfill | None:
    """Return a rule's latest backfill."""
    with database.cursor() as cursor:
        cursor.execute(
            "select b.id, b.state, b.since, b.until, b.at, b.steps, b.counts::text, b.sample::text, b.code,"
            " b.params::text from backfill b where b.ws = %s and b.rule = %s order by b.id desc limit 1",
            [rule.workspace_id, rule.pk],
        )
        row = cursor.fetchone()
        if row is None:
            return None
        waiting = control.bulk_waiting(cursor, rule.workspace_id, rule.pk)
    number, state, since, until, at, steps, counts, sample, code, params = row
    return Backfill(
        number, BackfillState(state), since, until, at, tuple(steps), json.loads(counts), json.loads(sample),
        code, json.loads(params), waiting,
    )  # fmt: skip


@transaction.atomic
def look(rule: Rule, days: int, connector: str, member: Member | None) -> None:
    """Ask for a look at the last `days` before the rule was switched on; another look is given up.

    Raises RuleError where the rule is off, its system does not tell the past, or some of it is being brought
    in: whoever began that has to be asked, and it stopped.
    """
    if not rule.version or rule.on_since is None:
        raise RuleError("rule_is_off")
    most = reach(connector)
    if not most:
        raise RuleError("past_not_told")
    until = min(rule.on_since, now())
    since = max(until - timedelta(days=max(1, days)), now() - timedelta(days=most))
    Rule.objects.select_for_update().get(pk=rule.pk)  # of two people, one looks after the other
    found = last(rule)
    if found is not None and found.state is BackfillState.UNDER_WAY:
        raise RuleError("past_under_way")
    stop(rule, member)
    with database.cursor() as cursor:
        cursor.execute(
            "insert into backfill (ws, rule, since, until, at, made, made_by, touched)"
            " values (%s, %s, %s, %s, %s, vv_now(), %s, vv_now())",
            [rule.workspace_id, rule.pk, since, until, since, member.pk if member else None],
        )
    audit.note(rule.workspace, member, "past.asked", rule.title, after={"days": days})


@transaction.atomic
def start(rule: Rule, steps: Sequence[str], member: Member | None, seen: int | None = None) -> bool:
    """Begin what was looked at last. `steps` reach people and are done all the same. False for nothing.

    `seen` is the look whose outcome the person saw: when somebody has looked since, nothing is begun.
    """
    known = {key for key, _ in reaching(rule)}
    with database.cursor() as cursor:
        cursor.execute(
            "update backfill set state = %s, at = since, steps = %s, touched = vv_now(),"
            " counts = counts - %s::text[] || '{\"begun\": 1}'"
            " where ws = %s and rule = %s and state = %s and id = coalesce(%s, id)"
            " and id = (select max(id) from backfill where ws = %s and rule = %s)",
            [BackfillState.UNDER_WAY, [one for one in steps if one in known], list(OF_THE_LOOK),
             rule.workspace_id, rule.pk, BackfillState.LOOKED_AT, seen, rule.workspace_id, rule.pk],
        )  # fmt: skip
        begun = bool(cursor.rowcount)
    if begun:
        audit.note(rule.workspace, member, "past.started", rule.title, after={"steps": list(steps)})
    return begun


@transaction.atomic
def stop(rule: Rule, member: Member | None) -> bool:
    """Stop what is under way: what is in the lanes ends. False when nothing is."""
    return _move(rule, OPEN, BackfillState.STOPPED, "past.stopped", member)


@transaction.atomic
def go_on(rule: Rule, member: Member | None) -> bool:
    """Go on where it was stopped, or where it failed. False when there is nothing to go on with."""
    before = (BackfillState.STOPPED, BackfillState.FAILED)
    return _move(rule, before, BackfillState.UNDER_WAY, "past.resumed", member, "and counts ? 'begun'")


def _move(
    rule: Rule, before: Sequence[BackfillState], after: BackfillState, act: str, member: Member | None,
    more: str = "",
) -> bool:  # fmt: skip
    with database.cursor() as cursor:
        cursor.execute(
            "update backfill set state = %s, touched = vv_now() where ws = %s and rule = %s"  # noqa: S608
            " and id = (select max(id) from backfill where ws = %s and rule = %s)"
            f" and state = any(%s) {more}",
            [after, rule.workspace_id, rule.pk, rule.workspace_id, rule.pk, [int(one) for one in before]],
        )
        moved = bool(cursor.rowcount)
    if moved:
        audit.note(rule.workspace, member, act, rule.title)
    return moved


def reaching(rule: Rule) -> list[tuple[str, str]]:
    """Return the steps that reach people, each with its name, as the rule runs today."""
    version = rule.versions.filter(number=rule.version or 0).first()
    if version is None:
        return []
    catalog = WorkspaceCatalog(rule.workspace)
    found: list[tuple[str, str]] = []
    for _, step in parse_rule(version.definition).all_steps():
        if isinstance(step, EmailStep):
            found.append((step.id, gettext("Send an e-mail")))
        elif isinstance(step, NotifyStep):
            found.append((step.id, gettext("Notify a member")))
        elif isinstance(step, ActionStep):
            target = catalog.connection(step.connection)
            if target is not None and _reaches(target.connector, step):
                name = words.action_name(target.connector, step.action)
                found.append((step.id, f"{name[:1].upper()}{name[1:]}"))
    return found


def foreseen(rule: Rule, found: Backfill) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Return how many records each step would write at most, by its name, and how many would get each tag."""
    version = rule.versions.filter(number=rule.version or 0).first()
    by_step = found.counts.get("by_step", {})
    if version is None or not by_step:
        return [], []
    catalog = WorkspaceCatalog(rule.workspace)
    steps = []
    for _, step in parse_rule(version.definition).all_steps():
        target = catalog.connection(step.connection) if isinstance(step, ActionStep) else None
        if isinstance(step, ActionStep) and target is not None and step.id in by_step:
            name = words.action_name(target.connector, step.action)
            steps.append((f"{name[:1].upper()}{name[1:]}", int(by_step[step.id])))
    tags = sorted(found.counts.get("by_tag", {}).items(), key=lambda one: (-one[1], one[0]))
    return steps, [(str(name), int(number)) for name, number in tags]


def sample(rule: Rule, found: Backfill) -> tuple[rehearsing.EventShown, ...]:
    """Return what some of the events would write, field by field."""
    version = rule.versions.filter(number=rule.version or 0).first()
    if version is None:
        return ()
    trial = RuleTrial(rule=rule, compiled=version.compiled, found=list(found.sample))
    return tuple(rehearsing.Showing(trial, WorkspaceCatalog(rule.workspace)).events())


def _reaches(connector: str, step: ActionStep) -> bool:
    try:
        return get_connector(connector).action(step.action).reaches(step.options)
    except KeyError:
        return False
