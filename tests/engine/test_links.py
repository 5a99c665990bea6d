"""Links to a database that does not answer any more."""

from __future__ import annotations

import os
import signal

from vaivem.engine.links import Link


async def test_a_server_that_is_slow_to_say_goodbye_keeps_nobody(database: str) -> None:
    link = Link(database)
    ((pid,),) = await link.fetch("select pg_backend_pid()")
    os.kill(pid, signal.SIGSTOP)
    try:
        await link.close()
        await link.close()
    finally:
        os.kill(pid, signal.SIGCONT)
