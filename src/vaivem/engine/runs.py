"""A run: one rule applied to one event, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from vaivem.connectors.sdk import Action, Event
from vaivem.core.changes import Judgement
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
from vaivem.core.crossing import after
from vaivem.core.errors import BugError, Problem, RecordError, RuleError, SkipError, VaivemError
from vaivem.core.identity import search_terms, term_hash
from vaivem.core.kinship import Relative, relatives
from vaivem.core.mapping import MappingError
from vaivem.core.steps import ActionStep, Empty, FindStep, Missing
from vaivem.core.values import Values
from vaivem.engine.automations import NotInsideError, enter
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
from vaivem.engine.catalogs import suspect
from vaivem.engine.changes import Told, look
from vaivem.engine.context import PLACES, StepContext
from vaivem.engine.desk import NEVER, Desk, RunState, as_json
from vaivem.engine.ids import SHIFT, id_at
from vaivem.engine.journal import Finish, StepRow
from vaivem.engine.letters import Letters
from vaivem.engine.notices import send_notice
from vaivem.engine.parking import ParkError, SkipStepError
from vaivem.engine.past import allowed
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line, RuleUse

MAX_NOTES = 50
CLOCKS = timedelta(hours=1)  # what a vendor's clock may be ahead of ours
QUARTER_HOUR = 15 * 60 * 1000


class Status(IntEnum):
    """How a run ended."""

    DONE = 1
    FAILED = 2
    NOTHING = 3
    STOPPED = 4


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a run: why, in a code and what fills its text."""

    status: Status
    code: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, error: VaivemError, code: str | None = None) -> Ending:
        """Return a failure with all of the error's problems."""
        problems = [problem.to_dict() for problem in error.problems[:MAX_NOTES]]
        params = {**error.params, "problems": problems}
        if code:
            params["cause"] = error.code
        return cls(Status.FAILED, code or error.code, params)

    def finish(self, run: RunState) -> Finish:
        """Return the row of the finished run."""
        item = run.item
        params = dict(self.params)
        if run.notes:
            params["notes"] = run.notes[:MAX_NOTES]
        if run.memory.doubt is not None:  # for who retries the run: the write may have been done
            params["doubt"] = {"n": run.memory.doubt_n, "at": run.memory.doubt.isoformat()}
        named = search_terms([part for row in run.records for part in (row["id"], row["name"])])
        found_by = named - run.found_by if named else named
        return Finish(
            event_id=item.event_id,
            rule=item.rule,
            version=item.version,
            status=int(self.status),
            code=self.code,
            params=as_json(params),
            records=as_json(run.records),
            calls=min(run.memory.calls, 32000),
            tries=run.memory.failures,
            lane=item.lane,
            seq=item.seq,
            terms=tuple(term_hash(item.ws, term) for term in found_by),
            replay_of=item.replay_of,
        )


