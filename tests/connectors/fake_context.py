"""A small stand-in for the engine: `ActionContext` enough to run real connector code over scripted answers.

It keeps the engine's word where connectors rely on it: claims are never nested, only claimed keys are
remembered, errors come from the connector's own table, a write whose answer was lost is settled by its
`Repeat`. A call that the test did not script fails the test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson

from vaivem.connectors.sdk import (
    Answer,
    Call,
    Connection,
    Connector,
    Delivery,
    Event,
    Findable,
    Idempotent,
    Keyed,
    Outcome,
    Repeat,
    Written,
)
from vaivem.connectors.sdk.documents import Step
from vaivem.core.errors import DecisionError
from vaivem.core.fields import Field
from vaivem.core.values import Filled, Values
from vaivem.engine.news import news_of

T = TypeVar("T")
Reply = Answer | Sequence[Answer] | Callable[[Call], Answer]

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def answer(status: int = 200, json: Any = None, *, text: str = "", **headers: str) -> Answer:
    """Return a vendor's answer; header names are written with ``_`` for ``-``."""
    content = orjson.dumps(json) if json is not None else text.encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


class Vendor:
    """Scripted answers by the name of the call: one, several in turn, or a function of the call."""

    def __init__(self, routes: Mapping[str, Reply]) -> None:
        self.routes: dict[str, Reply] = dict(routes)
        self.calls: list[Call] = []
        self._turns: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        """The names of all calls so far, in order."""
        return [call.name for call in self.calls]

    def last(self, name: str) -> Call:
        """Return the latest call of that name; the test fails when there was none."""
        found = [call for call in self.calls if call.name == name]
        assert found, f"{name} was not called, only {self.names}"
        return found[-1]

    def answer(self, call: Call) -> Answer:
        """Return the scripted answer; the test fails when there is none (left)."""
        self.calls.append(call)
        reply = self.routes.get(call.name)
        assert reply is not None, f"unexpected call {call.name}: {call.method} {call.path} {call.query}"
        if isinstance(reply, Answer):
            return reply
        if callable(reply):
            return reply(call)
        turn = self._turns.get(call.name, 0)
        assert turn < len(reply), f"{call.name} was called more than {len(reply)} times"
        self._turns[call.name] = turn + 1
        return reply[turn]


@dataclass
class FakeClaim:
    """A claim held; `known` as the memory had it when it was taken."""

    known: str | None


class FakeReader:
    """Reads and sends without a journal: connect pages, webhooks, triggers."""

    def __init__(
        self, connector: Connector, connection: Connection, routes: Mapping[str, Reply] | Vendor
    ) -> None:
        self.connector = connector
        self.connection = connection
        self.vendor = routes if isinstance(routes, Vendor) else Vendor(routes)

    async def read(self, call: Call) -> Answer:
        """Send a call that must not change anything."""
        assert call.method in ("GET", "HEAD"), f"{call.name} is read with {call.method}"
        return self._answer(call)

    async def send(self, call: Call) -> Answer:
        """Send a call that changes something."""
        assert call.method not in ("GET", "HEAD"), f"{call.name} is sent with {call.method}"
        return self._answer(call)

    def _answer(self, call: Call) -> Answer:
        given = self.vendor.answer(call)
        error = self.connector.errors.error(call, given)
        if error is not None:
            raise error
        return given


