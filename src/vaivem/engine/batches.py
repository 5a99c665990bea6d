"""Group commit: what comes together while the last commit is under way is written by the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Op = TypeVar("Op")
Result = TypeVar("Result")


class Batcher(Generic[Op, Result]):
    """Collects operations and gives them to `write` many at a time, one batch under way at once.

    When a batch fails, its operations are written one by one, so that a poisoned one fails alone; an error
    for which `whole` is true (the database is away, the lease is lost) fails them all at once.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Op]], Awaitable[Sequence[Result]]],
        *,
        limit: int = 200,
        whole: Callable[[BaseException], bool] = lambda error: False,
    ) -> None:
        self._write = write
        self._limit = limit
        self._whole = whole
        self._waiting: list[tuple[Op, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, op: Op) -> asyncio.Future[Result]:
        """Queue an operation; the future ends when its commit has."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((op, future))
        if self._task is None:
            self._task = asyncio.create_task(self._flush())
        return future

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._settle(batch)
        finally:
            self._task = None
            if self._waiting:
                self._task = asyncio.create_task(self._flush())

    async def _settle(self, batch: Sequence[tuple[Op, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([op for op, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for these operations
            if len(batch) == 1 or self._whole(error):
                for _, future in batch:
                    _fail(future, error)
                return
            for one in batch:
                await self._settle([one])
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)


def _fail(future: asyncio.Future[Result], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