def _day(milliseconds: int, zone: str) -> str:
    """Return the day of a moment (YYYY-MM-DD) in a zone."""
    return _day_of(milliseconds // QUARTER_HOUR, zone)


@lru_cache(maxsize=256)
def _day_of(quarter: int, zone: str) -> str:
    """As `_day`, of a quarter of an hour: no zone's day begins within one."""
    moment = datetime.fromtimestamp(quarter * QUARTER_HOUR / 1000, UTC)
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()


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
        self._told = False  # somebody: by e-mail or with a notice

    async def run(self) -> Ending | None:
        """Run to the end; None when the run has left its lane to wait.

        Raises ParkError when it has to wait in its lane, and typed errors.
        """
        line = self._line(self._use.source)
        event = self._event(line)
        self._run.found_by = search_terms([*event.terms, event.record])  # a person's name is in both
        ending = await self._begin(line, event)
        if ending is not None:
            return ending
        try:
            await self._walk()
        except StopRunError as stop:
            did = self._run.records or self._told
            return Ending(Status.DONE if did else Status.NOTHING, stop.code, stop.params)
        except LeftLaneError:
            return None
        return Ending(Status.DONE)

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

    async def _begin(self, line: Line, event: Event) -> Ending | None:
        """Read what the event says, and the conditions; return an ending when there is nothing to do."""
        use, item = self._use, self._run.item
        record = use.trigger.record(event, use.options)
        self._source = f"{use.source}:{event.object}:{record}"
        begins = not self._run.memory.tries and item.replay_of is None
        stops = begins and use.trigger.stops_echoes
        own = stops and await self._desk.echoes.is_own(item.ws, use.source, event)
        changed = use.compiled.trigger.changed
        if own and changed is None:
            return Ending(Status.NOTHING, "our_own_change")
        if item.bulk and begins and await self._known(event):  # no reads for what a webhook brought already
            return Ending(Status.NOTHING, "already_started")
        if use.trigger.snapshot:
            event = replace(event, late=await self._is_late(event, begins=begins))
        reader = self._context(line, 0, "trigger", Values({}), {})
        data = await use.trigger.scope(reader, event, use.options)
        if data is None:
            return Ending(Status.NOTHING, "not_yet")
        # After the look: an event that has nothing to do yet must not use up the key of the one that will.
        once = use.trigger.once_key(event, use.options)
        if once is not None and not await self._first(once):
            return Ending(Status.NOTHING, "already_started", {"key": once})
        if changed is not None:
            told = Told.of(use.trigger, line.connection, event, changed.field, data)
            change = await look(
                self._desk.pool, item.ws, item.rule, self._first_run, self._source, changed, told,
                use.trigger, self._zone,
            )  # fmt: skip
            if own:
                return Ending(Status.NOTHING, "our_own_change")
            if change.judgement is not Judgement.CHANGED:
                return Ending(Status.NOTHING, change.judgement.value, change.params(changed))
        self._about = relatives(use.source, line.connector.kinds, event.object, record, data)
        today = _day(item.run_id >> SHIFT, self._zone)
        self._scope = {**data, "steps": {}, "rule": {"title": use.compiled.rule.title}, "today": today}
        verdict = use.compiled.passes(self._scope, zone=self._zone)
        if verdict.passed:
            return await self._enter()
        return Ending(Status.NOTHING, "filtered", {"tests": [test.to_dict() for test in verdict.reasons]})

    async def _enter(self) -> Ending | None:
        """Let an automation's person in; return an ending when there is nobody, or they are in already."""
        try:
            await enter(self._desk, self._run, self._use.compiled, self._scope)
        except NotInsideError as not_inside:
            return Ending(Status.NOTHING, not_inside.code, not_inside.params)
        return None

    async def _is_late(self, event: Event, *, begins: bool) -> bool:
        """Say whether a later event of the record came first. A run that goes on does as it began."""
        if not begins and self._run.memory.upto >= 0:
            return self._run.memory.at(0) is not None
        hashes = [term_hash(self._run.item.ws, term) for term in search_terms([event.record])]
        if event.occurred is None or not hashes:
            return False
        arguments = (self._use.source, event.object, event.record, event.occurred)
        query = statement("lanes", "overtaken")
        lowest = id_at(event.occurred - CLOCKS)
        found = await self._desk.pool.fetchval(query, self._run.item.ws, min(hashes), lowest, *arguments)
        return bool(found)

    @property
    def _first_run(self) -> int:
        """The run that this one repeats, from the beginning: to it a key belongs that is used up once."""
        return self._run.former.root if self._run.former else self._run.item.run_id

    async def _known(self, event: Event) -> bool:
        """Say whether another run has started the rule for what this event reports.

        Asked of what was looked for or is late, which a webhook has mostly brought: reads cost.
        """
        once = self._use.trigger.once_key(event, self._use.options)
        if once is None:
            return False
        item, key = self._run.item, self._lane_key(once).to_bytes(8, "big", signed=True)
        row = await self._desk.pool.fetchval(statement("journal", "started"), item.ws, item.rule, key)
        return row is not None and row != self._first_run

    async def _first(self, once: str) -> bool:
        """Say whether this run is the one that starts the rule for the key."""
        item = self._run.item
        key = self._lane_key(once).to_bytes(8, "big", signed=True)
        row = await self._desk.pool.fetchval(
            statement("journal", "once"), item.ws, item.rule, key, self._first_run
        )
        return bool(row)

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
        for step in steps:
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
            outcome = await action.run(context)
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
        self._scope["steps"][step.id] = dict(outcome.output)
        if isinstance(step, FindStep) and not outcome.records:
            self._missing(step)

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
