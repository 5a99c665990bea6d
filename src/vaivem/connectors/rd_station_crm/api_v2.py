"""API v2: builds calls and reads answers. Pure; the engine sends.

Bodies are ``{"data": {…}}``, references are ids, lists are filtered with RDQL. Addresses in ``links`` have
a prefix that is not routed from outside, so pages are counted, never followed. Without a sort the order
changes between pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from vaivem.connectors.rd_station_crm import shapes_v2 as shapes
from vaivem.connectors.rd_station_crm.custom_values import CustomDates
from vaivem.connectors.rd_station_crm.envelope_v2 import post, put, record_in, rows_in
from vaivem.connectors.rd_station_crm.rdql import both, equals
from vaivem.connectors.rd_station_crm.records import (
    CUSTOM,
    Changes,
    Record,
    custom_of,
    flat_contact,
    flat_deal,
    flat_organization,
)
from vaivem.connectors.sdk import Answer, Call, Connection

MAX_PAGE_SIZE = 200
HOOK_HEADER = "X-Vaivem-Key"

LISTS = {
    "pipelines": ("/pipelines", "order"),
    "users": ("/users", ""),
    "sources": ("/sources", "name"),
    "campaigns": ("/campaigns", "name"),
    "lost_reasons": ("/lost_reasons", "name"),
    "segments": ("/segments", "name"),
    "products": ("/products", "name"),
}


class ApiV2:
    """The client of API v2, with a connection's folded choices."""

    sees_all = True

    def __init__(self, connection: Connection) -> None:
        settings = connection.settings
        self._page_size = min(int(settings.get("page_size") or 100), MAX_PAGE_SIZE)
        self._whole = settings.get("put_mode") == "full"
        self._custom_by_id = settings.get("custom_field_key") == "id"
        self._dates = CustomDates(connection, brazilian=settings.get("date_format") == "br")
        self.finds_by_field = not self._custom_by_id  # the filter language knows fields by slug

    # https://developers.rdstation.com/reference/crm-v2-contacts

    def contact(self, contact_id: str) -> Call:
        """One contact."""
        return Call("contacts.get", "GET", f"/contacts/{contact_id}")

    def contacts_with_email(self, *emails: str) -> list[Call]:
        """Contacts with one of these addresses, letter by letter."""
        return [self._list("contacts.by_email", "/contacts", equals("email", *emails), "created_at")]

    def contacts_with_phone(self, *phones: str) -> list[Call]:
        """Contacts with a phone written in one of these ways."""
        return [self._list("contacts.by_phone", "/contacts", equals("phone", *phones), "created_at")]

    def contacts_named(self, name: str) -> Call:
        """Contacts of this name."""
        return self._list("contacts.by_name", "/contacts", equals("name", name), "created_at")

    def contacts_with_field(self, key: str, *values: str) -> Call | None:
        """Contacts whose own field has one of these values."""
        return self._by_field("contacts.by_field", "/contacts", key, values)

    def contact_create(self, changes: Changes) -> Call:
        """Make a contact."""
        body = shapes.contact_to(self._dated("contact", changes), {})
        return post("contacts.create", "/contacts", body)

    def contact_update(self, contact: Record, changes: Changes) -> Call:
        """Change a contact; lists are written whole."""
        changes = self._changes("contact", flat_contact(contact), changes)
        body = shapes.contact_to(changes, contact.get("phone_types") or {})
        return put("contacts.update", f"/contacts/{contact['id']}", body)

    def read_contact(self, answer: Answer) -> Record:
        """Read one contact."""
        return self._with_dates("contact", shapes.contact_from(record_in(answer)))

    def read_contacts(self, answer: Answer) -> list[Record]:
        """Read a list of contacts."""
        return [self._with_dates("contact", shapes.contact_from(row)) for row in rows_in(answer)]

    # https://developers.rdstation.com/reference/crm-v2-organizations

    def organization(self, organization_id: str) -> Call:
        """One organization."""
        return Call("organizations.get", "GET", f"/organizations/{organization_id}")

    def organizations_named(self, name: str) -> Call:
        """Organizations of this name; the vendor keeps names unique."""
        return self._list("organizations.by_name", "/organizations", equals("name", name), "created_at")

    def organizations_with_field(self, key: str, *values: str) -> Call | None:
        """Organizations whose own field has one of these values."""
        return self._by_field("organizations.by_field", "/organizations", key, values)

    def organization_create(self, changes: Changes) -> Call:
        """Make an organization."""
        body = shapes.organization_to(self._dated("organization", changes))
        return post("organizations.create", "/organizations", body)

    def organization_update(self, organization: Record, changes: Changes) -> Call:
        """Change an organization."""
        changes = self._changes("organization", flat_organization(organization), changes)
        path = f"/organizations/{organization['id']}"
        return put("organizations.update", path, shapes.organization_to(changes))

    def read_organization(self, answer: Answer) -> Record:
        """Read one organization."""
        return self._with_dates("organization", shapes.organization_from(record_in(answer)))

    def read_organizations(self, answer: Answer) -> list[Record]:
        """Read a list of organizations."""
        return [self._with_dates("organization", shapes.organization_from(row)) for row in rows_in(answer)]

    # https://developers.rdstation.com/reference/crm-v2-deals

    def deal(self, deal_id: str) -> Call:
        """One deal."""
        return Call("deals.get", "GET", f"/deals/{deal_id}")

    def deals_named(self, name: str, pipeline: str | None) -> Call:
        """Deals of this name, newest first."""
        test = both(equals("name", name), equals("pipeline_id", pipeline) if pipeline else "")
        return self._list("deals.by_name", "/deals", test, "created_at", "desc")

    def deals_of_contact(self, contact_id: str) -> Call:
        """Deals that a contact is linked to, newest first."""
        return self._list(
            "deals.by_contact", "/deals", equals("contact_id", contact_id), "created_at", "desc"
        )

    def deals_with_field(self, key: str, *values: str) -> Call | None:
        """Deals whose own field has one of these values, newest first."""
        return self._by_field("deals.by_field", "/deals", key, values, "desc")

    def deal_contacts(self, deal_id: str) -> None:
        """Not needed: a deal holds the ids of its contacts."""
        return

    def deal_create(self, changes: Changes) -> Call:
        """Make a deal; the vendor takes new ones as ongoing only."""
        return post("deals.create", "/deals", shapes.deal_to(self._dated("deal", changes)))

    def deal_update(self, deal: Record, changes: Changes) -> Call:
        """Change a deal."""
        changes = self._changes("deal", flat_deal(deal) | {"contacts": deal["contacts"]}, changes)
        return put("deals.update", f"/deals/{deal['id']}", shapes.deal_to(changes))

    def link_contact(self, contact: Record, deal_id: str) -> None:
        """Not needed: contacts are linked by the deal's own list."""
        return

    def read_deal(self, answer: Answer) -> Record:
        """Read one deal."""
        return self.deal_of(record_in(answer))

    def deal_of(self, row: Mapping[str, Any]) -> Record:
        """Read a deal as it stands in an answer."""
        return self._with_dates("deal", shapes.deal_from(row))

    def read_deals(self, answer: Answer) -> list[Record]:
        """Read a list of deals."""
        return [self.deal_of(row) for row in rows_in(answer)]

    # https://developers.rdstation.com/reference/crm-v2-deal-products

    def products(self, deal_id: str) -> Call:
        """The lines of products of a deal."""
        return self._list("deal_products.list", f"/deals/{deal_id}/products", "", "")

    def product_add(self, deal_id: str, changes: Changes) -> Call:
        """Add a product to a deal."""
        return post("deal_products.create", f"/deals/{deal_id}/products", shapes.product_to(changes))

    def product_change(self, deal_id: str, line_id: str, changes: Changes) -> Call:
        """Change a product's line."""
        path = f"/deals/{deal_id}/products/{line_id}"
        return put("deal_products.update", path, shapes.product_to(changes))

    def read_product(self, answer: Answer) -> Record:
        """Read one line."""
        return shapes.product_from(record_in(answer))

    def read_products(self, answer: Answer) -> list[Record]:
        """Read all lines."""
        return [shapes.product_from(row) for row in rows_in(answer)]

    # https://developers.rdstation.com/reference/crm-v2-notes

    def notes(self, deal_id: str) -> Call:
        """The notes of a deal, newest first."""
        return self._list("notes.list", f"/deals/{deal_id}/notes", "", "registered_at", "desc")

    def note_add(self, deal_id: str, text: str, user: str | None) -> Call:
        """Add a note to a deal."""
        body = {"description": text} | ({"user_id": user} if user else {})
        return post("notes.create", f"/deals/{deal_id}/notes", body)

    def read_note(self, answer: Answer) -> Record:
        """Read one note."""
        return shapes.note_from(record_in(answer))

    def read_notes(self, answer: Answer) -> list[Record]:
        """Read a list of notes."""
        return [shapes.note_from(row) for row in rows_in(answer)]

    # https://developers.rdstation.com/reference/crm-v2-tasks

    def tasks(self, deal_id: str) -> Call:
        """The tasks of a deal."""
        return self._list("tasks.list", "/tasks", equals("deal_id", deal_id), "due_date", "desc")

    def task_add(self, changes: Changes) -> Call:
        """Add a task; the vendor wants to know who made it."""
        body = {
            "name": changes["name"],
            "type": changes.get("type") or "task",
            "deal_id": changes["deal"],
            "due_date": changes.get("due"),
            "description": changes.get("description"),
            "owner_ids": [changes["owner"]] if changes.get("owner") else None,
            "created_by_id": changes.get("created_by") or changes.get("owner"),
        }
        return post(
            "tasks.create", "/tasks", {key: value for key, value in body.items() if value is not None}
        )

    def read_task(self, answer: Answer) -> Record:
        """Read one task."""
        return shapes.task_from(record_in(answer))

    def read_tasks(self, answer: Answer) -> list[Record]:
        """Read a list of tasks."""
        return [shapes.task_from(row) for row in rows_in(answer)]

    # https://developers.rdstation.com/reference/crm-v2-list-pipelines, and so on for the other lists

    def listing(self, source: str) -> Call:
        """A list that forms choose from; ``stages/<pipeline>`` for the stages of one."""
        name, _, pipeline = source.partition("/")
        if name == "stages":
            return self._list("stages.list", f"/pipelines/{pipeline}/stages", "", "order")
        path, sort = LISTS[source]
        test = "is:active" if source == "users" else "is:visible" if source == "products" else ""
        return self._list(f"{source}.list", path, test, sort)

    def read_listing(self, source: str, answer: Answer) -> list[Mapping[str, Any]]:
        """Read a list for forms: rows with ``id`` and ``name``."""
        return [{"id": str(row["id"]), "name": str(row.get("name") or "")} for row in rows_in(answer)]

    # https://developers.rdstation.com/reference/crm-v2-custom-fields

    def field_definitions(self, object_key: str) -> Call:
        """The account's own fields of an object."""
        return self._list("custom_fields.list", "/custom_fields", equals("entity", object_key), "order")

    def read_field_definitions(self, answer: Answer) -> list[Mapping[str, Any]]:
        """Read definitions: ``key, label, type, options, new_options, required``."""
        return [
            {
                "key": str(row["id"] if self._custom_by_id else row["slug"]),
                "label": str(row.get("name") or row["slug"]),
                "type": str(row.get("type") or "text"),
                "options": [str(option) for option in row.get("options") or ()],
                "new_options": bool(row.get("allow_new_option")),
                "required": bool(row.get("required_rules")),
            }
            for row in rows_in(answer)
        ]

    def field_create(self, object_key: str, label: str) -> Call:
        """Make a text field of the account's own."""
        body = {"name": label, "type": "text", "entity": object_key}
        return post("custom_fields.create", "/custom_fields", body)

    def read_field_key(self, answer: Answer) -> str:
        """Read the key of a field just made."""
        row = record_in(answer)
        return str(row["id"] if self._custom_by_id else row["slug"])

    def next_page(self, call: Call, answer: Answer, found: Sequence[Any]) -> Call | None:
        """Return the call for the page after this one, or None after the last."""
        links = answer.json.get("links") if isinstance(answer.json, Mapping) else None
        query = dict(call.query)
        if len(found) < int(query["page[size]"]) and not (links or {}).get("next"):
            return None
        if not found:
            return None
        query["page[number]"] = str(int(query["page[number]"]) + 1)
        return replace(call, query=tuple(query.items()))

    # https://developers.rdstation.com/reference/crm-v2-webhooks

    def hooks(self) -> Call:
        """The account's webhooks."""
        return self._list("webhooks.list", "/webhooks", "", "")

    def hook_create(self, event: str, address: str, key: str) -> Call:
        """Register a webhook; each carries one event."""
        body = {
            "name": f"Vaivém {event}",
            "event_name": event,
            "http_method": "POST",
            "url": address,
            "auth_header": HOOK_HEADER,
            "auth_key": key,
        }
        return post("webhooks.create", "/webhooks", body)

    def hook_mend(self, hook: Mapping[str, Any], key: str | None) -> Call:
        """Switch a webhook on again and, with `key`, tell it the header to send."""
        body = {
            "name": hook.get("name") or f"Vaivém {hook['event']}",
            "event_name": hook["event"],
            "http_method": "POST",
            "url": hook["url"],
            "status": "active",
        }
        if key:
            body |= {"auth_header": HOOK_HEADER, "auth_key": key}
        return put("webhooks.update", f"/webhooks/{hook['id']}", body)

    def hook_delete(self, hook_id: str) -> Call:
        """Remove a webhook."""
        return Call("webhooks.delete", "DELETE", f"/webhooks/{hook_id}")

    def read_hooks(self, answer: Answer) -> list[Mapping[str, Any]]:
        """Read webhooks: ``id, name, event, url, status``."""
        return [
            {
                "id": str(row["id"]),
                "name": row.get("name"),
                "event": row.get("event_name"),
                "url": row.get("url"),
                "status": row.get("status"),
            }
            for row in rows_in(answer)
        ]

    def changed_since(self, path: str, since: str, until: str) -> Call:
        """Records of a list that changed between two moments (``YYYY-MM-DD HH:MM:SS``, UTC)."""
        test = f'updated_at:>="{since}" updated_at:<="{until}"'
        sort = "created_at" if path == "/contacts" else "updated_at"
        return self._list(f"{path.strip('/')}.changed", path, test, sort)

    def _list(self, name: str, path: str, test: str, sort: str, direction: str = "asc") -> Call:
        query = [("filter", test)] if test else []
        if sort:
            query.append((f"sort[{sort}]", direction))
        query += [("page[number]", "1"), ("page[size]", str(self._page_size))]
        return Call(name, "GET", path, query=tuple(query))

    def _by_field(
        self, name: str, path: str, key: str, values: Sequence[str], direction: str = "asc"
    ) -> Call | None:
        if not self.finds_by_field:
            return None
        return self._list(name, path, equals(f"@{key}", *values), "created_at", direction)

    def _changes(self, object_key: str, current: Record, changes: Changes) -> Changes:
        whole = {key: value for key, value in current.items() if value not in (None, "", [])}
        return self._dated(object_key, whole | dict(changes) if self._whole else changes)

    def _dated(self, object_key: str, changes: Changes) -> Changes:
        custom = self._dates.written(object_key, custom_of(changes))
        return dict(changes) | {f"{CUSTOM}{key}": value for key, value in custom.items()}

    def _with_dates(self, object_key: str, record: Record) -> Record:
        return record | {"custom": self._dates.read(object_key, record["custom"])}
