"""A running account, reached by token, as an app, and as a person (pages, control)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.simulators.pipedrive.receiver import Receiver

from vaivem.simulators.kit.account import Settings
from vaivem.simulators.pipedrive.app import Pipedrive


class Crm:
    """One account and the ways to call it."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.simulator: Pipedrive = running.simulator
        self.base_url: str = running.base_url
        self.credentials = self.simulator.credentials()
        self.headers = {"x-api-token": self.credentials["api_token"]}

    async def call(self, method: str, path: str, body: Any = None, headers: Any = None) -> Any:
        """Call anything, without a token of its own."""
        return await self.running.call(method, path, body, headers)

    async def v2(self, method: str, path: str, body: Any = None, headers: Any = None, **query: Any) -> Any:
        """Call API v2 with the personal token."""
        address = f"/api/v2/{path}" + (f"?{urlencode(query)}" if query else "")
        return await self.running.call(method, address, body, headers or self.headers)

    async def v1(self, method: str, path: str, body: Any = None, headers: Any = None, **query: Any) -> Any:
        """Call API v1 with the personal token."""
        address = f"/api/v1/{path}" + (f"?{urlencode(query)}" if query else "")
        return await self.running.call(method, address, body, headers or self.headers)

    async def made(self, table: str, **values: Any) -> dict[str, Any]:
        """Make a record through API v2."""
        answer = await self.v2("POST", table, values)
        assert answer.status in (200, 201), answer.text
        return answer.json["data"]

    async def found(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """The items of a search of API v2."""
        answer = await self.v2("GET", path, **query)
        assert answer.status == 200, answer.text
        return [item["item"] for item in answer.json["data"]["items"]]

    async def control(self, path: str, body: Any = None) -> Any:
        """Call the control app: GET without a body, POST with one. The call must be answered with 200."""
        answer = await self.call("GET" if body is None else "POST", f"/_control/{path}", body)
        assert answer.status == 200, answer.text
        return answer.json

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        await self.control("clock", {"advance_seconds": seconds})

    def code(self, entity: str, name: str) -> str:
        """The key of a custom field by its name."""
        fields = self.simulator.account.tables["fields"].values()
        return next(f["field_code"] for f in fields if (f["entity"], f["field_name"]) == (entity, name))

    def option(self, entity: str, name: str, label: str) -> int:
        """The id of an option by its label."""
        fields = self.simulator.account.tables["fields"].values()
        field = next(f for f in fields if (f["entity"], f["field_name"]) == (entity, name))
        return next(o["id"] for o in field["options"] if o["label"] == label)


@pytest.fixture
async def crm(start: Callable[..., Awaitable[Any]]) -> Crm:
    """A fresh account with limits off."""
    return Crm(await start(Pipedrive()))


@pytest.fixture
async def limited(start: Callable[..., Awaitable[Any]]) -> Crm:
    """A fresh account that keeps the documented limits."""
    return Crm(await start(Pipedrive(), Settings()))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody who takes webhooks."""
    listening = await Receiver().start()
    yield listening
    await listening.stop()
