"""OAuth 2 for every connector: authorisation address, code exchange, refresh ahead of time.

One refresh at a time over all workers (an advisory lock on the connection), the new pair saved by
compare-and-set before it is used: a vendor that rotates refresh tokens kills the old one at once.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from weakref import WeakValueDictionary

import asyncpg

from vaivem.connectors.sdk import Answer, Call, Connection, Connector
from vaivem.connectors.sdk.manifest import OAuth
from vaivem.core.errors import ReconnectError, RetryError, RuleError, UncertainError, VaivemError
from vaivem.engine.crashpoints import reach
from vaivem.engine.outbound import Outbound
from vaivem.engine.statements import statement
from vaivem.vault import Vault, VaultError

REFRESH_AHEAD_SECONDS = 300.0
TOKEN_PARTS = ("access_token", "refresh_token", "lasts_seconds")
PASSING = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
DEAD_GRANTS = frozenset({"invalid_grant", "invalid_token", "unauthorized_client"})


@dataclass(frozen=True, slots=True)
class App:
    """The client that authorises: an operator's or a workspace's own app at the vendor."""

    client_id: str
    client_secret: str


def flow(connector: Connector, connection: Connection) -> OAuth:
    """Return the connection's OAuth flow; raises RuleError when it was connected another way."""
    found = connector.manifest.method(connection.method).oauth
    if found is None:
        raise RuleError("method_is_not_oauth", params={"method": connection.method})
    return found


def new_verifier() -> str:
    """Return a fresh PKCE verifier (RFC 7636)."""
    return secrets.token_urlsafe(48)


