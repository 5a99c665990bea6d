"""Bodies that nobody would send: each is refused in the vendor's shape, none breaks the account."""

from __future__ import annotations

import random
from copy import deepcopy

from tests.simulators.docusign.test_contract import draft

VALUES = (
    None,
    0,
    -1,
    1.5,
    True,
    "",
    "x",
    "é" * 5000,
    [],
    [1],
    ["x"],
    [None],
    [{}],
    {},
    {"x": {}},
    "\x00",
    "1e9",
)


def places(value, path=()):
    """Every place inside a value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def replaced(value, path, new):
    """A copy in which one place holds something else."""
    copy = deepcopy(value)
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return copy


def whole(ds):
    """A draft that uses every part there is, own recipients and documents too."""
    listed = {"tabLabel": "l", "listItems": [{"text": "a", "value": "a"}], "value": "a", "xPosition": "1"}
    radios = [{"value": "a", "selected": "true", "xPosition": "1"}]
    signer = {
        "recipientId": "7",
        "name": "B",
        "email": "b@example.com",
        "customFields": ["x"],
        "tabs": {"listTabs": [listed], "radioGroupTabs": [{"groupName": "g", "radios": radios}]},
    }
    template = {"sequence": "1", "templateId": next(iter(ds.templates.values()))}
    inline = {"sequence": "2", "recipients": {"signers": [signer]}}
    composite = {"serverTemplates": [template], "inlineTemplates": [inline]}
    data = {"version": "restv2.1", "format": "json", "includeData": ["recipients", "tabs"]}
    note = {"url": "http://127.0.0.1:9/", "envelopeEvents": [{"envelopeEventStatusCode": "sent"}]}
    parts = {"documents": ds.own(1)["documents"], "recipients": {"signers": [{**signer, "recipientId": "8"}]}}
    parts["documents"][0]["documentId"] = "5"
    both = draft(ds) | parts | {"eventNotification": {**note, "eventData": data}}
    return both, {"status": "created", "emailSubject": "S", "compositeTemplates": [composite]}


async def test_envelopes_of_any_form(ds):
    await ds.configuration("http://127.0.0.1:9/", ["envelope-created"], requiresAcknowledgement="false")
    chance = random.Random(6)
    for body in whole(ds):
        assert (await ds.api("POST", "/envelopes", body)).status == 201
        for path in list(places(body))[1:]:
            for new in chance.sample(VALUES, 5):
                answer = await ds.api("POST", "/envelopes", replaced(body, path, new))
                assert answer.status in (201, 400, 404), (path, new, answer.text)
                if answer.status != 201:
                    assert set(answer.json) == {"errorCode", "message"}, (path, new)
                    continue
                made = answer.json["envelopeId"]
                shown = await ds.api("GET", f"/envelopes/{made}?include=recipients,tabs,custom_fields")
                assert shown.status == 200, (path, new, shown.text)
                sent = await ds.api("PUT", f"/envelopes/{made}", {"status": "sent"})
                assert sent.status in (200, 400), (path, new, sent.text)
                form = await ds.api("GET", f"/envelopes/{made}/form_data")
                assert form.status == 200, (path, new, form.text)
                page = await ds.call("GET", f"/documents/details/{made}")
                assert page.status == 200, (path, new)


async def test_configurations_of_any_form(ds):
    body = {
        "configurationType": "custom",
        "name": "hub",
        "urlToPublishTo": "http://127.0.0.1:9/",
        "allUsers": "true",
        "userIds": ["x"],
        "allowEnvelopePublish": "true",
        "deliveryMode": "SIM",
        "events": ["envelope-sent"],
        "envelopeEvents": ["Sent"],
        "eventData": {"version": "restv2.1", "format": "json", "includeData": ["recipients"]},
    }
    for path in list(places(body))[1:]:
        for new in VALUES:
            answer = await ds.api("POST", "/connect", replaced(body, path, new))
            assert answer.status in (201, 400), (path, new, answer.text)
            if answer.status == 201:
                await ds.sent(ds.definition())
                await ds.good("DELETE", f"/connect/{answer.json['connectId']}")


async def test_other_bodies_of_any_form(ds):
    made = await ds.sent(ds.own(1))
    calls = (
        ("PUT", f"/envelopes/{made}", {"status": "created", "emailSubject": "x", "notification": {}}),
        ("PUT", f"/envelopes/{made}/recipients", {"signers": [{"recipientId": "1", "name": "N"}]}),
        ("POST", f"/envelopes/{made}/recipients", {"signers": [{"recipientId": "2", "name": "N"}]}),
        ("PUT", f"/envelopes/{made}/recipients/1/tabs", {"textTabs": [{"tabLabel": "x", "value": "1"}]}),
        ("POST", f"/envelopes/{made}/recipients/1/tabs", {"textTabs": [{"tabLabel": "x", "value": "1"}]}),
        ("POST", f"/envelopes/{made}/custom_fields", {"textCustomFields": [{"name": "x", "value": "1"}]}),
        ("DELETE", f"/envelopes/{made}/custom_fields", {"textCustomFields": [{"name": "x"}]}),
        ("POST", f"/envelopes/{made}/views/recipient", {"clientUserId": "1", "email": "x", "returnUrl": "x"}),
        ("PUT", "/envelopes/status?envelope_ids=request_body", {"envelopeIds": [made]}),
        ("PUT", "/folders/recyclebin", {"envelopeIds": [made]}),
        ("PUT", "/connect/envelopes/retry_queue", {"envelopeIds": [made]}),
        (
            "POST",
            "/connect/envelopes/publish/historical",
            {"envelopes": [made], "config": {"urlToPublishTo": "http://127.0.0.1:9/"}},
        ),
    )
    for method, path, body in calls:
        for place in list(places(body))[1:]:
            for new in VALUES:
                answer = await ds.api(method, path, replaced(body, place, new))
                assert answer.status in (200, 201, 400, 404), (path, place, new, answer.text)
    assert (await ds.good("GET", f"/envelopes/{made}?include=recipients,tabs"))["envelopeId"] == made
