"""The gate of API v3: the token, the body, and the vendor's errors around every call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vaivem.simulators.clicksign.problems import (
    ProblemError,
    bad_request,
    forbidden,
    unauthorized,
    unavailable,
)
from vaivem.simulators.clicksign.records import Record
from vaivem.simulators.kit.answers import MalformedBodyError, json_answer, read_object

if TYPE_CHECKING:
    from vaivem.simulators.clicksign.app import ClicksignSimulator

MEDIA_TYPE = "application/vnd.api+json; charset=utf-8"
PREFIX = "/api/v3"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that passed the gate. ``base`` is the address of API v3, ``address`` that of the call."""

    base: str
    address: str
    query: Mapping[str, str]
    path: Mapping[str, str]
    body: dict[str, Any]


Handler = Callable[[Call], tuple[int, Record | None]]


class Gate:
    """Makes routes of plain functions from a call to a status and a body."""

    def __init__(self, simulator: ClicksignSimulator) -> None:
        self._simulator = simulator

    def route(self, path: str, envelopes: bool = True, **handlers: Handler) -> Route:
        """A route under the prefix; ``handlers`` by method. ``envelopes``: needs the envelope feature."""

        async def endpoint(request: Request) -> Response:
            try:
                self._check(request, envelopes)
                return await self._answer(request, handlers[request.method])
            except ProblemError as problem:
                return error_answer(problem)

        return Route(PREFIX + path, endpoint, methods=list(handlers))

    async def _answer(self, request: Request, handler: Handler) -> Response:
        try:
            body = {} if request.method == "GET" else await read_object(request)
        except MalformedBodyError as error:
            raise bad_request("/data", f"corpo da requisição inválido: {error}") from error
        base = self._simulator.base_url
        call = Call(base + PREFIX, base + request.url.path, request.query_params, request.path_params, body)
        status, answer = handler(call)
        if answer is None:
            return Response(status_code=status)
        return json_answer(answer, status, media_type=MEDIA_TYPE)

    def _check(self, request: Request, envelopes: bool) -> None:
        settings = self._simulator.account.settings
        if not self._known(token_of(request, settings["lenient_bearer"])):
            raise unauthorized()
        if settings["blocked"]:
            raise forbidden(
                "Conta bloqueada, entre em contato com ajuda@clicksign.com", "Verificação de conta"
            )
        if settings["api_user"] is None:
            raise forbidden("Associe um usuário à API", "Verificação de conta")
        if envelopes and not settings["envelopes_enabled"]:
            raise unavailable()

    def _known(self, token: str) -> bool:
        return token in self._simulator.account.tokens and not self._simulator.faults.expire_tokens


def token_of(request: Request, lenient_bearer: bool) -> str:
    """The bare ``Authorization`` header, else ``?access_token=``; with the switch also ``Bearer``."""
    header = request.headers.get("authorization")
    if header is None:
        return request.query_params.get("access_token", "")
    if lenient_bearer and header.lower().startswith("bearer "):
        return header[7:]
    return header


def error_answer(problem: ProblemError) -> Response:
    """The vendor's error body."""
    return json_answer({"errors": problem.errors}, problem.status, media_type=MEDIA_TYPE)
