"""What every call of the API passes: the length of its address, its token or key, its type, its JSON."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.rd_station_marketing.account import Account, Record
from vaivem.simulators.rd_station_marketing.problems import ProblemError, flat

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.app import RdStationMarketing

LONGEST_ADDRESS = 8 * 1024
LONGEST_BODY = 200_000
_WITH_BODY = ("POST", "PUT", "PATCH")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was let in. `owner` is the app's client id, empty for a call by key."""

    account: Account
    owner: str
    path: Mapping[str, str]
    query: QueryParams
    body: Any
    base: str

    def object(self) -> Record:
        """The body as an object; 400 for an array or a bare value."""
        if not isinstance(self.body, dict):
            raise flat("BAD_REQUEST", "The request body must be a JSON object.")
        return self.body


# Status, body (None for none), headers.
Result = tuple[int, Any] | tuple[int, Any, dict[str, str]]
Handler = Callable[[Call], Result | Awaitable[Result]]


class Gate:
    """Makes routes of handlers."""

    def __init__(self, simulator: RdStationMarketing) -> None:
        self._simulator = simulator

    def route(self, path: str, *, by_key: bool = False, **handlers: Handler) -> list[BaseRoute]:
        """The routes of a path, with and without a slash at its end: the vendor's library sends one.

        `by_key` takes `?api_key=` in place of the Authorization header.
        """

        async def answer(request: Request) -> Response:
            try:
                call = await self._enter(request, by_key=by_key)
                result = handlers[request.method](call)
                found = await result if inspect.isawaitable(result) else result
            except ProblemError as problem:
                return problem.answer()
            status, data = found[0], found[1]
            headers = found[2] if len(found) > 2 else {}
            if data is None:
                return Response(status_code=status, headers=headers)
            return json_answer(data, status, headers)

        return [Route(one, answer, methods=list(handlers)) for one in (path, f"{path}/")]

    async def _enter(self, request: Request, *, by_key: bool) -> Call:
        url = request.url
        if len(url.path) + len(url.query) > LONGEST_ADDRESS:
            raise ProblemError(414, {"message": "Request-URI Too Long"})
        account, owner = self._keyed(request) if by_key else self._signed(request)
        body = await _body(request) if request.method in _WITH_BODY else None
        return Call(account, owner, request.path_params, request.query_params, body, self._simulator.base_url)

    def _signed(self, request: Request) -> tuple[Account, str]:
        grant, why = self._simulator.access.bearer(request.headers.get("authorization"))
        if grant is not None:
            return self._simulator.accounts[grant.account], grant.client_id
        if why == "missing":
            body = {"error": "invalid_request", "error_description": "The access token is missing"}
            raise ProblemError(401, body)
        problem = flat("UNAUTHORIZED", "Invalid token.", 401)
        if why == "expired":
            told = 'Bearer realm="rdstation", error="expired_token"'
            problem.headers["www-authenticate"] = told
        raise problem

    def _keyed(self, request: Request) -> tuple[Account, str]:
        key = request.query_params.get("api_key", "")
        for account in self._simulator.accounts.values():
            for known in account.api_keys:
                if known["key"] == key and known["product"] == "crm":
                    message = "Unable to load the schema of this account."
                    raise flat("UNABLE_TO_LOAD_CDP_SCHEMA", message)
                if known["key"] == key and known["active"]:
                    return account, ""
        raise flat("UNAUTHORIZED", "Invalid token.", 401)


async def _body(request: Request) -> Any:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    raw = await request.body()
    if kind != "application/json":
        raise flat("UNSUPPORTED_MEDIA_TYPE", "The content type must be application/json.", 415)
    if len(raw) > LONGEST_BODY:
        raise ProblemError(413, {"message": "Request Entity Too Large"})
    try:
        return orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError:
        raise flat("BAD_REQUEST", "The request body is not valid JSON.") from None
