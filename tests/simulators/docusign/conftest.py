"""A running account, reached with a token (the API), as a person (pages) and from outside (control)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tests.simulators.docusign.receiver import Receiver
from tests.simulators.reached import Answer

from vaivem.simulators.docusign.app import SECOND, DocuSign

BACK = "http://127.0.0.1:9/back"


class Ds:
    """One account and the ways to call it."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.simulator: DocuSign = running.simulator
        self.base_url: str = running.base_url
        self.credentials = self.simulator.credentials()
        self.id = self.credentials["account_id"]
        self.second_id = self.simulator.accounts[SECOND].id
        self.templates = {one["name"]: one["id"] for one in self.simulator.account.templates.values()}

    async def api(
        self, method: str, path: str, body: Any = None, token: str = "", account: str = ""
    ) -> Answer:
        """Call the API of an account."""
        headers = {"Authorization": f"Bearer {token or self.credentials['access_token']}"}
        address = f"/restapi/v2.1/accounts/{account or self.id}{path}"
        answer: Answer = await self.running.call(method, address, body, headers)
        return answer

    async def good(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Call the API; the answer must have the status. Return its JSON."""
        answer = await self.api(method, path, body)
        assert answer.status == status, (method, path, answer.text)
        return answer.json if answer.body else None

    async def refused(self, method: str, path: str, body: Any = None, status: int = 400) -> str:
        """Call the API; it must refuse with the status. Return the vendor's code."""
        answer = await self.api(method, path, body)
        assert answer.status == status, (method, path, answer.text)
        assert set(answer.json) == {"errorCode", "message"}
        return str(answer.json["errorCode"])

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Call anything, without a token."""
        answer: Answer = await self.running.call(method, path, body, headers)
        return answer

    async def form(self, path: str, fields: dict[str, str]) -> Answer:
        """Send a form."""
        answer: Answer = await self.running.form(path, fields)
        return answer

    async def control(self, path: str, body: Any = None) -> Any:
        """Call the control app: GET without a body, POST with one. The call must be answered with 200."""
        answer = await self.call("GET" if body is None else "POST", f"/_control/{path}", body)
        assert answer.status == 200, answer.text
        return answer.json

    async def act(self, envelope: str, name: str, recipient: str = "", **said: Any) -> Any:
        """Let a person do something; return the envelope afterwards."""
        return await self.control(f"envelopes/{envelope}/{name}", {"recipient": recipient, **said})

    async def settled(self) -> None:
        """Wait until no delivery is on its way."""
        for _ in range(1500):
            if not (await self.control("deliveries/counts"))["waiting"]:
                return
            await asyncio.sleep(0.02)
        raise TimeoutError("deliveries are still on their way")

    async def advance(self, **delta: float) -> None:
        """Let time pass; the token that was known beforehand is good again afterwards."""
        seconds = delta.get("days", 0) * 86_400 + delta.get("hours", 0) * 3600 + delta.get("minutes", 0) * 60
        await self.control("clock", {"advance_seconds": seconds + delta.get("seconds", 0)})
        access = self.simulator.access
        app = access.apps[self.credentials["integration_key"]]
        access.seed_pair(app, self.credentials["user_id"], self.credentials["access_token"])

    # -- envelopes

    def role(self, name: str = "Ana Souza", email: str = "ana@example.com", **more: Any) -> dict[str, Any]:
        return {"roleName": "Signer", "name": name, "email": email, **more}

    def definition(self, status: str = "sent", **more: Any) -> dict[str, Any]:
        """An envelope of the smallest template, with one signer."""
        return {
            "status": status,
            "templateId": self.templates["Acordo de confidencialidade"],
            "templateRoles": [self.role()],
            **more,
        }

    def own(self, *orders: int, status: str = "sent", **more: Any) -> dict[str, Any]:
        """An envelope with a document of its own and a signer for each order."""
        signers = [
            {
                "recipientId": str(number),
                "name": f"Pessoa {number}",
                "email": f"p{number}@example.com",
                "routingOrder": str(order),
            }
            for number, order in enumerate(orders, start=1)
        ]
        content = base64.b64encode(b"%PDF-1.4 small").decode()
        document = {"documentId": "1", "name": "Contrato.pdf", "documentBase64": content}
        return {
            "status": status,
            "emailSubject": "Contrato",
            "documents": [document],
            "recipients": {"signers": signers},
            **more,
        }

    async def sent(self, definition: dict[str, Any] | None = None) -> str:
        """Make an envelope; return its id."""
        made = await self.good("POST", "/envelopes", definition or self.definition(), 201)
        return str(made["envelopeId"])

    async def configuration(self, url: str, events: list[str], /, **more: Any) -> Any:
        """An account's own configuration, JSON SIM."""
        body = {
            "configurationType": "custom",
            "name": "hub",
            "urlToPublishTo": url,
            "allUsers": "true",
            "allowEnvelopePublish": "true",
            "requiresAcknowledgement": "true",
            "enableLog": "true",
            "deliveryMode": "SIM",
            "events": events,
            "eventData": {"version": "restv2.1", "format": "json", "includeData": ["recipients"]},
            **more,
        }
        return await self.good("POST", "/connect", body, 201)

    # -- consent

    async def consent(
        self, scope: str = "signature extended", user: str = "", **query: str
    ) -> dict[str, str]:
        """Agree as a person; return what comes back in the address."""
        asked = {
            "response_type": "code",
            "scope": scope,
            "client_id": self.credentials["integration_key"],
            "redirect_uri": BACK,
            "state": "s",
            "decision": "allow",
            "user": user or self.credentials["user_id"],
            **query,
        }
        answer = await self.call("GET", f"/oauth/auth?{urlencode(asked)}")
        assert answer.status == 302, answer.text
        parts = urlsplit(answer.headers["location"])
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == BACK
        return {key: values[0] for key, values in parse_qs(parts.query).items()}

    async def token(self, secret: str = "", **form: str) -> Answer:
        """Ask for a token with the app's keys."""
        pair = f"{self.credentials['integration_key']}:{secret or self.credentials['secret_key']}"
        request = self.running.client.post(f"{self.base_url}/oauth/token").form(form)
        request = request.header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
        sent = await request.build().send()
        found = {name.lower(): value for name, value in sent.headers.items()}
        answer: Answer = type(await self.call("GET", "/_control/clock"))(
            sent.status, found, bytes(await sent.bytes())
        )
        return answer


@pytest.fixture
async def ds(start: Callable[..., Awaitable[Any]]) -> Ds:
    """A fresh account with limits off, and without the Connect key that is known beforehand."""
    made = Ds(await start(DocuSign()))
    made.simulator.account.hmac_keys.clear()
    return made


@pytest.fixture
async def limited(start: Callable[..., Awaitable[Any]]) -> Ds:
    """A fresh account with the documented limits."""
    from vaivem.simulators.kit.account import Settings

    simulator = DocuSign()
    simulator.clock.set(datetime.now(UTC).replace(minute=30))  # no hour ends within a test
    return Ds(await start(simulator, Settings()))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0, limit=2**26)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
    yield receiver
    server.close()
    await server.wait_closed()
