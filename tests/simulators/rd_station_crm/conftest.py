"""A running account, reached as an app (API v2), by a token (API v1) and as a person (pages, control)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.simulators.reached import Answer, Reached

from vaivem.simulators.rd_station_crm.app import RdStationCrm


class Crm(Reached):
    """One account and the ways to call it."""

    def __init__(self, running: Any) -> None:
        super().__init__(running)
        self.simulator: RdStationCrm = running.simulator
        self.token = self.credentials["token"]

    async def v2(
        self, method: str, path: str, data: Any = None, token: str | None = None, **query: str
    ) -> Answer:
        """Call API v2; `data` is wrapped. `query` values are encoded, with `page_size` for `page[size]`."""
        names = {"page_size": "page[size]", "page_number": "page[number]"}
        pairs = {
            names.get(key, key.replace("sort_", "sort[") + "]" if key.startswith("sort_") else key): value
            for key, value in query.items()
        }
        address = f"/crm/v2/{path}" + (f"?{urlencode(pairs)}" if pairs else "")
        headers = {"Authorization": f"Bearer {token or self.credentials['access_token']}"}
        body = None if data is None else {"data": data}
        answer: Answer = await self.running.call(method, address, body, headers)
        return answer

    async def v1(
        self, method: str, path: str, body: Any = None, token: str | None = None, **query: str
    ) -> Answer:
        """Call API v1 with the token in the query."""
        pairs = urlencode({"token": token or self.token, **query})
        answer: Answer = await self.running.call(method, f"/api/v1/{path}?{pairs}", body)
        return answer

    def first(self, table: str) -> dict[str, Any]:
        """The oldest record of a table."""
        return next(iter(self.simulator.account.tables[table]))

    async def at(self, moment: str) -> None:
        """Make it this moment, and sign in again: the tokens of before are past."""
        await self.control("clock", {"at": moment})
        user_id = self.first("users")["id"]
        self.credentials |= self.simulator.access.issue_pair(self.credentials["client_id"], user_id)

    async def new_deal(self, name: str = "Contrato – Ana Lima", **values: Any) -> dict[str, Any]:
        """Make a deal through API v2."""
        answer = await self.v2(
            "POST", "deals", {"name": name, "owner_id": self.first("users")["id"], **values}
        )
        assert answer.status == 201, answer.text
        deal: dict[str, Any] = answer.json["data"]
        return deal

    async def new_contact(self, name: str = "Ana Lima", **values: Any) -> dict[str, Any]:
        """Make a contact through API v2."""
        answer = await self.v2("POST", "contacts", {"name": name, **values})
        assert answer.status == 201, answer.text
        contact: dict[str, Any] = answer.json["data"]
        return contact


@pytest.fixture
async def crm(start: Callable[..., Awaitable[Any]]) -> Crm:
    """A fresh account with limits off."""
    return Crm(await start(RdStationCrm()))
