"""A vendor's facts as data: `manifest.toml`, read into typed values."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal

import msgspec


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """At most `calls` in any `seconds`; `share` is the part of it that we use (other apps may share it).

    `counts` says what is added up: the `cost` of each call, or ``calls`` themselves, whatever they cost.
    `scope` narrows it to the calls that name it (``search``); "" is for every call. With `each` it holds for
    every record that such a call names, apart; it is then meant for few calls in a long time.
    """

    calls: int
    seconds: float
    share: float = 1.0
    counts: Literal["cost", "calls"] = "cost"
    scope: str = ""
    each: bool = False


class OAuth(msgspec.Struct, frozen=True, kw_only=True):
    """An OAuth 2 authorization-code flow. Durations in seconds, idle life in days; 0 means unknown.

    `body` is how token requests are written; `plain` leaves out of them what only the standard asks for
    (``grant_type``, the return address), for a vendor that refuses or does not know it. `code_query` is added
    to the token address for the exchange of a code. With `rotates` each refresh gives a new refresh token and
    kills the old one. `scopes` are asked for in the address; `needs` are those that a person gives to the app
    at the vendor, where none are asked for: what the token answer lacks of either is told. `revoke_url` takes
    a grant back as RFC 7009 describes, asked by the app (``client``) or with the access token (``bearer``).
    Where the addresses differ by environment, `addresses` has them under ``authorize`` and ``token``.
    """

    authorize_url: str = ""
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    pkce: bool = False
    client_auth: str = "body"  # or "basic"
    body: Literal["form", "json"] = "form"
    plain: bool = False
    code_query: str = ""
    access_seconds: int = 0
    refresh_idle_days: int = 0
    rotates: bool = False
    revoke_url: str = ""
    revoke_as: Literal["client", "bearer"] = "client"
    app_url: str = ""  # where a person makes the app

    @property
    def permissions(self) -> tuple[str, ...]:
        """Every scope that is needed; text keys ``scopes.<scope>``."""
        return (*self.scopes, *(one for one in self.needs if one not in self.scopes))


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """Access for a server: a JWT that a private key signs is exchanged for an access token (RFC 7523).

    `issuer`, `subject`, `private_key` name the pasted fields with who asks, for whom, and the RSA key (PEM).
    `audience` is what the vendor wants to be called: the ``host`` of the token address, or its whole ``url``.
    There is no refresh token: a new JWT is signed when the access is over. `token_url` as in `OAuth`. Where
    the user must allow it once, the address ``authorize`` is shown; `return_url` is where that leads.
    """

    token_url: str = ""
    scopes: tuple[str, ...] = ()
    issuer: str = "client_id"
    subject: str = "user"
    private_key: str = "private_key"
    audience: Literal["host", "url"] = "host"
    return_url: str = ""
    access_seconds: int = 0


class AuthField(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to paste when connecting; text keys ``auth.<method>.<key>`` and ``.help``.

    `lines`: it has several lines, which are kept (a private key). `many`: several of a kind, one a line (keys
    that a vendor signs with); later ones are added and old ones removed in the connection's settings.
    """

    key: str
    secret: bool = True
    required: bool = True
    lines: bool = False
    many: bool = False


class AuthMethod(msgspec.Struct, frozen=True, kw_only=True):
    """One way to connect: pasted fields, OAuth (and what is pasted besides), or fields to sign an assertion.

    `steps` is how many numbered steps the page shows.
    """

    key: str
    fields: tuple[AuthField, ...] = ()
    oauth: OAuth | None = None
    assertion: Assertion | None = None
    steps: int = 0
    recommended: bool = False

    @property
    def renews(self) -> bool:
        """Whether its access token ends, and is got anew without a person."""
        return self.oauth is not None or self.assertion is not None


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person may choose per connection. `folded` hides it with what is unsure.

    `type` is a field type; text keys ``settings.<key>`` and ``.help``; choices ``settings.<key>.<choice>``.
    `source` names the live list that the value is chosen from (``users``, ``fields/deal``), if any.
    """

    key: str
    type: str = "text"
    default: Any = None
    choices: tuple[str, ...] = ()
    source: str = ""
    folded: bool = True
    methods: tuple[str, ...] = ()  # shown for these ways to connect only


class TestAccount(msgspec.Struct, frozen=True, kw_only=True):
    """How a served test account is connected: ``{placeholders}`` are its address and credentials.

    `app` is the OAuth app that it brings (client id, client secret), for methods that need one.
    """

    method: str
    credentials: Mapping[str, str] = {}
    settings: Mapping[str, str] = {}
    app: tuple[str, str] | None = None

    def fill(self, base_url: str, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the credentials and settings of a served account."""
        values = {**given, "base_url": base_url}
        return (
            {key: text.format_map(values) for key, text in self.credentials.items()},
            {key: text.format_map(values) for key, text in self.settings.items()},
        )


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the program knows about a vendor without asking it.

    `mark` are the two letters on screens. `addresses` are the bases of calls, by environment:
    ``{"production": {"api": "https://..."}}``; a setting ``environment`` chooses, a setting
    ``address_<base>`` overrides. `article` is the Portuguese article of the name.
    """

    key: str
    name: str
    mark: str
    article: str = "o"
    category: str = ""
    site: str = ""
    docs: tuple[str, ...] = ()
    auth: tuple[AuthMethod, ...] = ()
    addresses: Mapping[str, Mapping[str, str]] = {}
    limits: Mapping[str, tuple[Limit, ...]] = {}  # by environment; "" for any
    settings: tuple[Setting, ...] = ()
    settle: float = 25.0  # seconds before a write in doubt is looked for; over every call's time-out
    polling: bool = True
    catalog_hours: int = 1  # how often the lists are read again, where calls are dear
    sweep_minutes: int = 0  # how often what webhooks missed is looked for; 0: never
    webhook_check_minutes: int = 10  # how often a webhook that is right is looked at
    test_account: TestAccount | None = None
    generic: bool = False  # any address a person gives: guarded more strictly

    def method(self, key: str) -> AuthMethod:
        """Return the way to connect called `key`; raises KeyError."""
        for method in self.auth:
            if method.key == key:
                return method
        raise KeyError(key)

    def defaults(self) -> dict[str, Any]:
        """Return the settings with their default values."""
        return {setting.key: setting.default for setting in self.settings}

    def address(self, base: str, settings: Mapping[str, Any]) -> str:
        """Return the base address for calls under these settings, without a slash at the end."""
        override = settings.get(f"address_{base}")
        if override:
            return str(override).rstrip("/")
        environment = str(settings.get("environment") or next(iter(self.addresses), ""))
        return self.addresses.get(environment, {}).get(base, "").rstrip("/")

    def limit(self, settings: Mapping[str, Any]) -> tuple[Limit, ...]:
        """Return the limits in force, a person's own figure over the manifest's."""
        environment = str(settings.get("environment") or next(iter(self.addresses), ""))
        limits = self.limits.get(environment, self.limits.get("", ()))
        calls, seconds = settings.get("limit_calls"), settings.get("limit_seconds")
        if calls and seconds:
            return (Limit(calls=int(calls), seconds=float(seconds)),)
        return limits


def load_manifest(package: str) -> Manifest:
    """Read the `manifest.toml` of a connector's package; raises msgspec.ValidationError when it is wrong."""
    text = files(package).joinpath("manifest.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Manifest)
