"""What every call of the API passes: its token, its account, its user's rights, its JSON."""

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

from vaivem.simulators.docusign import wellformed
from vaivem.simulators.docusign.account import Account, Record
from vaivem.simulators.docusign.problems import ProblemError, body
from vaivem.simulators.kit.answers import json_answer

if TYPE_CHECKING:
    from vaivem.simulators.docusign.app import DocuSign

PREFIX = "/restapi/v2.1/accounts/{account}"
LONGEST_BODY = 35_651_584


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was let in: the account, the user for whom it is made, and what was sent."""

    account: Account
    user: Record
    path: Mapping[str, str]
    query: QueryParams
    body: Record
    base: str

    def flag(self, name: str) -> bool:
        """Whether a query parameter says true."""
        return self.query.get(name, "").lower() == "true"

    def listed(self, name: str) -> list[str]:
        """A query parameter with commas in it."""
        return [part.strip() for part in self.query.get(name, "").split(",") if part.strip()]

    def envelope(self) -> Record:
        """The envelope of the address, if the user may see it."""
        envelope = self.account.envelopes.get(self.path["envelope"].lower())
        if envelope is None:
            raise ProblemError("ENVELOPE_DOES_NOT_EXIST")
        own = envelope["sender"] == self.user["userId"] or self.user["isAdmin"]
        emails = {one["email"].lower() for one in envelope["recipients"]}
        if not own and self.user["email"].lower() not in emails:
            raise ProblemError("USER_NOT_ENVELOPE_SENDER_OR_RECIPIENT")
        return envelope


# Status and body (None for none), or an answer that is ready.
Result = tuple[int, Any] | Response
Handler = Callable[[Call], Result | Awaitable[Result]]


class Gate:
    """Makes routes of handlers."""

    def __init__(self, simulator: DocuSign) -> None:
        self._simulator = simulator

    def route(self, path: str, /, **handlers: Handler) -> BaseRoute:
        """A route under the account, with a handler for each method."""

        async def answer(request: Request) -> Response:
            try:
                call = await self._enter(request)
                found = handlers[request.method](call)
                result = await found if inspect.isawaitable(found) else found
            except ProblemError as problem:
                return problem.answer(self._simulator.quirks)
            if isinstance(result, Response):
                return result
            status, data = result
            return Response(status_code=status) if data is None else json_answer(data, status)

        return Route(PREFIX + path, answer, methods=list(handlers))

    def reading(self, path: str, handler: Handler, /, **others: Handler) -> BaseRoute:
        """A route whose GET reads an envelope, which the vendor wants at most once per quarter of an hour."""

        def read(call: Call) -> Result | Awaitable[Result]:
            envelope = call.envelope()
            address = f"/envelopes/{envelope['id']}" + path.removeprefix("/envelopes/{envelope}")
            for name, value in call.path.items():
                address = address.replace("{" + name + "}", value)
            in_time = self._simulator.polling.read(envelope["id"], address)
            if not in_time and call.account.quirks.polling == "refuse":
                raise ProblemError("Hourly_Envelope_Polling_Limit_Exceeded")
            return handler(call)

        return self.route(path, GET=read, **others)

    async def _enter(self, request: Request) -> Call:
        simulator = self._simulator
        grant = simulator.access.bearer(request.headers.get("authorization"))
        if grant is None:
            raise ProblemError("AUTHORIZATION_INVALID_TOKEN")
        if "signature" not in grant.scopes:
            raise ProblemError("USER_AUTHENTICATION_FAILED")
        account = simulator.account_of(request.path_params["account"])
        user = account.user(grant.user_id) if account else None
        if account is None or user is None:
            raise ProblemError("USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT")
        sent = await _body(request)
        return Call(account, user, request.path_params, request.query_params, sent, simulator.base_url)


def for_connect(handler: Handler) -> Handler:
    """A handler for administrators only, of accounts that have Connect."""

    def checked(call: Call) -> Result | Awaitable[Result]:
        _check_connect(call)
        return handler(call)

    return checked


def _check_connect(call: Call) -> None:
    if not call.account.connect_enabled:
        raise ProblemError("ACCOUNT_LACKS_PERMISSIONS", "Connect is not enabled for this account.")
    if not call.user["isAdmin"]:
        raise ProblemError("USER_NOT_ACCOUNT_ADMIN")


async def _body(request: Request) -> Record:
    """The JSON object that was sent; an empty one for none. The vendor takes it without a content type."""
    raw = await request.body()
    if len(raw) > LONGEST_BODY:
        raise body(f"The body is larger than {LONGEST_BODY} bytes.")
    if request.method not in ("POST", "PUT", "DELETE") or not raw.strip():
        return {}
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise body("It is not JSON.") from None
    if not isinstance(data, dict):
        raise body("It must be a JSON object.")
    wellformed.check(data)
    return data
