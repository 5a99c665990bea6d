"""The pages of the account: the board, deals, contacts, companies, the profile with its token, webhooks."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from babel.dates import format_datetime
from babel.numbers import format_currency
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.pages import Pages, language_of, see_other
from vaivem.simulators.kit.tables import Record
from vaivem.simulators.kit.webhooks import Webhooks
from vaivem.simulators.rd_station_crm.account import Account
from vaivem.simulators.rd_station_crm.board import ACTS, Board
from vaivem.simulators.rd_station_crm.custom_values import blank, definitions
from vaivem.simulators.rd_station_crm.problems import MissingError, RefusedError
from vaivem.simulators.rd_station_crm.schema import EVENT_NAMES
from vaivem.simulators.rd_station_crm.times import BRASILIA
from vaivem.simulators.rd_station_crm.v2 import sentence

ROWS_SHOWN = 100
DELIVERIES_SHOWN = 30
TABS = ("history", "contacts", "tasks")

VENDOR_PATHS = {"/deals": "/negocios", "/contacts": "/contatos", "/organizations": "/empresas"}


def _to_page(page: str) -> Callable[[Request], Awaitable[Response]]:
    """Lead the addresses of the vendor's own application to the page that shows the record."""

    async def go(request: Request) -> Response:
        return RedirectResponse(f"{page}/{request.path_params['id']}", status_code=302)

    return go


