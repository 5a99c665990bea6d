"""A run step by step, as its page shows it: what each step sent and got, and which one it stopped at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaivem.core.errors import VaivemError
from vaivem.core.rules import (
    ActionStep,
    AwaitStep,
    BranchStep,
    EmailStep,
    FindStep,
    NotifyStep,
    Rule,
    StopStep,
    WaitStep,
    parse_rule,
)
from vaivem.core.steps import Step
from vaivem.engine.awaiting import NAME as AWAITED
from vaivem.engine.awaiting import read_outcome
from vaivem.engine.letters import OPTED_OUT
from vaivem.engine.memory import LEFT_OUT, READ_BEFORE, TOGETHER
from vaivem.hub.history.crossings import Moved, moves, path_of
from vaivem.hub.history.detail import CallRow, RunDetail
from vaivem.hub.history.filters import Shown
from vaivem.hub.history.names import Names
from vaivem.hub.history.received import shown_body
from vaivem.hub.messages import Explained, explain
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.given import names_given
from vaivem.hub.rules.models import RuleVersion
from vaivem.hub.rules.words import action_name

KNOWN = ("adopted", "linked", READ_BEFORE, TOGETHER, LEFT_OUT)  # what is no refusal


@dataclass(frozen=True, slots=True)
class CallView:
    """One exchange, ready to show."""

    row: CallRow
    ok: bool
    note: str
    sent: str = ""
    got: str = ""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.row.ms / 1000


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the rule. `state`: done, failed, waiting, needs_you, skipped, not_run.

    `moved`: behind it the run went on in another version of the rule, as often as that was asked for. `came`:
    what came of a wait for an event, or why a letter was left out. `ended`: the run ended here, by the rule.
    """

    number: int
    name: str
    connector: str
    system: str
    state: str
    calls: list[CallView] = field(default_factory=list)
    problems: list[Explained] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    came: str = ""
    ended: bool = False

    @property
    def seconds(self) -> float:
        """How long its exchanges took together."""
        return sum(call.seconds for call in self.calls)

    @property
    def failed_call(self) -> CallView | None:
        """The exchange that it stopped at, if it was one."""
        last = self.calls[-1] if self.calls else None
        return last if last is not None and not last.ok else None

    @property
    def attempts(self) -> list[CallView]:
        """The tries of a place that took several because one failed; reading again is no new try."""
        repeated = {call.row.n for call in self.calls if call.row.attempt > 1}
        failed = {call.row.n for call in self.calls if not call.ok}
        return [call for call in self.calls if call.row.n in repeated & failed]


def definition_of(detail: RunDetail) -> Rule | None:
    """Return the version that the run is in; None when it is gone or of another release."""
    found = RuleVersion.objects.filter(rule=detail.run.rule, number=detail.run.version).first()
    if found is None:
        return None
    try:
        return parse_rule(found.definition)
    except VaivemError:
        return None


def steps_of(
    detail: RunDetail, rule: Rule | None, names: Names, reasons: Sequence[Explained]
) -> list[StepView]:
    """Return the steps of a run in the rule's order; without its rule, those that exchanged something."""
    by_place: dict[int, list[CallRow]] = {}
    for call in detail.calls:
        by_place.setdefault(call.place, []).append(call)
    if rule is None:
        return [_unknown(place, calls, names) for place, calls in sorted(by_place.items()) if place]
    steps, crossed = path_of(detail, rule), moves(detail.calls)
    stopped = _stopped_at(detail, steps, by_place)
    views: list[StepView] = []
    ended = _ended_at(detail, steps)
    for place, step in steps.items():
        if isinstance(step, BranchStep):
            continue  # the steps inside follow, and say themselves whether they were run
        state = "done" if place == ended else _state(detail, place, stopped, by_place)
        if isinstance(step, StopStep) and state == "not_run" and (place < ended or _went_on(place, by_place)):
            state = "done"  # it leaves no trace where its condition did not hold
        problems = list(reasons) if place == stopped and state in ("failed", "waiting", "needs_you") else []
        moved = [one for one in crossed if one.step == step.id and one.shift > place]
        crossed = [one for one in crossed if one not in moved]
        calls = by_place.get(place, [])
        view = _view(len(views) + 1, step, state, calls, problems, names, moved)
        views.append(replace(view, ended=place == ended))
    return views


def names_read(rule: Rule, catalog: WorkspaceCatalog) -> dict[str, str]:
    """Return the names of what the steps of a rule gave, by path; steps have the numbers of `steps_of`."""
    steps = (step for _path, step in rule.all_steps() if not isinstance(step, BranchStep))
    found: dict[str, str] = {}
    for number, step in enumerate(steps, start=1):
        found |= names_given(step, str(number), catalog)
    return found


def before_steps(detail: RunDetail, names: Names) -> list[CallView]:
    """Return what was read before the first step, to know what the event is about."""
    return [call_view(call, names) for call in detail.calls if call.place == 0]


def call_view(call: CallRow, names: Names) -> CallView:
    """Return one exchange, ready to show."""
    ok = not call.code or call.code in KNOWN
    note = ""
    if call.code == "adopted":
        note = _("found instead of made again")
    elif call.code == "linked":
        note = _("found by the link between the records")
    elif call.code == READ_BEFORE:
        note = _("read a little earlier, and used again: the system allows only few reads")
    elif call.code == TOGETHER:
        note = _("imported together with those of other runs, in one call")
    elif call.code == LEFT_OUT:
        note = _("the import did not take it, so it was written on its own")
    elif call.code:
        note = explain(call.code, {"status": call.status}, names.connector(call.conn)).text
    return CallView(call, ok, note, shown_body(call.request), shown_body(call.response))


