"""Dry runs: what a draft would have done with what happened lately. A worker does them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext as _

from vaivem.core.compiler import compile_rule
from vaivem.core.errors import RuleError
from vaivem.engine import control
from vaivem.hub.history.why import operator_name
from vaivem.hub.messages import connector_text, explain_run
from vaivem.hub.rules import publishing, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Rule, RuleTrial, TrialKind, TrialState
from vaivem.hub.shell.clock import now
from vaivem.hub.workspaces.models import Member

LOOK_BACK = timedelta(days=30)
SILENCE = timedelta(minutes=2)  # a worker that says nothing for so long has ended
RESULTS = ("creates", "updates", "unchanged", "left_out", "asks", "fails")


@dataclass(frozen=True, slots=True)
class FieldShown:
    """One field that would be written: what stands there, "" for nothing known, and what would."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class WriteShown:
    """One thing that would be written."""

    title: str
    fields: tuple[FieldShown, ...]


@dataclass(frozen=True, slots=True)
class EventShown:
    """What would come of one event."""

    number: int
    title: str
    result: str
    why: tuple[str, ...]
    writes: tuple[WriteShown, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A dry run as it stands. `state` is waiting, running, done, stopped, failed or silent (worker gone).

    `left` are the seconds that it may still take, None while that cannot be told.
    """

    trial: RuleTrial
    state: str
    done: int
    total: int | None
    counts: Mapping[str, int]
    events: tuple[EventShown, ...]
    left: int | None = None
    problem: tuple[str, ...] = ()

    @property
    def under_way(self) -> bool:
        """Whether more is to come."""
        return self.state in ("waiting", "running")


@transaction.atomic
def start(rule: Rule, member: Member | None = None) -> RuleTrial:
    """Ask for a dry run of the draft; one under way is stopped. Raises RuleError with its problems."""
    locked = Rule.objects.select_for_update().select_related("workspace").get(pk=rule.pk)
    catalog = WorkspaceCatalog(locked.workspace)
    checked = publishing.check(locked.draft, catalog, zone=locked.workspace.zone)
    if checked.rule is None or checked.problems:
        raise RuleError(problems=checked.problems)
    stop(locked)
    trial = RuleTrial.objects.create(
        rule=locked,
        member=member,
        kind=TrialKind.REHEARSAL,
        state=TrialState.WAITING,
        compiled=json.loads(json.dumps(compile_rule(checked.rule, catalog).to_dict())),
        since=now() - LOOK_BACK,
        beat=now(),
    )
    with database.cursor() as cursor:
        control.wake_chore(cursor, "rehearse", {"trial": trial.pk})
    rule.trials.filter(kind=TrialKind.REHEARSAL, pk__lt=trial.pk).exclude(pk=trial.pk).delete()
    return trial


def stop(rule: Rule) -> bool:
    """Stop a dry run that is under way; what it found stays. False when none is."""
    running = rule.trials.filter(kind=TrialKind.REHEARSAL, state__in=(TrialState.WAITING, TrialState.RUNNING))
    return bool(running.update(state=TrialState.STOPPED))


def last(rule: Rule, catalog: WorkspaceCatalog) -> Rehearsal | None:
    """Return the latest dry run, None when there was none."""
    trial = rule.trials.filter(kind=TrialKind.REHEARSAL).order_by("-pk").first()
    if trial is None:
        return None
    moment = now()
    silent = trial.state in (TrialState.WAITING, TrialState.RUNNING) and (
        trial.beat is None or moment - trial.beat > SILENCE
    )
    counts = Counter(str(one.get("result")) for one in trial.found)
    shown = tuple(Showing(trial, catalog).events())
    return Rehearsal(
        trial=trial,
        state="silent" if silent else trial.state,
        done=len(trial.found),
        total=trial.total,
        counts={key: counts[key] for key in RESULTS},
        events=shown,
        left=_seconds_left(trial, moment),
        problem=tuple(str(one) for one in explain_run(trial.code, trial.params)) if trial.code else (),
    )


def _seconds_left(trial: RuleTrial, moment: datetime) -> int | None:
    done, total = len(trial.found), trial.total
    if not done or not total:
        return None
    passed = (moment - trial.created).total_seconds()
    return max(1, round(passed / done * (total - done)))


class Showing:
    """Puts what a worker found into words."""

    def __init__(self, trial: RuleTrial, catalog: WorkspaceCatalog) -> None:
        self.trial = trial
        self.catalog = catalog
        rule = trial.compiled.get("rule", {})
        self.when = rule.get("when", {})
        self.steps = {str(one.get("id")): one for one in _all(rule.get("then"))}
        self.labels: dict[str, str] = {}
        seen = catalog.seen(self.when.get("connection", ""))
        shape = catalog.trigger(self.when.get("connection", ""), str(self.when.get("trigger")))
        if seen is not None and shape is not None:
            self.labels = words.field_labels(seen, shape.fields)

    def events(self) -> Iterator[EventShown]:
        """Return every event, what would fail first."""
        order = {"fails": 0, "asks": 1, "creates": 2, "updates": 3, "unchanged": 4, "left_out": 5}
        for one in sorted(self.trial.found, key=lambda row: order.get(str(row.get("result")), 9)):
            writes = tuple(write for step in one.get("steps", ()) for write in self._writes(step))
            yield EventShown(
                int(one["event"]),
                str(one.get("title") or ""),
                str(one["result"]),
                tuple(self._why(one)),
                writes,
            )

    def _why(self, one: Mapping[str, Any]) -> Iterator[str]:
        code, params = str(one.get("code") or ""), one.get("params") or {}
        if code == "filtered":
            for test in params.get("tests", ()):
                name = self.labels.get(str(test.get("field")), str(test.get("field")))
                wanted, seen = test.get("value"), test.get("seen")
                shown = f"{name} {operator_name(str(test.get('is')))}"
                text = f"{shown} “{wanted}”" if wanted not in (None, "") else shown
                yield _("Did not hold: %(test)s (it was “%(seen)s”).") % {"test": text, "seen": seen or ""}
        elif code == "not_accepted":
            yield _("The rule does not start with an event like this.")
        elif code:
            steps: Any = one.get("steps") or ({},)
            yield from (str(told) for told in explain_run(code, params, self._connector(steps[-1])))
        elif one.get("result") == "asks":
            yield _("Several records fit: you would be asked.")
        elif one.get("unforeseen"):
            yield _("What comes after this depends on the answer, so it is not shown.")

    def _writes(self, step: Mapping[str, Any]) -> Iterator[WriteShown]:
        connector, action = self._connector(step), self.steps.get(str(step.get("step")), {})
        told = _("notify a member") if action.get("kind") == "notify" else _("send an e-mail")
        name = words.action_name(connector, str(action.get("action"))) if connector else told
        for write in step.get("writes", ()):
            made = _("would be created") if write.get("creates") else _("would be changed")
            title = f"{name[:1].upper()}{name[1:]}: {self._object(connector, str(write['call']))} {made}"
            fields = tuple(
                FieldShown(
                    self._field(connector, str(write["call"]), str(one["field"])),
                    str(one["before"]),
                    str(one["after"]),
                )
                for one in write.get("fields", ())
            )
            yield WriteShown(title if connector else name[:1].upper() + name[1:], fields)

    def _connector(self, step: Mapping[str, Any]) -> str:
        action = self.steps.get(str(step.get("step")), {})
        row = self.catalog.connection(action.get("connection", ""))
        return row.connector if row else ""

    @staticmethod
    def _object(connector: str, call: str) -> str:
        """Return the name of what a call is about (``contacts.create``: contact)."""
        name = call.partition(".")[0]
        found = connector_text(connector, f"objects.{name.removesuffix('s')}")
        return (found or name).lower()

    @staticmethod
    def _field(connector: str, call: str, name: str) -> str:
        """Return a field's name for people, or the vendor's own."""
        thing = call.partition(".")[0].removesuffix("s")
        plain = name.removesuffix("_id").removesuffix("_ids")
        keys = (f"fields.{thing}.{name}", f"fields.{thing}.{plain}", f"fields.{thing}.{plain.rstrip('s')}")
        return next((text for key in keys if (text := connector_text(connector, key))), name)


def _all(steps: Any) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, Mapping):
            found += [step, *_all(step.get("then")), *_all(step.get("else"))]
    return found
