"""Accounts, deals with their pipelines, notes, and the custom fields of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from vaivem.simulators.activecampaign.api import SOURCE, Call, Gate, Result, echoed, paid
from vaivem.simulators.activecampaign.contacts import text_of
from vaivem.simulators.activecampaign.listing import answer, filters, matching, ordered, page, since
from vaivem.simulators.activecampaign.problems import message, no_result, wrong
from vaivem.simulators.activecampaign.sales import Sales
from vaivem.simulators.activecampaign.tasks import remove_tasks
from vaivem.simulators.kit.tables import Record

if TYPE_CHECKING:
    from vaivem.simulators.activecampaign.app import ActiveCampaign

_DEAL_COLUMNS = {"title": "title", "stage": "stage", "group": "group", "status": "status", "owner": "owner"}
_DEAL_ORDERS = {"title": "title", "value": "value", "cdate": "cdate", "mdate": "udate"}


class SalesCalls:
    """The handlers."""

    def __init__(self, simulator: ActiveCampaign) -> None:
        self._sales = Sales(simulator.account)

    def routes(self, gate: Gate) -> list[BaseRoute]:
        found = [
            gate.route("/accounts", GET=self.accounts, POST=self.create_account),
            gate.route(
                "/accounts/{id}", GET=self.account, PUT=self.change_account, DELETE=self.delete_account
            ),
            gate.route("/accountContacts", GET=self.account_contacts, POST=self.join),
            gate.route("/accountContacts/{id}", GET=self.joined, PUT=self.change_joined, DELETE=self.part),
            gate.route("/deals", GET=paid(self.deals), POST=paid(self.create_deal)),
            gate.route(
                "/deals/{id}",
                GET=paid(self.deal),
                PUT=paid(self.change_deal),
                DELETE=paid(self.delete_deal),
            ),
            gate.route("/dealGroups", GET=paid(self.groups)),
            gate.route("/dealStages", GET=paid(self.stages)),
            gate.route("/notes", GET=self.notes, POST=self.create_note),
            gate.route("/notes/{id}", GET=self.note, PUT=self.change_note, DELETE=self.delete_note),
            gate.route("/deals/{id}/notes", POST=self._object_note("Deal")),
            gate.route("/accounts/{id}/notes", POST=self._object_note("CustomerAccount")),
        ]
        for kind in ("account", "deal"):
            meta, data = self._meta_calls(kind), self._data_calls(kind)
            found += [
                gate.route(f"/{kind}CustomFieldMeta", GET=meta[0], POST=meta[1]),
                gate.route(f"/{kind}CustomFieldData", GET=data[0], POST=data[1]),
                gate.route(f"/{kind}CustomFieldData/{{id}}", PUT=data[2]),
            ]
        return found

    # -- accounts

    def accounts(self, call: Call) -> Result:
        text = call.query.get("search", "").lower()
        rows = [one for one in call.account["accounts"] if text in one["name"].lower()]
        rows = matching(rows, filters(call.query), {"name": "name"})
        rows = ordered(call.query, rows, {"name": "name", "createdTimestamp": "cdate"})
        counted = call.query.get("count_deals") == "true"
        return 200, answer(
            "accounts", call.query, rows, lambda one: call.shapes.account(one, count_deals=counted)
        )

    def create_account(self, call: Call) -> Result:
        return 201, self._account_answer(call, self._sales.create_account(call.wrapped("account"), SOURCE))

    def account(self, call: Call) -> Result:
        return 200, {"account": call.shapes.account(self._account(call))}

    def change_account(self, call: Call) -> Result:
        record = self._sales.change_account(self._account(call), call.wrapped("account"), SOURCE)
        return 200, self._account_answer(call, record)

    def delete_account(self, call: Call) -> Result:
        self._sales.delete_account(self._account(call))
        return 200, {}

    def _account(self, call: Call) -> Record:
        return self._sales.get("accounts", call.path["id"], "CustomerAccount")

    def _account_answer(self, call: Call, record: Record) -> Record:
        fields = self._sales.shown_fields("account", record["id"])
        return {"account": {**call.shapes.account(record), "fields": fields}}

    def account_contacts(self, call: Call) -> Result:
        wanted = filters(call.query)
        rows: list[Record] = list(call.account["account_contacts"])
        if "contact" in wanted:
            rows = call.account["account_contacts"].find("contact", wanted.pop("contact")[1])
        rows = matching(rows, wanted, {"account": "account"})
        return 200, answer("accountContacts", call.query, rows, call.shapes.account_contact)

    def join(self, call: Call) -> Result:
        data = call.wrapped("accountContact")
        link = call.shapes.account_contact(self._sales.join_account(data, SOURCE))
        return 201, {"accountContact": echoed(link, data, "account", "contact")}

    def joined(self, call: Call) -> Result:
        return 200, {"accountContact": call.shapes.account_contact(self._link(call))}

    def change_joined(self, call: Call) -> Result:
        link, data = self._link(call), call.wrapped("accountContact")
        changes = {"jobTitle": text_of(data["jobTitle"])} if "jobTitle" in data else {}
        link = call.account.change("account_contacts", link, changes)
        contact = call.account["contacts"].get(link["contact"])
        record = call.account["accounts"].get(link["account"])
        call.account.tell("account_contact_update", SOURCE, contact=contact, account=record)
        return 200, {"accountContact": call.shapes.account_contact(link)}

    def part(self, call: Call) -> Result:
        call.account["account_contacts"].remove(self._link(call)["id"])
        return 200, {}

    def _link(self, call: Call) -> Record:
        return self._sales.get("account_contacts", call.path["id"], "AccountContact")

    # -- deals

    def deals(self, call: Call) -> Result:
        wanted = filters(call.query)
        rows = matching(call.account["deals"], wanted, _DEAL_COLUMNS)
        if "search" in wanted:
            text = wanted["search"][1].lower()
            rows = [row for row in rows if text in f"{row['title']} {row['description']}".lower()]
        for name, compare in (("minimum_value", int.__ge__), ("maximum_value", int.__le__)):
            text = wanted.get(name, ("", ""))[1]
            if text.isdigit():
                rows = [row for row in rows if compare(int(row["value"]), int(text) * 100)]
        rows = ordered(call.query, since(rows, wanted, inclusive=True), _DEAL_ORDERS)
        totals: dict[str, list[int]] = {}
        for row in rows:
            totals.setdefault(row["currency"].upper(), []).append(int(row["value"]))
        currencies = {
            name: {"currency": name, "total": str(len(values)), "value": str(sum(values))}
            for name, values in totals.items()
        }
        allowed = call.user["sees_all"]
        shown = [call.shapes.deal(row, allowed=allowed) for row in page(call.query, rows)]
        return 200, {"deals": shown, "meta": {"currencies": currencies, "total": len(rows)}}

    def create_deal(self, call: Call) -> Result:
        deal = self._sales.create_deal(call.wrapped("deal"), SOURCE)
        return 201, self._deal_answer(call, deal)

    def deal(self, call: Call) -> Result:
        return 200, {"deal": call.shapes.deal(self._deal(call), allowed=call.user["sees_all"])}

    def change_deal(self, call: Call) -> Result:
        deal = self._sales.change_deal(self._deal(call), call.wrapped("deal"), SOURCE)
        return 200, self._deal_answer(call, deal)

    def delete_deal(self, call: Call) -> Result:
        deal = self._deal(call)
        remove_tasks(call.account, "Deal", deal["id"])
        call.account["deals"].remove(deal["id"])
        return 200, {}

    def _deal(self, call: Call) -> Record:
        return self._sales.get("deals", call.path["id"], "Deal")

    def _deal_answer(self, call: Call, deal: Record) -> Record:
        """Here value, status, contact and organization are numbers, and texts when the deal is read."""
        contact = call.account["contacts"].get(deal["contact"])
        stage = call.account["deal_stages"].get(deal["stage"])
        shown = call.shapes.deal(deal)
        fields = self._sales.shown_fields("deal", deal["id"])
        linked = {"contact": deal["contact"], "organization": deal["account"]}
        numbers = {"value": int(deal["value"]), "status": int(deal["status"])}
        numbers |= {name: int(key) for name, key in linked.items() if key}
        return {
            "contacts": [call.shapes.contact(contact)] if contact else [],
            "deal": {**shown, **numbers, "fields": fields},
            "dealStages": [call.shapes.deal_stage(stage)] if stage else [],
        }

    def groups(self, call: Call) -> Result:
        rows = list(call.account["deal_groups"])
        stages = [call.shapes.deal_stage(stage) for stage in call.account["deal_stages"]]
        return 200, {
            **answer("dealGroups", call.query, rows, call.shapes.deal_group),
            "dealStages": stages,
        }

    def stages(self, call: Call) -> Result:
        rows = matching(
            call.account["deal_stages"], filters(call.query), {"d_groupid": "group", "title": "title"}
        )
        return 200, answer("dealStages", call.query, rows, call.shapes.deal_stage)

    # -- notes

    def notes(self, call: Call) -> Result:
        return 200, answer("notes", call.query, list(call.account["notes"]), call.shapes.note)

    def create_note(self, call: Call) -> Result:
        data = call.wrapped("note")
        answer = self._note_answer(call, self._sales.create_note(data, SOURCE))
        note = echoed(answer["note"], data, "relid")
        return 201, {**answer, "note": {**note, "owner": {**note["owner"], "id": note["relid"]}}}

    def note(self, call: Call) -> Result:
        return 200, {"note": call.shapes.note(self._note(call))}

    def change_note(self, call: Call) -> Result:
        changes = {"note": text_of(call.wrapped("note").get("note"))}
        return 200, {"note": call.shapes.note(call.account.change("notes", self._note(call), changes))}

    def delete_note(self, call: Call) -> Result:
        call.account["notes"].remove(self._note(call)["id"])
        return 200, {}

    def _note(self, call: Call) -> Record:
        note = call.account["notes"].get(call.path["id"])
        if note is None:
            raise no_result("Note", call.path["id"], 403)
        return note

    def _note_answer(self, call: Call, note: Record) -> Record:
        shown: Record = {"note": call.shapes.note(note)}
        if note["reltype"] == "Subscriber":
            contact = call.account["contacts"].get(note["relid"])
            shown["contacts"] = [call.shapes.contact(contact)] if contact else []
        return shown

    def _object_note(self, kind: str) -> Callable[[Call], Result]:
        """In the description, and not there in the accounts of people who tried."""

        def create(call: Call) -> Result:
            if not call.account.quirks.object_notes:
                raise message(404, "Not Found")
            data = {**call.wrapped("note"), "reltype": kind, "relid": call.path["id"]}
            return 201, self._note_answer(call, self._sales.create_note(data, SOURCE))

        return create

    # -- custom fields of accounts and deals

    def _meta_calls(self, kind: str) -> tuple[Callable[[Call], Result], ...]:
        key, table = f"{kind}CustomFieldMeta", f"{kind}_meta"

        def listed(call: Call) -> Result:
            rows = page(call.query, list(call.account[table]))
            return 200, {key: [call.shapes.meta(kind, row) for row in rows]}

        def create(call: Call) -> Result:
            data = call.wrapped(f"{kind}CustomFieldMetum")
            for name in ("fieldLabel", "fieldType"):
                if not data.get(name):
                    raise wrong(f"The {name} was not provided", "field_missing", name)
            values = {
                "fieldLabel": text_of(data["fieldLabel"]),
                "fieldType": text_of(data["fieldType"]),
                "fieldOptions": data.get("fieldOptions") or [],
                "fieldDefaultCurrency": data.get("fieldDefaultCurrency"),
            }
            made = call.account.add(table, values)
            return 201, {f"{kind}CustomFieldMetum": call.shapes.meta(kind, made)}

        return listed, create

    def _data_calls(self, kind: str) -> tuple[Callable[[Call], Result], ...]:
        table, owners = f"{kind}_data", f"{kind}s"
        label = {"account": "CustomerAccount", "deal": "Deal"}[kind]

        def listed(call: Call) -> Result:
            rows = matching(
                call.account[table], filters(call.query), {f"{kind}Id": "owner", "customFieldId": "meta"}
            )
            shown = page(call.query, rows)
            return 200, {f"{kind}CustomFieldData": [call.shapes.datum(kind, row) for row in shown]}

        def create(call: Call) -> Result:
            data = call.wrapped(f"{kind}CustomFieldDatum")
            owner = self._sales.get(owners, data.get(f"{kind}Id") or data.get("customerAccountId"), label)
            meta, value = data.get("customFieldId"), data.get("fieldValue")
            made = self._sales.write_field(kind, owner["id"], meta, value, data.get("fieldCurrency"))
            return 200, {f"{kind}CustomFieldDatum": call.shapes.datum(kind, made)}

        def change(call: Call) -> Result:
            old = self._sales.get(table, call.path["id"], "CustomFieldDatum")
            data = call.wrapped(f"{kind}CustomFieldDatum")
            value, currency = data.get("fieldValue"), data.get("fieldCurrency")
            made = self._sales.write_field(kind, old["owner"], old["meta"], value, currency)
            return 200, {f"{kind}CustomFieldDatum": call.shapes.datum(kind, made)}

        return listed, create, change
