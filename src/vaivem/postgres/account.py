"""The operating-system user that runs the server: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaivem.postgres.errors import FolderError

DEFAULT_USER = "nobody"

# `cd` needs exactly the right to pass through, and asks the kernel, so that access lists count too.
_GO_THROUGH = 'for place do cd "$place" 2>/dev/null || { printf %s "$place"; exit 1; }; done'


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine. `switch` says that we are root and must become this user for the server."""

    uid: int
    gid: int
    name: str
    switch: bool

    def popen_options(self) -> dict[str, Any]:
        """Return what `subprocess` needs to run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}

    def first_closed(self, folder: Path) -> Path | None:
        """Return the outermost folder on the way to and with `folder` that this user cannot pass, if any."""
        if not self.switch:
            return None
        way = [*reversed(folder.parents), folder]
        found = self._ask(_GO_THROUGH, way)
        return Path(found.stdout) if found.returncode else None

    def can_run(self, program: Path) -> bool:
        """Whether this user can start the program."""
        return self._ask('test -x "$1"', [program]).returncode == 0

    def _ask(self, script: str, arguments: Iterable[Path]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", script, "sh", *map(str, arguments)],
            cwd="/",
            check=False,
            capture_output=True,
            text=True,
            timeout=20,
            env={"PATH": "/usr/bin:/bin"},
            **self.popen_options(),
        )


def choose(cluster: Path, wanted: str | None) -> Account:
    """Return the user for the server whose files are (or will be) in `cluster`.

    Not root: ourselves. Root: `wanted` (VAIVEM_DATABASE_USER), else the owner of existing files, so that a
    folder first used without root goes on with its user, else `nobody`.
    """
    uid = os.geteuid()
    owner = cluster.stat().st_uid if cluster.exists() else None
    if uid != 0:
        if owner not in {None, uid}:
            raise FolderError(
                f"The database in {cluster.parent.parent} belongs to the user {_name(owner)} and you are "
                f"{_name(uid)}. Start Vaivém as that user, or choose another folder with VAIVEM_DATA_DIR."
            )
        return Account(uid, os.getegid(), _name(uid), switch=False)
    if wanted is None and owner:
        return Account(owner, cluster.stat().st_gid, _name(owner), switch=True)
    name = wanted or DEFAULT_USER
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise FolderError(
            f"PostgreSQL does not run as root and there is no user {name!r} on this machine. Set "
            "VAIVEM_DATABASE_USER to an ordinary user."
        ) from error
    if entry.pw_uid == 0:
        raise FolderError("VAIVEM_DATABASE_USER must be an ordinary user: PostgreSQL does not run as root.")
    return Account(entry.pw_uid, entry.pw_gid, name, switch=True)


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return f"number {uid}"