def authorise_url(
    connector: Connector,
    connection: Connection,
    app: App,
    *,
    state: str,
    redirect_uri: str,
    verifier: str | None,
) -> str:
    """Return the vendor's own page, to which the person is sent."""
    oauth = flow(connector, connection)
    params = {
        **({} if oauth.plain else {"response_type": "code"}),
        "client_id": app.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
    }
    if oauth.scopes:
        params["scope"] = " ".join(oauth.scopes)
    if oauth.pkce and verifier:
        digest = hashlib.sha256(verifier.encode()).digest()
        params["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        params["code_challenge_method"] = "S256"
    address = str(connection.settings.get("address_authorize") or oauth.authorize_url)
    return f"{address}{'&' if '?' in address else '?'}{urlencode(params)}"


async def exchange_code(
    outbound: Outbound,
    connector: Connector,
    connection: Connection,
    app: App,
    *,
    code: str,
    redirect_uri: str,
    verifier: str | None,
) -> dict[str, Any]:
    """Turn the code of the return address into credentials."""
    oauth = flow(connector, connection)
    form = {"code": code}
    if not oauth.plain:
        form |= {"grant_type": "authorization_code", "redirect_uri": redirect_uri}
    if verifier:
        form["code_verifier"] = verifier
    return await _token(outbound, connector, connection, app, form, query=oauth.code_query)


async def _token(
    outbound: Outbound,
    connector: Connector,
    connection: Connection,
    app: App,
    form: Mapping[str, str],
    *,
    query: str = "",
) -> dict[str, Any]:
    oauth = flow(connector, connection)
    address = str(connection.settings.get("address_token") or oauth.token_url)
    address += f"{'&' if '?' in address else '?'}{query}" if query else ""
    headers: tuple[tuple[str, str], ...] = (("Accept", "application/json"),)
    if oauth.client_auth == "basic":
        pair = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
        headers += (("Authorization", f"Basic {pair}"),)
    else:
        form = {**form, "client_id": app.client_id, "client_secret": app.client_secret}
    written: dict[str, Any] = {"json": form} if oauth.body == "json" else {"form": tuple(form.items())}
    call = Call("oauth.token", "POST", address, headers=headers, authorise=False, **written)
    answer = await outbound.send(connector, connection, call)
    if not answer.ok:
        raise token_error(answer)
    data = answer.json
    if not isinstance(data, dict) or not data.get("access_token"):
        raise UncertainError("vendor_answer_unexpected", params={"call": call.name})
    return token_credentials(data, connection.credentials, oauth)


def token_error(answer: Answer) -> VaivemError:
    """Say what a refused token request means; only a dead grant asks for a person."""
    data = answer.json if answer.is_json else None
    if isinstance(data, dict):  # a page of HTML comes from something before the vendor, and passes
        kind = str(data.get("error", ""))
        refused = answer.status in (400, 401, 403) and kind not in PASSING
        if refused or kind in DEAD_GRANTS:
            return ReconnectError("refresh_refused", params={"message": kind or str(answer.status)})
    if answer.status == 429:
        return RetryError("vendor_limit", limit=True)
    return RetryError("vendor_unavailable", params={"status": answer.status})


def token_credentials(data: Mapping[str, Any], before: Mapping[str, Any], oauth: OAuth) -> dict[str, Any]:
    """Join a token answer with what the connection keeps besides (webhook secrets)."""
    seconds = float(data.get("expires_in") or oauth.access_seconds or 3600)
    return {
        **before,
        "access_token": data["access_token"],
        "refresh_token": data.get("refresh_token") or before.get("refresh_token", ""),
        "lasts_seconds": seconds,
    }


class Tokens:
    """Refreshes access tokens, each connection's once at a time over all workers."""

    def __init__(self, pool: asyncpg.Pool, vault: Vault, outbound: Outbound) -> None:
        self._pool = pool
        self._vault = vault
        self._outbound = outbound
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def refresh(self, connector: Connector, connection: Connection) -> Connection:
        """Return the connection with a token newer than the one it has.

        Another worker's refresh is used when it came first. Raises ReconnectError when the grant is dead,
        RetryError when the vendor cannot be asked now.
        """
        turn = self._turns.setdefault(connection.id, asyncio.Lock())
        async with turn:  # here first: a hundred runs with one old token must not take all database links
            app = await self.app(connection)
            async with self._pool.acquire() as db, db.transaction():
                await db.execute(statement("topology", "connection_lock"), connection.id)
                sealed, stored = await self._stored(db, connection.id)
                if stored.get("access_token") != connection.credentials.get("access_token"):
                    return replace(connection, credentials=stored)
                fresh = await self._ask(connector, replace(connection, credentials=stored), app, stored)
                reach("oauth.before_save")
                kept = await self._save(db, connection.id, sealed, stored, fresh)
        return replace(connection, credentials=kept)

    async def newer(self, connection: Connection) -> Connection | None:
        """Return the connection with other credentials than it has, if a person saved some meanwhile."""
        _, stored = await self._stored(self._pool, connection.id)
        return None if stored == connection.credentials else replace(connection, credentials=stored)

    async def _stored(
        self, db: asyncpg.Pool | asyncpg.pool.PoolConnectionProxy, conn: int
    ) -> tuple[bytes, dict[str, Any]]:
        row = await db.fetchrow(statement("topology", "credentials"), conn)
        if row is None or row["credentials"] is None:
            raise RuleError("connection_is_gone", params={"connection": conn})
        try:
            return row["credentials"], self._vault.open(row["credentials"])
        except VaultError as error:
            raise ReconnectError("credentials_locked", detail=str(error)) from error

    async def _save(
        self,
        db: asyncpg.pool.PoolConnectionProxy,
        conn: int,
        sealed: bytes,
        before: Mapping[str, Any],
        fresh: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """Save a new pair over what was read; return the credentials as they are now.

        Whatever else was saved meanwhile stays (a webhook's secret), and a person's reconnect wins.
        """
        now = fresh
        while True:
            arguments = (conn, sealed, self._vault.seal(now), fresh["lasts_seconds"])
            if await db.fetchval(statement("topology", "save_credentials"), *arguments) is not None:
                return now
            sealed, stored = await self._stored(db, conn)
            if any(stored.get(part) != before.get(part) for part in TOKEN_PARTS):
                return stored
            now = {**stored, **{part: fresh[part] for part in TOKEN_PARTS}}

    async def _ask(
        self, connector: Connector, connection: Connection, app: App, stored: Mapping[str, Any]
    ) -> dict[str, Any]:
        token = str(stored.get("refresh_token") or "")
        if not token:
            raise ReconnectError("refresh_refused", params={"message": "no refresh token"})
        form = {"refresh_token": token}
        if not flow(connector, connection).plain:
            form["grant_type"] = "refresh_token"
        try:
            return await _token(self._outbound, connector, connection, app, form)
        except UncertainError as error:
            # A lost answer may have rotated the pair. The next try tells: a dead grant asks for a person.
            raise RetryError("vendor_unavailable", detail=str(error)) from error

    async def app(self, connection: Connection) -> App:
        """Return the app that authorised the connection; raises RuleError when it was removed."""
        row = await self._pool.fetchrow(
            statement("topology", "app"), connection.connector, connection.workspace
        )
        if row is None:
            raise RuleError("oauth_app_missing", params={"connector": connection.connector})
        try:
            return App(row["client_id"], self._vault.open(row["client_secret"])["client_secret"])
        except VaultError as error:
            raise RuleError("oauth_app_locked", detail=str(error)) from error
