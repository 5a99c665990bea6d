"""The system's own programs that some scenarios need: found, and run with their words kept."""

from __future__ import annotations

import shutil
import subprocess

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def found(*programs: str) -> bool:
    """Say whether all of these programs are installed."""
    return all(shutil.which(program, path=PATH) for program in programs)


def refusal(program: str, *arguments: str) -> str:
    """Run a program; return what it said when it failed, and "" when it did not."""
    path = shutil.which(program, path=PATH) or program
    try:
        done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, timeout=30)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip() or f"{program} failed")


def must(program: str, *arguments: str) -> None:
    """Run a program; raises OSError with its words when it fails."""
    said = refusal(program, *arguments)
    if said:
        raise OSError(f"{program} {' '.join(arguments)}: {said}")
