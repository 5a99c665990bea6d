"""Before a move from an old integration: which of what its rules would write exists already.

What happened at the source is read back, and each new rule is applied to it without writing. A step that
finds its record links it with the source's; the links are kept with the move and count when it is made. It
all is bulk, behind what is live. Every answer of the long first read is kept, so that a worker that takes
over asks the vendor for nothing again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
from typing_extensions import override

from vaivem.connectors.sdk import Action, Answer, Call, Connection, Delivery, Event, Outcome
from vaivem.core.compiler import CompiledRule
from vaivem.core.errors import ReconnectError, RetryError, RuleError, SkipError, UnreadableError, VaivemError
from vaivem.engine.context import HeldClaim
from vaivem.engine.desk import Desk, clean, plain
from vaivem.engine.direct import ChoreCaller
from vaivem.engine.ids import id_at
from vaivem.engine.linking import Link, asked_kind, links_of
from vaivem.engine.rehearsals import MakeContext, OneEvent
from vaivem.engine.rehearsing import AsksError, RehearsalContext, StoppedError, UnforeseenError
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line

MOST_RECORDS = 5000
MOST_FAILURES = 30
PAUSE_SECONDS = 20.0


class PatientReader:
    """Reads within the budget, however long that takes. With `keeps`, an answer is asked for once."""

    def __init__(self, desk: Desk, line: Line, number: int, *, keeps: bool = False) -> None:
        self._pool = desk.pool
        self._caller = ChoreCaller(desk.caller, line)
        self._number = number
        self._keeps = keeps

    @property
    def connection(self) -> Connection:
        """The connection that reads go to."""
        return self._caller.connection

    async def read(self, call: Call) -> Answer:
        """Send a call that changes nothing. Raises StoppedError, and what an answer means."""
        key = hashlib.blake2b(repr((call.method, call.path, call.query, call.json)).encode()).hexdigest()[:40]
        if self._keeps:
            row = await self._pool.fetchrow(statement("moves", "kept_read"), self._number, key)
            if row is not None:
                return Answer(row["status"], json.loads(row["headers"]), bytes(row["content"]))
        answer = await self._asked(call)
        if self._keeps:
            headers = json.dumps(clean(dict(answer.headers)))
            arguments = (self._number, key, answer.status, headers, answer.content)
            await self._pool.execute(statement("moves", "keep_read"), *arguments)
        if await self._pool.fetchval(statement("moves", "count_read"), self._number) is None:
            raise StoppedError
        return answer

    async def _asked(self, call: Call) -> Answer:
        failures = 0
        while True:
            try:
                return await self._caller.read(call)
            except RetryError as error:
                failures += not error.limit  # a limit only delays
                if failures > MOST_FAILURES:
                    raise
                pause = min(error.retry_after or 2.0, PAUSE_SECONDS)
            if await self._pool.fetchval(statement("moves", "alive"), self._number) is None:
                raise StoppedError
            await asyncio.sleep(pause)


class Moves:
    """Looks for what exists already, one move after another as they are asked for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def go_on(self) -> None:
        """Let looks whose worker ended go on."""
        await self._desk.pool.execute(statement("moves", "again"))

    async def run(self, payload: Mapping[str, Any]) -> None:
        """Look to the end, or until a person stops it; what was found before is not looked for again."""
        pool, number = self._desk.pool, int(payload["move"])
        row = await pool.fetchrow(statement("moves", "take"), number)
        if row is None:
            return
        try:
            await self._look(row)
        except StoppedError:
            return
        except VaivemError as error:
            params = json.dumps(clean(dict(error.params)))
            await pool.execute(statement("moves", "ended"), number, "failed", error.code, params)
        else:
            await pool.execute(statement("moves", "ended"), number, "done", "", "{}")
            await pool.execute(statement("moves", "forget_reads"), number)

    async def _look(self, row: asyncpg.Record) -> None:
        pool, number = self._desk.pool, row["id"]
        await self._desk.topology.load(pool)
        rules = [CompiledRule.from_dict(one) for one in json.loads(row["rules"])]
        happened: dict[int, list[tuple[Delivery, int, Event]]] = {}
        for conn in {rule.connection_id for rule in rules}:
            happened[conn] = await self._happened(row, self._line(conn))
        chosen = [
            (place, *one)
            for place, rule in enumerate(rules)
            for one in self._latest(rule, happened[rule.connection_id])
        ]
        await pool.execute(statement("moves", "total"), number, len(chosen))
        done = {one["n"] for one in await pool.fetch(statement("moves", "done"), number)}
        for n, (place, delivery, part, event) in enumerate(chosen):
            if n in done:
                continue
            if await pool.fetchval(statement("moves", "alive"), number) is None:
                raise StoppedError
            rule = rules[place]
            line = self._line(rule.connection_id)
            trigger = line.connector.trigger(rule.trigger.trigger)
            look = _Look(self._desk, 0, rule, line, trigger, number)
            told = await look.result(_as_row(delivery, part, event, row["until"]))
            await self._keep(number, n, place, told, look)

    async def _keep(self, number: int, n: int, place: int, told: Mapping[str, Any], look: _Look) -> None:
        def text(value: Any) -> str:
            return json.dumps(clean(value), ensure_ascii=False)

        await self._desk.pool.execute(
            statement("moves", "found"), number, n, place, plain(str(told["title"]))[:160],
            told["result"], told.get("code", ""), text(told.get("params", {})), text(look.told),
            text(sorted(set(look.links))), text(look.keys),
        )  # fmt: skip

    async def _happened(self, row: asyncpg.Record, line: Line) -> list[tuple[Delivery, int, Event]]:
        """Return what happened at the source, as the vendor tells it, else as our history does."""
        webhooks = line.connector.webhooks
        if webhooks is None:
            return []
        reader = PatientReader(self._desk, line, row["id"], keeps=True)
        deliveries = await webhooks.missed(reader, row["since"], row["until"])
        if not deliveries:
            deliveries = await self._past(row, line)
        found = []
        for delivery in deliveries:
            try:
                events = webhooks.parse(delivery, line.connection)
            except UnreadableError:
                continue  # what cannot be read is listed where it arrived
            found += [(delivery, part, event) for part, event in enumerate(events)]
        return found

    async def _past(self, row: asyncpg.Record, line: Line) -> list[Delivery]:
        kinds = sorted({kind for trigger in line.connector.triggers for kind in trigger.kinds})
        arguments = (row["workspace_id"], line.connection.id, kinds, id_at(row["since"]), MOST_RECORDS)
        rows = await self._desk.pool.fetch(statement("trials", "past"), *arguments)
        return [
            Delivery(one["method"], one["path"], one["query"], json.loads(one["headers"]), one["body"])
            for one in reversed(rows)
        ]

    @staticmethod
    def _latest(
        rule: CompiledRule, happened: list[tuple[Delivery, int, Event]]
    ) -> list[tuple[Delivery, int, Event]]:
        """Return what a rule would take: of each record the latest."""
        latest: dict[str, tuple[Delivery, int, Event]] = {}
        for one in happened:
            event = one[2]
            latest.pop(event.record, None)
            latest[event.record] = one
        return list(latest.values())[-MOST_RECORDS:]

    def _line(self, conn: int) -> Line:
        line = self._desk.topology.lines.get(conn)
        if line is None:
            raise RuleError("connection_is_gone", params={"connection": conn})
        return line


