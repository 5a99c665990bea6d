"""A run: one rule applied to one event, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vaivem.connectors.sdk import Action, Event, Outcome
from vaivem.core.compiled_steps import (
    CompiledAction,
    CompiledAwait,
    CompiledBranch,
    CompiledEmail,
    CompiledNotify,
    CompiledStep,
    CompiledStop,
    CompiledWait,
)
from vaivem.core.crossing import after, flat
from vaivem.core.errors import BugError, Problem, RecordError, RuleError, SkipError
from vaivem.core.identity import search_terms
from vaivem.core.kinship import Relative
from vaivem.core.mapping import MappingError
from vaivem.core.steps import ActionStep, Empty, FindStep, Missing
from vaivem.core.values import Values
from vaivem.engine.awaiting import (
    AWAITS,
    NAME,
    NOTHING_CAME,
    Awaiting,
    Source,
    look_once_more,
    outcome_row,
    read_outcome,
)
from vaivem.engine.beginning import Beginning
from vaivem.engine.catalogs import suspect
from vaivem.engine.context import PLACES, StepContext
from vaivem.engine.desk import NEVER, Desk, RunState
from vaivem.engine.endings import Ending, Status
from vaivem.engine.journal import StepRow
from vaivem.engine.letters import Letters
from vaivem.engine.news import news_of
from vaivem.engine.notices import send_notice
from vaivem.engine.parking import ParkError, SkipStepError
from vaivem.engine.past import allowed
from vaivem.engine.topology import Line, RuleUse


@dataclass
class StopRunError(Exception):
    """The rule says that the run ends here (a lookup found nothing, "stop")."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


class LeftLaneError(Exception):
    """The run is in a wait step and has a lane of its own now."""


