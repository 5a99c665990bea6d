"""Contacts with their parts, fields and values, tags, lists, bulk imports."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.datastructures import QueryParams
from starlette.routing import BaseRoute

from vaivem.simulators.activecampaign.api import SOURCE, Call, Gate, Result, echoed
from vaivem.simulators.activecampaign.contacts import Contacts, text_of
from vaivem.simulators.activecampaign.imports import Imports
from vaivem.simulators.activecampaign.listing import answer, filters, matching, ordered, since
from vaivem.simulators.activecampaign.problems import bad_request, no_result, titled
from vaivem.simulators.kit.tables import Record

if TYPE_CHECKING:
    from vaivem.simulators.activecampaign.app import ActiveCampaign

_IDS = re.compile(r"ids\[\d*\]\Z")
_ORDERS = {
    "id": "id",
    "cdate": "cdate",
    "email": "email",
    "first_name": "firstName",
    "last_name": "lastName",
    "name": "firstName",
}


class ContactCalls:
    """The handlers of contacts, tags and lists."""

    def __init__(self, simulator: ActiveCampaign) -> None:
        self._contacts = Contacts(simulator.account)
        self._imports = Imports(simulator.account)

    def routes(self, gate: Gate) -> list[BaseRoute]:
        """The fields' routes are elsewhere."""
        return [
            gate.route("/contact/sync", POST=self.sync),
            gate.route("/contacts", GET=self.contacts, POST=self.create),
            gate.route("/contacts/{id}", GET=self.show, PUT=self.change, DELETE=self.delete),
            *(gate.route(f"/contacts/{{id}}/{name}", GET=part) for name, part in self._parts().items()),
            gate.route("/tags", GET=self.tags, POST=self.make_tag),
            gate.route("/tags/{id}", GET=self.tag, PUT=self.change_tag, DELETE=self.delete_tag),
            gate.route("/contactTags", POST=self.add_tag),
            gate.route("/contactTags/{id}", DELETE=self.remove_tag),
            gate.route("/lists", GET=self.lists, POST=self.make_list),
            gate.route("/lists/{id}", GET=self.one_list, PUT=self.change_list),
            gate.route("/listGroups", POST=self.list_group),
            gate.route("/contactLists", POST=self.set_list),
            gate.route("/import/bulk_import", GET=self.imports, POST=self.bulk_import),
            gate.route("/import/info", GET=self.import_info),
        ]

    def sync(self, call: Call) -> Result:
        contact, written, new = self._contacts.sync(call.wrapped("contact"), SOURCE)
        return 201 if new else call.account.quirks.sync_existing_status, self._written(call, contact, written)

    def create(self, call: Call) -> Result:
        return 201, self._written(call, *self._contacts.create(call.wrapped("contact"), SOURCE))

    def change(self, call: Call) -> Result:
        contact = self._contacts.get(call.path["id"])
        return 200, self._written(call, *self._contacts.change(contact, call.wrapped("contact"), SOURCE))

    def show(self, call: Call) -> Result:
        return 200, call.shapes.whole_contact(self._contacts.get(call.path["id"]))

    def delete(self, call: Call) -> Result:
        self._contacts.delete(self._contacts.get(call.path["id"]))
        return 200, {}

    def contacts(self, call: Call) -> Result:
        rows = self._narrowed(call)
        rows = ordered(call.query, rows, _ORDERS)
        found = answer("contacts", call.query, rows, call.shapes.contact)
        for contact in found["contacts"]:
            contact["scoreValues"] = []
        return 200, {"scoreValues": [], **found}

    def _narrowed(self, call: Call) -> list[Record]:
        query, account = call.query, call.account
        email, ids = query.get("email"), _ids(query)
        if ids is not None:
            rows = [row for key in sorted(ids, key=_number) if (row := account["contacts"].get(key))]
        else:
            rows = account["contacts"].find("email", email.lower()) if email else list(account["contacts"])
        if email:
            rows = [row for row in rows if row["email"].lower() == email.lower()]
        links = {"tagid": ("contact_tags", "tag"), "seriesid": ("contact_automations", "automation")}
        for name, (table, column) in links.items():
            if query.get(name):
                inside = {row["contact"] for row in account[table].find(column, query[name])}
                rows = [row for row in rows if row["id"] in inside]
        on_list, status = query.get("listid"), query.get("status")
        if on_list or status not in (None, "", "-1"):
            # A status is that of a contact on a list: with both, on that one.
            found = account["contact_lists"].find("list", on_list) if on_list else account["contact_lists"]
            inside = {row["contact"] for row in found if status in (None, "", "-1", row["status"])}
            rows = [row for row in rows if row["id"] in inside]
        rows = [row for row in rows if all(test(row) for test in _tests(call))]
        return since(rows, filters(query), inclusive=False)

    def _parts(self) -> dict[str, Callable[[Call], Result]]:
        """What `/contacts/{id}/…` lists: the key is the path's last part and the answer's key."""
        tables = {
            "fieldValues": ("field_values", "field_value"),
            "contactLists": ("contact_lists", "contact_list"),
            "contactTags": ("contact_tags", "contact_tag"),
            "deals": ("deals", "deal"),
            "accountContacts": ("account_contacts", "account_contact"),
            "contactAutomations": ("contact_automations", "contact_automation"),
        }

        def part(name: str, table: str, shape: str) -> Callable[[Call], Result]:
            def show(call: Call) -> Result:
                contact = self._contacts.get(call.path["id"])
                rows = call.account[table].find("contact", contact["id"])
                return 200, {name: [getattr(call.shapes, shape)(row) for row in rows]}

            return show

        def notes(call: Call) -> Result:
            contact = self._contacts.get(call.path["id"])
            rows = call.account["notes"].find("about", ("Subscriber", contact["id"]))
            return 200, {"notes": [call.shapes.note(row) for row in rows]}

        def none(name: str) -> Callable[[Call], Result]:
            def show(call: Call) -> Result:
                self._contacts.get(call.path["id"])
                return 200, {name: []}

            return show

        empty = {name: none(name) for name in ("scoreValues", "trackingLogs", "bounceLogs", "geoIps")}
        return {name: part(name, *pair) for name, pair in tables.items()} | {"notes": notes} | empty

    def _written(self, call: Call, contact: Record, written: list[Record]) -> Record:
        values = [call.shapes.field_value(value) for value in written]
        shown = {**call.shapes.contact(contact), "fieldValues": [value["id"] for value in values]}
        return {"fieldValues": values, "contact": {**shown, "email_empty": False}}

    # -- tags

    def tags(self, call: Call) -> Result:
        """`search` and a filter without an operator are contained in the name."""
        rows = list(call.account["tags"])
        text = call.query.get("search", "")
        wanted = filters(call.query)
        if wanted.get("search", ("x", ""))[0] == "":
            text = wanted.pop("search")[1]
        rows = [row for row in rows if text.lower() in row["tag"].lower()]
        return 200, answer("tags", call.query, matching(rows, wanted, {"search": "tag"}), call.shapes.tag)

    def make_tag(self, call: Call) -> Result:
        return 201, {"tag": call.shapes.tag(self._contacts.make_tag(call.wrapped("tag")))}

    def tag(self, call: Call) -> Result:
        return 200, {"tag": call.shapes.tag(self._tag(call))}

    def change_tag(self, call: Call) -> Result:
        tag, data = self._tag(call), call.wrapped("tag")
        changes: Record = {key: text_of(data[key]) for key in ("tag", "description") if key in data}
        return 200, {"tag": call.shapes.tag(call.account.change("tags", tag, changes))}

    def delete_tag(self, call: Call) -> Result:
        self._contacts.delete_tag(self._tag(call))
        return 200, {}

    def add_tag(self, call: Call) -> Result:
        data = call.wrapped("contactTag")
        link = self._contacts.add_tag(data.get("contact"), data.get("tag"), SOURCE)
        return 201, {"contactTag": call.shapes.contact_tag(link)}

    def remove_tag(self, call: Call) -> Result:
        self._contacts.remove_tag(call.path["id"], SOURCE)
        return 200, {}

    def _tag(self, call: Call) -> Record:
        tag = call.account["tags"].get(call.path["id"])
        if tag is None:
            raise no_result("Tag", call.path["id"])
        return tag

    # -- lists

    def lists(self, call: Call) -> Result:
        self._may_see_lists(call)
        rows = matching(call.account["lists"], filters(call.query), {"name": "name"})
        return 200, answer("lists", call.query, rows, call.shapes.list)

    def one_list(self, call: Call) -> Result:
        self._may_see_lists(call)
        one = call.account["lists"].get(call.path["id"])
        if one is None:
            raise no_result("_List", call.path["id"])
        return 200, {"list": call.shapes.list(one)}

    def change_list(self, call: Call) -> Result:
        self._may_see_lists(call)
        one, data = call.account["lists"].get(call.path["id"]), call.wrapped("list")
        if one is None:
            raise no_result("_List", call.path["id"])
        changes: Record = {
            key: text_of(data[key]) for key in ("name", "sender_url", "sender_reminder") if key in data
        }
        return 200, {"list": call.shapes.list(call.account.change("lists", one, changes))}

    def make_list(self, call: Call) -> Result:
        data = call.wrapped("list")
        keys = ("name", "stringid", "sender_url", "sender_reminder")
        if not all(text_of(data.get(key)) for key in keys):
            raise bad_request()
        one = call.account.add("lists", {key: text_of(data[key]) for key in keys})
        call.account.tell("list_add", SOURCE, list=one)
        return 200, {"list": call.shapes.list(one)}

    def list_group(self, call: Call) -> Result:
        """Shows a list to a group of users; every list is shown here."""
        data = call.wrapped("listGroup")
        return 201, {"listGroup": {"listid": data.get("listid"), "groupid": data.get("groupid"), "id": "1"}}

    def set_list(self, call: Call) -> Result:
        data = call.wrapped("contactList")
        contact, row = self._contacts.set_list(data, SOURCE)
        link = echoed(call.shapes.contact_list(row), data, "status")
        return 200, {"contacts": [call.shapes.contact(contact)], "contactList": link}

    def _may_see_lists(self, call: Call) -> None:
        if not call.user["sees_all"]:
            raise titled(403, "Forbidden", "You do not have permission to view lists.")

    # -- bulk import

    def bulk_import(self, call: Call) -> Result:
        return 200, self._imports.queue(call.body if isinstance(call.body, dict) else {}, call.size)

    def imports(self, call: Call) -> Result:
        return 200, self._imports.overview()

    def import_info(self, call: Call) -> Result:
        return 200, self._imports.info(call.query.get("batchId", ""))


