"""Our requests and the answers of our tests against the vendor's published description.

Its schemas of answers are inferred from its examples, so only the examples count; requests have schemas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.activecampaign.recorded import connection, contact, deal
from tests.published import published

from vaivem.connectors.activecampaign import client, sales_client
from vaivem.connectors.activecampaign.custom_objects import document_schema
from vaivem.connectors.activecampaign.records import body_for
from vaivem.connectors.sdk import Call

SPEC = published("activecampaign-v3.json")

CONTACT = {"email": "a@b.example", "first_name": "A", "phone": "1", "custom.4": "Casa"}
IMPORTED = {
    "email": "a@b.example", "first_name": "A", "last_name": "B", "phone": "1", "tags": ["x"],
    "fields": [{"id": 4, "value": "Casa"}],
}  # fmt: skip
DEAL = {
    "title": "x", "pipeline": "1", "stage": "4", "contact": "3", "owner": "1", "value": 5, "currency": "BRL",
    "status": "won", "percent": 50, "custom.1": 5, "description": "x", "account": "7",
}  # fmt: skip
ACCOUNT = {"name": "x", "website": "https://x.example", "owner": "1"}
WEBHOOK = {"name": "x", "url": "https://h.example", "events": ["update"], "sources": ["api"], "listid": 0}
TASK = {
    "ownerType": "deal", "relid": 9, "title": "x", "note": "x", "duedate": "2026-12-01T12:00:00+00:00",
    "dealTasktype": 1, "status": 0, "assignee": 1,
}  # fmt: skip
RECORD = {
    "externalId": "e",
    "fields": [{"id": "f", "value": "x"}],
    "relationships": {"primary-contact": [14]},
}


def body(object_key: str, changes: dict[str, Any]) -> dict[str, Any]:
    return body_for(connection(), object_key, changes)


CALLS = [
    client.me(),
    client.users(),
    client.contact("3"),
    client.contacts_by_email("a+b@c.example"),
    client.contacts_changed(datetime(2026, 11, 23, tzinfo=UTC).isoformat(), "0"),
    client.sync_contact(body("contact", CONTACT)),
    client.update_contact("3", body("contact", CONTACT)),
    client.import_contacts([IMPORTED]),
    client.import_info("b-1"),
    client.contacts_of(["1", "2"]),
    *(client.contact_parts("3", part) for part in ("contactLists", "notes", "contactAutomations")),
    client.listed("contacts/3/deals"),
    client.fields(),
    client.tags(),
    client.search_tags("x"),
    client.tag("1"),
    client.create_tag("x"),
    client.add_tag("3", "20"),
    client.remove_tag("1"),
    client.lists(),
    client.set_list("3", "1", 1, again=True),
    client.automations(),
    client.enrol("3", "42"),
    client.end_entry("1"),
    client.create_note("Subscriber", "3", "x"),
    client.schemas(),
    client.create_schema(document_schema()),
    client.save_object_record("s", RECORD),
    client.webhooks(),
    client.webhook_events(),
    client.create_webhook(WEBHOOK),
    client.update_webhook("1", WEBHOOK),
    client.delete_webhook("1"),
    *(sales_client.own_fields(name) for name in sales_client.FIELDS),
    *(sales_client.own_values(name, "9") for name in sales_client.VALUES),
    sales_client.create_deal_field("Vaivém"),
    sales_client.account("7"),
    sales_client.search_accounts("x"),
    sales_client.create_account(body("account", ACCOUNT)),
    sales_client.update_account("7", body("account", ACCOUNT)),
    sales_client.contact_accounts("3"),
    sales_client.join_account("3", "7", "x"),
    sales_client.leave_account("1"),
    sales_client.deal("9"),
    sales_client.deals(("title", "x")),
    sales_client.deals(("updated_after", "2026-11-23")),
    sales_client.create_deal(body("deal", DEAL)),
    sales_client.update_deal("9", body("deal", DEAL)),
    sales_client.pipelines(),
    sales_client.stages("1"),
    sales_client.task_types(),
    sales_client.tasks("Deal", "9"),
    sales_client.create_task(TASK),
]
# Said once for all lists, on the page about paging, and left out of most descriptions.
PAGING = {"limit", "offset"}
# Where the description is not what the vendor's other pages and public clients have, and what is right.
BESIDE = {"contacts.import": {"exclude_automations"}}  # published in each contact, sent at the top by others
ELSEWHERE = {"contacts.contactTags", "objects.record"}


@cache
def published() -> Any:
    return json.loads(SPEC.read_text("utf-8"))["paths"]


def operation(call: Call) -> dict[str, Any]:
    path = call.path.removeprefix(client.PREFIX)
    for template, methods in sorted(published().items(), key=lambda item: item[0].count("{")):
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path) and call.method.lower() in methods:
            found: dict[str, Any] = methods[call.method.lower()]
            return found
    raise AssertionError(f"{call.method} {call.path} is not published")


def examples(content: dict[str, Any]) -> Iterator[Any]:
    for part in content.values():
        for value in [part.get("example"), *(one.get("value") for one in part.get("examples", {}).values())]:
            try:
                yield json.loads(value) if isinstance(value, str) else value
            except ValueError:
                continue


def names(value: Any, at: str = "") -> Iterator[str]:
    """Return the names in an object and its objects; those of a list's entries count once."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{at}.{name}" if at else name
            yield from names(inner, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner, at)


def schema_names(schema: dict[str, Any], at: str = "") -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        place = f"{at}.{name}" if at else name
        yield place
        yield from schema_names(inner, place)
        yield from schema_names(inner.get("items", {}), place)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.name}")
def test_our_requests_are_published(call: Call) -> None:
    there = operation(call)
    named = {parameter["name"] for parameter in there.get("parameters", ()) if parameter["in"] == "query"}
    assert {name.removesuffix("[]") for name, _ in call.query} - PAGING <= named  # of a list, see facts
    if call.json is not None:
        content = there["requestBody"]["content"]
        known = {name for one in examples(content) for name in names(one)}
        for part in content.values():
            known |= set(schema_names(part.get("schema", {})))
        ours = {name for name in names(call.json) if ".options" not in name}  # of a dropdown's: see facts
        assert ours - BESIDE.get(call.name, set()) <= known, ours - known


def test_every_call_is_looked_at() -> None:
    made = {call.name for call in CALLS}
    sources = [Path(str(module.__file__)).read_text("utf-8") for module in (client, sales_client)]
    declared = {name for text in sources for name in re.findall(r'Call\("([\w.]+)"', text)}
    assert declared - made == ELSEWHERE - {"contacts.contactTags"}


@pytest.mark.parametrize(
    ("path", "method", "status", "ours"),
    [
        ("/contacts/{id}", "get", "200", contact()),
        ("/deals", "get", "200", {"deals": [deal()["deal"]]}),
    ],
)
def test_the_records_of_our_tests_are_as_in_the_examples(
    path: str, method: str, status: str, ours: dict[str, Any]
) -> None:
    content = published()[path][method]["responses"][status]["content"]
    known = {name for one in examples(content) for name in names(one)}
    # Read by the list of contacts' examples and by public clients; the example of one contact is older.
    known |= {"contact.created_utc_timestamp", "contact.updated_utc_timestamp"}
    known |= {f"accountContacts.{name}" for name in ("contact", "account")} | {"accountContacts"}
    assert set(names(ours)) <= known, set(names(ours)) - known
