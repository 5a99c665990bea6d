"""Contact fields: definitions, options, and values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from vaivem.simulators.activecampaign.api import SOURCE, Call, Gate, Result, echoed
from vaivem.simulators.activecampaign.contacts import Contacts, stored, text_of
from vaivem.simulators.activecampaign.listing import answer, filters, matching
from vaivem.simulators.activecampaign.problems import ProblemError, bad_request, no_result
from vaivem.simulators.kit.tables import Record

if TYPE_CHECKING:
    from vaivem.simulators.activecampaign.app import ActiveCampaign


class FieldCalls:
    """The handlers of contact fields and their values."""

    def __init__(self, simulator: ActiveCampaign) -> None:
        self._contacts = Contacts(simulator.account)

    def routes(self, gate: Gate) -> list[BaseRoute]:
        return [
            gate.route("/fields", GET=self.fields, POST=self.create),
            gate.route("/fields/{id}", GET=self.show, PUT=self.change, DELETE=self.delete),
            gate.route("/fields/{id}/options", GET=self.options_of),
            # The reference has the first address, the vendor's own client the second.
            gate.route("/fieldOption/bulk", POST=self.options),
            gate.route("/fieldOptions/bulk", POST=self.options),
            gate.route("/fieldRels", POST=self.relate),
            gate.route("/fieldValues", GET=self.values, POST=self.set_value),
            gate.route("/fieldValues/{id}", GET=self.value, PUT=self.change_value, DELETE=self.delete_value),
        ]

    def fields(self, call: Call) -> Result:
        columns = {"perstag": "perstag", "title": "title", "type": "type"}
        rows = matching(call.account["fields"], filters(call.query), columns)
        found = answer("fields", call.query, rows, call.shapes.field)
        shown = [field["id"] for field in found["fields"]]
        return 200, {**self._beside(call, shown), **found}

    def _beside(self, call: Call, field_ids: list[str]) -> Record:
        account, shapes = call.account, call.shapes
        options = [one for key in field_ids for one in account["field_options"].find("field", key)]
        rels = [one for key in field_ids for one in account["field_rels"].find("field", key)]
        return {
            "fieldOptions": [shapes.field_option(one) for one in options],
            "fieldRels": [shapes.field_rel(one) for one in rels],
        }

    def create(self, call: Call) -> Result:
        """All fields, as in the example, beside the new one, which the vendor's own client reads."""
        data, account = call.wrapped("field"), call.account
        title = text_of(data.get("title")).strip()
        if not title:
            raise bad_request()
        perstag = text_of(data.get("perstag")).upper().replace(" ", "_") or title.upper().replace(" ", "_")
        if list(account["fields"].ids("title", title.lower())):
            raise _taken(title)
        if list(account["fields"].ids("perstag", perstag.lower())):
            raise _taken(title)
        kind = text_of(data.get("type")) or "text"
        made = account.add("fields", field_values(title, kind, perstag, data))
        return 201, {**self.fields(call)[1], "field": call.shapes.field(made)}

    def show(self, call: Call) -> Result:
        field = self._field(call)
        return 200, {**self._beside(call, [field["id"]]), "field": call.shapes.field(field)}

    def change(self, call: Call) -> Result:
        field, data = self._field(call), call.wrapped("field")
        changes: Record = {key: data[key] for key in ("title", "descript", "defval") if key in data}
        return 200, {"field": call.shapes.field(call.account.change("fields", field, changes))}

    def delete(self, call: Call) -> Result:
        field = self._field(call)
        for value in call.account["field_values"].find("field", field["id"]):
            call.account["field_values"].remove(value["id"])
        call.account["fields"].remove(field["id"])
        return 200, {}

    def options(self, call: Call) -> Result:
        sent = call.body.get("fieldOptions") if isinstance(call.body, dict) else None
        fields = call.account["fields"]
        good = isinstance(sent, list) and all(
            isinstance(one, dict) and text_of(one.get("field")) in fields for one in sent
        )
        if not sent or not good:
            text = "Bulk operation failed. Request must contain fieldOptions of a field that exists."
            raise ProblemError(422, {"errors": text})
        made = [
            call.account.add(
                "field_options",
                {
                    "field": text_of(one["field"]),
                    "orderid": one.get("orderid", 1),
                    "value": text_of(one.get("value")),
                    "label": text_of(one.get("label")) or text_of(one.get("value")),
                    "isdefault": 1 if one.get("isdefault") else 0,
                },
            )
            for one in sent
        ]
        return 201, {"fieldOptions": [call.shapes.field_option(one) for one in made]}

    def options_of(self, call: Call) -> Result:
        return 200, {"fieldOptions": self._beside(call, [self._field(call)["id"]])["fieldOptions"]}

    def relate(self, call: Call) -> Result:
        data = call.wrapped("fieldRel")
        if text_of(data.get("field")) not in call.account["fields"]:
            raise no_result("Field", data.get("field"))
        values = {"field": text_of(data["field"]), "relid": text_of(data.get("relid")) or "0"}
        rel = call.shapes.field_rel(call.account.add("field_rels", values))
        return 201, {"fieldRel": echoed(rel, data, "field", "relid")}

    def values(self, call: Call) -> Result:
        wanted = filters(call.query)
        rows: list[Record] = list(call.account["field_values"])
        if "fieldid" in wanted:
            rows = call.account["field_values"].find("field", wanted.pop("fieldid")[1])
        rows = matching(rows, wanted, {"val": "value"})
        return 200, answer("fieldValues", call.query, rows, call.shapes.field_value)

    def value(self, call: Call) -> Result:
        return 200, {"fieldValue": call.shapes.field_value(self._value(call))}

    def set_value(self, call: Call) -> Result:
        data = call.wrapped("fieldValue")
        contact = self._contacts.get(data.get("contact"))
        field = text_of(data.get("field"))
        if field not in call.account["fields"]:
            raise no_result("Field", field)
        return 200, self._set(call, contact, field, data)

    def change_value(self, call: Call) -> Result:
        old, data = self._value(call), call.wrapped("fieldValue")
        contact = self._contacts.get(old["contact"])
        return 200, self._set(call, contact, old["field"], data)

    def delete_value(self, call: Call) -> Result:
        call.account["field_values"].remove(self._value(call)["id"])
        return 200, {}

    def _set(self, call: Call, contact: Record, field: str, data: Record) -> Record:
        written = self._contacts.set_value(contact, field, stored(data.get("value")))
        contact, _written = self._contacts.change(contact, {}, SOURCE)
        shown = {"contacts": [call.shapes.contact(contact)]}
        value = echoed(call.shapes.field_value(written), data, "contact", "field")
        return {**shown, "fieldValue": {**value, "owner": value["contact"]}}

    def _field(self, call: Call) -> Record:
        field = call.account["fields"].get(call.path["id"])
        if field is None:
            raise no_result("Field", call.path["id"])
        return field

    def _value(self, call: Call) -> Record:
        value = call.account["field_values"].get(call.path["id"])
        if value is None:
            raise no_result("FieldValue", call.path["id"])
        return value


def field_values(title: str, kind: str, perstag: str, data: Record) -> Record:
    """What is kept of a field's definition."""
    return {
        "title": title,
        "descript": data.get("descript"),
        "type": kind,
        "perstag": perstag,
        "defval": data.get("defval"),
        "visible": text_of(data.get("visible", 1)),
        "ordernum": text_of(data.get("ordernum", 1)),
    }


def _taken(title: str) -> ProblemError:
    detail = f"There is already a field named '{title}' -- choose another name"
    error = {"title": "There is already a field with this title", "detail": detail, "code": "duplicate"}
    return ProblemError(422, {"errors": [error]})
