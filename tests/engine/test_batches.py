"""Group commit: what comes together is written together, and a poisoned operation fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from vaivem.engine.batches import Batcher
from vaivem.engine.journal import DatabaseAwayError


class Writer:
    """Writes numbers down; negative ones cannot be written."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.away = False

    async def __call__(self, batch: Sequence[int]) -> list[int]:
        self.batches.append(list(batch))
        await asyncio.sleep(0.01)
        if self.away:
            raise DatabaseAwayError("gone")
        if any(op < 0 for op in batch):
            raise ValueError(f"poison in {list(batch)}")
        return [op * 10 for op in batch]


async def test_what_comes_during_a_commit_is_written_by_the_next() -> None:
    writer = Writer()
    batcher = Batcher(writer)
    first = batcher.submit(1)
    await asyncio.sleep(0.005)
    later = [batcher.submit(number) for number in range(2, 6)]
    assert len(batcher) == 4
    assert await asyncio.gather(first, *later) == [10, 20, 30, 40, 50]
    assert writer.batches == [[1], [2, 3, 4, 5]]
    assert len(batcher) == 0


async def test_a_batch_has_a_limit() -> None:
    writer = Writer()
    batcher = Batcher(writer, limit=3)
    await asyncio.gather(*(batcher.submit(number) for number in range(8)))
    assert [len(batch) for batch in writer.batches] == [3, 3, 2]


async def test_a_poisoned_operation_fails_alone() -> None:
    batcher = Batcher(Writer())
    ops = [batcher.submit(number) for number in (1, -2, 3, -4, 5)]
    results = await asyncio.gather(*ops, return_exceptions=True)
    assert [result for result in results if isinstance(result, int)] == [10, 30, 50]
    assert [str(result) for result in results if isinstance(result, ValueError)] == [
        "poison in [-2]", "poison in [-4]"
    ]  # fmt: skip
    assert await batcher.submit(7) == 70


async def test_when_the_database_is_away_nothing_is_tried_one_by_one() -> None:
    writer = Writer()
    writer.away = True
    batcher = Batcher(writer, whole=lambda error: isinstance(error, DatabaseAwayError))
    results = await asyncio.gather(*(batcher.submit(n) for n in range(50)), return_exceptions=True)
    assert all(isinstance(result, DatabaseAwayError) for result in results)
    assert len(writer.batches) == 1
    writer.away = False
    assert await batcher.submit(1) == 10


async def test_an_operation_whose_caller_left_does_not_disturb_the_others() -> None:
    batcher = Batcher(Writer())
    gone, stays = batcher.submit(1), batcher.submit(2)
    gone.cancel()
    assert await stays == 20
    bad = batcher.submit(-1)
    bad.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bad
    assert await batcher.submit(3) == 30
