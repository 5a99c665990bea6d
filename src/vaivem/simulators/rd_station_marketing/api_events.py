"""`/platform/events`, its batch, and conversions by API key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.routing import BaseRoute

from vaivem.simulators.rd_station_marketing.api import Call, Gate, Result
from vaivem.simulators.rd_station_marketing.event_rules import problems_of
from vaivem.simulators.rd_station_marketing.problems import flat, listed, no_lead

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.app import RdStationMarketing


class EventCalls:
    """The handlers of events. What is accepted is worked later, and its lead may not be there by then."""

    def __init__(self, simulator: RdStationMarketing) -> None:
        self._simulator = simulator

    def routes(self, gate: Gate) -> list[BaseRoute]:
        return [
            *gate.route("/platform/events", POST=self.one),
            *gate.route("/platform/events/batch", POST=self.batch),
            *gate.route("/platform/conversions", by_key=True, POST=self.by_key),
        ]

    def one(self, call: Call) -> Result:
        """The query's `event_type` is optional; the body's decides."""
        return 200, {"event_uuid": self._take(call, call.object())}

    def by_key(self, call: Call) -> Result:
        event = call.object()
        if event.get("event_type") != "CONVERSION":
            raise flat("INVALID", "Only CONVERSION can be sent with an API key.")
        return 200, {"event_uuid": self._take(call, event)}

    def batch(self, call: Call) -> Result:
        """All or none, the answers in the order of the events."""
        if not isinstance(call.body, list) or not call.body:
            raise flat("BAD_REQUEST", "The request body must be a JSON array of events.")
        problems = [
            problem for place, event in enumerate(call.body) for problem in problems_of(event, f"$[{place}]")
        ]
        if problems:
            raise listed(problems)
        uuids = [self._take(call, event) for event in call.body]
        return 200, {"event_batch_uuid": str(uuid4()), "events": [{"event_uuid": uuid} for uuid in uuids]}

    def _take(self, call: Call, event: dict[str, Any]) -> str:
        problems = problems_of(event)
        if problems:
            raise listed(problems)
        email = event["payload"]["email"].strip().lower()
        self._simulator.quotas.spend(call.account.key, "events", email)
        strict = call.account.quirks.unknown_lead_status == 404
        if strict and event["event_type"] != "CONVERSION" and call.account.lead(email) is None:
            raise no_lead()
        return self._simulator.happenings[call.account.key].accept(event)
