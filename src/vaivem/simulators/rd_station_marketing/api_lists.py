"""The account's name, segmentations with their leads, and automation flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from vaivem.simulators.rd_station_marketing import leads
from vaivem.simulators.rd_station_marketing.account import Account, Record
from vaivem.simulators.rd_station_marketing.api import Call, Gate, Result
from vaivem.simulators.rd_station_marketing.paging import page_of
from vaivem.simulators.rd_station_marketing.problems import flat, not_found
from vaivem.simulators.rd_station_marketing.times import brasilia_text

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.app import RdStationMarketing

_ORDERS = ("last_conversion_date:asc", "last_conversion_date:desc")


class ListCalls:
    """The handlers of what can be listed."""

    def __init__(self, simulator: RdStationMarketing) -> None:
        self._simulator = simulator

    def routes(self, gate: Gate) -> list[BaseRoute]:
        return [
            *gate.route("/marketing/account_info", GET=self.account_info),
            *gate.route("/platform/segmentations", GET=self.segmentations),
            *gate.route("/platform/segmentations/{id}/contacts", GET=self.contacts),
            *gate.route("/platform/workflows", GET=self.workflows),
            *gate.route("/platform/workflows/{id}", GET=self.workflow),
            *gate.route("/platform/workflows/{id}/leads", POST=self.insert_leads),
        ]

    def account_info(self, call: Call) -> Result:
        return 200, {"name": call.account.name}

    def segmentations(self, call: Call) -> Result:
        """A search by name leaves the vendor's standard segmentations out."""
        search = call.query.get("search", "").strip().lower()
        found = [
            one
            for one in call.account.segmentations
            if not search or (search in one["name"].lower() and not one["standard"])
        ]
        page, headers = page_of(call.query, found)
        shown = [_segmentation(one, call.base) for one in page]
        return 200, {call.account.quirks.segmentations_key: shown}, headers

    def contacts(self, call: Call) -> Result:
        segmentation = next(
            (one for one in call.account.segmentations if str(one["id"]) == call.path["id"]), None
        )
        if segmentation is None:
            raise not_found("Segmentation")
        order = call.query.get("order") or _ORDERS[0]
        if order not in _ORDERS:
            raise flat("BAD_REQUEST", f"order must be one of: {', '.join(_ORDERS)}.")
        rows = members(call.account, segmentation)
        rows.sort(key=lambda lead: lead["last_conversion"] or "", reverse=order == _ORDERS[1])
        page, headers = page_of(call.query, rows)
        return 200, {"contacts": [_member(lead, call.base) for lead in page]}, headers

    def workflows(self, call: Call) -> Result:
        return 200, {"workflows": [_workflow(flow) for flow in call.account.workflows]}

    def workflow(self, call: Call) -> Result:
        return 200, _workflow(self._flow(call))

    def insert_leads(self, call: Call) -> Result:
        """Only leads that exist enter; what the flow does to them happens at once."""
        flow = self._flow(call)
        emails = call.object().get("leads")
        if not isinstance(emails, list):
            raise flat("BAD_REQUEST", "leads must be an array of e-mails.")
        if flow["status"] != "on":
            raise flat("WORKFLOW_STATUS_ERROR", "The workflow is not turned on.")
        added = [lead for email in emails if (lead := call.account.lead(str(email))) is not None]
        for lead in added:
            lead["tags"] = list(dict.fromkeys([*lead["tags"], *flow["tags"]]))
            if flow["marks_opportunity"]:
                self._simulator.happenings[call.account.key].qualify(lead, "OPPORTUNITY")
        return 200, {"leads_added": [lead["email"] for lead in added]}

    def _flow(self, call: Call) -> Record:
        found = next((flow for flow in call.account.workflows if flow["id"] == call.path["id"]), None)
        if found is None:
            raise not_found("Workflow")
        return found


def members(account: Account, segmentation: Record) -> list[Record]:
    """The leads that a segmentation's rule takes; the standard one takes all."""
    rule = segmentation["rule"]
    return [lead for lead in account.leads.values() if _matches(lead, rule)]


def _matches(lead: Record, rule: Record) -> bool:
    if "tag" in rule and rule["tag"] not in lead["tags"]:
        return False
    if "stage" in rule and lead["funnel"]["lifecycle_stage"] != rule["stage"]:
        return False
    return "opportunity" not in rule or lead["funnel"]["opportunity"] == rule["opportunity"]


def _segmentation(one: Record, base: str) -> Record:
    href = f"{base}/platform/segmentations/{one['id']}/contacts"
    link = {"rel": "SEGMENTATIONS.CONTACTS", "href": href, "media": "application/json", "type": "GET"}
    return {
        "id": one["id"],
        "name": one["name"],
        "standard": one["standard"],
        "created_at": brasilia_text(one["created_at"]),
        "updated_at": brasilia_text(one["created_at"]),
        "process_status": "processed",
        "links": [link],
    }


def _member(lead: Record, base: str) -> Record:
    last = lead["last_conversion"]
    return {
        "uuid": lead["uuid"],
        "name": lead["values"].get("name"),
        "email": lead["email"],
        "last_conversion_date": brasilia_text(last) if last else None,
        "created_at": brasilia_text(lead["created_at"]),
        "links": leads.links(lead, base)[:1],
    }


def _workflow(flow: Record) -> Record:
    times = {key: brasilia_text(flow["created_at"]) for key in ("created_at", "updated_at")}
    return {"id": flow["id"], "name": flow["name"], "configuration": {"status": flow["status"]}, **times}
