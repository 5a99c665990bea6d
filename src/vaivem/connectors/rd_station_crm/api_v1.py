"""API v1: builds calls and reads answers. Pure; the engine sends.

v1 searches little: deals by exact name, contacts by e-mail, phone and a free text. Where it cannot, a method
returns None and the caller finds another way, or says that OAuth is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from vaivem.connectors.rd_station_crm import shapes_v1 as shapes
from vaivem.connectors.rd_station_crm.custom_values import CustomDates
from vaivem.connectors.rd_station_crm.records import CUSTOM, Changes, Record, custom_of
from vaivem.connectors.sdk import Answer, Call, Connection
from vaivem.core.errors import UncertainError
from vaivem.core.numbers import DEFAULT_ZONE

BASE = "api_v1"
MAX_PAGE_SIZE = 200
MAX_STAGES = 12  # a page of stages is never longer

# Path, the key of the list in the answer ("" for a bare array), whether it has pages.
LISTS = {
    "pipelines": ("/deal_pipelines", "", False),
    "users": ("/users", "users", False),
    "sources": ("/deal_sources", "deal_sources", True),
    "campaigns": ("/campaigns", "campaigns", True),
    "lost_reasons": ("/deal_lost_reasons", "deal_lost_reasons", True),
    "products": ("/products", "products", True),
}


class ApiV1:
    """The client of API v1, with a connection's folded choices."""

    sees_all = False
    finds_by_field = False

    def __init__(self, connection: Connection) -> None:
        settings = connection.settings
        self._page_size = min(int(settings.get("page_size") or 100), MAX_PAGE_SIZE)
        self._zone = str(settings.get("zone") or DEFAULT_ZONE)
        self._link_on_create = settings.get("link_contacts") != "deal_ids"
        self._dates = CustomDates(connection, brazilian=True)

    # https://developers.rdstation.com/reference/crm-v1-token-check

    def token_check(self) -> Call:
        """Whose token it is."""
        return _get("token.check", "/token/check")

    # https://developers.rdstation.com/reference/crm-v1-contacts

    def contact(self, contact_id: str) -> Call:
        """One contact."""
        return _get("contacts.get", f"/contacts/{contact_id}")

    def contacts_with_email(self, *emails: str) -> list[Call]:
        """Contacts with one of these addresses: a call for each."""
        return [self._list("contacts.by_email", "/contacts", ("email", email)) for email in emails]

    def contacts_with_phone(self, *phones: str) -> list[Call]:
        """Contacts with a phone: a call for each of the two ways that records mostly have it."""
        digits = sorted((phone for phone in phones if phone.isdecimal()), key=len)
        wanted = dict.fromkeys([phones[0], *digits[:1]])  # with the country, and without it
        return [self._list("contacts.by_phone", "/contacts", ("phone", phone)) for phone in wanted]

    def contacts_named(self, name: str) -> Call:
        """Contacts whose name holds these words."""
        return self._list("contacts.by_name", "/contacts", ("q", name))

    def contacts_with_field(self, key: str, *values: str) -> None:
        """v1 does not search by own fields."""
        return

    def contact_create(self, changes: Changes) -> Call:
        """Make a contact."""
        body = shapes.contact_to(self._written("contact", changes), {})
        return _send("contacts.create", "POST", "/contacts", body)

    def contact_update(self, contact: Record, changes: Changes) -> Call:
        """Change a contact; lists are written whole."""
        body = shapes.contact_to(self._written("contact", changes), contact.get("phone_types") or {})
        return _send("contacts.update", "PUT", f"/contacts/{contact['id']}", body)

    def read_contact(self, answer: Answer) -> Record:
        """Read one contact."""
        return self._with_dates("contact", shapes.contact_from(_object(answer)))

    def read_contacts(self, answer: Answer) -> list[Record]:
        """Read a list of contacts."""
        return [self._with_dates("contact", shapes.contact_from(row)) for row in _rows(answer, "contacts")]

    # https://developers.rdstation.com/reference/crm-v1-organizations

    def organization(self, organization_id: str) -> Call:
        """One organization."""
        return _get("organizations.get", f"/organizations/{organization_id}")

    def organizations_named(self, name: str) -> Call:
        """Organizations whose name holds these words."""
        return self._list("organizations.by_name", "/organizations", ("q", name))

    def organizations_with_field(self, key: str, *values: str) -> None:
        """v1 does not search by own fields."""
        return

    def organization_create(self, changes: Changes) -> Call:
        """Make an organization."""
        body = shapes.organization_to(self._written("organization", changes))
        return _send("organizations.create", "POST", "/organizations", body)

    def organization_update(self, organization: Record, changes: Changes) -> Call:
        """Change an organization."""
        body = shapes.organization_to(self._written("organization", changes))
        return _send("organizations.update", "PUT", f"/organizations/{organization['id']}", body)

    def read_organization(self, answer: Answer) -> Record:
        """Read one organization."""
        return self._with_dates("organization", shapes.organization_from(_object(answer)))

    def read_organizations(self, answer: Answer) -> list[Record]:
        """Read a list of organizations."""
        rows = _rows(answer, "organizations")
        return [self._with_dates("organization", shapes.organization_from(row)) for row in rows]

    # https://developers.rdstation.com/reference/crm-v1-deals

    def deal(self, deal_id: str) -> Call:
        """One deal."""
        return _get("deals.get", f"/deals/{deal_id}")

    def deals_named(self, name: str, pipeline: str | None) -> Call:
        """Deals of exactly this name, newest first."""
        query = [("name", name), ("exact_name", "true"), ("order", "created_at"), ("direction", "desc")]
        if pipeline:
            query.append(("deal_pipeline_id", pipeline))
        return self._list("deals.by_name", "/deals", *query)

    def deals_of_contact(self, contact_id: str) -> None:
        """v1 has no such search; a contact holds the ids of its deals."""
        return

    def deals_with_field(self, key: str, *values: str) -> None:
        """v1 does not search by own fields."""
        return

    def deal_contacts(self, deal_id: str) -> Call:
        """The contacts of a deal, which single answers do not hold."""
        return self._list("deals.contacts", f"/deals/{deal_id}/contacts")

    def deal_create(self, changes: Changes) -> Call:
        """Make a deal.

        Never with ``contacts``, which makes new contacts each time; ``set_contacts`` links those there are.
        """
        body = shapes.deal_create(self._written("deal", changes), link=self._link_on_create)
        return _send("deals.create", "POST", "/deals", body)

    def deal_update(self, deal: Record, changes: Changes) -> Call:
        """Change a deal."""
        body = shapes.deal_update(self._written("deal", changes))
        return _send("deals.update", "PUT", f"/deals/{deal['id']}", body)

    def link_contact(self, contact: Record, deal_id: str) -> Call:
        """Link a contact to a deal, from the contact's side: the way that is documented."""
        deals = [*contact["deals"], deal_id]
        body = shapes.contact_to({"deals": deals}, {})
        return _send("contacts.link", "PUT", f"/contacts/{contact['id']}", body)

    def read_deal(self, answer: Answer) -> Record:
        """Read one deal."""
        return self._with_dates("deal", shapes.deal_from(_object(answer)))

    def read_deals(self, answer: Answer) -> list[Record]:
        """Read a list of deals."""
        return [self._with_dates("deal", shapes.deal_from(row)) for row in _rows(answer, "deals")]

    # https://developers.rdstation.com/reference/crm-v1-deal-products

    def products(self, deal_id: str) -> Call:
        """The lines of products of a deal."""
        return self._list("deal_products.list", f"/deals/{deal_id}/deal_products")

    def product_add(self, deal_id: str, changes: Changes) -> Call:
        """Add a product to a deal."""
        path = f"/deals/{deal_id}/deal_products"
        return _send("deal_products.create", "POST", path, shapes.product_to(changes))

    def product_change(self, deal_id: str, line_id: str, changes: Changes) -> Call:
        """Change a product's line."""
        path = f"/deals/{deal_id}/deal_products/{line_id}"
        return _send("deal_products.update", "PUT", path, shapes.product_to(changes))

    def read_product(self, answer: Answer) -> Record:
        """Read one line."""
        return shapes.product_from(_object(answer))

    def read_products(self, answer: Answer) -> list[Record]:
        """Read all lines."""
        return [shapes.product_from(row) for row in _rows(answer, "deal_products")]

    # https://developers.rdstation.com/reference/crm-v1-activities

    def notes(self, deal_id: str) -> Call:
        """The notes of a deal."""
        return self._list("notes.list", "/activities", ("deal_id", deal_id))

    def note_add(self, deal_id: str, text: str, user: str | None) -> Call:
        """Add a note to a deal."""
        activity = {"deal_id": deal_id, "text": text} | ({"user_id": user} if user else {})
        return _send("notes.create", "POST", "/activities", {"activity": activity})

    def read_note(self, answer: Answer) -> Record:
        """Read one note."""
        return shapes.note_from(_object(answer))

    def read_notes(self, answer: Answer) -> list[Record]:
        """Read a list of notes."""
        return [shapes.note_from(row) for row in _rows(answer, "activities")]

    # https://developers.rdstation.com/reference/crm-v1-create-task

    def tasks(self, deal_id: str) -> Call:
        """The tasks of a deal."""
        return self._list("tasks.list", "/tasks", ("deal_id", deal_id))

    def task_add(self, changes: Changes) -> Call:
        """Add a task."""
        body = shapes.task_to({"type": "task", **changes}, self._zone)
        return _send("tasks.create", "POST", "/tasks", body)

    def read_task(self, answer: Answer) -> Record:
        """Read one task."""
        return shapes.task_from(_object(answer), self._zone)

    def read_tasks(self, answer: Answer) -> list[Record]:
        """Read a list of tasks."""
        return [shapes.task_from(row, self._zone) for row in _rows(answer, "tasks")]

    # https://developers.rdstation.com/reference/crm-v1-list-pipelines, and so on for the other lists

    def listing(self, source: str) -> Call:
        """A list that forms choose from; ``stages/<pipeline>`` for the stages of one."""
        name, _, pipeline = source.partition("/")
        if name == "stages":
            query = (("deal_pipeline_id", pipeline), ("page", "1"), ("limit", str(MAX_STAGES)))
            return _get("stages.list", "/deal_stages", *query)
        path, _, paged = LISTS[source]
        return self._list(f"{source}.list", path) if paged else _get(f"{source}.list", path)

    def read_listing(self, source: str, answer: Answer) -> list[Mapping[str, Any]]:
        """Read a list for forms: rows with ``id`` and ``name``. Users who left come last or not at all."""
        name = source.partition("/")[0]
        rows = _rows(answer, "deal_stages" if name == "stages" else LISTS[source][1])
        shown = [row for row in rows if row.get("active") is not False and row.get("visible") is not False]
        return [{"id": shapes.id_of(row), "name": str(row.get("name") or "")} for row in shown]

    # https://developers.rdstation.com/reference/crm-v1-custom-fields

    def field_definitions(self, object_key: str) -> Call:
        """The account's own fields of an object."""
        return _get("custom_fields.list", "/custom_fields", ("for", object_key))

    def read_field_definitions(self, answer: Answer) -> list[Mapping[str, Any]]:
        """Read definitions: ``key, label, type, options, new_options, required``."""
        return [
            {
                "key": shapes.id_of(row),
                "label": str(row.get("label") or ""),
                "type": str(row.get("type") or "text"),
                "options": [str(option) for option in row.get("opts") or ()],
                "new_options": bool(row.get("allow_new")),
                "required": bool(row.get("required") or row.get("required_rules")),
            }
            for row in _rows(answer, "custom_fields")
        ]

    def next_page(self, call: Call, answer: Answer, found: Sequence[Any]) -> Call | None:
        """Return the call for the page after this one, or None after the last."""
        body = answer.json
        if not found or not isinstance(body, Mapping) or not body.get("has_more"):
            return None
        query = dict(call.query)
        query["page"] = str(int(query.get("page", "1")) + 1)
        return replace(call, query=tuple(query.items()))

    # https://developers.rdstation.com/reference/crm-v1-webhooks

    def hooks(self) -> Call:
        """The account's webhooks."""
        return _get("webhooks.list", "/webhooks")

    def hook_create(self, event: str, address: str, key: str) -> Call:
        """Register a webhook. v1 sends no header of ours: the address itself is the secret."""
        body = {"event_type": event, "url": address, "http_method": "POST"}
        return _send("webhooks.create", "POST", "/webhooks", body)

    def hook_mend(self, hook: Mapping[str, Any], key: str | None) -> Call:
        """Switch a webhook on again."""
        body = {
            "event_type": hook["event"],
            "url": hook["url"],
            "http_method": "POST",
            "status": "active",
        }
        return _send("webhooks.update", "PUT", f"/webhooks/{hook['id']}", body)

    def hook_delete(self, hook_id: str) -> Call:
        """Remove a webhook."""
        return Call("webhooks.delete", "DELETE", f"/webhooks/{hook_id}", base=BASE)

    def read_hooks(self, answer: Answer) -> list[Mapping[str, Any]]:
        """Read webhooks: ``id, name, event, url, status``."""
        return [
            {
                "id": str(row.get("uuid") or shapes.id_of(row)),
                "name": row.get("name"),
                "event": row.get("event_type"),
                "url": row.get("url"),
                "status": row.get("status"),
            }
            for row in _rows(answer, "webhooks")
        ]

    def _list(self, name: str, path: str, *query: tuple[str, str]) -> Call:
        return _get(name, path, *query, ("page", "1"), ("limit", str(self._page_size)))

    def _written(self, object_key: str, changes: Changes) -> Changes:
        custom = self._dates.written(object_key, custom_of(changes))
        return dict(changes) | {f"{CUSTOM}{key}": value for key, value in custom.items()}

    def _with_dates(self, object_key: str, record: Record) -> Record:
        return record | {"custom": self._dates.read(object_key, record["custom"])}


def _get(name: str, path: str, *query: tuple[str, str]) -> Call:
    return Call(name, "GET", path, query=query, base=BASE)


def _send(name: str, method: str, path: str, body: Mapping[str, Any]) -> Call:
    return Call(name, method, path, json=body, base=BASE)


def _object(answer: Answer) -> Mapping[str, Any]:
    body = answer.json
    if not isinstance(body, Mapping) or not shapes.id_of(body):
        raise UncertainError("vendor_answer_unreadable", detail=answer.text[:300])
    return body


def _rows(answer: Answer, name: str) -> list[Mapping[str, Any]]:
    """Return the rows of a list: under its name, or a bare array."""
    body = answer.json
    rows = body.get(name) if isinstance(body, Mapping) else body
    if not isinstance(rows, list):
        raise UncertainError("vendor_answer_unreadable", detail=answer.text[:300])
    return rows
