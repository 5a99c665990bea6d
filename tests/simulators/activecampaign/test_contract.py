"""Our answers against the vendor's own examples: every name is there, and its value is of the same kind.

The response schemas of the published description are inferred from the examples, so only the examples count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.published import published

if TYPE_CHECKING:
    from tests.simulators.activecampaign.conftest import Ac

# Where an answer is not as an example, and why. The list is exact: a line that is no longer true fails too.
_APP = "the example is the schema of a marketplace app; what is sent comes back, and nothing of it was sent"
_ENTRIES = "GET /contacts/{id}/contactAutomations 200: contactAutomations"
_ALL = "the vendor's examples disagree: POST and the list of all entries have texts here"
DEVIATIONS: dict[str, str] = {
    "GET /contacts 200: meta.page_input is missing": "the vendor's own echo of the query",
    "GET /accountContacts 200: meta.queryLog is missing": "the vendor's own SQL, left in by mistake",
    "GET /deals 200: meta.currencies.USD is missing": "currencies are those of the account's deals, here BRL",
    _ENTRIES + ".in_als is missing": "not documented",
    _ENTRIES + ".completedElements is text, not number": _ALL,
    _ENTRIES + ".totalElements is text, not number": _ALL,
    "PUT /customObjects/schemas/{schemaId} 200: schema.appId is missing": _APP,
    "PUT /customObjects/schemas/{schemaId} 200: schema.fields.description is missing": _APP,
    "PUT /customObjects/schemas/{schemaId} 200: schema.fields.isRequired is missing": _APP,
    "PUT /customObjects/schemas/{schemaId} 200: schema.fields.origin is missing": _APP,
    "POST /customObjects/records/{schemaId} 201: record.relationships.account is missing": (
        "the request of the example has primary-contact, its answer account; we answer what was sent"
    ),
    "POST /import/bulk_import 400: failureReasons is object, not text": (
        "two examples: objects for wrong contacts, texts for too many imports; the walk has wrong contacts"
    ),
}


@pytest.fixture(scope="module")
def spec() -> Any:
    return json.loads(published("activecampaign-v3.json").read_text())


def examples(spec: Any, path: str, method: str, status: int) -> list[Any]:
    """The examples of an answer that are JSON; some of the published ones are not."""
    found = []
    for content in spec["paths"][path][method]["responses"][str(status)].get("content", {}).values():
        values = [content["example"]] if "example" in content else []
        values += [one.get("value") for one in content.get("examples", {}).values()]
        for value in values:
            try:
                found.append(json.loads(value) if isinstance(value, str) else value)
            except ValueError:
                continue
    return found


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    return {str: "text", list: "list", dict: "object"}.get(type(value), "null")


def differences(example: Any, answer: Any, at: str = "") -> Iterator[str]:
    """Where an answer lacks a name of the example or has another kind of value; links are not looked into."""
    if isinstance(example, dict) and isinstance(answer, dict):
        for name, inner in example.items():
            place = f"{at}.{name}" if at else name
            if name not in answer:
                yield f"{place} is missing"
            elif name != "links":
                yield from differences(inner, answer[name], place)
    elif isinstance(example, list) and isinstance(answer, list):
        if example and answer:
            yield from differences(example[0], answer[0], at)
    elif "null" not in (kind(example), kind(answer)) and kind(example) != kind(answer):
        yield f"{at} is {kind(answer)}, not {kind(example)}"


async def answers(ac: Ac) -> dict[tuple[str, str, int], Any]:
    """The answers of a walk through everything that is simulated."""
    got: dict[tuple[str, str, int], Any] = {}

    async def call(method: str, path: str, status: int, address: str = "", body: Any = None) -> Any:
        answer = await ac.api(method.upper(), address or path, body)
        assert answer.status == status, (method, path, answer.text)
        got[path, method, status] = answer.json if answer.body else None
        return got[path, method, status]

    values = [{"field": "1", "value": "x"}]
    contact = {"email": "ana@example.com", "firstName": "Ana", "fieldValues": values}
    made = await call("post", "/contact/sync", 201, body={"contact": contact})
    own = made["contact"]["id"]
    await call("post", "/contacts", 201, body={"contact": {**contact, "email": "b@example.com"}})
    await call("post", "/contacts", 422, body={"contact": contact})
    await call("get", "/contacts", 200)
    await call("get", "/contacts/{id}", 200, "/contacts/1")
    await call("get", "/contacts/{id}", 404, "/contacts/999")
    await call(
        "put", "/contacts/{id}", 200, f"/contacts/{own}", {"contact": {"phone": "1", "fieldValues": values}}
    )
    await call("get", "/users/me", 200)
    await call("get", "/users", 200)
    tag = await call("post", "/tags", 201, body={"tag": {"tag": "t", "tagType": "contact"}})
    await call("get", "/tags", 200)
    link = {"contactTag": {"contact": own, "tag": tag["tag"]["id"]}}
    row = await call("post", "/contactTags", 201, body=link)
    await call("post", "/contactTags", 404, body={"contactTag": {"contact": "999", "tag": "1"}})
    await call("post", "/contactTags", 422, body={"contactTag": {"tag": "1"}})
    await call("delete", "/contactTags/{id}", 200, f"/contactTags/{row['contactTag']['id']}")
    await call("delete", "/contactTags/{id}", 404, f"/contactTags/{row['contactTag']['id']}")
    await call("get", "/lists", 200)
    joined = {"contactList": {"list": 1, "contact": own, "status": 1}}
    await call("post", "/contactLists", 200, body=joined)
    await call("get", "/contacts/{id}/contactLists", 200, f"/contacts/{own}/contactLists")
    await call("get", "/contacts/{id}/fieldValues", 200, f"/contacts/{own}/fieldValues")
    await call("get", "/fields", 200)
    await call("get", "/fields/{id}", 200, "/fields/1")
    await call("post", "/fields", 201, body={"field": {"title": "Novo", "type": "text"}})
    await call("post", "/fields", 422, body={"field": {"title": "Novo", "type": "text"}})
    await call("post", "/fieldRels", 201, body={"fieldRel": {"field": 1, "relid": 0}})
    option = {"orderid": 1, "value": "X", "label": "X", "isdefault": False, "field": "4"}
    await call("post", "/fieldOption/bulk", 201, body={"fieldOptions": [option]})
    await call("post", "/fieldOption/bulk", 422, body={})
    value = {"fieldValue": {"contact": int(own), "field": 3, "value": "Blue"}}
    written = await call("post", "/fieldValues", 200, body=value)
    changed = f"/fieldValues/{written['fieldValue']['id']}"
    await call("put", "/fieldValues/{id}", 200, changed, value)
    await call("get", "/fieldValues", 200)
    fields = [{"customFieldId": 1, "fieldValue": "x"}]
    account = {"account": {"name": "Acme", "accountUrl": "https://a.example", "fields": fields}}
    firm = (await call("post", "/accounts", 201, body=account))["account"]["id"]
    await call("post", "/accounts", 422, body=account)
    await call("put", "/accounts/{id}", 200, f"/accounts/{firm}", account)
    person = {"accountContact": {"contact": int(own), "account": int(firm), "jobTitle": "CEO"}}
    await call("post", "/accountContacts", 201, body=person)
    await call("post", "/accountContacts", 422, body={"accountContact": {"contact": own}})
    await call("get", "/accountContacts", 200)
    await call("get", "/contacts/{id}/accountContacts", 200, f"/contacts/{own}/accountContacts")
    await call("get", "/accountCustomFieldMeta", 200)
    datum = {"accountCustomFieldDatum": {"accountId": firm, "customFieldId": 1, "fieldValue": "x"}}
    await call("post", "/accountCustomFieldData", 200, body=datum)
    await call("get", "/accountCustomFieldData", 200)
    deal = {"title": "Kit", "value": 100, "currency": "brl", "group": 1, "owner": 1, "contact": own}
    new = await call("post", "/deals", 201, body={"deal": {**deal, "fields": fields}})
    sold = f"/deals/{new['deal']['id']}"
    await call("put", "/deals/{id}", 200, sold, {"deal": {"status": 1}})
    await call("get", "/deals", 200)
    await call("get", "/deals/{id}", 200, sold)
    await call("get", "/dealGroups", 200)
    await call("get", "/dealStages", 200)
    await call("get", "/dealCustomFieldMeta", 200)
    datum = {"dealCustomFieldDatum": {"dealId": 1, "customFieldId": 1, "fieldValue": "x"}}
    await call("post", "/dealCustomFieldData", 200, body=datum)
    await call("get", "/dealCustomFieldData", 200)
    note = {"note": {"note": "x", "relid": int(own), "reltype": "Subscriber"}}
    noted = await call("post", "/notes", 201, body=note)
    await call("put", "/notes/{id}", 200, f"/notes/{noted['note']['id']}", note)
    await call("get", "/notes/{id}", 200, f"/notes/{noted['note']['id']}")
    await call("get", "/dealTasktypes", 200)
    task = {"ownerType": "contact", "relid": own, "duedate": "2026-12-01", "dealTasktype": "1", "note": "x"}
    todo = await call("post", "/dealTasks", 201, body={"dealTask": task})
    await call("post", "/dealTasks", 400, body={"dealTask": {**task, "dealTasktype": "99"}})
    at = f"/dealTasks/{todo['dealTask']['id']}"
    for path, address in (("/dealTasks", "/dealTasks"), ("/dealTasks/{id}", at)):
        await call("get", path, 200, address)
        got[path, "get", 201] = got.pop((path, "get", 200))  # which the description has for reading, too
    await call("delete", "/dealTasks/{id}", 200, at)
    await call("get", "/automations", 200)
    entry = {"contactAutomation": {"contact": own, "automation": "2"}}
    inside = await call("post", "/contactAutomations", 201, body=entry)
    await call("post", "/contactAutomations", 403, body={"contactAutomation": {"contact": "999"}})
    await call("get", "/contactAutomations", 200)
    await call("get", "/contacts/{id}/contactAutomations", 200, f"/contacts/{own}/contactAutomations")
    left = f"/contactAutomations/{inside['contactAutomation']['id']}"
    await call("delete", "/contactAutomations/{id}", 200, left)
    await call("delete", "/contactAutomations/{id}", 403, left)
    await objects(ac, call, own)
    hook = {"name": "Hub", "url": "https://h.example/", "events": ["update"], "sources": ["api"]}
    await call("post", "/webhooks", 201, body={"webhook": hook})
    await call("get", "/webhooks", 200)
    await call("get", "/webhook/events", 200)
    await call("post", "/import/bulk_import", 200, body={"contacts": [{"email": "c@example.com"}]})
    await call("post", "/import/bulk_import", 400, body={"contacts": [{"email": "c"}]})
    await call("get", "/import/bulk_import", 200)
    batch = got["/import/bulk_import", "post", 200]["batchId"]
    await ac.control("settle", {})
    await call("get", "/import/info", 200, f"/import/info?batchId={batch}")
    await call("get", "/import/info", 400)
    return got


async def objects(ac: Ac, call: Any, contact: str) -> None:
    """The part about custom objects."""
    schema = (await ac.schema()).json["schema"]
    await call("get", "/customObjects/schemas", 200)
    own = f"/customObjects/schemas/{schema['id']}"
    await call("get", "/customObjects/schemas/{id}", 200, own)
    await call("get", "/customObjects/schemas/{id}", 404, "/customObjects/schemas/x")
    body = {"schema": {**schema, "slug": "outro"}}
    await call("post", "/customObjects/schemas", 201, body=body)
    await call("post", "/customObjects/schemas", 422, body=body)
    await call("put", "/customObjects/schemas/{schemaId}", 200, own, {"schema": schema})
    records = f"/customObjects/records/{schema['id']}"
    record = {"externalId": "e", "fields": [{"id": "pages", "value": 100}]}
    linked = {**record, "relationships": {"primary-contact": [int(contact)]}}
    path = "/customObjects/records/{schemaId}"
    made = await call("post", path, 201, records, {"record": linked})
    wrong = {"record": {**record, "fields": [{"id": "pages", "value": "x"}]}}
    await call("post", path, 422, records, wrong)
    await call("get", path, 200, records)
    one = f"{records}/{made['record']['id']}"
    await call("get", path + "/{recordId}", 200, one)
    await call("get", path + "/{recordId}", 400, f"{records}/x")
    # The description leaves /customObjects out of this path.
    await call("get", "/records/{schemdId}/external/{externalId}", 200, f"{records}/external/e")


async def test_answers_are_like_the_examples(spec: Any, ac: Ac) -> None:
    found: set[str] = set()
    compared = 0
    for (path, method, status), answer in (await answers(ac)).items():
        for example in examples(spec, path, method, status):
            compared += 1
            found |= {f"{method.upper()} {path} {status}: {one}" for one in differences(example, answer)}
    assert compared >= 75, "the description has lost its examples"
    assert found == set(DEVIATIONS)


async def test_every_request_of_the_examples_is_taken(spec: Any, ac: Ac) -> None:
    """The bodies that the vendor shows, with ids that exist here, are not refused."""
    await ac.schema()
    schema = (await ac.api("GET", "/customObjects/schemas")).json["schemas"][0]["id"]
    paths = {
        "/contacts": "/contacts",
        "/contact/sync": "/contact/sync",
        "/tags": "/tags",
        "/contactTags": "/contactTags",
        "/contactLists": "/contactLists",
        "/fields": "/fields",
        "/fieldRels": "/fieldRels",
        "/fieldValues": "/fieldValues",
        "/accounts": "/accounts",
        "/deals": "/deals",
        "/notes": "/notes",
        "/dealTasks": "/dealTasks",
        "/contactAutomations": "/contactAutomations",
        "/customObjects/schemas": "/customObjects/schemas",
        "/webhooks": "/webhooks",
        "/import/bulk_import": "/import/bulk_import",
    }
    ids = {"contact": "1", "account": "1", "field": 1, "tag": "1", "automation": "2", "relid": 1, "list": 1}
    taken = []
    for path, address in paths.items():
        for content in spec["paths"][path]["post"]["requestBody"]["content"].values():
            for one in content.get("examples", {}).values():
                body = one["value"] if isinstance(one["value"], dict) else json.loads(one["value"])
                for inner in body.values():
                    if isinstance(inner, dict):
                        # Several examples of one path are the same thing under the same name.
                        unique = {"title": "Title", "perstag": "TAG", "slug": "my-object"}
                        inner |= {
                            name: f"{text}-{len(taken)}" for name, text in unique.items() if name in inner
                        }
                        inner |= {name: known for name, known in ids.items() if name in inner}
                        for field in inner.get("fields") or []:
                            if "customFieldId" in field:
                                field |= {"customFieldId": 1, "fieldValue": "x"}
                answer = await ac.api("POST", address, body)
                taken.append((path, answer.status, answer.text if answer.status >= 400 else ""))
    assert [one for one in taken if one[1] >= 400] == []
    assert len(taken) >= 10
    record = {"externalId": "test-obj-1", "fields": [{"id": "pages", "value": 100}]}
    assert (await ac.api("POST", f"/customObjects/records/{schema}", {"record": record})).status == 201
