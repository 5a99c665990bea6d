"""API v2: `{"data": ...}` in and out, records by reference, OAuth bearer tokens."""

import base64
from collections.abc import Awaitable, Callable
from math import ceil
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.kit.answers import MalformedBodyError, json_answer, read_object
from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.access import Access
from vaivem.simulators.rd_station_crm.account import Account
from vaivem.simulators.rd_station_crm.custom_values import definitions
from vaivem.simulators.rd_station_crm.lists import links, select
from vaivem.simulators.rd_station_crm.problems import MissingError, Problem, RefusedError
from vaivem.simulators.rd_station_crm.rdql import RdqlError
from vaivem.simulators.rd_station_crm.schema import ENTITIES
from vaivem.simulators.rd_station_crm.visibility import get_visible, visible_only

Handler = Callable[[Request, Record], Awaitable[Response]]

PREFIX = "/crm/v2"
MAX_FILE_BYTES = 10 * 1024 * 1024
_READ = ("list", "get")
_WRITE = ("list", "get", "create", "update")
_RESOURCES: dict[str, tuple[str, ...]] = {
    "contacts": _WRITE,
    "organizations": _WRITE,
    "deals": _WRITE,
    "tasks": _WRITE,
    "pipelines": _WRITE,
    "sources": _WRITE,
    "campaigns": _WRITE,
    "lost_reasons": _WRITE,
    "segments": _WRITE,
    "products": _WRITE,
    "custom_fields": (*_WRITE, "delete"),
    "webhooks": (*_WRITE, "delete"),
    "users": _READ,
    "teams": _READ,
}
_TIMELESS = frozenset({"notes", "teams", "files"})


class MalformedRequestError(ValueError):
    """The body is not what API v2 reads."""