class FakeContext(FakeReader):
    """One step of one run. `lost` are the names of writes whose first answer never arrives.

    `memory` holds what claims know: ``(object, key) -> record id``. `choices` are a person's answers in turn,
    `earlier` the records by object that the run made which this one repeats, `links` those by object that are
    linked with what the event is about; `linked_with` what the action linked, `told` the events that it told,
    `half_made` what it said of a document before its end.
    `bulk` is what the vendor tells of a record written in bulk, `in_bulk` such records.
    """

    def __init__(
        self,
        connector: Connector,
        connection: Connection,
        routes: Mapping[str, Reply] | Vendor,
        *,
        action: str,
        values: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        source: str = "7:document:doc-1",
        reference: str = "vv-8f3a21",
        lost: Iterable[str] = (),
        memory: Mapping[tuple[str, str], str] | None = None,
        choices: Iterable[str | None] = (),
        earlier: Mapping[str, str] | None = None,
        policies: Mapping[str, Any] | None = None,
        links: Mapping[str, str] | None = None,
        bulk: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] | None = None,
    ) -> None:
        super().__init__(connector, connection, routes)
        self.action = connector.action(action)
        self.values = fill(self.action.fields(connection), values or {}, policies or {})
        self.options: Mapping[str, Any] = options or {}
        self.source = source
        self.half_made: tuple[Step, ...] = ()
        self.reference = reference
        self.now = NOW
        self.lost = set(lost)
        self.memory: dict[tuple[str, str], str] = dict(memory or {})
        self.choices = list(choices)
        self.earlier: Mapping[str, str] = earlier or {}
        self.links: Mapping[str, str] = links or {}
        self.bulk = bulk
        self.in_bulk: list[Mapping[str, Any]] = []
        self.linked_with: list[tuple[str, str, tuple[str, ...]]] = []
        self.told: list[Event] = []
        self.asked: list[tuple[str, list[Mapping[str, Any]], Mapping[str, Any]]] = []
        self.repeats: dict[str, Repeat] = {}
        self.claimed: list[tuple[str, tuple[str, ...]]] = []
        self._held: tuple[str, tuple[str, ...]] | None = None

    async def run(self) -> Outcome:
        """Run the action; its outcome must be JSON, as the journal keeps it."""
        outcome = await self.action.run(self)
        orjson.dumps({"output": outcome.output, "records": [ref.to_dict() for ref in outcome.records]})
        noted = {
            (one["object"], one["id"])
            for one in news_of(self.connection.id, self.connector, outcome, self._since)
            if "object" in one
        }
        known = {(ref.object, ref.id) for ref in outcome.records if ref.object in self.connector.kinds}
        assert known <= noted, "whom it found or wrote is shown, else no person's page learns of it"
        assert self._held is None
        return outcome

    def _since(self, object_key: str, place: int, many: int) -> datetime:
        """As a step says since when it knows one of so many records."""
        assert 0 <= place < many, object_key
        return self.now

    async def write(
        self,
        call: Call,
        repeat: Repeat,
        take: Callable[[Answer], T],
        *,
        remember: Mapping[str, Callable[[T], str]] | None = None,
        leaves: Callable[[T], Written] | None = None,
    ) -> T:
        """Do a write once; when its answer is lost, settle it as its `Repeat` says."""
        assert call.method not in ("GET", "HEAD"), f"{call.name} is written with {call.method}"
        self.repeats[call.name] = repeat
        taken = await self._write(call, repeat, take)
        orjson.dumps(taken)
        for key, record_id in (remember or {}).items():
            assert self._held, f"{key} is remembered outside of a claim"
            assert key in self._held[1], f"{key} is remembered, but {self._held} is claimed"
            self.memory[self._held[0], key] = record_id(taken)
        return taken

    async def _write(self, call: Call, repeat: Repeat, take: Callable[[Answer], T]) -> T:
        if call.name not in self.lost:
            return take(self._answer(call))
        self.lost.remove(call.name)
        self.vendor.calls.append(call)  # it left; whether it arrived is what the repeat finds out
        if isinstance(repeat, Idempotent | Keyed):
            return take(self._answer(call))
        if not isinstance(repeat, Findable):
            raise DecisionError("write_in_doubt")
        found: T | None = await repeat.find()
        if found is not None:
            return found
        if not repeat.sure:
            raise DecisionError("write_in_doubt")
        return take(self._answer(call))

    async def write_in_bulk(
        self,
        key: str,
        record: Mapping[str, Any],
        take: Callable[[Mapping[str, Any]], T],
        *,
        leaves: Callable[[T], Written] | None = None,
    ) -> T | None:
        """Have a record written in bulk, when the test says what the vendor tells of it."""
        orjson.dumps(record)
        self.connector.bulk_write(key)
        self.in_bulk.append(record)
        told = self.bulk(record) if self.bulk is not None else None
        if told is None:
            return None
        taken = take(told)
        orjson.dumps(taken)
        if leaves is not None:
            leaves(taken)
        return taken

    @asynccontextmanager
    async def claim(self, object_key: str, *keys: str) -> AsyncIterator[FakeClaim]:
        """Hold keys; claims are never nested."""
        assert self._held is None, f"claim of {keys} inside the claim of {self._held}"
        assert keys, "a claim without keys"
        self._held = (object_key, keys)
        self.claimed.append(self._held)
        known = next((self.memory[object_key, key] for key in keys if (object_key, key) in self.memory), None)
        try:
            yield FakeClaim(known)
        finally:
            self._held = None

    def remember(self, object_key: str, key: str, record_id: str) -> None:
        """Keep a key."""
        self.memory[object_key, key] = record_id

    def forget(self, object_key: str, key: str) -> None:
        """Drop a key."""
        self.memory.pop((object_key, key), None)

    async def linked(self, object_key: str, *told: str) -> str | None:
        """Return what is linked, when the test says so."""
        return self.links.get(object_key)

    def link(self, object_key: str, record_id: str, *told: str) -> None:
        """Keep a link."""
        self.linked_with.append((object_key, record_id, told))

    async def tell(self, told: Callable[[], Awaitable[Delivery | None]]) -> None:
        """Keep what is told; each event in it must be the same whenever it is told again."""
        delivery = await told()
        if delivery is not None:
            webhooks = self.connector.webhooks
            assert webhooks is not None
            events = webhooks.parse(delivery, self.connection)
            assert events
            assert all(event.same for event in events), events
            self.told += events

    def so_far(self, *documents: Step) -> None:
        """Keep what is there if the step does not come to its end."""
        self.half_made = documents

    def made(self, object_key: str) -> str | None:
        """Return what an earlier run made, when the test says so."""
        return self.earlier.get(object_key)

    async def choose(self, object_key: str, candidates: list[Mapping[str, Any]], **about: Any) -> str | None:
        """Answer as the next of `choices`; without one the run waits for a decision."""
        orjson.dumps([candidates, about])
        assert all(candidate.get("id") and "name" in candidate for candidate in candidates), candidates
        self.asked.append((object_key, candidates, about))
        if not self.choices:
            raise DecisionError("several_matches", question={"candidates": candidates})
        return self.choices.pop(0)


def fill(fields: Iterable[Field], values: Mapping[str, Any], policies: Mapping[str, Any]) -> Values:
    """Return `values` as mapped: by field key, or by group with one mapping per repeated element.

    A key that the action does not offer fails the test. `policies` override the fields' own.
    """
    known = {field.key: field for field in fields}

    def filled(key: str, value: Any) -> Filled:
        assert key in known, f"{key} is no field of this action: {sorted(known)}"
        return Filled(known[key], value, policies.get(key, known[key].write))

    flat: dict[str, Filled] = {}
    repeated: dict[str, tuple[Mapping[str, Filled], ...]] = {}
    for key, value in values.items():
        if isinstance(value, list) and key not in known:
            repeated[key] = tuple(
                {part: filled(f"{key}.{part}", item) for part, item in element.items()} for element in value
            )
        else:
            flat[key] = filled(key, value)
    return Values(flat, repeated)
