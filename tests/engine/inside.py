"""A worker inside the test's own process: quick to start, and a bug of it fails the test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from vaivem.engine import worker as worker_module
from vaivem.engine.outbound import Outbound
from vaivem.engine.worker import Worker

from .conftest import House


def _lost() -> NoReturn:
    raise AssertionError("the lease was lost inside the test")


@contextlib.asynccontextmanager
async def working(house: House, **settings: Any) -> AsyncIterator[Worker]:
    """Have a worker at work; `settings` replace those of the installation."""
    ready = asyncio.Event()
    outbound = Outbound(house.config.allowed_private_hosts)
    worker = Worker(replace(house.config, **settings), house.dsn, house.vault, outbound, ready.set)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_module, "lease_lost", _lost)
        task = asyncio.create_task(worker.run())
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            if task.done():
                task.result()
            yield worker
        finally:
            worker.stopping.set()
            await task
            await outbound.close()
            await _cancellations()


async def _cancellations() -> None:
    """Let the database driver tell its server what was cancelled, before the test's loop ends."""
    left = [one for one in asyncio.all_tasks() if "Connection._cancel" in repr(one)]
    if left:
        await asyncio.wait(left, timeout=2)


def pass_time(house: House, **span: float) -> None:
    """Let time go by for everybody."""
    with house.db() as db:
        db.execute("update clock set shift = shift + %s", (timedelta(**span),))


def stop_time(house: House) -> None:
    """Let time go by only where a test says so, however long it takes itself."""
    with house.db() as db:
        db.execute(
            "do $do$ begin execute format("
            "'create or replace function vv_now() returns timestamptz language sql stable parallel safe as"
            " $now$ select timestamptz %L + shift from clock $now$', clock_timestamp()); end $do$"
        )


async def time_passes(house: House, worker: Worker, **span: float) -> None:
    """Let time go by, and wait until the worker knows: what it says before is soon over by the new time."""
    pass_time(house, **span)
    await house.until(
        lambda: abs(worker._clock.now() - house.value("select vv_now()")) < timedelta(minutes=1)
    )


def put(step: str, name: str = "name", **parts: Any) -> Mapping[str, Any]:
    """Return a step that writes a thing; `name` is a path into the event, or a text with ``text:`` before."""
    source = {"text": name.removeprefix("text:")} if name.startswith("text:") else {"from": name}
    fields = {"thing.name": source, "thing.record": {"from": "record"}}
    return {"id": step, "kind": "action", "connection": 1, "action": "put", "fields": fields, **parts}
