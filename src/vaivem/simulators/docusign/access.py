"""The apps that the vendor knows, who has agreed to them, and the codes and tokens they hold."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from vaivem.simulators.docusign.quirks import Quirks
from vaivem.simulators.docusign.times import stamp
from vaivem.simulators.kit.webhooks import is_loopback

SCOPES = frozenset(
    {
        "signature",
        "extended",
        "impersonation",
        "openid",
        "cors",
        "click.manage",
        "click.send",
        "organization_read",
        "user_read",
        "account_read",
    }
)
CODE_LIFE = timedelta(minutes=2)
ACCESS_LIFE = timedelta(hours=8)
JWT_LIFE = timedelta(hours=1)
REFRESH_LIFE = timedelta(days=30)
_REMEMBERED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class App:
    """An app by its integration key. Loopback addresses are always taken for its way back."""

    name: str
    integration_key: str
    secret_key: str
    redirect_uris: tuple[str, ...] = ()
    public_keys: tuple[str, ...] = ()

    def takes(self, redirect_uri: str) -> bool:
        """Tell whether a person may be sent back there: the exact text that was registered."""
        if redirect_uri in self.redirect_uris:
            return True
        parts = urlsplit(redirect_uri)
        return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")


@dataclass(frozen=True, slots=True)
class Grant:
    """A code or a token: its app, user and scopes, until when, and what a code was asked with."""

    integration_key: str
    user_id: str
    scopes: tuple[str, ...]
    until: str
    redirect_uri: str = ""
    challenge: str = ""


class Access:
    """Apps, consents, codes, access tokens and refresh tokens. `now` is the simulated time, aware."""

    def __init__(self, now: Callable[[], datetime], quirks: Quirks) -> None:
        self._now = now
        self._quirks = quirks
        self.apps: dict[str, App] = {}
        # Scopes that a user has agreed to, by app and user.
        self.consents: dict[tuple[str, str], set[str]] = {}
        self._codes: dict[str, Grant] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}

    def register(self, app: App) -> App:
        """Make an app known, in place of one of the same key."""
        self.apps[app.integration_key] = app
        return app

    def app(self, integration_key: str, secret_key: str) -> App | None:
        """The app of this key, when the secret is its own."""
        app = self.apps.get(integration_key)
        good = app and secrets.compare_digest(app.secret_key.encode(), secret_key.encode())
        return app if good else None

    def agree(self, app: App, user_id: str, scopes: tuple[str, ...]) -> None:
        """A person agrees to an app."""
        self.consents.setdefault((app.integration_key, user_id), set()).update(scopes)

    def agreed(self, app: App, user_id: str, scopes: tuple[str, ...]) -> bool:
        """Tell whether a person has agreed to all of these scopes."""
        return set(scopes) <= self.consents.get((app.integration_key, user_id), set())

    def issue_code(
        self, app: App, user_id: str, scopes: tuple[str, ...], redirect_uri: str, challenge: str
    ) -> str:
        """A new code for an app whose person has agreed."""
        code = secrets.token_urlsafe(48)
        until = self._until(CODE_LIFE)
        self._codes[code] = Grant(app.integration_key, user_id, scopes, until, redirect_uri, challenge)
        return code

    def exchange(self, app: App, code: str, verifier: str) -> dict[str, Any] | None:
        """Use a code up; None when it is none of this app's, used, past, or its verifier is wrong."""
        grant = self._codes.pop(code, None)
        if grant is None or grant.integration_key != app.integration_key or self._past(grant):
            return None
        if grant.challenge and not secrets.compare_digest(grant.challenge, challenge_of(verifier)):
            return None
        return self._pair(replace(grant, challenge="", redirect_uri=""), self._until(REFRESH_LIFE))

    def refresh(self, app: App, token: str) -> dict[str, Any] | None:
        """Answer a refresh; None for a token that is unknown, used, past or another app's.

        Only with scope `extended` the new one gets a full life; else it ends when the first one would.
        """
        grant = self._refresh.get(token)
        if grant is None or grant.integration_key != app.integration_key or self._past(grant):
            return None
        if self._quirks.old_refresh_dies:
            del self._refresh[token]
        extended = "extended" in grant.scopes
        return self._pair(grant, self._until(REFRESH_LIFE) if extended else grant.until)

    def issue_jwt_token(self, app: App, user_id: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        """An access token for an hour, with none to refresh it."""
        token = secrets.token_urlsafe(64)
        self._access[token] = Grant(app.integration_key, user_id, scopes, self._until(JWT_LIFE))
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(JWT_LIFE.total_seconds()),
        }

    def seed_pair(self, app: App, user_id: str, access_token: str, refresh_token: str = "") -> None:
        """Tokens that are known beforehand, for whoever starts without consent."""
        scopes = ("signature", "extended", "impersonation")
        grant = Grant(app.integration_key, user_id, scopes, self._until(ACCESS_LIFE))
        self._access[access_token] = grant
        if refresh_token:
            self._refresh[refresh_token] = replace(grant, until=self._until(REFRESH_LIFE))

    def bearer(self, header: str | None) -> Grant | None:
        """The grant for which an Authorization header speaks."""
        kind, _, token = (header or "").partition(" ")
        grant = self._access.get(token.strip()) if kind.lower() == "bearer" else None
        return None if grant is None or self._past(grant) else grant

    def revoke(self, integration_key: str, user_id: str) -> None:
        """A person takes the consent back in their profile."""
        self.consents.pop((integration_key, user_id), None)
        self._end(lambda grant: (grant.integration_key, grant.user_id) == (integration_key, user_id))

    def revoke_all(self) -> None:
        """End everything that was granted."""
        self.consents.clear()
        self._end(lambda _grant: True)

    def expire_access(self) -> None:
        """Let every access token be past now; refresh tokens go on."""
        past = self._until(timedelta(seconds=-1))
        self._access = {token: replace(grant, until=past) for token, grant in self._access.items()}

    def clear(self) -> None:
        """Forget the apps and all that was granted."""
        self.apps.clear()
        self.revoke_all()

    def forget_past(self) -> None:
        """Drop what has been past for a month, so that a long run does not grow."""
        limit = self._until(-_REMEMBERED)
        self._end(lambda grant: grant.until < limit)

    def snapshot(self) -> dict[str, Any]:
        """Everything as JSON-able data."""
        held = {"codes": self._codes, "access": self._access, "refresh": self._refresh}
        return {
            "apps": [asdict(app) for app in self.apps.values()],
            "consents": [[*key, sorted(scopes)] for key, scopes in self.consents.items()],
            **{name: {key: asdict(grant) for key, grant in of.items()} for name, of in held.items()},
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Become what a snapshot says."""
        self.clear()
        for app in data["apps"]:
            lists = {key: tuple(app[key]) for key in ("redirect_uris", "public_keys")}
            self.register(App(**{**app, **lists}))
        self.consents = {(app, user): set(scopes) for app, user, scopes in data["consents"]}
        for name, held in (("codes", self._codes), ("access", self._access), ("refresh", self._refresh)):
            for key, grant in data[name].items():
                held[key] = Grant(**{**grant, "scopes": tuple(grant["scopes"])})

    def _pair(self, grant: Grant, refresh_until: str) -> dict[str, Any]:
        access_token, refresh_token = secrets.token_urlsafe(64), secrets.token_urlsafe(64)
        self._access[access_token] = replace(grant, until=self._until(ACCESS_LIFE))
        self._refresh[refresh_token] = replace(grant, until=refresh_until)
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "refresh_token": refresh_token,
            "expires_in": int(ACCESS_LIFE.total_seconds()),
        }

    def _end(self, ended: Callable[[Grant], bool]) -> None:
        for held in (self._codes, self._access, self._refresh):
            for key in [key for key, grant in held.items() if ended(grant)]:
                del held[key]

    def _until(self, life: timedelta) -> str:
        return stamp(self._now() + life)

    def _past(self, grant: Grant) -> bool:
        return grant.until <= stamp(self._now())


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