def _as_row(delivery: Delivery, part: int, event: Event, until: datetime) -> dict[str, Any]:
    """Return an event as the history has it."""
    return {
        "id": id_at(event.occurred or until),
        "title": event.title,
        "part": part,
        "method": delivery.method,
        "path": delivery.path,
        "query": delivery.query,
        "headers": json.dumps(dict(delivery.headers)),
        "body": delivery.body,
    }


class _Look(OneEvent):
    """One event: what each step would find. `told` says how, `links` and `keys` what may be kept of it."""

    def __init__(self, *given: Any) -> None:
        *rest, self._number = given
        super().__init__(*rest)
        self.told: list[dict[str, Any]] = []
        self.links: list[Link] = []
        self.keys: list[tuple[int, str, str, str]] = []

    @override
    def _ends_all(self, error: VaivemError) -> bool:
        return isinstance(error, RetryError | ReconnectError)  # then it goes on later, where it was

    @override
    def _reader(self, line: Line) -> Any:
        return PatientReader(self._desk, line, self._number)

    @override
    def _context_of(self, line: Line, **parts: Any) -> RehearsalContext:
        return _LookContext(self._desk, line, self._number, **parts)

    @override
    async def _perform(
        self, action: Action, step: str, options: Mapping[str, Any], make: MakeContext, told: dict[str, Any]
    ) -> Outcome:
        if action.reads_only:
            return await super()._perform(action, step, options, make, told)
        note: dict[str, Any] = {"step": step, "object": action.object, "how": "failed", "by": "", "name": ""}
        self.told.append(note)
        context = make(options)
        told["writes"] = context.writes
        try:
            outcome = await action.run(context)
        except AsksError:
            note["how"] = "several"
            raise
        except SkipError:
            self.told.remove(note)
            raise
        except UnforeseenError:
            found = await self._by_person(action, options, make, context, note)
            self._say(note, action, context, found)
            if found is None:
                raise
            return found
        if _is_new(outcome):
            outcome = await self._by_person(action, options, make, context, note) or outcome
        self._say(note, action, context, None if _is_new(outcome) else outcome)
        return outcome

    async def _by_person(
        self,
        action: Action,
        options: Mapping[str, Any],
        make: MakeContext,
        first: Any,
        note: dict[str, Any],
    ) -> Outcome | None:
        """Look for an open deal of the person where a rule makes one for each source record.

        The old integration knew no such key: its deal is found by whose it is, and remembered so.
        """
        key = options.get("key")
        if not isinstance(key, Mapping) or key.get("by") != "source" or "contact" not in action.keys:
            return None
        context: Any = make({**options, "key": {"by": "contact", "field": None}})
        try:
            outcome = await action.run(context)
        except AsksError:
            note["how"] = "several"
            return None
        except (VaivemError, UnforeseenError):
            return None
        if _is_new(outcome) or not outcome.records:
            return None
        record = outcome.records[0]
        conn = context.connection.id
        self.keys += [
            (conn, thing, one, record.id)
            for thing, keys in first.claimed
            for one in keys
            if thing == record.object
        ]
        first.claimed, first.found_links = context.claimed, context.found_links
        return outcome

    def _say(self, note: dict[str, Any], action: Action, context: Any, outcome: Outcome | None) -> None:
        if outcome is None or not outcome.records:
            note["how"] = "several" if note["how"] == "several" else "new"
            return
        keys = next((keys for thing, keys in context.claimed if thing == action.object), ())
        note |= {"how": "found", "name": outcome.records[0].name or outcome.records[0].id}
        note["by"] = keys[0].partition(":")[0] if keys else ""
        self.links += context.found_links


def _is_new(outcome: Outcome) -> bool:
    return any(record.did == "created" for record in outcome.records)


class _LookContext(RehearsalContext):
    """A step that notes which keys it claimed and which links it would make."""

    def __init__(self, desk: Desk, line: Line, number: int, **parts: Any) -> None:
        super().__init__(desk, line, **parts)
        self._patient = PatientReader(desk, line, number)
        self.claimed: list[tuple[str, tuple[str, ...]]] = []
        self.found_links: list[Link] = []

    @override
    async def read(self, call: Call) -> Answer:
        answer = await self._patient.read(call)
        self._learn(answer)
        return answer

    @override
    @asynccontextmanager
    async def claim(self, object_key: str, *keys: str) -> AsyncIterator[HeldClaim]:
        self.claimed.append((object_key, tuple(plain(key) for key in keys)))
        async with super().claim(object_key, *keys) as held:
            yield held

    @override
    def link(self, object_key: str, record_id: str, *told: str) -> None:
        kind = asked_kind(self._line.connector, object_key, self._about, told)
        if kind is not None:
            self.found_links += links_of(
                self.connection.id, object_key, plain(str(record_id)), kind, self._about
            )
