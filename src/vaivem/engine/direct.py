"""Calls to a vendor outside of runs: connect forms, live lists, webhooks. They keep no journal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from vaivem.config import Config
from vaivem.connectors.sdk import Answer, Call, Connection, Connector
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import BugError
from vaivem.engine.caller import Caller
from vaivem.engine.outbound import Outbound
from vaivem.engine.topology import Line


class DirectCaller:
    """A `Writer` for a connection that may not be saved yet. Its calls are few and keep no budget."""

    def __init__(self, config: Config, connection: Connection) -> None:
        self._connection = connection
        self._connector: Connector = get_connector(connection.connector)
        self._outbound = Outbound(config.allowed_private_hosts)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._outbound.close()

    @property
    def connection(self) -> Connection:
        """The connection that calls go to."""
        return self._connection

    @property
    def outbound(self) -> Outbound:
        """What sends the calls: for an OAuth code exchange."""
        return self._outbound

    async def read(self, call: Call) -> Answer:
        """Send a call and return its 2xx answer; raises what any other answer means."""
        answer = await self._outbound.send(self._connector, self._connection, call)
        error = self._connector.errors.error(call, answer)
        if error is not None:
            raise error
        return answer

    async def send(self, call: Call) -> Answer:
        """Send a call that changes something."""
        return await self.read(call)


class ChoreCaller:
    """A `Writer` for chores: within the connection's budget, behind the live runs."""

    def __init__(self, caller: Caller, line: Line) -> None:
        self._caller = caller
        self._line = line

    @property
    def connection(self) -> Connection:
        """The connection that calls go to."""
        return self._line.connection

    async def read(self, call: Call) -> Answer:
        """Send a call and return its 2xx answer; raises what any other answer means."""
        exchange = await self._caller.exchange(self._line, call, bulk=True)
        if exchange.error is not None:
            raise exchange.error
        if exchange.answer is None:
            raise BugError
        return exchange.answer

    async def send(self, call: Call) -> Answer:
        """Send a call that changes something."""
        return await self.read(call)
