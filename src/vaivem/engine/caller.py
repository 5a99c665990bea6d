"""One call to a vendor with all that goes around it: budget, authorisation, what its answer means."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from vaivem.connectors.sdk import Answer, Call, Connection, Quota
from vaivem.core.errors import ReconnectError, Recovery, RetryError, UncertainError, VaivemError
from vaivem.engine.answers import Answers, Kept, own_limit
from vaivem.engine.budgets import Budgets
from vaivem.engine.clock import Clock
from vaivem.engine.gates import HELD, SPENT, SPENT_TRY_SECONDS, Gates
from vaivem.engine.ids import time_of
from vaivem.engine.outbound import Outbound, Wire, build_wire
from vaivem.engine.spending import Spending
from vaivem.engine.tokens import AHEAD_SECONDS, Fresh, Tokens
from vaivem.engine.topology import Line
from vaivem.engine.traces import traces

AGAIN_SECONDS = 30.0  # between two tries to refresh a token that still holds


class Exchange(msgspec.Struct, frozen=True):
    """What came of a call: an answer, an error, or an answer that is one; and what was sent, where known.

    `kept`: nothing was sent, the answer is the one that another read had got at that moment.
    """

    answer: Answer | None
    error: VaivemError | None
    wire: Wire | None = None
    kept: datetime | None = None


class Caller:
    """Sends calls for runs and chores, within the connection's budget and behind its gate."""

    def __init__(
        self,
        outbound: Outbound,
        budgets: Budgets,
        answers: Answers,
        gates: Gates,
        tokens: Tokens,
        clock: Clock,
        spending: Spending,
    ) -> None:
        self._clock = clock
        self.outbound = outbound
        self.budgets = budgets
        self.answers = answers
        self.gates = gates
        self.tokens = tokens
        self.spending = spending
        # By connection: the topology's credentials then, and the newer ones in use meanwhile.
        self._fresh: dict[int, tuple[Mapping[str, Any], Fresh]] = {}
        self._tried: dict[int, float] = {}  # when a refresh ahead of time was tried last

    async def exchange(
        self,
        line: Line,
        call: Call,
        *,
        bulk: bool = False,
        look: Callable[[], Awaitable[None]] | None = None,
        run: int | None = None,
    ) -> Exchange:
        """Send a call. Never raises for what the vendor or the network does: that is in the result.

        `look` is the last thing done before a request leaves, after every wait. `run` is the run that calls:
        a kept answer from after it was made tells of all that it is about.
        """
        try:
            if line.locked:
                raise ReconnectError("credentials_locked")
            conn = line.connection.id
            if self.gates.state(conn) == HELD and await self.gates.look(conn) == HELD:
                raise ReconnectError("reconnect_needed")
            if self.gates.state(conn) == SPENT:
                await self.gates.pass_spent(conn, bulk=bulk)
            connection = await self._ready(line) if call.authorise else line.connection
            if call.since is None and not call.lasts:  # as nearly always: no answer is shared
                await self.budgets.take(line.connector, connection, call, bulk=bulk)
                exchange = await self._send(line, connection, call, look)
            else:
                exchange = await self._shared(line, connection, call, look, run, bulk=bulk)
                if exchange.kept is not None:
                    return exchange  # nobody was called: it says nothing of how the vendor is
            if isinstance(exchange.error, ReconnectError) and call.authorise:
                exchange = await self._repeated(line, connection, call, exchange, look, bulk=bulk)
        except VaivemError as error:
            exchange = Exchange(None, error)
        return await self._noted(line, exchange, call, bulk=bulk)

    async def _shared(
        self,
        line: Line,
        connection: Connection,
        call: Call,
        look: Callable[[], Awaitable[None]] | None,
        run: int | None,
        *,
        bulk: bool,
    ) -> Exchange:
        """Give the answer of another call like this one, or send it and keep its answer for others."""
        kept = await self._kept(line, connection, call, run, bulk=bulk)
        if kept is not None:
            return Exchange(kept.answer, None, kept=kept.at)
        # The database's clock where it says: this process's own may lag behind when that is set ahead.
        begun = await self.budgets.take(line.connector, connection, call, bulk=bulk) or self._clock.now()
        exchange = await self._send(line, connection, call, look)
        if exchange.error is None and exchange.answer is not None:
            await self._keep(line, connection, call, begun, exchange.answer, bulk=bulk)
        return exchange

    async def _kept(
        self, line: Line, connection: Connection, call: Call, run: int | None, *, bulk: bool
    ) -> Kept | None:
        """Return an answer that another call like this one had got, where such a one will do."""
        if call.anew:
            return None
        if bulk and call.lasts:
            return await self.answers.find_lasting(connection.id, call, self._clock.now())
        own = own_limit(line.connector.limits(connection), call) if call.since is not None else None
        made = time_of(run) if run is not None else None
        return await self.answers.find(connection.id, own, call, made) if own is not None else None

    async def _keep(
        self, line: Line, connection: Connection, call: Call, begun: datetime, answer: Answer, *, bulk: bool
    ) -> None:
        """Keep an answer for others, where it may serve them."""
        if bulk and call.lasts:
            await self.answers.keep_lasting(connection.id, call, begun, answer)
        elif call.since is not None:
            own = own_limit(line.connector.limits(connection), call)
            if own is not None:
                await self.answers.keep(connection.id, own, call, begun, answer)

    async def renew(self, line: Line) -> None:
        """Refresh the token of an unused connection. A dead grant holds it as a refused call does."""
        try:
            await self._refreshed(line, self._current(line).connection)
        except ReconnectError as error:
            await self._noted(line, Exchange(None, error))
            raise

    async def _ready(self, line: Line) -> Connection:
        """Return the connection as a call needs it: one whose token is over would only be refused.

        What is about to be over is refreshed by the first call of the last minutes. A token that still holds
        is used for as long as the vendor's token endpoint is in trouble.
        """
        current = self._current(line)
        if not line.connector.manifest.method(line.connection.method).renews:
            return current.connection
        if not current.connection.credentials.get("access_token"):  # a key was pasted, no access got yet
            return await self._refreshed(line, current.connection) or current.connection
        if current.expires is None:
            return current.connection
        left = (current.expires - self._clock.now()).total_seconds()
        if left > AHEAD_SECONDS or (left > 0 and not self._may_try(line.connection.id)):
            return current.connection
        try:
            return await self._refreshed(line, current.connection) or current.connection
        except ReconnectError:
            raise
        except VaivemError:
            if left <= 0:
                raise
            return current.connection

    def _may_try(self, conn: int) -> bool:
        now = time.monotonic()
        if now - self._tried.get(conn, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        self._tried[conn] = now
        return True

    def _current(self, line: Line) -> Fresh:
        """Return the connection with the newest credentials: the topology may lag behind a refresh."""
        known = self._fresh.get(line.connection.id)
        if known is None:
            return Fresh(line.connection, line.expires)
        before, fresh = known
        if line.connection.credentials != before:
            del self._fresh[line.connection.id]  # the topology has caught up
            return Fresh(line.connection, line.expires)
        return fresh

    async def _repeated(
        self,
        line: Line,
        connection: Connection,
        call: Call,
        refused: Exchange,
        look: Callable[[], Awaitable[None]] | None,
        *,
        bulk: bool,
    ) -> Exchange:
        """Send a refused call once more with newer credentials, if there are any."""
        fresh = await self._refreshed(line, connection)
        if fresh is None:
            return refused
        await self.budgets.take(line.connector, fresh, call, bulk=bulk)
        return await self._send(line, fresh, call, look)

    async def _refreshed(self, line: Line, connection: Connection) -> Connection | None:
        """Return the connection with other credentials: refreshed, or saved by a person; None without."""
        if line.connector.manifest.method(line.connection.method).renews:
            fresh: Fresh | None = await self.tokens.refresh(line.connector, connection)
        else:
            fresh = await self.tokens.newer(connection)
        if fresh is None:
            return None
        self._fresh[connection.id] = (line.connection.credentials, fresh)
        return fresh.connection

    async def _send(
        self, line: Line, connection: Connection, call: Call, look: Callable[[], Awaitable[None]] | None
    ) -> Exchange:
        if look is not None:
            await look()
        wire = build_wire(line.connector, connection, call)
        with traces.call(call.name, wire.method, wire.shown_url, connection.id) as span:
            answer = await self.outbound.send_wire(line.connector, wire)
            error = line.connector.errors.error(call, answer)
            traces.answered(span, answer.status, error.code if error else "")
        state = line.connector.limit_state(call, answer)
        if state is not None:
            await self.budgets.believe(connection.id, state)
        spent_nothing = isinstance(error, RetryError) and error.limit
        if not spent_nothing and line.connector.quota(connection) is not None:
            self.spending.note(connection.id, call.cost)
        return Exchange(answer, error, wire)

    async def _noted(
        self, line: Line, exchange: Exchange, call: Call | None = None, *, bulk: bool = False
    ) -> Exchange:
        """Let the gate learn from what happened."""
        conn, error = line.connection.id, exchange.error
        cost = call.cost if call else 0
        if error is None:
            await self.gates.worked(conn, cost)
        elif isinstance(error, RetryError) and error.limit:
            if exchange.answer is not None and error.spent:
                await self._spent(line, error, cost, bulk=bulk)
            elif exchange.answer is not None and not error.narrow:
                error.retry_after = await self.gates.limited(conn, error.retry_after, error.code)
                await self.budgets.close(conn, error.retry_after)
        elif error.recovery is Recovery.RECONNECT:
            if self.gates.state(conn) != HELD:
                await self.gates.hold(conn, error.code, error.params)
        elif isinstance(error, RetryError | UncertainError):
            await self.gates.failed(conn, error.code, error.params)
        elif exchange.answer is not None:
            await self.gates.worked(conn, cost)
        return exchange

    async def _spent(self, line: Line, error: RetryError, cost: int, *, bulk: bool) -> None:
        """The budget of the day is spent: until the vendor's own time, or until it counts anew."""
        now = self._clock.now()
        quota = line.connector.quota(line.connection) or Quota()
        left = error.retry_after or (quota.ends(now) - now).total_seconds()
        await self.gates.spend(line.connection.id, error.code, cost, left)
        error.retry_after = left if bulk else min(left, SPENT_TRY_SECONDS)
