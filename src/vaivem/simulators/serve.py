"""Serves one simulator: ``python -m vaivem.simulators.serve NAME``."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
import uvloop

from vaivem.simulators.kit.account import Settings, Simulator, build_app
from vaivem.simulators.kit.certificate import Certificate, make_certificate
from vaivem.simulators.kit.server import BoundServer
from vaivem.simulators.kit.store import UnreadableStateError

_FOLDER = Path(__file__).parent


class UnknownSimulatorError(ValueError):
    """No folder of that name has an ``app`` module; the message lists those that do."""


def names() -> list[str]:
    """The simulators there are: every folder beside this file with an ``app.py``."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/app.py"))


def make(name: str) -> Simulator:
    """A fresh simulator. Raises ``UnknownSimulatorError``."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name not in names():
        raise UnknownSimulatorError(f"There is no test account {name!r}. There are: {', '.join(names())}.")
    simulator: Simulator = importlib.import_module(f"vaivem.simulators.{name}.app").simulator()
    return simulator


def ready_line(simulator: Simulator) -> dict[str, object]:
    """What is printed once the simulator answers."""
    return {
        "name": simulator.name,
        "base_url": simulator.base_url,
        "credentials": simulator.credentials(),
        "pages_url": simulator.base_url + "/",
        "control_url": simulator.base_url + "/_control",
    }


async def run(
    simulator: Simulator,
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = 0,
    public_base: str | None = None,
    on_ready: Callable[[BoundServer], None] | None = None,
    tls: Certificate | None = None,
) -> None:
    """Serve ``simulator`` in this event loop until the server given to ``on_ready`` is stopped.

    ``public_base`` is the address people and vendors' links use, where a proxy stands in front.
    """
    scheme = "https" if tls else "http"

    def bound(actual_port: int) -> None:
        shown_host = f"[{host}]" if ":" in host else host
        simulator.base_url = (public_base or f"{scheme}://{shown_host}:{actual_port}").rstrip("/")
        if on_ready is not None:
            # The socket listens from here on: a connection made now waits for the worker.
            asyncio.get_running_loop().call_soon(on_ready, server)

    server = BoundServer(build_app(simulator, settings), host, port, bound, simulator.stopping.set, tls)
    await server.serve()


def serve(
    name: str,
    host: str = "127.0.0.1",
    port: int = 0,
    limits: str = "documented",
    retries: Sequence[float] | None = None,
    state: Path | None = None,
    exit_after_start: bool = False,
    public_base: str | None = None,
    tls: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT; prints one line of JSON on stdout when ready.

    With ``tls`` it speaks https, with a certificate made for the time being; the line names its file.

    Raises ``UnknownSimulatorError``, ``UnreadableStateError``, ``ValueError`` for a wrong limits mode, and
    ``OSError`` where the port is taken.
    """
    simulator = make(name)
    settings = Settings(limits, None if retries is None else tuple(retries), state)

    certificate: Certificate | None = None

    def ready(server: BoundServer) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        line = ready_line(simulator)
        if certificate is not None:
            line["certificate"] = str(certificate.certificate)
        sys.stdout.write(orjson.dumps(line).decode() + "\n")
        sys.stdout.flush()
        if exit_after_start:
            server.stop()

    with tempfile.TemporaryDirectory(prefix="vaivem-tls-") as folder:
        certificate = make_certificate(Path(folder), host) if tls else None
        uvloop.run(run(simulator, settings, host, port, public_base, ready, certificate))


def _pauses(text: str) -> list[float]:
    return [float(part) for part in text.split(",") if part.strip()]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 2 for a wrong argument, 1 where it cannot serve."""
    parser = argparse.ArgumentParser(prog="python -m vaivem.simulators.serve", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--limits", default="documented", help="documented, off or N/SECONDS")
    parser.add_argument("--retries", type=_pauses, help="pauses between webhook tries in seconds: 1,5,15")
    parser.add_argument("--state", type=Path, help="keep the account in this file")
    parser.add_argument("--public-base", help="the address in front of a proxy")
    parser.add_argument("--tls", action="store_true", help="speak https, with a certificate of its own")
    parser.add_argument("--exit-after-start", action="store_true")
    given = parser.parse_args(arguments)
    try:
        serve(**vars(given))
    except (ValueError, UnreadableStateError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
