"""The settings pages: API token, apps, webhooks, users, data fields and the API's usage."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.pages import see_other
from vaivem.simulators.pipedrive.custom_fields import definitions
from vaivem.simulators.pipedrive.problems import RawError
from vaivem.simulators.pipedrive.schema import Record
from vaivem.simulators.pipedrive.v1_hooks import ACTIONS, OBJECTS

if TYPE_CHECKING:
    from vaivem.simulators.pipedrive.app import Pipedrive

DELIVERIES_SHOWN = 30
TABS = ("api", "apps", "webhooks", "users", "fields", "usage")


class SettingsScreens:
    """Pages under `/settings`."""

    def __init__(self, simulator: Pipedrive, render: Callable[..., Response]) -> None:
        self._simulator = simulator
        self._account = simulator.account
        self._render = render

    def routes(self) -> list[BaseRoute]:
        """The settings' routes."""
        return [
            Route("/settings/api", self._api, methods=["GET", "POST"]),
            Route("/settings/apps", self._apps, methods=["GET", "POST"]),
            Route("/settings/webhooks", self._webhooks, methods=["GET", "POST"]),
            Route("/settings/webhooks/{id:int}/delete", self._delete_webhook, methods=["POST"]),
            Route("/settings/users", self._users, methods=["GET", "POST"]),
            Route("/settings/fields", self._fields, methods=["GET", "POST"]),
            Route("/settings/usage", self._usage),
        ]

    def _page(self, request: Request, tab: str, status: int = 200, **context: Any) -> Response:
        return self._render(
            request, f"settings_{tab}.html", "settings", status, tab=tab, tabs=TABS, **context
        )

    async def _api(self, request: Request) -> Response:
        """The token of the person who looks; only "show" puts it on the page."""
        user = self._account.tables["users"][self._simulator.board.actor.user_id]
        shown = user["token"] if request.method == "POST" else ""
        answer = self._page(request, "api", user=user, token=shown, company=self._account.company)
        answer.headers["cache-control"] = "no-store"
        return answer

    async def _apps(self, request: Request) -> Response:
        if request.method == "POST":
            form = await _form(request)
            user_id = _text(form, "user_id")
            if not user_id.isdigit() or not self._simulator.uninstall(_text(form, "client_id"), int(user_id)):
                raise HTTPException(404)
            return see_other("/settings/apps", "uninstall")
        access, users = self._simulator.access, self._account.tables["users"]
        installs = [
            (access.apps[grant.client_id], users[grant.user_id], grant) for grant in access.installs()
        ]
        return self._page(request, "apps", installs=installs)

    async def _webhooks(self, request: Request) -> Response:
        problem, form = "", FormData()
        if request.method == "POST":
            form = await _form(request)
            try:
                await self._simulator.subscribe(_hook(form))
            except RawError as error:
                problem = error.response.body.decode()  # type: ignore[union-attr]
            else:
                return see_other("/settings/webhooks", "webhook_created")
        now = self._account.now_text()
        hooks = [
            {**hook, "banned": hook["_banned_until"] > now}
            for hook in self._account.tables["webhooks"].values()
        ]
        return self._page(
            request,
            "webhooks",
            422 if problem else 200,
            hooks=hooks,
            deliveries=self._simulator.webhooks.list()[: -DELIVERIES_SHOWN - 1 : -1],
            actions=ACTIONS["2.0"],
            objects=OBJECTS["2.0"],
            form={key: _text(form, key) for key in ("name", "subscription_url", "http_auth_user")},
            problem=problem,
        )

    async def _delete_webhook(self, request: Request) -> Response:
        if self._account.tables["webhooks"].pop(request.path_params["id"], None) is None:
            raise HTTPException(404)
        return see_other("/settings/webhooks", "webhook_delete")

    async def _users(self, request: Request) -> Response:
        users = self._account.tables["users"]
        if request.method == "POST":
            own = _text(await _form(request), "user_id")
            user = users.get(int(own)) if own.isdigit() else None
            if user is None:
                raise HTTPException(404)
            changed: Record = {
                **user,
                "active_flag": not user["active_flag"],
                "update_time": self._account.now_text(),
            }
            self._account.tell_user("change", changed, user, self._simulator.board.actor)
            return see_other("/settings/users", "saved")
        return self._page(request, "users", users=list(users.values()))

    async def _fields(self, request: Request) -> Response:
        if request.method == "POST":
            own = _text(await _form(request), "field_id")
            field = self._account.tables["fields"].get(int(own)) if own.isdigit() else None
            if field is None:
                raise HTTPException(404)
            now = self._account.now_text()
            self._account.put("fields", {**field, "is_deleted": True, "update_time": now})
            return see_other("/settings/fields", "delete")
        entities = ("deal", "person", "organization", "product")
        groups = [(entity, definitions(self._account, entity)) for entity in entities]
        return self._page(request, "fields", groups=groups)

    async def _usage(self, request: Request) -> Response:
        usage = self._simulator.meter.usage()
        return self._page(request, "usage", usage=usage, top=list(usage["by_call"].items())[:12])


async def _form(request: Request) -> FormData:
    async with request.form() as form:
        return form


def _text(form: FormData, key: str) -> str:
    value = form.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def _hook(form: FormData) -> dict[str, Any]:
    """What the form asks for; what was left empty is not sent."""
    keys = (
        "name",
        "subscription_url",
        "event_action",
        "event_object",
        "http_auth_user",
        "http_auth_password",
    )
    return {key: text for key in keys if (text := _text(form, key))} | {"version": "2.0"}
