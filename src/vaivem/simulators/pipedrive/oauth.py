"""OAuth: the consent page, the token endpoint, revocation, and what an app is told when it is removed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.pages import Pages
from vaivem.simulators.kit.webhooks import Webhooks
from vaivem.simulators.pipedrive.access import Access, Grant, GrantError
from vaivem.simulators.pipedrive.account import Account


class OAuth:
    """The vendor's OAuth host; here it is the account's own address."""

    def __init__(
        self, account: Account, access: Access, webhooks: Webhooks, base_url: Callable[[], str]
    ) -> None:
        self._account = account
        self._access = access
        self._webhooks = webhooks
        self._base_url = base_url

    def api_routes(self) -> list[BaseRoute]:
        """The addresses that apps call."""
        return [
            Route("/oauth/token", self._token, methods=["POST"]),
            Route("/oauth/token/", self._token, methods=["POST"]),
            Route("/oauth/revoke", self._revoke, methods=["POST"]),
        ]

    def page_routes(self, pages: Pages) -> list[BaseRoute]:
        """The consent page."""

        async def authorize(request: Request) -> Response:
            return self._authorize(request, pages)

        return [Route("/oauth/authorize", authorize)]

    def uninstall(self, client_id: str, user_id: int) -> bool:
        """Remove an app as its user does at the vendor; the app is told by a signed DELETE."""
        grant = self._access.uninstall(client_id, user_id)
        if grant is None:
            return False
        self._removed(grant)
        return True

    async def _token(self, request: Request) -> Response:
        form = await _form(request)
        try:
            app = self._access.app_of(*_client(request, form))
            tokens = self._access.exchange(app, form, self._base_url())
        except GrantError as error:
            body = {"success": False, "message": error.message, "error": error.error}
            return json_answer(body, error.status)
        return json_answer(tokens, headers={"cache-control": "no-store"})

    async def _revoke(self, request: Request) -> Response:
        form = await _form(request)
        try:
            app = self._access.app_of(*_client(request, form))
        except GrantError as error:
            body = {"success": False, "message": error.message, "error": error.error}
            return json_answer(body, error.status)
        grant = self._access.revoke(form.get("token", ""), app)
        if grant is not None:
            self._removed(grant)
        return Response(status_code=200)

    def _removed(self, grant: Grant) -> None:
        """The app's webhooks go with it, and its callback hears of it."""
        hooks = self._account.tables["webhooks"]
        of_app = [key for key, hook in hooks.items() if hook["_app"] == grant.client_id]
        for key in of_app:
            if hooks[key]["owner_id"] == grant.user_id:
                del hooks[key]
        app = self._access.apps.get(grant.client_id)
        address = grant.redirect_uri or next(iter(app.redirect_uris if app else ()), "")
        if app is None or not address:
            return
        body = {
            "client_id": app.client_id,
            "company_id": self._account.company["id"],
            "user_id": grant.user_id,
            "timestamp": datetime.fromisoformat(self._account.now_text()).isoformat(timespec="milliseconds"),
        }
        pair = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
        headers = {"content-type": "application/json", "authorization": f"Basic {pair}"}
        self._webhooks.send("uninstall", address, orjson.dumps(body), headers, method="DELETE", once=True)

    def _authorize(self, request: Request, pages: Pages) -> Response:
        query = request.query_params
        app = self._access.apps.get(query.get("client_id", ""))
        redirect_uri = query.get("redirect_uri") or next(iter(app.redirect_uris if app else ()), "")
        # A person is never sent to an address that the app did not register.
        if app is None or not app.takes(redirect_uri):
            problem = "oauth_unknown_app" if app is None else "oauth_wrong_redirect"
            return pages.render(request, "oauth_error.html", http_status=400, problem=problem)
        state = {"state": query["state"]} if "state" in query else {}
        if query.get("decision") == "deny":
            return _back(redirect_uri, {"error": "user_denied", **state})
        chosen = query.get("user", "")
        user = self._account.tables["users"].get(int(chosen)) if chosen.isdigit() else None
        if query.get("decision") == "allow" and user and user["active_flag"]:
            return _back(
                redirect_uri, {"code": self._access.issue_code(app, user["id"], redirect_uri), **state}
            )
        users = [user for user in self._account.tables["users"].values() if user["active_flag"]]
        kept = [(key, value) for key, value in query.multi_items() if key not in ("decision", "user", "lang")]
        return pages.render(
            request,
            "authorize.html",
            app=app,
            company=self._account.company["name"],
            scopes=[scope.replace(":", "_").replace("-", "_") for scope in app.scopes],
            choices=[(user, _decision(kept, decision="allow", user=str(user["id"]))) for user in users],
            deny=_decision(kept, decision="deny"),
        )


async def _form(request: Request) -> dict[str, str]:
    async with request.form() as form:
        return {key: value for key, value in form.items() if isinstance(value, str)}


def _client(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """The app's id and secret: in the header, or (discouraged) in the form."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return name, secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _decision(kept: list[tuple[str, str]], **more: str) -> str:
    return f"/oauth/authorize?{urlencode([*kept, *more.items()])}"


def _back(redirect_uri: str, answer: dict[str, str]) -> Response:
    parts = urlsplit(redirect_uri)
    query = "&".join(filter(None, (parts.query, urlencode(answer))))
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    return RedirectResponse(urlunsplit(parts._replace(query=query)), 302, headers=headers)
