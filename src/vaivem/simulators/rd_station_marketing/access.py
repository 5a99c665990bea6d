"""The apps that the vendor knows, and the codes and tokens they were granted, under both schemes."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from vaivem.simulators.kit.webhooks import is_loopback
from vaivem.simulators.rd_station_marketing.quirks import Quirks
from vaivem.simulators.rd_station_marketing.times import utc_text

# Scheme A: /auth/dialog and /auth/token; scheme B: the shared accounts login.
A, B = "a", "b"
CODE_LIFE = {A: timedelta(hours=1), B: timedelta(minutes=5)}
ACCESS_LIFE = {A: timedelta(hours=24), B: timedelta(hours=2)}
B_IDLE = timedelta(days=14)
# A token that is past is still told from an unknown one for this long.
_REMEMBERED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class App:
    """An app of the vendor's store. Loopback addresses are always taken for its callback."""

    name: str
    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()

    def takes(self, redirect_uri: str) -> bool:
        """Tell whether a person may be sent back there: the exact text that was registered."""
        if redirect_uri in self.redirect_uris:
            return True
        parts = urlsplit(redirect_uri)
        return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")


@dataclass(frozen=True, slots=True)
class Grant:
    """A code or a token: its consent, app, account and scheme, and until when (stored text, "" for ever)."""

    consent: str
    client_id: str
    account: str
    scheme: str
    until: str
    redirect_uri: str = ""


class Access:
    """Apps, codes, access tokens and refresh tokens. `now` is the simulated time, aware."""

    def __init__(self, now: Callable[[], datetime], quirks: Quirks) -> None:
        self._now = now
        self._quirks = quirks
        self.apps: dict[str, App] = {}
        self._codes: dict[str, Grant] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}

    def register(self, app: App) -> App:
        """Make an app known, in place of one of the same id."""
        self.apps[app.client_id] = app
        return app

    def app(self, client_id: object, client_secret: object) -> App | None:
        """The app of this id, when the secret is its own."""
        app = self.apps.get(str(client_id))
        if app is None or not secrets.compare_digest(app.client_secret.encode(), str(client_secret).encode()):
            return None
        return app

    def issue_code(self, app: App, account: str, scheme: str, redirect_uri: str) -> str:
        """A new code for an app whose person has agreed."""
        code = secrets.token_hex(16)
        until = self._until(CODE_LIFE[scheme])
        self._codes[code] = Grant(secrets.token_hex(8), app.client_id, account, scheme, until, redirect_uri)
        return code

    def take_code(self, app: App, code: object, scheme: str) -> Grant | None:
        """Use a code up; None when it is none of this app's, used, or past."""
        grant = self._codes.pop(str(code), None)
        good = grant and grant.client_id == app.client_id and grant.scheme == scheme
        return grant if good and grant and not self._past(grant) else None

    def issue_pair(
        self, grant: Grant, access_token: str = "", refresh_token: str = "", *, keep_refresh: bool = False
    ) -> dict[str, Any]:
        """A new pair (or the given ones) for a grant; `keep_refresh` makes the access token only."""
        access_token = access_token or self._token(grant)
        life = ACCESS_LIFE[grant.scheme]
        self._access[access_token] = self._renewed(grant, self._until(life))
        answer = {"access_token": access_token, "expires_in": int(life.total_seconds())}
        if keep_refresh:
            return answer
        refresh_token = refresh_token or secrets.token_urlsafe(32)
        self._refresh[refresh_token] = self._renewed(grant, self._idle_until(grant.scheme))
        return {**answer, "refresh_token": refresh_token}

    def refresh(self, app: App, token: object, scheme: str) -> dict[str, Any] | None:
        """Answer a refresh; None when the token is unknown, dead, or of another app or scheme.

        Scheme B's token dies with its use, even when the answer is lost; scheme A's goes on, as documented.
        """
        grant = self._refresh.get(str(token))
        if grant is None or (grant.client_id, grant.scheme) != (app.client_id, scheme) or self._past(grant):
            return None
        returns = self._quirks.refresh_returns if scheme == A else "new"
        if scheme == B or (self._quirks.old_refresh_dies and returns == "new"):
            del self._refresh[str(token)]
        else:
            self._refresh[str(token)] = self._renewed(grant, self._idle_until(scheme))
        if returns == "new":
            return self.issue_pair(grant)
        answer = self.issue_pair(grant, keep_refresh=True)
        return {**answer, "refresh_token": str(token)} if returns == "same" else answer

    def bearer(self, header: str | None) -> tuple[Grant | None, str]:
        """The grant for which an Authorization header speaks, else why not: missing, invalid or expired."""
        kind, _, token = (header or "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            return None, "missing"
        grant = self._access.get(token.strip())
        if grant is None:
            return None, "invalid"
        return (None, "expired") if self._past(grant) else (grant, "")

    def revoke(self, token: str) -> None:
        """End the consent that a token belongs to: both tokens of it are dead."""
        grant = self._access.get(token) or self._refresh.get(token)
        if grant is not None:
            self._end(lambda other: other.consent == grant.consent)

    def revoke_app(self, client_id: str, account: str) -> None:
        """A person removes the app from the account."""
        self._end(lambda other: (other.client_id, other.account) == (client_id, account))

    def connected(self, account: str) -> list[App]:
        """The apps that hold a working refresh token for an account."""
        ids = {grant.client_id for grant in self._refresh.values() if grant.account == account}
        return [app for app in self.apps.values() if app.client_id in ids]

    def expire_access(self) -> None:
        """Let every access token be past now; refresh tokens go on."""
        past = self._until(timedelta(seconds=-1))
        for token, grant in self._access.items():
            self._access[token] = self._renewed(grant, past)

    def revoke_all(self) -> None:
        """End everything that was granted."""
        self._end(lambda _grant: True)

    def clear(self) -> None:
        """Forget the apps and all that was granted."""
        self.apps.clear()
        self.revoke_all()

    def forget_past(self) -> None:
        """Drop what has been past for a month, so that a long run does not grow."""
        limit = self._until(-_REMEMBERED)
        for held in (self._codes, self._access, self._refresh):
            for key in [key for key, grant in held.items() if grant.until and grant.until < limit]:
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

    def _end(self, ended: Callable[[Grant], bool]) -> None:
        for held in (self._codes, self._access, self._refresh):
            for key in [key for key, grant in held.items() if ended(grant)]:
                del held[key]

    def _renewed(self, grant: Grant, until: str) -> Grant:
        return Grant(grant.consent, grant.client_id, grant.account, grant.scheme, until)

    def _idle_until(self, scheme: str) -> str:
        if scheme == B:
            return self._until(B_IDLE)
        days = self._quirks.refresh_idle_days
        return self._until(timedelta(days=days)) if days else ""

    def _until(self, life: timedelta) -> str:
        return utc_text(self._now() + life)

    def _past(self, grant: Grant) -> bool:
        return bool(grant.until) and grant.until <= utc_text(self._now())

    def _token(self, grant: Grant) -> str:
        """Scheme A's access token has the form of a JWT with an empty scope; nobody checks its signature."""
        if grant.scheme == B:
            return secrets.token_urlsafe(32)
        claims = {
            "iss": "https://api.rd.services",
            "sub": secrets.token_urlsafe(18),
            "aud": "https://app.rdstation.com.br/api/v2/",
            "scope": "",
        }
        parts = [{"typ": "JWT", "alg": "RS256"}, claims]
        head = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
        return ".".join([*head, secrets.token_urlsafe(32)])
