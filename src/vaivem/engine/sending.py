"""The calls of one step: sent, each try a row of the run's journal."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import Any

from vaivem.connectors.sdk import Answer, Call
from vaivem.core.errors import BugError, RetryError, VaivemError
from vaivem.engine.caller import Exchange
from vaivem.engine.crashpoints import reach
from vaivem.engine.desk import Desk, RunState
from vaivem.engine.journal import StepRow
from vaivem.engine.memory import READ_BEFORE
from vaivem.engine.outbound import Wire
from vaivem.engine.topology import Line

SHORT_WAIT_SECONDS = 3.0
INTENT_SECONDS = 1.0  # how much older than its write an intent may be
MAX_KEPT_BYTES = 1024 * 1024


class Sending:
    """Sends what one step of a run asks for, and writes down what came of it.

    `known` is what the claim just taken gave: the next final row keeps it. `since` is when the first call was
    made by whose answer the step goes, in this process or before; `claimed` the same for each claim on an
    object, in their order.
    """

    __slots__ = ("_desk", "_last", "_line", "_run", "_step", "claimed", "known", "since")

    def __init__(self, desk: Desk, run: RunState, line: Line, step: str) -> None:
        self._desk = desk
        self._run = run
        self._line = line
        self._step = step
        self.known: str | None = None
        self.since: datetime | None = None
        self.claimed: dict[str, list[datetime | None]] = {}
        self._last: list[datetime | None] = []

    def goes_by(self, at: datetime | None) -> None:
        """Note that the step goes by the answer to a call of that time; None where it is not known."""
        if at is not None:
            self.since = min(self.since or at, at)
            if self._last and self._last[-1] is None:
                self._last[-1] = at

    def claims(self, object_key: str) -> None:
        """Note that what comes now is of another record of this object."""
        self._last = self.claimed.setdefault(object_key, [])
        self._last.append(None)

    async def send(self, call: Call, n: int, *, write: bool, done: bool) -> Answer:
        """Send, journal each try, wait in place for short pauses. Raises what the answer means.

        `done`: an answer is final at place `n` (not that of a look for the write there).
        """
        while True:
            begun = self._desk.clock.now()
            reach("call.before_send")
            look = partial(self._last_look, n, call) if write else None
            item = self._run.item
            exchange = await self._desk.caller.exchange(
                self._line, call, bulk=item.bulk, look=look, run=item.run_id
            )
            reach("call.after_send")
            self._note(call, n, exchange, begun, write=write, done=done)
            if exchange.error is None and exchange.answer is not None:
                return exchange.answer
            error = exchange.error or BugError()
            pause = _short_pause(error)
            if pause is None:
                raise error
            await asyncio.sleep(pause)

    async def _last_look(self, n: int, call: Call) -> None:
        """Look at the lease, and have the intent say when the write leaves: it may have waited since.

        Looking for a write in doubt waits from then on until the vendor must have it.
        """
        run = self._run
        if (self._desk.clock.now() - run.intended).total_seconds() > INTENT_SECONDS:
            await self._desk.flush(run, intent=n)
        await self._desk.look_at_lease(call.timeout)

    def _note(
        self, call: Call, n: int, exchange: Exchange, begun: datetime, *, write: bool, done: bool
    ) -> None:
        answer, error = exchange.answer, exchange.error
        if answer is not None and exchange.kept is not None:
            self.add_word(
                n, call.name, write=False, done=done, response=answer.content, code=READ_BEFORE,
                status=answer.status, at=exchange.kept,
            )  # fmt: skip
            return
        wire = exchange.wire or self._desk.shown(self._line, call)
        self._add_row(
            n,
            call.name,
            write=write,
            done=done and error is None,
            method=call.method,
            url=wire.shown_url,
            status=answer.status if answer else 0,
            request=wire.body[:MAX_KEPT_BYTES] or None,
            response=answer.content[:MAX_KEPT_BYTES] if answer else None,
            code=error.code if error else "",
            ms=answer.milliseconds if answer else 0,
            at=begun,
        )

    def add_word(
        self,
        n: int,
        name: str,
        *,
        write: bool,
        done: bool,
        response: bytes | None,
        code: str = "",
        status: int = 0,
        at: datetime | None = None,
    ) -> None:
        """Journal what was found, told or counted without a call. `at`: when what it goes by was read."""
        self._add_row(
            n, name, write=write, done=done, method="", url="", status=status, request=None,
            response=response, code=code, ms=0, at=at or self._desk.clock.now(),
        )  # fmt: skip

    def add_part(self, n: int, name: str, wire: Wire, response: bytes, code: str) -> None:
        """Journal a write that another than the run sent, as part of a call for many."""
        self._add_row(
            n, name, write=True, done=True, method=wire.method, url=wire.shown_url, status=200,
            request=wire.body[:MAX_KEPT_BYTES] or None, response=response, code=code, ms=0,
            at=self._desk.clock.now(),
        )  # fmt: skip

    def _add_row(self, n: int, name: str, **parts: Any) -> None:
        memory = self._run.memory
        memory.tries[n] = memory.tries.get(n, 0) + 1
        row = StepRow(
            n=n,
            try_=memory.tries[n],
            step=self._step,
            name=name,
            conn=self._line.connection.id,
            known=self.known,
            **parts,
        )
        self.goes_by(row.at)
        memory.calls += row.method != ""
        memory.sent[n] = memory.sent.get(n, 0) + row.write
        if row.done:
            self.known = None
        self._run.steps.append(row)


def _short_pause(error: VaivemError) -> float | None:
    """Return the seconds to wait in place for a limit, None when the run parks instead."""
    if isinstance(error, RetryError) and error.limit and error.retry_after is not None:
        return error.retry_after if error.retry_after <= SHORT_WAIT_SECONDS else None
    return None
