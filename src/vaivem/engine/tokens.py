"""Keeps access tokens good: each connection's is got anew once at a time over all processes.

An advisory lock on the connection makes it once, the new pair is saved by compare-and-set before it is used.
A vendor that rotates refresh tokens kills the old one at once; there the exchange and its saving happen in a
short process of their own (`apart`), which a killed worker does not take with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

import asyncpg

from vaivem.connectors.sdk import App, Connection, Connector
from vaivem.core.errors import ReconnectError, RuleError
from vaivem.engine.apart import Apart
from vaivem.engine.assertions import ask_access
from vaivem.engine.crashpoints import reach
from vaivem.engine.oauth import TOKEN_PARTS, ask_refresh, flow
from vaivem.engine.outbound import Outbound
from vaivem.engine.statements import statement
from vaivem.logs import hide
from vaivem.vault import Vault, VaultError

AHEAD_SECONDS = 300.0  # a token in use is refreshed this long before its end


@dataclass(frozen=True, slots=True)
class Fresh:
    """A connection with its newest credentials, and when their access token is over (None: not known)."""

    connection: Connection
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class _Stored:
    sealed: bytes
    credentials: Mapping[str, Any]
    expires: datetime | None


class Tokens:
    """Refreshes access tokens. Without `apart` all of it happens in this process."""

    def __init__(
        self, pool: asyncpg.Pool, vault: Vault, outbound: Outbound, apart: Apart | None = None
    ) -> None:
        self._pool = pool
        self._vault = vault
        self._outbound = outbound
        self._apart = apart
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def refresh(self, connector: Connector, connection: Connection) -> Fresh:
        """Return the connection with a token newer than the one it has.

        Another process's refresh is used when it came first. Raises ReconnectError when the grant is dead,
        RetryError when the vendor cannot be asked now.
        """
        turn = self._turns.setdefault(connection.id, asyncio.Lock())
        async with turn:  # here first: a hundred runs with one old token must not take all database links
            assertion = connector.manifest.method(connection.method).assertion is not None
            if assertion or self._apart is None or not flow(connector, connection).rotates:
                return await self._refresh_here(connector, connection)
            stored = await self._stored(self._pool, connection.id)
            if not _is_other(stored.credentials, connection):
                await self._apart.refresh(connection)
                stored = await self._stored(self._pool, connection.id)
            return _fresh(connection, stored)

    async def _refresh_here(self, connector: Connector, connection: Connection) -> Fresh:
        assertion = connector.manifest.method(connection.method).assertion is not None
        app = None if assertion else await self.app(connection)
        async with self._pool.acquire() as db, db.transaction():
            await db.execute(statement("topology", "connection_lock"), connection.id)
            stored = await self._stored(db, connection.id)
            if _is_other(stored.credentials, connection):
                return _fresh(connection, stored)
            before = replace(connection, credentials=stored.credentials)
            if app is None:
                now = await db.fetchval("select extract(epoch from vv_now())")
                made = await ask_access(self._outbound, connector, before, float(now))
            else:
                made = await ask_refresh(self._outbound, connector, before, app)
            reach("oauth.before_save")
            return _fresh(connection, await self._save(db, connection.id, stored, made))

    async def newer(self, connection: Connection) -> Fresh | None:
        """Return the connection with other credentials than it has, if a person saved some meanwhile."""
        stored = await self._stored(self._pool, connection.id)
        return None if stored.credentials == connection.credentials else _fresh(connection, stored)

    async def _stored(self, db: asyncpg.Pool | asyncpg.pool.PoolConnectionProxy, conn: int) -> _Stored:
        row = await db.fetchrow(statement("topology", "credentials"), conn)
        if row is None or row["credentials"] is None:
            raise RuleError("connection_is_gone", params={"connection": conn})
        try:
            credentials = self._vault.open(row["credentials"])
        except VaultError as error:
            raise ReconnectError("credentials_locked", detail=str(error)) from error
        hide(credentials)
        return _Stored(row["credentials"], credentials, row["expires"])

    async def _save(
        self, db: asyncpg.pool.PoolConnectionProxy, conn: int, stored: _Stored, made: Mapping[str, Any]
    ) -> _Stored:
        """Save a new pair over what was read; return what is stored now.

        Whatever else was saved meanwhile stays (a webhook's secret), and a person's reconnect wins.
        """
        before, now = stored.credentials, made
        hide(dict(made))
        while True:
            sealed = self._vault.seal(dict(now))
            arguments = (conn, stored.sealed, sealed, made["lasts_seconds"])
            expires = await db.fetchval(statement("topology", "save_credentials"), *arguments)
            if expires is not None:
                return _Stored(sealed, now, expires)
            stored = await self._stored(db, conn)
            if any(stored.credentials.get(part) != before.get(part) for part in TOKEN_PARTS):
                return stored
            now = {**stored.credentials, **{part: made[part] for part in TOKEN_PARTS if part in made}}

    async def app(self, connection: Connection) -> App:
        """Return the app that authorised the connection; raises RuleError when it was removed."""
        row = await self._pool.fetchrow(
            statement("topology", "app"), connection.connector, connection.workspace
        )
        if row is None:
            raise RuleError("oauth_app_missing", params={"connector": connection.connector})
        try:
            secret = self._vault.open(row["client_secret"])["client_secret"]
        except VaultError as error:
            raise RuleError("oauth_app_locked", detail=str(error)) from error
        hide(secret)
        return App(row["client_id"], secret)


def _is_other(stored: Mapping[str, Any], connection: Connection) -> bool:
    return stored.get("access_token") != connection.credentials.get("access_token")


def _fresh(connection: Connection, stored: _Stored) -> Fresh:
    return Fresh(replace(connection, credentials=stored.credentials), stored.expires)
