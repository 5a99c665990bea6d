"""API v1's calls on everything but deals."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from vaivem.simulators.kit.answers import json_answer, read_object
from vaivem.simulators.kit.tables import Record
from vaivem.simulators.rd_station_crm.custom_values import definitions
from vaivem.simulators.rd_station_crm.v1 import ApiV1, BadParameterError, ordered, page_of
from vaivem.simulators.rd_station_crm.v1_bodies import (
    LOST_REASON_MAX_CHARS,
    contact_values,
    custom_field_values,
    name_values,
    organization_values,
    part,
    sequence,
    task_values,
    webhook_values,
)

STAGES_LIMIT = 12
_ORDERS = {"name": "name", "created_at": "created_at", "updated_at": "updated_at"}
_TASK_ORDERS = {**_ORDERS, "date": "due_date"}
_ACTIVITY_ORDERS = {"created_at": "registered_at", "date": "registered_at"}
# Path, table, and the object that a body is wrapped in ("" when it is not).
_NAMED = (
    ("deal_sources", "sources", "deal_source"),
    ("campaigns", "campaigns", "campaign"),
    ("deal_lost_reasons", "lost_reasons", ""),
)


class RecordsV1:
    """The routes of everything beside deals."""

    def __init__(self, api: ApiV1) -> None:
        self._api = api
        self._account = api.account
        self._shape = api.shapes

    def routes(self) -> list[BaseRoute]:
        """Every documented call."""
        route = self._api.route
        found: list[BaseRoute] = [
            route("/token/check", GET=self._check),
            route("/contacts", GET=self._contacts, POST=self._add_contact),
            route("/contacts/{id}", GET=self._contact, PUT=self._update_contact),
            route("/organizations", GET=self._organizations, POST=self._add_organization),
            route("/organizations/{id}", GET=self._organization, PUT=self._update_organization),
            route("/organizations/{id}/contacts", GET=self._organization_contacts),
            route("/deal_pipelines", GET=self._pipelines, POST=self._add_pipeline),
            route("/deal_pipelines/{id}", GET=self._pipeline, PUT=self._update_pipeline),
            route("/deal_stages", GET=self._stages, POST=self._add_stage),
            route("/deal_stages/{id}", GET=self._stage, PUT=self._update_stage),
            route("/custom_fields", GET=self._fields, POST=self._add_field),
            route("/custom_fields/{id}", PUT=self._update_field, DELETE=self._delete_field),
            route("/activities", GET=self._activities, POST=self._add_activity),
            route("/tasks", GET=self._tasks, POST=self._add_task),
            route("/tasks/{id}", GET=self._task, PUT=self._update_task),
            route("/users", GET=self._users),
            route("/teams", GET=self._teams),
            route("/webhooks", GET=self._webhooks, POST=self._add_webhook),
            route("/webhooks/{id}", GET=self._webhook, PUT=self._update_webhook, DELETE=self._delete_webhook),
        ]
        for path, table, wrapper in _NAMED:
            found += self._named(path, table, wrapper)
        return found

    async def _check(self, _request: Request, user: Record) -> Response:
        return json_answer({"email": user["email"], "name": user["name"], "organization": self._account.name})

    # ---- contacts

    async def _contacts(self, request: Request, _user: Record) -> Response:
        query, table = request.query_params, self._account.tables["contacts"]
        email, phone = query.get("email"), query.get("phone")
        if email:
            found = table.find("email", email.lower())
            if self._account.quirks.email_case_sensitive:
                found = [item for item in found if {"email": email} in item["emails"]]
        else:
            found = table.find("phone", phone) if phone else table.dump()
        if email and phone:
            found = [item for item in found if any(held["phone"] == phone for held in item["phones"])]
        title, text = query.get("title"), query.get("q", "").lower()
        if title:
            found = [item for item in found if item["job_title"] == title]
        if text:
            found = [item for item in found if _mentions(item, text)]
        found = ordered(request, found, _ORDERS)
        return self._api.page(request, "contacts", found, lambda item: self._shape.contact(item, listed=True))

    async def _contact(self, request: Request, _user: Record) -> Response:
        return json_answer(self._shape.contact(self._account.get("contacts", request.path_params["id"])))

    async def _add_contact(self, request: Request, user: Record) -> Response:
        sent = part(await read_object(request), "contact")
        deals = self._deals(user, sent)
        contact = self._account.create("contacts", contact_values(self._account, sent), **_notes(sent))
        self._link(contact["id"], deals)
        return json_answer(self._shape.contact(contact))

    async def _update_contact(self, request: Request, user: Record) -> Response:
        sent = part(await read_object(request), "contact")
        contact_id, deals = request.path_params["id"], self._deals(user, sent)
        contact = self._account.update(
            "contacts", contact_id, contact_values(self._account, sent), **_notes(sent)
        )
        self._link(contact["id"], deals)
        return json_answer(self._shape.contact(contact))

    def _deals(self, user: Record, sent: dict[str, Any]) -> list[Record] | None:
        if sent.get("deal_ids") is None:
            return None
        return [self._api.get(user, "deals", deal_id) for deal_id in sequence(sent, "deal_ids")]

    def _link(self, contact_id: str, deals: list[Record] | None) -> None:
        """Make these the contact's deals; the list replaces the one that was there."""
        if deals is None:
            return
        wanted = {deal["id"] for deal in deals}
        for deal in self._account.tables["deals"].find("contact_id", contact_id):
            if deal["id"] not in wanted:
                rest = [other for other in deal["contact_ids"] if other != contact_id]
                self._account.update("deals", deal["id"], {"contact_ids": rest})
        for deal in deals:
            self._account.update("deals", deal["id"], {"contact_ids": [*deal["contact_ids"], contact_id]})

    # ---- organizations

    async def _organizations(self, request: Request, user: Record) -> Response:
        query, found = request.query_params, self._api.visible(user, "organizations")
        text, owner, segment = (
            query.get("q", "").lower(),
            query.get("user_id"),
            query.get("organization_segment"),
        )
        found = [item for item in found if text in item["name"].lower()]
        found = [item for item in found if not owner or item["owner_id"] == owner]
        found = [item for item in found if not segment or segment in item["segment_ids"]]
        found = ordered(request, found, _ORDERS)
        return self._api.page(
            request, "organizations", found, lambda item: self._shape.organization(item, listed=True)
        )

    async def _organization(self, request: Request, user: Record) -> Response:
        found = self._api.get(user, "organizations", request.path_params["id"])
        return json_answer(self._shape.organization(found))

    async def _add_organization(self, request: Request, user: Record) -> Response:
        sent = part(await read_object(request), "organization")
        values = {"owner_id": user["id"], **organization_values(self._account, sent)}
        return json_answer(self._shape.organization(self._account.create("organizations", values)))

    async def _update_organization(self, request: Request, user: Record) -> Response:
        found = self._api.get(user, "organizations", request.path_params["id"])
        sent = part(await read_object(request), "organization")
        changed = self._account.update("organizations", found["id"], organization_values(self._account, sent))
        return json_answer(self._shape.organization(changed))

    async def _organization_contacts(self, request: Request, user: Record) -> Response:
        organization = self._api.get(user, "organizations", request.path_params["id"])
        found = self._account.tables["contacts"].find("organization_id", organization["id"])
        return self._api.page(request, "contacts", found, lambda item: self._shape.contact(item, listed=True))

    # ---- pipelines and stages

    async def _pipelines(self, _request: Request, _user: Record) -> Response:
        found = sorted(self._account.tables["pipelines"], key=lambda item: item["order"])
        return json_answer([self._shape.pipeline(item) for item in found])

    async def _pipeline(self, request: Request, _user: Record) -> Response:
        return json_answer(self._shape.pipeline(self._account.get("pipelines", request.path_params["id"])))

    async def _add_pipeline(self, request: Request, _user: Record) -> Response:
        sent = await read_object(request)
        values = name_values(part(sent, "deal_pipeline") or sent)
        return json_answer(self._shape.pipeline(self._account.create("pipelines", values)))

    async def _update_pipeline(self, request: Request, _user: Record) -> Response:
        sent = await read_object(request)
        values = name_values(part(sent, "deal_pipeline") or sent)
        changed = self._account.update("pipelines", request.path_params["id"], values)
        return json_answer(self._shape.pipeline(changed))

    async def _stages(self, request: Request, _user: Record) -> Response:
        number, limit = page_of(request, STAGES_LIMIT, STAGES_LIMIT)
        wanted = request.query_params.get("deal_pipeline_id")
        # Without a pipeline the account's first one is meant.
        pipeline_id = wanted or next(iter(self._account.tables["pipelines"]))["id"]
        found, start = self._account.stages_of(pipeline_id), (number - 1) * limit
        page = [self._shape.stage(item) for item in found[start : start + limit]]
        more = start + limit < len(found)
        return json_answer({"deal_stages": page, "has_more": more, "total": len(found)})

    async def _stage(self, request: Request, _user: Record) -> Response:
        return json_answer(self._shape.stage(self._account.get("stages", request.path_params["id"])))

    async def _add_stage(self, request: Request, _user: Record) -> Response:
        sent = await read_object(request)
        inner = part(sent, "deal_stage") or sent
        pipeline = self._account.get("pipelines", inner.get("deal_pipeline_id"))
        stage = self._account.create("stages", name_values(inner), pipeline_id=pipeline["id"])
        return json_answer(self._shape.stage(stage))

    async def _update_stage(self, request: Request, _user: Record) -> Response:
        sent = await read_object(request)
        values = name_values(part(sent, "deal_stage") or sent)
        return json_answer(
            self._shape.stage(self._account.update("stages", request.path_params["id"], values))
        )

    # ---- sources, campaigns, lost reasons

    def _named(self, path: str, table: str, wrapper: str) -> list[BaseRoute]:
        longest = LOST_REASON_MAX_CHARS if table == "lost_reasons" else 0

        async def values(request: Request) -> dict[str, Any]:
            body = await read_object(request)
            return name_values(part(body, wrapper) if wrapper else body, max_chars=longest)

        async def listed(request: Request, _user: Record) -> Response:
            text = request.query_params.get("q", "").lower()
            found = [item for item in self._account.tables[table] if text in item["name"].lower()]
            return self._api.page(request, path, ordered(request, found, _ORDERS), self._shape.named)

        async def one(request: Request, _user: Record) -> Response:
            return json_answer(self._shape.named(self._account.get(table, request.path_params["id"])))

        async def add(request: Request, _user: Record) -> Response:
            return json_answer(self._shape.named(self._account.create(table, await values(request))))

        async def change(request: Request, _user: Record) -> Response:
            changed = self._account.update(table, request.path_params["id"], await values(request))
            return json_answer(self._shape.named(changed))

        route = self._api.route
        return [route(f"/{path}", GET=listed, POST=add), route(f"/{path}/{{id}}", GET=one, PUT=change)]

    # ---- custom fields

    async def _fields(self, request: Request, _user: Record) -> Response:
        wanted = request.query_params.get("for")
        entities = [wanted] if wanted else ["deal", "contact", "organization", "product"]
        found = [field for entity in entities for field in definitions(self._account, entity)]
        return json_answer([self._shape.custom_field(field) for field in found])

    async def _add_field(self, request: Request, _user: Record) -> Response:
        sent = await read_object(request)
        values = custom_field_values(part(sent, "custom_field") or sent)
        return json_answer(self._shape.custom_field(self._account.create("custom_fields", values)), 201)

    async def _update_field(self, request: Request, _user: Record) -> Response:
        sent = await read_object(request)
        values = custom_field_values(part(sent, "custom_field") or sent)
        changed = self._account.update("custom_fields", request.path_params["id"], values)
        return json_answer(self._shape.custom_field(changed))

    async def _delete_field(self, request: Request, _user: Record) -> Response:
        self._account.delete("custom_fields", request.path_params["id"])
        return Response(status_code=204)

    # ---- notes and tasks

    async def _activities(self, request: Request, user: Record) -> Response:
        deal_id, table = request.query_params.get("deal_id"), self._account.tables["notes"]
        found = (
            table.find("deal_id", self._api.get(user, "deals", deal_id)["id"]) if deal_id else table.dump()
        )
        return self._api.page(
            request, "activities", ordered(request, found, _ACTIVITY_ORDERS), self._shape.activity
        )

    async def _add_activity(self, request: Request, user: Record) -> Response:
        sent = part(await read_object(request), "activity")
        deal = self._api.get(user, "deals", sent.get("deal_id"))
        values = {"description": sent.get("text"), "user_id": sent.get("user_id") or user["id"]}
        note = self._account.create("notes", values, deal_id=deal["id"])
        self._account.touch_deal(deal["id"])
        return json_answer(self._shape.activity(note))

    async def _tasks(self, request: Request, user: Record) -> Response:
        query, found = request.query_params, self._api.visible(user, "tasks")
        wishes = (("deal_id", "deal_id"), ("type", "type"))
        for key, column in wishes:
            if query.get(key):
                found = [task for task in found if task[column] == query[key]]
        if query.get("user_id"):
            found = [task for task in found if query["user_id"] in task["owner_ids"]]
        if query.get("done"):
            if query["done"] not in ("true", "false"):
                raise BadParameterError("done")
            found = [task for task in found if (task["status"] == "completed") == (query["done"] == "true")]
        return self._api.page(request, "tasks", ordered(request, found, _TASK_ORDERS), self._shape.task)

    async def _task(self, request: Request, user: Record) -> Response:
        return json_answer(self._shape.task(self._api.get(user, "tasks", request.path_params["id"])))

    async def _add_task(self, request: Request, user: Record) -> Response:
        sent = part(await read_object(request), "task")
        deal = self._api.get(user, "deals", sent.get("deal_id"))
        values = {"owner_ids": [user["id"]], **task_values(sent, self._account.now())}
        task = self._account.create("tasks", {**values, "deal_id": deal["id"], "created_by_id": user["id"]})
        self._account.touch_deal(deal["id"])
        return json_answer(self._shape.task(task))

    async def _update_task(self, request: Request, user: Record) -> Response:
        found = self._api.get(user, "tasks", request.path_params["id"])
        sent = part(await read_object(request), "task")
        task = self._account.update("tasks", found["id"], task_values(sent, self._account.now()))
        return json_answer(self._shape.task(task))

    # ---- users, teams, webhooks

    async def _users(self, _request: Request, _user: Record) -> Response:
        return json_answer({"users": [self._shape.user(item) for item in self._account.tables["users"]]})

    async def _teams(self, _request: Request, _user: Record) -> Response:
        return json_answer({"teams": [self._shape.team(item) for item in self._account.tables["teams"]]})

    async def _webhooks(self, _request: Request, _user: Record) -> Response:
        found = [self._shape.webhook(item) for item in self._account.tables["webhooks"]]
        return json_answer({"webhooks": found})

    async def _webhook(self, request: Request, _user: Record) -> Response:
        return json_answer(self._shape.webhook(self._account.get("webhooks", request.path_params["id"])))

    async def _add_webhook(self, request: Request, _user: Record) -> Response:
        webhook = self._account.create("webhooks", webhook_values(await read_object(request)))
        return json_answer(self._shape.webhook(webhook))

    async def _update_webhook(self, request: Request, _user: Record) -> Response:
        values = webhook_values(await read_object(request))
        changed = self._account.update("webhooks", request.path_params["id"], values)
        return json_answer(self._shape.webhook(changed))

    async def _delete_webhook(self, request: Request, _user: Record) -> Response:
        self._account.delete("webhooks", request.path_params["id"])
        return Response(status_code=204)


def _notes(sent: dict[str, Any]) -> dict[str, Any]:
    return {"_notes": sent["notes"]} if "notes" in sent else {}


def _mentions(contact: Record, text: str) -> bool:
    held = [contact["name"], *(item["email"] for item in contact["emails"])]
    return any(text in value.lower() for value in held)
