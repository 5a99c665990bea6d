"""The pages about the account: its fields, and integrations with webhooks, connected apps and API keys."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.pages import Pages, see_other
from vaivem.simulators.rd_station_marketing.account import Account
from vaivem.simulators.rd_station_marketing.hooks import CONVERTED, MARKED, RELATIONS, Subscriptions
from vaivem.simulators.rd_station_marketing.problems import ProblemError

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.app import RdStationMarketing

DELIVERIES_SHOWN = 30
MOST_KEYS = 5
FORMATS = ("current", "legacy")
_PAGE = "/integracoes"


class SettingsScreens:
    """`/campos` and `/integracoes`."""

    def __init__(self, simulator: RdStationMarketing, pages: Pages) -> None:
        self._simulator = simulator
        self._pages = pages

    @property
    def _account(self) -> Account:
        return self._simulator.account

    def routes(self) -> list[BaseRoute]:
        """The pages' routes."""
        return [
            Route("/campos", self._fields),
            Route(_PAGE, self._integrations, methods=["GET"]),
            Route(f"{_PAGE}/webhooks", self._make_webhook, methods=["POST"]),
            Route(f"{_PAGE}/webhooks/{{uuid}}/delete", self._delete_webhook, methods=["POST"]),
            Route(f"{_PAGE}/apps/{{client_id}}/remove", self._remove_app, methods=["POST"]),
            Route(f"{_PAGE}/keys", self._make_key, methods=["POST"]),
            Route(f"{_PAGE}/keys/{{key}}/switch", self._switch_key, methods=["POST"]),
        ]

    async def _fields(self, request: Request) -> Response:
        fields = [field for field in self._account.fields.values() if field["custom_field"]]
        return self._pages.render(
            request, "fields.html", menu="fields", account=self._account.name, fields=fields
        )

    async def _integrations(self, request: Request) -> Response:
        return self._page(request)

    def _page(self, request: Request, problem: str = "", form: dict[str, str] | None = None) -> Response:
        access = self._simulator.access
        empty = {"url": "", "event_type": CONVERTED, "identifiers": "", "format": FORMATS[0]}
        return self._pages.render(
            request,
            "integrations.html",
            422 if problem else 200,
            menu="integrations",
            account=self._account.name,
            hooks=list(self._account.webhooks.values()),
            app_names={key: app.name for key, app in access.apps.items()},
            events=(CONVERTED, MARKED),
            formats=FORMATS,
            apps=access.connected(self._account.key),
            keys=self._account.api_keys,
            room_for_keys=len(self._own_keys()) < MOST_KEYS,
            deliveries=self._simulator.webhooks.list()[: -DELIVERIES_SHOWN - 1 : -1],
            problem=problem,
            form=form or empty,
        )

    async def _make_webhook(self, request: Request) -> Response:
        """The page's webhooks are in a list of their own: the API neither shows nor changes them."""
        async with request.form() as sent:
            form = {
                key: str(sent.get(key) or "").strip()
                for key in ("url", "event_type", "identifiers", "format")
            }
        wanted: dict[str, Any] = {
            "event_type": form["event_type"],
            "entity_type": "CONTACT",
            "http_method": "POST",
            "url": form["url"],
            "event_identifiers": [one.strip() for one in form["identifiers"].split(",") if one.strip()],
            "include_relations": list(RELATIONS),
        }
        subscriptions = Subscriptions(self._account)
        try:
            values = subscriptions.checked("", wanted)
        except ProblemError as problem:
            return self._page(request, _sentence(problem.body["errors"]), form)
        subscriptions.add("", values, legacy=form["format"] == "legacy")
        return see_other(_PAGE, "webhook_made")

    async def _delete_webhook(self, request: Request) -> Response:
        hook = self._account.webhooks.get(request.path_params["uuid"])
        if hook is None:
            raise HTTPException(404)
        Subscriptions(self._account).remove(hook)
        return see_other(_PAGE, "webhook_deleted")

    async def _remove_app(self, request: Request) -> Response:
        """A person takes the app's access away; what it had registered goes with it."""
        client_id = request.path_params["client_id"]
        self._simulator.access.revoke_app(client_id, self._account.key)
        Subscriptions(self._account).remove_all_of(client_id)
        return see_other(_PAGE, "app_removed")

    async def _make_key(self, request: Request) -> Response:
        async with request.form() as sent:
            name = str(sent.get("name") or "").strip() or "API"
        if len(self._own_keys()) >= MOST_KEYS:
            return see_other(_PAGE, "key_limit")
        key = {"key": token_hex(16), "name": name, "active": True, "product": "marketing"}
        self._account.api_keys.append(key)
        return see_other(_PAGE, "key_made")

    async def _switch_key(self, request: Request) -> Response:
        """A key is never deleted, only switched off and on."""
        key = next((one for one in self._own_keys() if one["key"] == request.path_params["key"]), None)
        if key is None:
            raise HTTPException(404)
        key["active"] = not key["active"]
        return see_other(_PAGE, "key_switched")

    def _own_keys(self) -> list[dict[str, Any]]:
        return [key for key in self._account.api_keys if key["product"] == "marketing"]


def _sentence(errors: Any) -> str:
    """The vendor's messages of either shape that a subscription can be refused with."""
    if "error_message" in errors:
        return str(errors["error_message"])
    return " ".join(one["error_message"] for items in errors.values() for one in items)
