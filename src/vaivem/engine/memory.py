"""What is durable of a run that began before: its journal, as a repeat of the run reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from vaivem.connectors.sdk import Answer
from vaivem.engine.statements import statement

READ_BEFORE = "read_before"  # the code of an answer that another read had got
DONE_BEFORE = "done_before"  # the code of a write that a replay leaves out
COUNTED = "counted"  # the name of the row that says what a write counts on: the reads before it
TOGETHER = "written_together"  # the code of a write that went with those of other runs
LEFT_OUT = "bulk_left_out"  # the code of the word that such a call did not take the record
REOPENED = "reopened"  # the name of the row that says that a run which had ended was opened again
CROSSED = "crossed"  # the name of the row that says by which version a run went on


@dataclass(frozen=True, slots=True)
class Kept:
    """A step that is final: a repeat of the run gets its answer from here.

    `refused` is a read whose answer was an error, behind which the run went on: it goes the same way again.
    """

    name: str
    write: bool
    known: str | None
    status: int
    response: bytes
    code: str
    refused: bool = False
    at: datetime | None = None

    @property
    def answer(self) -> Answer:
        """The vendor's answer, as it was."""
        return Answer(self.status, {}, self.response)

    @property
    def adopted(self) -> Any:
        """The record that was found instead of made."""
        return json.loads(self.response)


@dataclass(frozen=True, slots=True)
class Crossing:
    """A person had the run go on behind a step, where it waited, in another version of its rule."""

    step: str
    before: int
    version: int

    @classmethod
    def read(cls, response: bytes) -> Crossing:
        """Read it as the journal has it."""
        told = json.loads(response)
        return cls(told["step"], told["from"], told["to"])


class Memory(msgspec.Struct):
    """A run's journal.

    Only what came before its last durable write counts (`upto`): reads after it are read again, since what
    they saw may have changed meanwhile. Of a run that was opened again, this holds for what it did before and
    for what it did since, each by itself: its new steps may stand before some that are done.

    `tries` counts the rows of each place, `sent` those of its write. `doubt` is when the intent of a write
    without an outcome was made. `answers` are people's decisions. `crossings` are the versions that it went
    on in, in order.
    """

    kept: dict[int, Kept] = msgspec.field(default_factory=dict)
    tries: dict[int, int] = msgspec.field(default_factory=dict)
    sent: dict[int, int] = msgspec.field(default_factory=dict)
    upto: int = -1
    doubt: datetime | None = None
    doubt_n: int = -1
    answers: dict[str, Mapping[str, Any] | None] = msgspec.field(default_factory=dict)
    failures: int = 0
    worked: float = 0.0
    calls: int = 0
    crossings: list[Crossing] = msgspec.field(default_factory=list)

    def at(self, n: int) -> Kept | None:
        """Return what is final at place `n`, if it counts."""
        return self.kept.get(n) if n <= self.upto else None


class _Eras:
    """A run's time until it ended, and each since it was opened again: how far what was done then counts."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        told = [row["response"] for row in rows if row["name"] == REOPENED and not row["method"]]
        # How often each place had been tried by then.
        self._tried = [{int(n): most for n, most in json.loads(one).items()} for one in told]
        self._of: dict[int, int] = {}
        self.upto = [-1] * (len(self._tried) + 1)

    def note(self, row: Mapping[str, Any]) -> None:
        """Take the next row of the journal."""
        n = row["n"]
        era = sum(tried.get(n, 0) < row["try"] for tried in self._tried)
        if row["done"] or (not row["write"] and row["status"] > 0):
            self._of[n] = era
        if row["done"] and row["write"]:
            self.upto[era] = max(self.upto[era], n)

    def counts_to(self, n: int) -> None:
        """Let what was done last count up to a place."""
        self.upto[-1] = max(self.upto[-1], n)

    def counts(self, n: int) -> bool:
        """Say whether what is kept of a place counts."""
        return n <= self.upto[self._of[n]]


async def recall(db: asyncpg.Pool, ws: int, run_id: int) -> Memory:
    """Read all that is known of a run."""
    memory, counted = Memory(), set[int]()
    rows = await db.fetch(statement("lanes", "journal"), ws, run_id)
    eras = _Eras(rows)
    for row in rows:
        n = row["n"]
        memory.tries[n] = memory.tries.get(n, 0) + 1
        if row["name"] == REOPENED and not row["method"]:
            continue
        if row["name"] == CROSSED and not row["method"]:
            memory.crossings.append(Crossing.read(row["response"]))
            continue
        if row["name"] == COUNTED and not row["method"]:
            counted.add(n)
            continue
        memory.sent[n] = memory.sent.get(n, 0) + row["write"]
        memory.calls += row["method"] != ""
        refused = not row["done"] and not row["write"] and row["status"] > 0
        if row["done"] or refused:
            memory.kept[n] = Kept(
                row["name"],
                row["write"],
                row["known"],
                row["status"],
                row["response"] or b"",
                row["code"],
                refused,
                row["at"],
            )
        eras.note(row)
    for row in await db.fetch(statement("lanes", "doubts"), ws, run_id):
        memory.doubt, memory.doubt_n = row["at"], max(memory.doubt_n, row["n"])
    if memory.doubt is not None and memory.doubt_n in counted:
        # It may have been done: sent again, it has to say the same number, not one that counts itself.
        eras.counts_to(memory.doubt_n - 1)
    memory.upto = max(eras.upto)
    memory.kept = {n: kept for n, kept in memory.kept.items() if eras.counts(n)}
    for row in await db.fetch(statement("lanes", "answers"), ws, run_id):
        memory.answers[row["slot"]] = json.loads(row["answer"]) if row["answer"] else None
    waiting = await db.fetchrow(statement("lanes", "waiting"), ws, run_id)
    if waiting is not None:
        memory.failures, memory.worked = waiting["tries"], waiting["worked"]
    return memory
