"""`vaivem doctor`: looks at the installation and says what is wrong and what to do.

A check is a function in `CHECKS` from an `Installation` to findings; it must not change anything. To add one,
write the function and list it.
"""

from __future__ import annotations

import http.client
import json
import os
import pwd
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import psycopg

from vaivem.cli.bottleneck import find_cause
from vaivem.cli.reporting import Command, Outcome
from vaivem.config import Config
from vaivem.core.errors import VaivemError
from vaivem.engine import post
from vaivem.postgres.account import choose
from vaivem.postgres.address import shown
from vaivem.postgres.errors import DatabaseError
from vaivem.postgres.folder import MIB, DataFolder
from vaivem.postgres.server import EmbeddedServer
from vaivem.processes.occupancy import OccupiedError, check_port, local_address
from vaivem.vault import KEY_FILE, KEY_VARIABLE, Vault, VaultError, read_or_make_keys

LOW_SPACE_BYTES = 1024 * MIB
NO_SPACE_BYTES = 100 * MIB
CLOCK_SECONDS = 2.0
REACH_SECONDS = 5.0


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: its state, a sentence, and what to do if it is not right."""

    check: str
    state: State
    sentence: str
    advice: str = ""


class Installation:
    """What the checks look at. The database is opened once, for all of them, and never started."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.folder = DataFolder(config.data_dir)

    @property
    def dsn(self) -> str:
        """The database's address, whether it answers or not."""
        return self.config.database_url or EmbeddedServer(self.config.data_dir).dsn

    @cached_property
    def database(self) -> psycopg.Connection[Any] | psycopg.Error:
        """The connection, or why there is none."""
        try:
            return psycopg.connect(self.dsn, autocommit=True, connect_timeout=4)
        except psycopg.Error as error:
            return error

    def rows(self, query: str) -> list[tuple[Any, ...]] | None:
        """Return a query's rows; None when there is no database or it has no such tables yet."""
        if isinstance(self.database, psycopg.Error):
            return None
        try:
            return self.database.execute(query.encode()).fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            return None

    def close(self) -> None:
        """Close the connection, if one was opened."""
        opened = vars(self).get("database")
        if isinstance(opened, psycopg.Connection):
            opened.close()


def python(_: Installation) -> Iterable[Finding]:
    """The interpreter is one that Vaivém is tested with."""
    version = sys.version.split()[0]
    if (3, 11) <= sys.version_info < (3, 14):
        yield Finding("python", State.OK, f"Python {version}.")
    else:
        yield Finding(
            "python", State.BAD, f"Python {version} is not supported.", "Use Python 3.11, 3.12 or 3.13."
        )


def data_folder(installation: Installation) -> Iterable[Finding]:
    """The folder is there, ours, and has room."""
    root = installation.folder.root
    if not root.exists():
        yield Finding("data folder", State.WARN, f"{root} is not there yet.", "The first start makes it.")
        return
    owner = _owner(root)
    if not os.access(root, os.W_OK | os.X_OK):
        yield Finding(
            "data folder",
            State.BAD,
            f"{root} belongs to {owner} and is not writable for you.",
            "Run Vaivém as that user, or set VAIVEM_DATA_DIR to another folder.",
        )
        return
    yield Finding("data folder", State.OK, f"{root}, owned by {owner}.")


def disk(installation: Installation) -> Iterable[Finding]:
    """There is room for the data to grow."""
    root = installation.folder.root
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    state = State.BAD if free < NO_SPACE_BYTES else State.WARN if free < LOW_SPACE_BYTES else State.OK
    advice = "" if state is State.OK else "Free some room, or shorten how long the history is kept."
    yield Finding("disk", state, f"{free / MIB / 1024:.1f} GB free where the data is.", advice)


