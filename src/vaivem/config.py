"""What the operator decides, read once from the environment. Every setting has a default that works."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from typing_extensions import override

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

SMTP_SCHEMES = ("smtp", "smtp+tls", "smtps", "outbox")
IMAP_SCHEMES = ("imap", "imap+tls", "imaps")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMS = ("text", "json")
TRIALS_KEEP = ("VAIVEM_DATA_DIR", "VAIVEM_DATABASE_USER")


class ConfigError(ValueError):
    """A setting that cannot be used; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class PrivateHost:
    """One private place that outbound calls may reach all the same.

    `host` is a name or an address in lower case; `network` is set instead for a whole range; `port` None
    means every port.
    """

    host: str = ""
    port: int | None = None
    network: IpNetwork | None = None

    @override
    def __str__(self) -> str:
        """Return it as VAIVEM_ALLOW_PRIVATE lists it."""
        if self.network is not None:
            return str(self.network)
        if self.port is None:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Config:
    """The operator's settings. `database_url` None means the embedded PostgreSQL in `data_dir`."""

    data_dir: Path
    database_url: str | None = None
    database_user: str | None = None
    public_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    trusted_proxies: tuple[IpNetwork, ...] = ()
    allowed_private_hosts: tuple[PrivateHost, ...] = ()
    log_level: str = "info"
    log_form: str = "text"
    smtp_url: str | None = None
    bounces_url: str | None = None
    metrics_token: str | None = None
    test_accounts: Mapping[str, str] = field(default_factory=dict)
    """Where test accounts are served, by connector; workspaces may connect them without typing anything."""
    inherited_dsn: str | None = None
    """The address that a parent process found or started (VAIVEM_DSN); only for its children."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read the settings; a value that cannot be used raises `ConfigError`."""
        env = {name: value.strip() for name, value in (os.environ if environ is None else environ).items()}
        test_accounts = _test_accounts(env.get("VAIVEM_TEST_ACCOUNTS", ""))
        served = tuple(_private_host(urlsplit(url).netloc) for url in test_accounts.values())
        return cls(
            data_dir=_data_dir(env),
            database_url=_database_url(env.get("DATABASE_URL")),
            database_user=env.get("VAIVEM_DATABASE_USER") or None,
            public_url=_public_url(env.get("VAIVEM_PUBLIC_URL")),
            host=env.get("HOST") or "127.0.0.1",
            port=_port(env.get("PORT") or "8000"),
            trusted_proxies=_networks(env.get("VAIVEM_TRUSTED_PROXIES", "")),
            allowed_private_hosts=_private_hosts(env.get("VAIVEM_ALLOW_PRIVATE", "")) + served,
            log_level=_log_level(env.get("VAIVEM_LOG_LEVEL") or "info"),
            log_form=_log_form(env.get("VAIVEM_LOG") or "text"),
            smtp_url=_smtp_url(env.get("VAIVEM_SMTP_URL")),
            bounces_url=_bounces_url(env.get("VAIVEM_BOUNCES_URL")),
            metrics_token=env.get("VAIVEM_METRICS_TOKEN") or None,
            test_accounts=test_accounts,
            inherited_dsn=env.get("VAIVEM_DSN") or None,
        )

    def environment(self, dsn: str) -> dict[str, str]:
        """Return what a process of ours needs in its environment to meet the same database and hosts."""
        return {
            "VAIVEM_DATA_DIR": str(self.data_dir),
            "VAIVEM_DSN": dsn,
            "VAIVEM_ALLOW_PRIVATE": ",".join(str(host) for host in self.allowed_private_hosts),
        }

    @property
    def embedded(self) -> bool:
        """Whether the database is the one that Vaivém runs itself."""
        return self.database_url is None

    @property
    def local_url(self) -> str:
        """Return the address of the pages as reached from this machine, without a slash at the end."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared only
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    @property
    def dsn(self) -> str:
        """Return the database's address.

        With an embedded database and no address from a parent process, this joins the running server or
        starts it, and keeps it until this process ends (`vaivem.postgres.join`).
        """
        known = self.database_url or self.inherited_dsn
        if known:
            return known
        from vaivem import postgres  # a process that is given an address needs none of it

        return postgres.join(self.data_dir, self.database_user)


def set_by_operator(environ: Mapping[str, str]) -> list[str]:
    """Return the names of the settings in `environ` that an installation made for a trial must not inherit.

    The benchmark and chaos measure the defaults, and nothing of theirs may leave by the operator's mail
    server, mailbox or trace collector.
    """
    plain = ("DATABASE_URL", "HOST", "PORT")
    return [
        name
        for name in environ
        if (name in plain or name.startswith(("VAIVEM_", "OTEL_"))) and name not in TRIALS_KEEP
    ]


def _data_dir(env: Mapping[str, str]) -> Path:
    chosen = env.get("VAIVEM_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/vaivem")
    home = env.get("XDG_DATA_HOME") or "~/.local/share"
    try:
        return Path(home).expanduser().absolute() / "vaivem"
    except RuntimeError as error:
        raise ConfigError(
            "There is no home folder to keep the data in: set VAIVEM_DATA_DIR to a folder."
        ) from error


def _database_url(text: str | None) -> str | None:
    if not text:
        return None
    if urlsplit(text).scheme not in {"postgresql", "postgres"}:
        raise ConfigError("DATABASE_URL must start with postgresql:// (PostgreSQL 15 or newer).")
    return text


def _public_url(text: str | None) -> str | None:
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(
            f"VAIVEM_PUBLIC_URL must be an address such as https://vaivem.example.com.br; it is {text!r}."
        )
    return text.rstrip("/")


def _smtp_url(text: str | None) -> str | None:
    if not text:
        return None
    try:
        parts = urlsplit(text)
        known = parts.scheme in SMTP_SCHEMES and (parts.hostname or parts.scheme == "outbox")
        _ = parts.port
    except ValueError:
        known = False
    if not known:
        raise ConfigError(
            "VAIVEM_SMTP_URL must be an address such as"
            " smtp+tls://user:password@mail.example.com.br:587/vaivem@example.com.br"
            " (or smtp://, smtps://, or outbox: to keep letters on a page and send none)."
        )
    return text


def _bounces_url(text: str | None) -> str | None:
    if not text:
        return None
    try:
        parts = urlsplit(text)
        known = parts.scheme in IMAP_SCHEMES and parts.hostname and parts.username
        _ = parts.port
    except ValueError:
        known = False
    if not known:
        raise ConfigError(
            "VAIVEM_BOUNCES_URL must be an address such as imaps://user:password@mail.example.com.br/INBOX"
            " (or imap+tls://, imap://)."
        )
    return text


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise ConfigError(f"PORT must be a number from 0 to 65535; it is {text!r}.")
    return int(text)


def _log_level(text: str) -> str:
    level = text.lower()
    if level not in LOG_LEVELS:
        raise ConfigError(f"VAIVEM_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}; it is {text!r}.")
    return level


def _log_form(text: str) -> str:
    form = text.lower()
    if form not in LOG_FORMS:
        raise ConfigError(f"VAIVEM_LOG must be one of {', '.join(LOG_FORMS)}; it is {text!r}.")
    return form


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _networks(text: str) -> tuple[IpNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(part) for part in _listed(text))
    except ValueError as error:
        raise ConfigError(
            f"VAIVEM_TRUSTED_PROXIES must list addresses or ranges such as 10.0.0.0/8: {error}."
        ) from error


def _private_hosts(text: str) -> tuple[PrivateHost, ...]:
    return tuple(_private_host(part) for part in _listed(text))


def _private_host(text: str) -> PrivateHost:
    if "/" in text:
        try:
            return PrivateHost(network=ipaddress.ip_network(text))
        except ValueError as error:
            raise ConfigError(f"VAIVEM_ALLOW_PRIVATE holds a bad range: {error}.") from error
    try:
        address = ipaddress.ip_address(text)  # also an IPv6 address without brackets
    except ValueError:
        pass
    else:
        return PrivateHost(host=str(address))
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.path or parts.username or port == 0:
        raise ConfigError(
            f"VAIVEM_ALLOW_PRIVATE must list hosts, host:port or ranges; {text!r} is none of these."
        )
    return PrivateHost(host=host.lower(), port=port)


def _test_accounts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in _listed(text):
        name, _, url = part.partition("=")
        parts = urlsplit(url)
        if not name or parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise ConfigError(
                "VAIVEM_TEST_ACCOUNTS must list test accounts with their addresses, such as"
                f" NAME=http://127.0.0.1:9001; {part!r} is not one."
            )
        found[name] = url.rstrip("/")
    return found
