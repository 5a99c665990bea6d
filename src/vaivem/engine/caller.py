"""One call to a vendor with all that goes around it: budget, authorisation, what its answer means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vaivem.connectors.sdk import Answer, Call, Connection
from vaivem.core.errors import ReconnectError, Recovery, RetryError, UncertainError, VaivemError
from vaivem.engine.budgets import Budgets
from vaivem.engine.gates import HELD, Gates
from vaivem.engine.oauth import Tokens
from vaivem.engine.outbound import Outbound
from vaivem.engine.topology import Line


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of a call: an answer, an error, or an answer that is one."""

    answer: Answer | None
    error: VaivemError | None


class Caller:
    """Sends calls for runs and chores, within the connection's budget and behind its gate."""

    def __init__(self, outbound: Outbound, budgets: Budgets, gates: Gates, tokens: Tokens) -> None:
        self.outbound = outbound
        self.budgets = budgets
        self.gates = gates
        self.tokens = tokens
        # By connection: the topology's credentials then, and the newer ones in use meanwhile.
        self._fresh: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}

    async def exchange(
        self, line: Line, call: Call, *, bulk: bool = False, look: Callable[[], Awaitable[None]] | None = None
    ) -> Exchange:
        """Send a call. Never raises for what the vendor or the network does: that is in the result.

        `look` is the last thing done before a request leaves, after every wait.
        """
        connection = self._current(line)
        try:
            if line.locked:
                raise ReconnectError("credentials_locked")
            if self.gates.state(connection.id) == HELD and await self.gates.look(connection.id) == HELD:
                raise ReconnectError("reconnect_needed")
            await self.budgets.take(line.connector, connection, call, bulk=bulk)
            exchange = await self._send(line, connection, call, look)
            if isinstance(exchange.error, ReconnectError) and call.authorise:
                exchange = await self._repeated(line, connection, call, exchange, look, bulk=bulk)
        except VaivemError as error:
            exchange = Exchange(None, error)
        return await self._noted(line, exchange)

    async def renew(self, line: Line) -> None:
        """Refresh a token ahead of its end. A dead grant holds the connection, as a refused call does."""
        try:
            await self._refreshed(line, self._current(line))
        except ReconnectError as error:
            await self._noted(line, Exchange(None, error))
            raise

    def _current(self, line: Line) -> Connection:
        """Return the connection with the newest credentials: the topology may lag behind a refresh."""
        known = self._fresh.get(line.connection.id)
        if known is None:
            return line.connection
        before, fresh = known
        if line.connection.credentials != before:
            del self._fresh[line.connection.id]  # the topology has caught up
            return line.connection
        return replace(line.connection, credentials=fresh)

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
        if line.connector.manifest.method(line.connection.method).oauth is not None:
            fresh: Connection | None = await self.tokens.refresh(line.connector, connection)
        else:
            fresh = await self.tokens.newer(connection)
        if fresh is not None:
            self._fresh[connection.id] = (line.connection.credentials, fresh.credentials)
        return fresh

    async def _send(
        self, line: Line, connection: Connection, call: Call, look: Callable[[], Awaitable[None]] | None
    ) -> Exchange:
        if look is not None:
            await look()
        answer = await self.outbound.send(line.connector, connection, call)
        state = line.connector.limit_state(call, answer)
        if state is not None:
            await self.budgets.believe(connection.id, state)
        return Exchange(answer, line.connector.errors.error(call, answer))

    async def _noted(self, line: Line, exchange: Exchange) -> Exchange:
        """Let the gate learn from what happened."""
        conn, error = line.connection.id, exchange.error
        if error is None:
            await self.gates.worked(conn)
        elif isinstance(error, RetryError) and error.limit:
            if exchange.answer is not None and not error.narrow:
                error.retry_after = await self.gates.limited(conn, error.retry_after)
                await self.budgets.close(conn, error.retry_after)
        elif error.recovery is Recovery.RECONNECT:
            if self.gates.state(conn) != HELD:
                await self.gates.hold(conn, error.code, error.params)
        elif isinstance(error, RetryError | UncertainError):
            await self.gates.failed(conn, error.code, error.params)
        elif exchange.answer is not None:
            await self.gates.worked(conn)
        return exchange
