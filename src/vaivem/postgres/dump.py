"""Backups: the database (PostgreSQL's own dump) and the key file in one tar that only its owner can read.

    manifest.json    version, time, the server's version
    database.dump    `pg_dump --format=custom`
    secret.key       the vault's key file; missing when the key comes from the environment

A restore goes into an empty database in one transaction: it is there whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vaivem import __version__
from vaivem.postgres.address import shown
from vaivem.postgres.binaries import MAJOR, installed
from vaivem.postgres.errors import DatabaseError, DiskFullError, FolderError, VersionError
from vaivem.vault import KEY_FILE, KEY_VARIABLE, read_or_make_keys, write_keys

FORMAT = 1
MANIFEST, DUMP, SCRIPT = "manifest.json", "database.dump", "database.sql"
PLAIN = ("--no-owner", "--no-privileges")
LOCK_SECONDS = 10
NEWER_SETTINGS = b"SET transaction_timeout = 0;"  # in every dump, and unknown before PostgreSQL 17
HEAD_LINES = 40


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup's facts: Vaivém's version and the moment (ISO, UTC) it was made, and its size."""

    version: str
    made: str
    bytes: int


def write_backup(file: Path, dsn: str, data_dir: Path) -> Backup:
    """Write a backup of the database at `dsn` and of the folder's key; an existing file is replaced.

    The dump is one snapshot: what is written meanwhile is not in it.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    manifest = {
        "format": FORMAT,
        "version": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "postgresql": _server_major(dsn),
    }
    try:
        with _private_folder(file.absolute().parent) as folder:
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
            _run(dsn, "pg_dump", "--format=custom", *PLAIN, f"--file={folder / DUMP}")
            if not os.environ.get(KEY_VARIABLE):
                write_keys(folder / KEY_FILE, read_or_make_keys(data_dir / KEY_FILE))
            with _create(draft) as archive:
                for place in (MANIFEST, KEY_FILE, DUMP):
                    if (folder / place).exists():
                        archive.add(folder / place, place)
        draft.replace(file)
    except OSError as error:
        raise FolderError(f"The backup {file} cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return Backup(__version__, str(manifest["made"]), file.stat().st_size)


def read_backup(file: Path, dsn: str, data_dir: Path, *, replace: bool = False) -> Backup:
    """Put a backup back.

    Refused: a backup of a newer Vaivém (`VersionError`), and a database that holds tables or a folder with
    another key, unless `replace`.
    """
    with _private_folder(file.absolute().parent) as folder:
        manifest = _unpack(file, folder)
        _check_version(manifest)
        key_file = data_dir / KEY_FILE
        keys = read_or_make_keys(folder / KEY_FILE) if (folder / KEY_FILE).exists() else None
        if keys and key_file.exists() and read_or_make_keys(key_file) != keys and not replace:
            raise DatabaseError(
                f"The folder {data_dir} has another key already. With --replace the backup's key takes its "
                "place, and what was sealed with the present one cannot be opened any more."
            )
        _make_empty(dsn, replace=replace)
        if keys:
            # Before the data: data without its key is worth nothing, a key without data does no harm.
            data_dir.mkdir(parents=True, exist_ok=True)
            write_keys(key_file, keys)
        _load(folder, dsn)
    return Backup(manifest["version"], manifest["made"], file.stat().st_size)


def _load(folder: Path, dsn: str) -> None:
    if _server_major(dsn) >= 17:
        _run(dsn, "pg_restore", *PLAIN, "--exit-on-error", "--single-transaction", str(folder / DUMP))
        return
    draft, script = folder / "draft.sql", folder / SCRIPT
    _run("", "pg_restore", *PLAIN, f"--file={draft}", str(folder / DUMP))
    with draft.open("rb") as source, script.open("wb") as target:
        for line in islice(source, HEAD_LINES):
            target.write(b"" if line.strip() == NEWER_SETTINGS else line)
        shutil.copyfileobj(source, target)
    _run(
        dsn,
        "psql",
        "--quiet",
        "--no-psqlrc",
        "--single-transaction",
        "--set=ON_ERROR_STOP=1",
        f"--file={script}",
    )


def _make_empty(dsn: str, *, replace: bool) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(
            "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = 'public' and c.relkind in ('r', 'p', 'v', 'm', 'S')"
        ).fetchone()
        if not found or not found[0]:
            return
        if not replace:
            raise DatabaseError(
                f"The database {shown(dsn)} is not empty. Restore into an empty one, or add --replace to "
                "throw away what it holds."
            )
        connection.execute(f"set lock_timeout = '{LOCK_SECONDS}s'")
        try:
            connection.execute("drop schema public cascade; create schema public")
        except psycopg.errors.LockNotAvailable as error:
            raise DatabaseError("The database is in use: stop every web and worker process first.") from error


def _check_version(manifest: dict[str, Any]) -> None:
    if manifest["format"] > FORMAT or _numbers(manifest["version"]) > _numbers(__version__):
        raise VersionError(
            f"The backup was made by Vaivém {manifest['version']}, and this is {__version__}: install that "
            "version or a newer one first."
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdecimal())


def _unpack(file: Path, folder: Path) -> dict[str, Any]:
    try:
        with tarfile.open(file, "r:") as archive:
            for name in (MANIFEST, DUMP, KEY_FILE):
                if name in archive.getnames():
                    _copy(archive, name, folder / name)
        manifest = json.loads((folder / MANIFEST).read_text())
        if not isinstance(manifest, dict) or not {"format", "version", "made"} <= manifest.keys():
            raise ValueError("its manifest says too little")
    except (tarfile.TarError, EOFError, FileNotFoundError, ValueError) as error:
        raise DatabaseError(f"{file} is not a backup of Vaivém, or is damaged: {error}.") from error
    if not (folder / DUMP).exists():
        raise DatabaseError(f"{file} is not a whole backup: the database is missing in it.")
    return manifest


def _copy(archive: tarfile.TarFile, name: str, target: Path) -> None:
    """Write a member's content, and nothing else of it: no link, owner or mode is followed.

    (`extract` with its filter does the same, but not in the Python 3.11.2 of Debian 12.)
    """
    content = archive.extractfile(name) if archive.getmember(name).isreg() else None
    if content is None:
        raise tarfile.TarError(f"{name} in it is no file")
    with content, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(content, file)


def _server_major(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        major = connection.info.server_version // 10000
    if major > MAJOR:
        raise VersionError(
            f"The database server is PostgreSQL {major}, and this Vaivém brings the tools of {MAJOR}: use "
            f"pg_dump of PostgreSQL {major}, and keep the file {KEY_FILE} with it."
        )
    return major


def _run(dsn: str, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's tools, on a database unless `dsn` is empty; no password in its arguments."""
    command = [str(installed().program(program)), *arguments]
    environment = dict(os.environ)
    if dsn:
        parts: dict[str, Any] = dict(conninfo_to_dict(dsn))
        environment["PGPASSWORD"] = str(parts.pop("password", "") or "")
        command.insert(1, f"--dbname={make_conninfo('', **parts)}")
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, errors="replace", env=environment
    )
    if done.returncode == 0:
        return
    if "No space left on device" in done.stderr:
        raise DiskFullError("The disk is full.", detail=done.stderr.strip())
    said = done.stderr.strip()
    raise DatabaseError(f"{program} failed: {said.splitlines()[-1] if said else 'no reason'}", detail=said)


@contextmanager
def _private_folder(parent: Path) -> Iterator[Path]:
    """Yield a folder only for us, on the disk that takes the result: it may be large."""
    try:
        with tempfile.TemporaryDirectory(prefix=".vaivem-backup-", dir=parent) as folder:
            yield Path(folder)
    except PermissionError as error:
        raise FolderError(f"The folder {parent} is not writable for you.") from error


@contextmanager
def _create(file: Path) -> Iterator[tarfile.TarFile]:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w") as archive:
            yield archive
        raw.flush()
        os.fsync(raw.fileno())
