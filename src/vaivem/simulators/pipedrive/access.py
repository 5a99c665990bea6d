"""Who calls: personal API tokens, and OAuth apps with their codes and tokens."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vaivem.simulators.kit.webhooks import is_loopback
from vaivem.simulators.pipedrive.schema import Record
from vaivem.simulators.pipedrive.times import stored

if TYPE_CHECKING:
    from vaivem.simulators.pipedrive.account import Account

CODE_LIFE = timedelta(minutes=5)
ACCESS_LIFE = timedelta(minutes=60)
REFRESH_IDLE_LIFE = timedelta(days=60)
# What an app may be given, in the order in which the consent page says it.
SCOPES = (
    "base",
    "deals:read",
    "deals:full",
    "contacts:read",
    "contacts:full",
    "activities:read",
    "activities:full",
    "leads:read",
    "leads:full",
    "products:read",
    "products:full",
    "users:read",
    "search:read",
    "recents:read",
    "deal-fields:full",
    "contact-fields:full",
    "product-fields:full",
    "admin",
)
HUB_SCOPES = (
    "base",
    "deals:full",
    "contacts:full",
    "activities:full",
    "leads:full",
    "products:read",
    "users:read",
    "search:read",
    "recents:read",
    "admin",
)


def new_access_token() -> str:
    """As long as the vendor's, which may have 768 characters."""
    return f"v1u:{secrets.token_urlsafe(180)}"