def _stopped_at(detail: RunDetail, steps: Mapping[int, Step], by_place: Mapping[int, Any]) -> int:
    """Return the place of the step that a run stopped or waits at; 0 when it ended, or before the first."""
    if detail.run.shown in (Shown.DONE, Shown.NOTHING) or detail.run.state in ("queued", "rule_paused"):
        return 0
    named = detail.run.params.get("step")
    for place, step in reversed(list(steps.items())):
        if step.id == named:
            return place
    # By time: a run that was opened again, to make up for a step, has done those behind it before.
    last = max((place for place in by_place if place), key=lambda place: _latest(by_place[place]), default=0)
    if last and not _finished(by_place[last]):
        return last
    waiting = [one for one in detail.decisions if one.answer is None]
    if last and waiting:
        return last
    following = [place for place, step in steps.items() if place > last and not isinstance(step, BranchStep)]
    return following[0] if following else last


def _latest(calls: Sequence[CallRow]) -> tuple[datetime, int]:
    return max((call.at, call.place) for call in calls)


def _ended_at(detail: RunDetail, steps: Mapping[int, Step]) -> int:
    """Return the place of the step that said that the run ends here; 0 when none did."""
    if detail.run.code != "stopped_as_the_rule_says":
        return 0
    named = detail.run.params.get("step")
    return next((place for place, step in steps.items() if step.id == named), 0)


def _went_on(place: int, by_place: Mapping[int, Any]) -> bool:
    return any(one > place for one in by_place)


def _finished(calls: Sequence[CallRow]) -> bool:
    return bool(calls) and calls[-1].done and (not calls[-1].code or calls[-1].code in KNOWN)


def _state(detail: RunDetail, place: int, stopped: int, by_place: Mapping[int, Sequence[CallRow]]) -> str:
    if place == stopped:
        shown = {Shown.FAILED: "failed", Shown.NEEDS_YOU: "needs_you", Shown.STOPPED: "skipped"}
        return shown.get(detail.run.shown, "waiting")
    if place in by_place:
        return "skipped" if _left_out(by_place[place]) else "done"
    skipped = [note for note in detail.run.params.get("notes", ()) if note.get("code") == "skipped_by_person"]
    ended = detail.run.shown is Shown.DONE
    return "skipped" if skipped and ended else "not_run"


def _left_out(calls: Sequence[CallRow]) -> bool:
    return bool(calls) and all(call.code == OPTED_OUT for call in calls)


def _unknown(place: int, calls: Sequence[CallRow], names: Names) -> StepView:
    conn = calls[0].conn
    views = [call_view(call, names) for call in calls]
    state = "done" if _finished(calls) else "failed"
    return StepView(place, calls[0].step, names.connector(conn), names.system(conn), state, views)


def _view(
    number: int,
    step: Step,
    state: str,
    calls: Sequence[CallRow],
    problems: list[Explained],
    names: Names,
    moved: list[Moved],
) -> StepView:
    conn = next((call.conn for call in calls if call.conn), 0)
    if isinstance(step, ActionStep | FindStep) and isinstance(step.connection, int):
        conn = step.connection
    connector = names.connector(conn)
    views = [call_view(call, names) for call in calls if call.is_call or call.code]
    name, system = step_name(step, connector), names.system(conn)
    came = _came(calls) if isinstance(step, AwaitStep) and state == "done" else ""
    if state == "skipped" and _left_out(calls):
        came = views[-1].note
    return StepView(number, name, connector, system, state, views, problems, moved, came)


def _came(calls: Sequence[CallRow]) -> str:
    """Say what came of a wait for an event: later steps go by it."""
    told = next((call.response for call in reversed(calls) if call.name == AWAITED and call.response), None)
    if told is None:
        return ""
    happened = read_outcome(told).get("happened")
    return _("It happened in time.") if happened else _("It did not happen before the wait was over.")


def step_name(step: Step, connector: str) -> str:
    """Return what a step does, in words; `connector` is where."""
    if isinstance(step, ActionStep | FindStep):
        name = action_name(connector, step.action)
        return name[:1].upper() + name[1:]
    if isinstance(step, WaitStep):
        return _wait_name(step)
    if isinstance(step, AwaitStep):
        return _("Wait for an event")
    if isinstance(step, StopStep):
        return _("Stop if a condition holds")
    if isinstance(step, NotifyStep):
        return _("Notify %(member)s") % {"member": step.member}
    return _("Send an e-mail") if isinstance(step, EmailStep) else _("Branch")


def _wait_name(step: WaitStep) -> str:
    if step.duration is None:
        return _("Wait until %(field)s") % {"field": step.until}
    seconds = int(step.duration.total_seconds())
    if seconds % 86400 == 0:
        days = seconds // 86400
        return ngettext("Wait for %(number)s day", "Wait for %(number)s days", days) % {"number": days}
    if seconds % 3600 == 0:
        hours = seconds // 3600
        return ngettext("Wait for %(number)s hour", "Wait for %(number)s hours", hours) % {"number": hours}
    minutes = max(1, seconds // 60)
    return ngettext("Wait for %(number)s minute", "Wait for %(number)s minutes", minutes) % {
        "number": minutes
    }
