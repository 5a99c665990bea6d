"""API v1's calls on deals: search, write, products, contacts."""

from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from vaivem.simulators.kit.answers import json_answer, read_object
from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.problems import MissingError, Problem, RefusedError
from vaivem.simulators.rd_station_crm.times import read_time
from vaivem.simulators.rd_station_crm.v1 import ApiV1, BadParameterError, ordered, page_of, read_list
from vaivem.simulators.rd_station_crm.v1_bodies import (
    UnreadableBodyError,
    contact_values,
    deal_product_values,
    deal_values,
    part,
    status_of,
)

BATCH_MAX = 100
_ORDERS = {
    "name": "name",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "closed_at": "closed_at",
    "rating": "rating",
    "amount_total": "total_price",
    "prediction_date": "expected_close_date",
    "last_activity_at": "_last_activity_at",
}
_INDEXED = {
    "deal_stage_id": "stage_id",
    "deal_pipeline_id": "pipeline_id",
    "user_id": "owner_id",
    "organization": "organization_id",
}
_PLAIN = {**_INDEXED, "campaign_id": "campaign_id", "deal_lost_reason_id": "lost_reason_id"}
_PERIODS = {
    "closed_at_period": "closed_at",
    "created_at_period": "created_at",
    "prediction_date_period": "expected_close_date",
}
_WIN = {"true": ("won",), "false": ("lost",), "null": ("ongoing", "paused")}


class DealsV1:
    """The routes under /deals."""

    def __init__(self, api: ApiV1) -> None:
        self._api = api
        self._account = api.account
        self._shape = api.shapes

    def routes(self) -> list[BaseRoute]:
        """Every documented call."""
        products = "/deals/{deal_id}/deal_products"
        route = self._api.route
        return [
            route("/deals", GET=self._list, POST=self._create),
            route("/deals/{deal_id}", GET=self._get, PUT=self._update),
            route("/deals/{deal_id}/contacts", GET=self._contacts),
            route(f"{products}/batch", POST=self._add_products, PUT=self._update_products),
            route(f"{products}/batch/destroy", DELETE=self._delete_products),
            route(products, GET=self._products, POST=self._add_product),
            route(f"{products}/{{item_id}}", PUT=self._update_product, DELETE=self._delete_product),
        ]

    async def _list(self, request: Request, user: Record) -> Response:
        query = request.query_params
        found = [deal for deal in self._candidates(user, query) if _matches(deal, query)]
        found = ordered(request, found, _ORDERS)
        cursor = query.get("next_page")
        if cursor:
            return self._after(request, found, cursor)
        number, limit = page_of(request)
        return self._api.page(
            request, "deals", found, self._shape.deal, next_page=_cursor(found, number * limit)
        )

    def _after(self, request: Request, found: list[Record], cursor: str) -> Response:
        """Go on behind the deal that the cursor names, wherever it stands by now."""
        _, limit = page_of(request)
        last = cursor.removeprefix("i-").partition(",")[0]
        start = next((place + 1 for place, deal in enumerate(found) if deal["id"] == last), None)
        if start is None:
            raise BadParameterError("next_page")
        records = [self._shape.deal(deal) for deal in found[start : start + limit]]
        more = start + limit < len(found)
        page = {"deals": records, "has_more": more, "total": len(found)}
        return json_answer({**page, "next_page": _cursor(found, start + limit)})

    def _candidates(self, user: Record, query: QueryParams) -> list[Record]:
        """The smallest set of deals that one of the filters can name."""
        if user["visibility"] != "general":
            return self._api.visible(user, "deals")
        table, name = self._account.tables["deals"], query.get("name")
        sets = [table.find(column, query[key]) for key, column in _INDEXED.items() if query.get(key)]
        if name and query.get("exact_name") == "true":
            sets.append(table.find("name", name))
        return min(sets, key=len) if sets else table.dump()

    async def _create(self, request: Request, user: Record) -> Response:
        body = await read_object(request)
        sent = part(body, "deal")
        values = {"owner_id": user["id"], **deal_values(self._account, sent, body)}
        if sent.get("deal_stage_id"):
            # Only here is the stage inside `deal`; a change wants it beside.
            values["stage_id"] = sent["deal_stage_id"]
        new_contacts = [contact_values(self._account, item) for item in _objects(body, "contacts")]
        linked = [self._linked(item) for item in _objects(body, "set_contacts")]
        if not values.get("name"):
            raise RefusedError(Problem("name", "não pode ficar em branco."))
        deal = self._account.create("deals", {**values, "contact_ids": linked})
        deal, contact_errors = self._add_contacts(deal, new_contacts)
        status = status_of(sent, deal["status"])
        if status is not None and status != deal["status"]:
            deal = self._account.update("deals", deal["id"], {"status": status}, **_lost_note(sent))
        return json_answer({**self._shape.deal(deal), "contact_errors": contact_errors})

    def _add_contacts(
        self, deal: Record, contacts: list[dict[str, Any]]
    ) -> tuple[Record, dict[str, list[str]]]:
        """Make new contacts in a deal; one that is refused does not undo it: the answer only says so."""
        made, errors = [], {}
        for place, values in enumerate(contacts):
            try:
                made.append(self._account.create("contacts", values)["id"])
            except RefusedError as error:
                errors[str(place)] = [problem.message for problem in error.problems]
        if made:
            deal = self._account.update("deals", deal["id"], {"contact_ids": [*deal["contact_ids"], *made]})
        return deal, errors

    async def _get(self, request: Request, user: Record) -> Response:
        return json_answer(self._shape.deal(self._deal(request, user)))

    async def _update(self, request: Request, user: Record) -> Response:
        deal, body = self._deal(request, user), await read_object(request)
        sent = part(body, "deal")
        values = deal_values(self._account, sent, body)
        if body.get("deal_stage_id"):
            values["stage_id"] = body["deal_stage_id"]
        status = status_of(sent, deal["status"])
        if status is not None:
            values["status"] = status
        deal = self._account.update("deals", deal["id"], values, **_lost_note(sent))
        return json_answer(self._shape.deal(deal))

    async def _contacts(self, request: Request, user: Record) -> Response:
        deal = self._deal(request, user)
        found = [self._account.get("contacts", contact_id) for contact_id in deal["contact_ids"]]
        return self._api.page(request, "contacts", found, self._shape.contact)

    async def _products(self, request: Request, user: Record) -> Response:
        items = self._account.tables["deal_products"].find("deal_id", self._deal(request, user)["id"])
        return self._api.page(request, "deal_products", items, self._shape.deal_product)

    async def _add_product(self, request: Request, user: Record) -> Response:
        deal = self._deal(request, user)
        item = self._add(deal, await read_object(request))
        self._account.touch_deal(deal["id"])
        return json_answer(self._shape.deal_product(item), 201)

    async def _update_product(self, request: Request, user: Record) -> Response:
        deal = self._deal(request, user)
        item = self._change(deal, request.path_params["item_id"], await read_object(request))
        self._account.touch_deal(deal["id"])
        return json_answer(self._shape.deal_product(item))

    async def _delete_product(self, request: Request, user: Record) -> Response:
        deal = self._deal(request, user)
        self._account.delete("deal_products", self._item(deal, request.path_params["item_id"])["id"])
        self._account.touch_deal(deal["id"])
        return Response(status_code=204)

    async def _add_products(self, request: Request, user: Record) -> Response:
        deal, items = self._deal(request, user), await read_list(request, "deal_products")
        if len(items) > BATCH_MAX:
            return _too_large()
        added = [self._add(deal, item) for item in items]
        self._account.touch_deal(deal["id"])
        return json_answer({"deal_products": [self._shape.deal_product(item) for item in added]}, 201)

    async def _update_products(self, request: Request, user: Record) -> Response:
        deal, items = self._deal(request, user), await read_list(request, "deal_products")
        if len(items) > BATCH_MAX:
            return _too_large()
        changed = [self._change(deal, item.get("_id") or item.get("id"), item) for item in items]
        self._account.touch_deal(deal["id"])
        return json_answer({"deal_products": [self._shape.deal_product(item) for item in changed]})

    async def _delete_products(self, request: Request, user: Record) -> Response:
        deal, items = self._deal(request, user), await read_list(request, "deal_products")
        if len(items) > BATCH_MAX:
            return _too_large()
        for found in [self._item(deal, item.get("_id") or item.get("id")) for item in items]:
            self._account.delete("deal_products", found["id"])
        self._account.touch_deal(deal["id"])
        return Response(status_code=204)

    def _deal(self, request: Request, user: Record) -> Record:
        return self._api.get(user, "deals", request.path_params["deal_id"])

    def _item(self, deal: Record, item_id: object) -> Record:
        item = self._account.get("deal_products", item_id)
        if item["deal_id"] != deal["id"]:
            raise MissingError("Deal product")
        return item

    def _add(self, deal: Record, sent: dict[str, Any]) -> Record:
        return self._account.create("deal_products", deal_product_values(sent), deal_id=deal["id"])

    def _change(self, deal: Record, item_id: object, sent: dict[str, Any]) -> Record:
        item = self._item(deal, item_id)
        return self._account.update("deal_products", item["id"], deal_product_values(sent))

    def _linked(self, item: dict[str, Any]) -> str:
        contact = self._account.get("contacts", item.get("_id") or item.get("id"))
        return str(contact["id"])


