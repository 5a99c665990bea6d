"""A demo in a process of its own, for people in a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaivem.postgres.server import free_port

START_SECONDS = 200.0  # a busy machine
STOP_SECONDS = 40.0
COMMAND = [sys.executable, "-m", "vaivem.cli"]


@dataclass
class Installation:
    """Where everything is: the hub, its workspace, and the test accounts. None ends with a slash."""

    hub: str
    clicksign: str
    crm: str
    environment: dict[str, str]
    accounts: Mapping[str, str] = field(default_factory=dict)  # every test account by its connector
    signed_in: Any = field(default=None)  # the owner's cookies, once somebody has signed in

    @property
    def workspace(self) -> str:
        """The address of the demo's workspace."""
        return f"{self.hub}/w/raiar-solar"

    def sign_in_link(self) -> str:
        """Make a link that signs the owner in once."""
        command = [*COMMAND, "login-link", "--json"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        return f"{self.hub}{json.loads(done.stdout.splitlines()[-1])['path']}"


@contextmanager
def demo_in(folder: Path) -> Iterator[Installation]:
    """Start the demo in a folder, and stop it whatever happens."""
    environment = {
        **os.environ,
        "VAIVEM_DATA_DIR": str(folder),
        "HOST": "127.0.0.1",
        "PORT": str(free_port("127.0.0.1")),
        "VAIVEM_SUPERVISOR_PID": str(os.getpid()),  # ends with us, also when we are killed
    }
    for name in ("DATABASE_URL", "VAIVEM_PUBLIC_URL", "VAIVEM_DSN"):
        environment.pop(name, None)
    log = folder / "demo.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*COMMAND, "demo"], env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield _when_ready(process, log, environment)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        finally:
            process.kill()  # only if it did not end when asked, which fails the run


def _when_ready(process: subprocess.Popen[bytes], log: Path, environment: dict[str, str]) -> Installation:
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit and process.poll() is None:
        said = log.read_text("utf-8")
        if "Sign in with" in said:
            accounts = {name: url for url, name in re.findall(r"(http://\S+)\s+\((\w+)\)", said)}
            hub = f"http://127.0.0.1:{environment['PORT']}"
            return Installation(hub, accounts["clicksign"], accounts["rd_station_crm"], environment, accounts)
        time.sleep(0.1)
    raise AssertionError(f"The demo did not start:\n{log.read_text('utf-8')[-4000:]}")


def command(installation: Installation, *arguments: str) -> dict[str, Any]:
    """Run a command on the installation; return what it reports."""
    done = subprocess.run(
        [*COMMAND, *arguments, "--json"],
        env=installation.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
