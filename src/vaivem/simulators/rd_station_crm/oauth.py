"""The consent page's decision and the token endpoint."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.pages import Pages
from vaivem.simulators.rd_station_crm.access import Access, GrantError
from vaivem.simulators.rd_station_crm.account import Account

_FORM = "application/x-www-form-urlencoded"


class OAuth:
    """`/oauth2/token` for apps and `/oauth/authorize` for people."""

    def __init__(self, account: Account, access: Access) -> None:
        self._account = account
        self._access = access

    def api_routes(self) -> list[BaseRoute]:
        """The token endpoint."""
        return [Route("/oauth2/token", self._token, methods=["POST"])]

    def page_routes(self, pages: Pages) -> list[BaseRoute]:
        """The consent page; its answers are links, because the forms' policy would stop the way back."""

        async def authorize(request: Request) -> Response:
            return self._authorize(request, pages)

        return [Route("/oauth/authorize", authorize)]

    async def _token(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith(_FORM):
            return json_answer(
                {"error": "invalid_request", "error_description": f"The body must be {_FORM}."}, 400
            )
        async with request.form() as form:
            sent = {key: value for key, value in form.items() if isinstance(value, str)}
        try:
            answer = self._access.exchange(sent)
        except GrantError as error:
            return json_answer({"error": error.error, "error_description": error.description}, error.status)
        return json_answer(answer, headers={"cache-control": "no-store"})

    def _authorize(self, request: Request, pages: Pages) -> Response:
        query = request.query_params
        app = self._access.apps.get(query.get("client_id", ""))
        redirect_uri = query.get("redirect_uri", "")
        # A person is never sent to an address that the app did not register.
        if app is None or not app.takes(redirect_uri):
            problem = "oauth_unknown_app" if app is None else "oauth_wrong_redirect"
            return pages.render(request, "oauth_error.html", http_status=400, problem=problem)
        state = {"state": query["state"]} if "state" in query else {}
        if query.get("response_type") != "code":
            return _back(redirect_uri, {"error": "unsupported_response_type", **state})
        if query.get("decision") == "deny":
            return _back(redirect_uri, {"error": "access_denied", **state})
        user = self._account.tables["users"].get(query.get("user"))
        if query.get("decision") == "allow" and user and user["active"]:
            code = self._access.issue_code(app.client_id, user["id"], redirect_uri)
            return _back(redirect_uri, {"code": code, **state})
        users = [user for user in self._account.tables["users"] if user["active"]]
        kept = [(key, value) for key, value in query.multi_items() if key not in ("decision", "user", "lang")]
        return pages.render(
            request,
            "authorize.html",
            app=app,
            account=self._account.name,
            choices=[(user, _decision(kept, decision="allow", user=user["id"])) for user in users],
            deny=_decision(kept, decision="deny"),
        )


def _decision(kept: list[tuple[str, str]], **more: str) -> str:
    return f"/oauth/authorize?{urlencode([*kept, *more.items()])}"


def _back(redirect_uri: str, answer: dict[str, str]) -> Response:
    parts = urlsplit(redirect_uri)
    query = "&".join(filter(None, (parts.query, urlencode(answer))))
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    return RedirectResponse(urlunsplit(parts._replace(query=query)), 302, headers=headers)
