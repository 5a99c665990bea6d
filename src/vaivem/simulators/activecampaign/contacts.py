"""Contacts and what hangs on them: field values, tags, lists. Every change says who caused it."""

import re
from typing import Any

from vaivem.simulators.activecampaign.account import Account
from vaivem.simulators.activecampaign.problems import ProblemError, bad_request, no_result, titled, wrong
from vaivem.simulators.kit.tables import Record

SUBSCRIBED, UNSUBSCRIBED = "1", "2"
# With this source a list takes back somebody who had left it.
RESUBSCRIBES = "4"
_EMAIL = re.compile(r"[^\s@,;]+@[^\s@,;]+\.[^\s@,;.]{2,}\Z")
_NAMES = ("firstName", "lastName", "phone")


def text_of(value: object) -> str:
    """An id or a text as it is kept; null is empty."""
    return "" if value is None else str(value)


def is_email(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 254 and _EMAIL.match(value) is not None


class Contacts:
    """The only place where contacts and their parts are written. `source` is api, admin, public or system."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def by_email(self, email: str) -> Record | None:
        """The contact of this e-mail, in any letters."""
        found = self._account["contacts"].find("email", email.strip().lower())
        return found[0] if found else None

    def get(self, contact_id: object) -> Record:
        """The contact of this id, or 404."""
        contact = self._account["contacts"].get(text_of(contact_id))
        if contact is None:
            raise no_result("Subscriber", contact_id)
        return contact

    def create(self, data: Record, source: str) -> tuple[Record, list[Record]]:
        """A new contact and the field values that were sent; refused when the e-mail is somebody's."""
        email = self._email(data)
        if self.by_email(email) is not None:
            raise wrong("Email address already exists in the system", "duplicate", "email")
        values = {key: text_of(data.get(key)) for key in _NAMES}
        contact = self._account.add("contacts", {"email": email, **values})
        written = self._write_values(contact, data)
        if self._account.quirks.update_on_create:
            self._account.tell("update", source, contact=contact)
        return contact, written

    def change(self, contact: Record, data: Record, source: str) -> tuple[Record, list[Record]]:
        """Change what is sent; what is not sent stays, null and "" clear."""
        changes = {key: text_of(data[key]) for key in _NAMES if key in data}
        if "email" in data:
            email = self._email(data)
            other = self.by_email(email)
            if other is not None and other["id"] != contact["id"]:
                raise wrong("Email address already exists in the system", "duplicate", "email")
            changes["email"] = email
        written = self._write_values(contact, data)
        contact = self._account.change("contacts", contact, changes)
        self._account.tell("update", source, contact=contact)
        return contact, written

    def sync(self, data: Record, source: str) -> tuple[Record, list[Record], bool]:
        """Create or change by e-mail; the last part says whether it is new."""
        found = self.by_email(self._email(data))
        if found is None:
            return *self.create(data, source), True
        return *self.change(found, data, source), False

    def delete(self, contact: Record) -> None:
        """Take a contact and everything that hangs on it away; there is no webhook for it."""
        key = contact["id"]
        for table in (
            "field_values",
            "contact_tags",
            "contact_lists",
            "account_contacts",
            "contact_automations",
        ):
            for part in self._account[table].find("contact", key):
                self._account[table].remove(part["id"])
        for task in self._account["tasks"].find("about", ("Subscriber", key)):
            self._account["tasks"].remove(task["id"])
        self._account["contacts"].remove(key)

    def set_value(self, contact: Record, field_id: str, value: str) -> Record:
        """Write one field's value. Whether the value is one of the field's options is not asked."""
        old = self.value(contact["id"], field_id)
        if old is not None:
            return self._account.change("field_values", old, {"value": value})
        return self._account.add(
            "field_values", {"contact": contact["id"], "field": field_id, "value": value}
        )

    def value(self, contact_id: str, field_id: str) -> Record | None:
        """A contact's value of a field."""
        found = self._account["field_values"].find("contact", contact_id)
        return next((one for one in found if one["field"] == field_id), None)

    def tag_named(self, name: str, kind: str = "contact") -> Record | None:
        """The tag of this name, in any letters."""
        found = self._account["tags"].find("name", name.lower())
        return next((tag for tag in found if tag["tagType"] == kind), None)

    def make_tag(self, data: Record) -> Record:
        """A new tag; its name is its own among those of its type."""
        name, kind = text_of(data.get("tag")).strip(), data.get("tagType") or "contact"
        if not name:
            raise wrong("The tag name was not provided", "field_missing", "tag")
        if kind not in ("contact", "template"):
            raise wrong("The tag type is invalid", "field_invalid", "tagType")
        if self.tag_named(name, kind) is not None:
            raise wrong("A tag with this name already exists", "duplicate", "tag")
        values = {"tag": name, "tagType": kind, "description": text_of(data.get("description"))}
        return self._account.add("tags", values)

    def add_tag(self, contact_id: object, tag_id: object, source: str) -> Record:
        """Put a tag on a contact; one that is there already is answered and nothing more."""
        for name, value in (("contact", contact_id), ("tag", tag_id)):
            if not text_of(value):
                raise titled_missing(name)
        contact = self._account["contacts"].get(text_of(contact_id))
        tag = self._account["tags"].get(text_of(tag_id))
        if contact is None or tag is None:
            raise titled(404, "Not Found", f"{'Contact' if contact is None else 'Tag'} not found")
        link = self.tag_link(contact["id"], tag["id"])
        if link is not None:
            return link
        link = self._account.add("contact_tags", {"contact": contact["id"], "tag": tag["id"]})
        if self._account.quirks.tag_changes_contact:
            contact = self._account.change("contacts", contact, {})
        self._account.tell("contact_tag_added", source, contact=contact, tag=tag)
        return link

    def tag_link(self, contact_id: str, tag_id: str) -> Record | None:
        found = self._account["contact_tags"].find("contact", contact_id)
        return next((one for one in found if one["tag"] == tag_id), None)

    def remove_tag(self, link_id: object, source: str) -> None:
        """Take a tag off, by the id of the association."""
        link = self._account["contact_tags"].get(text_of(link_id))
        if link is None:
            raise no_result("SubscriberTag", link_id)
        self._account["contact_tags"].remove(link["id"])
        contact, tag = self._account["contacts"].get(link["contact"]), self._account["tags"].get(link["tag"])
        self._account.tell("contact_tag_removed", source, contact=contact, tag=tag)

    def delete_tag(self, tag: Record) -> None:
        """Delete a tag; everybody loses it."""
        for link in self._account["contact_tags"].find("tag", tag["id"]):
            self._account["contact_tags"].remove(link["id"])
        self._account["tags"].remove(tag["id"])

    def set_list(self, data: Record, source: str) -> tuple[Record, Record]:
        """Subscribe (status 1) or unsubscribe (2); who had left comes back only with source 4."""
        contact = self._account["contacts"].get(text_of(data.get("contact")))
        one = self._account["lists"].get(text_of(data.get("list")))
        status = text_of(data.get("status"))
        if contact is None or one is None or status not in (SUBSCRIBED, UNSUBSCRIBED):
            raise bad_request()
        found = self._account["contact_lists"].find("contact", contact["id"])
        link = next((row for row in found if row["list"] == one["id"]), None)
        origin = text_of(data.get("sourceid")) or "0"
        if link is None:
            values = {"contact": contact["id"], "list": one["id"], "unsubreason": "", "sourceid": origin}
            link = self._account.add("contact_lists", {**values, "status": "0"})
        left = link["status"] == UNSUBSCRIBED and status == SUBSCRIBED
        by_person = source in ("admin", "public")
        if link["status"] == status or (left and not by_person and origin != RESUBSCRIBES):
            return contact, link
        reason = text_of(data.get("unsubreason"))
        link = self._account.change("contact_lists", link, {"status": status, "unsubreason": reason})
        event = "subscribe" if status == SUBSCRIBED else "unsubscribe"
        self._account.tell(event, source, contact=contact, list=one, reason=reason)
        return contact, link

    def _email(self, data: Record) -> str:
        email = data.get("email")
        if not text_of(email):
            raise wrong("The email address was not provided", "field_missing", "email")
        if not is_email(text_of(email).strip()):
            raise wrong("Contact Email Address is not valid.", "email_invalid", "email")
        return text_of(email).strip()

    def _write_values(self, contact: Record, data: Record) -> list[Record]:
        """The values sent; those of a field that is not there are passed over."""
        sent = data.get("fieldValues")
        written = []
        for one in sent if isinstance(sent, list) else []:
            field_id = text_of(one.get("field")) if isinstance(one, dict) else ""
            if field_id in self._account["fields"]:
                written.append(self.set_value(contact, field_id, stored(one.get("value"))))
        return written


def stored(value: Any) -> str:
    """A field value as it is kept: a list of options between double bars, everything else as text."""
    if isinstance(value, list):
        return f"||{'||'.join(text_of(one) for one in value)}||" if value else ""
    return text_of(value)


def titled_missing(name: str) -> ProblemError:
    """422 of contactTags, which has a shape of its own."""
    source = {"pointer": f"/data/attributes/{name}"}
    return ProblemError(422, {"errors": [{"status": 422, "title": "Missing attribute", "source": source}]})
