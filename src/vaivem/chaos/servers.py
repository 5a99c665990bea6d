"""PostgreSQL servers that stand for an operator's own: made in a folder, killed, started again, promoted."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from vaivem.chaos import tools
from vaivem.postgres.account import Account, choose
from vaivem.postgres.binaries import installed, reachable_by
from vaivem.postgres.server import free_port

ROLE = "vaivem"
DATABASE = "vaivem"
OLDEST = 15
START_SECONDS = 30.0
PACKAGES = Path("/usr/lib/postgresql")


class ServerError(Exception):
    """A server of a chaos run did not do what it was told; the text is its own last words."""


def found_programs() -> Path | None:
    """Return the folder of an installed PostgreSQL's programs (15 or newer, the oldest first), if any."""
    known = [folder for folder in PACKAGES.glob("*/bin") if folder.parent.name.isdecimal()]
    fit = sorted((int(folder.parent.name), folder) for folder in known)
    for version, folder in fit:
        if version >= OLDEST and (folder / "postgres").exists() and (folder / "pg_basebackup").exists():
            return folder
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


def lacks_programs() -> str:
    """Say what to do when no PostgreSQL is installed."""
    if found_programs() is None:
        return "no PostgreSQL is installed here: apt-get install postgresql-15 (or newer)"
    return ""


class Server:
    """One PostgreSQL server on loopback (or another address of this machine)."""

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        prefix: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        packaged: bool = False,
    ) -> None:
        self.folder = folder
        self.host = host
        self.port = free_port()
        self.settings = dict(settings or {})
        self.password = secrets.token_urlsafe(12)
        self._prefix = tuple(prefix)
        self._environment = dict(environment or {})
        self._account: Account = choose(folder, None)
        programs = None if packaged else found_programs()
        if programs is None:
            programs = (reachable_by(self._account, folder.parent) if packaged else installed()).root / "bin"
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """The address of Vaivém's database on it."""
        return f"postgresql://{ROLE}:{self.password}@{self.host}:{self.port}/{DATABASE}"

    @property
    def version(self) -> str:
        """The server's version, as its programs say."""
        said = subprocess.run(
            [str(self._programs / "postgres"), "--version"], capture_output=True, text=True, check=True
        )
        return said.stdout.strip().removeprefix("postgres (PostgreSQL) ")

    async def make(self) -> None:
        """Make the cluster, start it, and make the database."""
        self._make_folder()
        word = self.folder.with_name(f"{self.folder.name}.word")
        word.write_text(self.password)
        if self._account.switch:
            os.chown(word, self._account.uid, self._account.gid)
        options = ("-U", ROLE, "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={word}")
        await self._run("initdb", "-D", str(self.folder), *options)
        rules = self.folder / "pg_hba.conf"
        with rules.open("a") as file:
            file.writelines(f"host {what} all samenet scram-sha-256\n" for what in ("all", "replication"))
        await self.start()
        await self._run(
            "psql", self.dsn.rpartition("/")[0] + "/postgres", "-c", f"create database {DATABASE}"
        )

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700)
        if self._account.switch:
            os.chown(self.folder, self._account.uid, self._account.gid)

    async def clone(self, primary: Server) -> None:
        """Become a standby of another server, from a copy of it."""
        self.password = primary.password
        self._make_folder()
        source = f"host={primary.host} port={primary.port} user={ROLE} password={primary.password}"
        await self._run(
            "pg_basebackup", "-D", str(self.folder), "-R", "-X", "stream", "-c", "fast", "-d", source
        )
        await self.start(wait=False)

    async def start(self, *, wait: bool = True) -> None:
        """Start the server; with `wait` until it answers."""
        self._launch()
        if wait:
            await self.until_answers()

    def _launch(self) -> None:
        settings = {
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 100,
            "jit": "off",
            "autovacuum_naptime": "5s",
            **self.settings,
        }
        account = self._account
        become = ("setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups")
        prefix = (*self._prefix, *become) if self._prefix and account.switch else self._prefix
        command = [*prefix, str(self._programs / "postgres"), "-D", str(self.folder)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                env={"PATH": tools.PATH, "LC_ALL": "C", **self._environment},
                **({} if self._prefix else self._account.popen_options()),
            )

    async def until_answers(self, seconds: float = START_SECONDS) -> None:
        """Wait until the server takes connections."""
        limit = time.monotonic() + seconds
        address = self.dsn.rpartition("/")[0] + "/postgres"
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(address, connect_timeout=2):
                    return
            except psycopg.OperationalError as error:
                ended = self._process is not None and self._process.poll() is not None
                if ended or time.monotonic() > limit:
                    raise ServerError(f"{error}\n{self.last_words()}") from error
                await asyncio.sleep(0.1)

    @property
    def pid(self) -> int:
        """The server's first process."""
        return int((self.folder / "postmaster.pid").read_text().splitlines()[0])

    def kill(self) -> None:
        """Kill the first process as a power cut of its own would; its children notice and end."""
        with suppress(FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            os.kill(self.pid, signal.SIGKILL)
        if self._process is not None:
            if not self._prefix:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    async def revive(self) -> None:
        """Start the server again after it was killed, once its children are gone."""
        for _ in range(100):
            try:
                await self.start()
            except ServerError as error:
                if "still in use" not in str(error) and "lock file" not in str(error):
                    raise
                await asyncio.sleep(0.1)
            else:
                return
        raise ServerError(self.last_words())

    async def sql(self, statement: str) -> None:
        """Run a statement."""
        await self._run("psql", self.dsn, "-c", statement)

    async def promote(self) -> None:
        """Make a standby the primary."""
        await self.sql("select pg_promote(true, 30)")

    def stop(self) -> None:
        """Stop the server at once, and be sure that it is gone."""
        if self._process is None:
            return
        with suppress(FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            os.kill(self.pid, signal.SIGQUIT)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    @property
    def _log(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.log")

    def last_words(self, lines: int = 12) -> str:
        """Return the end of its log."""
        if not self._log.exists():
            return ""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    async def _run(self, program: str, *arguments: str) -> None:
        options = self._account.popen_options() if program != "psql" else {}

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [str(self._programs / program), *arguments],
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                timeout=120,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                **options,
            )

        done = await asyncio.to_thread(run)
        if done.returncode:
            raise ServerError(f"{program}: {done.stderr.strip() or done.stdout.strip()}")
