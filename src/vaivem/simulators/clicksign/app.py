"""The simulator itself: its parts joined, its limits and headers, its files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from typing_extensions import override

from vaivem.simulators.clicksign import files, seed
from vaivem.simulators.clicksign.acts import Acts
from vaivem.simulators.clicksign.api import Gate, error_answer
from vaivem.simulators.clicksign.api_account import AccountCalls
from vaivem.simulators.clicksign.api_envelopes import EnvelopeCalls
from vaivem.simulators.clicksign.api_signers import SignerCalls
from vaivem.simulators.clicksign.api_webhooks import WebhookCalls
from vaivem.simulators.clicksign.drafting import Drafting
from vaivem.simulators.clicksign.lifecycle import Lifecycle
from vaivem.simulators.clicksign.notifier import Notifier
from vaivem.simulators.clicksign.pages_account import AccountPages
from vaivem.simulators.clicksign.pages_sending import SendingPages
from vaivem.simulators.clicksign.pages_signing import SigningPages
from vaivem.simulators.clicksign.problems import ProblemError, gate_error
from vaivem.simulators.clicksign.records import Account
from vaivem.simulators.kit.account import Simulator
from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.limits import Limit, Reading
from vaivem.simulators.kit.pages import Pages

_EXPIRED = (
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>{}</Message></Error>'
)


class ClicksignSimulator(Simulator):
    """A Clicksign account."""

    name = "clicksign"
    title = "Clicksign"
    api_prefixes = ("/api/",)
    # The vendor's production figure; its own test environment allows 20.
    documented_limit = Limit(50, 10)
    # The vendor publishes no schedule; this one is a guess.
    documented_retries = (60.0, 300.0, 900.0)

    def __init__(self) -> None:
        self.account = Account()
        super().__init__()
        self.notifier = Notifier(self.account, self.clock, self.webhooks, lambda: self.base_url)
        self.drafting = Drafting(self.account, self.clock, self.notifier)
        self.lifecycle = Lifecycle(self.account, self.clock, self.notifier)
        self.acts = Acts(self)
        self.hooks = WebhookCalls(self)
        seed.fill(self)

    @override
    def routes(self) -> list[BaseRoute]:
        gate = Gate(self)
        parts = (EnvelopeCalls(self), SignerCalls(self), self.hooks, AccountCalls(self))
        return [route for part in parts for route in part.routes(gate)]

    @override
    def pages(self, pages: Pages) -> list[BaseRoute]:
        found: list[BaseRoute] = [
            Route("/files/{document}/{kind}/{filename:path}", self._file),
            Route("/media/{key}/{filename:path}", self._media),
        ]
        for part in (AccountPages(self, pages), SendingPages(self, pages), SigningPages(self, pages)):
            found += part.routes()
        return found

    @override
    def controls(self) -> list[BaseRoute]:
        return self.acts.routes()

    @override
    def credentials(self) -> dict[str, str]:
        return {"access_token": seed.ACCESS_TOKEN, "template_id": seed.TEMPLATE_ID}

    @override
    def snapshot(self) -> dict[str, Any]:
        return self.account.snapshot()

    @override
    def restore(self, data: Mapping[str, Any]) -> None:
        self.account.restore(data)

    @override
    def reset(self) -> None:
        self.account.clear()
        seed.fill(self)

    @override
    def tick(self) -> None:
        self.lifecycle.tick()

    @override
    def limit_headers(self, reading: Reading) -> dict[str, str]:
        return {
            "X-Rate-Limit": str(reading.limit),
            "X-Rate-Limit-Remaining": str(reading.remaining),
            "X-Rate-Limit-Reset": str(int(time.time() + reading.reset_in) + 1),
        }

    @override
    def too_many_requests(self, reading: Reading) -> Response:
        # The vendor documents the status and the headers, not the body.
        return PlainTextResponse("Too Many Requests", 429)

    @override
    def server_error(self) -> Response:
        return json_answer({"status": 500, "error": "Internal Server Error"}, 500)

    @override
    def http_error(self, request: Request, error: HTTPException) -> Response:
        code = "not_found" if error.status_code == 404 else "method_not_allowed"
        return error_answer(
            ProblemError(error.status_code, [gate_error(error.status_code, code, "Rota não encontrada")])
        )

    async def _file(self, request: Request) -> Response:
        """A document's file, as the vendor's storage gives it: by a signed address, for some minutes."""
        document = self.account["documents"].get(request.path_params["document"])
        kind, query = request.path_params["kind"], request.query_params
        date, signature = query.get("X-Amz-Date", ""), query.get("X-Amz-Signature", "")
        ready = document is not None and (kind == "original" or document["signed_ready"])
        if document is None or not ready or kind not in ("original", "signed", "ziped"):
            return Response(_EXPIRED.format("Access Denied"), 403, media_type="application/xml")
        if not files.allowed(document["id"], kind, date, signature, self.clock.now()):
            return Response(_EXPIRED.format("Request has expired"), 403, media_type="application/xml")
        content, media_type = files.content(self.account, document, kind)
        # A file somebody uploaded must never run as a page of this address.
        headers = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=media_type, headers=headers)

    async def _media(self, request: Request) -> Response:
        content = self.account.files.get(request.path_params["key"])
        if content is None:
            raise HTTPException(404)
        return Response(content, media_type="application/octet-stream")


def simulator() -> ClicksignSimulator:
    """A fresh account with the seed data."""
    return ClicksignSimulator()
