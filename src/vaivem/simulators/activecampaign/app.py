"""The simulator: one account, its API, webhooks and pages, put together."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from typing_extensions import override

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.api import PREFIX, Gate
from vaivem.simulators.activecampaign.api_contacts import ContactCalls
from vaivem.simulators.activecampaign.api_fields import FieldCalls
from vaivem.simulators.activecampaign.api_objects import ObjectCalls, OtherCalls
from vaivem.simulators.activecampaign.api_sales import SalesCalls
from vaivem.simulators.activecampaign.api_tasks import TaskCalls
from vaivem.simulators.activecampaign.automations import Automations
from vaivem.simulators.activecampaign.controls import Controls
from vaivem.simulators.activecampaign.hooks import ANSWER_SECONDS, Deliveries
from vaivem.simulators.activecampaign.imports import Imports
from vaivem.simulators.activecampaign.problems import message
from vaivem.simulators.activecampaign.quirks import Quirks
from vaivem.simulators.activecampaign.screens import Screens
from vaivem.simulators.activecampaign.seed import Secrets, plant
from vaivem.simulators.kit.account import Simulator
from vaivem.simulators.kit.limits import Limit, Reading
from vaivem.simulators.kit.pages import Pages
from vaivem.simulators.kit.webhooks import Delivery


class ActiveCampaign(Simulator):
    """ActiveCampaign's account of the demo."""

    name: ClassVar[str] = "activecampaign"
    title: ClassVar[str] = "ActiveCampaign"
    api_prefixes: ClassVar[tuple[str, ...]] = (f"{PREFIX}/",)
    documented_limit: ClassVar[Limit] = Limit(5, 1)
    # A webhook is never sent again.
    documented_retries: ClassVar[tuple[float, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.webhooks.timeout_seconds = ANSWER_SECONDS
        self.quirks = Quirks()
        self.account = Account(self.clock.now, self.quirks)
        self.imports = Imports(self.account)
        self._deliveries = Deliveries(self.account, self.webhooks.send)
        # After the webhooks, so that what a tag begins is told after the tag.
        self.automations = Automations(self.account)
        self.webhooks.on_outcome(self._on_outcome)
        self._secrets = Secrets.new()
        self.reset()

    @override
    def routes(self) -> list[BaseRoute]:
        gate = Gate(self)
        parts = (
            ContactCalls(self),
            FieldCalls(self),
            SalesCalls(self),
            TaskCalls(self),
            ObjectCalls(self),
            OtherCalls(self),
        )
        return [route for part in parts for route in part.routes(gate)]

    @override
    def pages(self, pages: Pages) -> list[BaseRoute]:
        return Screens(self, pages).routes()

    @override
    def controls(self) -> list[BaseRoute]:
        return Controls(self).routes()

    @override
    def credentials(self) -> dict[str, str]:
        return {**asdict(self._secrets), "account": self.account.name}

    @override
    def snapshot(self) -> dict[str, Any]:
        return {
            "account": self.account.snapshot(),
            "quirks": asdict(self.quirks),
            "secrets": asdict(self._secrets),
        }

    @override
    def restore(self, data: Mapping[str, Any]) -> None:
        self.account.restore(data["account"])
        self.quirks.change(data["quirks"])
        self._secrets = Secrets(**data["secrets"])

    @override
    def reset(self) -> None:
        self.account.clear()
        self.quirks.change(asdict(Quirks()))
        plant(self.account, self.automations, self._secrets)

    @override
    def tick(self) -> None:
        if self.imports.work_due():
            self.touch()

    @override
    def limit_headers(self, reading: Reading) -> dict[str, str]:
        return {"RateLimit-Limit": str(reading.limit), "RateLimit-Remaining": str(reading.remaining)}

    @override
    def too_many_requests(self, reading: Reading) -> Response:
        answer = message(429, "Too Many Requests").answer()
        answer.headers["retry-after"] = str(max(1, int(reading.reset_in) + 1))
        return answer

    @override
    def server_error(self) -> Response:
        return message(500, "Internal Server Error").answer()

    @override
    def http_error(self, request: Request, error: HTTPException) -> Response:
        text = "Not Found" if error.status_code == 404 else "Method Not Allowed"
        return message(error.status_code, text).answer()

    def _on_outcome(self, delivery: Delivery) -> None:
        if delivery.tries:
            self._deliveries.on_outcome(delivery.hook, delivery.tries[-1].get("status"))


def simulator() -> Simulator:
    """A fresh account on its first day."""
    return ActiveCampaign()
