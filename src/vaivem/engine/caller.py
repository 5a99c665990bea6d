"""One call to a vendor with all that goes around it: budget, authorisation, what its answer means."""

from __future__ import annotations

from dataclasses import dataclass

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
        self._fresh: dict[int, Connection] = {}

    async def exchange(self, line: Line, call: Call, *, bulk: bool = False) -> Exchange:
        """Send a call. Never raises for what the vendor or the network does: that is in the result."""
        connection = self._current(line)
        try:
            if self.gates.state(connection.id) == HELD:
                raise ReconnectError("reconnect_needed")
            await self.budgets.take(line.connector, connection, call.cost, bulk=bulk)
            exchange = await self._send(line, connection, call)
            if isinstance(exchange.error, ReconnectError) and self._refreshes(line):
                await self.budgets.take(line.connector, connection, call.cost, bulk=bulk)
                exchange = await self._send(line, await self._refreshed(line, connection), call)
        except VaivemError as error:
            exchange = Exchange(None, error)
        return await self._noted(line, exchange)

    def _current(self, line: Line) -> Connection:
        """Return the connection with the newest token: the topology may lag behind a refresh of ours."""
        fresh = self._fresh.get(line.connection.id)
        if fresh is None:
            return line.connection
        if fresh.credentials.get("access_token") == line.connection.credentials.get("access_token"):
            del self._fresh[line.connection.id]
            return line.connection
        return fresh

    @staticmethod
    def _refreshes(line: Line) -> bool:
        return line.connector.manifest.method(line.connection.method).oauth is not None

    async def _refreshed(self, line: Line, connection: Connection) -> Connection:
        fresh = await self.tokens.refresh(line.connector, connection)
        self._fresh[connection.id] = fresh
        return fresh

    async def _send(self, line: Line, connection: Connection, call: Call) -> Exchange:
        answer = await self.outbound.send(line.connector, connection, call)
        state = line.connector.limit_state(answer)
        if state is not None:
            await self.budgets.believe(connection.id, state)
        return Exchange(answer, line.connector.errors.error(call, answer))

    async def _noted(self, line: Line, exchange: Exchange) -> Exchange:
        """Let the gate learn from what happened."""
        conn, error = line.connection.id, exchange.error
        if error is None:
            await self.gates.worked(conn)
        elif isinstance(error, RetryError) and error.limit:
            if exchange.answer is not None:
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
