"""`/platform/contacts`: contacts, their tags, funnel and events, and the fields' definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from vaivem.simulators.rd_station_marketing import leads
from vaivem.simulators.rd_station_marketing.account import Record
from vaivem.simulators.rd_station_marketing.api import Call, Gate, Result
from vaivem.simulators.rd_station_marketing.event_rules import TYPES
from vaivem.simulators.rd_station_marketing.fields import FieldCatalogue
from vaivem.simulators.rd_station_marketing.paging import whole_number
from vaivem.simulators.rd_station_marketing.problems import flat, not_found
from vaivem.simulators.rd_station_marketing.times import brasilia_text

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.app import RdStationMarketing

EVENTS_PER_PAGE = 10


class ContactCalls:
    """The handlers of contacts and fields."""

    def __init__(self, simulator: RdStationMarketing) -> None:
        self._simulator = simulator

    def routes(self, gate: Gate) -> list[BaseRoute]:
        contact = "/platform/contacts/{key}"
        return [
            *gate.route("/platform/contacts/fields", GET=self.fields, POST=self.make_field),
            *gate.route(
                "/platform/contacts/fields/{field}", PATCH=self.change_field, DELETE=self.delete_field
            ),
            *gate.route("/platform/contacts", POST=self.create),
            *gate.route(contact, GET=self.show, PATCH=self.upsert, DELETE=self.delete),
            *gate.route(f"{contact}/tag", POST=self.add_tags),
            *gate.route(f"{contact}/events", GET=self.events),
            *gate.route(f"{contact}/funnels/{{funnel}}", GET=self.funnel, PUT=self.change_funnel),
        ]

    def show(self, call: Call) -> Result:
        return 200, leads.shape(call.account, leads.found(call.account, call.path["key"]), call.base)

    def create(self, call: Call) -> Result:
        return 200, leads.shape(call.account, leads.create(call.account, call.object()), call.base)

    def upsert(self, call: Call) -> Result:
        self._spend(call, "contacts")
        lead = leads.upsert(call.account, call.path["key"], call.object())
        return 200, leads.shape(call.account, lead, call.base)

    def delete(self, call: Call) -> Result:
        call.account.remove_lead(leads.found(call.account, call.path["key"]))
        return 204, None

    def add_tags(self, call: Call) -> Result:
        lead = leads.found(call.account, call.path["key"])
        self._spend(call, "tags")
        leads.add_tags(call.account, lead, call.object())
        return 200, leads.shape(call.account, lead, call.base)

    def funnel(self, call: Call) -> Result:
        lead = self._in_funnel(call)
        return 200, leads.funnel(lead)

    def change_funnel(self, call: Call) -> Result:
        lead = self._in_funnel(call)
        marked = leads.change_funnel(call.account, lead, call.object())
        if marked and call.account.quirks.funnel_put_fires:
            self._simulator.happenings[call.account.key].qualify(lead, "OPPORTUNITY")
        return 200, leads.funnel(lead)

    def events(self, call: Call) -> Result:
        """The newest first, or the oldest with `order=created_at:asc` or `direction=asc`; ten on a page."""
        lead = leads.found(call.account, call.path["key"])
        kind = call.query.get("event_type", "")
        if kind and kind not in TYPES:
            raise flat("BAD_REQUEST", f"event_type must be one of: {', '.join(TYPES)}.")
        found = [event for event in lead["events"] if kind in ("", event["event_type"])]
        order = call.query.get("order", "")
        ascending = order.endswith(":asc") or (":" not in order and call.query.get("direction") == "asc")
        if not ascending:
            found = found[::-1]
        start = (whole_number(call.query, "page", 1) - 1) * EVENTS_PER_PAGE
        page = found[start : start + EVENTS_PER_PAGE]
        return 200, [{**event, "event_timestamp": brasilia_text(event["event_timestamp"])} for event in page]

    def fields(self, call: Call) -> Result:
        return 200, {"fields": list(call.account.fields.values())}

    def make_field(self, call: Call) -> Result:
        return 201, FieldCatalogue(call.account).create(call.object())

    def change_field(self, call: Call) -> Result:
        return 200, FieldCatalogue(call.account).change(call.path["field"], call.object())

    def delete_field(self, call: Call) -> Result:
        FieldCatalogue(call.account).delete(call.path["field"])
        return 204, None

    def _in_funnel(self, call: Call) -> Record:
        lead = leads.found(call.account, call.path["key"])
        if call.path["funnel"] != "default":
            raise not_found("Funnel")
        self._spend(call, "funnels")
        return lead

    def _spend(self, call: Call, area: str) -> None:
        """A lead's calls of a day count together, whether it is named by uuid or by e-mail."""
        kind, value = leads.identify(call.path["key"])
        lead = leads.find(call.account, call.path["key"])
        key = lead["email"] if lead else value.lower() if kind == "email" else value
        self._simulator.quotas.spend(call.account.key, area, key)