def _tests(call: Call) -> list[Callable[[Record], bool]]:
    """The list's plain parameters as tests of a contact."""
    query = call.query
    tests: list[Callable[[Record], bool]] = []
    like, phone, search = query.get("email_like"), query.get("phone"), query.get("search")
    if like:
        tests.append(lambda row: like.lower() in row["email"].lower())
    if phone:
        tests.append(lambda row: row["phone"].startswith(phone))
    if search:
        tests.append(lambda row: _mentions(row, search.lower()))
    above, below = _number(query.get("id_greater")), _number(query.get("id_less"))
    if above >= 0:
        tests.append(lambda row: int(row["id"]) > above)
    if below >= 0:
        tests.append(lambda row: int(row["id"]) < below)
    left_out = query.get("exclude")
    if left_out:
        tests.append(lambda row: row["id"] != left_out)
    return tests


def _ids(query: QueryParams) -> set[str] | None:
    """The contacts that are named, None where nobody is.

    `ids[]=1&ids[]=2` as documented, `ids[0]=1` as well. Of `ids=1&ids=2` the last counts: that is how the
    language reads a query in which the vendor's API is written.
    """
    listed = [value for key, value in query.multi_items() if _IDS.match(key)]
    plain = query.get("ids")
    return {*listed, *([plain] if plain else [])} if listed or plain else None


def _number(text: str | None) -> int:
    """A number without sign; -1 for anything else, which is passed over."""
    return int(text) if text and text.isascii() and text.isdigit() else -1


def _mentions(contact: Record, text: str) -> bool:
    names = f"{contact['firstName']} {contact['lastName']}".lower()
    return text in contact["email"].lower() or text in names or text in contact["phone"]
