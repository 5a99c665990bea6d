"""Settings pages: the access tokens and the webhooks."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.clicksign.api_webhooks import EVENTS
from vaivem.simulators.clicksign.problems import ProblemError
from vaivem.simulators.kit.pages import Pages, see_other

if TYPE_CHECKING:
    from vaivem.simulators.clicksign.app import ClicksignSimulator

DELIVERIES_SHOWN = 30


class AccountPages:
    """``/settings/api`` and ``/settings/webhooks``."""

    def __init__(self, simulator: ClicksignSimulator, pages: Pages) -> None:
        self._simulator = simulator
        self._account = simulator.account
        self._pages = pages

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/settings/api", self.api),
            Route("/settings/api/tokens", self.make_token, methods=["POST"]),
            Route("/settings/api/tokens/{token}/remove", self.remove_token, methods=["POST"]),
            Route("/settings/api/user", self.choose_user, methods=["POST"]),
            Route("/settings/webhooks", self.webhooks, methods=["GET"]),
            Route("/settings/webhooks", self.make_webhook, methods=["POST"]),
            Route("/settings/webhooks/{webhook}/remove", self.remove_webhook, methods=["POST"]),
        ]

    async def api(self, request: Request) -> Response:
        return self._pages.render(
            request,
            "api.html",
            tokens=self._account.tokens,
            users=list(self._account["users"].values()),
            api_user=self._account.settings["api_user"],
            base=self._simulator.base_url,
        )

    async def make_token(self, request: Request) -> Response:
        async with request.form() as form:
            description = str(form.get("description") or "").strip()
        now = self._simulator.notifier.now()
        self._account.tokens[str(uuid.uuid4())] = {"description": description or "API", "created": now}
        return see_other("/settings/api", "token_made")

    async def remove_token(self, request: Request) -> Response:
        self._account.tokens.pop(request.path_params["token"], None)
        return see_other("/settings/api", "token_removed")

    async def choose_user(self, request: Request) -> Response:
        async with request.form() as form:
            user_id = str(form.get("user") or "")
        self._account.settings["api_user"] = user_id if user_id in self._account["users"] else None
        return see_other("/settings/api", "user_chosen")

    async def webhooks(self, request: Request) -> Response:
        return self._webhooks(request)

    async def make_webhook(self, request: Request) -> Response:
        async with request.form() as form:
            endpoint = str(form.get("endpoint") or "").strip()
            events = [str(event) for event in form.getlist("events")]
        try:
            self._simulator.hooks.add({"endpoint": endpoint, "events": events})
        except ProblemError as problem:
            texts = [str(error["detail"]) for error in problem.errors]
            return self._webhooks(request, texts, endpoint, events)
        return see_other("/settings/webhooks", "webhook_made")

    async def remove_webhook(self, request: Request) -> Response:
        hook = self._account["webhooks"].get(request.path_params["webhook"])
        if hook is not None:
            self._account.remove("webhooks", hook)
        return see_other("/settings/webhooks", "webhook_removed")

    def _webhooks(
        self,
        request: Request,
        problems: list[str] | None = None,
        endpoint: str = "",
        chosen: list[str] | None = None,
    ) -> Response:
        return self._pages.render(
            request,
            "webhooks.html",
            422 if problems else 200,
            hooks=list(self._account["webhooks"].values()),
            events=EVENTS,
            chosen=chosen or ["sign", "document_closed"],
            endpoint=endpoint,
            deliveries=self._simulator.webhooks.list()[-DELIVERIES_SHOWN:][::-1],
            problems=problems or [],
        )
