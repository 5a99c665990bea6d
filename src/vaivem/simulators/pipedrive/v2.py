"""API v2: deals, persons, organizations, activities, pipelines, stages, products, and leads' conversion."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from starlette.responses import Response

from vaivem.simulators.pipedrive.account import Account
from vaivem.simulators.pipedrive.api import Asked, Call, Handler, call, ok
from vaivem.simulators.pipedrive.paging import (
    bad_query,
    cursor_page,
    ids,
    keep,
    moment,
    truth,
    whole,
    words,
)  # fmt: skip
from vaivem.simulators.pipedrive.problems import MissingError, RefusedError
from vaivem.simulators.pipedrive.schema import ENTITIES, Record
from vaivem.simulators.pipedrive.shapes import OPTIONAL, label_objects, v2_shape

CUSTOM_KEYS = 15
_STATUSES = ("open", "won", "lost", "deleted")
_DEALS, _CONTACTS, _ACTIVITIES = (f"{name}:full" for name in ("deals", "contacts", "activities"))
# Scopes that read, scopes that write, what a list can be narrowed by, what it is sorted by, cost of a list.
_RESOURCES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...], int]] = {
    "persons": (("contacts:read", _CONTACTS), (_CONTACTS,), ("owner_id", "org_id"), (), 10),
    "organizations": (("contacts:read", _CONTACTS), (_CONTACTS,), ("owner_id",), (), 10),
    "deals": (
        ("deals:read", _DEALS),
        (_DEALS,),
        ("owner_id", "person_id", "org_id", "pipeline_id", "stage_id"),
        (),
        10,
    ),
    "activities": (
        ("activities:read", _ACTIVITIES),
        (_ACTIVITIES,),
        ("owner_id", "deal_id", "person_id", "org_id"),
        ("due_date",),
        10,
    ),
    "pipelines": (("deals:read", _DEALS, "admin"), ("admin",), (), (), 5),
    "stages": (("deals:read", _DEALS, "admin"), ("admin",), ("pipeline_id",), ("order_nr",), 5),
    "products": (("products:read", "products:full"), ("products:full",), ("owner_id",), ("name",), 10),
}
_SORTS = ("id", "update_time", "add_time")


class ApiV2:
    """The handlers of API v2's records."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def calls(self) -> list[Call]:
        """Every operation with its published cost and scopes."""
        calls: list[Call] = []
        for table, (reads, writes, _filters, _sorts, cost) in _RESOURCES.items():
            one = f"/{table}/{{id}}"
            calls += [
                call("GET", f"/{table}", self._lister(table), cost, *reads),
                call("POST", f"/{table}", self._creator(table), 5, *writes),
                call("GET", one, self._getter(table), 1, *reads),
                call("PATCH", one, self._updater(table), 5, *writes),
                call("DELETE", one, self._deleter(table), 3, *writes),
            ]
        products, item = "/deals/{id}/products", "/deals/{id}/products/{product_attachment_id}"
        reads = ("products:read", "products:full", "deals:read", _DEALS)
        writes = ("products:full", _DEALS)
        convert = "/leads/{id}/convert"
        return [
            *calls,
            call("GET", "/deals/archived", self._lister("deals", archived=True), 20, "deals:read", _DEALS),
            call("GET", products, self._deal_products, 10, *reads),
            call("POST", products, self._add_deal_product, 5, *writes),
            call("POST", f"{products}/bulk", self._add_deal_products, 25, *writes),
            call("DELETE", products, self._delete_deal_products, 15, *writes),
            call("PATCH", item, self._change_deal_product, 5, *writes),
            call("DELETE", item, self._delete_deal_product, 3, *writes),
            call("POST", f"{convert}/deal", self._convert, 40, "leads:full"),
            call(
                "GET", f"{convert}/status/{{conversion_id}}", self._converted, 1, "leads:full", "leads:read"
            ),
        ]

    def shape(self, table: str, record: Record, query: Any = None) -> Record:
        """A record as this API shows it, with what the query asks for beside."""
        query = query or {}
        include = words(query, "include_fields", OPTIONAL.get(table, ("",)))
        only = words(query, "custom_fields")
        if len(only) > CUSTOM_KEYS:
            raise bad_query("custom_fields", f"must be at most {CUSTOM_KEYS} keys")
        shown = v2_shape(
            self._account, table, record, include, only, bool(truth(query, "include_option_labels"))
        )
        if truth(query, "include_labels") and "label_ids" in shown:
            shown["labels"] = label_objects(self._account, record, ENTITIES[table].name)
        return shown

    def _lister(self, table: str, archived: bool = False) -> Handler:
        _reads, _writes, filters, sorts, _cost = _RESOURCES[table]

        async def handle(asked: Asked) -> Response:
            query = asked.query
            rows = self._narrowed(table, query, filters, archived)
            page, following = cursor_page(query, rows, (*_SORTS, *sorts))
            shown = [self.shape(table, record, query) for record in page]
            return ok(shown, additional={"next_cursor": following})

        return handle

    def _narrowed(self, table: str, query: Any, filters: tuple[str, ...], archived: bool) -> list[Record]:
        account = self._account
        rows = list(account.tables[table].values())
        statuses = words(query, "status", _STATUSES) if table == "deals" else []
        if table == "deals":
            rows = [row for row in rows if bool(row["is_archived"]) == archived or row["is_deleted"]]
        by_filter = whole(query, "filter_id")
        conditions: list[Callable[[Record], bool] | None] = []
        if by_filter is not None:
            conditions = [_matches(account.get("filters", by_filter))]
        else:
            wanted = {name: value for name in filters if (value := whole(query, name)) is not None}
            conditions = [lambda row: all(row[name] == value for name, value in wanted.items())]
            if chosen := ids(query):
                conditions.append(lambda row: row["id"] in chosen)
            if table == "persons" and (deal_id := whole(query, "deal_id")) is not None:
                person_id = account.get("deals", deal_id)["person_id"]
                conditions.append(lambda row: row["id"] == person_id)
            if table == "activities":
                conditions += _activity_conditions(query)
            if statuses:
                conditions.append(lambda row: _status(row) in statuses)
        if "deleted" not in statuses:
            conditions.append(lambda row: not row["is_deleted"])
        since, until = moment(query, "updated_since"), moment(query, "updated_until")
        if since:
            conditions.append(lambda row: row["update_time"] >= since)
        if until:
            conditions.append(lambda row: row["update_time"] < until)
        return keep(rows, *conditions)

    def _getter(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            deleted = self._account.quirks.deleted_by_id
            record = self._account.get(table, asked.path_id(), deleted=deleted)
            return ok(self.shape(table, record, asked.query))

        return handle

    def _creator(self, table: str) -> Handler:
        status = 201 if table == "products" else 200

        async def handle(asked: Asked) -> Response:
            origin = (
                {"origin": "API" if not asked.caller.client_id else "Marketplace"} if table == "deals" else {}
            )
            record = self._account.create(table, await asked.body(), asked.actor, **origin)
            return ok(self.shape(table, record), status)

        return handle

    def _updater(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            record = self._account.update(table, asked.path_id(), await asked.body(), asked.actor)
            return ok(self.shape(table, record))

        return handle

    def _deleter(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            own = asked.path_id()
            if table == "stages" and any(row["stage_id"] == own for row in self._account.rows("deals")):
                raise RefusedError("id", "the stage has deals")
            self._account.delete(table, own, asked.actor)
            return ok({"id": own})

        return handle

    async def _deal_products(self, asked: Asked) -> Response:
        deal = self._account.get("deals", asked.path_id())
        rows = [row for row in self._account.rows("deal_products") if row["deal_id"] == deal["id"]]
        page, following = cursor_page(asked.query, rows, (*_SORTS, "order_nr"))
        return ok([self.shape("deal_products", row) for row in page], additional={"next_cursor": following})

    async def _add_deal_product(self, asked: Asked) -> Response:
        deal = self._account.get("deals", asked.path_id())
        item = self._attach(deal, await asked.body(), asked)
        self._account.update("deals", deal["id"], {}, asked.actor)
        return ok(self.shape("deal_products", item), 201)

    async def _add_deal_products(self, asked: Asked) -> Response:
        deal, sent = self._account.get("deals", asked.path_id()), (await asked.body()).get("data")
        if not isinstance(sent, list) or not sent or not all(isinstance(item, dict) for item in sent):
            raise RefusedError("data", "must be an array of products")
        items = [self._attach(deal, item, asked) for item in sent]
        self._account.update("deals", deal["id"], {}, asked.actor)
        return ok([self.shape("deal_products", item) for item in items], 201)

    def _attach(self, deal: Record, sent: Record, asked: Asked) -> Record:
        account = self._account
        product = account.tables["products"].get(sent.get("product_id"), {"name": ""})
        place = sum(row["deal_id"] == deal["id"] for row in account.rows("deal_products")) + 1
        made = {"deal_id": deal["id"], "name": product["name"], "order_nr": place}
        return account.create("deal_products", sent, asked.actor, currency=deal["currency"], **made)

    async def _delete_deal_products(self, asked: Asked) -> Response:
        """Those of `ids`, or the first hundred."""
        deal, chosen = self._account.get("deals", asked.path_id()), ids(asked.query)
        own = [row["id"] for row in self._account.rows("deal_products") if row["deal_id"] == deal["id"]]
        gone = [key for key in own if chosen is None or key in chosen][:100]
        for key in gone:
            del self._account.tables["deal_products"][key]
        self._account.update("deals", deal["id"], {}, asked.actor)
        return ok({"ids": gone}, additional={"more_items_in_collection": chosen is None and len(own) > 100})

    async def _change_deal_product(self, asked: Asked) -> Response:
        item = self._attachment(asked)
        item = self._account.update("deal_products", item["id"], await asked.body(), asked.actor)
        self._account.update("deals", item["deal_id"], {}, asked.actor)
        return ok(self.shape("deal_products", item))

    async def _delete_deal_product(self, asked: Asked) -> Response:
        item = self._attachment(asked)
        del self._account.tables["deal_products"][item["id"]]
        self._account.update("deals", item["deal_id"], {}, asked.actor)
        return ok({"id": item["id"]})

    def _attachment(self, asked: Asked) -> Record:
        item = self._account.get("deal_products", asked.path_id("product_attachment_id"))
        if item["deal_id"] != asked.path_id():
            raise MissingError
        return item

    async def _convert(self, asked: Asked) -> Response:
        lead = self._account.get("leads", asked.request.path_params["id"])
        body = await asked.body()
        if set(body) - {"stage_id", "pipeline_id"}:
            raise RefusedError("body", "takes stage_id and pipeline_id only")
        deal = {
            "title": lead["title"],
            "owner_id": lead["owner_id"],
            "person_id": lead["person_id"],
            "org_id": lead["organization_id"],
            "expected_close_date": lead["expected_close_date"],
            "custom_fields": lead["custom_fields"],
            **(
                {"value": lead["value"]["amount"], "currency": lead["value"]["currency"]}
                if lead["value"]
                else {}
            ),
            **body,
        }
        conversion = {
            "id": str(uuid4()), "lead_id": lead["id"], "deal_id": None, "at": self._account.now_text(),
            "deal": deal, "user_id": asked.actor.user_id,
        }  # fmt: skip
        self._account.put("conversions", conversion)
        return ok({"conversion_id": conversion["id"]})

    async def _converted(self, asked: Asked) -> Response:
        conversion = self._account.tables["conversions"].get(asked.request.path_params["conversion_id"])
        if conversion is None or conversion["lead_id"] != asked.request.path_params["id"]:
            raise MissingError
        age = self._account.now() - datetime.fromisoformat(conversion["at"])
        status, deal = "running", {}
        if conversion["deal_id"] is None and age.total_seconds() >= self._account.quirks.conversion_seconds:
            made = self._account.create(
                "deals", conversion["deal"], asked.actor, _source_lead_id=conversion["lead_id"]
            )
            self._account.delete("leads", conversion["lead_id"], asked.actor)
            conversion = self._account.put("conversions", {**conversion, "deal_id": made["id"]})
        if conversion["deal_id"] is not None:
            status, deal = "completed", {"deal_id": conversion["deal_id"]}
        return ok(
            {"lead_id": conversion["lead_id"], "conversion_id": conversion["id"], "status": status, **deal}
        )


def _status(deal: Record) -> str:
    return "deleted" if deal["is_deleted"] else str(deal["status"])


def _matches(filter_: Record) -> Callable[[Record], bool]:
    return lambda row: all(row.get(name) == value for name, value in filter_["_equals"].items())


def _activity_conditions(query: Any) -> list[Callable[[Record], bool] | None]:
    done, lead = truth(query, "done"), query.get("lead_id")
    return [
        None if done is None else (lambda row: bool(row["done"]) == done),
        (lambda row: row["lead_id"] == lead) if lead else None,
    ]
