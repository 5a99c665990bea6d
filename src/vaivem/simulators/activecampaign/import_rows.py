"""One contact of a bulk import: what the call checks, what is found out later, and the taking of it."""

import re
from fnmatch import fnmatchcase
from typing import Any

from vaivem.simulators.activecampaign.account import IMPORT, QUIET_IMPORT, Account
from vaivem.simulators.activecampaign.contacts import (
    SUBSCRIBED,
    UNSUBSCRIBED,
    Contacts,
    is_email,
    stored,
    text_of,
)
from vaivem.simulators.activecampaign.sales import Sales
from vaivem.simulators.kit.tables import Record

# Why a contact is not taken; the vendor tells the address alone.
ADDRESS, EXCLUDED, LEFT = "address", "excluded", "left"
# What the call asks of an address. The rest is found out when it is worked: the vendor's example of
# failures has a domain without a dot, and an apostrophe.
_CALLED = re.compile(r"\s*[^\s@]+@[^\s@]+\s*\Z")
_PLAIN = r"[^\s\"'(),:;<>@\[\\\]]+"
_TAKEN = re.compile(rf"{_PLAIN}@{_PLAIN}\.(?:[^\W\d_]{{2,}}|xn--[a-z0-9-]+)\Z", re.IGNORECASE)
_NAMES = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}
_MANY_VALUES = ("listbox", "checkbox")


def is_true(value: object) -> bool:
    """A switch that may come as a text or a number."""
    return value is True or value in (1, "1") or (isinstance(value, str) and value.lower() == "true")


def wrong_field(one: Any) -> str:
    """What is wrong with the form of a contact in the call, in the vendor's words; "" when nothing is."""
    if not isinstance(one, dict) or not text_of(one.get("email")).strip():
        return "Field 'email' not found"
    if not isinstance(one["email"], str) or not _CALLED.match(one["email"]):
        return _incorrect("email")
    for name in (*_NAMES, "customer_acct_name"):
        if not (one.get(name) is None or _is_plain(one[name])):
            return _incorrect(name)
    tags = one.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag.strip() for tag in tags):
        return _incorrect("tags")
    for name, key in (("fields", "id"), ("subscribe", "listid"), ("unsubscribe", "listid")):
        parts = one.get(name) or []
        if not isinstance(parts, list) or not all(_is_part(part, key) for part in parts):
            return _incorrect(name)
    if not all(_is_plain(field.get("value")) for field in one.get("fields") or []):
        return _incorrect("fields")
    return ""


class Rows:
    """Contacts as an import brings them. No webhook is for this source; automations are, unless excluded."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._contacts = Contacts(account)
        self._sales = Sales(account)

    def refusal(self, one: Record) -> str:
        """Why a contact cannot be taken, "" when it can."""
        email = one["email"].strip()
        if not is_email(email) or not _TAKEN.match(email):
            return ADDRESS
        quirks = self._account.quirks
        if any(fnmatchcase(email.lower(), pattern.lower()) for pattern in quirks.exclusions):
            return EXCLUDED
        if quirks.import_unsubscribed == "refused" and self._has_left(email, one.get("subscribe") or []):
            return LEFT
        return ""

    def take(self, one: Record, *, quiet: bool) -> tuple[str, bool]:
        """Write a contact by its address, in any letters; its id, and whether it is new."""
        source = QUIET_IMPORT if quiet or is_true(one.get("exclude_automations")) else IMPORT
        known: Record = {"email": one["email"]}
        known |= {key: one[name] for name, key in _NAMES.items() if name in one}
        known["fieldValues"] = [self._value(field) for field in one.get("fields") or []]
        contact, _values, new = self._contacts.sync(known, source)
        self._join(contact, text_of(one.get("customer_acct_name")).strip(), source)
        for name in one.get("tags") or []:
            tag = self._contacts.tag_named(name.strip()) or self._contacts.make_tag({"tag": name})
            self._contacts.add_tag(contact["id"], tag["id"], source)
        for key, status in (("subscribe", SUBSCRIBED), ("unsubscribe", UNSUBSCRIBED)):
            for wish in one.get(key) or []:
                if text_of(wish["listid"]) in self._account["lists"]:
                    joined = {"contact": contact["id"], "list": wish["listid"], "status": status}
                    self._contacts.set_list(joined, source)
        return str(contact["id"]), new

    def _has_left(self, email: str, wishes: list[Record]) -> bool:
        contact = self._contacts.by_email(email)
        if contact is None:
            return False
        wanted = {text_of(wish["listid"]) for wish in wishes}
        rows = self._account["contact_lists"].find("contact", contact["id"])
        return any(row["list"] in wanted and row["status"] == UNSUBSCRIBED for row in rows)

    def _value(self, field: Record) -> Record:
        """Several values may come with bars between them alone; they are kept with bars around, as always."""
        definition = self._account["fields"].get(text_of(field["id"])) or {}
        value = stored(field["value"])
        if value and definition.get("type") in _MANY_VALUES:
            value = stored([part for part in value.split("||") if part])
        return {"field": field["id"], "value": value}

    def _join(self, contact: Record, name: str, source: str) -> None:
        """The company of this name, made where there is none; who is in a company stays there."""
        if not name or list(self._account["account_contacts"].ids("contact", contact["id"])):
            return
        found = self._account["accounts"].find("name", name.lower())
        firm = found[0] if found else self._sales.create_account({"name": name}, source)
        self._sales.join_account({"contact": contact["id"], "account": firm["id"]}, source)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def _is_part(part: object, key: str) -> bool:
    """An object with a number under this name, as a number or a text."""
    number = text_of(part.get(key)) if isinstance(part, dict) else ""
    return number.isascii() and number.isdigit()


def _incorrect(name: str) -> str:
    return f"Field '{name}' incorrect format"
