"""Our requests and the answers in our tests against the OpenAPI files that Pipedrive publishes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml
from tests.connectors.pipedrive.recorded import FEE, PLAN, connection, deal, organization, person
from tests.published import published

from vaivem.connectors.pipedrive import client
from vaivem.connectors.pipedrive.records import body_for
from vaivem.connectors.sdk import Call

FILES = {client.V2: published("pipedrive-v2.yaml"), client.V1: published("pipedrive-v1.yaml")}

DAY = datetime(2026, 11, 23, tzinfo=UTC)
DEAL = {"title": "x", "stage": "4", "person": "12", "value": 5, f"custom.{PLAN}": 39, f"custom.{FEE}": 1}
PERSON = {"name": "x", "email": "a@b.example", "phone": "+5511912345678", "organization": "3", "owner": "1"}
COMPANY = {"name": "x", "address": "Rua Nova, 5", "website": "https://x.example"}


def body(object_key: str, changes: dict[str, Any]) -> dict[str, Any]:
    return body_for(connection(), object_key, changes, {})


CALLS = [
    *(client.record(name, "9") for name in client.PATHS),
    *(client.newest(name) for name in client.PATHS),
    *(client.changed(name, DAY, DAY) for name in client.PATHS),
    client.records("deal", ("person_id", "12"), ("status", "open"), ("pipeline_id", "1")),
    client.create("deal", body("deal", DEAL)),
    client.create("person", body("person", PERSON)),
    client.create("organization", body("organization", COMPANY)),
    client.update("deal", "9", body("deal", {"status": "lost", "lost_reason": "Preço"})),
    client.update("person", "12", body("person", {"email": ["a@b.example"], "job_title": "x"})),
    client.update("organization", "3", body("organization", COMPANY)),
    client.search("person", "a@b.example", "email"),
    client.search("organization", "x", "name"),
    client.search("deal", "x", "custom_fields"),
    *(client.field_definitions(name) for name in client.FIELD_PATHS),
    client.create_field("deal", "Vaivém"),
    client.pipelines(),
    client.stages("1"),
    client.users(),
    client.me(),
    client.activity_types(),
    client.create_activity(
        {"subject": "x", "type": "call", "due_date": "2026-11-30", "owner_id": 1, "deal_id": 9}
    ),
    client.activities(("deal_id", "9")),
    client.create_note({"content": "x", "deal_id": 9}),
    client.notes(("deal_id", "9")),
    client.webhooks(),
    client.create_webhook("https://hub.example.com/h", "deal", "u", "p"),
    client.delete_webhook("7"),
]


@cache
def published(base: str) -> Any:
    return yaml.load(FILES[base].read_text("utf-8"), Loader=yaml.CSafeLoader)


def operation(call: Call) -> dict[str, Any]:
    base = client.V2 if call.path.startswith(client.V2) else client.V1
    path = call.path.removeprefix(base)
    paths = published(base)["paths"]
    # A path without placeholders goes before one that would take "search" for an id.
    for template, methods in sorted(paths.items(), key=lambda item: item[0].count("{")):
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path) and call.method.lower() in methods:
            found: dict[str, Any] = methods[call.method.lower()]
            return found
    raise AssertionError(f"{call.method} {call.path} is not published")


def keys_of(schema: dict[str, Any]) -> Iterator[str]:
    """Return the names that a schema of an object allows, through what it is put together from."""
    yield from schema.get("properties", {})
    for part in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from keys_of(part)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_our_requests_are_published(call: Call) -> None:
    there = operation(call)
    named = {parameter["name"] for parameter in there.get("parameters", ()) if parameter["in"] == "query"}
    assert {name for name, _ in call.query} <= named
    if call.json is not None:
        schema = there["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.validate(call.json, schema)
        assert set(call.json) <= set(keys_of(schema))


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_our_costs_are_the_published_ones(call: Call) -> None:
    assert call.cost == operation(call)["x-token-cost"]


@pytest.mark.parametrize(
    ("object_key", "row"), [("deal", deal()), ("person", person()), ("organization", organization())]
)
def test_the_records_of_our_tests_have_published_fields_only(object_key: str, row: dict[str, Any]) -> None:
    answers = operation(client.record(object_key, "9"))["responses"]["200"]["content"]["application/json"]
    data = next(part for part in parts(answers["schema"]) if "data" in part.get("properties", {}))
    assert set(row) <= set(keys_of(data["properties"]["data"]))


def parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for part in schema.get("allOf", ()):
        yield from parts(part)
