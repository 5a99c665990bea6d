"""The simulator: two accounts behind one login, the API, webhooks and pages, put together."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from typing_extensions import override

from vaivem.simulators.kit.account import Simulator
from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.limits import Limit, Reading
from vaivem.simulators.kit.pages import Pages
from vaivem.simulators.rd_station_marketing.access import Access
from vaivem.simulators.rd_station_marketing.account import Account
from vaivem.simulators.rd_station_marketing.api import Gate
from vaivem.simulators.rd_station_marketing.api_contacts import ContactCalls
from vaivem.simulators.rd_station_marketing.api_events import EventCalls
from vaivem.simulators.rd_station_marketing.api_lists import ListCalls
from vaivem.simulators.rd_station_marketing.api_reports import ReportCalls
from vaivem.simulators.rd_station_marketing.api_webhooks import WebhookCalls
from vaivem.simulators.rd_station_marketing.controls import Controls
from vaivem.simulators.rd_station_marketing.happenings import Happenings
from vaivem.simulators.rd_station_marketing.hooks import ANSWER_SECONDS, RETRY_SECONDS, Deliveries
from vaivem.simulators.rd_station_marketing.oauth import OAuth
from vaivem.simulators.rd_station_marketing.problems import flat
from vaivem.simulators.rd_station_marketing.quirks import Quirks
from vaivem.simulators.rd_station_marketing.quotas import AreaLimits, LeadQuotas, area_of
from vaivem.simulators.rd_station_marketing.screens import Screens
from vaivem.simulators.rd_station_marketing.screens_settings import SettingsScreens
from vaivem.simulators.rd_station_marketing.seed import Secrets, plant

MAIN, SECOND = "main", "second"


class RdStationMarketing(Simulator):
    """RD Station Marketing's account of the demo, and a second one that can be connected by mistake."""

    name: ClassVar[str] = "rd_station_marketing"
    title: ClassVar[str] = "RD Station Marketing"
    api_prefixes: ClassVar[tuple[str, ...]] = (
        "/platform/",
        "/integrations/",
        "/marketing/",
        "/auth/token",
        "/auth/revoke",
        "/oauth2/",
    )
    documented_limit: ClassVar[Limit] = Limit(120, 60)
    documented_retries: ClassVar[tuple[float, ...]] = RETRY_SECONDS

    def __init__(self) -> None:
        super().__init__()
        self.webhooks.timeout_seconds = ANSWER_SECONDS
        self.quirks = Quirks()
        self.limits = self.areas = AreaLimits(self.clock.now)
        self.quotas = LeadQuotas(self.clock.now, self.areas, self.quirks)
        self.accounts = {key: Account(key, self.clock.now, self.quirks) for key in (MAIN, SECOND)}
        deliveries = Deliveries(self.webhooks.send)
        self.happenings = {
            key: Happenings(account, deliveries.tell) for key, account in self.accounts.items()
        }
        self.access = Access(self.clock.now, self.quirks)
        self.probes: list[dict[str, Any]] = []
        self._secrets = Secrets.new()
        self._oauth = OAuth(self.accounts, self.access)
        self.reset()

    @property
    def account(self) -> Account:
        """The account that the pages and controls show."""
        return self.accounts[MAIN]

    @property
    def happening(self) -> Happenings:
        """What happens in the account that the pages and controls show."""
        return self.happenings[MAIN]

    @override
    def routes(self) -> list[BaseRoute]:
        gate = Gate(self)
        parts = (ContactCalls(self), EventCalls(self), ListCalls(self), ReportCalls(self), WebhookCalls(self))
        return [*(route for part in parts for route in part.routes(gate)), *self._oauth.api_routes()]

    @override
    def pages(self, pages: Pages) -> list[BaseRoute]:
        screens = (*Screens(self, pages).routes(), *SettingsScreens(self, pages).routes())
        return [*screens, *self._oauth.page_routes(pages)]

    @override
    def controls(self) -> list[BaseRoute]:
        return Controls(self).routes()

    @override
    def credentials(self) -> dict[str, str]:
        return {**asdict(self._secrets), "account": self.account.name}

    @override
    def snapshot(self) -> dict[str, Any]:
        return {
            "accounts": {key: account.snapshot() for key, account in self.accounts.items()},
            "access": self.access.snapshot(),
            "secrets": asdict(self._secrets),
            "quirks": asdict(self.quirks),
            "plan": self.areas.plan,
        }

    @override
    def restore(self, data: Mapping[str, Any]) -> None:
        for key, account in self.accounts.items():
            account.restore(data["accounts"][key])
        self.access.restore(data["access"])
        self._secrets = Secrets(**data["secrets"])
        self.quirks.change(data["quirks"])
        self.areas.set_plan(data["plan"])

    @override
    def reset(self) -> None:
        for account in self.accounts.values():
            account.clear()
        self.access.clear()
        self.quotas.clear()
        self.probes.clear()
        self.quirks.change(asdict(Quirks()))
        plant(self.account, self.accounts[SECOND], self.access, self._secrets, self.happening)

    @override
    def tick(self) -> None:
        for happening in self.happenings.values():
            happening.work_due()
        self.access.forget_past()

    @override
    def expire_tokens(self) -> None:
        self.access.expire_access()

    @override
    def take(self, method: str, path: str) -> Reading:
        return self.areas.take_for(area_of(method, path))

    @override
    def too_many_requests(self, reading: Reading) -> Response:
        problem = flat("RATE_LIMIT_EXCEDDED", "API usage limit exceeded", 429)
        wait = str(max(1, int(reading.reset_in) + 1))
        problem.headers |= {"ratelimit-limit-quotas": str(reading.limit), "retry-after-quotas": wait}
        if self.quirks.retry_after:
            problem.headers["retry-after"] = wait
        return problem.answer()

    @override
    def server_error(self) -> Response:
        return flat("SERVICE_UNAVAILABLE", "Service unavailable.", 500).answer()

    @override
    def http_error(self, request: Request, error: HTTPException) -> Response:
        message = "Not Found" if error.status_code == 404 else "Method Not Allowed"
        return json_answer({"message": message}, error.status_code)


def simulator() -> Simulator:
    """A fresh account on its first day."""
    return RdStationMarketing()
