"""Search as the vendor's index does it: a written record is found only some seconds later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from vaivem.simulators.pipedrive.account import Account, Change
from vaivem.simulators.pipedrive.api import Asked, Call, call, ok
from vaivem.simulators.pipedrive.custom_fields import SEARCHABLE, definitions, text_of
from vaivem.simulators.pipedrive.paging import bad_query, offset_cursor, truth, whole, words
from vaivem.simulators.pipedrive.schema import ENTITIES, Record

FOUND_AT_MOST = 2000
ITEMS_AT_MOST = 100
_FIELDS = {
    "persons": ("custom_fields", "email", "notes", "phone", "name"),
    "organizations": ("address", "custom_fields", "notes", "name"),
    "deals": ("custom_fields", "notes", "title"),
    "leads": ("custom_fields", "notes", "title"),
    "products": ("code", "custom_fields", "name"),
}
_POINTERS = {"persons": "person_id", "organizations": "org_id", "deals": "deal_id", "leads": "lead_id"}
_TYPES = {ENTITIES[table].name: table for table in _FIELDS}
_OTHER_TYPES = ("file", "mail_attachment", "project")
_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "exact": lambda text, term: text == term,
    "beginning": lambda text, term: text.casefold().startswith(term.casefold()),
    "middle": lambda text, term: term.casefold() in text.casefold(),
}


class Index:
    """What search knows of each record: the newest version that is older than the lag."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._versions: dict[tuple[str, Any], list[tuple[datetime, Record]]] = {}
        account.listen(self._on_change)

    def records(self, table: str) -> list[Record]:
        """The records of a table as search knows them now."""
        until = self._account.now() - timedelta(seconds=self._account.quirks.search_lag_seconds)
        found = []
        for key, record in self._account.tables[table].items():
            known = self._known((table, key), record, until)
            if known is not None and not known.get("is_deleted", False):
                found.append(known)
        return found

    def clear(self) -> None:
        """Know every record as it is now."""
        self._versions.clear()

    def _known(self, key: tuple[str, Any], record: Record, until: datetime) -> Record | None:
        versions = self._versions.get(key)
        if versions is None:
            return record
        while len(versions) > 1 and versions[1][0] <= until:
            versions.pop(0)
        if len(versions) == 1 and versions[0][0] <= until:
            del self._versions[key]
            return record
        return versions[0][1] if versions[0][0] <= until else None

    def _on_change(self, change: Change) -> None:
        if change.table not in _FIELDS:
            return
        key, now = (change.table, change.record["id"]), self._account.now()
        versions = self._versions.setdefault(key, [])
        if not versions and change.before is not None:
            versions.append((datetime.min.replace(tzinfo=now.tzinfo), change.before))
        versions.append((now, change.record))


