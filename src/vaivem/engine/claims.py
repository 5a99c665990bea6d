"""Claims inside one worker: runs queue here for a match key, so that only the first asks the database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

Key = tuple[int, str, str]  # connection, object, key


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class LocalClaims:
    """A lock for each key in use. Keys are taken in their sorted order, all or nothing."""

    def __init__(self) -> None:
        self._queues: dict[Key, _Queue] = {}

    async def take(self, keys: tuple[Key, ...], seconds: float) -> bool:
        """Take all keys; False when that takes longer than `seconds` (none is held then)."""
        if not any(key in self._queues for key in keys):
            for key in keys:  # nobody has them: nothing to wait for
                queue = self._queues[key] = _Queue(users=1)
                await queue.lock.acquire()
            return True
        held: list[Key] = []
        try:
            async with asyncio.timeout(seconds):
                for key in sorted(keys):
                    queue = self._queues.setdefault(key, _Queue())
                    queue.users += 1
                    try:
                        await queue.lock.acquire()
                    except BaseException:
                        self._leave(key, queue)
                        raise
                    held.append(key)
        except TimeoutError:
            self.give(tuple(held))
            return False
        except BaseException:
            self.give(tuple(held))
            raise
        return True

    def give(self, keys: tuple[Key, ...]) -> None:
        """Let keys go."""
        for key in keys:
            queue = self._queues[key]
            queue.lock.release()
            self._leave(key, queue)

    def _leave(self, key: Key, queue: _Queue) -> None:
        queue.users -= 1
        if not queue.users:
            self._queues.pop(key, None)
