"""API v1: users, notes, leads, and the account's short lists."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from vaivem.simulators.kit.answers import json_answer
from vaivem.simulators.pipedrive.account import Account
from vaivem.simulators.pipedrive.api import Asked, Call, Handler, call, ok
from vaivem.simulators.pipedrive.builtin_fields import V1_KEYS, builtin
from vaivem.simulators.pipedrive.custom_fields import definitions, from_v1
from vaivem.simulators.pipedrive.paging import in_pagination, keep, moment, offset_page, whole
from vaivem.simulators.pipedrive.problems import ApiError, MissingError
from vaivem.simulators.pipedrive.schema import CURRENCIES, DECIMALS, Record
from vaivem.simulators.pipedrive.v1_shapes import field, lead, note, rfc_times, user

_NOTE_LINKS = ("user_id", "deal_id", "person_id", "org_id", "project_id", "task_id")
_READ_NOTES = ("deals:read", "deals:full", "contacts:read", "contacts:full")
_WRITE_NOTES = ("deals:full", "contacts:full")
_FIELD_READS = {
    "deal": ("deals:read", "deals:full", "deal-fields:full", "admin"),
    "person": ("contacts:read", "contacts:full", "contact-fields:full", "admin"),
    "organization": ("contacts:read", "contacts:full", "contact-fields:full", "admin"),
    "product": ("products:read", "products:full", "product-fields:full"),
    "activity": ("activities:read", "activities:full"),
}


class ApiV1:
    """The handlers of what API v2 does not have."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def calls(self) -> list[Call]:
        """Every operation with its published cost and scopes."""
        leads = ("leads:read", "leads:full")
        calls = [
            call("GET", "/users/me", self._me, 2, "base"),
            call("GET", "/users", self._users, 20, "users:read"),
            call("GET", "/users/find", self._find_users, 40, "users:read"),
            call("GET", "/users/{id}", self._user, 2, "users:read"),
            call("GET", "/notes", self._notes, 20, *_READ_NOTES),
            call("POST", "/notes", self._add_note, 10, *_WRITE_NOTES),
            call("GET", "/notes/{id}", self._note, 2, *_READ_NOTES),
            call("PUT", "/notes/{id}", self._change_note, 10, *_WRITE_NOTES),
            call("DELETE", "/notes/{id}", self._delete_note, 6, *_WRITE_NOTES),
            call("GET", "/leads", self._leads(archived=False), 20, *leads),
            call("GET", "/leads/archived", self._leads(archived=True), 40, *leads),
            call("POST", "/leads", self._add_lead, 10, "leads:full"),
            call("GET", "/leads/{id}", self._lead, 2, *leads),
            call("PATCH", "/leads/{id}", self._change_lead, 10, "leads:full"),
            call("DELETE", "/leads/{id}", self._delete_lead, 6, "leads:full"),
            call("GET", "/leadLabels", self._lead_labels, 10, *leads),
            call("GET", "/leadSources", self._lead_sources, 2, *leads),
            call("GET", "/leadFields", self._lead_fields, 20, *leads, "admin"),
            call("GET", "/noteFields", self._note_fields, 20, *_READ_NOTES),
            call(
                "GET",
                "/activityTypes",
                self._activity_types,
                20,
                "activities:read",
                "activities:full",
                "admin",
            ),
            call("GET", "/currencies", self._currencies, 20, "base"),
            call("GET", "/filters", self._filters, 20, *_READ_NOTES, "activities:read", "activities:full"),
        ]
        for entity, reads in _FIELD_READS.items():
            calls.append(call("GET", f"/{entity}Fields", self._fields(entity), 20, *reads))
            calls.append(call("GET", f"/{entity}Fields/{{id}}", self._one_field(entity), 2, *reads))
        return calls

    async def _me(self, asked: Asked) -> Response:
        company, me = self._account.company, asked.caller.user
        shown = {
            **user(me, me["id"]),
            "company_id": company["id"],
            "company_name": company["name"],
            "company_domain": company["domain"],
            "company_country": "BR",
            "company_industry": company["industry"],
            "language": {"language_code": "pt", "country_code": "BR"},
        }
        return ok(shown)

    async def _users(self, asked: Asked) -> Response:
        me = asked.caller.user["id"]
        return ok([user(item, me) for item in self._account.tables["users"].values()])

    async def _find_users(self, asked: Asked) -> Response:
        term, key = asked.query.get("term", "").casefold(), "name"
        if whole(asked.query, "search_by_email"):
            key = "email"
        found = [item for item in self._account.tables["users"].values() if term in item[key].casefold()]
        return ok([user(item, asked.caller.user["id"]) for item in found])

    async def _user(self, asked: Asked) -> Response:
        found = self._account.tables["users"].get(asked.path_id())
        if found is None:
            return json_answer({"success": False, "error": "User not found"}, 404)
        return ok(user(found, asked.caller.user["id"]))

    async def _notes(self, asked: Asked) -> Response:
        query = asked.query
        wanted: Record = {name: value for name in _NOTE_LINKS if (value := whole(query, name)) is not None}
        if query.get("lead_id"):
            wanted["lead_id"] = query["lead_id"]
        since, first, last = moment(query, "updated_since"), query.get("start_date"), query.get("end_date")
        rows = keep(
            self._account.rows("notes"),
            lambda row: all(row[name] == value for name, value in wanted.items()),
            (lambda row: row["update_time"] >= since) if since else None,
            (lambda row: row["add_time"][:10] >= first) if first else None,
            (lambda row: row["add_time"][:10] <= last) if last else None,
        )
        page, state = offset_page(
            query, _sorted(rows, query.get("sort"), {"id", "add_time", "update_time", "user_id"})
        )
        me = asked.caller.user["id"]
        shown = [note(self._account, row, me) for row in page]
        return ok(shown, additional=in_pagination(state))

    async def _add_note(self, asked: Asked) -> Response:
        made = self._account.create("notes", _loose_ids(await asked.loose_body()), asked.actor)
        return ok(note(self._account, made, asked.caller.user["id"]))

    async def _note(self, asked: Asked) -> Response:
        return ok(note(self._account, self._account.get("notes", asked.path_id()), asked.caller.user["id"]))

    async def _change_note(self, asked: Asked) -> Response:
        body = _loose_ids(await asked.loose_body())
        changed = self._account.update("notes", asked.path_id(), body, asked.actor)
        return ok(note(self._account, changed, asked.caller.user["id"]))

    async def _delete_note(self, asked: Asked) -> Response:
        self._account.delete("notes", asked.path_id(), asked.actor)
        return ok(True)

    def _leads(self, archived: bool) -> Handler:
        async def handle(asked: Asked) -> Response:
            query = asked.query
            names = ("owner_id", "person_id", "organization_id")
            wanted = {name: value for name in names if (value := whole(query, name)) is not None}
            since = moment(query, "updated_since")
            rows = keep(
                self._account.rows("leads"),
                lambda row: bool(row["is_archived"]) == archived,
                lambda row: all(row[name] == value for name, value in wanted.items()),
                (lambda row: row["update_time"] >= since) if since else None,
            )
            page, state = offset_page(
                query, _sorted(rows, query.get("sort"), {"id", "title", "add_time", "update_time"})
            )
            return ok([lead(self._account, row) for row in page], additional=state)

        return handle

    async def _add_lead(self, asked: Asked) -> Response:
        made = self._account.create("leads", self._lead_body(await asked.body()), asked.actor)
        return ok(lead(self._account, made), 201)

    async def _lead(self, asked: Asked) -> Response:
        return ok(lead(self._account, self._account.get("leads", asked.request.path_params["id"])))

    async def _change_lead(self, asked: Asked) -> Response:
        own, body = asked.request.path_params["id"], self._lead_body(await asked.body())
        return ok(lead(self._account, self._account.update("leads", own, body, asked.actor)))

    async def _delete_lead(self, asked: Asked) -> Response:
        own = asked.request.path_params["id"]
        self._account.delete("leads", own, asked.actor)
        return ok({"id": own})

    def _lead_body(self, body: Record) -> Record:
        custom = from_v1(self._account, "deal", body)
        return {**body, **({"custom_fields": custom} if custom else {})}

    async def _lead_labels(self, _asked: Asked) -> Response:
        return ok(list(self._account.tables["lead_labels"].values()))

    async def _lead_sources(self, _asked: Asked) -> Response:
        names = (
            "Manually created",
            "Deal",
            "Web forms",
            "Prospector",
            "Leadbooster",
            "Live chat",
            "Import",
            "API",
        )
        return ok([{"name": name} for name in names])

    async def _lead_fields(self, asked: Asked) -> Response:
        own = ("title", "owner_id", "person_id", "org_id", "expected_close_date", "add_time")
        fields = [item for item in builtin(self._account, "deal") if item["field_code"] in own]
        every = [*fields, *definitions(self._account, "deal")]
        page, state = offset_page(asked.query, [self._field("deal", item) for item in every])
        return ok(page, additional=state)

    async def _note_fields(self, asked: Asked) -> Response:
        names = ("content", "add_time", "update_time", "user_id", "deal_id", "person_id", "org_id")
        kinds = {
            "content": "text",
            "add_time": "date",
            "update_time": "date",
            "user_id": "user",
            "deal_id": "deal",
            "person_id": "people",
            "org_id": "org",
        }
        shown = [
            {
                "id": place,
                "key": name,
                "name": name,
                "field_type": kinds[name],
                "active_flag": True,
                "edit_flag": False,
                "bulk_edit_allowed": False,
                "mandatory_flag": name == "content",
            }
            for place, name in enumerate(names, 1)
        ]
        page, state = offset_page(asked.query, shown)
        return ok(page, additional=state)

    async def _activity_types(self, _asked: Asked) -> Response:
        return ok([rfc_times(item) for item in self._account.tables["activity_types"].values()])

    async def _currencies(self, asked: Asked) -> Response:
        term = asked.query.get("term", "").casefold()
        shown = [
            {
                "id": place,
                "code": code,
                "name": name,
                "decimal_points": DECIMALS.get(code, 2),
                "symbol": symbol,
                "active_flag": True,
                "is_custom_flag": False,
            }
            for place, (code, (name, symbol)) in enumerate(CURRENCIES.items(), 1)
            if term in code.casefold() or term in name.casefold()
        ]
        return ok(shown)

    async def _filters(self, asked: Asked) -> Response:
        kind = asked.query.get("type")
        filters = [
            item for item in self._account.tables["filters"].values() if not kind or item["type"] == kind
        ]
        return ok([{key: value for key, value in item.items() if key[0] != "_"} for item in filters])

    def _fields(self, entity: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            page, state = offset_page(asked.query, self._all_fields(entity))
            return ok(page, additional={**state, **in_pagination(state)})

        return handle

    def _one_field(self, entity: str) -> Handler:
        async def handle(asked: Asked) -> Response:
            own = asked.path_id()
            found = next((item for item in self._all_fields(entity) if item["id"] == own), None)
            if found is None:
                raise ApiError(410, "The field is not found")
            return ok(found)

        return handle

    def _all_fields(self, entity: str) -> list[Record]:
        every = [*builtin(self._account, entity), *definitions(self._account, entity)]
        return [self._field(entity, item) for item in every]

    def _field(self, entity: str, definition: Record) -> Record:
        code: str = definition["field_code"]
        return field(definition, V1_KEYS[entity].get(code, code), bool(definition["is_custom_field"]))


def _loose_ids(body: Record) -> Record:
    """API v1 takes ids as text, and as forms have them."""
    links = ("deal_id", "person_id", "org_id", "project_id", "task_id", "user_id")
    return {name: _loose(value, name in links, name.endswith("_flag")) for name, value in body.items()}


def _loose(value: Any, is_id: bool, is_flag: bool) -> Any:
    if not isinstance(value, str):
        return value
    if is_flag:
        return {"1": 1, "0": 0, "true": True, "false": False}.get(value, value)
    return int(value) if is_id and value.isdigit() else value


def _sorted(rows: list[Record], wanted: str | None, known: set[str]) -> list[Record]:
    """Rows in the order of `field ASC, other DESC`; without one, oldest first."""
    for part in reversed([part for part in (wanted or "").split(",") if part.strip()]):
        name, _, direction = part.strip().partition(" ")
        if name not in known:
            raise MissingError("Sort field")
        rows = sorted(rows, key=lambda row: str(row[name]), reverse=direction.strip().upper() == "DESC")
    return rows
