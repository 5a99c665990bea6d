"""OAuth 2 for every connector, as requests: authorisation address, code exchange, refresh, revocation.

Who refreshes when, and how the answer is kept, is in `tokens`.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from vaivem.connectors.sdk import Answer, App, Call, Connection, Connector
from vaivem.connectors.sdk.manifest import OAuth
from vaivem.core.errors import ReconnectError, RetryError, RuleError, UncertainError, VaivemError
from vaivem.engine.outbound import Outbound

TOKEN_PARTS = ("access_token", "refresh_token", "lasts_seconds", "scope")
PASSING = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
DEAD_GRANTS = frozenset({"invalid_grant", "invalid_token", "unauthorized_client"})


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
    address = connector.address("authorize", connection) or oauth.authorize_url
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


async def ask_refresh(
    outbound: Outbound, connector: Connector, connection: Connection, app: App
) -> dict[str, Any]:
    """Turn the connection's refresh token into new credentials.

    Raises ReconnectError when the grant is dead, RetryError when the vendor cannot be asked now.
    """
    token = str(connection.credentials.get("refresh_token") or "")
    if not token:
        raise ReconnectError("refresh_refused", params={"message": "no refresh token"})
    form = {"refresh_token": token}
    if not flow(connector, connection).plain:
        form["grant_type"] = "refresh_token"
    try:
        return await _token(outbound, connector, connection, app, form)
    except UncertainError as error:
        # A lost answer may have rotated the pair. The next try tells: a dead grant asks for a person.
        raise RetryError("vendor_unavailable", detail=str(error)) from error


async def revoke(outbound: Outbound, connector: Connector, connection: Connection, app: App) -> bool:
    """Give the grant back to the vendor (RFC 7009); False where the vendor has no way to.

    Raises what a refusal means; an unknown token is none.
    """
    oauth = flow(connector, connection)
    token = str(connection.credentials.get("refresh_token") or "")
    if not oauth.revoke_url or not token:
        return False
    form: Mapping[str, str] = {"token": token, "token_type_hint": "refresh_token"}
    headers: tuple[tuple[str, str], ...] = ()
    if oauth.revoke_as == "client":
        headers, form = _client(oauth, app, form)
    call = Call(
        "oauth.revoke", "POST", _revoke_address(connection, oauth), headers=headers,
        authorise=oauth.revoke_as == "bearer", form=tuple(form.items()),
    )  # fmt: skip
    answer = await outbound.send(connector, connection, call)
    if not answer.ok:
        raise token_error(answer)
    return True


def _revoke_address(connection: Connection, oauth: OAuth) -> str:
    """Return where to revoke: on the host of the token address, where the connection has one of its own."""
    own = urlsplit(str(connection.settings.get("address_token") or ""))
    if not own.netloc:
        return oauth.revoke_url
    return urlsplit(oauth.revoke_url)._replace(scheme=own.scheme, netloc=own.netloc).geturl()


def _client(
    oauth: OAuth, app: App, form: Mapping[str, str]
) -> tuple[tuple[tuple[str, str], ...], Mapping[str, str]]:
    """Return headers and form with what says which app asks."""
    headers: tuple[tuple[str, str], ...] = (("Accept", "application/json"),)
    if oauth.client_auth == "basic":
        pair = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
        return (*headers, ("Authorization", f"Basic {pair}")), form
    return headers, {**form, "client_id": app.client_id, "client_secret": app.client_secret}


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
    address = connector.address("token", connection) or oauth.token_url
    address += f"{'&' if '?' in address else '?'}{query}" if query else ""
    headers, form = _client(oauth, app, form)
    written: dict[str, Any] = {"json": form} if oauth.body == "json" else {"form": tuple(form.items())}
    call = Call("oauth.token", "POST", address, headers=headers, authorise=False, **written)
    answer = await outbound.send(connector, connection, call)
    if not answer.ok:
        raise token_error(answer)
    data = answer.json
    if not isinstance(data, dict) or not data.get("access_token"):
        raise UncertainError("vendor_answer_unexpected", params={"call": call.name})
    return token_credentials(data, connection.credentials, oauth.access_seconds)


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


def missing_scopes(oauth: OAuth, credentials: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which permissions the access lacks; none where the vendor did not say what it gave."""
    given = frozenset(str(credentials.get("scope") or "").replace(",", " ").split())
    return tuple(one for one in oauth.permissions if one not in given) if given else ()


def token_credentials(
    data: Mapping[str, Any], before: Mapping[str, Any], access_seconds: int
) -> dict[str, Any]:
    """Join a token answer with what the connection keeps besides (webhook secrets).

    `access_seconds` is how long an access lasts whose answer does not say; 0 for unknown.
    """
    seconds = float(data.get("expires_in") or access_seconds or 3600)
    scope = data.get("scope")
    return {
        **before,
        **({"scope": str(scope)} if scope else {}),
        "access_token": data["access_token"],
        "refresh_token": data.get("refresh_token") or before.get("refresh_token", ""),
        "lasts_seconds": seconds,
    }
