"""Dry runs: a draft applied to what happened before. Reads only, within the budget, behind what is live.

A dry run goes on where it was when its worker ended: each event's result is kept as soon as it is known.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from vaivem.connectors.sdk import Action, Delivery, Event, Outcome, Reader, Trigger
from vaivem.core.changes import Judgement, Kept
from vaivem.core.compiled_steps import (
    CompiledAction,
    CompiledAwait,
    CompiledBranch,
    CompiledEmail,
    CompiledNotify,
    CompiledStep,
    CompiledStop,
)
from vaivem.core.compiler import CompiledRule
from vaivem.core.errors import RuleError, SkipError, VaivemError
from vaivem.core.kinship import Relative, relatives
from vaivem.core.mapping import MappingError
from vaivem.core.steps import ActionStep, FindStep, Missing
from vaivem.engine.changes import Told, judge_all
from vaivem.engine.desk import Desk, clean
from vaivem.engine.direct import ChoreCaller
from vaivem.engine.ids import id_at, time_of
from vaivem.engine.rehearsing import AsksError, RehearsalContext, StoppedError, UnforeseenError
from vaivem.engine.runs import may_skip
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line, RuleUse

MOST_EVENTS = 100

Row = Mapping[str, Any]  # an event as the history has it
MakeContext = Callable[[Mapping[str, Any]], RehearsalContext]  # of the step's options

log = logging.getLogger(__name__)


class _StopError(Exception):
    """The rule says that the run ends here."""


class Rehearsals:
    """Does dry runs, one after another as they are asked for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self, payload: Mapping[str, Any]) -> None:
        """Do one dry run to its end, or until a person stops it."""
        pool, number = self._desk.pool, int(payload["trial"])
        row = await pool.fetchrow(statement("trials", "trial"), number)
        if row is None:
            return
        try:
            await self._all(row)
        except VaivemError as error:
            params = json.dumps(clean(dict(error.params)))
            await pool.execute(statement("trials", "began"), number, 0)
            await pool.execute(statement("trials", "ended"), number, "failed", error.code, params)
        else:
            await pool.execute(statement("trials", "ended"), number, "done", "", "{}")

    async def _all(self, row: asyncpg.Record) -> None:
        await self._desk.topology.load(self._desk.pool)
        rule = CompiledRule.from_dict(json.loads(row["compiled"]))
        line = self._line(rule.connection_id)
        trigger = line.connector.trigger(rule.trigger.trigger)
        kinds, lowest = sorted(trigger.kinds), id_at(row["since"])
        arguments = (row["workspace_id"], line.connection.id, kinds, lowest, MOST_EVENTS)
        events = await self._desk.pool.fetch(statement("trials", "past"), *arguments)
        await self._desk.pool.execute(statement("trials", "began"), row["id"], len(events))
        for event in events[row["looked_at"] :]:
            result = await OneEvent(self._desk, row["rule_id"], rule, line, trigger).result(event)
            kept = json.dumps([clean(result)], ensure_ascii=False)
            if await self._desk.pool.fetchval(statement("trials", "found"), row["id"], kept) is None:
                return

    def _line(self, conn: int) -> Line:
        line = self._desk.topology.lines.get(conn)
        if line is None:
            raise RuleError("connection_is_gone", params={"connection": conn})
        return line


async def rehearse_one(desk: Desk, use: RuleUse, line: Line, row: Row) -> dict[str, Any]:
    """Return what a published rule would do with one event, as in a dry run."""
    return await OneEvent(desk, use.id, use.compiled, line, use.trigger).result(row)