def _lost_note(sent: dict[str, Any]) -> dict[str, Any]:
    return {"_lost_note": sent["deal_lost_note"]} if "deal_lost_note" in sent else {}


def _objects(body: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = body.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UnreadableBodyError(key)
    return items


def _too_large() -> Response:
    return json_answer({"errors": f"deal_products must have at most {BATCH_MAX} items"}, 413)


def _cursor(found: list[Record], end: int) -> str | None:
    """The opaque mark of the last deal before `end`; None when nothing follows."""
    if end >= len(found):
        return None
    last = found[end - 1]
    return f"i-{last['id']},s-{last['created_at']}"


def _matches(deal: Record, query: QueryParams) -> bool:
    for key, column in _PLAIN.items():
        if query.get(key) and deal[column] != query[key]:
            return False
    return _matches_name(deal, query) and _matches_status(deal, query) and _matches_periods(deal, query)


def _matches_name(deal: Record, query: QueryParams) -> bool:
    name = query.get("name")
    if not name:
        return True
    if query.get("exact_name") == "true":
        return bool(deal["name"] == name)
    return name.lower() in deal["name"].lower()


def _matches_status(deal: Record, query: QueryParams) -> bool:
    win = query.get("win")
    if win and deal["status"] not in _WIN.get(win, ()):
        return False
    if query.get("hold") == "true" and deal["status"] != "paused":
        return False
    closed = query.get("closed_at")
    if closed in ("true", "false") and (deal["closed_at"] is not None) != (closed == "true"):
        return False
    presence = query.get("product_presence")
    return presence not in ("true", "false") or bool(deal["_product_ids"]) == (presence == "true")


def _matches_periods(deal: Record, query: QueryParams) -> bool:
    for key, column in _PERIODS.items():
        if query.get(key) != "true":
            continue
        try:
            start, end = (read_time(query[edge]) for edge in ("start_date", "end_date"))
        except (KeyError, ValueError) as error:
            raise BadParameterError(key) from error
        moment = deal[column]
        if moment is None or not start <= moment <= end:
            return False
    return True
