"""Our answers against the schemas the vendor publishes in its reference pages."""

from __future__ import annotations

import json

import jsonschema
import pytest
from tests.published import published


@pytest.fixture(scope="module")
def spec():
    return json.loads(published("clicksign-envelope-v3.json").read_text())


def schema_of(spec, path, method, status):
    content = spec["paths"][path][method]["responses"][str(status)]["content"]
    return next(iter(content.values())).get("schema")


def differences(spec, key, answer):
    """Where an answer breaks the schema, but not where the vendor's own example breaks it too."""
    validator = jsonschema.Draft202012Validator(schema_of(spec, *key))
    allowed = {tuple(error.schema_path) for error in validator.iter_errors(example_of(spec, *key))}
    found = validator.iter_errors(answer)
    return [error.message for error in found if tuple(error.schema_path) not in allowed]


def shape(value):
    """The names an example has, without lists' contents beyond the first and free-form objects."""
    if not isinstance(value, dict):
        return None
    return {key: shape(inner) if key != "metadata" else None for key, inner in value.items()}


def example_of(spec, path, method, status):
    content = spec["paths"][path][method]["responses"][str(status)]["content"]
    example = next(iter(next(iter(content.values()))["examples"].values()))["value"]
    return json.loads(example) if isinstance(example, str) else example


def missing(wanted, got, at=""):
    """Names of the example that the answer lacks."""
    found = []
    for key, inner in wanted.items():
        if key not in got:
            found.append(f"{at}/{key}")
        elif isinstance(inner, dict) and isinstance(got[key], dict):
            found += missing(inner, got[key], f"{at}/{key}")
    return found


async def test_created_records(spec, sender, clicksign):
    envelope = await sender.post("/envelopes", "envelopes", {"name": "Teste", "default_message": "Oi"})
    own = envelope.json["data"]["id"]
    document = await sender.post(
        f"/envelopes/{own}/documents",
        "documents",
        {"filename": "a.txt", "content_base64": "data:text/plain;base64,T2k="},
    )
    signer = await sender.post(
        f"/envelopes/{own}/signers", "signers", {"name": "Ana Souza", "email": "a@b.example"}
    )
    linked = (document.json["data"]["id"], signer.json["data"]["id"])
    agree = await sender.require(own, *linked, action="agree", role="sign")
    await sender.require(own, *linked, action="provide_evidence", auth="email")
    watcher = await sender.post(
        f"/envelopes/{own}/signature_watchers",
        "signature_watchers",
        {"email": "a@b.example", "kind": "all_steps"},
    )
    hook = await sender.post("/webhooks", "webhooks", {"endpoint": "https://e.example", "events": ["sign"]})
    patched = await sender.patch(f"/envelopes/{own}", "envelopes", own, {"status": "running"})
    told = await sender.post(f"/envelopes/{own}/notifications", "notifications", {})
    answers = {
        ("/envelopes", "post", 201): envelope,
        ("/envelopes/{envelope_id}/signers", "post", 201): signer,
        ("/envelopes/{envelope_id}/requirements", "post", 201): agree,
        ("/envelopes/{envelope_id}/signature_watchers", "post", 201): watcher,
        ("/webhooks", "post", 201): hook,
        ("/envelopes/{envelope_id}", "patch", 200): patched,
        ("/envelopes/{envelope_id}/notifications", "post", 200): told,
    }
    for (path, method, status), answer in answers.items():
        assert answer.status == status, (path, answer.text)
        assert differences(spec, (path, method, status), answer.json) == [], path
        assert answer.headers["content-type"].startswith("application/vnd.api+json")
    for key in [
        ("/envelopes", "post", 201),
        ("/envelopes/{envelope_id}/signers", "post", 201),
        ("/webhooks", "post", 201),
    ]:
        assert missing(shape(example_of(spec, *key)), answers[key].json) == []


async def test_lists(spec, sender, clicksign):
    made = await sender.running()
    own = f"/api/v3/envelopes/{made['envelope']}"
    events = f"{own}/documents/{made['documents'][0]}/events"
    paths = {
        "/envelopes": "/api/v3/envelopes",
        "/envelopes/{envelope_id}/documents": f"{own}/documents",
        "/envelopes/{envelope_id}/signers": f"{own}/signers",
        "/envelopes/{envelope_id}/requirements": f"{own}/requirements",
        "/envelopes/{envelope_id}/documents/{document_id}/events": events,
        "/templates": "/api/v3/templates",
        "/folders": "/api/v3/folders",
        "/users": "/api/v3/users",
        "/memberships": "/api/v3/memberships",
    }
    for path, address in paths.items():
        answer = await clicksign.call("GET", address)
        assert answer.status == 200, address
        assert differences(spec, (path, "get", 200), answer.json) == [], path
        example = example_of(spec, path, "get", 200)
        assert set(example) <= set(answer.json)
        if example["data"]:
            assert missing(shape(example["data"][0]), answer.json["data"][0]) == [], path


async def test_every_published_operation_is_served(spec, clicksign):
    """A route that does not exist answers with the status of a missing route, whatever the ids."""
    unserved = []
    for path, operations in spec["paths"].items():
        address = "/api/v3" + "".join(
            "/x" if part.startswith("{") else f"/{part}" for part in path.split("/")[1:]
        )
        for method in set(operations) & {"get", "post", "patch", "put", "delete"}:
            answer = await clicksign.call(
                method.upper(), address, None if method in ("get", "delete") else {}
            )
            missing_route = answer.status in (404, 405) and "Rota não encontrada" in answer.text
            if missing_route:
                unserved.append(f"{method.upper()} {path}")
    assert unserved == []
