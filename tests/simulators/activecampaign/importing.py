"""Sending bulk imports and looking how far they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulators.activecampaign.conftest import Ac
    from tests.simulators.reached import Answer

PATH = "/import/bulk_import"
ANA: dict[str, Any] = {"email": "ana@example.com", "first_name": "Ana"}
BIA: dict[str, Any] = {"email": "bia@example.com"}


async def send(ac: Ac, *contacts: Any, **more: Any) -> Answer:
    return await ac.api("POST", PATH, {"contacts": list(contacts), **more})


async def queued(ac: Ac, *contacts: Any, **more: Any) -> str:
    """Send an import that is taken; its id."""
    answer = await send(ac, *contacts, **more)
    assert answer.status == 200, answer.text
    assert answer.json["queued_contacts"] == len(contacts)
    return str(answer.json["batchId"])


async def info(ac: Ac, batch: str) -> Any:
    answer = await ac.api("GET", f"/import/info?batchId={batch}")
    assert answer.status == 200, answer.text
    return answer.json


async def done(ac: Ac, *contacts: Any, **more: Any) -> Any:
    """Send an import and have it worked at once; what is told of it."""
    batch = await queued(ac, *contacts, **more)
    await ac.control("settle", {})
    return await info(ac, batch)


async def later(ac: Ac, seconds: float) -> None:
    await ac.control("clock", {"advance_seconds": seconds})
