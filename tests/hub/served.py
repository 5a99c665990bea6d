"""Test accounts, served in a process of their own for a whole test file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def served(name: str) -> Iterator[dict[str, Any]]:
    """Serve a simulator and give what it says when it is ready: its address and credentials."""
    command = [sys.executable, "-m", "vaivem.simulators.serve", name, "--limits", "off"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(10)
