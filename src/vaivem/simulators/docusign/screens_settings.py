"""The pages about the account: Connect with its keys and log, and the apps that people agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.docusign.account import Account
from vaivem.simulators.docusign.api_connect import drop_key, new_key
from vaivem.simulators.docusign.connect import AGGREGATE, OLD_ENVELOPE, OLD_RECIPIENT, SIM, new_configuration
from vaivem.simulators.docusign.problems import ProblemError
from vaivem.simulators.kit.pages import Pages, see_other

if TYPE_CHECKING:
    from vaivem.simulators.docusign.app import DocuSign

DELIVERIES_SHOWN = 30
OFFERED = (
    "envelope-sent",
    "envelope-delivered",
    "envelope-completed",
    "envelope-declined",
    "envelope-voided",
    "recipient-sent",
    "recipient-delivered",
    "recipient-completed",
    "recipient-declined",
    "recipient-autoresponded",
)
FORMATS = ("sim", "aggregate", "xml")
DATA = ("recipients", "custom_fields", "tabs", "documents")
_PAGE = "/connect"


class SettingsScreens:
    """`/connect` and `/apps`."""

    def __init__(self, simulator: DocuSign, pages: Pages) -> None:
        self._simulator = simulator
        self._pages = pages

    @property
    def _account(self) -> Account:
        return self._simulator.account

    def routes(self) -> list[BaseRoute]:
        """The pages' routes."""
        return [
            Route(_PAGE, self._connect, methods=["GET"]),
            Route(_PAGE, self._make, methods=["POST"]),
            Route(f"{_PAGE}/keys", self._make_key, methods=["POST"]),
            Route(f"{_PAGE}/keys/{{key}}/delete", self._delete_key, methods=["POST"]),
            Route(f"{_PAGE}/{{id}}/{{act}}", self._change, methods=["POST"]),
            Route("/apps", self._apps, methods=["GET"]),
            Route("/apps/{key}/{user}/revoke", self._revoke, methods=["POST"]),
        ]

    async def _connect(self, request: Request) -> Response:
        return self._page(request)

    def _page(self, request: Request, problem: str = "", form: dict[str, Any] | None = None) -> Response:
        empty = {"name": "", "url": "", "format": FORMATS[0], "events": OFFERED[:5], "data": DATA[:3]}
        return self._pages.render(
            request,
            "connect.html",
            422 if problem else 200,
            menu="connect",
            account=self._account.name,
            enabled=self._account.connect_enabled,
            configurations=list(self._account.configurations.values()),
            keys=self._account.hmac_keys,
            offered=OFFERED,
            formats=FORMATS,
            data=DATA,
            deliveries=self._simulator.webhooks.list()[: -DELIVERIES_SHOWN - 1 : -1],
            problem=problem,
            form=form or empty,
        )

    async def _make(self, request: Request) -> Response:
        """Add a configuration by hand, as an administrator does whose app may not."""
        async with request.form() as sent:
            form: dict[str, Any] = {
                key: str(sent.get(key) or "").strip() for key in ("name", "url", "format")
            }
            form |= {key: [str(one) for one in sent.getlist(key)] for key in ("events", "data")}
            hmac = "true" if sent.get("hmac") else "false"
        wanted: dict[str, Any] = {
            "configurationType": "custom",
            "name": form["name"],
            "urlToPublishTo": form["url"],
            "allUsers": "true",
            "allowEnvelopePublish": "true",
            "enableLog": "true",
            "requiresAcknowledgement": "true",
            "includeHMAC": hmac,
            "includeTimeZoneInformation": "true",
            "includeEnvelopeVoidReason": "true",
            **_chosen(form),
        }
        try:
            made = new_configuration(self._account, wanted)
        except ProblemError as problem:
            return self._page(request, problem.message, form)
        self._account.configurations[made["connectId"]] = made
        return see_other(_PAGE, "configuration_made")

    async def _change(self, request: Request) -> Response:
        found = self._account.configurations.get(request.path_params["id"])
        act = request.path_params["act"]
        if found is None or act not in ("delete", "switch"):
            raise HTTPException(404)
        if act == "delete":
            del self._account.configurations[found["connectId"]]
            return see_other(_PAGE, "configuration_deleted")
        found["allowEnvelopePublish"] = "false" if found["allowEnvelopePublish"] == "true" else "true"
        return see_other(_PAGE, "configuration_switched")

    async def _make_key(self, request: Request) -> Response:
        try:
            new_key(self._account)
        except ProblemError as problem:
            return self._page(request, problem.message)
        return see_other(_PAGE, "key_made")

    async def _delete_key(self, request: Request) -> Response:
        try:
            drop_key(self._account, request.path_params["key"])
        except ProblemError as problem:
            raise HTTPException(404) from problem
        return see_other(_PAGE, "key_deleted")

    # -- apps

    async def _apps(self, request: Request) -> Response:
        access = self._simulator.access
        agreed = [
            (access.apps[key], self._account.user(user), sorted(scopes))
            for (key, user), scopes in access.consents.items()
            if key in access.apps and self._account.user(user)
        ]
        return self._pages.render(
            request,
            "apps.html",
            menu="apps",
            account=self._account.name,
            account_id=self._account.id,
            user_id=self._account.users[0]["userId"],
            apps=list(access.apps.values()),
            agreed=agreed,
            polling=self._simulator.polling.as_dict(),
        )

    async def _revoke(self, request: Request) -> Response:
        self._simulator.access.revoke(request.path_params["key"], request.path_params["user"])
        return see_other("/apps", "revoked")


def _chosen(form: dict[str, Any]) -> dict[str, Any]:
    """The events and data of the form in the words of the chosen format."""
    events = set(form["events"])
    if form["format"] == "sim":
        data = {"version": "restv2.1", "format": "json", "includeData": form["data"]}
        return {"deliveryMode": SIM, "events": sorted(events), "eventData": data}
    old = {
        "deliveryMode": AGGREGATE,
        "envelopeEvents": [name for name, kind in OLD_ENVELOPE.items() if kind in events],
        "recipientEvents": [name for name, kind in OLD_RECIPIENT.items() if kind in events],
    }
    if form["format"] == "xml":
        return {**old, "includeDocuments": "true" if "documents" in form["data"] else "false"}
    return {**old, "eventData": {"version": "restv2.1", "format": "json", "includeData": form["data"]}}
