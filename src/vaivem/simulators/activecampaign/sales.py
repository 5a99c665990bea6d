"""Accounts (companies), deals, notes, and the custom fields of accounts and deals."""

from typing import Any

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.contacts import text_of
from vaivem.simulators.activecampaign.problems import ProblemError, bad_request, no_result, wrong
from vaivem.simulators.kit.tables import Record

OPEN, WON, LOST = "0", "1", "2"
NOTE_TABLES = {"Subscriber": "contacts", "Deal": "deals", "CustomerAccount": "accounts"}
# What webhooks tell as updated_fields, by the deal's own names.
_DEAL_FIELDS = {
    "title": "title",
    "description": "description",
    "value": "value",
    "currency": "currency",
    "group": "pipelineid",
    "stage": "stageid",
    "owner": "owner",
    "percent": "percent",
    "status": "status",
    "contact": "contactid",
    "account": "orgid",
}


class Sales:
    """The only place where accounts, deals and notes are written."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def get(self, table: str, record_id: object, label: str) -> Record:
        """A record, or 404 under the vendor's internal name."""
        record = self._account[table].get(text_of(record_id))
        if record is None:
            raise no_result(label, record_id)
        return record

    # -- accounts

    def create_account(self, data: Record, source: str) -> Record:
        """A new company; its name is its own."""
        values = {
            "name": self._account_name(data, None),
            "accountUrl": text_of(data.get("accountUrl")),
            "owner": text_of(data.get("owner")) or "1",
        }
        record = self._account.add("accounts", values)
        self.write_fields("account", record["id"], data.get("fields"))
        self._account.tell("account_add", source, account=record, updated=["name"])
        return record

    def change_account(self, record: Record, data: Record, source: str) -> Record:
        """Change what is sent."""
        changes: Record = {key: text_of(data[key]) for key in ("accountUrl", "owner") if key in data}
        if "name" in data:
            changes["name"] = self._account_name(data, record["id"])
        updated = [key for key, value in changes.items() if record[key] != value]
        record = self._account.change("accounts", record, changes)
        self.write_fields("account", record["id"], data.get("fields"))
        self._account.tell("account_update", source, account=record, updated=updated)
        return record

    def delete_account(self, record: Record) -> None:
        for link in self._account["account_contacts"].find("account", record["id"]):
            self._account["account_contacts"].remove(link["id"])
        self._account["accounts"].remove(record["id"])

    def join_account(self, data: Record, source: str) -> Record:
        """Put a contact into a company; a contact is in one at most."""
        for name in ("account", "contact"):
            if not text_of(data.get(name)):
                raise wrong(f"The {name} attribute was not provided", "field_missing", name)
        contact = self.get("contacts", data["contact"], "Subscriber")
        record = self.get("accounts", data["account"], "CustomerAccount")
        if list(self._account["account_contacts"].ids("contact", contact["id"])):
            title = "This contact is already associated with an account"
            raise wrong(title, "field_invalid", "account,contact")
        values = {
            "contact": contact["id"],
            "account": record["id"],
            "jobTitle": text_of(data.get("jobTitle")),
        }
        link = self._account.add("account_contacts", values)
        self._account.tell("account_contact_add", source, contact=contact, account=record)
        return link

    # -- deals

    def create_deal(self, data: Record, source: str) -> Record:
        """A new deal; money is whole cents."""
        stage = self._stage(data)
        required = (
            ("title", data.get("title")),
            ("value", data.get("value")),
            ("currency", data.get("currency")),
        )
        for name, value in required:
            if value is None or value == "":
                raise wrong(f"The {name} was not provided", "field_missing", name)
        group = self._account["deal_groups"].get(stage["group"]) or {}
        owner = text_of(data.get("owner"))
        if not owner and group.get("autoassign") != "1":
            raise wrong("The owner was not provided", "field_missing", "owner")
        values = {
            "title": text_of(data["title"]),
            "description": text_of(data.get("description")),
            "value": _cents(data["value"]),
            "currency": text_of(data["currency"]).lower(),
            "group": stage["group"],
            "stage": stage["id"],
            "owner": owner or "1",
            "percent": data.get("percent"),
            "status": _status(data.get("status", OPEN)),
            "contact": self._linked("contacts", data.get("contact"), "Subscriber"),
            "account": self._linked("accounts", data.get("account"), "CustomerAccount"),
        }
        deal = self._account.add("deals", values)
        self.write_fields("deal", deal["id"], data.get("fields"))
        self._account.tell("deal_add", source, deal=deal, updated=[])
        return deal

    def change_deal(self, deal: Record, data: Record, source: str) -> Record:
        """Change what is sent; the webhook tells which of it was new."""
        changes: dict[str, Any] = {
            key: text_of(data[key]) for key in ("title", "description", "owner") if key in data
        }
        if "value" in data:
            changes["value"] = _cents(data["value"])
        if "currency" in data:
            changes["currency"] = text_of(data["currency"]).lower()
        if "percent" in data:
            changes["percent"] = data["percent"]
        if "status" in data:
            changes["status"] = _status(data["status"])
        if "stage" in data or "group" in data:
            stage = self._stage(data)
            changes |= {"stage": stage["id"], "group": stage["group"]}
        if "contact" in data:
            changes["contact"] = self._linked("contacts", data["contact"], "Subscriber")
        if "account" in data:
            changes["account"] = self._linked("accounts", data["account"], "CustomerAccount")
        updated = [_DEAL_FIELDS[key] for key, value in changes.items() if deal[key] != value]
        deal = self._account.change("deals", deal, changes)
        self.write_fields("deal", deal["id"], data.get("fields"))
        self._account.tell("deal_update", source, deal=deal, updated=updated)
        return deal

    # -- notes

    def create_note(self, data: Record, source: str) -> Record:
        """A note about a contact, a deal or an account."""
        kind, about = text_of(data.get("reltype")), text_of(data.get("relid"))
        table = NOTE_TABLES.get(kind)
        if table is None or not text_of(data.get("note")) or about not in self._account[table]:
            raise bad_request()
        values = {"note": text_of(data["note"]), "reltype": kind, "relid": about, "user": "1"}
        note = self._account.add("notes", values)
        if kind == "Subscriber":
            contact = self._account["contacts"].get(about)
            self._account.tell("subscriber_note", source, contact=contact, note=note)
        elif kind == "Deal":
            self._account.tell("deal_note_add", source, deal=self._account["deals"].get(about), note=note)
        return note

    # -- custom fields of accounts and deals

    def write_fields(self, kind: str, owner: str, sent: Any) -> list[Record]:
        """Write `fields` of an account or a deal."""
        if not isinstance(sent, list):
            return []
        return [
            self.write_field(
                kind, owner, one.get("customFieldId"), one.get("fieldValue"), one.get("fieldCurrency")
            )
            for one in sent
            if isinstance(one, dict)
        ]

    def write_field(self, kind: str, owner: str, meta_id: object, value: Any, currency: Any = None) -> Record:
        """Write one; a value that does not fit the field's type is refused."""
        meta = self._account[f"{kind}_meta"].get(text_of(meta_id))
        if meta is None:
            raise ProblemError(422, {"errors": [{"detail": f"The custom field `{meta_id}` does not exist."}]})
        _check(meta["fieldType"], value)
        old = self.datum(kind, owner, meta["id"])
        money = (
            text_of(currency).upper() or meta["fieldDefaultCurrency"]
            if meta["fieldType"] == "currency"
            else None
        )
        values = {"owner": owner, "meta": meta["id"], "value": value, "currency": money}
        if old is not None:
            return self._account.change(f"{kind}_data", old, values)
        return self._account.add(f"{kind}_data", values)

    def datum(self, kind: str, owner: str, meta_id: str) -> Record | None:
        found = self._account[f"{kind}_data"].find("owner", owner)
        return next((one for one in found if one["meta"] == meta_id), None)

    def shown_fields(self, kind: str, owner: str) -> list[Record]:
        """`fields` of an answer to a write."""
        return [
            {"customFieldId": int(one["meta"]), "fieldValue": one["value"], f"{kind}Id": owner}
            for one in self._account[f"{kind}_data"].find("owner", owner)
        ]

    def _account_name(self, data: Record, own_id: str | None) -> str:
        name = text_of(data.get("name")).strip()
        if not name:
            raise wrong("The account name was not provided.", "field_missing", "name")
        if any(key != own_id for key in self._account["accounts"].ids("name", name.lower())):
            raise wrong(f'An account named "{name}" already exists', "duplicate", "name")
        return name

    def _stage(self, data: Record) -> Record:
        """The stage sent, else the first of the pipeline sent."""
        if data.get("stage"):
            return self.get("deal_stages", data["stage"], "DealStage")
        group = text_of(data.get("group"))
        stages = self._account["deal_stages"].find("group", group)
        if not stages:
            raise wrong("The group or the stage was not provided", "field_missing", "group")
        return min(stages, key=lambda stage: int(stage["order"]))

    def _linked(self, table: str, record_id: object, label: str) -> str | None:
        key = text_of(record_id)
        return self.get(table, key, label)["id"] if key and key != "0" else None


def _cents(value: object) -> str:
    text = text_of(value)
    if not text.lstrip("-").isdigit():
        raise wrong("The value must be an integer of cents", "field_invalid", "value")
    return str(int(text))


def _status(value: object) -> str:
    if text_of(value) not in (OPEN, WON, LOST):
        raise wrong("The status is invalid", "field_invalid", "status")
    return text_of(value)


def _check(kind: str, value: Any) -> None:
    text = text_of(value)
    good = True
    if kind in ("multiselect", "checkbox"):
        good = isinstance(value, list)
    elif text and kind in ("number", "currency"):
        good = text.replace(".", "", 1).lstrip("-").isdigit()
    elif text and kind in ("date", "datetime"):
        good = len(text) >= 10 and text[4] == text[7] == "-" and text[:4].isdigit()
    if not good:
        detail = f"The custom field value `{text}` could not be saved to the custom field of type `{kind}`."
        raise ProblemError(422, {"errors": [{"detail": detail}]})
