"""The pages: contacts, a contact, imports, automations, deals, custom objects, the developer settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from babel.numbers import format_currency
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.automations import ACTIVE
from vaivem.simulators.activecampaign.contacts import SUBSCRIBED, UNSUBSCRIBED, Contacts
from vaivem.simulators.activecampaign.hooks import EVENTS, SOURCES, checked_webhook
from vaivem.simulators.activecampaign.problems import ProblemError
from vaivem.simulators.activecampaign.sales import LOST, WON, Sales
from vaivem.simulators.activecampaign.tasks import tasks_of
from vaivem.simulators.activecampaign.times import local_text
from vaivem.simulators.kit.pages import Pages, language_of, see_other
from vaivem.simulators.kit.tables import Record
from vaivem.simulators.kit.webhooks import RefusedAddressError, check_address

if TYPE_CHECKING:
    from vaivem.simulators.activecampaign.app import ActiveCampaign

ROWS_SHOWN = 100
DELIVERIES_SHOWN = 30
_BY_PERSON, _BY_CONTACT = "admin", "public"
_EDITED = ("email", "firstName", "lastName", "phone")


class Screens:
    """Every page. What is done here was done by a person of the account, source `admin`."""

    def __init__(self, simulator: ActiveCampaign, pages: Pages) -> None:
        self._simulator = simulator
        self._pages = pages
        self._contacts = Contacts(simulator.account)
        self._sales = Sales(simulator.account)

    @property
    def _account(self) -> Account:
        return self._simulator.account

    def routes(self) -> list[BaseRoute]:
        """The pages' routes; a contact's has the vendor's own address."""
        return [
            Route("/", self._list, methods=["GET"]),
            Route("/contacts", self._new, methods=["POST"]),
            Route("/app/contacts/{id}", self._contact, methods=["GET"]),
            Route("/app/contacts/{id}/{act}", self._act, methods=["POST"]),
            Route("/imports", self._imports),
            Route("/automations", self._automations),
            Route("/automations/{id}", self._change_automation, methods=["POST"]),
            Route("/deals", self._deals),
            Route("/deals/{id}/{act}", self._close_deal, methods=["POST"]),
            Route("/objects", self._objects),
            Route("/settings/developer", self._developer, methods=["GET"]),
            Route("/settings/webhooks", self._make_webhook, methods=["POST"]),
            Route("/settings/webhooks/{id}/delete", self._delete_webhook, methods=["POST"]),
        ]

    def _render(
        self, request: Request, template: str, menu: str, status: int = 200, **context: Any
    ) -> Response:
        shared = {"menu": menu, "account": self._account.name, "moment": local_text}
        return self._pages.render(request, template, http_status=status, **shared, **context)

    def _found(self, table: str, record_id: str) -> Record:
        record = self._account[table].get(record_id)
        if record is None:
            raise HTTPException(404)
        return record

    # -- contacts

    async def _list(self, request: Request) -> Response:
        return self._base(request)

    def _base(self, request: Request, problem: str = "", email: str = "") -> Response:
        text = request.query_params.get("q", "").strip().lower()
        found = [one for one in self._account["contacts"] if text in _searched(one)]
        rows = found[: -ROWS_SHOWN - 1 : -1]
        return self._render(
            request,
            "contacts.html",
            "contacts",
            422 if problem else 200,
            rows=[(one, self._tags(one)) for one in rows],
            total=len(found),
            q=text,
            problem=problem,
            email=email,
        )

    def _tags(self, contact: Record) -> list[tuple[Record, Record]]:
        links = self._account["contact_tags"].find("contact", contact["id"])
        return [(link, self._account["tags"].get(link["tag"]) or {}) for link in links]

    async def _new(self, request: Request) -> Response:
        async with request.form() as form:
            data = {key: _text(form, key) for key in _EDITED}
        try:
            contact, _written = self._contacts.create(data, _BY_PERSON)
        except ProblemError as problem:
            return self._base(request, _sentence(problem), data["email"])
        return see_other(f"/app/contacts/{contact['id']}", "contact_made")

    async def _contact(self, request: Request) -> Response:
        return self._contact_page(request, self._found("contacts", request.path_params["id"]))

    def _contact_page(self, request: Request, contact: Record, problem: str = "") -> Response:
        account, key = self._account, contact["id"]
        values = {one["field"]: one["value"] for one in account["field_values"].find("contact", key)}
        joined = {one["list"]: one["status"] for one in account["contact_lists"].find("contact", key)}
        firms = account["account_contacts"].find("contact", key)
        entries = account["contact_automations"].find("contact", key)
        notes = account["notes"].find("about", ("Subscriber", key))
        return self._render(
            request,
            "contact.html",
            "contacts",
            422 if problem else 200,
            contact=contact,
            edited=_EDITED,
            firm=account["accounts"].get(firms[0]["account"]) if firms else None,
            tags=self._tags(contact),
            fields=[
                (field, _plain(values[field["id"]])) for field in account["fields"] if values.get(field["id"])
            ],
            lists=[(one, joined.get(one["id"], "")) for one in account["lists"]],
            objects=self._objects_of(contact),
            automations=[(row, account["automations"].get(row["automation"])) for row in entries],
            choices=[one for one in account["automations"] if one["status"] == ACTIVE],
            deals=account["deals"].find("contact", key),
            stage=account["deal_stages"].get,
            money=_money(language_of(request)),
            notes=notes[::-1],
            tasks=tasks_of(account, "Subscriber", key),
            task_type=account["task_types"].get,
            user=account["users"].get,
            problem=problem,
        )

    def _objects_of(self, contact: Record) -> list[tuple[Record, Record, list[tuple[str, Any]]]]:
        found = []
        for record in self._account["records"].find("related", contact["id"]):
            schema = self._account["schemas"].get(record["schema"]) or {}
            linked = [one["id"] for one in schema.get("relationships", ()) if one["namespace"] == "contacts"]
            if any(contact["id"] in record["relationships"].get(name, ()) for name in linked):
                found.append((schema, record, _labelled(schema, record)))
        return found

    async def _act(self, request: Request) -> Response:
        contact, act = self._found("contacts", request.path_params["id"]), request.path_params["act"]
        async with request.form() as form:
            try:
                self._do(contact, act, form)
            except ProblemError as problem:
                return self._contact_page(request, contact, _sentence(problem))
        if act == "delete":
            return see_other("/", "contact_deleted")
        return see_other(f"/app/contacts/{contact['id']}", act)

    def _do(self, contact: Record, act: str, form: FormData) -> None:
        if act == "edit":
            self._contacts.change(contact, {key: _text(form, key) for key in _EDITED}, _BY_PERSON)
        elif act == "tag":
            name = _text(form, "tag")
            tag = self._contacts.tag_named(name) or self._contacts.make_tag({"tag": name})
            self._contacts.add_tag(contact["id"], tag["id"], _BY_PERSON)
        elif act == "untag":
            self._contacts.remove_tag(_text(form, "link"), _BY_PERSON)
        elif act in ("subscribe", "unsubscribe"):
            status = SUBSCRIBED if act == "subscribe" else UNSUBSCRIBED
            wish = {"contact": contact["id"], "list": _text(form, "list"), "status": status}
            # Leaving a list is what the contact does, by the link in a message.
            self._contacts.set_list(wish, _BY_PERSON if act == "subscribe" else _BY_CONTACT)
        elif act == "enrol":
            self._simulator.automations.enrol(contact["id"], _text(form, "automation"), _BY_PERSON)
        elif act == "leave":
            self._simulator.automations.leave(_text(form, "row"))
        elif act == "delete":
            self._contacts.delete(contact)
        else:
            raise HTTPException(404)

    # -- what came in bulk; automations; deals; objects

    async def _imports(self, request: Request) -> Response:
        """What the API brought in bulk: a person sees why an address was not taken, a program does not."""
        imports, total = self._simulator.imports.newest(ROWS_SHOWN), len(self._account["imports"])
        pills = {"completed": "ok", "failed": "bad", "interrupted": "bad"}
        return self._render(request, "imports.html", "imports", imports=imports, total=total, pills=pills)

    async def _automations(self, request: Request) -> Response:
        return self._automations_page(request)

    def _automations_page(self, request: Request, problem: str = "") -> Response:
        account = self._account
        inside = {
            one["id"]: len(list(account["contact_automations"].ids("automation", one["id"])))
            for one in account["automations"]
        }
        return self._render(
            request,
            "automations.html",
            "automations",
            422 if problem else 200,
            automations=list(account["automations"]),
            inside=inside,
            tags=[tag for tag in account["tags"] if tag["tagType"] == "contact"],
            active=ACTIVE,
            problem=problem,
        )

    async def _change_automation(self, request: Request) -> Response:
        """What begins it, and the address its Webhook action calls."""
        automation = self._found("automations", request.path_params["id"])
        async with request.form() as form:
            url, tag = _text(form, "webhook_url"), _text(form, "trigger_tag")
        if url:
            try:
                check_address(url)
            except RefusedAddressError:
                return self._automations_page(request, "wrong_address")
        changes = {"webhook_url": url, "trigger_tag": tag if tag in self._account["tags"] else None}
        self._account.change("automations", automation, changes)
        return see_other("/automations", "automation_changed")

    async def _deals(self, request: Request) -> Response:
        account = self._account
        columns = [
            (stage, account["deals"].find("stage", stage["id"])[: -ROWS_SHOWN - 1 : -1])
            for stage in account["deal_stages"]
        ]
        money, person = _money(language_of(request)), account["contacts"].get
        return self._render(
            request,
            "deals.html",
            "deals",
            columns=columns,
            money=money,
            person=person,
            tasks_of=lambda deal: tasks_of(account, "Deal", deal["id"]),
            task_type=account["task_types"].get,
            user=account["users"].get,
        )

    async def _close_deal(self, request: Request) -> Response:
        deal, act = self._found("deals", request.path_params["id"]), request.path_params["act"]
        statuses = {"win": WON, "lose": LOST}
        if act not in statuses:
            raise HTTPException(404)
        self._sales.change_deal(deal, {"status": statuses[act]}, _BY_PERSON)
        return see_other("/deals", f"deal_{act}")

    async def _objects(self, request: Request) -> Response:
        account = self._account
        schemas = [
            (schema, [(one, _labelled(schema, one)) for one in _newest(account, schema)])
            for schema in account["schemas"]
        ]
        plan = account.quirks.plan
        return self._render(request, "objects.html", "objects", schemas=schemas, plan=plan)

    # -- settings

    async def _developer(self, request: Request) -> Response:
        return self._developer_page(request)

    def _developer_page(
        self, request: Request, problem: str = "", form: dict[str, Any] | None = None
    ) -> Response:
        empty = {"name": "", "url": "", "events": ["update"], "sources": list(SOURCES)}
        return self._render(
            request,
            "developer.html",
            "developer",
            422 if problem else 200,
            api_url=self._simulator.base_url,
            api_token=self._simulator.credentials()["api_token"],
            hooks=list(self._account["webhooks"]),
            events=EVENTS,
            sources=SOURCES,
            deliveries=self._simulator.webhooks.list()[: -DELIVERIES_SHOWN - 1 : -1],
            problem=problem,
            form=form or empty,
        )

    async def _make_webhook(self, request: Request) -> Response:
        async with request.form() as sent:
            form: dict[str, Any] = {key: _text(sent, key) for key in ("name", "url")}
            for key in ("events", "sources"):
                form[key] = [str(one) for one in sent.getlist(key)]
        try:
            self._account.add("webhooks", checked_webhook(form))
        except ProblemError as problem:
            return self._developer_page(request, _sentence(problem), form)
        return see_other("/settings/developer", "webhook_made")

    async def _delete_webhook(self, request: Request) -> Response:
        hook = self._found("webhooks", request.path_params["id"])
        self._account["webhooks"].remove(hook["id"])
        return see_other("/settings/developer", "webhook_deleted")


