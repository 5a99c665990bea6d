"""What an action works with: reads, safe writes, claims, questions. One run's journal in the making.

A run that is repeated after a crash or a wait gets the journal's answers up to its last durable write
(`memory`), and goes on from there for real.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from vaivem.connectors.sdk import (
    Answer,
    Call,
    Connection,
    Delivery,
    Idempotent,
    Keyed,
    Repeat,
    Written,
)
from vaivem.connectors.sdk.documents import Step
from vaivem.core.errors import BugError, RecordError, UncertainError
from vaivem.core.kinship import Relative
from vaivem.core.mapping import Values
from vaivem.engine.bulk import InBulk
from vaivem.engine.claims import Key
from vaivem.engine.desk import Desk, RunState, plain
from vaivem.engine.doubts import Doubts
from vaivem.engine.ids import time_of
from vaivem.engine.journal import Acquire, LinkRow
from vaivem.engine.linking import asked_kind, find, links_of
from vaivem.engine.memory import COUNTED, DONE_BEFORE, Kept
from vaivem.engine.parking import ParkError, SkipStepError, look_pause
from vaivem.engine.sending import Sending
from vaivem.engine.statements import statement
from vaivem.engine.topology import Line

T = TypeVar("T")

PLACES = 1000  # calls that one step of a rule may make
CLAIM_QUEUE_SECONDS = 2.0
CLAIM_POLL_SECONDS = 0.2
BUSY_SECONDS = 0.5
BUSY_MOST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class HeldClaim:
    """A claim held; `known` is the record that one of its keys is remembered to be."""

    known: str | None


class _Claiming:
    """A claim as an action writes it: ``async with context.claim(...) as claim``."""

    __slots__ = ("_context", "_keys", "_object")

    def __init__(self, context: StepContext, object_key: str, keys: tuple[str, ...]) -> None:
        self._context = context
        self._object = object_key
        self._keys = keys

    async def __aenter__(self) -> HeldClaim:
        return await self._context.begin_claim(self._object, self._keys)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._context.end_claim(whole=kind is None)


class StepContext:
    """One step of one run at one connection (an `ActionContext`)."""

    def __init__(
        self,
        desk: Desk,
        run: RunState,
        line: Line,
        *,
        place: int,
        step: str,
        values: Values,
        options: Mapping[str, Any],
        source: str,
        about: tuple[Relative, ...] = (),
    ) -> None:
        self._about = about
        self._desk = desk
        self._run = run
        self._line = line
        self._step = step
        self._values = values
        self._options = options
        self._source = source
        self._next = place * PLACES
        self._last = self._next + PLACES
        self._claimed: tuple[Key, ...] | None = None
        self._writes: dict[str, int] = {}  # of each name, in this step
        self._questions = 0
        self.half_made: tuple[Step, ...] = ()
        self._sending = Sending(desk, run, line, step)
        self._doubts = Doubts(desk, run, line, self._sending)

    def since(self, object_key: str, place: int, many: int) -> datetime | None:
        """Return when the first call was made by whose answer the step goes; None before any.

        Where each of the `many` records of an object was settled under a claim of its own, that counts which
        came after the claim of this one: what other runs do to it is before that, or after.
        """
        times = self._sending.claimed.get(object_key, [])
        return (times[place] if len(times) == many else None) or self._sending.since

    @property
    def connection(self) -> Connection:
        """The connection that calls go to."""
        return self._line.connection

    @property
    def values(self) -> Values:
        """The mapped fields."""
        return self._values

    @property
    def options(self) -> Mapping[str, Any]:
        """The step's own choices."""
        return self._options

    @property
    def source(self) -> str:
        """The source record: ``<connection id>:<object>:<record>``."""
        return self._source

    @property
    def reference(self) -> str:
        """A short reference of the source record and the rule."""
        digest = hashlib.blake2b(f"{self._run.item.rule}|{self._source}".encode(), digest_size=10)
        return f"vv-{digest.hexdigest()}"

    @property
    def now(self) -> datetime:
        """When the run was made."""
        return time_of(self._run.item.run_id)

    # Reads

    async def read(self, call: Call) -> Answer:
        """Send a call that changes nothing; journaled with the next write's outcome."""
        if self._doubts.looking is not None:
            return await self._sending.send(call, self._doubts.looking, write=False, done=False)
        n = self._take_place()
        kept = self._run.memory.at(n)
        if kept is not None:
            self._same(kept.name, call.name)
            self._sending.goes_by(kept.at)
            error = self._line.connector.errors.error(call, kept.answer)
            if error is not None:
                raise error
            return kept.answer
        return await self._sending.send(call, n, write=False, done=True)

    # Writes

    async def write(
        self,
        call: Call,
        repeat: Repeat,
        take: Callable[[Answer], T],
        *,
        remember: Mapping[str, Callable[[T], str]] | None = None,
        leaves: Callable[[T], Written] | None = None,
    ) -> T:
        """Do a write once, whatever breaks (guarantees 4 and 5)."""
        n = self._take_place()
        self._writes[call.name] = self._writes.get(call.name, 0) + 1
        kept = self._run.memory.at(n)
        if kept is not None and not kept.refused:  # what is refused here was a look for this write
            self._same(kept.name, call.name)
            self._sending.goes_by(kept.at)
            return _taken(kept, take)
        before = self._done_before(call, repeat)
        if before is not None:
            self._sending.goes_by(before.at)
            self._add_done_before(n, before)
            return _taken(before, take)
        found = await self._doubts.settle(n, call, repeat)
        if found is None:
            if self._values.counts:
                self._add_counted(n)
                await self._desk.flush(self._run, intent=n)
            elif not self._run.intent:
                await self._desk.flush(self._run, intent=n)
            result = await self._send_write(call, n, repeat, take)
        else:
            result = cast("T", found)
        if remember and self._claimed is not None:
            for key, record_id in remember.items():
                self._remember(key, record_id(result))
        self._wrote(result, leaves)
        return result

    def _wrote(self, result: T, leaves: Callable[[T], Written] | None) -> None:
        if leaves is not None and self._line.wants_hook:
            self._run.written.append((self.connection.id, leaves(result)))
        self._run.intent = False
        self._run.settled = True

    async def write_in_bulk(
        self,
        key: str,
        record: Mapping[str, Any],
        take: Callable[[Mapping[str, Any]], T],
        *,
        leaves: Callable[[T], Written] | None = None,
    ) -> T | None:
        """Have a record of the past written with those of other runs; None: the step writes by itself."""
        bulk = InBulk(self._desk, self._run, self._line, self._sending)
        if not bulk.offered:
            return None
        n = self._take_place()
        kept = self._run.memory.at(n)
        if kept is not None:
            self._same(kept.name, key)
            self._sending.goes_by(kept.at)
            return take(kept.adopted) if kept.write else None
        told = await bulk.write(n, key, record)
        if told is None:
            return None
        result = take(told)
        self._wrote(result, leaves)
        return result

    def _add_counted(self, n: int) -> None:
        """Have what was read before a write be durable with its intent: its number hangs on that."""
        self._sending.add_word(n, COUNTED, write=False, done=False, response=None)

    async def _send_write(self, call: Call, n: int, repeat: Repeat, take: Callable[[Answer], T]) -> T:
        try:
            return take(await self._sending.send(call, n, write=True, done=True))
        except UncertainError as error:
            raise await self._doubts.arise(n, call, repeat, error) from error
        except RecordError:
            if isinstance(repeat, Keyed) and repeat.find is not None:
                found = await self._doubts.find(n, call, repeat.find)
                if found is not None:
                    return cast("T", found)
            raise

    async def tell(self, told: Callable[[], Awaitable[Delivery | None]]) -> None:
        """Take what the step made happen as if the vendor had told it; told again, it is known."""
        delivery = await told()
        if delivery is not None and self._line.wants_hook:
            await self._desk.intake.tell(self._line, delivery)

    def so_far(self, *documents: Step) -> None:
        """Keep what of a document is there, in case that the step does not come to its end."""
        self.half_made = documents

    # Replays

    def made(self, object_key: str) -> str | None:
        """Return the record that this step made for the same event in the run that is repeated."""
        former = self._run.former
        return former.record(self.connection.id, self._step, object_key) if former else None

    def _done_before(self, call: Call, repeat: Repeat) -> Kept | None:
        """Return the answer that a write had in the run that is repeated, when another would be one more.

        What may be repeated is sent, so that it is as the rule says today. What is made under a claim was
        looked for just now, and is not there any more.
        """
        former = self._run.former
        if former is None or isinstance(repeat, Idempotent) or self._claimed is not None:
            return None
        return former.write(self._step, call.name, self._writes[call.name] - 1)

    def _add_done_before(self, n: int, before: Kept) -> None:
        code = before.code if before.code == "adopted" else DONE_BEFORE
        self._sending.add_word(
            n, before.name, write=True, done=True, response=before.response, code=code, status=before.status
        )

    # Claims and links

    def claim(self, object_key: str, *keys: str) -> _Claiming:
        """Hold all keys while a record is looked for and made."""
        return _Claiming(self, object_key, keys)

    async def begin_claim(self, object_key: str, keys: tuple[str, ...]) -> HeldClaim:
        """Take all keys, or remember that they were taken."""
        if self._claimed is not None:
            raise BugError("claim_in_claim", detail=f"{self._step}: {object_key}")
        self._sending.claims(object_key)
        wanted = tuple(sorted({(self.connection.id, object_key, plain(key)) for key in keys}))
        kept = self._run.memory.at(self._next)
        if kept is not None and kept.known is not None:
            known = kept.known or None
        else:
            known = await self._acquire(wanted)
            self._sending.known = known or ""
        self._claimed = wanted
        return HeldClaim(known)

    def end_claim(self, *, whole: bool) -> None:
        """Have the keys end with the next outcome; after an error it says what becomes of them."""
        self._claimed = None
        if whole:
            self._run.released = True

    async def _acquire(self, wanted: tuple[Key, ...]) -> str | None:
        run = self._run
        await self._desk.flush(run)  # outcomes, and claims that ended, before a new claim
        if run.memory.doubt is not None:
            self._doubts.wait_until_settled(run.memory.doubt)
        if not await self._desk.local_claims.take(wanted, CLAIM_QUEUE_SECONDS):
            raise await self._busy(wanted)
        run.local += wanted
        pause = 0.01
        while True:
            op = Acquire(run.item.ws, run.item.run_id, self._next, wanted)
            known = await self._desk.journal.acquire(op)
            if known is not None:
                run.intent, run.intended = True, self._desk.clock.now()
                return next((known[key] for _, _, key in wanted if key in known), None)
            if pause > CLAIM_POLL_SECONDS:
                raise await self._busy(wanted)
            await asyncio.sleep(pause)
            pause *= 2

    async def _busy(self, wanted: tuple[Key, ...]) -> ParkError:
        """Return how a run waits for the one that holds its keys, and for whom it waits."""
        item, (_, object_key, _) = self._run.item, wanted[0]
        keys = [key for _, _, key in wanted]
        arguments = (item.ws, item.run_id, self.connection.id, object_key, keys)
        holder = await self._desk.pool.fetchrow(statement("journal", "holder"), *arguments)
        now = self._desk.clock.now()
        waited = (now - holder["since"]).total_seconds() if holder and holder["since"] else 0.0
        pause = look_pause(waited, first=BUSY_SECONDS, last=BUSY_MOST_SECONDS)
        params = {"run": str(holder["run_id"])} if holder is not None else {}
        return ParkError("claim", "record_busy", now + timedelta(seconds=pause), self.connection.id, params)

    def remember(self, object_key: str, key: str, record_id: str) -> None:
        """Keep that a key is this record."""
        self._run.links.append(LinkRow(self.connection.id, object_key, plain(key), plain(record_id)))

    def forget(self, object_key: str, key: str) -> None:
        """Drop a key whose record is gone."""
        self._run.links.append(LinkRow(self.connection.id, object_key, plain(key), None))

    def _remember(self, key: str, record_id: str) -> None:
        for conn, object_key, held in self._claimed or ():
            if held == plain(key) and record_id:
                self._run.links.append(LinkRow(conn, object_key, held, plain(record_id)))

    async def linked(self, object_key: str, *told: str) -> str | None:
        """Return the record here that is linked with what the event is about; journaled like a read."""
        kind = asked_kind(self._line.connector, object_key, self._about, told)
        if kind is None:
            return None
        n, name, item = self._take_place(), f"linked {object_key}", self._run.item
        kept = self._run.memory.at(n)
        if kept is not None:
            self._same(kept.name, name)
            known: str | None = kept.adopted
            return known
        found = await find(self._desk.pool, item.ws, self.connection.id, object_key, kind, self._about)
        response, code = json.dumps(found).encode(), "linked" if found else ""
        self._sending.add_word(n, name, write=False, done=True, response=response, code=code)
        return found

    def link(self, object_key: str, record_id: str, *told: str) -> None:
        """Link a record here with what the event is about."""
        kind = asked_kind(self._line.connector, object_key, self._about, told)
        if kind is not None:
            self._run.linked += links_of(self.connection.id, object_key, plain(record_id), kind, self._about)

    async def choose(self, object_key: str, candidates: list[Mapping[str, Any]], **about: Any) -> str | None:
        """Let a person choose between several matches."""
        self._questions += 1
        slot = f"choice:{self._step}:{object_key}:{self._questions}"
        answer = self._run.memory.answers.get(slot)
        if answer is None:
            question = {
                "object": object_key,
                "candidates": [dict(one) for one in candidates],
                "looked": self._desk.clock.now().isoformat(),
                "remembers": self._claimed is not None,
                **about,
            }
            await self._desk.ask(self._run, self.connection.id, slot, "choice", question)
            code = "several_matches" if len(candidates) > 1 else "match_unsure"
            raise ParkError("decision", code, None, self.connection.id, {"object": object_key})
        if answer.get("choice") == "skip":
            raise SkipStepError
        if answer.get("choice") == "create":
            return None
        chosen = str(answer.get("record"))
        if answer.get("remember"):
            for _, held_object, key in self._claimed or ():
                if held_object == object_key:
                    self.remember(object_key, key, chosen)
        return chosen

    # Places

    def _take_place(self) -> int:
        n = self._next
        if n + 1 >= self._last:
            raise BugError("step_makes_too_many_calls", params={"step": self._step})
        self._next += 1
        return n

    def _same(self, before: str, now: str) -> None:
        if before != now:
            raise BugError("journal_differs", detail=f"{self._step}: was {before}, is {now}")


def _taken(kept: Kept, take: Callable[[Answer], T]) -> T:
    """Return what a write gave."""
    adopted: T = kept.adopted if kept.code == "adopted" else take(kept.answer)
    return adopted
