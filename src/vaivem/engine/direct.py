"""Calls to a vendor outside of runs: connect forms, live lists, webhooks. They keep no journal."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from types import TracebackType
from typing import Self

import asyncpg

from vaivem.config import Config
from vaivem.connectors.sdk import Answer, App, Call, Connection, Connector
from vaivem.connectors.sdk.registry import get_connector
from vaivem.core.errors import BugError, ReconnectError, RetryError
from vaivem.engine.apart import Apart
from vaivem.engine.assertions import ask_access
from vaivem.engine.caller import Caller
from vaivem.engine.oauth import revoke
from vaivem.engine.outbound import Outbound
from vaivem.engine.statements import statement
from vaivem.engine.tokens import Tokens
from vaivem.engine.topology import Line
from vaivem.vault import Vault

COUNT_SECONDS = 3.0
# A person waits for the page: so long are limits of few calls a second waited out, all in all.
PATIENCE_SECONDS = 20.0
LIMIT_PAUSE_SECONDS = 1.0

log = logging.getLogger(__name__)


class DirectCaller:
    """A `Writer` for a connection that may not be saved yet. Its calls are few: no budget holds them.

    The access of a saved connection (one with an id) is refreshed when a call is refused, as a worker would.
    """

    def __init__(self, config: Config, connection: Connection) -> None:
        self._config = config
        self._connection = connection
        self._connector: Connector = get_connector(connection.connector)
        self._outbound = Outbound(config.allowed_private_hosts)
        self._renewed = False
        self._patience = PATIENCE_SECONDS
        self._costs: list[int] = []  # of the calls that were answered

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._outbound.close()
        if self._costs and self._connection.id and self._connector.quota(self._connection) is not None:
            await self._count()

    async def _count(self) -> None:
        """Add what the calls cost to the budget of the day. It is a guess: a page does not fail for it."""
        try:
            db = await asyncpg.connect(self._config.dsn, timeout=COUNT_SECONDS)
            try:
                arguments = (self._connection.id, sum(self._costs), len(self._costs))
                await db.execute(statement("spending", "add_now"), *arguments, timeout=COUNT_SECONDS)
            finally:
                await db.close(timeout=1)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            conn = self._connection.id
            log.warning(
                "Connection %s: its calls were not counted: %s", conn, error, extra={"connection": conn}
            )

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
        if call.authorise and self._signs and not self._connection.credentials.get("access_token"):
            await self._sign()
        while True:
            answer = await self._outbound.send(self._connector, self._connection, call)
            error = self._connector.errors.error(call, answer)
            if isinstance(error, ReconnectError) and call.authorise and self._may_renew():
                await self._renew()
                answer = await self._outbound.send(self._connector, self._connection, call)
                error = self._connector.errors.error(call, answer)
            if not (isinstance(error, RetryError) and error.limit):
                self._costs.append(call.cost)
                break
            if not await self._waited(error):
                break
        if error is not None:
            raise error
        return answer

    async def _waited(self, error: RetryError) -> bool:
        """Wait out a limit of some seconds, which many reads in a row meet; False for a longer one."""
        pause = error.retry_after or LIMIT_PAUSE_SECONDS
        if self._patience < pause:
            return False
        self._patience -= pause
        await asyncio.sleep(pause)
        return True

    async def revoke(self, app: App) -> bool:
        """Give the access back to the vendor; False where it has no way to. Raises what a refusal means."""
        try:
            return await revoke(self._outbound, self._connector, self._connection, app)
        except ReconnectError:
            if not self._may_renew():
                raise
        await self._renew()
        return await revoke(self._outbound, self._connector, self._connection, app)

    @property
    def _signs(self) -> bool:
        return self._connector.manifest.method(self._connection.method).assertion is not None

    def _may_renew(self) -> bool:
        method = self._connector.manifest.method(self._connection.method)
        saved = bool(self._connection.id) and method.oauth is not None
        return (saved or self._signs) and not self._renewed

    async def _sign(self) -> None:
        """Get an access of our own, kept by nobody: whatever is saved may be of another key."""
        self._renewed = True
        made = await ask_access(self._outbound, self._connector, self._connection, time.time())
        self._connection = replace(self._connection, credentials=made)

    async def _renew(self) -> None:
        if self._signs:
            await self._sign()
            return
        self._renewed = True
        dsn = self._config.dsn
        vault = Vault.from_folder(self._config.data_dir)
        async with asyncpg.create_pool(dsn, min_size=0, max_size=2, command_timeout=60) as pool:
            tokens = Tokens(pool, vault, self._outbound, Apart(self._config, dsn))
            self._connection = (await tokens.refresh(self._connector, self._connection)).connection

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