class _CrossError(Exception):
    """The step is done behind which the run goes on in another version of its rule."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """A run goes on, behind a step, in another version; `shift` is added to the places of its steps."""

    step: str
    use: RuleUse
    shift: int


class Execution:
    """Applies a rule to an item's event."""

    def __init__(
        self,
        desk: Desk,
        use: RuleUse,
        run: RunState,
        lane_key: Callable[..., int],
        crossings: Sequence[Crossed] = (),
    ) -> None:
        """`use` is the version that the run began with."""
        self._desk = desk
        self._use = use
        self._crossings = crossings
        self._until = ""  # the step behind which another version goes on
        self._run = run
        self._lane_key = lane_key
        self._scope: dict[str, Any] = {}
        self._zone = desk.topology.zones.get(run.item.ws, "America/Sao_Paulo")
        self._places: Mapping[str, int] = use.compiled.places
        self._source = ""
        self._about: tuple[Relative, ...] = ()
        self._quiet = allowed(run.item.delivery, bulk=run.item.bulk)
        self._made_up: Mapping[str, CompiledStep] = {}  # steps left out at first, as the rule has them since
        self._told = False  # somebody: by e-mail or with a notice

    async def run(self) -> Ending | None:
        """Run to the end; None when the run has left its lane to wait.

        Raises ParkError when it has to wait in its lane, and typed errors.
        """
        line = self._line(self._use.source)
        event = self._event(line)
        self._run.found_by = search_terms([*event.terms, event.record])  # a person's name is in both
        beginning = Beginning(self._desk, self._use, self._run, self._lane_key, line, self._zone)
        begun = await beginning.look(event)
        if isinstance(begun, Ending):
            return begun
        self._source, self._about, self._scope = begun.source, begun.about, begun.scope
        self._made_up = await self._made_up_for()
        try:
            await self._walk()
        except StopRunError as stop:
            did = self._run.records or self._told
            return Ending(Status.DONE if did else Status.NOTHING, stop.code, stop.params)
        except LeftLaneError:
            return None
        return Ending(Status.DONE)

    async def _made_up_for(self) -> dict[str, CompiledStep]:
        """Return the steps that are made up for, each as the version has it that a person saw by then."""
        found: dict[str, CompiledStep] = {}
        for step, version in (self._quiet or {}).items():
            if version is not None and version > self._use.version:
                use = await self._desk.topology.version(self._desk.pool, self._use.id, version)
                found |= {one.id: one for one in flat(use.compiled.steps) if one.id == step}
        return found

    def _line(self, conn: int) -> Line:
        line = self._desk.topology.lines.get(conn)
        if line is None:
            raise RuleError("connection_is_gone", params={"connection": conn})
        return line

    @staticmethod
    def _action(line: Line, key: str) -> Action:
        try:
            return line.connector.action(key)
        except KeyError as error:
            raise RuleError("action_is_gone", params={"action": key}) from error

    def _event(self, line: Line) -> Event:
        item, webhooks = self._run.item, line.connector.webhooks
        if webhooks is None or item.delivery is None:
            raise BugError("event_unreadable")
        return webhooks.parse(item.delivery, line.connection)[item.part]

    async def _walk(self) -> None:
        """Go through the steps: up to each crossing by the version of before, behind it by the next."""
        steps: Sequence[CompiledStep] = self._use.compiled.steps
        for crossed in self._crossings:
            self._until = crossed.step
            try:
                await self._steps(steps)
            except _CrossError:
                self._use, compiled = crossed.use, crossed.use.compiled
                self._places = {step: place + crossed.shift for step, place in compiled.places.items()}
                steps = after(compiled.steps, crossed.step) or ()
            else:
                raise BugError("journal_differs", detail=f"{crossed.step} was not come to again")
        self._until = ""
        await self._steps(steps)

    async def _steps(self, steps: Sequence[CompiledStep]) -> None:
        for planned in steps:
            step = self._made_up.get(planned.id, planned)
            match step:
                case CompiledAction():
                    await self._act(step)
                case CompiledBranch():
                    _, way = step.choose(self._scope, zone=self._zone)
                    await self._steps(way)
                case CompiledWait():
                    await self._wait(step)
                case CompiledAwait():
                    await self._await(step)
                case CompiledStop():
                    self._stop(step)
                case CompiledNotify():
                    await self._notify(step)
                case CompiledEmail():
                    await self._mail(step)
            if step.id == self._until:
                raise _CrossError

    def _context(
        self, line: Line, place: int, step: str, values: Values, options: Mapping[str, Any]
    ) -> StepContext:
        return StepContext(
            self._desk,
            self._run,
            line,
            place=place,
            step=step,
            values=values,
            options=options,
            source=self._source,
            about=self._about,
        )

    def _is_kept_quiet(self, step: str, *, reaches: bool = True) -> bool:
        """Say whether a step is left out because its event is of the past and it would reach people."""
        if not reaches or self._quiet is None or step in self._quiet:
            return False
        self._leave_out(step, (Problem("past_left_out", {"step": step}),))
        return True

    async def _act(self, compiled: CompiledAction) -> None:
        step = compiled.step
        line = self._line(compiled.connection_id)
        action = self._action(line, step.action)
        if self._is_kept_quiet(step.id, reaches=not action.reads_only and action.reaches(step.options)):
            return
        try:
            values = compiled.resolve(self._scope, zone=self._zone)
        except MappingError as error:
            if not may_skip(step, error):
                raise
            self._leave_out(step.id, error.problems)
            return
        self._run.notes += [problem.to_dict() for problem in values.notes]
        if values.counts and self._run.former is not None and self._run.former.did(step.id):
            values = values.without_counting()  # counted already
        options = dict(step.options)
        if isinstance(step, ActionStep) and step.key is not None:
            options["key"] = {"by": step.key.by.value, "field": step.key.field}
        context = self._context(line, self._places[step.id], step.id, values, options)
        try:
            outcome = await self._outcome(action, context, line)
        except SkipStepError as skip:
            self._leave_out(step.id, (Problem(skip.code, {"step": step.id}),))
            return
        except SkipError as error:
            self._leave_out(step.id, error.problems)
            return
        except (RecordError, RuleError) as error:
            if "status" in error.params:  # the vendor said no: maybe for what is gone there
                await suspect(self._desk.pool, compiled.connection_id)
            raise
        if not action.reads_only:
            conn = str(compiled.connection_id)
            self._run.records += [
                {"conn": conn, "step": step.id, **record.to_dict()} for record in outcome.records
            ]
        if outcome.documents or (line.connector.kinds and outcome.records):
            self._run.news += news_of(
                line.connection.id, line.connector, outcome, context.since, looked=action.reads_only
            )
        self._scope["steps"][step.id] = dict(outcome.output)
        if isinstance(step, FindStep) and not outcome.records:
            self._missing(step)

    async def _outcome(self, action: Action, context: StepContext, line: Line) -> Outcome:
        """Run an action. What of a document is there when it does not come to its end, people see too."""
        try:
            return await action.run(context)
        except Exception:
            begun = Outcome((), documents=context.half_made)
            self._run.news += news_of(line.connection.id, line.connector, begun, context.since)
            raise

    def _leave_out(self, step: str, why: Iterable[Problem]) -> None:
        """Go on without a step, noting why; later steps read nothing of it."""
        self._run.notes += [problem.to_dict() for problem in why]
        self._scope["steps"][step] = {}

    def _missing(self, step: FindStep) -> None:
        if step.missing is Missing.STOP:
            raise StopRunError("nothing_found")
        if step.missing is Missing.FAIL:
            raise RecordError("nothing_found", params={"step": step.id})

    async def _wait(self, step: CompiledWait) -> None:
        """Leave the lane until the time has come. The lane of its own is how the run knows that it has."""
        n = self._places[step.id] * PLACES
        if self._run.memory.at(n) is not None:
            return
        item, now = self._run.item, self._desk.clock.now()
        own = self._lane_key("wait", item.run_id, step.id)
        if item.lane != own:
            former = self._run.former
            waited = former is not None and former.waited(step.id)
            due = now if waited else step.until(self._scope, now=now, zone=self._zone)
            if due > now:
                park = ParkError("wait", "waits_as_the_rule_says", due, params={"step": step.id})
                await self._leave(own, park)
                raise LeftLaneError
        self._run.steps.append(self._passed(n, step.id))

    async def _leave(self, own: int, park: ParkError) -> None:
        item = self._run.item
        await self._desk.drop(self._run, keeps=False)
        # First the word that it waits: a crash in between begins the wait again, and says no less.
        await self._desk.park(item, own, park)
        await self._desk.journal.leave_lane(item.ws, item.lane, item.seq, own, park.due or NEVER)

    async def _await(self, step: CompiledAwait) -> None:
        """Leave the lane until the event has come or the time is over; later steps read which it was."""
        n = self._places[step.id] * PLACES + PLACES - 1  # after the reads that tell which event it is
        run = self._run
        kept = run.memory.at(n)
        if kept is None:
            former = run.former.write(step.id, NAME, 0) if run.former is not None else None
            response = former.response if former is not None else await self._awaited(step, n)
            if former is not None:
                run.steps.append(outcome_row(step.id, n, response, self._desk.clock.now()))
        else:
            response = kept.response
        self._scope["steps"][step.id] = read_outcome(response)

    async def _awaited(self, step: CompiledAwait, n: int) -> bytes:
        """Return what came of a wait for an event, made durable; raises what makes the run wait for it."""
        run, item, desk = self._run, self._run.item, self._desk
        await desk.flush(run)  # from when on events count is told by the journal
        own, awaiting = self._lane_key("await", item.run_id, step.id), self._awaiting(step)
        await awaiting.begin(own)
        told = await awaiting.look()
        if told is None and desk.clock.now() < awaiting.until:
            park = ParkError("wait", AWAITS, awaiting.until, params={"step": step.id})
            if item.lane == own:
                raise park
            await self._leave(own, park)
            await look_once_more(desk, item.ws, item.run_id)
            raise LeftLaneError
        at = awaiting.until if told is None else desk.clock.now()
        run.steps.append(outcome_row(step.id, n, told or NOTHING_CAME, at))
        await desk.flush(run)
        await awaiting.end()
        return told or NOTHING_CAME

    def _awaiting(self, step: CompiledAwait) -> Awaiting:
        compiled, line = self._use.compiled, self._line(step.connection_id)
        known = step.known(self._scope)
        if step.step.about is not None and step.step.equals is None:
            known = tuple(filter(None, (compiled.person(self._scope).partition(":")[2],)))
        if step.step.about is not None and not known:
            params = {"field": step.step.equals or step.step.about}
            raise MappingError(problems=(Problem("wait_for_nobody", params, "about.as"),))
        conn, object_key, record = self._source.split(":", 2)
        return Awaiting(
            self._desk, self._run, line, step, known=known, source=Source(int(conn), object_key, record),
            reader=self._context(line, self._places[step.id], step.id, Values({}), step.step.options),
            zone=self._zone,
        )  # fmt: skip

    def _passed(self, n: int, step: str) -> StepRow:
        """Return the row that says a wait is behind us: it counts like a write."""
        return StepRow(
            n=n, try_=1, step=step, name="wait", conn=0, write=True, done=True, known=None, method="", url="",
            status=0, request=None, response=b"{}", code="", ms=0, at=self._desk.clock.now(),
        )  # fmt: skip

    async def _mail(self, step: CompiledEmail) -> None:
        if self._is_kept_quiet(step.id):
            return
        letters = Letters(self._desk, self._run, self._places[step.id] * PLACES, step)
        if letters.remain:
            await letters.send(step.fill(self._scope, zone=self._zone))
        self._scope["steps"][step.id] = {"sent": letters.sent}
        self._told = self._told or letters.sent

    def _stop(self, step: CompiledStop) -> None:
        verdict = step.look(self._scope, zone=self._zone)
        if verdict.passed:
            tests = [test.to_dict() for test in verdict.reasons]
            raise StopRunError("stopped_as_the_rule_says", {"step": step.id, "tests": tests})

    async def _notify(self, step: CompiledNotify) -> None:
        if self._is_kept_quiet(step.id):
            return
        n = self._places[step.id] * PLACES
        if self._run.memory.at(n) is None:
            text = step.fill(self._scope, zone=self._zone)
            if not await send_notice(self._desk, self._run, n, step.step, text):
                who = {"step": step.id, "member": step.step.member}
                self._leave_out(step.id, (Problem("member_is_gone", who),))
                return
        self._scope["steps"][step.id] = {"sent": True}
        self._told = True


def may_skip(step: ActionStep | FindStep, error: MappingError) -> bool:
    """Say whether nothing but empty required fields is wrong with a step that may be left out for that."""
    lacking = all(problem.code == "required_missing" for problem in error.problems)
    return isinstance(step, ActionStep) and step.empty is Empty.SKIP and lacking