def _newest(account: Account, schema: Record) -> list[Record]:
    return account["records"].find("schema", schema["id"])[: -ROWS_SHOWN - 1 : -1]


def _labelled(schema: Record, record: Record) -> list[tuple[str, Any]]:
    """A record's values under their fields' names."""
    return [
        (field["labels"]["singular"], _plain(record["values"][field["id"]]))
        for field in schema.get("fields", ())
        if record["values"].get(field["id"]) not in (None, "", [])
    ]


def _plain(value: Any) -> Any:
    """`||a||b||` and lists as people write them."""
    if isinstance(value, str) and value.startswith("||"):
        value = [one for one in value.split("||") if one]
    return ", ".join(str(one) for one in value) if isinstance(value, list) else value


def _money(locale: str) -> Callable[[Record], str]:
    return lambda deal: format_currency(int(deal["value"]) / 100, deal["currency"].upper(), locale=locale)


def _text(form: FormData, key: str) -> str:
    value = form.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def _searched(contact: Record) -> str:
    return f"{contact['email']} {contact['firstName']} {contact['lastName']}".lower()


def _sentence(problem: ProblemError) -> str:
    """The vendor's own words of a refusal."""
    body = problem.body
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        return " ".join(str(one.get("title", "")) for one in body["errors"])
    return str(body.get("message", "")) if isinstance(body, dict) else str(body)
