"""The pages of the account: the board, deals, persons and organizations."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from babel.dates import format_datetime
from babel.numbers import format_currency
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.pages import Pages, language_of, see_other
from vaivem.simulators.pipedrive.board import ACTS
from vaivem.simulators.pipedrive.custom_fields import definitions, text_of
from vaivem.simulators.pipedrive.problems import ApiError, MissingError
from vaivem.simulators.pipedrive.schema import Record
from vaivem.simulators.pipedrive.settings_screens import SettingsScreens
from vaivem.simulators.pipedrive.times import ZONE

if TYPE_CHECKING:
    from vaivem.simulators.pipedrive.app import Pipedrive

ROWS_SHOWN = 100
_TAG = re.compile(r"<[^>]*>")


class Screens:
    """Every page but consent and settings."""

    def __init__(self, simulator: Pipedrive, pages: Pages) -> None:
        self._account = simulator.account
        self._board = simulator.board
        self._pages = pages
        self._settings = SettingsScreens(simulator, self.render)

    def routes(self) -> list[BaseRoute]:
        """The pages' routes, under the addresses that the vendor's own application has."""
        return [
            Route("/", self._show_board),
            Route("/pipeline/{id:int}", self._show_board),
            Route("/deals/new", self._new_deal, methods=["POST"]),
            Route("/deal/{id:int}", self._show_deal),
            Route("/deal/{id:int}/note", self._add_note, methods=["POST"]),
            Route("/deal/{id:int}/{act}", self._act, methods=["POST"]),
            Route("/persons", self._show_persons, methods=["GET", "POST"]),
            Route("/person/{id:int}", self._show_person, methods=["GET", "POST"]),
            Route("/person/{id:int}/delete", self._deleter("persons"), methods=["POST"]),
            Route("/organizations", self._show_organizations, methods=["GET", "POST"]),
            Route("/organization/{id:int}", self._show_organization, methods=["GET", "POST"]),
            Route("/organization/{id:int}/delete", self._deleter("organizations"), methods=["POST"]),
            *self._settings.routes(),
        ]

    def render(
        self, request: Request, template: str, menu: str, status: int = 200, **context: Any
    ) -> Response:
        """Answer a page with what all of them need."""
        locale = language_of(request)
        return self._pages.render(
            request,
            template,
            http_status=status,
            menu=menu,
            money=_money(locale),
            moment=_moment(locale),
            plain=lambda text: _TAG.sub("", text),
            **context,
        )

    def _found(self, table: str, record_id: object) -> Record:
        try:
            return self._account.get(table, record_id)
        except MissingError as error:
            raise HTTPException(404, str(error)) from error

    async def _show_board(self, request: Request) -> Response:
        return self._board_page(request)

    def _board_page(self, request: Request, problem: str = "", status: int = 200) -> Response:
        pipelines = sorted(self._account.rows("pipelines"), key=lambda item: item["order_nr"])
        wanted = request.path_params.get("id")
        chosen = self._found("pipelines", wanted) if wanted else pipelines[0]
        columns = self._board.columns(chosen["id"])
        return self.render(
            request,
            "board.html",
            "board",
            status,
            problem=problem,
            pipelines=pipelines,
            chosen=chosen,
            columns=columns,
            open_count=sum(column.count for column in columns),
            open_value=sum(column.value for column in columns),
            won=self._board.closed(chosen["id"], "won"),
            lost=self._board.closed(chosen["id"], "lost"),
            person=self._account.tables["persons"].get,
            organization=self._account.tables["organizations"].get,
            persons=self._account.rows("persons"),
        )

    async def _new_deal(self, request: Request) -> Response:
        form = await _form(request)
        person = self._account.tables["persons"].get(_number(form, "person_id"))
        sent: Record = {"title": _text(form, "title"), "value": _amount(form)}
        if person is not None:
            sent |= {"person_id": person["id"], "org_id": person["org_id"]}
        if _number(form, "stage_id"):
            sent["stage_id"] = _number(form, "stage_id")
        try:
            deal = self._account.create("deals", sent, self._board.actor, origin="ManuallyCreated")
        except ApiError as error:
            return self._board_page(request, error.error, 422)
        return see_other(f"/deal/{deal['id']}", "created")

    async def _show_deal(self, request: Request) -> Response:
        return self._deal_page(request, self._found("deals", request.path_params["id"]))

    def _deal_page(self, request: Request, deal: Record, problem: str = "", status: int = 200) -> Response:
        tables = self._account.tables
        return self.render(
            request,
            "deal.html",
            "board",
            status,
            deal=deal,
            problem=problem,
            pipeline=tables["pipelines"].get(deal["pipeline_id"]),
            stages=self._account.stages_of(deal["pipeline_id"]),
            stage=tables["stages"].get(deal["stage_id"]),
            owner=tables["users"].get(deal["owner_id"]),
            person=tables["persons"].get(deal["person_id"]),
            organization=tables["organizations"].get(deal["org_id"]),
            activities=[row for row in self._account.rows("activities") if row["deal_id"] == deal["id"]],
            products=[row for row in self._account.rows("deal_products") if row["deal_id"] == deal["id"]],
            lost_reasons=self._account.lost_reasons,
            history=self._board.history(deal),
            fields=self._filled("deal", deal),
        )

    def _filled(self, entity: str, record: Record) -> list[tuple[str, str]]:
        values = record["custom_fields"]
        shown = [
            (f["field_name"], text_of(f, values.get(f["field_code"])))
            for f in definitions(self._account, entity)
        ]
        return [(name, text) for name, text in shown if text]

    async def _act(self, request: Request) -> Response:
        deal, act = self._found("deals", request.path_params["id"]), request.path_params["act"]
        if act not in ACTS:
            raise HTTPException(404)
        form = await _form(request)
        try:
            self._board.act(
                deal["id"],
                act,
                stage_id=_number(form, "stage_id"),
                reason=_text(form, "reason"),
                value=_amount(form),
            )
        except ApiError as error:
            return self._deal_page(request, deal, error.error, 422)
        if act == "delete":
            return see_other(f"/pipeline/{deal['pipeline_id']}", act)
        return see_other(f"/deal/{deal['id']}", act)

    async def _add_note(self, request: Request) -> Response:
        deal, form = self._found("deals", request.path_params["id"]), await _form(request)
        try:
            note = {"content": _text(form, "content"), "deal_id": deal["id"]}
            self._account.create("notes", note, self._board.actor)
        except ApiError as error:
            return self._deal_page(request, deal, error.error, 422)
        return see_other(f"/deal/{deal['id']}", "note")

    async def _show_persons(self, request: Request) -> Response:
        problem, form = "", await _form(request) if request.method == "POST" else FormData()
        if request.method == "POST":
            try:
                person = self._account.create("persons", _person(form), self._board.actor)
            except ApiError as error:
                problem = error.error
            else:
                return see_other(f"/person/{person['id']}", "created")
        text = request.query_params.get("q", "").strip().lower()
        found = [item for item in self._account.rows("persons") if _mentions(item, text)]
        rows, names = found[: -ROWS_SHOWN - 1 : -1], self._account.tables["organizations"].get
        context = {"rows": rows, "total": len(found), "q": text, "organization": names, "problem": problem}
        return self.render(request, "persons.html", "persons", 422 if problem else 200, form=form, **context)

    async def _show_person(self, request: Request) -> Response:
        person, problem = self._found("persons", request.path_params["id"]), ""
        if request.method == "POST":
            try:
                sent = _person(await _form(request), person)
                self._account.update("persons", person["id"], sent, self._board.actor)
            except ApiError as error:
                problem = error.error
            else:
                return see_other(f"/person/{person['id']}", "saved")
        tables = self._account.tables
        return self.render(
            request,
            "person.html",
            "persons",
            422 if problem else 200,
            problem=problem,
            person=person,
            owner=tables["users"].get(person["owner_id"]),
            organization=tables["organizations"].get(person["org_id"]),
            organizations=self._account.rows("organizations"),
            deals=[deal for deal in self._account.rows("deals") if deal["person_id"] == person["id"]],
            notes=[note for note in self._account.rows("notes") if note["person_id"] == person["id"]],
            stage=tables["stages"].get,
            fields=self._filled("person", person),
        )

    async def _show_organizations(self, request: Request) -> Response:
        problem, form = "", await _form(request) if request.method == "POST" else FormData()
        if request.method == "POST":
            try:
                made = self._account.create("organizations", {"name": _text(form, "name")}, self._board.actor)
            except ApiError as error:
                problem = error.error
            else:
                return see_other(f"/organization/{made['id']}", "created")
        text = request.query_params.get("q", "").strip().lower()
        found = [item for item in self._account.rows("organizations") if text in item["name"].lower()]
        rows, owner = found[: -ROWS_SHOWN - 1 : -1], self._account.tables["users"].get
        context = {"rows": rows, "total": len(found), "q": text, "owner": owner, "problem": problem}
        return self.render(request, "organizations.html", "organizations", 422 if problem else 200, **context)

    async def _show_organization(self, request: Request) -> Response:
        organization, problem = self._found("organizations", request.path_params["id"]), ""
        if request.method == "POST":
            form = await _form(request)
            address = _text(form, "address")
            sent: Record = {"name": _text(form, "name"), "address": {"value": address} if address else None}
            try:
                self._account.update("organizations", organization["id"], sent, self._board.actor)
            except ApiError as error:
                problem = error.error
            else:
                return see_other(f"/organization/{organization['id']}", "saved")
        tables, key = self._account.tables, organization["id"]
        return self.render(
            request,
            "organization.html",
            "organizations",
            422 if problem else 200,
            problem=problem,
            organization=organization,
            owner=tables["users"].get(organization["owner_id"]),
            persons=[person for person in self._account.rows("persons") if person["org_id"] == key],
            deals=[deal for deal in self._account.rows("deals") if deal["org_id"] == key],
            stage=tables["stages"].get,
            fields=self._filled("organization", organization),
        )

    def _deleter(self, table: str) -> Callable[[Request], Awaitable[Response]]:
        async def delete(request: Request) -> Response:
            record = self._found(table, request.path_params["id"])
            self._account.delete(table, record["id"], self._board.actor)
            return see_other(f"/{table}", "delete")

        return delete


async def _form(request: Request) -> FormData:
    async with request.form() as form:
        return form


def _text(form: FormData, key: str) -> str:
    value = form.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def _number(form: FormData, key: str) -> int:
    text = _text(form, key)
    return int(text) if text.isdigit() else 0


def _amount(form: FormData) -> float:
    try:
        return float(_text(form, "value").replace(",", ".") or 0)
    except ValueError:
        return 0.0


def _person(form: FormData, before: Record | None = None) -> Record:
    """What the form asks for; the other addresses of a person stay."""
    sent: Record = {"name": _text(form, "name")}
    for key in ("email", "phone"):
        others = [item for item in (before[f"{key}s"] if before else ()) if not item["primary"]]
        first = [{"value": _text(form, key), "primary": True}] if _text(form, key) else []
        sent[f"{key}s"] = [*first, *others]
    if before is not None:
        sent["org_id"] = _number(form, "org_id") or None
    return sent


def _mentions(person: Record, text: str) -> bool:
    return text in person["name"].lower() or any(text in item["value"].lower() for item in person["emails"])


def _money(locale: str) -> Callable[..., str]:
    return lambda value, currency="BRL": format_currency(value, currency, locale=locale)


def _moment(locale: str) -> Callable[[str | None], str]:
    def write(stored: str | None) -> str:
        if not stored:
            return ""
        at = datetime.fromisoformat(stored).astimezone(ZONE)
        return format_datetime(at, "short", tzinfo=ZONE, locale=locale)

    return write