class Search:
    """The handlers of the searches of API v2, and of API v1's leads."""

    def __init__(self, account: Account, index: Index) -> None:
        self._account = account
        self._index = index

    def calls(self) -> list[Call]:
        """Every operation with its published cost and scopes."""
        contacts = ("contacts:read", "contacts:full", "search:read")
        return [
            call("GET", "/persons/search", self._within("persons"), 20, *contacts),
            call("GET", "/organizations/search", self._within("organizations"), 20, *contacts),
            call(
                "GET", "/deals/search", self._within("deals"), 20, "deals:read", "deals:full", "search:read"
            ),
            call(
                "GET", "/leads/search", self._within("leads"), 20, "leads:read", "leads:full", "search:read"
            ),
            call(
                "GET",
                "/products/search",
                self._within("products"),
                20,
                "products:read",
                "products:full",
                "search:read",
            ),
            call("GET", "/itemSearch", self._mixed, 20, "search:read"),
            call("GET", "/itemSearch/field", self._by_field, 20, "search:read"),
        ]

    def v1_calls(self) -> list[Call]:
        """The one search that API v1 still has."""
        leads = ("leads:read", "leads:full", "search:read")
        return [call("GET", "/leads/search", self._within("leads"), 40, *leads)]

    def _within(self, table: str) -> Callable[[Asked], Any]:
        async def handle(asked: Asked) -> Response:
            query, exact = asked.query, bool(truth(asked.query, "exact_match"))
            term = _term(query, exact)
            fields = words(query, "fields", _FIELDS[table]) or list(_FIELDS[table])
            wanted = _filter(table, query)
            found = [row for row in self._found(table, term, fields, exact) if wanted(row[1])]
            page, following = offset_cursor(query, found[:FOUND_AT_MOST])
            return ok({"items": self._items(table, page)}, additional={"next_cursor": following})

        return handle

    async def _mixed(self, asked: Asked) -> Response:
        query, exact = asked.query, bool(truth(asked.query, "exact_match"))
        term = _term(query, exact)
        types = words(query, "item_types", (*_TYPES, *_OTHER_TYPES)) or list(_TYPES)
        known = {name for names in _FIELDS.values() for name in names} | {"description"}
        asked_fields = words(query, "fields", known)
        found: list[tuple[float, str, Record]] = []
        for kind in types:
            table = _TYPES.get(kind)
            if table is not None:
                fields = [name for name in _FIELDS[table] if not asked_fields or name in asked_fields]
                found += [(score, table, row) for score, row in self._found(table, term, fields, exact)]
        found.sort(key=lambda item: -item[0])
        page, following = offset_cursor(query, found, ITEMS_AT_MOST)
        items = [{"result_score": score, "item": self._item(table, row)} for score, table, row in page]
        data: Record = {"items": items, "related_items": []}
        if truth(query, "search_for_related_items"):
            data["related_items"] = self._related(page)
        return ok(data, additional={"next_cursor": following})

    async def _by_field(self, asked: Asked) -> Response:
        """By one field, custom or not. An exact match tells capitals apart."""
        query = asked.query
        table, how = _TYPES.get(query.get("entity_type", "")), query.get("match") or "exact"
        if table is None:
            raise bad_query("entity_type", f"must be one of {', '.join(_TYPES)}")
        if how not in _MATCHES:
            raise bad_query("match", f"must be one of {', '.join(_MATCHES)}")
        code, term = query.get("field"), _term(query, exact=how == "exact")
        fields = definitions(self._account, ENTITIES[table].custom)
        field = next((item for item in fields if item["field_code"] == code), None)
        if field is not None and field["field_type"] not in SEARCHABLE:
            raise bad_query("field", "fields of this type cannot be searched")
        if field is None and code not in ("name", "title", "email", "phone", "address", "code"):
            raise bad_query("field", "there is no such field")
        found = []
        for row in self._index.records(table):
            if field is not None:
                texts: Iterable[str] = [text_of(field, row["custom_fields"].get(field["field_code"]))]
            else:
                texts = self._texts(table, row, str(code))
            if any(text and _MATCHES[how](text, term) for text in texts):
                found.append({"id": row["id"], "name": row.get("name") or row.get("title")})
        page, following = offset_cursor(query, found)
        return ok(page, additional={"next_cursor": following})

    def _found(self, table: str, term: str, fields: list[str], exact: bool) -> list[tuple[float, Record]]:
        """The records that have the term, best first: a whole value before a part of one."""
        wanted, scored = term.casefold(), []
        for row in self._index.records(table):
            texts = [text.casefold() for name in fields for text in self._texts(table, row, name)]
            if wanted in texts:
                scored.append((1.0, row))
            elif not exact and any(wanted in text for text in texts):
                scored.append((0.5, row))
        scored.sort(key=lambda item: -item[0])
        return scored

    def _texts(self, table: str, row: Record, name: str) -> list[str]:
        if name in ("email", "phone"):
            return [item["value"] for item in row.get(f"{name}s", ())]
        if name == "notes":
            pointer = _POINTERS.get(table, "")
            notes = self._account.tables["notes"].values() if pointer else ()
            return [
                note["content"] for note in notes if note.get(pointer) == row["id"] and not note["is_deleted"]
            ]
        if name == "custom_fields":
            fields = definitions(self._account, ENTITIES[table].custom)
            values = row["custom_fields"]
            return [
                text_of(field, values[field["field_code"]])
                for field in fields
                if field["field_type"] in SEARCHABLE and values.get(field["field_code"]) is not None
            ]
        if name == "address":
            return [row["address"]["value"]] if row.get("address") else []
        value = row.get(name)
        return [value] if isinstance(value, str) and value else []

    def _items(self, table: str, found: list[tuple[float, Record]]) -> list[Record]:
        return [{"result_score": score, "item": self._item(table, row)} for score, row in found]

    def _item(self, table: str, row: Record) -> Record:
        item: Record = {"id": row["id"], "type": ENTITIES[table].name}
        if table in ("persons", "organizations", "products"):
            item["name"] = row["name"]
        else:
            item["title"] = row["title"]
        if table == "persons":
            item["phones"] = [entry["value"] for entry in row["phones"]]
            item["emails"] = [entry["value"] for entry in row["emails"]]
            item["organization"] = self._organization(row["org_id"])
        elif table == "organizations":
            item["address"] = row["address"]["value"] if row["address"] else None
        elif table == "products":
            item["code"] = row["code"]
        elif table == "deals":
            stage = self._account.tables["stages"].get(row["stage_id"])
            item |= {key: row[key] for key in ("value", "currency", "status")}
            item["stage"] = stage and {"id": stage["id"], "name": stage["name"]}
            item["person"] = self._person(row["person_id"])
            item["organization"] = self._organization(row["org_id"])
            item["is_archived"] = row["is_archived"]
        elif table == "leads":
            item["person"] = self._person(row["person_id"])
            item["organization"] = self._organization(row["organization_id"])
            item["is_archived"] = 1 if row["is_archived"] else 0
        item |= {"visible_to": row["visible_to"], "owner": {"id": row["owner_id"]}}
        item["custom_fields"] = self._texts(table, row, "custom_fields")
        if table != "products":
            item["notes"] = self._texts(table, row, "notes")
        return item

    def _person(self, person_id: Any) -> Record | None:
        person = self._account.tables["persons"].get(person_id)
        return {"id": person["id"], "name": person["name"]} if person else None

    def _organization(self, organization_id: Any) -> Record | None:
        found = self._account.tables["organizations"].get(organization_id)
        if found is None:
            return None
        address = found["address"]["value"] if found["address"] else None
        return {"id": found["id"], "name": found["name"], "address": address}

    def _related(self, page: list[tuple[float, str, Record]]) -> list[Record]:
        """Deals of the persons and organizations that were found."""
        people = {row["id"] for _score, table, row in page if table == "persons"}
        companies = {row["id"] for _score, table, row in page if table == "organizations"}
        shown = {row["id"] for _score, table, row in page if table == "deals"}
        return [
            {"result_score": 0, "item": self._item("deals", deal)}
            for deal in self._index.records("deals")
            if deal["id"] not in shown and (deal["person_id"] in people or deal["org_id"] in companies)
        ]


def _term(query: Any, exact: bool) -> str:
    term = str(query.get("term") or "").strip()
    least = 1 if exact else 2
    if len(term) < least:
        raise bad_query("term", f"must be at least {least} characters long")
    return term


def _filter(table: str, query: Any) -> Callable[[Record], bool]:
    organization = "organization_id" if table == "leads" else "org_id"
    wanted: Record = {}
    if table in ("persons", "deals", "leads") and (value := whole(query, "organization_id")) is not None:
        wanted[organization] = value
    if table in ("deals", "leads") and (value := whole(query, "person_id")) is not None:
        wanted["person_id"] = value
    if table == "deals" and query.get("status"):
        wanted["status"] = words(query, "status", ("open", "won", "lost"))[0]
    return lambda row: all(row[name] == value for name, value in wanted.items())
