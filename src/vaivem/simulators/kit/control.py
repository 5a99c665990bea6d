"""The control app under ``/_control``: what a test or the demo may do to a simulator from outside."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from vaivem.simulators.kit.answers import MalformedBodyError, json_answer, read_object
from vaivem.simulators.kit.faults import UnknownFaultError

if TYPE_CHECKING:
    from vaivem.simulators.kit.account import Simulator

PREFIX = "/_control"
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class SameSite:
    """Refuses what another website makes a browser post here, and notes that writes change the account."""

    def __init__(self, app: ASGIApp, simulator: Simulator) -> None:
        self._app = app
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in _WRITES:
            headers = dict(scope["headers"])
            if headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
                await PlainTextResponse("cross-site request refused", 403)(scope, receive, send)
                return
            self._simulator.touch()
        await self._app(scope, receive, send)


async def control_object(request: Request) -> dict[str, Any]:
    """The body of a control call; a malformed one is a 400 with the reason."""
    try:
        return await read_object(request)
    except MalformedBodyError as error:
        raise HTTPException(400, str(error)) from error


def mount(simulator: Simulator) -> Mount:
    """The control routes of ``simulator``, its own ``controls`` first."""
    return Mount(PREFIX, routes=[*simulator.controls(), *_Control(simulator).routes()])


class _Control:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        return [
            Route("/faults", self.faults, methods=["GET", "POST"]),
            Route("/limits", self.limits, methods=["GET", "POST"]),
            Route("/clock", self.clock, methods=["GET", "POST"]),
            Route("/reset", self.reset, methods=["POST"]),
            Route("/webhooks/schedule", self.schedule, methods=["GET", "POST"]),
            Route("/requests", self.requests),
            Route("/deliveries", self.deliveries),
            Route("/deliveries/counts", self.delivery_counts),
            Route("/state", self.state),
            Route("/credentials", self.credentials),
            Route("/grant", self.grant, methods=["POST"]),
        ]

    async def faults(self, request: Request) -> Response:
        faults = self._simulator.faults
        if request.method == "POST":
            changes = await control_object(request)
            try:
                faults.update(changes)
            except UnknownFaultError as error:
                raise HTTPException(400, str(error)) from error
            if changes.get("expire_tokens"):
                self._simulator.expire_tokens()
        return json_answer(faults.as_dict())

    async def limits(self, request: Request) -> Response:
        limits = self._simulator.limits
        if request.method == "POST":
            try:
                limits.set_mode(str((await control_object(request)).get("mode")))
            except ValueError as error:
                raise HTTPException(400, str(error)) from error
        return json_answer(limits.as_dict())

    async def clock(self, request: Request) -> Response:
        clock = self._simulator.clock
        if request.method == "POST":
            data = await control_object(request)
            try:
                self._move_clock(data)
            except (TypeError, ValueError, OverflowError) as error:
                raise HTTPException(400, str(error)) from error
        return json_answer({"now": clock.now().isoformat(), "offset_seconds": clock.offset_seconds})

    def _move_clock(self, data: dict[str, Any]) -> None:
        clock = self._simulator.clock
        if data.get("real") is True:
            clock.real()
        elif "at" in data:
            clock.set(datetime.fromisoformat(str(data["at"])))
        elif "advance_seconds" in data:
            clock.advance(float(data["advance_seconds"]))
        else:
            raise ValueError('one of {"advance_seconds": n}, {"at": iso}, {"real": true}')

    async def reset(self, request: Request) -> Response:
        self._simulator.reset_all()
        return json_answer({"reset": True})

    async def schedule(self, request: Request) -> Response:
        webhooks = self._simulator.webhooks
        if request.method == "POST":
            data = await control_object(request)
            delays = data.get("delays_seconds")
            try:
                if not isinstance(delays, list):
                    raise ValueError("delays_seconds is a list of numbers")
                webhooks.set_schedule(delays)
                webhooks.timeout_seconds = float(data.get("timeout_seconds", webhooks.timeout_seconds))
            except (TypeError, ValueError) as error:
                raise HTTPException(400, str(error)) from error
        shown = {"delays_seconds": list(webhooks.delays_seconds), "timeout_seconds": webhooks.timeout_seconds}
        return json_answer(shown)

    async def requests(self, request: Request) -> Response:
        query = request.query_params
        return json_answer(self._simulator.requests.list(query.get("path"), query.get("method")))

    async def deliveries(self, request: Request) -> Response:
        state = request.query_params.get("state")
        found = self._simulator.webhooks.list()
        return json_answer([d for d in found if state is None or d["state"] == state])

    async def delivery_counts(self, request: Request) -> Response:
        """Finished deliveries by state since the last reset, and how many are still on their way."""
        webhooks = self._simulator.webhooks
        waiting = sum(1 for d in webhooks.deliveries.values() if not d.finished)
        return json_answer({"delivered": 0, "failed": 0, "dropped": 0, **webhooks.counts, "waiting": waiting})

    async def state(self, request: Request) -> Response:
        return json_answer(self._simulator.snapshot())

    async def credentials(self, request: Request) -> Response:
        return json_answer(self._simulator.credentials())

    async def grant(self, request: Request) -> Response:
        return json_answer(self._simulator.grant())
