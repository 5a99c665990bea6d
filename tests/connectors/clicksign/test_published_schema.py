"""Our requests and fixtures against the schema that Clicksign publishes.

Its answers' schemas are empty objects, so fixtures are held against its examples: a fixture may not have an
attribute that no example or request of that resource has, but for those that its guide pages name.
"""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from tests.connectors.clicksign.recorded import api
from tests.published import published

from vaivem.connectors.clicksign import client
from vaivem.connectors.clicksign.webhooks import EVENTS
from vaivem.connectors.sdk import Call

# Of the guide page on documents; the schema's examples leave it out.
FROM_GUIDES = {"documents": {"metadata"}}

PUBLISHED = json.loads(published("clicksign-envelope-v3.json").read_text("utf-8"))

CALLS = [
    client.try_token(),
    client.list_envelopes(modified=("2026-11-19T00:00:00+00:00", "2026-11-20T00:00:00+00:00")),
    client.get_envelope("e"),
    client.list_documents("e"),
    client.list_signers("e"),
    client.list_document_events("e", "d"),
    client.list_webhooks(),
    client.create_webhook("https://hub.example.com/hooks/7", EVENTS),
    client.update_webhook("w", {"status": "active"}),
    client.delete_webhook("w"),
]


def operation(call: Call) -> dict[str, Any]:
    for path, methods in PUBLISHED["paths"].items():
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", path)
        if re.fullmatch(pattern, call.path) and call.method.lower() in methods:
            found: dict[str, Any] = methods[call.method.lower()]
            return found
    raise AssertionError(f"{call.method} {call.path} is not published")


def examples() -> list[Any]:
    """Return every example answer that can be read as JSON."""
    responses = [
        response
        for methods in PUBLISHED["paths"].values()
        for one in methods.values()
        for response in one["responses"].values()
    ]
    contents = [content for response in responses for content in response.get("content", {}).values()]
    values = [example["value"] for content in contents for example in content.get("examples", {}).values()]
    return [read for value in values if (read := as_json(value)) is not None]


def as_json(value: Any) -> Any:
    """Read an example; the vendor puts comments into some, and others are no JSON at all."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(re.sub(r"^\s*//.*$", "", value, flags=re.MULTILINE))
    except json.JSONDecodeError:
        return None


def resources(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, dict) and "type" in content and "attributes" in content:
        return [content]
    parts = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    return [resource for part in parts for resource in resources(part)]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_our_requests_are_published(call: Call) -> None:
    published = operation(call)
    if call.json is not None:
        schema = published["requestBody"]["content"]["application/vnd.api+json"]["schema"]
        jsonschema.validate(call.json, schema)
    named = {parameter["name"] for parameter in published["parameters"]}
    assert {name for name, _ in call.query} <= named | {"page[size]", "page[number]"}


def test_our_events_are_those_of_a_fully_subscribed_webhook() -> None:
    known = {
        event
        for example in examples()
        for resource in resources(example)
        if resource["type"] == "webhooks"
        for event in resource["attributes"]["events"]
    }
    assert set(EVENTS) <= known
    assert known - set(EVENTS) == {"add_image"} | {
        name for name in known if name.startswith("acceptance_term_")
    }


@pytest.mark.parametrize(
    "name",
    ["envelopes__changed", "envelope__closed", "documents__all_closed", "signers__two", "events__signed",
     "webhooks__others_only", "webhook__made"],
)  # fmt: skip
def test_our_fixtures_have_the_published_attributes(name: str) -> None:
    for ours in resources(api(name)):
        known: set[str] = set(FROM_GUIDES.get(ours["type"], ()))
        for example in examples():
            for theirs in resources(example):
                if theirs["type"] == ours["type"]:
                    known |= set(theirs["attributes"])
        assert set(ours["attributes"]) <= known, ours["type"]


@pytest.mark.parametrize(
    "name",
    ["error__401", "error__403_blocked", "error__404", "error__422_endpoint", "error__503_envelopes"],
)
def test_our_errors_are_the_published_ones(name: str) -> None:
    ours = api(name)["errors"][0]
    shapes = [
        {key: error[key] for key in ("code", "title") if key in error}
        for example in examples()
        if isinstance(example, dict)
        for error in example.get("errors", ())
    ]
    assert {"code": ours["code"], "title": ours["title"]} in shapes
