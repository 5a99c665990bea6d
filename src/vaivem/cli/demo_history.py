"""A few days of history for the demo: real acts at the test accounts, real runs, moved into the past."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from vaivem.cli.reporting import CommandError
from vaivem.engine.ids import id_at
from vaivem.hub.demo.trail import move_back, waiting_work
from vaivem.simulators.stories import KNOWN_PHONE, Asker, Served, stories

# How long ago, in hours, and how much happened then.
MOMENTS = ((77, 3), (71, 4), (53, 2), (50, 4), (46, 3), (29, 5), (25, 3), (5, 2), (2, 4), (0.4, 2))
QUIET_SECONDS = 60.0


async def make_history(served: Sequence[Served]) -> None:
    """Let things happen at each moment, wait until all of it has arrived, and move it to its time."""
    number = 0
    async with Asker() as asker:
        for hours, acts in MOMENTS:
            ago = timedelta(hours=hours)
            first = id_at(datetime.now(UTC))
            await _set_clocks(asker, served, datetime.now(UTC) - ago)
            for _ in range(acts):
                await _act(asker, served, number, None)
                number += 1
            await _until_quiet()
            await asyncio.to_thread(move_back, first, ago)
        await _set_clocks(asker, served, None)
        await _act(asker, served, number, KNOWN_PHONE)  # waits for a person: whose phone is it?
        await _until_quiet()


async def _act(asker: Asker, served: Sequence[Served], number: int, phone: str | None) -> None:
    for account in served:
        story = stories("act").get(account.name)
        if story is not None:
            await story.act(account, number, asker, phone=phone)


async def _set_clocks(asker: Asker, served: Sequence[Served], moment: datetime | None) -> None:
    for account in served:
        body = {"real": True} if moment is None else {"at": moment.isoformat()}
        await asker.call("POST", f"{account.control_url}/clock", body)


async def _until_quiet() -> None:
    """Return when no work has been due for a moment: the last webhook comes shortly after the last act."""
    limit = time.monotonic() + QUIET_SECONDS
    quiet = 0
    while quiet < 4:
        quiet = 0 if await asyncio.to_thread(waiting_work) else quiet + 1
        if time.monotonic() > limit:
            raise CommandError("The history did not become complete; the logs in the data folder say why.")
        await asyncio.sleep(0.1)