def database_user(installation: Installation) -> Iterable[Finding]:
    """As root: the user that runs the embedded database can reach its files."""
    config, folder = installation.config, installation.folder
    if not config.embedded or os.geteuid() != 0:
        return
    try:
        account = choose(folder.cluster, config.database_user)
    except DatabaseError as error:
        yield Finding("database user", State.BAD, str(error))
        return
    place = next(place for place in (folder.area, folder.root, *folder.root.parents) if place.exists())
    closed = account.first_closed(place.parent if place == folder.area else place)
    if closed is None or closed == folder.root:  # our own folder is opened at the start
        yield Finding("database user", State.OK, f"As root, the database runs as {account.name}.")
        return
    yield Finding(
        "database user",
        State.BAD,
        f"The database runs as {account.name}, who cannot pass the folder {closed}.",
        "Choose a data folder outside of it (VAIVEM_DATA_DIR), or another user (VAIVEM_DATABASE_USER).",
    )


def key(installation: Installation) -> Iterable[Finding]:
    """The key that opens stored credentials is there and private."""
    path = installation.folder.root / KEY_FILE
    if os.environ.get(KEY_VARIABLE):
        yield Finding("key", State.OK, f"The key comes from {KEY_VARIABLE}.")
        return
    if not path.exists():
        yield Finding("key", State.WARN, "There is no key yet.", "The first start makes it.")
        return
    try:
        keys = read_or_make_keys(path)
    except VaultError as error:
        yield Finding("key", State.BAD, str(error), "Put the key file back from a backup.")
        return
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        yield Finding("key", State.BAD, f"{path} can be read by others.", f"Run `chmod 600 {path}`.")
        return
    yield Finding("key", State.OK, f"{path}, {len(keys)} key{'s' if len(keys) > 1 else ''}, private.")


def secrets(installation: Installation) -> Iterable[Finding]:
    """The key opens everything that is stored."""
    path = installation.folder.root / KEY_FILE
    known = os.environ.get(KEY_VARIABLE) or path.exists()
    if not known or installation.rows("select 1 from connection limit 1") is None:
        return
    from vaivem.cli.key import lost_sentence
    from vaivem.cli.migration import pending, use_django

    use_django(installation.dsn)
    if pending():
        return
    from vaivem.hub.connections.sealing import survey

    found = survey(Vault.from_folder(installation.folder.root))
    if found.lost:
        yield Finding("secrets", State.BAD, lost_sentence(found.lost_names))
    elif found.older:
        sentence = f"{found.older} stored secrets are sealed with an older key."
        yield Finding("secrets", State.WARN, sentence, "Run `vaivem key rotate`.")
    else:
        yield Finding("secrets", State.OK, f"The key opens all {found.current} stored secrets.")


def database(installation: Installation) -> Iterable[Finding]:
    """The database answers, is new enough, and its clock agrees with ours."""
    found = installation.database
    place = shown(installation.dsn)
    if isinstance(found, psycopg.Error):
        if installation.config.embedded:
            yield Finding(
                "database", State.WARN, "The embedded database is not running.", "`vaivem up` starts it."
            )
        else:
            reason = str(found).strip().splitlines()[0]
            yield Finding("database", State.BAD, f"{place} does not answer: {reason}", "Check DATABASE_URL.")
        return
    version = found.info.server_version
    name = f"PostgreSQL {version // 10000}.{version % 10000} at {place}"
    if version < 150000:
        yield Finding("database", State.BAD, f"{name} is too old.", "Use PostgreSQL 15 or newer.")
    else:
        yield Finding("database", State.OK, f"{name}.")
    yield from _clock(installation)
    yield from _connections(installation)


def tables(installation: Installation) -> Iterable[Finding]:
    """The tables are at this version."""
    if isinstance(installation.database, psycopg.Error):
        return
    from vaivem.cli.migration import pending, use_django

    use_django(installation.dsn)
    missing = pending()
    if missing:
        yield Finding(
            "tables", State.BAD, f"{len(missing)} changes are missing in the tables.", "Run `vaivem migrate`."
        )
    else:
        yield Finding("tables", State.OK, "The tables are at this version.")


