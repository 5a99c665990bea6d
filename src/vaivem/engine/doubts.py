"""A write in doubt: it left, and nobody knows whether it was done (guarantee 5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from vaivem.connectors.sdk import Call, Findable, Idempotent, Keyed, Repeat, Unsafe
from vaivem.core.errors import RecordError, VaivemError
from vaivem.core.retry import may_retry, next_pause
from vaivem.engine.desk import Desk, RunState
from vaivem.engine.parking import ParkError, SkipStepError
from vaivem.engine.sending import Sending
from vaivem.engine.topology import Line


class Doubts:
    """Acts by the kind that a write's action declares: send again, look for it, or ask a person.

    `looking` is the place of the write that a find belongs to while it is looked for: reads go there.
    """

    __slots__ = ("_desk", "_line", "_looked", "_run", "_sending", "looking")

    def __init__(self, desk: Desk, run: RunState, line: Line, sending: Sending) -> None:
        self._desk = desk
        self._run = run
        self._line = line
        self._sending = sending
        self._looked: datetime | None = None  # when a find for a write in doubt was last made
        self.looking: int | None = None

    async def arise(self, n: int, call: Call, repeat: Repeat, error: VaivemError) -> Exception:
        """Return what the run does about a write that left just now, and may have been done."""
        params = {**error.params, "call": call.name}
        tired = not may_retry(self._run.memory.worked)
        if isinstance(repeat, Unsafe) or (tired and isinstance(repeat, Findable)):
            return await self._ask(n, call, error.code)
        if tired:  # a repeat gives the same state: a person may retry the run at any time
            return RecordError("gave_up", params={**params, "cause": error.code})
        tries = self._run.memory.failures
        pause = next_pause(tries, retry_after=None, seed=self._run.item.run_id)
        if isinstance(repeat, Findable):
            pause = max(pause, self._settling(repeat))
        due = self._desk.clock.after(pause)
        return ParkError(
            "doubt", error.code, due, self._line.connection.id, params, keeps=True, failed=True, pause=pause
        )

    async def settle(self, n: int, call: Call, repeat: Repeat) -> Any | None:
        """Settle what is in doubt since before, if anything is; return the record found, None to send."""
        memory = self._run.memory
        if memory.doubt is None:
            return None
        self._run.intent = True  # durable since then
        found = None
        if not isinstance(repeat, Idempotent | Keyed):
            found = await self._settled(n, call, repeat, memory.doubt)
        memory.doubt = None  # not before: a look that fails leaves the write in doubt
        return found

    async def _settled(self, n: int, call: Call, repeat: Repeat, doubt: datetime) -> Any | None:
        answer = self._run.memory.answers.get(self._slot(n))
        if answer is not None:
            return await self._answered(n, call, repeat, answer)
        if not isinstance(repeat, Findable):
            raise await self._ask(n, call, "write_in_doubt")
        self.wait_until_settled(doubt, self._settling(repeat))
        found = await self.find(n, call, repeat.find)
        if found is None and not repeat.sure:
            raise await self._ask(n, call, "write_in_doubt_not_found")
        return found

    def wait_until_settled(self, doubt: datetime, seconds: float | None = None) -> None:
        """Park until the vendor must have what was sent; `seconds` as the connection says, if not given."""
        due = doubt + timedelta(seconds=self._usual_settling() if seconds is None else seconds)
        if due > self._desk.clock.now():
            raise ParkError("doubt", "write_settling", due, self._line.connection.id, keeps=True)

    def _settling(self, repeat: Findable) -> float:
        return self._usual_settling() if repeat.settle is None else repeat.settle

    def _usual_settling(self) -> float:
        chosen = self._line.connection.settings.get("settle_seconds")
        return float(chosen or self._line.connector.manifest.settle)

    async def find(self, n: int, call: Call, find: Callable[[], Any]) -> Any | None:
        """Run a find whose reads belong to the write at `n`; what it finds is the write's result."""
        self.looking = n
        try:
            found = await find()
        finally:
            self.looking = None
            self._looked = self._desk.clock.now()
        if found is not None:
            self._add_answer(n, call, "adopted", found)
        return found

    def _add_answer(self, n: int, call: Call, code: str, record: Any | None) -> None:
        """Journal what settled a doubt without a call: a record found, or a person's word."""
        response = json.dumps(record).encode()
        self._sending.add_word(
            n, call.name, write=True, done=record is not None, response=response, code=code
        )

    def _slot(self, n: int) -> str:
        """Return the name of the question about the last time that a write was sent."""
        return f"doubt:{n}:{self._run.memory.sent.get(n, 0)}"

    async def _ask(self, n: int, call: Call, code: str) -> ParkError:
        """Put the question whether a write was done; return how the run waits for the answer."""
        conn, wire = self._line.connection.id, self._desk.shown(self._line, call)
        question = {
            "code": code,
            "call": call.name,
            "method": call.method,
            "url": wire.shown_url,
            "sent": wire.body[:4000].decode("utf-8", "replace"),
            "looked": self._looked.isoformat() if self._looked else None,
        }
        await self._desk.ask(self._run, conn, self._slot(n), "doubt", question, doubt=n)
        return ParkError("decision", code, None, conn, {"call": call.name}, keeps=True)

    async def _answered(self, n: int, call: Call, repeat: Repeat, answer: Mapping[str, Any]) -> Any | None:
        """Do what a person said of a write in doubt."""
        choice = answer.get("choice")
        if choice == "skip":
            self._run.memory.doubt = None
            raise SkipStepError
        if choice != "done":
            self._add_answer(n, call, "told_to_do_it", None)
            await self._desk.flush(self._run, intent=n)  # the answer is used up: the next doubt asks again
            return None
        if isinstance(repeat, Findable):
            found = await self.find(n, call, repeat.find)
            if found is not None:
                return found
        record = {"id": str(answer.get("record") or "")}
        self._add_answer(n, call, "adopted", record)
        return record
