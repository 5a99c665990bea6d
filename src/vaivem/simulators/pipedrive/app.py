"""The simulator: one account, two APIs, OAuth, webhooks and pages, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from typing_extensions import override

from vaivem.simulators.kit.account import Simulator
from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.limits import Limit, Reading
from vaivem.simulators.kit.pages import Pages
from vaivem.simulators.pipedrive.access import Access
from vaivem.simulators.pipedrive.account import Account
from vaivem.simulators.pipedrive.api import V1, V2, Api, Call, not_found
from vaivem.simulators.pipedrive.board import Board
from vaivem.simulators.pipedrive.controls import Controls
from vaivem.simulators.pipedrive.events import ANSWER_SECONDS, RETRY_SECONDS, Events
from vaivem.simulators.pipedrive.hanging import Hanging
from vaivem.simulators.pipedrive.meter import PLANS, WINDOW_SECONDS, Meter
from vaivem.simulators.pipedrive.oauth import OAuth
from vaivem.simulators.pipedrive.problems import ApiError
from vaivem.simulators.pipedrive.screens import Screens
from vaivem.simulators.pipedrive.search import Index, Search
from vaivem.simulators.pipedrive.seed import Secrets, plant
from vaivem.simulators.pipedrive.v1 import ApiV1
from vaivem.simulators.pipedrive.v1_changes import ChangesV1
from vaivem.simulators.pipedrive.v1_hooks import HooksV1
from vaivem.simulators.pipedrive.v1_retired import RetiredV1
from vaivem.simulators.pipedrive.v2 import ApiV2
from vaivem.simulators.pipedrive.v2_fields import FieldsV2


class Pipedrive(Simulator):
    """Pipedrive's account of the demo."""

    name: ClassVar[str] = "pipedrive"
    title: ClassVar[str] = "Pipedrive"
    api_prefixes: ClassVar[tuple[str, ...]] = ("/api/", "/v1/", "/oauth/token", "/oauth/revoke")
    documented_limit: ClassVar[Limit] = Limit(PLANS["premium"].token_burst, WINDOW_SECONDS)
    documented_retries: ClassVar[tuple[float, ...]] = RETRY_SECONDS

    def __init__(self) -> None:
        super().__init__()
        self.webhooks.timeout_seconds = ANSWER_SECONDS
        self.account = Account(self.clock.now)
        self.access = Access(self.account)
        self.meter = Meter(self.account)
        self.limits = self.meter
        self.board = Board(self.account)
        self._secrets = Secrets.new()
        self._index = Index(self.account)
        self._events = Events(self.account, self.webhooks, self._host)
        self._oauth = OAuth(self.account, self.access, self.webhooks, lambda: self.base_url)
        self._v2 = ApiV2(self.account)
        self._fields = FieldsV2(self.account)
        self._hooks = HooksV1(self.account)
        self.reset()

    @override
    def routes(self) -> list[BaseRoute]:
        api = Api(self.account, self.access, self.meter, lambda: self.base_url)
        old, new = self.calls("v1"), self.calls("v2")
        return [*api.routes((V2,), new), *api.routes(V1, old), *self._oauth.api_routes()]

    def calls(self, version: str) -> list[Call]:
        """Every operation of a version (v1, v2) with its cost and scopes."""
        search = Search(self.account, self._index)
        if version == "v2":
            return [
                *search.calls(),
                *self._v2.calls(),
                *self._fields.calls(),
                *Hanging(self.account).v2_calls(),
            ]
        return [
            *search.v1_calls(),
            *ApiV1(self.account).calls(),
            *self._hooks.calls(),
            *ChangesV1(self.account, lambda: self.base_url).calls(),
            *Hanging(self.account).v1_calls(),
            *RetiredV1(self.account, search).calls(),
        ]

    @override
    def pages(self, pages: Pages) -> list[BaseRoute]:
        screens = Screens(self, pages)
        return [*screens.routes(), *self._oauth.page_routes(pages)]

    @override
    def controls(self) -> list[BaseRoute]:
        controls = Controls(self.account, self.access, self.board, self._v2, self.meter, self._oauth)
        return controls.routes()

    @override
    def credentials(self) -> dict[str, str]:
        return {**asdict(self._secrets), "account": self.account.company["name"]}

    @override
    def grant(self) -> dict[str, str]:
        app, user = self.access.apps[self._secrets.client_id], self.account.rows("users")[0]
        pair = self.access.issue(app, user["id"])
        return self.credentials() | {key: pair[key] for key in ("access_token", "refresh_token")}

    @override
    def snapshot(self) -> dict[str, Any]:
        return {
            "account": self.account.snapshot(),
            "access": self.access.snapshot(),
            "meter": self.meter.snapshot(),
            "secrets": asdict(self._secrets),
        }

    @override
    def restore(self, data: Mapping[str, Any]) -> None:
        self.account.restore(data["account"])
        self.access.restore(data["access"])
        self.meter.restore(data["meter"])
        self._secrets = Secrets(**data["secrets"])
        self._index.clear()

    @override
    def reset(self) -> None:
        self.account.clear()
        self.access.clear()
        self.meter.start_again()
        plant(self.account, self.access, self._secrets)
        self._index.clear()

    @override
    def tick(self) -> None:
        self.access.forget_past()
        self.account.purge()
        self._events.drop_dead()

    @override
    def expire_tokens(self) -> None:
        self.access.expire_access()

    @override
    def too_many_requests(self, reading: Reading) -> Response:
        return self.meter.burst_refusal()

    @override
    def server_error(self) -> Response:
        return ApiError(500, "Internal server error", "Please try again later.").answer()

    @override
    def http_error(self, request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            return json_answer({"success": False, "error": "Method not allowed", "errorCode": 405}, 405)
        return not_found()

    def uninstall(self, client_id: str, user_id: int) -> bool:
        """Remove an app, as a person does on the page of the apps."""
        return self._oauth.uninstall(client_id, user_id)

    async def subscribe(self, body: dict[str, Any]) -> None:
        """Make a webhook, as a person does on the page of the webhooks; RawError when it is refused."""
        await self._hooks.subscribe(body, self.board.actor)

    def _host(self) -> str:
        return urlsplit(self.base_url).netloc or "raiarsolar.pipedrive.com"


def simulator() -> Simulator:
    """A fresh account on its first day."""
    return Pipedrive()