class OneEvent:
    """One event of a dry run."""

    def __init__(self, desk: Desk, rule: int, compiled: CompiledRule, line: Line, trigger: Trigger) -> None:
        self._desk = desk
        self._rule = rule
        self._compiled = compiled
        self._source_line = line
        self._trigger = trigger
        self._zone = desk.topology.zones.get(line.connection.workspace, "America/Sao_Paulo")
        self._scope: dict[str, Any] = {}
        self._source = ""
        self._about: tuple[Relative, ...] = ()
        self._steps: list[dict[str, Any]] = []

    async def result(self, row: Row) -> dict[str, Any]:
        """Return what would come of it: ``result``, why, and each step with what it would write."""
        told: dict[str, Any] = {"event": str(row["id"]), "title": row["title"]}
        try:
            outcome = await self._run(row)
        except StoppedError:
            raise
        except VaivemError as error:
            if self._ends_all(error):
                raise
            problems = [problem.to_dict() for problem in error.problems[:20]]
            outcome = {
                "result": "fails",
                "code": error.code,
                "params": {**error.params, "problems": problems},
            }
        except AsksError:
            outcome = {"result": "asks"}
        except Exception as error:
            log.exception("Dry run of rule %s: event %s ended in a bug", self._rule, row["id"])
            outcome = {"result": "fails", "code": "bug", "params": {"kind": type(error).__name__}}
        return {**told, **outcome, "steps": self._steps}

    async def _run(self, row: Row) -> dict[str, Any]:
        event = self._event(row)
        options, moment = self._compiled.trigger.options, time_of(row["id"])
        if not self._trigger.accepts(event, options):
            return {"result": "left_out", "code": "not_accepted"}
        record = self._trigger.record(event, options)
        self._source = f"{self._source_line.connection.id}:{event.object}:{record}"
        data = await self._trigger.scope(self._reader(self._source_line), event, options)
        if data is None:
            return {"result": "left_out", "code": "not_yet"}
        changed = self._compiled.trigger.changed
        if changed is not None:
            told = Told.of(self._trigger, self._source_line.connection, event, changed.field, data)
            # What was there before, where the vendor does not tell, nobody knows any more: the value decides.
            before = {one: Kept(changed.before, None) for one in told.subjects}
            known = {} if told.before else before
            change, _ = judge_all(changed, known, told, self._trigger, self._zone)
            if change.judgement is not Judgement.CHANGED:
                code = change.judgement.value
                return {"result": "left_out", "code": code, "params": change.params(changed)}
        today = moment.astimezone(ZoneInfo(self._zone)).date().isoformat()
        title, kinds = self._compiled.rule.title, self._source_line.connector.kinds
        self._about = relatives(self._source_line.connection.id, kinds, event.object, record, data)
        self._scope = {**data, "steps": {}, "rule": {"title": title}, "today": today}
        verdict = self._compiled.passes(self._scope, zone=self._zone)
        if not verdict.passed:
            tests = [test.to_dict() for test in verdict.reasons]
            return {"result": "left_out", "code": "filtered", "params": {"tests": tests}}
        try:
            await self._each(self._compiled.steps, row)
        except _StopError:
            pass
        except UnforeseenError:
            return {"result": self._verdict(), "unforeseen": True}
        return {"result": self._verdict()}

    def _verdict(self) -> str:
        records = [record for step in self._steps for record in step["records"]]
        writes = [write for step in self._steps for write in step["writes"]]
        if any(record["did"] == "created" for record in records) or any(one["creates"] for one in writes):
            return "creates"
        return "updates" if any(one["fields"] for one in writes) else "unchanged"

    def _event(self, row: Row) -> Event:
        webhooks = self._source_line.connector.webhooks
        if webhooks is None:
            raise RuleError("event_is_gone")
        headers = orjson.loads(row["headers"])
        delivery = Delivery(row["method"], row["path"], row["query"], headers, row["body"])
        events = webhooks.parse(delivery, self._source_line.connection)
        return events[int(row["part"])]

    async def _each(self, steps: Sequence[CompiledStep], row: Row) -> None:
        for step in steps:
            if isinstance(step, CompiledAction):
                await self._act(step, row)
            elif isinstance(step, CompiledBranch):
                _, way = step.choose(self._scope, zone=self._zone)
                await self._each(way, row)
            elif isinstance(step, CompiledStop):
                if step.look(self._scope, zone=self._zone).passed:
                    raise _StopError
            elif isinstance(step, CompiledAwait):
                self._scope["steps"][step.id] = {"happened": False}
            elif isinstance(step, CompiledEmail):
                letter = step.fill(self._scope, zone=self._zone)
                self._tell(step.id, "email", {"to": ", ".join(letter.to), "subject": letter.subject})
            elif isinstance(step, CompiledNotify):
                text = step.fill(self._scope, zone=self._zone)
                self._tell(step.id, "notice", {"member": step.step.member, "text": text})

    def _tell(self, step: str, call: str, said: Mapping[str, str]) -> None:
        fields = [{"field": name, "before": "", "after": text} for name, text in said.items()]
        write = {"call": call, "creates": False, "fields": fields}
        self._steps.append({"step": step, "records": [], "writes": [write]})

    async def _act(self, compiled: CompiledAction, row: Row) -> None:
        step, line = compiled.step, self._desk.topology.lines.get(compiled.connection_id)
        if line is None:
            raise RuleError("connection_is_gone", params={"connection": compiled.connection_id})
        action = line.connector.action(step.action)
        options = dict(step.options)
        if isinstance(step, ActionStep) and step.key is not None:
            options["key"] = {"by": step.key.by.value, "field": step.key.field}
        try:
            values = compiled.resolve(self._scope, zone=self._zone)
        except MappingError as error:
            if not may_skip(step, error):
                raise
            return

        def make(options: Mapping[str, Any]) -> RehearsalContext:
            return self._context_of(
                line,
                rule=self._rule,
                values=values,
                options=options,
                source=self._source,
                now=time_of(row["id"]),
                about=self._about,
            )

        told: dict[str, Any] = {"step": step.id, "records": [], "writes": []}
        self._steps.append(told)
        try:
            outcome = await self._perform(action, step.id, options, make, told)
        except SkipError:
            return
        told["records"] = [record.to_dict() for record in outcome.records]
        self._scope["steps"][step.id] = dict(outcome.output)
        if isinstance(step, FindStep) and not outcome.records:
            if step.missing is Missing.STOP:
                raise _StopError
            if step.missing is Missing.FAIL:
                raise RuleError("nothing_found", params={"step": step.id})

    def _ends_all(self, error: VaivemError) -> bool:
        """Say whether an error is of more than this event."""
        return False

    def _reader(self, line: Line) -> Reader:
        """Return what reads at a connection."""
        return ChoreCaller(self._desk.caller, line)

    def _context_of(self, line: Line, **parts: Any) -> RehearsalContext:
        """Return what a step works with."""
        return RehearsalContext(self._desk, line, **parts)

    async def _perform(
        self, action: Action, step: str, options: Mapping[str, Any], make: MakeContext, told: dict[str, Any]
    ) -> Outcome:
        """Do one action; what it would write goes to `told`."""
        context = make(options)
        told["writes"] = context.writes
        return await action.run(context)