class GrantError(ValueError):
    """The token endpoint refuses; `error` is the OAuth code, `status` the HTTP status."""

    def __init__(self, error: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error, self.message, self.status = error, message, status


@dataclass(frozen=True, slots=True)
class App:
    """An app of the vendor's developer pages. Loopback addresses are always taken for its redirects."""

    name: str
    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = HUB_SCOPES

    def takes(self, redirect_uri: str) -> bool:
        """Tell whether a person may be sent back to this address."""
        parts = urlsplit(redirect_uri)
        if redirect_uri in self.redirect_uris:
            return True
        return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")


@dataclass(frozen=True, slots=True)
class Grant:
    """A code or a token: whose it is, for which app, with which scopes, until when (stored text)."""

    client_id: str
    user_id: int
    until: str
    redirect_uri: str = ""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call. `scopes` None: a personal token, which may do what its user may."""

    user: Record
    token: str
    client_id: str = ""
    scopes: frozenset[str] | None = field(default=None)

    def may(self, wanted: frozenset[str]) -> bool:
        """Whether one of the scopes that a call takes was given."""
        return self.scopes is None or not wanted or bool(self.scopes & wanted)


class Access:
    """The apps and everything they were granted."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.apps: dict[str, App] = {}
        self._codes: dict[str, Grant] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}

    def register(self, app: App) -> App:
        """Make an app known, in place of one of the same id."""
        self.apps[app.client_id] = app
        return app

    def clear(self) -> None:
        """Forget the apps and all codes and tokens."""
        for held in (self.apps, self._codes, self._access, self._refresh):
            held.clear()

    def by_api_token(self, token: str) -> Caller | None:
        """The active user whose personal token this is."""
        users = self._account.tables["users"].values()
        found = next((user for user in users if token and user["token"] == token), None)
        return Caller(found, token) if found and found["active_flag"] else None

    def by_access_token(self, token: str) -> Caller | None:
        """The active user and the app for whom this access token speaks."""
        grant = self._access.get(token)
        user = self._account.tables["users"].get(grant.user_id) if grant and not self._past(grant) else None
        if grant is None or user is None or not user["active_flag"]:
            return None
        return Caller(user, token, grant.client_id, frozenset(grant.scopes))

    def issue_code(self, app: App, user_id: int, redirect_uri: str) -> str:
        """Return a new code for an app whose person has agreed."""
        code = secrets.token_hex(20)
        self._codes[code] = Grant(app.client_id, user_id, self._until(CODE_LIFE), redirect_uri, app.scopes)
        return code

    def app_of(self, client_id: str, client_secret: str) -> App:
        """The app with these credentials; GrantError when there is none."""
        app = self.apps.get(client_id)
        if app is None or not secrets.compare_digest(app.client_secret.encode(), client_secret.encode()):
            raise GrantError("invalid_client", "Invalid client: client credentials are invalid", 401)
        return app

    def exchange(self, app: App, form: Mapping[str, str], api_domain: str) -> dict[str, Any]:
        """Answer the token endpoint: a code or a refresh token for tokens; GrantError when refused."""
        kind = form.get("grant_type")
        if kind == "authorization_code":
            grant = self._codes.pop(form.get("code", ""), None)
            if grant is None or self._past(grant) or grant.client_id != app.client_id:
                raise GrantError("invalid_grant", "Invalid grant: authorization code is invalid")
            if grant.redirect_uri != form.get("redirect_uri"):
                raise GrantError("invalid_grant", "Invalid grant: redirect_uri is invalid")
            return self._tokens(grant, secrets.token_hex(20), api_domain)
        if kind == "refresh_token":
            token = form.get("refresh_token", "")
            grant = self._refresh.get(token)
            if grant is None or self._past(grant) or grant.client_id != app.client_id:
                raise GrantError("invalid_grant", "Invalid grant: refresh_token is invalid")
            if self._account.quirks.rotate_refresh_token:
                del self._refresh[token]
                token = secrets.token_hex(20)
            return self._tokens(grant, token, api_domain)
        raise GrantError("unsupported_grant_type", "Unsupported grant type: grant_type is invalid")

    def issue(
        self, app: App, user_id: int, access_token: str = "", refresh_token: str = "", redirect_uri: str = ""
    ) -> dict[str, Any]:
        """Return tokens (the given ones or new ones) as the token endpoint answers them."""
        grant = Grant(app.client_id, user_id, "", redirect_uri, app.scopes)
        return self._tokens(grant, refresh_token or secrets.token_hex(20), "", access_token)

    def revoke(self, token: str, app: App) -> Grant | None:
        """End a token; the grant of a refresh token is returned: with it the app is uninstalled."""
        held = self._access.get(token)
        if held and held.client_id == app.client_id:
            del self._access[token]
        grant = self._refresh.get(token)
        if grant is None or grant.client_id != app.client_id:
            return None
        self.uninstall(grant.client_id, grant.user_id)
        return grant

    def installs(self) -> list[Grant]:
        """Which apps are installed by whom."""
        found = {(grant.client_id, grant.user_id): grant for grant in self._refresh.values()}
        return list(found.values())

    def uninstall(self, client_id: str, user_id: int) -> Grant | None:
        """End everything that an app was granted by a user; a grant of it, or None when there was none.

        One that has an address to tell goes before one that was given without consent.
        """
        ended: list[Grant] = []
        for held in (self._codes, self._access, self._refresh):
            for key in [k for k, g in held.items() if (g.client_id, g.user_id) == (client_id, user_id)]:
                ended.append(held.pop(key))
        return max(ended, key=lambda grant: bool(grant.redirect_uri), default=None)

    def expire_access(self) -> None:
        """End every access token now; refresh tokens go on."""
        self._access.clear()

    def forget_past(self) -> None:
        """Drop what has expired, so that a long run does not grow."""
        for held in (self._codes, self._access, self._refresh):
            for key in [key for key, grant in held.items() if self._past(grant)]:
                del held[key]

    def snapshot(self) -> dict[str, Any]:
        """Everything as JSON-able data."""
        held = {"codes": self._codes, "access": self._access, "refresh": self._refresh}
        grants = {name: {key: asdict(grant) for key, grant in of.items()} for name, of in held.items()}
        return {"apps": [asdict(app) for app in self.apps.values()], **grants}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Become what a snapshot says."""
        self.clear()
        for app in data["apps"]:
            lists = {key: tuple(app[key]) for key in ("redirect_uris", "scopes")}
            self.register(App(**{**app, **lists}))
        for name, held in (("codes", self._codes), ("access", self._access), ("refresh", self._refresh)):
            for key, grant in data[name].items():
                held[key] = Grant(**{**grant, "scopes": tuple(grant["scopes"])})

    def _tokens(
        self, grant: Grant, refresh_token: str, api_domain: str, access_token: str = ""
    ) -> dict[str, Any]:
        access_token = access_token or new_access_token()
        self._access[access_token] = replace(grant, until=self._until(ACCESS_LIFE))
        self._refresh[refresh_token] = replace(grant, until=self._until(REFRESH_IDLE_LIFE))
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": int(ACCESS_LIFE.total_seconds()) - 1,
            "refresh_token": refresh_token,
            "scope": ",".join(grant.scopes),
            "api_domain": api_domain,
        }

    def _until(self, life: timedelta) -> str:
        return stored(self._account.now() + life)

    def _past(self, grant: Grant) -> bool:
        return grant.until <= self._account.now_text()
