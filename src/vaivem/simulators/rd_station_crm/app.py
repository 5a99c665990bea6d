"""The simulator: one account, two APIs, webhooks and pages, put together."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from vaivem.simulators.kit.account import Simulator
from vaivem.simulators.kit.limits import Limit, Reading
from vaivem.simulators.kit.pages import Pages
from vaivem.simulators.kit.webhooks import Delivery
from vaivem.simulators.rd_station_crm import v1, v2
from vaivem.simulators.rd_station_crm.access import Access
from vaivem.simulators.rd_station_crm.account import Account
from vaivem.simulators.rd_station_crm.board import Board
from vaivem.simulators.rd_station_crm.controls import Controls
from vaivem.simulators.rd_station_crm.events import ANSWER_SECONDS, RETRY_SECONDS, Events
from vaivem.simulators.rd_station_crm.oauth import OAuth
from vaivem.simulators.rd_station_crm.screens import Screens
from vaivem.simulators.rd_station_crm.seed import Secrets, plant
from vaivem.simulators.rd_station_crm.v1_deals import DealsV1
from vaivem.simulators.rd_station_crm.v1_records import RecordsV1


class RdStationCrm(Simulator):
    """RD Station CRM's account of the demo."""

    name: ClassVar[str] = "rd_station_crm"
    title: ClassVar[str] = "RD Station CRM"
    api_prefixes: ClassVar[tuple[str, ...]] = (v2.PREFIX, "/api/", "/oauth2/")
    documented_limit: ClassVar[Limit] = Limit(120, 60)
    documented_retries: ClassVar[tuple[float, ...]] = RETRY_SECONDS

    def __init__(self) -> None:
        super().__init__()
        self.webhooks.timeout_seconds = ANSWER_SECONDS
        self.account = Account(self.clock.now)
        self.access = Access(self.account)
        self.board = Board(self.account)
        self._secrets = Secrets.new()
        self._events = Events(self.account, self.webhooks.send)
        self._oauth = OAuth(self.account, self.access)
        self._v1 = v1.ApiV1(self.account, self.access)
        self._v2 = v2.ApiV2(self.account, self.access, lambda: self.base_url)
        self.webhooks.on_outcome(self._on_outcome)
        self.reset()

    @override
    def routes(self) -> list[BaseRoute]:
        return [
            *self._v2.routes(),
            *DealsV1(self._v1).routes(),
            *RecordsV1(self._v1).routes(),
            *self._oauth.api_routes(),
        ]

    @override
    def pages(self, pages: Pages) -> list[BaseRoute]:
        screens = Screens(self.account, self.board, self.webhooks, self._secrets.token, pages)
        return [*screens.routes(), *self._oauth.page_routes(pages)]

    @override
    def controls(self) -> list[BaseRoute]:
        return Controls(self.account, self.access, self.board, self._v2).routes()

    @override
    def credentials(self) -> dict[str, str]:
        return {**asdict(self._secrets), "account": self.account.name}

    @override
    def grant(self) -> dict[str, str]:
        user = next(iter(self.account.tables["users"]))
        pair = self.access.issue_pair(self._secrets.client_id, user["id"])
        return self.credentials() | {key: pair[key] for key in ("access_token", "refresh_token")}

    @override
    def snapshot(self) -> dict[str, Any]:
        return {
            "account": self.account.snapshot(),
            "access": self.access.snapshot(),
            "secrets": asdict(self._secrets),
        }

    @override
    def restore(self, data: Mapping[str, Any]) -> None:
        self.account.restore(data["account"])
        self.access.restore(data["access"])
        self._secrets = Secrets(**data["secrets"])

    @override
    def reset(self) -> None:
        self.account.clear()
        self.access.clear()
        plant(self.account, self.access, self._secrets)

    @override
    def tick(self) -> None:
        self.access.forget_past()

    @override
    def expire_tokens(self) -> None:
        self.access.expire_access()

    @override
    def too_many_requests(self, reading: Reading) -> Response:
        return _ByApi(v1.too_many_requests(), v2.too_many_requests(reading.reset_in))

    @override
    def server_error(self) -> Response:
        return _ByApi(v1.server_error(), v2.problem(500, "Internal Server Error"))

    @override
    def http_error(self, request: Request, error: HTTPException) -> Response:
        if request.url.path.startswith(v1.PREFIX):
            return v1.not_found("Not found.")
        return v2.no_route()

    def _on_outcome(self, delivery: Delivery) -> None:
        if delivery.hook and delivery.event != "ping" and delivery.state in ("delivered", "failed"):
            self._events.on_outcome(delivery.hook, delivered=delivery.state == "delivered")


class _ByApi(Response):
    """One answer in two shapes: which API is meant is known only from the path, when it is sent."""

    def __init__(self, for_v1: Response, for_v2: Response) -> None:
        super().__init__(status_code=for_v2.status_code)
        self._for_v1, self._for_v2 = for_v1, for_v2

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._for_v1 if scope["path"].startswith(v1.PREFIX) else self._for_v2
        await answer(scope, receive, send)


def simulator() -> Simulator:
    """A fresh account on its first day."""
    return RdStationCrm()
