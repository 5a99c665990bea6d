"""A refresh in a process of its own, which goes on when the worker that asked for it is killed.

Between a vendor's rotation of a token pair and our saving of it nothing may die: the old pair is dead, the
new one is known to nobody else. A worker is killed for many reasons (an update, memory, silence), so it
gives this to a process that has nothing else to do, waits for it, and reads what it saved. What remains is
a kill of that process itself, or of the machine, in those milliseconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import asyncpg

from vaivem.config import Config
from vaivem.connectors.sdk import Connection
from vaivem.core.errors import BugError, ReconnectError, RetryError, RuleError, VaivemError
from vaivem.engine.crashpoints import reach

AT_ONCE = 4
PATIENCE_SECONDS = 90.0
KINDS: Mapping[str, type[VaivemError]] = {
    kind.__name__: kind for kind in (ReconnectError, RetryError, RuleError, BugError)
}


class Apart:
    """Starts such processes, a few at a time, and says how they ended."""

    def __init__(self, config: Config, dsn: str) -> None:
        self._environment = config.environment(dsn)
        self._places = asyncio.Semaphore(AT_ONCE)

    async def refresh(self, connection: Connection) -> None:
        """Have the connection's token refreshed and saved, unless it is no longer the one it has.

        Raises what the refresh raised.
        """
        order = {"connection": connection.id, "not": digest(connection.credentials)}
        async with self._places:
            # Not asyncio's own subprocess: that kills its process when whoever waits for it is cancelled.
            process = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-m", "vaivem.engine.apart"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env=os.environ | self._environment, start_new_session=True,
            )  # fmt: skip
            told = await asyncio.to_thread(_told, process, json.dumps(order).encode())
        _raise(told)


def digest(credentials: Mapping[str, Any]) -> str:
    """Return what tells one access token from another without being it."""
    return hashlib.sha256(str(credentials.get("access_token")).encode()).hexdigest()


def _told(process: subprocess.Popen[bytes], order: bytes) -> bytes:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    process.stdin.write(order)
    process.stdin.close()
    process.stdin = None
    reach("oauth.refreshing_apart")
    try:
        return process.communicate(timeout=PATIENCE_SECONDS)[0]
    except subprocess.TimeoutExpired as error:  # it goes on, and saves what it gets
        raise RetryError("vendor_timed_out", params={"seconds": PATIENCE_SECONDS}) from error


def _raise(told: bytes) -> None:
    try:
        error = json.loads(told)["error"]
    except (ValueError, KeyError) as broken:
        raise RetryError("vendor_unavailable", detail="the process that refreshes was ended") from broken
    if error is None:
        return
    kind, more = KINDS[error["kind"]], {}
    if kind is RetryError:
        more = {"limit": error["limit"], "retry_after": error["retry_after"]}
    raise kind(error["code"], params=error["params"], detail=error["detail"], **more)


async def _refresh(order: Mapping[str, Any]) -> None:
    from vaivem.engine.outbound import Outbound
    from vaivem.engine.tokens import Tokens
    from vaivem.engine.topology import Topology
    from vaivem.vault import Vault

    config = Config.from_environment()
    vault, outbound = Vault.from_folder(config.data_dir), Outbound(config.allowed_private_hosts)
    async with asyncpg.create_pool(config.dsn, min_size=1, max_size=2, command_timeout=60) as pool:
        line = await Topology(vault).load_one(pool, order["connection"])
        if line is None:
            raise RuleError("connection_is_gone", params={"connection": order["connection"]})
        if digest(line.connection.credentials) == order["not"]:
            await Tokens(pool, vault, outbound).refresh(line.connector, line.connection)
    await outbound.close()


def _error(error: VaivemError) -> dict[str, Any]:
    kind = type(error).__name__ if type(error).__name__ in KINDS else "BugError"
    return {
        "kind": kind,
        "code": error.code,
        "params": dict(error.params),
        "detail": error.detail,
        "limit": getattr(error, "limit", False),
        "retry_after": getattr(error, "retry_after", None),
    }


def main() -> None:
    """Do what stands in the standard input; say on the standard output how it went."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    problem: dict[str, Any] | None = None
    try:
        asyncio.run(_refresh(json.loads(sys.stdin.buffer.read())))
    except VaivemError as error:
        problem = _error(error)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        problem = _error(RetryError("vendor_unavailable", detail=f"the database: {error!r}"))
    except Exception as error:  # noqa: BLE001 - whoever waits is told
        problem = _error(BugError(detail=repr(error)))
    try:
        sys.stdout.write(json.dumps({"error": problem}, default=str))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever waited is gone
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
