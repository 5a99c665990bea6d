"""The account server: where a person agrees, where apps get and renew tokens, and who a token speaks for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.docusign.access import SCOPES, App
from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.assertions import (
    WrongAssertionError,
    check_signature,
    check_times,
    claims_of,
)
from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.pages import Pages

if TYPE_CHECKING:
    from vaivem.simulators.docusign.app import DocuSign

AUTH, TOKEN, USERINFO = "/oauth/auth", "/oauth/token", "/oauth/userinfo"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
HOSTS = ("account-d.docusign.com", "account.docusign.com")
_FORM = "application/x-www-form-urlencoded"


class RefusedGrantError(Exception):
    """A token request is refused, with the OAuth error and what is said about it."""

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(error)
        self.body = {"error": error, **({"error_description": description} if description else {})}


class OAuth:
    """`/oauth/auth`, `/oauth/token`, `/oauth/userinfo`."""

    def __init__(self, simulator: DocuSign) -> None:
        self._simulator = simulator
        self._access = simulator.access

    def api_routes(self) -> list[BaseRoute]:
        """What apps call."""
        return [Route(TOKEN, self._token, methods=["POST"]), Route(USERINFO, self._userinfo)]

    def page_routes(self, pages: Pages) -> list[BaseRoute]:
        """The consent page; its answers are links, because the forms' policy would stop the way back."""

        async def consent(request: Request) -> Response:
            return self._consent(request, pages)

        return [Route(AUTH, consent)]

    # -- tokens

    async def _token(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith(_FORM):
            return json_answer({"error": "invalid_request", "error_description": "form expected"}, 400)
        async with request.form() as form:
            sent = {key: value for key, value in form.items() if isinstance(value, str)}
        try:
            answer = self._granted(request, sent)
        except RefusedGrantError as refusal:
            return json_answer(refusal.body, 400)
        return json_answer(answer, headers={"cache-control": "no-store"})

    def _granted(self, request: Request, sent: Mapping[str, str]) -> dict[str, Any]:
        kind = sent.get("grant_type")
        if kind == JWT_GRANT:
            return self._for_assertion(request, sent.get("assertion", ""))
        app = self._access.app(*_client(request))
        if app is None:
            raise RefusedGrantError("invalid_client", "invalid_client")
        if kind == "authorization_code":
            answer = self._access.exchange(app, sent.get("code", ""), sent.get("code_verifier", ""))
        elif kind == "refresh_token":
            answer = self._access.refresh(app, sent.get("refresh_token", ""))
        else:
            raise RefusedGrantError("unsupported_grant_type", "unsupported_grant_type")
        if answer is None:
            raise RefusedGrantError("invalid_grant", "invalid_grant")
        return answer

    def _for_assertion(self, request: Request, assertion: str) -> dict[str, Any]:
        """A signed claim of an app to act for a user who has agreed to it."""
        try:
            claims, signed, proof = claims_of(assertion)
            app = self._access.apps.get(str(claims.get("iss")))
            if app is None:
                raise WrongAssertionError("issuer_not_found")
            check_signature(signed, proof, app.public_keys)
            check_times(claims)
            own = urlsplit(self._simulator.base_url)
            if claims.get("aud") not in (*HOSTS, request.url.netloc, own.netloc, own.hostname):
                raise WrongAssertionError("invalid_audience")
        except WrongAssertionError as error:
            raise RefusedGrantError("invalid_grant", str(error)) from error
        user_id = str(claims.get("sub"))
        if self._user(user_id) is None:
            raise RefusedGrantError("invalid_grant", "user_not_found")
        scopes = _scopes(str(claims.get("scope", "")))
        if not {"signature", "impersonation"} <= set(scopes):
            raise RefusedGrantError("invalid_scope", "impersonation and signature are needed")
        if not self._access.agreed(app, user_id, scopes):
            raise RefusedGrantError("consent_required")
        return self._access.issue_jwt_token(app, user_id, scopes)

    # -- who a token speaks for

    async def _userinfo(self, request: Request) -> Response:
        grant = self._access.bearer(request.headers.get("authorization"))
        user = self._user(grant.user_id) if grant else None
        if grant is None or user is None:
            body = {"error": "invalid_token", "error_description": "The access token is not valid."}
            return json_answer(body, 401)
        given, _, family = user["userName"].partition(" ")
        accounts = [one for one in self._simulator.accounts.values() if one.user(grant.user_id)]
        return json_answer(
            {
                "sub": grant.user_id,
                "name": user["userName"],
                "given_name": given,
                "family_name": family,
                "created": user["created"],
                "email": user["email"],
                "accounts": [self._told(account, number == 0) for number, account in enumerate(accounts)],
            }
        )

    def _told(self, account: Account, default: bool) -> Record:
        base_uri = self._simulator.quirks.base_uri or self._simulator.base_url
        told: Record = {
            "account_id": account.id,
            "is_default": default,
            "account_name": account.name,
            "base_uri": base_uri,
        }
        return told

    def _user(self, user_id: str) -> Record | None:
        """The user of any of the accounts; the same person has the same id in each."""
        for account in self._simulator.accounts.values():
            if user := account.user(user_id):
                return user
        return None

    # -- consent

    def _consent(self, request: Request, pages: Pages) -> Response:
        query = request.query_params
        app = self._access.apps.get(query.get("client_id", ""))
        redirect_uri = query.get("redirect_uri", "")
        # A person is never sent to an address that the app did not register.
        if app is None or not app.takes(redirect_uri):
            problem = "oauth_unknown_app" if app is None else "oauth_wrong_redirect"
            return pages.render(request, "oauth_error.html", http_status=400, problem=problem)
        state = {"state": query["state"]} if "state" in query else {}
        scopes = _scopes(query.get("scope", ""))
        if query.get("response_type") != "code":
            return _back(redirect_uri, {"error": "unsupported_response_type", **state})
        if not scopes or not set(scopes) <= SCOPES:
            return _back(redirect_uri, {"error": "invalid_scope", **state})
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            return _back(redirect_uri, {"error": "invalid_request", **state})
        if query.get("decision") == "deny":
            return _back(redirect_uri, {"error": "access_denied", **state})
        user = self._user(query.get("user", ""))
        if query.get("decision") == "allow" and user is not None:
            return _back(
                redirect_uri, {"code": self._agreed(app, user, scopes, query, redirect_uri), **state}
            )
        kept = [(key, value) for key, value in query.multi_items() if key not in ("decision", "user", "lang")]
        return pages.render(
            request,
            "authorize.html",
            app=app,
            scopes=[scope.replace(".", "_") for scope in scopes],
            choices=self._choices(query.get("login_hint", ""), kept),
            deny=_decision(kept, decision="deny"),
        )

    def _agreed(
        self, app: App, user: Record, scopes: tuple[str, ...], query: Mapping[str, str], redirect_uri: str
    ) -> str:
        self._access.agree(app, user["userId"], scopes)
        self._simulator.touch()
        return self._access.issue_code(
            app, user["userId"], scopes, redirect_uri, query.get("code_challenge", "")
        )

    def _choices(self, hint: str, kept: list[tuple[str, str]]) -> list[tuple[Record, list[str], str]]:
        """The people who may log in, their accounts, and the way on; the hinted one first."""
        people: dict[str, tuple[Record, list[str]]] = {}
        for account in self._simulator.accounts.values():
            for user in account.users:
                people.setdefault(user["userId"], (user, []))[1].append(account.name)
        ordered = sorted(people.values(), key=lambda one: one[0]["email"] != hint)
        return [
            (user, names, _decision(kept, decision="allow", user=user["userId"])) for user, names in ordered
        ]


def _client(request: Request) -> tuple[str, str]:
    """The app's keys out of the Basic header."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def _scopes(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split()))


def _decision(kept: list[tuple[str, str]], **more: str) -> str:
    return f"{AUTH}?{urlencode([*kept, *more.items()])}"


def _back(redirect_uri: str, answer: dict[str, str]) -> Response:
    parts = urlsplit(redirect_uri)
    query = "&".join(filter(None, (parts.query, urlencode(answer))))
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    return RedirectResponse(urlunsplit(parts._replace(query=query)), 302, headers=headers)
