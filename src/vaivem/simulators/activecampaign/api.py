"""What every call passes: the key, the paid account, the JSON of its body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.problems import ProblemError, bad_request, forbidden, message
from vaivem.simulators.activecampaign.shapes import Shapes
from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.tables import Record

if TYPE_CHECKING:
    from vaivem.simulators.activecampaign.app import ActiveCampaign

PREFIX = "/api/3"
SOURCE = "api"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was let in, by the user whose key it carries."""

    account: Account
    shapes: Shapes
    user: Record
    path: Mapping[str, str]
    query: QueryParams
    headers: Headers
    body: Any
    size: int

    def wrapped(self, key: str) -> Record:
        """The object inside the body's one key; 400 when it is not there."""
        inner = self.body.get(key) if isinstance(self.body, dict) else None
        if not isinstance(inner, dict):
            raise bad_request()
        return inner


# Status and body; a body of None is an empty answer.
Result = tuple[int, Any]
Handler = Callable[[Call], Result]


def echoed(shown: Record, sent: Record, *names: str) -> Record:
    """The answer to a write: ids that came as numbers go back as numbers."""
    same = {name: sent[name] for name in names if name in sent and str(sent[name]) == shown[name]}
    return {**shown, **same}


def paid(handler: Handler) -> Handler:
    """A call of the plan's deals."""

    def allowed(call: Call) -> Result:
        if not call.account.quirks.deals:
            raise forbidden()
        return handler(call)

    return allowed


class Gate:
    """Makes routes of handlers."""

    def __init__(self, simulator: ActiveCampaign) -> None:
        self._simulator = simulator

    def route(self, path: str, **handlers: Handler) -> BaseRoute:
        """The route of a path under `/api/3`."""

        async def answer(request: Request) -> Response:
            try:
                status, data = handlers[request.method](await self._enter(request))
            except ProblemError as problem:
                return problem.answer()
            # An empty answer still says what it is; public clients look at the type before the body.
            empty = Response(status_code=status, media_type="text/html")
            return empty if data is None else json_answer(data, status)

        return Route(PREFIX + path, answer, methods=list(handlers))

    async def _enter(self, request: Request) -> Call:
        account = self._simulator.account
        if account.quirks.unpaid:
            raise message(402, "The account is past due.")
        user = account["users"].get(account.keys.get(request.headers.get("api-token", "").strip()))
        if user is None:
            raise message(account.quirks.bad_key_status, "Forbidden")
        raw = await request.body()
        try:
            body = orjson.loads(raw) if raw.strip() else {}
        except orjson.JSONDecodeError:
            raise bad_request() from None
        shapes = Shapes(account, self._simulator.base_url + PREFIX)
        return Call(
            account,
            shapes,
            user,
            request.path_params,
            request.query_params,
            request.headers,
            body,
            len(raw),
        )
