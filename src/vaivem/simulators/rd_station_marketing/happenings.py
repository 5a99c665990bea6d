"""Events from their acceptance to the lead's timeline: they are answered first and worked later."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vaivem.simulators.rd_station_marketing.event_rules import QUALIFICATIONS
from vaivem.simulators.rd_station_marketing.fields import STANDARD_KEYS, options_of
from vaivem.simulators.rd_station_marketing.times import utc_text

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.account import Account, Record

INTEREST_PER_CONVERSION = 10
INTEREST_MOST = 100
_COMPANY = {"company_name": "name", "company_site": "site", "company_address": "address"}

# Called with the account, WEBHOOK.CONVERTED or WEBHOOK.MARKED_OPPORTUNITY, the lead and the event.
Listener = Callable[["Account", str, "Record", "Record"], None]


class Happenings:
    """Works the events of one account. A lead's timeline is oldest first."""

    def __init__(self, account: "Account", listener: Listener) -> None:
        self._account = account
        self._listener = listener

    def accept(self, event: "Record") -> str:
        """Take an event that was found right, stamp it with the time of receipt, return its uuid.

        A qualification looks for its lead now: one for somebody whose conversion is still on its way comes to
        nothing, which is why the vendor advises some minutes between them.
        """
        account = self._account
        quirks = account.quirks
        taken: Record = {
            "event_uuid": str(uuid4()),
            "event_type": event["event_type"],
            "payload": {**event["payload"], "email": str(event["payload"]["email"]).strip()},
            "at": account.now_text(),
        }
        conversion = event["event_type"] == "CONVERSION"
        seconds = quirks.conversion_seconds if conversion else quirks.qualification_seconds
        taken["due"] = utc_text(account.now() + timedelta(seconds=seconds))
        if not conversion and account.lead(taken["payload"]["email"]) is None:
            account.dropped.append(taken)
        elif seconds == 0:
            self._work(taken)
        else:
            account.queue.append(taken)
        return str(taken["event_uuid"])

    def work_due(self, *, everything: bool = False) -> None:
        """Work what is due, in the order in which it came."""
        account, now = self._account, self._account.now_text()
        due = [event for event in account.queue if everything or event["due"] <= now]
        if due:
            account.queue = [event for event in account.queue if not everything and event["due"] > now]
        for event in due:
            self._work(event)

    def convert(self, identifier: str, payload: "Record") -> "Record":
        """A conversion at once, as by a form of the vendor's own; return the lead."""
        event = {"event_type": "CONVERSION", "payload": {**payload, "conversion_identifier": identifier}}
        return self._convert({**event, "event_uuid": str(uuid4()), "at": self._account.now_text()})

    def qualify(self, lead: "Record", kind: str, **payload: Any) -> None:
        """Opportunity, sale or loss at once, as by a person or a flow."""
        event = {"event_uuid": str(uuid4()), "event_type": kind, "at": self._account.now_text()}
        body = {"email": lead["email"], "funnel_name": "default", **payload}
        self._qualify(lead, {**event, "payload": body})

    def _work(self, event: "Record") -> None:
        if event["event_type"] == "CONVERSION":
            self._convert(event)
            return
        lead = self._account.lead(event["payload"]["email"])
        if lead is None:
            self._account.dropped.append(event)
        elif event["event_type"] in QUALIFICATIONS:
            self._qualify(lead, event)
        else:
            self._note(lead, event, event["event_type"])

    def _convert(self, event: "Record") -> "Record":
        account, payload = self._account, event["payload"]
        lead = account.lead(payload["email"]) or account.add_lead(payload["email"])
        self._take_values(lead, payload)
        lead["last_conversion"] = max(lead["last_conversion"] or "", event["at"])
        lead["updated_at"] = account.now_text()
        funnel = lead["funnel"]
        funnel["interest"] = min(funnel["interest"] + INTEREST_PER_CONVERSION, INTEREST_MOST)
        if not funnel["origin"]:
            traffic = (payload.get("traffic_medium"), payload.get("traffic_source"))
            funnel["origin"] = " | ".join(part for part in traffic if part) or "Tráfego Direto"
        self._note(lead, event, payload["conversion_identifier"])
        self._listener(account, "WEBHOOK.CONVERTED", lead, lead["events"][-1])
        return lead

    def _qualify(self, lead: "Record", event: "Record") -> None:
        kind, funnel = event["event_type"], lead["funnel"]
        funnel["opportunity"] = kind == "OPPORTUNITY"
        if kind == "SALE":
            funnel["lifecycle_stage"] = "Client"
        lead["updated_at"] = self._account.now_text()
        self._note(lead, event, "default")
        if kind == "OPPORTUNITY":
            self._listener(self._account, "WEBHOOK.MARKED_OPPORTUNITY", lead, lead["events"][-1])

    def _note(self, lead: "Record", event: "Record", identifier: str) -> None:
        lead["events"].append(
            {
                "event_uuid": event["event_uuid"],
                "event_type": event["event_type"],
                "event_family": "CDP",
                "event_identifier": identifier,
                "event_timestamp": event["at"],
                "payload": event["payload"],
            }
        )

    def _take_values(self, lead: "Record", payload: "Record") -> None:
        """What a conversion says of its lead; what does not fit a field is passed over, not refused."""
        fields = {field["api_identifier"]: field for field in self._account.fields.values()}
        for key, value in payload.items():
            if value is None or key == "email":
                continue
            if key in _COMPANY:
                lead["company"][_COMPANY[key]] = value
            elif key in STANDARD_KEYS or (key in fields and _fits(fields[key], value)):
                lead["values"][key] = value
        tags = [str(tag).lower() for tag in payload.get("tags") or ()]
        lead["tags"] = list(dict.fromkeys([*lead["tags"], *tags]))
        for base in payload.get("legal_bases") or ():
            same = (base["category"], base["type"])
            others = [one for one in lead["legal_bases"] if (one["category"], one["type"]) != same]
            lead["legal_bases"] = [*others, base]
        if payload.get("available_for_mailing") is not None:
            lead["available_for_mailing"] = payload["available_for_mailing"]


def _fits(field: "Record", value: Any) -> bool:
    kinds: dict[str, Any] = {"STRING": str, "INTEGER": int, "BOOLEAN": bool, "STRING[]": list}
    if not isinstance(value, kinds[field["data_type"]]):
        return False
    options = options_of(field)
    return not options or all(one in options for one in (value if isinstance(value, list) else [value]))
