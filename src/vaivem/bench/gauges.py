"""What processes cost: CPU seconds and memory, of a process with all its children."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

MB = 1_000_000
LOOK_SECONDS = 2.0


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and its living children."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, its children, and the children that ended."""
    total = 0.0
    for process in tree(pid):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
        total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def memory_mb(pid: int) -> float:
    """Return the memory of a process and its children, shared pages counted once where the system tells."""
    total = 0.0
    for process in tree(pid):
        try:
            full = process.memory_full_info()
            total += getattr(full, "pss", 0) or full.rss
        except psutil.Error:
            continue
    return total / MB


def load_average() -> float:
    """Return how many processes wanted to run in the last minute."""
    return os.getloadavg()[0]


@dataclass(slots=True)
class Watch:
    """Watches the memory of processes while something runs; `most` is the highest sum seen, in MB."""

    pids: Mapping[str, int]
    most: float = 0.0
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watch:
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _look(self) -> None:
        while True:
            seen = await asyncio.to_thread(lambda: sum(memory_mb(pid) for pid in self.pids.values()))
            self.most = max(self.most, seen)
            await asyncio.sleep(LOOK_SECONDS)
