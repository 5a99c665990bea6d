"""What every call of the API has in common: who calls, whether he may, what it costs, how errors look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.answers import MalformedBodyError, json_answer, read_object
from vaivem.simulators.pipedrive.access import Access, Caller
from vaivem.simulators.pipedrive.account import Account, Actor
from vaivem.simulators.pipedrive.meter import LimitedError, Meter
from vaivem.simulators.pipedrive.problems import (
    INVALID,
    ApiError,
    MissingError,
    RawError,
    RefusedError,
    unauthorized,
    wrong_scope,
)  # fmt: skip

V2 = "/api/v2"
V1 = ("/api/v1", "/v1")


@dataclass(frozen=True, slots=True)
class Asked:
    """One call whose caller is known and may make it."""

    request: Request
    caller: Caller
    api_domain: str

    @property
    def actor(self) -> Actor:
        """Who its writes are by."""
        return Actor(self.caller.user["id"], "api")

    @property
    def query(self) -> Any:
        """The query's values."""
        return self.request.query_params

    def path_id(self, name: str = "id") -> int:
        """The whole number in the address; MissingError when it is none."""
        text = self.request.path_params[name]
        if not text.isdigit():
            raise ApiError(400, f"Validation failed: {name}: must be an integer", "", INVALID)
        return int(text)

    async def body(self) -> dict[str, Any]:
        """The JSON object that was sent; RefusedError when it is none."""
        try:
            return await read_object(self.request)
        except MalformedBodyError as error:
            raise RefusedError("body", str(error)) from error

    async def loose_body(self) -> dict[str, Any]:
        """The object that was sent as JSON or, as API v1 also takes it, as a form."""
        kind = self.request.headers.get("content-type", "")
        if "form" not in kind:
            return await self.body()
        async with self.request.form() as form:
            return {key: value for key, value in form.items() if isinstance(value, str)}


Handler = Callable[[Asked], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Call:
    """One operation: its published cost in tokens and the scopes of which one is enough."""

    method: str
    path: str
    handler: Handler
    cost: int
    scopes: frozenset[str]

    @property
    def settings(self) -> bool:
        """Whether it changes the account's settings, which only an administrator may."""
        return self.method != "GET" and "admin" in self.scopes and not self.path.startswith("/webhooks")


def call(method: str, path: str, handler: Handler, cost: int, *scopes: str) -> Call:
    """Describe an operation."""
    return Call(method, path, handler, cost, frozenset(scopes))


class Api:
    """Turns operations into routes."""

    def __init__(self, account: Account, access: Access, meter: Meter, api_domain: Callable[[], str]) -> None:
        self.account = account
        self._access = access
        self._meter = meter
        self._api_domain = api_domain

    def routes(self, prefixes: Iterable[str], calls: Iterable[Call]) -> list[BaseRoute]:
        """The routes of operations under each of the prefixes; longer addresses without ids go first."""
        by_path: dict[str, dict[str, Call]] = {}
        for item in calls:
            by_path.setdefault(item.path, {})[item.method] = item
        ordered = sorted(
            by_path.items(), key=lambda item: [part.startswith("{") for part in item[0].split("/")]
        )
        return [
            Route(prefix + path, self._endpoint(methods), methods=list(methods))
            for path, methods in ordered
            for prefix in prefixes
        ]

    def _endpoint(self, methods: dict[str, Call]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            # HEAD is let in by the router wherever GET is.
            asked_for = methods["GET" if request.method == "HEAD" else request.method]
            if self.account.quirks.unpaid:
                return json_answer({"success": False, "error": "Company account is closed or unpaid"}, 402)
            caller = self._caller(request)
            if caller is None:
                wrong = "Invalid token: access_token is invalid"
                return unauthorized(wrong if "authorization" in request.headers else "unauthorized access")
            try:
                headers = self._meter.charge(
                    caller,
                    f"{asked_for.method} {asked_for.path}",
                    asked_for.cost,
                    search="earch" in asked_for.path,
                    post=request.method in ("POST", "PUT"),
                )
            except LimitedError as error:
                return error.response
            answer = await self._answer(asked_for, Asked(request, caller, self._api_domain()))
            answer.headers.update(headers)
            return answer

        return endpoint

    async def _answer(self, asked_for: Call, asked: Asked) -> Response:
        if not asked.caller.may(asked_for.scopes):
            return wrong_scope()
        if asked_for.settings and not asked.caller.user["access"][0]["admin"]:
            return ApiError(403, "You do not have permission to perform this action").answer()
        try:
            return await asked_for.handler(asked)
        except ApiError as error:
            return error.answer()
        except RawError as error:
            return error.response

    def _caller(self, request: Request) -> Caller | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._access.by_access_token(token.strip())
        # The token in the query is an old way that some clients still go.
        token = request.headers.get("x-api-token") or request.query_params.get("api_token", "")
        return self._access.by_api_token(token)


def ok(data: Any, status: int = 200, additional: Any = None, **more: Any) -> Response:
    """A successful answer."""
    extra = {} if additional is None else {"additional_data": additional}
    return json_answer({"success": True, "data": data, **extra, **more}, status)


def not_found() -> Response:
    """What an address gets that the API does not have."""
    return MissingError("Endpoint").answer()
