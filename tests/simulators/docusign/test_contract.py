"""Our requests, answers and messages against the description that the vendor publishes."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import orjson
from starlette.routing import Route
from tests.simulators.docusign.contract import NEWER, deviations, differences, named, operation_of, spec

CONTRACT = "Contrato de prestação de serviços"
MESSAGE = "message"


class Recorder:
    """Makes calls and keeps what differs from the description."""

    def __init__(self, ds: Any) -> None:
        self.ds = ds
        self.seen: set[str] = set()
        self.found: set[tuple[str, str, str]] = set()

    async def __call__(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.ds.api(method, path, body)
        assert answer.status == status, (method, path, answer.text)
        address, _, query = path.partition("?")
        operation = operation_of(method, address)
        if operation is None:
            self._differ(f"{method} {NEWER}", [("", "not published")])
            return answer.json if answer.body else None
        self.seen.add(operation.name)
        names = {part.partition("=")[0] for part in query.split("&") if part}
        assert names <= operation.query(), (method, path)
        if body is not None:
            assert list(differences(operation.body(), body)) == [], (method, path)
        schema = operation.answer(status)
        if schema is None:
            assert not answer.body, (method, path)
            return None
        if schema.get("type") == "file":
            return None
        self._differ(operation.name, list(differences(schema, answer.json)))
        return answer.json

    def _differ(self, name: str, found: list[tuple[str, str]]) -> None:
        self.found |= {(name, field, differs) for field, differs in found}


def draft(ds: Any) -> dict[str, Any]:
    """A draft with everything that may be in one."""
    tabs = {
        "textTabs": [{"tabLabel": "empresa", "value": "Acme"}],
        "checkboxTabs": [{"tabLabel": "aceita_lgpd", "selected": "true"}],
        "listTabs": [{"tabLabel": "plano", "value": "Ouro"}],
        "radioGroupTabs": [{"groupName": "local", "radios": [{"value": "Solo", "selected": "true"}]}],
    }
    phone = {"countryCode": "55", "number": "11987654321"}
    client = {"roleName": "Cliente", "name": "Ana", "email": "ana@example.com", "phoneNumber": phone}
    note = {"url": "http://127.0.0.1:9/in", "events": ["envelope-sent"], "requireAcknowledgment": "false"}
    return {
        "status": "created",
        "templateId": ds.templates[CONTRACT],
        "templateRoles": [{**client, "tabs": tabs}],
        "transactionId": "t-1",
        "externalEnvelopeId": "e-1",
        "notification": {"expirations": {"expireEnabled": "true", "expireAfter": "9", "expireWarn": "1"}},
        "customFields": {
            "textCustomFields": [{"name": "hub", "value": "1", "show": "false", "required": "false"}],
            "listCustomFields": [{"name": "area", "value": "N", "listItems": ["N", "S"]}],
        },
        "eventNotification": note,
    }


async def envelopes(ds: Any, ask: Recorder) -> str:
    made = await ask("POST", "/envelopes", draft(ds), 201)
    one = f"/envelopes/{made['envelopeId']}"
    prefill = {"prefillTabs": {"textTabs": [{"tabLabel": "numero_do_contrato", "value": "7"}]}}
    await ask("POST", f"{one}/documents/1/tabs", prefill, 201)
    await ask("PUT", f"{one}/documents/1/tabs", prefill)
    await ask("GET", f"{one}/documents/1/tabs")
    await ask("PUT", f"{one}/recipients/1/tabs", {"textTabs": [{"tabLabel": "cnpj", "value": "1"}]})
    place = {"tabLabel": "x", "value": "1", "documentId": "1", "pageNumber": "1", "xPosition": "1"}
    await ask("POST", f"{one}/recipients/1/tabs", {"textTabs": [place]}, 201)
    await ask("GET", f"{one}/recipients/1/tabs")
    copies = {"carbonCopies": [{"recipientId": "9", "name": "C", "email": "c@x.example"}]}
    await ask("POST", f"{one}/recipients", copies, 201)
    await ask("PUT", f"{one}/recipients", {"signers": [{"recipientId": "1", "name": "Ana Lima"}]})
    field = {"textCustomFields": [{"name": "more", "value": "1"}]}
    await ask("POST", f"{one}/custom_fields", field, 201)
    await ask("PUT", f"{one}/custom_fields", field)
    await ask("GET", f"{one}/custom_fields")
    await ask("DELETE", f"{one}/custom_fields", field)
    await ask("POST", f"{one}/views/sender", {"returnUrl": "https://hub.example"}, 201)
    await ask("POST", f"{one}/views/edit", {"returnUrl": "https://hub.example"}, 201)
    await ask("PUT", one, {"emailSubject": "Novo", "status": "sent"})
    await ds.act(made["envelopeId"], "sign", "1")
    await ask("GET", f"{one}?include=recipients,tabs,custom_fields,documents,folders")
    await ask("GET", f"{one}/recipients?include_tabs=true")
    for part in ("form_data", "audit_events", "notification", "documents", "documents/combined"):
        await ask("GET", f"{one}/{part}")
    await ask("PUT", f"{one}?resend_envelope=true", {})
    await ask("PUT", one, {"status": "voided", "voidedReason": "x"})
    await ask("GET", f"{one}?include=recipients")
    declined = await ask("POST", "/envelopes", ds.own(1, 2), 201)
    await ds.act(declined["envelopeId"], "decline", "1", reason="no")
    person = {"recipientId": "1", "name": "Ana", "email": "a@example.com", "clientUserId": "u"}
    signed = await ask("POST", "/envelopes", ds.own(recipients={"signers": [person]}), 201)
    view = {
        "email": "a@example.com",
        "userName": "Ana",
        "clientUserId": "u",
        "returnUrl": "https://x.example",
    }
    view |= {"authenticationMethod": "none"}
    await ask("POST", f"/envelopes/{signed['envelopeId']}/views/recipient", view, 201)
    await ds.act(signed["envelopeId"], "sign_all")
    since = "from_date=2026-01-01T00:00:00Z&include=recipients,custom_fields&count=2&order_by=last_modified"
    await ask("GET", f"/envelopes?{since}")
    await ask("GET", "/envelopes?transaction_ids=t-1,t-2")
    await ds.control("quirks", {"unknown_transaction": "error"})
    await ask("PUT", "/envelopes/status?transaction_ids=request_body", {"transactionIds": ["t-1", "t-2"]})
    await ask("PUT", "/envelopes/status?envelope_ids=request_body", {"envelopeIds": [made["envelopeId"]]})
    trash = await ask("POST", "/envelopes", ds.own(1, status="created"), 201)
    await ask("PUT", "/folders/recyclebin", {"envelopeIds": [trash["envelopeId"]]})
    return str(signed["envelopeId"])


async def account(ds: Any, ask: Recorder) -> None:
    await ask("GET", "")
    await ask("GET", "/custom_fields")
    await ask(
        "GET", "/templates?count=2&search_text=o&user_filter=all&order_by=name&include=recipients,documents"
    )
    one = f"/templates/{ds.templates[CONTRACT]}"
    await ask("GET", f"{one}?include=tabs,documents")
    for part in ("recipients?include_tabs=true", "documents", "documents/1/tabs", "custom_fields"):
        await ask("GET", f"{one}/{part}")
    roles = await ask("GET", f"{one}/recipients")
    await ask("GET", f"{one}/recipients/{roles['signers'][0]['recipientId']}/tabs")


async def connect(ds: Any, ask: Recorder, receiver: Any, envelope: str) -> None:
    body = {
        "configurationType": "custom",
        "name": "hub",
        "urlToPublishTo": receiver.url,
        "allUsers": "true",
        "allowEnvelopePublish": "true",
        "requiresAcknowledgement": "false",
        "enableLog": "true",
        "includeHMAC": "true",
        "deliveryMode": "SIM",
        "events": ["envelope-sent", "recipient-sent"],
        "eventData": {"version": "restv2.1", "format": "json", "includeData": ["recipients", "tabs"]},
    }
    made = await ask("POST", "/connect", body, 201)
    old = {key: value for key, value in body.items() if key not in ("events", "eventData")}
    old |= {"deliveryMode": "Aggregate", "envelopeEvents": ["Completed"], "recipientEvents": ["Completed"]}
    other = await ask("POST", "/connect", old, 201)
    await ask("PUT", "/connect", {**made, "name": "new"})
    await ask("GET", "/connect")
    await ask("GET", f"/connect/{made['connectId']}")
    await ask("DELETE", f"/connect/{other['connectId']}")
    receiver.status = 500
    sent = await ds.sent(ds.own(1))
    await ds.settled()
    await ask("GET", "/connect/failures?from_date=2026-01-01T00:00:00Z")
    logs = (await ask("GET", "/connect/logs"))["logs"]
    await ask("GET", f"/connect/logs/{logs[0]['logId']}?additional_info=true")
    receiver.status = 200
    await ask("PUT", f"/connect/envelopes/{sent}/retry_queue")
    await ask("PUT", "/connect/envelopes/retry_queue", {"envelopeIds": [sent], "synchronous": "false"})
    config = {"config": {"urlToPublishTo": receiver.url}, "envelopes": [envelope]}
    await ask("POST", "/connect/envelopes/publish/historical", config, 201)
    receiver.status = 500
    await ds.sent(ds.own(1))
    await ds.settled()
    failures = (await ask("GET", "/connect/failures"))["failures"]
    await ask("DELETE", f"/connect/failures/{failures[0]['failureId']}")
    await ask("DELETE", f"/connect/logs/{logs[0]['logId']}")
    await ask("DELETE", "/connect/logs")
    key = await ask("POST", "/connect/secret", None, 201)
    await ask("GET", "/connect/secret")
    await ask("DELETE", f"/connect/secret/{key['keyId']}")


async def test_every_answer_fits_or_is_written_down(ds, receiver):
    ask = Recorder(ds)
    envelope = await envelopes(ds, ask)
    await account(ds, ask)
    await connect(ds, ask, receiver, envelope)
    known = [one for one in deviations() if one.calls != MESSAGE]
    used, unknown = set(), []
    for call, field, differs in sorted(ask.found):
        fitting = [
            one
            for one in known
            if fnmatchcase(call, one.calls) and fnmatchcase(field, one.field) and differs == one.differs
        ]
        used.update(fitting)
        if not fitting:
            unknown.append((call, field, differs))
    assert unknown == []
    assert [one for one in known if one not in used] == [], "these are no longer needed"
    assert len(ask.seen) >= 45


async def test_what_connect_sends_fits(ds, receiver):
    """The summary in a message is an envelope, as the description has it."""
    data = {"version": "restv2.1", "format": "json"}
    data["includeData"] = ["recipients", "tabs", "custom_fields", "documents", "folders"]
    await ds.configuration(receiver.url, ["envelope-completed", "recipient-completed"], eventData=data)
    made = await ds.sent(draft(ds) | {"status": "sent", "eventNotification": None})
    await ds.act(made, "sign_all")
    found = set()
    for raw in await receiver.wait(4):
        found |= set(differences(named("envelope"), orjson.loads(raw)["data"]["envelopeSummary"]))
    known = {(one.field, one.differs) for one in deviations() if one.calls == MESSAGE}
    assert found == known


async def test_a_refusal_has_the_published_shape(ds):
    answer = await ds.api("GET", "/envelopes")
    schema = spec()["paths"]["/v2.1/accounts/{accountId}/envelopes"]["get"]["responses"]["400"]["schema"]
    assert list(differences(schema, answer.json)) == []


def test_what_is_served_is_published(ds):
    """But for the keys by API, which came after the description."""
    served = {
        (method, route.path.removeprefix("/restapi/v2.1/accounts/{account}"))
        for route in ds.simulator.routes()
        if isinstance(route, Route) and route.path.startswith("/restapi")
        for method in (route.methods or set()) - {"HEAD"}
    }
    unpublished = {
        (method, path)
        for method, path in served
        if operation_of(method, path.replace("{document}", "1").replace("{view}", "sender")) is None
    }
    assert unpublished == {
        ("GET", "/connect/secret"),
        ("POST", "/connect/secret"),
        ("DELETE", "/connect/secret/{key}"),
    }
