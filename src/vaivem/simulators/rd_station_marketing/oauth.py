"""Both schemes of consent: where a person picks the account, and where apps get, renew and revoke tokens."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.pages import Pages
from vaivem.simulators.rd_station_marketing.access import A, Access, App, B, Grant
from vaivem.simulators.rd_station_marketing.account import Account
from vaivem.simulators.rd_station_marketing.problems import ProblemError, flat

DIALOG, AUTHORIZE = "/auth/dialog", "/oauth/authorize"
WRONG_REDIRECT = "A redirect_uri informada não corresponde à URL de callback cadastrada no aplicativo."
_FORM = "application/x-www-form-urlencoded"


class OAuth:
    """The consent pages and the token endpoints of schemes A and B."""

    def __init__(self, accounts: Mapping[str, Account], access: Access) -> None:
        self._accounts = accounts
        self._access = access

    def api_routes(self) -> list[BaseRoute]:
        """`/auth/token` and `/auth/revoke` of scheme A, `/oauth2/token` of scheme B."""
        return [
            Route("/auth/token", self._token, methods=["POST"]),
            Route("/auth/revoke", self._revoke, methods=["POST"]),
            Route("/oauth2/token", self._token_b, methods=["POST"]),
        ]

    def page_routes(self, pages: Pages) -> list[BaseRoute]:
        """The consent pages; their answers are links, because the forms' policy would stop the way back."""

        async def dialog(request: Request) -> Response:
            return self._consent(request, pages, A)

        async def authorize(request: Request) -> Response:
            return self._consent(request, pages, B)

        return [Route(DIALOG, dialog), Route(AUTHORIZE, authorize)]

    async def _token(self, request: Request) -> Response:
        """A code or a refresh token for a pair; no grant_type, no redirect address, the body is JSON."""
        try:
            return json_answer(self._exchange(await _object(request)), headers={"cache-control": "no-store"})
        except ProblemError as problem:
            return problem.answer()

    def _exchange(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        app = self._access.app(sent.get("client_id"), sent.get("client_secret"))
        if app is None:
            raise flat("ACCESS_DENIED", "Wrong credentials provided.", 401)
        if "code" in sent:
            grant = self._access.take_code(app, sent["code"], A)
            if grant is None:
                message = "The authorization code grant has expired or was already used."
                raise flat("EXPIRED_CODE_GRANT", message, 401)
            return self._access.issue_pair(grant)
        if "refresh_token" in sent:
            answer = self._access.refresh(app, sent["refresh_token"], A)
            if answer is None:
                raise flat(
                    "INVALID_REFRESH_TOKEN", "The provided refresh token is invalid or was revoked.", 401
                )
            return answer
        raise flat("ACCESS_DENIED", "Wrong credentials provided.", 401)

    async def _revoke(self, request: Request) -> Response:
        """Both tokens of the consent are dead afterwards; an unknown token is no error."""
        async with request.form() as form:
            token = form.get("token")
        if not isinstance(token, str) or not token:
            return flat("BAD_REQUEST", "token is missing.").answer()
        self._access.revoke(token)
        return json_answer({})

    async def _token_b(self, request: Request) -> Response:
        """The standard token endpoint, the app's credentials in the form."""
        if not request.headers.get("content-type", "").startswith(_FORM):
            return _refused("invalid_request", f"The body must be {_FORM}.")
        async with request.form() as form:
            sent = {key: value for key, value in form.items() if isinstance(value, str)}
        app = self._access.app(sent.get("client_id"), sent.get("client_secret", ""))
        if app is None:
            return _refused("invalid_client", "Client authentication failed.", 401)
        kind = sent.get("grant_type")
        if kind == "authorization_code":
            answer = self._exchange_b(app, sent)
        elif kind == "refresh_token":
            answer = self._access.refresh(app, sent.get("refresh_token"), B)
        else:
            return _refused("unsupported_grant_type", "The grant type is not supported.")
        if answer is None:
            return _refused("invalid_grant", "The code or token is invalid, used or expired.")
        return json_answer({**answer, "token_type": "Bearer"}, headers={"cache-control": "no-store"})

    def _exchange_b(self, app: App, sent: Mapping[str, str]) -> dict[str, Any] | None:
        grant: Grant | None = self._access.take_code(app, sent.get("code"), B)
        if grant is None or grant.redirect_uri != sent.get("redirect_uri"):
            return None
        return self._access.issue_pair(grant)

    def _consent(self, request: Request, pages: Pages, scheme: str) -> Response:
        query = request.query_params
        app = self._access.apps.get(query.get("client_id", ""))
        # The documents say redirect_uri, the vendor's own library sends redirect_url.
        redirect_uri = query.get("redirect_uri") or query.get("redirect_url", "")
        if app is None or not app.takes(redirect_uri):
            return _refused_consent(request, pages, known=app is not None)
        state = {"state": query["state"]} if "state" in query else {}
        if scheme == B and query.get("response_type") != "code":
            return _back(redirect_uri, {"error": "unsupported_response_type", **state})
        if query.get("decision") == "deny":
            return _back(redirect_uri, {"error": "access_denied", **state})
        account = self._accounts.get(query.get("account", ""))
        if query.get("decision") == "allow" and account is not None:
            code = self._access.issue_code(app, account.key, scheme, redirect_uri)
            return _back(redirect_uri, {"code": code, **state})
        dropped = ("decision", "account", "lang")
        kept = [(key, value) for key, value in query.multi_items() if key not in dropped]

        def decision(**more: str) -> str:
            return f"{request.url.path}?{urlencode([*kept, *more.items()])}"

        return pages.render(
            request,
            "authorize.html",
            app=app,
            choices=[(one, decision(decision="allow", account=one.key)) for one in self._accounts.values()],
            deny=decision(decision="deny"),
        )


async def _object(request: Request) -> dict[str, Any]:
    """The JSON object of a token request; an empty one for anything else, which then has no credentials."""
    try:
        data = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return {}
    return data if isinstance(data, dict) else {}


def _refused(error: str, description: str, status: int = 400) -> Response:
    return json_answer({"error": error, "error_description": description}, status)


def _refused_consent(request: Request, pages: Pages, *, known: bool) -> Response:
    """A person is never sent to an address that the app did not register."""
    if "text/html" not in request.headers.get("accept", ""):
        return flat("ACCESS_DENIED", WRONG_REDIRECT if known else "Wrong credentials provided.", 401).answer()
    problem = "oauth_wrong_redirect" if known else "oauth_unknown_app"
    return pages.render(request, "oauth_error.html", http_status=401, problem=problem)


def _back(redirect_uri: str, answer: dict[str, str]) -> Response:
    parts = urlsplit(redirect_uri)
    query = "&".join(filter(None, (parts.query, urlencode(answer))))
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    return RedirectResponse(urlunsplit(parts._replace(query=query)), 302, headers=headers)
