"""The places in the data folder that belong to the embedded database.

DATA/
  secret.key            the vault's key (vault.py)
  database.password     the database role's password, for where it cannot use a socket file
  locks/users           held, shared, by every process that uses the server
  locks/start           held by the one process that starts or repairs the server
  locks/server          inherited by PostgreSQL and all its children: free means that all are gone
  logs/postgresql.log
  programs/             a copy of PostgreSQL's programs, only where its user cannot reach the installed ones
  postgresql/           owned by the database's user
    data/               the cluster
    run/                the socket file
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from vaivem.postgres.account import Account
from vaivem.postgres.errors import DiskFullError, FolderError

MIB = 1024 * 1024
# A new cluster takes 40 MB, and the first migration and its write-ahead log about as much.
FIRST_START_BYTES = 200 * MIB
LATER_START_BYTES = 24 * MIB
NEARLY_FULL_BYTES = 100 * MIB
LOG_BYTES = 10 * MIB


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder and the names in it."""

    root: Path

    @property
    def area(self) -> Path:
        """The folder that belongs to the database's user."""
        return self.root / "postgresql"

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own files."""
        return self.area / "data"

    @property
    def sockets(self) -> Path:
        """Where the socket file is."""
        return self.area / "run"

    @property
    def locks(self) -> Path:
        """Where the locks are."""
        return self.root / "locks"

    @property
    def log(self) -> Path:
        """What PostgreSQL says."""
        return self.root / "logs" / "postgresql.log"

    @property
    def password_file(self) -> Path:
        """The password of the database's role."""
        return self.root / "database.password"

    @property
    def postmaster_file(self) -> Path:
        """PostgreSQL's own note about who runs it; stale after a crash."""
        return self.cluster / "postmaster.pid"

    @property
    def made(self) -> bool:
        """Whether a whole cluster is there."""
        return (self.cluster / "PG_VERSION").exists()

    def prepare(self) -> None:
        """Make our own folders; raise `FolderError` or `DiskFullError` when that cannot be."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.locks.mkdir(mode=0o700, exist_ok=True)
            self.log.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise folder_error(self.root, error) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise FolderError(
                f"The data folder {self.root} is not writable for you. Choose another with "
                "VAIVEM_DATA_DIR, or change its owner."
            )

    def hand_over(self, account: Account) -> None:
        """Make the area that the database's user owns; a parent folder in its way raises `FolderError`."""
        try:
            if account.switch and self.root.stat().st_uid == os.geteuid():
                # Our own folder lets others pass through, not look; what is secret in it has its own rights.
                self.root.chmod(self.root.stat().st_mode & 0o7777 | 0o011)
            for folder in (self.area, self.sockets):
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)
            if account.switch and self.area.stat().st_uid != account.uid:
                _give(self.area, account)
        except OSError as error:
            raise folder_error(self.area, error) from error
        closed = account.first_closed(self.area)
        if closed is not None:
            raise FolderError(
                f"As root, the database runs as the user {account.name!r}, and this user cannot pass the "
                f"folder {closed}. Choose a data folder outside of it with VAIVEM_DATA_DIR (for example "
                f"/var/lib/vaivem), name a user who may pass with VAIVEM_DATABASE_USER, or run `chmod o+x "
                f"{closed}`."
            )

    def check_space(self) -> None:
        """Raise `DiskFullError` when the database cannot start for want of room."""
        free = shutil.disk_usage(self.root).free
        needed = LATER_START_BYTES if self.made else FIRST_START_BYTES
        if free < needed:
            raise DiskFullError(
                f"The disk that holds {self.root} is full: the database needs {needed // MIB} MB and "
                f"{free // MIB} MB are free. Free some room, or choose another folder with VAIVEM_DATA_DIR."
            )

    def nearly_full(self) -> str:
        """Return a sentence when the disk is about to be full, else nothing."""
        free = shutil.disk_usage(self.root).free
        if free >= NEARLY_FULL_BYTES:
            return ""
        return f"The disk that holds {self.root} is nearly full ({free // MIB} MB free). Free some room."

    def wal_megabytes(self) -> int:
        """Return how large the write-ahead log may grow: 4 GB, or a tenth of what is free on a small disk."""
        return max(256, min(4096, shutil.disk_usage(self.root).free // MIB // 10))

    def password(self) -> str:
        """Return the role's password, made on first use, readable by its owner only."""
        try:
            descriptor = os.open(self.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self.password_file.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        return self.password_file.read_text().strip()

    def open_log(self) -> int:
        """Open PostgreSQL's log for appending; a long one is first put aside."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def log_since(self, offset: int) -> str:
        """Return what PostgreSQL said after `offset` bytes of its log."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")


def folder_error(folder: Path, error: OSError) -> FolderError | DiskFullError:
    """Return the error to raise for what the system said about a folder."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFullError(f"The disk that holds {folder} is full.")
    return FolderError(
        f"The folder {folder} cannot be used: {error.strerror} ({error.filename}). Choose another data "
        "folder with VAIVEM_DATA_DIR, or change its owner."
    )


def _give(folder: Path, account: Account) -> None:
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.lchown(Path(place, name), account.uid, account.gid)
    os.lchown(folder, account.uid, account.gid)