class Screens:
    """Every page but the consent page. `token` is the API v1 token of the person who looks."""

    def __init__(self, account: Account, board: Board, webhooks: Webhooks, token: str, pages: Pages) -> None:
        self._account = account
        self._board = board
        self._webhooks = webhooks
        self._token = token
        self._pages = pages

    def routes(self) -> list[BaseRoute]:
        """The pages' routes, with the vendor's own words in their addresses."""
        return [
            Route("/", self._show_board),
            Route("/negocios/{id}", self._show_deal),
            Route("/negocios/{id}/{act}", self._act, methods=["POST"]),
            Route("/contatos", self._show_contacts),
            Route("/contatos/{id}", self._show_contact),
            Route("/empresas", self._show_organizations),
            Route("/empresas/{id}", self._show_organization),
            Route("/perfil", self._show_profile, methods=["GET", "POST"]),
            Route("/integracoes/webhooks", self._show_webhooks, methods=["GET", "POST"]),
            Route("/integracoes/webhooks/{id}/{act}", self._change_webhook, methods=["POST"]),
            Route("/files/{id}", self._download),
            *(Route(f"{api}/{{id}}", _to_page(page)) for api, page in VENDOR_PATHS.items()),
        ]

    def _render(
        self, request: Request, template: str, menu: str, status: int = 200, **context: Any
    ) -> Response:
        locale = language_of(request)
        return self._pages.render(
            request,
            template,
            http_status=status,
            menu=menu,
            money=_money(locale),
            when=_when(locale),
            **context,
        )

    def _found(self, table: str, record_id: object) -> Record:
        try:
            return self._account.get(table, record_id)
        except MissingError as error:
            raise HTTPException(404, str(error)) from error

    async def _show_board(self, request: Request) -> Response:
        pipelines = sorted(self._account.tables["pipelines"], key=lambda item: item["order"])
        wanted = request.query_params.get("funil")
        chosen = self._found("pipelines", wanted) if wanted else pipelines[0]
        columns = self._board.columns(chosen["id"])
        return self._render(
            request,
            "board.html",
            "board",
            pipelines=pipelines,
            chosen=chosen,
            columns=columns,
            open_count=sum(column.count for column in columns),
            open_value=sum(column.value for column in columns),
            won=self._board.closed(chosen["id"], "won"),
            lost=self._board.closed(chosen["id"], "lost"),
            person=self._first_contact,
        )

    def _first_contact(self, deal: Record) -> str:
        contact = self._account.tables["contacts"].get(next(iter(deal["contact_ids"]), None))
        return str(contact["name"]) if contact else ""

    async def _show_deal(self, request: Request) -> Response:
        deal = self._found("deals", request.path_params["id"])
        return self._deal_page(request, deal)

    def _deal_page(self, request: Request, deal: Record, problem: str = "", status: int = 200) -> Response:
        tables, tab = self._account.tables, request.query_params.get("aba", "history")
        return self._render(
            request,
            "deal.html",
            "board",
            status,
            deal=deal,
            problem=problem,
            tab=tab if tab in TABS else "history",
            tabs=TABS,
            pipeline=tables["pipelines"].get(deal["pipeline_id"]),
            stages=self._account.stages_of(deal["pipeline_id"]),
            stage=tables["stages"].get(deal["stage_id"]),
            owner=tables["users"].get(deal["owner_id"]),
            organization=tables["organizations"].get(deal["organization_id"]),
            source=tables["sources"].get(deal["source_id"]),
            contacts=[self._account.get("contacts", contact_id) for contact_id in deal["contact_ids"]],
            tasks=tables["tasks"].find("deal_id", deal["id"]),
            lost_reasons=list(tables["lost_reasons"]),
            lost_reason=tables["lost_reasons"].get(deal["lost_reason_id"]),
            history=self._board.history(deal),
            fields=self._filled("deal", deal),
        )

    def _filled(self, entity: str, record: Record) -> list[tuple[str, str]]:
        shown = []
        for field in definitions(self._account, entity):
            value = record["custom_fields"].get(field["slug"])
            if not blank(value):
                shown.append((field["name"], ", ".join(value) if isinstance(value, list) else value))
        return shown

    async def _act(self, request: Request) -> Response:
        deal, act = self._found("deals", request.path_params["id"]), request.path_params["act"]
        if act not in ACTS:
            raise HTTPException(404)
        form = await _form(request)
        stage_id, reason = _text(form, "stage_id"), _text(form, "lost_reason_id")
        try:
            self._board.act(deal["id"], act, stage_id=stage_id, lost_reason_id=reason)
        except RefusedError as error:
            return self._deal_page(request, deal, " ".join(sentence(item) for item in error.problems), 422)
        return see_other(f"/negocios/{deal['id']}", act)

    async def _show_contacts(self, request: Request) -> Response:
        text = request.query_params.get("q", "").strip().lower()
        found = [item for item in self._account.tables["contacts"] if _mentions(item, text)]
        rows = found[: -ROWS_SHOWN - 1 : -1]
        names = self._account.tables["organizations"]
        return self._render(
            request, "contacts.html", "contacts", rows=rows, total=len(found), q=text, organization=names.get
        )

    async def _show_contact(self, request: Request) -> Response:
        contact = self._found("contacts", request.path_params["id"])
        return self._render(
            request,
            "contact.html",
            "contacts",
            contact=contact,
            organization=self._account.tables["organizations"].get(contact["organization_id"]),
            deals=self._account.tables["deals"].find("contact_id", contact["id"]),
            stage=self._account.tables["stages"].get,
            fields=self._filled("contact", contact),
        )

    async def _show_organizations(self, request: Request) -> Response:
        text = request.query_params.get("q", "").strip().lower()
        found = [item for item in self._account.tables["organizations"] if text in item["name"].lower()]
        rows, owner = found[: -ROWS_SHOWN - 1 : -1], self._account.tables["users"].get
        return self._render(
            request, "organizations.html", "organizations", rows=rows, total=len(found), q=text, owner=owner
        )

    async def _show_organization(self, request: Request) -> Response:
        organization = self._found("organizations", request.path_params["id"])
        tables, key = self._account.tables, organization["id"]
        return self._render(
            request,
            "organization.html",
            "organizations",
            organization=organization,
            owner=tables["users"].get(organization["owner_id"]),
            contacts=tables["contacts"].find("organization_id", key),
            deals=tables["deals"].find("organization_id", key),
            stage=tables["stages"].get,
            fields=self._filled("organization", organization),
        )

    async def _show_profile(self, request: Request) -> Response:
        """The token is one per person and never changes; "Gerar token" only shows it."""
        user = self._account.tables["users"].find("token", self._token)[0]
        token = self._token if request.method == "POST" else ""
        answer = self._render(
            request, "profile.html", "profile", user=user, token=token, account=self._account.name
        )
        answer.headers["cache-control"] = "no-store"
        return answer

    async def _show_webhooks(self, request: Request) -> Response:
        form: FormData | Mapping[str, Any] = {}
        problem = ""
        if request.method == "POST":
            form = await _form(request)
            try:
                self._account.create("webhooks", _webhook_of(form))
            except RefusedError as error:
                problem = " ".join(sentence(item) for item in error.problems)
            else:
                return see_other("/integracoes/webhooks", "webhook_created")
        deliveries = self._webhooks.list()[: -DELIVERIES_SHOWN - 1 : -1]
        return self._render(
            request,
            "webhooks.html",
            "webhooks",
            422 if problem else 200,
            webhooks=list(self._account.tables["webhooks"]),
            deliveries=deliveries,
            events=EVENT_NAMES,
            form={key: _text(form, key) for key in ("name", "url", "event_name", "auth_header")},
            problem=problem,
        )

    async def _change_webhook(self, request: Request) -> Response:
        webhook, act = self._found("webhooks", request.path_params["id"]), request.path_params["act"]
        if act == "delete":
            self._account.delete("webhooks", webhook["id"])
        elif act == "activate":
            self._account.update("webhooks", webhook["id"], {"status": "active"})
        else:
            raise HTTPException(404)
        return see_other("/integracoes/webhooks", f"webhook_{act}")

    async def _download(self, request: Request) -> Response:
        file = self._found("files", request.path_params["id"])
        content = base64.b64decode(file["_content"])
        # Never shown in place: an uploaded page must not run under this address.
        headers = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}
        return Response(content, media_type="application/octet-stream", headers=headers)


async def _form(request: Request) -> FormData:
    async with request.form() as form:
        return form


def _text(form: FormData | Mapping[str, Any], key: str) -> str:
    value = form.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def _webhook_of(form: FormData) -> dict[str, Any]:
    """What the form asks for, without the header's pair when it was left empty."""
    keys = ("name", "url", "event_name", "auth_header", "auth_key")
    return {key: text for key in keys if (text := _text(form, key))}


def _mentions(contact: Record, text: str) -> bool:
    return text in contact["name"].lower() or any(text in item["email"].lower() for item in contact["emails"])


def _money(locale: str) -> Callable[[float], str]:
    return lambda value: format_currency(value, "BRL", locale=locale)


def _when(locale: str) -> Callable[[str | None], str]:
    def write(stored: str | None) -> str:
        if stored is None:
            return ""
        moment = datetime.fromisoformat(stored).astimezone(BRASILIA)
        return format_datetime(moment, "short", tzinfo=BRASILIA, locale=locale)

    return write
