"""What a person would do at a test account, and whether it shows at another: for the demo and its check.

A simulator that can begin a story has ``story.act``; one where a story can end has ``story.holds``. They go
through the served account's addresses, as anybody would.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
from pyreqwest.client import Client, ClientBuilder

CALL_SECONDS = 15.0
KNOWN_PHONE = "11987654321"  # the test accounts already know somebody by it
_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Served:
    """A test account that is being served: what its line of JSON says."""

    name: str
    base_url: str
    control_url: str
    credentials: Mapping[str, str]

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> Served:
        """Read the line of JSON that `serve` prints."""
        return cls(line["name"], line["base_url"], line["control_url"], line["credentials"])


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person did: the record it happened to, its name, and the people in it."""

    record: str
    title: str
    people: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A record that a story's end shows."""

    object: str
    id: str
    name: str
    details: Mapping[str, Any]


class StoryError(Exception):
    """A test account did not answer as it should; the text says what was asked and answered."""


def stories(part: str) -> dict[str, ModuleType]:
    """Return the story modules that have `part` (``act`` or ``holds``), by simulator."""
    found = {}
    for path in sorted(_FOLDER.glob("*/story.py")):
        module = importlib.import_module(f"vaivem.simulators.{path.parent.name}.story")
        if hasattr(module, part):
            found[path.parent.name] = module
    return found


class Asker:
    """Calls a served account. Use it as an async context."""

    def __init__(self) -> None:
        self._client: Client = ClientBuilder().no_proxy().timeout(timedelta(seconds=CALL_SECONDS)).build()

    async def __aenter__(self) -> Asker:
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self._client.close()

    async def call(
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Return the answer's JSON (None for an empty one). Raises StoryError for any other than 2xx."""
        request = self._client.request(method, url).headers(dict(headers or {}))
        if body is not None:
            request = request.header("content-type", "application/json").body_bytes(orjson.dumps(body))
        answer = await request.build().send()
        content = bytes(await answer.bytes())
        if not 200 <= answer.status < 300:
            raise StoryError(f"{method} {url} answered {answer.status}: {content[:300]!r}")
        return orjson.loads(content) if content else None