def running(installation: Installation) -> Iterable[Finding]:
    """Vaivém runs on this folder and its web process takes deliveries, or its port is free."""
    config = installation.config
    local = local_address(config.data_dir)
    if local is not None:
        yield Finding("running", State.OK, "Vaivém runs on this folder.")
    web = config.local_url if local is None else local
    problem = _unready(web) if web else None
    if problem == "":
        yield Finding("web", State.OK, f"The web process answers at {web}.")
        return
    if local:
        yield Finding(
            "web",
            State.BAD,
            f"The web process at {web} takes no deliveries: {problem}.",
            "It is started again by itself. If it began more than a minute ago, its log says what is wrong.",
        )
    if local is not None:
        return
    try:
        check_port(config.host, config.port)
    except OccupiedError as error:
        advice = f"It is not a web process of Vaivém that takes deliveries: {problem}."
        yield Finding("port", State.WARN, str(error), advice)
    else:
        yield Finding("port", State.OK, f"Vaivém is not running; {config.host}:{config.port} is free.")


def public_address(installation: Installation) -> Iterable[Finding]:
    """Vendors can reach us."""
    url = installation.config.public_url
    if url is None:
        yield Finding(
            "public address",
            State.WARN,
            "VAIVEM_PUBLIC_URL is not set: real accounts cannot send their events here.",
            "Set it to the https address that leads to this machine (a domain, or a tunnel).",
        )
        return
    if not url.startswith("https://"):
        yield Finding(
            "public address", State.WARN, f"{url} is not https.", "Vendors refuse it; use a TLS proxy."
        )
    problem = _unreachable(url)
    if problem:
        yield Finding(
            "public address",
            State.WARN,
            f"{url} does not answer from here: {problem}",
            "Start Vaivém, then check the name, the proxy and the firewall.",
        )
    else:
        yield Finding("public address", State.OK, f"{url} answers.")


def mail(installation: Installation) -> Iterable[Finding]:
    """Letters can leave."""
    url = installation.config.smtp_url
    if url is None:
        yield Finding(
            "e-mail",
            State.WARN,
            "VAIVEM_SMTP_URL is not set: invitations are links to pass on, alerts do not leave.",
            "Set it to the address of a mail server.",
        )
        return
    if post.is_outbox(url):
        yield Finding("e-mail", State.OK, "Letters are kept on a page and sent to nobody (outbox:).")
        return
    server = urlsplit(url).hostname
    try:
        post.reach(url)
    except VaivemError as error:
        said = error.params.get("message") or error.detail or error.code
        yield Finding(
            "e-mail", State.WARN, f"The mail server {server} cannot be used: {said}", "Check VAIVEM_SMTP_URL."
        )
    else:
        yield Finding("e-mail", State.OK, f"The mail server {server} answers and lets us in.")


def workers(installation: Installation) -> Iterable[Finding]:
    """Some worker holds a lease."""
    rows = installation.rows("select host, pid, until > clock_timestamp() from worker order by id")
    if rows is None:
        return
    living = [f"{host} ({pid})" for host, pid, alive in rows if alive]
    if living:
        yield Finding("workers", State.OK, f"{len(living)} at work: {', '.join(living)}.")
    else:
        yield Finding("workers", State.WARN, "No worker is at work: events are kept and wait.", "Start one.")


def connections(installation: Installation) -> Iterable[Finding]:
    """No connection waits for a person."""
    rows = installation.rows(
        "select connector, name from connection where state = 'reconnect' and removed is null order by id"
    )
    if rows is None:
        return
    if not rows:
        yield Finding("accounts", State.OK, "No connected account needs attention.")
    for connector, name in rows:
        yield Finding(
            "accounts",
            State.WARN,
            f"The account {name!r} ({connector}) needs to be connected again.",
            "Open Connections and press Reconnect; what waited goes on by itself.",
        )


