"""The simulator: two accounts of the same people, consent, the API, Connect and pages, put together."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from secrets import token_urlsafe
from typing import Any, ClassVar
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from typing_extensions import override

from vaivem.simulators.docusign.access import Access
from vaivem.simulators.docusign.account import Account
from vaivem.simulators.docusign.api import Gate
from vaivem.simulators.docusign.api_connect import ConnectCalls
from vaivem.simulators.docusign.api_envelopes import EnvelopeCalls
from vaivem.simulators.docusign.api_parts import PartCalls
from vaivem.simulators.docusign.api_templates import TemplateCalls
from vaivem.simulators.docusign.controls import Controls
from vaivem.simulators.docusign.lifecycle import Lifecycle
from vaivem.simulators.docusign.meter import BURST_SECONDS, BURSTS, AccountReading, Meter, Polling
from vaivem.simulators.docusign.oauth import TOKEN, USERINFO, OAuth
from vaivem.simulators.docusign.problems import ProblemError
from vaivem.simulators.docusign.publisher import ANSWER_SECONDS, RETRY_SECONDS, Publisher
from vaivem.simulators.docusign.quirks import Quirks
from vaivem.simulators.docusign.screens import Screens
from vaivem.simulators.docusign.screens_settings import SettingsScreens
from vaivem.simulators.docusign.seed import Secrets, plant
from vaivem.simulators.docusign.views import Views
from vaivem.simulators.kit.account import Simulator
from vaivem.simulators.kit.limits import Limit, Reading
from vaivem.simulators.kit.pages import Pages

MAIN, SECOND = "main", "second"
_API = "/restapi/"
_ACCOUNT_PART = 4  # /restapi/v2.1/accounts/{account}/…


class DocuSign(Simulator):
    """A DocuSign account with Connect, and a second one without, behind the same login."""

    name: ClassVar[str] = "docusign"
    title: ClassVar[str] = "DocuSign"
    api_prefixes: ClassVar[tuple[str, ...]] = (_API, TOKEN, USERINFO)
    documented_limit: ClassVar[Limit] = Limit(BURSTS["demo"], BURST_SECONDS)
    documented_retries: ClassVar[tuple[float, ...]] = RETRY_SECONDS

    def __init__(self) -> None:
        super().__init__()
        self.webhooks.timeout_seconds = ANSWER_SECONDS
        self.quirks = Quirks()
        self.limits = self.meter = Meter(self.clock.now, self.quirks, time.monotonic)
        self.polling = Polling(self.clock.now)
        self.views = Views(self.clock.now, lambda: self.base_url)
        self.accounts = {key: Account(key, self.clock.now, self.quirks) for key in (MAIN, SECOND)}
        self.access = Access(self.clock.now, self.quirks)
        self.publisher = Publisher(self.accounts, self.webhooks)
        self._lifecycles = {key: self._life_of(account) for key, account in self.accounts.items()}
        self._secrets = Secrets.new()
        self._oauth = OAuth(self)
        self.reset()

    @property
    def account(self) -> Account:
        """The account that the pages and controls show."""
        return self.accounts[MAIN]

    def account_of(self, text: str) -> Account | None:
        """The account of an address: by its GUID or its number."""
        wanted = text.lower()
        return next((one for one in self.accounts.values() if wanted in (one.id, one.number)), None)

    def lifecycle(self, account: Account) -> Lifecycle:
        """What may happen to the envelopes of an account."""
        return self._lifecycles[account.key]

    def _life_of(self, account: Account) -> Lifecycle:
        def tell(kind: str, envelope: dict[str, Any], recipient_id: str) -> None:
            self.publisher.tell(account, kind, envelope, recipient_id)

        return Lifecycle(account, tell, self.publisher.settle)

    @override
    def routes(self) -> list[BaseRoute]:
        gate = Gate(self)
        parts = (EnvelopeCalls(self), PartCalls(self), TemplateCalls(), ConnectCalls(self))
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
        return {
            "integration_key": self._secrets.integration_key,
            "secret_key": self._secrets.secret_key,
            "private_key": self._secrets.private_key,
            "user_id": self.account.users[0]["userId"],
            "account_id": self.account.id,
            "access_token": self._secrets.access_token,
            "refresh_token": self._secrets.refresh_token,
            "connect_key": self._secrets.connect_key,
            "account": self.account.name,
        }

    @override
    def grant(self) -> dict[str, str]:
        pair = {key: token_urlsafe(64) for key in ("access_token", "refresh_token")}
        app = self.access.apps[self._secrets.integration_key]
        self.access.seed_pair(app, self.account.users[0]["userId"], **pair)
        return self.credentials() | pair

    @override
    def snapshot(self) -> dict[str, Any]:
        return {
            "accounts": {key: account.snapshot() for key, account in self.accounts.items()},
            "access": self.access.snapshot(),
            "secrets": asdict(self._secrets),
            "quirks": asdict(self.quirks),
        }

    @override
    def restore(self, data: Mapping[str, Any]) -> None:
        for key, account in self.accounts.items():
            account.restore(data["accounts"][key])
        self.access.restore(data["access"])
        self._secrets = Secrets(**data["secrets"])
        self.quirks.change(data["quirks"])

    @override
    def reset(self) -> None:
        for account in self.accounts.values():
            account.clear()
        self.access.clear()
        self.polling.clear()
        self.views.clear()
        self.publisher.clear()
        self.quirks.change(asdict(Quirks()))
        plant(self.account, self.accounts[SECOND], self.access, self._secrets)

    @override
    def tick(self) -> None:
        for key in self.accounts:
            self._lifecycles[key].expire_due()
        self.access.forget_past()

    @override
    def expire_tokens(self) -> None:
        self.access.expire_access()

    @override
    def take(self, method: str, path: str) -> Reading:
        parts = path.split("/")
        account = self.account_of(parts[_ACCOUNT_PART]) if len(parts) > _ACCOUNT_PART else None
        return self.meter.take_for(account.key) if account else self.meter.take()

    @override
    def limit_headers(self, reading: Reading) -> dict[str, str]:
        headers = {"X-DocuSign-TraceToken": str(uuid4())}
        if isinstance(reading, AccountReading) and reading.counted:
            headers |= {
                "X-RateLimit-Limit": str(reading.limit),
                "X-RateLimit-Remaining": str(reading.remaining),
                "X-RateLimit-Reset": str(reading.resets_at),
                "X-BurstLimit-Limit": str(reading.burst_limit),
                "X-BurstLimit-Remaining": str(reading.burst_remaining),
            }
        return headers

    @override
    def too_many_requests(self, reading: Reading) -> Response:
        hour = isinstance(reading, AccountReading) and reading.refused_by == "hour"
        code = "HOURLY_APIINVOCATION_LIMIT_EXCEEDED" if hour else "BURST_APIINVOCATION_LIMIT_EXCEEDED"
        answer = ProblemError(code).answer(self.quirks)
        if self.quirks.retry_after and answer.status_code == 429:
            answer.headers["retry-after"] = str(max(1, int(reading.reset_in) + 1))
        return answer

    @override
    def server_error(self) -> Response:
        return ProblemError("UNSPECIFIED_ERROR").answer(self.quirks)

    @override
    def http_error(self, request: Request, error: HTTPException) -> Response:
        return ProblemError("RESOURCE_NOT_FOUND").answer(self.quirks)


def simulator() -> Simulator:
    """A fresh account on its first day."""
    return DocuSign()
