"""Where `make demo` keeps its data: in the project, unless root's database user cannot get there.

A project that root keeps in its own closed home is common, and the demo should start there all the same.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from vaivem.postgres.account import choose
from vaivem.postgres.errors import DatabaseError
from vaivem.postgres.folder import DataFolder

ELSEWHERE = Path("/var/lib/vaivem-demo")


def demo_folder(preferred: Path, elsewhere: Path = ELSEWHERE) -> Path:
    """Return `preferred`, or `elsewhere` when the database's user cannot pass the folders above it."""
    if os.geteuid() != 0:
        return preferred
    try:
        account = choose(DataFolder(preferred).cluster, os.environ.get("VAIVEM_DATABASE_USER"))
    except DatabaseError:  # the start itself says what is wrong
        return preferred
    return elsewhere if account.first_closed(preferred.parent) else preferred


if __name__ == "__main__":
    sys.stdout.write(f"{demo_folder(Path(sys.argv[1]))}\n")
