"""A running account, reached as an app (the API), as a person (pages) and from outside (control)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.simulators.reached import Answer, Reached

from vaivem.simulators.rd_station_marketing.app import RdStationMarketing


class Rd(Reached):
    """One account and the ways to call it."""

    def __init__(self, running: Any) -> None:
        super().__init__(running)
        self.simulator: RdStationMarketing = running.simulator

    async def api(
        self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str
    ) -> Answer:
        """Call the API as the demo's app."""
        sent = {"Authorization": f"Bearer {token or self.credentials['access_token']}", **headers}
        if body is None and method in ("POST", "PUT", "PATCH"):
            sent["Content-Type"] = "application/json"
        answer: Answer = await self.running.call(method, path, body, sent)
        return answer

    async def event(self, kind: str, email: str, **payload: Any) -> Answer:
        """Send an event as documented."""
        body = {"event_type": kind, "event_family": "CDP", "payload": {"email": email, **payload}}
        return await self.api("POST", f"/platform/events?event_type={kind.lower()}", body)

    async def converted(self, email: str, identifier: str = "newsletter", **payload: Any) -> None:
        """A conversion that is worked at once."""
        answer = await self.event("CONVERSION", email, conversion_identifier=identifier, **payload)
        assert answer.status == 200, answer.text
        await self.control("settle", {})

    async def qualified(self, kind: str, email: str, **payload: Any) -> Answer:
        """Opportunity, sale or loss, worked at once."""
        answer = await self.event(kind, email, funnel_name="default", **payload)
        await self.control("settle", {})
        return answer

    async def lead(self, email: str) -> Any:
        """The whole lead as the account keeps it, or None."""
        found = await self.control(f"leads?email={email}")
        return found[0] if found else None


@pytest.fixture
async def rd(start: Callable[..., Awaitable[Any]]) -> Rd:
    """A fresh account with limits off."""
    return Rd(await start(RdStationMarketing()))