class ApiV2:
    """The routes of API v2 over one account. `base_url` gives the address that links begin with."""

    def __init__(self, account: Account, access: Access, base_url: Callable[[], str]) -> None:
        self._account = account
        self._access = access
        self._base_url = base_url

    def routes(self) -> list[BaseRoute]:
        """Every call of the documented table."""
        routes: list[BaseRoute] = []
        for table, verbs in _RESOURCES.items():
            routes += self._resource(table, verbs)
        stages, nested = "/pipelines/{parent_id}/stages", "/deals/{parent_id}"
        return [
            *routes,
            self._route(stages, GET=self._children("stages", "pipelines"), POST=self._add_stage),
            self._route(f"{stages}/{{id}}", GET=self._get_stage, PUT=self._update_stage),
            self._route(f"{nested}/products", GET=self._children("deal_products"), POST=self._add_product),
            self._route(
                f"{nested}/products/{{id}}",
                PUT=self._update_product,
                DELETE=self._delete_child("deal_products"),
            ),
            self._route(f"{nested}/notes", GET=self._children("notes"), POST=self._add_note),
            self._route(f"{nested}/files", GET=self._children("files"), POST=self._add_file),
            self._route(f"{nested}/files/{{id}}", DELETE=self._delete_child("files")),
        ]

    def _resource(self, table: str, verbs: tuple[str, ...]) -> list[BaseRoute]:
        whole: dict[str, Handler] = {"GET": self._lister(table)}
        single: dict[str, Handler] = {"GET": self._getter(table)}
        if "create" in verbs:
            whole["POST"] = self._creator(table)
        if "update" in verbs:
            single["PUT"] = self._updater(table)
        if "delete" in verbs:
            single["DELETE"] = self._deleter(table)
        return [self._route(f"/{table}", **whole), self._route(f"/{table}/{{id}}", **single)]

    def _route(self, path: str, **handlers: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            user = self._access.user_of_v2(request.headers.get("authorization"))
            if user is None:
                return unauthorized(request)
            # HEAD is let in by the router wherever GET is.
            handler = handlers["GET" if request.method == "HEAD" else request.method]
            try:
                return await handler(request, user)
            except RefusedError as error:
                return self._refused(error)
            except MissingError as error:
                return problem(404, str(error))
            except (RdqlError, MalformedBodyError, MalformedRequestError) as error:
                return problem(400, str(error))

        return Route(PREFIX + path, endpoint, methods=list(handlers))

    def _lister(self, table: str) -> Handler:
        async def handle(request: Request, user: Record) -> Response:
            return self._page(request, table, visible_only(self._account, user, table))

        return handle

    def _getter(self, table: str) -> Handler:
        async def handle(request: Request, user: Record) -> Response:
            return self._one(table, get_visible(self._account, user, table, request.path_params["id"]))

        return handle

    def _creator(self, table: str) -> Handler:
        async def handle(request: Request, _user: Record) -> Response:
            return self._one(table, self._account.create(table, await read_data(request)), 201)

        return handle

    def _updater(self, table: str) -> Handler:
        async def handle(request: Request, user: Record) -> Response:
            record = get_visible(self._account, user, table, request.path_params["id"])
            return self._one(table, self._account.update(table, record["id"], await read_data(request)))

        return handle

    def _deleter(self, table: str) -> Handler:
        async def handle(request: Request, _user: Record) -> Response:
            self._account.delete(table, request.path_params["id"])
            return Response(status_code=204)

        return handle

    def _children(self, table: str, parents: str = "deals") -> Handler:
        index = "pipeline_id" if parents == "pipelines" else "deal_id"

        async def handle(request: Request, user: Record) -> Response:
            parent = get_visible(self._account, user, parents, request.path_params["parent_id"])
            return self._page(request, table, self._account.tables[table].find(index, parent["id"]))

        return handle

    def _child(self, request: Request, user: Record, table: str) -> Record:
        deal = get_visible(self._account, user, "deals", request.path_params["parent_id"])
        record = self._account.get(table, request.path_params["id"])
        if record["deal_id"] != deal["id"]:
            raise MissingError(ENTITIES[table].label)
        return record

    def _delete_child(self, table: str) -> Handler:
        async def handle(request: Request, user: Record) -> Response:
            record = self._child(request, user, table)
            self._account.delete(table, record["id"])
            self._account.touch_deal(record["deal_id"])
            return Response(status_code=204)

        return handle

    async def _add_stage(self, request: Request, user: Record) -> Response:
        pipeline = self._account.get("pipelines", request.path_params["parent_id"])
        stage = self._account.create("stages", await read_data(request), pipeline_id=pipeline["id"])
        return self._one("stages", stage, 201)

    def _stage(self, request: Request) -> Record:
        stage = self._account.get("stages", request.path_params["id"])
        if stage["pipeline_id"] != request.path_params["parent_id"]:
            raise MissingError(ENTITIES["stages"].label)
        return stage

    async def _get_stage(self, request: Request, _user: Record) -> Response:
        return self._one("stages", self._stage(request))

    async def _update_stage(self, request: Request, _user: Record) -> Response:
        stage = self._stage(request)
        return self._one("stages", self._account.update("stages", stage["id"], await read_data(request)))

    async def _add_product(self, request: Request, user: Record) -> Response:
        deal = get_visible(self._account, user, "deals", request.path_params["parent_id"])
        item = self._account.create("deal_products", await read_data(request), deal_id=deal["id"])
        self._account.touch_deal(deal["id"])
        return self._one("deal_products", item, 201)

    async def _update_product(self, request: Request, user: Record) -> Response:
        item = self._child(request, user, "deal_products")
        item = self._account.update("deal_products", item["id"], await read_data(request))
        self._account.touch_deal(item["deal_id"])
        return self._one("deal_products", item)

    async def _add_note(self, request: Request, user: Record) -> Response:
        deal = get_visible(self._account, user, "deals", request.path_params["parent_id"])
        data = {"user_id": user["id"], **await read_data(request)}
        note = self._account.create("notes", data, deal_id=deal["id"])
        self._account.touch_deal(deal["id"])
        return self._one("notes", note, 201)

    async def _add_file(self, request: Request, user: Record) -> Response:
        deal = get_visible(self._account, user, "deals", request.path_params["parent_id"])
        async with request.form() as form:
            upload = form.get("data[file]")
            if not isinstance(upload, UploadFile) or not upload.filename:
                raise RefusedError(Problem("file", "não pode ficar em branco."))
            content, name = await upload.read(MAX_FILE_BYTES + 1), upload.filename
        if len(content) > MAX_FILE_BYTES:
            return problem(413, "File is too large.")
        kept = {"deal_id": deal["id"], "_content": base64.b64encode(content).decode()}
        file = self._account.create("files", {"name": name, "size": len(content)}, **kept)
        url = f"{self._base_url()}/files/{file['id']}"
        file = self._account.tables["files"].put({**file, "url": url})
        return self._one("files", file, 201)

    def _one(self, table: str, record: Record, status: int = 200) -> Response:
        return json_answer({"data": self.shape(table, record)}, status)

    def _page(self, request: Request, table: str, among: list[Record] | None) -> Response:
        page = select(self._account, table, request.query_params, among)
        wrong = self._account.quirks.wrong_link_prefix
        found = links(page, self._base_url(), request.url.path, request.query_params, wrong_prefix=wrong)
        return json_answer({"data": [self.shape(table, record) for record in page.records], "links": found})

    def shape(self, table: str, record: Record) -> Record:
        """Return a record as API v2 shows it: nothing internal or write-only, every custom field named."""
        entity = ENTITIES[table]
        shown: Record = {"id": record["id"]}
        for name, field in entity.fields.items():
            if not field.write_only:
                shown[name] = record[name]
        if entity.custom:
            key, held = self._account.quirks.custom_field_key, record["custom_fields"]
            fields = definitions(self._account, entity.custom)
            shown["custom_fields"] = {field[key]: held.get(field["slug"]) for field in fields}
        if table not in _TIMELESS:
            shown["created_at"], shown["updated_at"] = record["created_at"], record["updated_at"]
        elif table == "files":
            shown["created_at"] = record["created_at"]
        elif table == "teams":
            shown["team_id"] = record["id"]
        return shown

    def _refused(self, error: RefusedError) -> Response:
        taken = any(item.code == "TAKEN" and item.field == "name" for item in error.problems)
        status = self._account.quirks.duplicate_name_status if taken else 422
        return json_answer({"errors": [{"detail": sentence(item)} for item in error.problems]}, status)


def sentence(item: Problem) -> str:
    """The vendor's text for one refused value, half English and half Portuguese as the vendor's are."""
    if item.whole:
        return item.message
    label = (
        "Deal custom fields" if item.field == "custom_fields" else item.field.replace("_", " ").capitalize()
    )
    return f"{label} {item.message}"


def problem(status: int, detail: str) -> Response:
    """An error with one text."""
    return json_answer({"errors": [{"detail": detail}]}, status)


def unauthorized(request: Request) -> Response:
    """The gateway answers a call without a token, the API one with a bad token."""
    if "authorization" not in request.headers:
        return json_answer({"message": "Unauthorized"}, 401)
    return json_answer({"errors": [{"status": "401", "detail": "Invalid or expired access token."}]}, 401)


def no_route() -> Response:
    """What the gateway says to an address or a method that is not routed."""
    return json_answer({"message": "no Route matched with those values"}, 404)


def too_many_requests(reset_in_seconds: float) -> Response:
    """Over the limit: the seconds to wait are in a header."""
    headers = {"retry-after": str(max(1, ceil(reset_in_seconds)))}
    return json_answer({"errors": [{"status": "429", "detail": "Too Many Requests"}]}, 429, headers)


async def read_data(request: Request) -> dict[str, Any]:
    """Return the object under `data`; MalformedRequestError when there is none."""
    data = (await read_object(request)).get("data")
    if not isinstance(data, dict):
        raise MalformedRequestError("data is missing or is not an object")
    return data
