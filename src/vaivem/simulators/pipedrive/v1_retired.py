"""API v1 of the records that API v2 took over: out of support since August 2026, still answering.

The vendor's published description of API v1 no longer has these calls; older clients still make them. The
switch `v1_gone` ends them, with 410.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from vaivem.simulators.pipedrive.account import Account
from vaivem.simulators.pipedrive.api import Asked, Call, Handler, call, ok
from vaivem.simulators.pipedrive.custom_fields import from_v1
from vaivem.simulators.pipedrive.paging import in_pagination, keep, offset_page, whole
from vaivem.simulators.pipedrive.problems import ApiError
from vaivem.simulators.pipedrive.schema import ENTITIES, Record
from vaivem.simulators.pipedrive.search import Search
from vaivem.simulators.pipedrive.v1_shapes import v1_shape

_FULL = {
    "deals": "deals:full",
    "persons": "contacts:full",
    "organizations": "contacts:full",
    "activities": "activities:full",
    "pipelines": "admin",
    "stages": "admin",
    "products": "products:full",
}
# API v1's names of what API v2 calls otherwise.
_NAMES = {
    "deals": {"user_id": "owner_id"},
    "persons": {"email": "emails", "phone": "phones"},
    "activities": {"user_id": "owner_id", "busy_flag": "busy"},
}
_FILTERS = {
    "deals": {"user_id": "owner_id", "person_id": "person_id", "org_id": "org_id", "stage_id": "stage_id"},
    "persons": {"user_id": "owner_id", "org_id": "org_id"},
    "organizations": {"user_id": "owner_id"},
    "activities": {"user_id": "owner_id", "deal_id": "deal_id", "person_id": "person_id", "org_id": "org_id"},
    "stages": {"pipeline_id": "pipeline_id"},
}
_NUMBERS = frozenset({"id", "ids", "int", "number", "percent", "visible"})


class RetiredV1:
    """The handlers of API v1's records."""

    def __init__(self, account: Account, search: Search) -> None:
        self._account = account
        self._search = search

    def calls(self) -> list[Call]:
        """Every operation; the costs are those that API v1 had."""
        calls: list[Call] = []
        for table, full in _FULL.items():
            reads = (full, full.replace(":full", ":read"), "deals:full", "deals:read")
            one = f"/{table}/{{id}}"
            calls += [
                call("GET", f"/{table}", self._live(self._lister(table)), 20, *reads),
                call("POST", f"/{table}", self._live(self._creator(table)), 10, full),
                call("GET", one, self._live(self._getter(table)), 2, *reads),
                call("PUT", one, self._live(self._updater(table)), 10, full),
                call("DELETE", one, self._live(self._deleter(table)), 6, full),
            ]
        for item in self._search.calls():
            if item.path != "/leads/search":
                calls.append(Call("GET", item.path, self._live(item.handler), 40, item.scopes))
        return calls

    def _live(self, handler: Handler) -> Handler:
        async def handle(asked: Asked) -> Response:
            if self._account.quirks.v1_gone:
                raise ApiError(410, "This endpoint is no longer available, please use API v2")
            return await handler(asked)

        return handle

    def _lister(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            query = asked.query
            names = _FILTERS.get(table, {})
            wanted = {own: value for name, own in names.items() if (value := whole(query, name)) is not None}
            status = query.get("status") if table == "deals" else None
            rows = list(self._account.tables[table].values())
            rows = keep(
                rows,
                lambda row: bool(row["is_deleted"]) == (status == "deleted"),
                lambda row: all(row[name] == value for name, value in wanted.items()),
                (lambda row: row["status"] == status) if status in ("open", "won", "lost") else None,
            )
            page, state = offset_page(query, rows)
            shown = [v1_shape(self._account, table, row, nested=True) for row in page]
            return ok(shown, additional=in_pagination(state))

        return handle

    def _getter(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            row = self._account.get(table, asked.path_id(), deleted=True)
            return ok(v1_shape(self._account, table, row, nested=True))

        return handle

    def _creator(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            body = self._body(table, await asked.loose_body())
            row = self._account.create(table, body, asked.actor)
            return ok(v1_shape(self._account, table, row, nested=True), 201)

        return handle

    def _updater(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            body = self._body(table, await asked.loose_body())
            row = self._account.update(table, asked.path_id(), body, asked.actor)
            return ok(v1_shape(self._account, table, row, nested=True))

        return handle

    def _deleter(self, table: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            self._account.delete(table, asked.path_id(), asked.actor)
            return ok({"id": asked.path_id()})

        return handle

    def _body(self, table: str, body: Record) -> Record:
        """What was sent, in API v2's names and types; numbers may be text, the unknown is passed over."""
        entity = ENTITIES[table]
        custom = from_v1(self._account, entity.custom, body) if entity.custom else {}
        names, taken = _NAMES.get(table, {}), {}
        for key, value in body.items():
            name = names.get(key, key)
            if name in ("emails", "phones"):
                taken[name] = _contacts(value)
            elif name in entity.fields:
                spec, loose = entity.fields[name], _loose(entity.fields[name].kind, value)
                # An empty field of a form leaves what cannot be empty to its default.
                if loose is not None or spec.nullable:
                    taken[name] = loose
        for name in ("address", "location"):
            if isinstance(taken.get(name), str):
                taken[name] = {"value": taken[name]}
        return {**taken, **({"custom_fields": custom} if custom else {})}


def _loose(kind: str, value: Any) -> Any:
    if isinstance(value, str):
        if value == "" and kind != "text":
            return None
        if kind in _NUMBERS:
            try:
                return int(value) if value.lstrip("-").isdigit() else float(value)
            except ValueError:
                return value
    if kind == "bool" and value in (0, 1, "0", "1", "true", "false"):
        return value in (1, "1", "true")
    return value


def _contacts(value: Any) -> Any:
    """API v1 takes one text, many texts, or objects."""
    items = value if isinstance(value, list) else [value]
    return [{"value": item} if isinstance(item, str) else item for item in items if item]
