"""Workers that have imported everything and wait for the word: a test that kills many needs them soon.

As a program: waits for a line (a crash point, or nothing), then is a worker.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


class Spares:
    """Keeps some workers ready to begin."""

    def __init__(self, environment: dict[str, str], folder: Path, number: int = 2) -> None:
        self._environment = environment
        self._folder = folder
        self._made = 0
        self._ready = [self._start() for _ in range(number)]

    def take(self, crash_at: str = "") -> subprocess.Popen[bytes]:
        """Let one begin; another gets ready in its place."""
        process = self._ready.pop(0)
        assert process.stdin is not None
        process.stdin.write(f"{crash_at}\n".encode())
        process.stdin.close()
        self._ready.append(self._start())
        return process

    def close(self) -> None:
        """End those that wait."""
        for process in self._ready:
            process.kill()
            if process.stdin is not None:
                process.stdin.close()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        self._made += 1
        with self._folder.joinpath(f"worker-{self._made}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, str(Path(__file__))],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )


def main() -> int:
    """Be a worker, once told."""
    from vaivem.config import Config
    from vaivem.connectors.sdk.registry import get_connector
    from vaivem.engine import crashpoints
    from vaivem.engine.worker import main as work

    get_connector("stub")
    point, _, nth = sys.stdin.readline().strip().partition(":")
    crashpoints._wanted, crashpoints._nth = point, nth
    return work(Config.from_environment())


if __name__ == "__main__":
    os._exit(main())
