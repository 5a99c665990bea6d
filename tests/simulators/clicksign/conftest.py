"""A running Clicksign account, a receiver for its webhooks, and the documented way to send a document."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from vaivem.simulators.clicksign.app import ClicksignSimulator
from vaivem.simulators.clicksign.seed import ACCESS_TOKEN
from vaivem.simulators.kit.account import Settings
from vaivem.simulators.kit.server import BoundServer

TEXT_FILE = "data:text/plain;base64,T2zDoQ=="


@dataclass
class Receiver:
    """Keeps what is posted to ``url``; answers with the next of ``statuses``, else 200."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.got.append((headers, body))
        self.arrived.set()
        status = self.statuses.pop(0) if self.statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def wait(self, count: int, seconds: float = 30.0) -> list[tuple[dict[str, str], bytes]]:
        """Until ``count`` deliveries are here."""
        async with asyncio.timeout(seconds):
            while len(self.got) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.got


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = BoundServer(found.app, "127.0.0.1", 0, ready.set_result)
    serving = asyncio.create_task(server.serve())
    found.url = f"http://127.0.0.1:{await ready}/hook"
    yield found
    server.stop()
    await serving


@dataclass(frozen=True)
class Sender:
    """Calls API v3 as the vendor documents it."""

    call: Callable[..., Awaitable[Any]]

    async def post(
        self, path: str, kind: str, attributes: dict[str, Any], **relations: tuple[str, str]
    ) -> Any:
        data: dict[str, Any] = {"type": kind, "attributes": attributes}
        if relations:
            linked = {name: {"data": {"type": t, "id": i}} for name, (t, i) in relations.items()}
            data["relationships"] = linked
        return await self.call("POST", f"/api/v3{path}", {"data": data})

    async def patch(self, path: str, kind: str, record_id: str, attributes: dict[str, Any]) -> Any:
        data = {"type": kind, "id": record_id, "attributes": attributes}
        return await self.call("PATCH", f"/api/v3{path}", {"data": data})

    async def envelope(self, **attributes: Any) -> str:
        answer = await self.post("/envelopes", "envelopes", {"name": "Contrato de teste", **attributes})
        assert answer.status == 201, answer.text
        return str(answer.json["data"]["id"])

    async def document(self, envelope: str, **attributes: Any) -> str:
        given = {"filename": "contrato.txt", "content_base64": TEXT_FILE, **attributes}
        answer = await self.post(f"/envelopes/{envelope}/documents", "documents", given)
        assert answer.status == 201, answer.text
        return str(answer.json["data"]["id"])

    async def signer(self, envelope: str, **attributes: Any) -> str:
        given = {"name": "Ana Souza", "email": "ana@cliente.example", **attributes}
        answer = await self.post(f"/envelopes/{envelope}/signers", "signers", given)
        assert answer.status == 201, answer.text
        return str(answer.json["data"]["id"])

    async def require(self, envelope: str, document: str, signer: str, **attributes: Any) -> Any:
        return await self.post(
            f"/envelopes/{envelope}/requirements",
            "requirements",
            attributes,
            document=("documents", document),
            signer=("signers", signer),
        )

    async def running(self, documents: int = 1, signers: int = 1, **attributes: Any) -> dict[str, Any]:
        """An activated envelope: its id, its documents' and its signers'."""
        envelope = await self.envelope(**attributes)
        made = [await self.document(envelope, filename=f"contrato {n}.txt") for n in range(documents)]
        people = [
            await self.signer(envelope, email=f"p{n}@cliente.example", refusable=True) for n in range(signers)
        ]
        for document in made:
            for signer in people:
                for given in (
                    {"action": "agree", "role": "sign"},
                    {"action": "provide_evidence", "auth": "email"},
                ):
                    answer = await self.require(envelope, document, signer, **given)
                    assert answer.status == 201, answer.text
        answer = await self.patch(f"/envelopes/{envelope}", "envelopes", envelope, {"status": "running"})
        assert answer.status == 200, answer.text
        return {"envelope": envelope, "documents": made, "signers": people}

    async def webhook(self, url: str, *events: str) -> dict[str, Any]:
        answer = await self.post("/webhooks", "webhooks", {"endpoint": url, "events": list(events)})
        assert answer.status == 201, answer.text
        found: dict[str, Any] = answer.json["data"]
        return found


@pytest.fixture
async def clicksign(start: Any) -> Any:
    """A running account without limits; calls carry the token."""
    return await start(ClicksignSimulator(), Settings(limits="off"), {"Authorization": ACCESS_TOKEN})


@pytest.fixture
def sender(clicksign: Any) -> Sender:
    return Sender(clicksign.call)
