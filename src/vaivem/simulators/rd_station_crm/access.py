"""Who calls: API v1's user tokens, API v2's OAuth app with its codes and its rolling pairs of tokens."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vaivem.simulators.kit.tables import Record
from vaivem.simulators.kit.webhooks import is_loopback
from vaivem.simulators.rd_station_crm.times import utc_text

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_crm.account import Account

CODE_LIFE = timedelta(minutes=5)
ACCESS_LIFE = timedelta(hours=2)
REFRESH_IDLE_LIFE = timedelta(days=14)


class GrantError(ValueError):
    """The token endpoint refuses; `error` is the OAuth code, `status` the HTTP status."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


@dataclass(frozen=True, slots=True)
class App:
    """An app that was registered with the vendor. Loopback addresses are always taken for its redirects."""

    name: str
    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()

    def takes(self, redirect_uri: str) -> bool:
        """Tell whether a person may be sent back to this address."""
        parts = urlsplit(redirect_uri)
        if redirect_uri in self.redirect_uris:
            return True
        return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")


@dataclass(frozen=True, slots=True)
class Grant:
    """A code or a token: whose it is, for which app, and until when it works (stored text)."""

    client_id: str
    user_id: str
    until: str
    redirect_uri: str = ""


class Access:
    """The apps and everything they were granted."""

    def __init__(self, account: "Account") -> None:
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

    def user_of_v1(self, token: str | None) -> Record | None:
        """The active user whose v1 token this is."""
        users = self._account.tables["users"].find("token", token) if token else []
        return users[0] if users and users[0]["active"] else None

    def user_of_v2(self, header: str | None) -> Record | None:
        """The active user for whom this Authorization header speaks."""
        kind, _, token = (header or "").partition(" ")
        grant = self._access.get(token.strip()) if kind.lower() == "bearer" else None
        if grant is None or self._past(grant):
            return None
        user = self._account.tables["users"].get(grant.user_id)
        return user if user and user["active"] else None

    def issue_code(self, client_id: str, user_id: str, redirect_uri: str) -> str:
        """Return a new code for an app whose person has agreed."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = Grant(client_id, user_id, self._until(CODE_LIFE), redirect_uri)
        return code

    def exchange(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer the token endpoint: a code or a refresh token for a new pair; GrantError when refused."""
        app = self.apps.get(form.get("client_id", ""))
        if app is None or not secrets.compare_digest(app.client_secret, form.get("client_secret", "")):
            raise GrantError("invalid_client", "Client authentication failed.", 401)
        kind = form.get("grant_type")
        if kind == "authorization_code":
            return self._exchange_code(app, form)
        if kind == "refresh_token":
            return self._exchange_refresh(app, form)
        raise GrantError("unsupported_grant_type", "The grant type is not supported.")

    def issue_pair(
        self, client_id: str, user_id: str, access_token: str = "", refresh_token: str = ""
    ) -> dict[str, Any]:
        """Return a new pair of tokens (or the given ones) as the token endpoint answers it."""
        access_token = access_token or secrets.token_urlsafe(32)
        refresh_token = refresh_token or secrets.token_urlsafe(32)
        self._access[access_token] = Grant(client_id, user_id, self._until(ACCESS_LIFE))
        self._refresh[refresh_token] = Grant(client_id, user_id, self._until(REFRESH_IDLE_LIFE))
        return {
            "access_token": access_token,
            "expires_in": int(ACCESS_LIFE.total_seconds()),
            "refresh_token": refresh_token,
            "token_type": "Bearer",
        }

    def expire_access(self) -> None:
        """End every access token now; refresh tokens go on."""
        self._access.clear()

    def revoke(self) -> None:
        """End everything that was granted, as a person does who removes the app."""
        for held in (self._codes, self._access, self._refresh):
            held.clear()

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
            self.register(App(**{**app, "redirect_uris": tuple(app["redirect_uris"])}))
        for name, held in (("codes", self._codes), ("access", self._access), ("refresh", self._refresh)):
            held.update({key: Grant(**grant) for key, grant in data[name].items()})

    def _exchange_code(self, app: App, form: Mapping[str, str]) -> dict[str, Any]:
        grant = self._codes.pop(form.get("code", ""), None)
        if grant is None or self._past(grant) or grant.client_id != app.client_id:
            raise GrantError("invalid_grant", "The authorization code is invalid, used or expired.")
        if grant.redirect_uri != form.get("redirect_uri"):
            raise GrantError("invalid_grant", "The redirect_uri does not match the authorization request.")
        return self.issue_pair(app.client_id, grant.user_id)

    def _exchange_refresh(self, app: App, form: Mapping[str, str]) -> dict[str, Any]:
        # The token dies with its use even when the answer is lost: that is what rolling means here.
        token = form.get("refresh_token", "")
        grant = self._refresh.get(token)
        if grant is None or self._past(grant) or grant.client_id != app.client_id:
            raise GrantError("invalid_grant", "The refresh token is invalid or expired.")
        del self._refresh[token]
        return self.issue_pair(app.client_id, grant.user_id)

    def _until(self, life: timedelta) -> str:
        until: datetime = self._account.now() + life
        return utc_text(until)

    def _past(self, grant: Grant) -> bool:
        return grant.until <= self._account.now_text()