def rules(installation: Installation) -> Iterable[Finding]:
    """No rule was held because it ran wild."""
    rows = installation.rows(
        "select r.title, count(l.key) from rule r left join lane l on l.ws = r.workspace_id and l.rule = r.id"
        " where r.state = 'paused' and r.held is not null group by r.id, r.title order by r.id"
    )
    for title, waiting in rows or ():
        yield Finding(
            "rules",
            State.WARN,
            f"The rule {title!r} was held because it ran wild; {waiting:,} records wait for it.",
            "Open the rule: it says what it did. Let it go on there if that was meant.",
        )


def queue(installation: Installation) -> Iterable[Finding]:
    """Nothing waits that could go on; else what holds it up, as measured now."""
    cause = find_cause(installation.rows)
    if cause is not None:
        yield Finding("queue", State.WARN if cause.late else State.OK, cause.sentence, cause.advice)


CHECKS: tuple[Callable[[Installation], Iterable[Finding]], ...] = (
    python,
    data_folder,
    disk,
    database_user,
    key,
    database,
    secrets,
    tables,
    running,
    workers,
    public_address,
    mail,
    connections,
    rules,
    queue,
)


@click.command(cls=Command)
def doctor() -> Outcome:
    """Check this installation and explain what is not right."""
    installation = Installation(Config.from_environment())
    try:
        findings = [finding for check in CHECKS for finding in check(installation)]
    finally:
        installation.close()
    bad = [finding for finding in findings if finding.state is State.BAD]
    data = {"checks": [{**asdict(finding), "state": str(finding.state)} for finding in findings]}
    problem = " ".join(f"{finding.sentence} {finding.advice}".strip() for finding in bad)
    return Outcome("\n".join(map(_line, findings)), data, problem)


def _line(finding: Finding) -> str:
    colour = {State.OK: "green", State.WARN: "yellow", State.BAD: "red"}[finding.state]
    mark = click.style(f"{finding.state:<5}", fg=colour)
    advice = f"\n{'':23}{finding.advice}" if finding.advice else ""
    return f"{mark} {finding.check:<16} {finding.sentence}{advice}"


def _clock(installation: Installation) -> Iterable[Finding]:
    asked = time.time()
    rows = installation.rows("select extract(epoch from clock_timestamp())::float8")
    answered = time.time()
    if not rows:
        return
    difference = float(rows[0][0]) - (asked + answered) / 2
    if abs(difference) > CLOCK_SECONDS:
        yield Finding(
            "clock",
            State.WARN,
            f"The database's clock differs from this machine's by {difference:.1f} seconds.",
            "Let both follow a time server: vendors refuse signatures and tokens by the clock.",
        )
    else:
        yield Finding("clock", State.OK, "The database's clock agrees with this machine's.")


def _connections(installation: Installation) -> Iterable[Finding]:
    rows = installation.rows(
        "select count(*), current_setting('max_connections')::int from pg_stat_activity"
        " where backend_type = 'client backend'"
    )
    if not rows:
        return
    used, most = rows[0]
    tight = used > most * 0.8
    yield Finding(
        "connections",
        State.WARN if tight else State.OK,
        f"{used} of {most} database connections are in use.",
        "Raise max_connections, or run fewer processes." if tight else "",
    )


def _unready(url: str) -> str:
    """Return why the web process at `url` takes no deliveries; "" when it does."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=REACH_SECONDS) as answer:  # noqa: S310 - http(s) only
            return "" if json.loads(answer.read()) == {"ok": True} else "it answers something else"
    except urllib.error.HTTPError as error:
        try:
            return str(json.loads(error.read())["problem"])
        except (ValueError, KeyError, TypeError):
            return f"status {error.code}"
    except ValueError:
        return "it answers something else"
    except (OSError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", error))


def _unreachable(url: str) -> str:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=REACH_SECONDS) as answer:  # noqa: S310 - http(s) only
            return "" if answer.status == 200 else f"status {answer.status}"
    except urllib.error.HTTPError as error:
        return f"status {error.code}"
    except (OSError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", error))


def _owner(path: Path) -> str:
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user number {uid}"
