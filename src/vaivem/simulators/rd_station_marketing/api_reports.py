"""E-mails, landing pages and the figures of both: what the vendor's library asks for beside leads.

The shapes are those of the vendor's own library (rdstation-ruby-client, its specifications). The account of
the demo has sent no e-mail.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from vaivem.simulators.rd_station_marketing.account import Account, Record
from vaivem.simulators.rd_station_marketing.api import Call, Gate, Result
from vaivem.simulators.rd_station_marketing.paging import page_of
from vaivem.simulators.rd_station_marketing.problems import flat, not_found
from vaivem.simulators.rd_station_marketing.times import BRASILIA, brasilia_text

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.app import RdStationMarketing

ACCOUNT_NUMBERS = {"main": 3_127_001, "second": 3_127_002}


class ReportCalls:
    """The handlers of what marketing looks at."""

    def __init__(self, simulator: RdStationMarketing) -> None:
        self._simulator = simulator

    def routes(self, gate: Gate) -> list[BaseRoute]:
        return [
            *gate.route("/platform/emails", GET=self.emails),
            *gate.route("/platform/emails/{id}", GET=self.email),
            *gate.route("/platform/landing_pages", GET=self.landing_pages),
            *gate.route("/platform/analytics/emails", GET=self.email_figures),
            *gate.route("/platform/analytics/conversions", GET=self.conversion_figures),
        ]

    def emails(self, call: Call) -> Result:
        return 200, {"items": [], "total": 0}

    def email(self, call: Call) -> Result:
        raise not_found("Email")

    def landing_pages(self, call: Call) -> Result:
        page, headers = page_of(call.query, list(enumerate(call.account.forms, 1)))
        return 200, [_landing_page(number, form, call.account) for number, form in page], headers

    def email_figures(self, call: Call) -> Result:
        return 200, {**_asked(call), "emails": []}

    def conversion_figures(self, call: Call) -> Result:
        """Conversions per form in the asked days. How many people only looked is not known here."""
        asked = _asked(call)
        first, last = (asked["query_date"][key] for key in ("start_date", "end_date"))
        rows = []
        for number, form in enumerate(call.account.forms, 1):
            count = _conversions(call.account, form["identifier"], first, last)
            page = _landing_page(number, form, call.account)
            rows.append(
                {
                    "asset_id": number,
                    "asset_identifier": form["identifier"],
                    "asset_type": "LandingPage",
                    "asset_created_at": page["created_at"],
                    "asset_updated_at": page["updated_at"],
                    "visits_count": count,
                    "conversions_count": count,
                    "conversion_rate": 100.0 if count else 0.0,
                }
            )
        return 200, {**asked, "assets_type": "[LandingPage]", "conversions": rows}


def _asked(call: Call) -> Record:
    """The account and the days asked about; 400 for a date that is none."""
    today = call.account.now().astimezone(BRASILIA).date().isoformat()
    days = {key: call.query.get(key) or today for key in ("start_date", "end_date")}
    for key, text in days.items():
        try:
            date.fromisoformat(text)
        except ValueError:
            raise flat("BAD_REQUEST", f"{key} must be a date (yyyy-mm-dd).") from None
    return {"account_id": ACCOUNT_NUMBERS[call.account.key], "query_date": days}


def _conversions(account: Account, identifier: str, first: str, last: str) -> int:
    return sum(
        event["event_type"] == "CONVERSION"
        and event["event_identifier"] == identifier
        and first <= brasilia_text(event["event_timestamp"])[:10] <= last
        for lead in account.leads.values()
        for event in lead["events"]
    )


def _landing_page(number: int, form: Record, account: Account) -> Record:
    begun = min((lead["created_at"] for lead in account.leads.values()), default=account.now_text())
    return {
        "id": number,
        "title": form["headline"],
        "created_at": brasilia_text(begun),
        "updated_at": brasilia_text(begun),
        "conversion_identifier": form["identifier"],
        "status": "PUBLISHED",
        "has_active_experiment": False,
        "had_experiment": False,
    }
