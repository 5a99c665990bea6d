"""A running account, reached with its key (the API), as a person (pages) and from outside (control)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.simulators.reached import Answer, Reached

from vaivem.simulators.activecampaign.app import ActiveCampaign


class Ac(Reached):
    """One account and the ways to call it."""

    def __init__(self, running: Any) -> None:
        super().__init__(running)
        self.simulator: ActiveCampaign = running.simulator

    async def api(self, method: str, path: str, body: Any = None, token: str = "", **headers: str) -> Answer:
        """Call API v3 with the key."""
        sent = {"Api-Token": token or self.credentials["api_token"], **headers}
        answer: Answer = await self.running.call(method, f"/api/3{path}", body, sent)
        return answer

    async def contact(self, email: str = "ana@example.com", **values: Any) -> Any:
        """Create or update a contact."""
        answer = await self.api("POST", "/contact/sync", {"contact": {"email": email, **values}})
        assert answer.status in (200, 201), answer.text
        return answer.json["contact"]

    async def kept(self, email: str = "ana@example.com") -> Any:
        """The contact as the account keeps it, with tags, lists, values by title, records; or None."""
        found = await self.control(f"contacts?email={email}")
        return found[0] if found else None

    async def schema(self, slug: str = "documento", **more: Any) -> Any:
        """Make a schema for signed documents."""

        def field(key: str, name: str, kind: str, **rest: Any) -> dict[str, Any]:
            return {"id": key, "labels": {"singular": name, "plural": name}, "type": kind, **rest}

        options = [{"id": "sent", "value": "Sent"}, {"id": "done", "value": "Completed"}]
        fields = [
            field("pages", "Pages", "number", required=False, scale=0),
            field("status", "Status", "dropdown", options=options),
            field("link", "Link", "text"),
            field("sent-at", "Sent", "datetime"),
        ]
        relation = {
            "id": "primary-contact",
            "labels": {"singular": "Primary Contact", "plural": "Primary Contacts"},
            "description": "Primary contact to this object",
            "namespace": "contacts",
            "hasMany": False,
        }
        body = {
            "slug": slug,
            "labels": {"singular": "Documento", "plural": "Documentos"},
            "description": "Documentos assinados",
            "fields": fields,
            "relationships": [relation],
            **more,
        }
        return await self.api("POST", "/customObjects/schemas", {"schema": body})


@pytest.fixture
async def ac(start: Callable[..., Awaitable[Any]]) -> Ac:
    """A fresh account with limits off."""
    return Ac(await start(ActiveCampaign()))
