"""What tests and the demo may ask and do beside the vendor's API, under `/_control`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.kit.control import control_object
from vaivem.simulators.rd_station_marketing.access import App
from vaivem.simulators.rd_station_marketing.account import Account, Record
from vaivem.simulators.rd_station_marketing.fields import is_email
from vaivem.simulators.rd_station_marketing.leads import find
from vaivem.simulators.rd_station_marketing.problems import ProblemError
from vaivem.simulators.rd_station_marketing.quotas import PLANS

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.app import RdStationMarketing

ACTS = {"opportunity": "OPPORTUNITY", "sale": "SALE", "lost": "OPPORTUNITY_LOST"}


class Controls:
    """Counting, looking, a person's acts, and the switches of what the vendor leaves open."""

    def __init__(self, simulator: RdStationMarketing) -> None:
        self._simulator = simulator

    @property
    def _account(self) -> Account:
        return self._simulator.account

    def routes(self) -> list[BaseRoute]:
        """The routes beside the kit's own."""
        return [
            Route("/counts", self._counts),
            Route("/leads", self._leads),
            Route("/convert", self._convert, methods=["POST"]),
            Route("/leads/{key}/{act}", self._act, methods=["POST"]),
            Route("/duplicates", self._duplicates),
            Route("/dropped", self._dropped),
            Route("/probes", self._probes),
            Route("/settle", self._settle, methods=["POST"]),
            Route("/quirks", self._quirks, methods=["GET", "POST"]),
            Route("/plan", self._plan, methods=["GET", "POST"]),
            Route("/apps", self._apps, methods=["POST"]),
            Route("/revoke", self._revoke, methods=["POST"]),
        ]

    async def _counts(self, _request: Request) -> Response:
        kinds: dict[str, int] = {}
        for lead in self._account.leads.values():
            for event in lead["events"]:
                kinds[event["event_type"]] = kinds.get(event["event_type"], 0) + 1
        counts: dict[str, Any] = {"leads": len(self._account.leads), "events": kinds}
        waiting = {"queued": len(self._account.queue), "dropped": len(self._account.dropped)}
        return json_answer({**counts, **waiting, "webhooks": len(self._account.webhooks)})

    async def _leads(self, request: Request) -> Response:
        """All leads whole, with their timeline; `?email=` for one."""
        email = request.query_params.get("email")
        leads = self._account.leads.values()
        return json_answer([lead for lead in leads if email is None or lead["email"] == email.lower()])

    async def _convert(self, request: Request) -> Response:
        """`{"identifier", "email", …}`: a person fills a form in; the lead is there at once."""
        body = await control_object(request)
        identifier = body.pop("identifier", None)
        if not isinstance(identifier, str) or not is_email(body.get("email")):
            raise HTTPException(400, "identifier is a text and email an e-mail address")
        return json_answer(self._simulator.happening.convert(identifier, body))

    async def _act(self, request: Request) -> Response:
        """opportunity, sale (`value`) or lost (`reason`) of `uuid:…` or `email:…`, as by a person."""
        body, act = await control_object(request), request.path_params["act"]
        if act not in ACTS:
            raise HTTPException(400, f"an act is one of {', '.join(ACTS)}")
        lead = self._lead(request.path_params["key"])
        self._simulator.happening.qualify(lead, ACTS[act], **body)
        return json_answer(lead)

    def _lead(self, key: str) -> Record:
        try:
            lead = find(self._account, key)
        except ProblemError as error:
            raise HTTPException(404, "no such lead") from error
        if lead is None:
            raise HTTPException(404, "no such lead")
        return lead

    async def _duplicates(self, _request: Request) -> Response:
        """What looks like one thing done twice: equal conversions, sales and losses of one lead."""
        seen: dict[tuple[str, str, str], list[str]] = {}
        for lead in self._account.leads.values():
            for event in lead["events"]:
                said = {key: value for key, value in event["payload"].items() if key != "email"}
                key = (lead["email"], event["event_type"], repr(sorted(said.items())))
                seen.setdefault(key, []).append(event["event_uuid"])
        return json_answer(
            [
                {"email": email, "event_type": kind, "events": uuids}
                for (email, kind, _), uuids in seen.items()
                if len(uuids) > 1
            ]
        )

    async def _dropped(self, _request: Request) -> Response:
        """The events that were accepted and came to nothing, because their lead was not there."""
        return json_answer(self._account.dropped)

    async def _probes(self, _request: Request) -> Response:
        """The calls to new webhook addresses."""
        return json_answer(self._simulator.probes)

    async def _settle(self, _request: Request) -> Response:
        """Work everything that was accepted, now."""
        for happening in self._simulator.happenings.values():
            happening.work_due(everything=True)
        return json_answer({"queued": 0})

    async def _quirks(self, request: Request) -> Response:
        quirks = self._simulator.quirks
        if request.method == "POST":
            values = await control_object(request)
            try:
                quirks.change(values)
            except ValueError as error:
                raise HTTPException(400, str(error)) from error
        return json_answer(asdict(quirks))

    async def _plan(self, request: Request) -> Response:
        limits = self._simulator.areas
        if request.method == "POST":
            try:
                limits.set_plan(str((await control_object(request)).get("plan")))
            except ValueError as error:
                raise HTTPException(400, str(error)) from error
        return json_answer({"plan": limits.plan, "plans": PLANS})

    async def _apps(self, request: Request) -> Response:
        """Register an app (`name`, `client_id`, `client_secret`, `redirect_uris`), or one of that id anew."""
        body = await control_object(request)
        texts: Record = {key: body.get(key) for key in ("name", "client_id", "client_secret")}
        uris = body.get("redirect_uris", [])
        if not all(isinstance(text, str) and text for text in texts.values()) or not isinstance(uris, list):
            raise HTTPException(400, "name, client_id and client_secret are texts, redirect_uris is a list")
        app = App(**texts, redirect_uris=tuple(str(uri) for uri in uris))
        return json_answer(asdict(self._simulator.access.register(app)))

    async def _revoke(self, _request: Request) -> Response:
        """End every code and token, as a person does who removes the app from the account."""
        self._simulator.access.revoke_all()
        return json_answer({"revoked": True})
