"""Keeping a test account over restarts: one JSON file, replaced as a whole."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

PAUSE_SECONDS = 1.0


class UnreadableStateError(ValueError):
    """The file is there and is not the state of this simulator."""


class Store:
    """A file and a flag that says whether the account has changed since it was written."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self.dirty = False

    def load(self) -> dict[str, Any] | None:
        """The state last saved, None where there is no file. Raises ``UnreadableStateError``."""
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            data = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise UnreadableStateError(f"{self._path} is not JSON: {error}") from error
        if not isinstance(data, dict) or data.get("simulator") != self._name:
            raise UnreadableStateError(f"{self._path} is not a state of the simulator {self._name}")
        state: dict[str, Any] = data["state"]
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Write beside and rename over, so that a crash leaves the old file or the new one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        beside.write_bytes(orjson.dumps({"simulator": self._name, "state": state}))
        beside.replace(self._path)
        self.dirty = False

    async def keep(self, state: Callable[[], dict[str, Any]]) -> None:
        """Save at most once a second while something changes; cancel to stop."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            if self.dirty:
                self.save(state())
