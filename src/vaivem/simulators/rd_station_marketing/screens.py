"""The pages about people: the base of leads, a lead with its timeline, the forms in which they convert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from babel.numbers import format_currency
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.pages import Pages, language_of, see_other
from vaivem.simulators.rd_station_marketing.account import Account, Record
from vaivem.simulators.rd_station_marketing.fields import empty, is_email, options_of
from vaivem.simulators.rd_station_marketing.happenings import Happenings
from vaivem.simulators.rd_station_marketing.leads import STAGES
from vaivem.simulators.rd_station_marketing.times import brasilia_text

if TYPE_CHECKING:
    from vaivem.simulators.rd_station_marketing.app import RdStationMarketing

ROWS_SHOWN = 100
EVENTS_SHOWN = 100
_EDITED = ("name", "job_title", "mobile_phone", "personal_phone", "city")
_COMPANY_NAME = "company_name"


class Screens:
    """`/`, `/leads/…` and `/paginas/…`."""

    def __init__(self, simulator: RdStationMarketing, pages: Pages) -> None:
        self._simulator = simulator
        self._pages = pages

    @property
    def _account(self) -> Account:
        return self._simulator.account

    @property
    def _happening(self) -> Happenings:
        return self._simulator.happening

    def routes(self) -> list[BaseRoute]:
        """The pages' routes."""
        return [
            Route("/", self._leads, methods=["GET"]),
            Route("/leads", self._new_lead, methods=["POST"]),
            Route("/leads/public/{uuid}", self._public),
            Route("/leads/{uuid}", self._lead, methods=["GET"]),
            Route("/leads/{uuid}/{act}", self._act, methods=["POST"]),
            Route("/paginas", self._forms),
            Route("/paginas/{slug}", self._form, methods=["GET", "POST"]),
        ]

    def _render(self, request: Request, template: str, status: int = 200, **context: Any) -> Response:
        locale = language_of(request)

        def money(value: float) -> str:
            return format_currency(value, "BRL", locale=locale)

        account = {"account": self._account.name, "money": money, "moment": brasilia_text}
        return self._pages.render(request, template, http_status=status, **account, **context)

    async def _leads(self, request: Request) -> Response:
        return self._base(request)

    def _base(self, request: Request, problem: str = "", email: str = "") -> Response:
        text = request.query_params.get("q", "").strip().lower()
        found = [lead for lead in self._account.newest_leads() if _mentions(lead, text)]
        found.sort(key=lambda lead: lead["last_conversion"] or lead["created_at"], reverse=True)
        return self._render(
            request,
            "leads.html",
            422 if problem else 200,
            menu="leads",
            rows=[_view(lead) for lead in found[:ROWS_SHOWN]],
            total=len(found),
            q=text,
            problem=problem,
            email=email,
        )

    async def _new_lead(self, request: Request) -> Response:
        """A lead made by hand: no conversion, and nothing is sent."""
        async with request.form() as form:
            email, name = _text(form, "email"), _text(form, "name")
        if not is_email(email):
            return self._base(request, "wrong_email", email)
        if self._account.lead(email) is not None:
            return self._base(request, "email_taken", email)
        lead = self._account.add_lead(email)
        lead["values"]["name"] = name
        return see_other(f"/leads/{lead['uuid']}", "lead_made")

    async def _public(self, request: Request) -> Response:
        """The address of a lead in the vendor's own application."""
        return RedirectResponse(f"/leads/{self._found(request)['uuid']}", status_code=302)

    async def _lead(self, request: Request) -> Response:
        return self._lead_page(request, self._found(request))

    def _lead_page(self, request: Request, lead: Record, problem: str = "") -> Response:
        values = lead["values"]
        owner = self._account.user(lead["funnel"]["contact_owner_email"] or "")
        custom = [
            (field["label"]["pt-BR"], _shown(values[field["api_identifier"]]))
            for field in self._account.fields.values()
            if field["custom_field"] and not empty(values.get(field["api_identifier"]))
        ]
        return self._render(
            request,
            "lead.html",
            422 if problem else 200,
            menu="leads",
            lead=_view(lead),
            values=_Filled(values),
            owner=owner,
            custom=custom,
            edited=_EDITED,
            users=self._account.users,
            stages=STAGES,
            events=lead["events"][: -EVENTS_SHOWN - 1 : -1],
            problem=problem,
        )

    async def _act(self, request: Request) -> Response:
        lead, act = self._found(request), request.path_params["act"]
        async with request.form() as form:
            if act == "delete":
                self._account.remove_lead(lead)
                return see_other("/", "lead_deleted")
            problem = self._done(lead, act, form)
        if problem:
            return self._lead_page(request, lead, problem)
        return see_other(f"/leads/{lead['uuid']}", act)

    def _done(self, lead: Record, act: str, form: FormData) -> str:
        """Do what a person asked for; return the text key of what is wrong, "" when it is done."""
        if act == "edit":
            return self._edit(lead, form)
        if act == "lost":
            reason = _text(form, "reason")
            self._happening.qualify(lead, "OPPORTUNITY_LOST", **({"reason": reason} if reason else {}))
            return ""
        if act not in ("opportunity", "sale"):
            raise HTTPException(404)
        try:
            value = _amount(_text(form, "value"))
        except ValueError:
            return "wrong_value"
        kind = "OPPORTUNITY" if act == "opportunity" else "SALE"
        self._happening.qualify(lead, kind, **({} if value is None else {"value": value}))
        return ""

    def _edit(self, lead: Record, form: FormData) -> str:
        """By hand: fires nothing, also with another stage."""
        email = _text(form, "email").lower()
        if not is_email(email):
            return "wrong_email"
        other = self._account.lead(email)
        if other is not None and other is not lead:
            return "email_taken"
        self._account.change_email(lead, email)
        for key in _EDITED:
            lead["values"][key] = _text(form, key)
        lead["company"]["name"] = _text(form, _COMPANY_NAME)
        owner, stage = _text(form, "owner"), _text(form, "stage")
        lead["funnel"]["contact_owner_email"] = owner if self._account.user(owner) else None
        if stage in STAGES:
            lead["funnel"]["lifecycle_stage"] = stage
        lead["updated_at"] = self._account.now_text()
        return ""

    def _found(self, request: Request) -> Record:
        lead = self._account.leads.get(request.path_params["uuid"])
        if lead is None:
            raise HTTPException(404)
        return lead

    async def _forms(self, request: Request) -> Response:
        counts: dict[str, int] = {}
        for lead in self._account.leads.values():
            for event in lead["events"]:
                key = event["event_identifier"]
                counts[key] = counts.get(key, 0) + (event["event_type"] == "CONVERSION")
        return self._render(request, "forms.html", menu="forms", forms=self._account.forms, counts=counts)

    async def _form(self, request: Request) -> Response:
        """What the landing page's visitor sees; sent, it is a conversion at once."""
        form = next((one for one in self._account.forms if one["slug"] == request.path_params["slug"]), None)
        if form is None:
            raise HTTPException(404)
        given: dict[str, Any] = {}
        problem = ""
        if request.method == "POST":
            async with request.form() as sent:
                given = self._given(form, sent)
            if is_email(given.get("email")):
                self._happening.convert(form["identifier"], {**given, "tags": form["tags"]})
                return see_other(request.url.path, "converted")
            problem = "wrong_email"
        inputs = [self._input(key) for key in form["fields"]]
        status = 422 if problem else 200
        return self._render(
            request, "form.html", status, form=form, inputs=inputs, given=given, problem=problem
        )

    def _input(self, key: str) -> Record:
        field = self._account.field_by_key(key)
        if field is None:
            return {"key": key, "label": None, "kind": "text", "options": []}
        kinds = {"EMAIL_INPUT": "email", "PHONE_INPUT": "tel", "NUMBER_INPUT": "number"}
        kind = kinds.get(field["presentation_type"], "text")
        return {"key": key, "label": field["label"]["pt-BR"], "kind": kind, "options": options_of(field)}

    def _given(self, form: Record, sent: FormData) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for key in form["fields"]:
            text, field = _text(sent, key), self._account.field_by_key(key)
            if not text:
                continue
            number = field is not None and field["data_type"] == "INTEGER"
            given[key] = int(text) if number and text.lstrip("-").isdigit() else text
        return given


class _Filled(dict[str, Any]):
    """What a template may ask for any key; what is not there is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def _view(lead: Record) -> Record:
    return {**lead, "values": _Filled(lead["values"]), "company": _Filled(lead["company"])}


def _text(form: FormData, key: str) -> str:
    value = form.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def _amount(text: str) -> float | None:
    """`1.234,56`, `1234.56` or nothing. ValueError for anything else."""
    if not text:
        return None
    plain = text.replace(".", "").replace(",", ".") if "," in text else text
    value = float(plain)
    if not 0 <= value < 1e12:
        raise ValueError(text)
    return int(value) if value == int(value) else value


def _shown(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _mentions(lead: Record, text: str) -> bool:
    return not text or text in lead["email"] or text in (lead["values"].get("name") or "").lower()
