"""Custom objects, automations, users and webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from vaivem.simulators.activecampaign.api import SOURCE, Call, Gate, Result
from vaivem.simulators.activecampaign.automations import Automations
from vaivem.simulators.activecampaign.hooks import EVENTS, checked_webhook
from vaivem.simulators.activecampaign.listing import MOST, PAGE, answer, filters, matching, number
from vaivem.simulators.activecampaign.objects import Objects
from vaivem.simulators.activecampaign.problems import bad_object, no_result
from vaivem.simulators.kit.tables import Record

if TYPE_CHECKING:
    from vaivem.simulators.activecampaign.app import ActiveCampaign

# Kinds of things that are not simulated; an account without them is an account too.
_EMPTY = ("campaigns", "emailActivities", "forms", "messages", "scores")
_RELATED = "relationships."


class ObjectCalls:
    """The handlers of custom objects."""

    def __init__(self, simulator: ActiveCampaign) -> None:
        self._objects = Objects(simulator.account)

    def routes(self, gate: Gate) -> list[BaseRoute]:
        schemas, records = "/customObjects/schemas", "/customObjects/records/{schema}"
        return [
            gate.route(schemas, GET=self.schemas, POST=self.create_schema),
            gate.route(
                f"{schemas}/{{schema}}",
                GET=self.schema,
                PUT=self.change_schema,
                DELETE=self.delete_schema,
            ),
            gate.route(f"{schemas}/{{schema}}/fields/{{field}}", DELETE=self.drop_field),
            gate.route(records, GET=self.records, POST=self.write_record),
            gate.route(f"{records}/external/{{external}}", GET=self.external, DELETE=self.delete_external),
            gate.route(f"{records}/{{record}}", GET=self.record, DELETE=self.delete_record),
        ]

    def schemas(self, call: Call) -> Result:
        rows = self._objects.schemas()
        space = filters(call.query).get("relationships.namespace")
        if space is not None:
            rows = [row for row in rows if any(one["namespace"] == space[1] for one in row["relationships"])]
        whole = call.query.get("showFields") == "all"
        return 200, _listed(call, "schemas", rows, lambda row: self._shown(call, row, whole=whole))

    def create_schema(self, call: Call) -> Result:
        return 201, {"schema": call.shapes.schema(self._objects.create_schema(call.wrapped("schema")))}

    def schema(self, call: Call) -> Result:
        whole = call.query.get("showFields") == "all"
        return 200, {"schema": self._shown(call, self._schema(call), whole=whole)}

    def change_schema(self, call: Call) -> Result:
        """The header `validateOnly: true` only checks."""
        dry = call.headers.get("validateonly", "").lower() == "true"
        schema = self._objects.change_schema(self._schema(call), call.wrapped("schema"), dry=dry)
        return 200, {"schema": call.shapes.schema(schema)}

    def delete_schema(self, call: Call) -> Result:
        self._objects.delete_schema(self._schema(call))
        return 200, None

    def drop_field(self, call: Call) -> Result:
        schema = self._objects.drop_field(self._schema(call), call.path["field"])
        return 202, {"schema": self._shown(call, schema, whole=call.query.get("showFields") == "all")}

    def records(self, call: Call) -> Result:
        schema, table = self._schema(call), call.account["records"]
        rows = table.find("schema", schema["id"])
        for name, (_operator, value) in filters(call.query).items():
            if not name.startswith(_RELATED):
                raise bad_object()
            relation = name.removeprefix(_RELATED)
            related = table.find("related", value)
            rows = [
                row
                for row in related
                if row["schema"] == schema["id"] and value in row["relationships"].get(relation, ())
            ]
        return 200, _listed(call, "records", rows, call.shapes.record)

    def write_record(self, call: Call) -> Result:
        record = self._objects.write_record(self._schema(call), call.wrapped("record"))
        return 201, {"record": call.shapes.record(record)}

    def record(self, call: Call) -> Result:
        return 200, {
            "record": call.shapes.record(self._objects.record(self._schema(call), call.path["record"]))
        }

    def delete_record(self, call: Call) -> Result:
        record = self._objects.record(self._schema(call), call.path["record"])
        call.account["records"].remove(record["id"])
        return 202, None

    def external(self, call: Call) -> Result:
        return 200, {"record": call.shapes.record(self._external(call))}

    def delete_external(self, call: Call) -> Result:
        call.account["records"].remove(self._external(call)["id"])
        return 202, None

    def _schema(self, call: Call) -> Record:
        return self._objects.schema(call.path["schema"])

    def _external(self, call: Call) -> Record:
        record = self._objects.by_external(self._schema(call), call.path["external"])
        if record is None:
            raise bad_object()
        return record

    def _shown(self, call: Call, schema: Record, *, whole: bool) -> Record:
        shown = call.shapes.schema(schema)
        return {**shown, "fields": schema["fields"]} if whole else shown


def _listed(call: Call, key: str, rows: list[Record], shape: Callable[[Record], Record]) -> Record:
    limit = min(number(call.query, "limit", PAGE), MOST)
    offset = number(call.query, "offset", 0)
    shown = rows[offset : offset + limit]
    meta = {"total": len(rows), "count": len(shown), "limit": limit, "offset": offset}
    return {key: [shape(row) for row in shown], "meta": meta}


class OtherCalls:
    """The handlers of automations, users and webhooks."""

    def __init__(self, simulator: ActiveCampaign) -> None:
        self._automations: Automations = simulator.automations

    def routes(self, gate: Gate) -> list[BaseRoute]:
        return [
            gate.route("/automations", GET=self.automations),
            gate.route("/automations/{id}", GET=self.automation),
            gate.route("/contactAutomations", GET=self.entries, POST=self.enrol),
            gate.route("/contactAutomations/{id}", GET=self.entry, DELETE=self.leave),
            *(gate.route(f"/{name}", GET=_none(name)) for name in _EMPTY),
            gate.route("/groups", GET=self.groups),
            gate.route("/users", GET=self.users),
            gate.route("/users/me", GET=self.me),
            gate.route("/users/{id}", GET=self.user),
            gate.route("/webhook/events", GET=self.events),
            gate.route("/webhooks", GET=self.webhooks, POST=self.create_webhook),
            gate.route(
                "/webhooks/{id}", GET=self.webhook, PUT=self.change_webhook, DELETE=self.delete_webhook
            ),
        ]

    def automations(self, call: Call) -> Result:
        wanted = filters(call.query)
        rows = matching(call.account["automations"], wanted, {"name": "name", "status": "status"})
        if call.query.get("active") in ("true", "1"):
            rows = [row for row in rows if row["status"] == "1"]
        found = answer("automations", call.query, rows, call.shapes.automation)
        found["meta"] |= {"starts": [], "filtered": False, "smsLogs": []}
        return 200, found

    def automation(self, call: Call) -> Result:
        return 200, {"automation": call.shapes.automation(_found(call, "automations", "Series"))}

    def entries(self, call: Call) -> Result:
        columns = {"contact": "contact", "automation": "automation", "seriesid": "automation"}
        rows = matching(call.account["contact_automations"], filters(call.query), columns)
        found = answer("contactAutomations", call.query, rows, call.shapes.contact_automation)
        found["meta"]["showcase_stats"] = []
        return 200, found

    def enrol(self, call: Call) -> Result:
        data = call.wrapped("contactAutomation")
        row = self._automations.enrol(data.get("contact"), data.get("automation"), SOURCE)
        contact = call.account["contacts"].get(row["contact"])
        return 201, {
            "contacts": [call.shapes.contact(contact)] if contact else [],
            "contactAutomation": {
                **call.shapes.contact_automation(row),
                "startid": 0,
                "status": int(row["status"]),
            },
        }

    def entry(self, call: Call) -> Result:
        row = _found(call, "contact_automations", "SubscriberSeries")
        return 200, {"contactAutomation": call.shapes.contact_automation(row)}

    def leave(self, call: Call) -> Result:
        self._automations.leave(call.path["id"])
        return 200, {}

    def users(self, call: Call) -> Result:
        return 200, answer("users", call.query, list(call.account["users"]), call.shapes.user)

    def groups(self, call: Call) -> Result:
        """The users' groups: those who see all, and the others."""
        rows = [
            {"title": title, "descript": "", "id": key} for title, key in (("Admin", "3"), ("Sales", "4"))
        ]
        return 200, answer("groups", call.query, rows, dict)

    def me(self, call: Call) -> Result:
        return 200, {"user": call.shapes.user(call.user)}

    def user(self, call: Call) -> Result:
        return 200, {"user": call.shapes.user(_found(call, "users", "User"))}

    def events(self, call: Call) -> Result:
        return 200, {"webhookEvents": list(EVENTS), "meta": {"total": len(EVENTS)}}

    def webhooks(self, call: Call) -> Result:
        columns = {"name": "name", "url": "url", "listid": "listid"}
        rows = matching(call.account["webhooks"], filters(call.query), columns)
        return 200, answer("webhooks", call.query, rows, call.shapes.webhook)

    def create_webhook(self, call: Call) -> Result:
        hook = call.account.add("webhooks", checked_webhook(call.wrapped("webhook")))
        return 201, {"webhook": call.shapes.webhook(hook)}

    def webhook(self, call: Call) -> Result:
        return 200, {"webhook": call.shapes.webhook(_found(call, "webhooks", "Webhook"))}

    def change_webhook(self, call: Call) -> Result:
        hook = _found(call, "webhooks", "Webhook")
        values = checked_webhook(call.wrapped("webhook"), hook)
        return 200, {"webhook": call.shapes.webhook(call.account.change("webhooks", hook, values))}

    def delete_webhook(self, call: Call) -> Result:
        call.account["webhooks"].remove(_found(call, "webhooks", "Webhook")["id"])
        return 200, {}


def _none(name: str) -> Callable[[Call], Result]:
    """A list of what this account has none of."""
    return lambda call: (200, answer(name, call.query, [], dict))


def _found(call: Call, table: str, label: str) -> Record:
    record = call.account[table].get(call.path["id"])
    if record is None:
        raise no_result(label, call.path["id"])
    return record
