"""Driving PostgreSQL's own programs: making a cluster, starting its server, reading its last words."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from vaivem.postgres.account import Account
from vaivem.postgres.address import ROLE
from vaivem.postgres.binaries import MAJOR, Binaries
from vaivem.postgres.errors import (
    BinariesError,
    DatabaseError,
    DiskFullError,
    FolderError,
    PortTakenError,
    StartError,
    VersionError,
)
from vaivem.postgres.folder import DataFolder

INITDB_SECONDS = 120.0

# C.UTF-8 from PostgreSQL itself: the same order on every machine, and no index breaks when the system's C
# library is updated. (This build has no ICU.)
INITDB_OPTIONS = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust",  # the socket's folder is closed to every other user
    "--auth-host=scram-sha-256",
)

SETTINGS = {
    "jit": "off",  # our statements are short: compiling them costs more than running them
    "max_connections": "100",
    "autovacuum_naptime": "5s",  # the hot tables turn over completely within seconds
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",  # read by `explain`
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    # Statements and details of errors hold people's data.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True, slots=True)
class Listening:
    """How the server is reached: by a socket file in `sockets`, else on this machine's `port`."""

    sockets: Path | None
    port: int

    def settings(self) -> dict[str, str]:
        """Return PostgreSQL's settings for it."""
        if self.sockets is None:
            return {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        return {
            "listen_addresses": "",
            "port": "5432",  # only a part of the socket file's name
            "unix_socket_directories": f'"{self.sockets}"',
            "unix_socket_permissions": "0700",
        }


@dataclass(frozen=True, slots=True)
class Postmaster:
    """PostgreSQL's note about its first process."""

    pid: int
    port: int


def read_postmaster(folder: DataFolder) -> Postmaster | None:
    """Return what `postmaster.pid` says, true or stale; None if it is missing or half written."""
    try:
        lines = folder.postmaster_file.read_text().splitlines()
        return Postmaster(abs(int(lines[0])), int(lines[3]))
    except (FileNotFoundError, IndexError, ValueError):
        return None


def check_version(folder: DataFolder) -> None:
    """Raise `VersionError` when the cluster was made by another major version."""
    made_by = (folder.cluster / "PG_VERSION").read_text().strip()
    if made_by != str(MAJOR):
        raise VersionError(
            f"The database in {folder.cluster} was made by PostgreSQL {made_by}, and this Vaivém brings "
            f"PostgreSQL {MAJOR}. Start it with the Vaivém that made it, run `vaivem backup`, restore here."
        )


def make(folder: DataFolder, account: Account, binaries: Binaries) -> None:
    """Make a new cluster. It appears whole or not at all: it is made beside its place and then renamed."""
    draft = folder.area / "data.draft"
    password = folder.area / "password.draft"
    shutil.rmtree(draft, ignore_errors=True)
    password.unlink(missing_ok=True)
    with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(folder.password())
    if account.switch:
        os.chown(password, account.uid, account.gid)
    try:
        command = [binaries.program("initdb"), f"--pgdata={draft}", f"--username={ROLE}"]
        done = run(
            [*map(str, command), f"--pwfile={password}", *INITDB_OPTIONS],
            account,
            folder,
            timeout_seconds=INITDB_SECONDS,
        )
        if done.returncode != 0:
            raise explain(done.stdout + done.stderr, folder, "The database could not be made.")
        draft.rename(folder.cluster)
    finally:
        password.unlink(missing_ok=True)
        shutil.rmtree(draft, ignore_errors=True)


def start(
    folder: DataFolder, account: Account, binaries: Binaries, listening: Listening, inherited_lock: int
) -> subprocess.Popen[bytes]:
    """Start the server. `inherited_lock` stays open in it and in all its children."""
    settings = SETTINGS | {"max_wal_size": f"{folder.wal_megabytes()}MB"} | listening.settings()
    command = [str(binaries.program("postgres")), "-D", str(folder.cluster)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    log = folder.open_log()
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder.area,
            env=_environment(),
            start_new_session=True,  # a Ctrl-C in the terminal is ours to handle, in order
            umask=0o077,
            pass_fds=(inherited_lock,),
            **account.popen_options(),
        )
    except OSError as error:
        raise _not_run(error, command[0]) from error
    finally:
        os.close(log)


def run(
    command: list[str], account: Account, folder: DataFolder, *, timeout_seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's short programs as the database's user."""
    try:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=folder.area,
            env=_environment(),
            timeout=timeout_seconds,
            **account.popen_options(),
        )
    except subprocess.TimeoutExpired as error:
        raise StartError(f"{command[0]} did not end within {timeout_seconds:.0f} seconds.") from error
    except OSError as error:
        raise _not_run(error, command[0]) from error


def explain(said: str, folder: DataFolder, otherwise: str) -> DatabaseError:
    """Return the error that PostgreSQL's last words mean."""
    tail = "\n".join(said.strip().splitlines()[-15:])
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return DiskFullError(f"The disk that holds {folder.root} is full.", detail=tail)
    if "Address already in use" in said:
        return PortTakenError("Another program took the database's port while it started.", detail=tail)
    if "Permission denied" in said or "Read-only file system" in said:
        return FolderError(f"The database cannot use its files in {folder.area}.", detail=tail)
    if "database files are incompatible" in said:
        return VersionError(f"The files in {folder.cluster} belong to another PostgreSQL.", detail=tail)
    if "could not look up effective user" in said:
        return FolderError(
            "This user has no entry in the system's list of users, and PostgreSQL needs one.", detail=tail
        )
    if "could not map anonymous shared memory" in said or "Cannot allocate memory" in said:
        return StartError("There is not enough free memory for the database.", detail=tail)
    return StartError(f"{otherwise} Its own words: {tail or 'none'}", detail=tail)


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


def _not_run(error: OSError, program: str) -> DatabaseError:
    if isinstance(error, PermissionError):
        return FolderError(f"{program} could not be started: this user may not run it or become its user.")
    return BinariesError(f"{program} does not run on this machine: {error.strerror}.")
