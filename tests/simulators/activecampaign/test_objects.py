"""Custom objects by plan, records by external id, automations and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.simulators.activecampaign.conftest import Ac


async def test_a_schema_and_its_records(ac: Ac) -> None:
    made = await ac.schema()
    assert made.status == 201, made.text
    schema = made.json["schema"]
    assert (schema["slug"], schema["visibility"]) == ("documento", "private")
    assert schema["createdTimestamp"].endswith("000Z")
    contact = await ac.contact()
    path = f"/customObjects/records/{schema['id']}"
    fields = [{"id": "status", "value": "Sent"}, {"id": "pages", "value": 3}]
    record = {"externalId": "env-1/7", "fields": fields}
    linked = {**record, "relationships": {"primary-contact": [int(contact["id"])]}}
    first = await ac.api("POST", path, {"record": linked})
    assert first.status == 201, first.text
    assert first.json["record"]["relationships"] == {"primary-contact": [contact["id"]]}
    again = {"externalId": "env-1/7", "fields": [{"id": "status", "value": "Completed"}]}
    second = await ac.api("POST", path, {"record": again})
    assert second.json["record"]["id"] == first.json["record"]["id"]
    values = {one["id"]: one["value"] for one in second.json["record"]["fields"]}
    assert values == {"status": "Completed", "pages": 3}
    found = await ac.api("GET", f"{path}?filters[relationships.primary-contact][eq]={contact['id']}")
    assert found.json["meta"] == {"total": 1, "count": 1, "limit": 20, "offset": 0}
    assert found.json["records"] == [second.json["record"]]
    assert (await ac.api("GET", f"{path}/{second.json['record']['id']}")).status == 200
    assert (await ac.kept())["records"][0]["external"] == "env-1/7"
    await ac.control("quirks", {"record_update_merges": False})
    third = (await ac.api("POST", path, {"record": again})).json["record"]
    assert [one["id"] for one in third["fields"]] == ["status"]


async def test_records_by_external_id(ac: Ac) -> None:
    schema = (await ac.schema()).json["schema"]["id"]
    path = f"/customObjects/records/{schema}"
    await ac.api("POST", path, {"record": {"externalId": "env-1", "fields": []}})
    assert (await ac.api("GET", f"{path}/external/env-1")).json["record"]["externalId"] == "env-1"
    assert (await ac.api("DELETE", f"{path}/external/env-1")).status == 202
    gone = await ac.api("GET", f"{path}/external/env-1")
    assert (gone.status, gone.json) == (400, {"errors": [{"status": 400, "title": "Bad Request"}]})
    assert (await ac.api("GET", "/customObjects/records/x")).json == {"message": "Not Found"}


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"fields": [{"id": "nothing", "value": 1}]}, "nothing"),
        ({"fields": [{"id": "pages", "value": "três"}]}, "pages"),
        ({"fields": [{"id": "status", "value": "Assinado"}]}, "status"),
        ({"fields": [{"id": "sent-at", "value": "ontem"}]}, "sent-at"),
        ({"relationships": {"primary-contact": [999]}}, "relationships.primary-contact"),
        ({"relationships": {"primary-contact": [1, 2]}}, "relationships.primary-contact"),
        ({"relationships": {"deal": [1]}}, "relationships.deal"),
    ],
)
async def test_wrong_records(ac: Ac, record: dict[str, Any], field: str) -> None:
    schema = (await ac.schema()).json["schema"]["id"]
    answer = await ac.api(
        "POST", f"/customObjects/records/{schema}", {"record": {"externalId": "e", **record}}
    )
    assert answer.status == 422
    assert answer.json["errors"][0]["title"] == f'Invalid value for field "{field}"'
    assert (await ac.control("counts"))["records"] == 0


async def test_records_of_a_wrong_form(ac: Ac) -> None:
    path = f"/customObjects/records/{(await ac.schema()).json['schema']['id']}"
    for odd in ({"fields": 1}, {"relationships": 1.5}):
        assert (await ac.api("POST", path, {"record": {"externalId": "e", **odd}})).status == 400


async def test_schemas_are_checked_changed_and_deleted(ac: Ac) -> None:
    schema = (await ac.schema()).json["schema"]
    twice = await ac.schema()
    assert twice.json["errors"] == [
        {
            "title": 'Invalid value for field "schema.slug"',
            "detail": "Schema slug must be unique",
            "source": {"type": "pointer", "value": "/data/attributes/schema/slug"},
        }
    ]
    for change in (
        {"slug": "A B"},
        {"labels": {}},
        {"fields": [{"id": "a", "type": "text"}]},
        {"fields": [{"id": "a", "type": "colour", "labels": schema["labels"]}]},
        {"fields": {"a": "text"}},
        {"fields": [{"id": "a", "type": "dropdown", "labels": schema["labels"], "options": ["x"]}]},
        {"relationships": [{"id": "x", "namespace": "lists"}]},
        {"relationships": [{"namespace": "deals"}]},
    ):
        assert (await ac.schema(**{"slug": "outro", **change})).status == 422
    path = f"/customObjects/schemas/{schema['id']}"
    body = {"schema": {**schema, "description": "Novo"}}
    dry = await ac.api("PUT", path, body, validateOnly="true")
    assert (dry.status, dry.json["schema"]["description"]) == (200, "Novo")
    assert (await ac.api("GET", path)).json["schema"]["description"] == "Documentos assinados"
    assert (await ac.api("PUT", path, body)).json["schema"]["description"] == "Novo"
    assert (await ac.api("DELETE", f"{path}/fields/pages")).status == 202
    shown = [field["id"] for field in (await ac.api("GET", path)).json["schema"]["fields"]]
    assert "pages" not in shown
    whole = (await ac.api("GET", f"{path}?showFields=all")).json["schema"]["fields"]
    assert {field["id"]: field.get("status") for field in whole}["pages"] == "marked_for_deletion"
    query = "?filters[relationships.namespace][eq]=deals"
    assert (await ac.api("GET", f"/customObjects/schemas{query}")).json["schemas"] == []
    await ac.api("POST", f"/customObjects/records/{schema['id']}", {"record": {"externalId": "e"}})
    assert (await ac.api("DELETE", path)).status == 200
    assert (await ac.control("counts"))["records"] == 0
    assert (await ac.api("GET", path)).json == {"message": "Not Found"}


async def test_a_plan_without_custom_objects(ac: Ac) -> None:
    schema = (await ac.schema()).json["schema"]["id"]
    await ac.control("quirks", {"plan": "plus"})
    assert (await ac.api("GET", "/customObjects/schemas")).json["schemas"] == []
    for method, path in (
        ("GET", f"/customObjects/schemas/{schema}"),
        ("POST", "/customObjects/schemas"),
        ("POST", f"/customObjects/records/{schema}"),
    ):
        refused = await ac.api(method, path, {"schema": {}, "record": {}} if method == "POST" else None)
        assert (refused.status, refused.json) == (403, {"message": "Forbidden"})


async def test_automations(ac: Ac) -> None:
    listed = (await ac.api("GET", "/automations")).json["automations"]
    assert [(one["id"], one["status"]) for one in listed] == [("1", "1"), ("2", "1"), ("3", "2")]
    assert len((await ac.api("GET", "/automations?active=true")).json["automations"]) == 2
    contact = await ac.contact()
    body = {"contactAutomation": {"contact": contact["id"], "automation": "2"}}
    made = await ac.api("POST", "/contactAutomations", body)
    assert (made.status, made.json["contacts"][0]["id"]) == (201, contact["id"])
    twice = await ac.api("POST", "/contactAutomations", body)
    assert twice.json["contactAutomation"]["id"] != made.json["contactAutomation"]["id"]
    doubled = (await ac.control("duplicates"))["automations"]
    assert [len(group["ids"]) for group in doubled] == [2]
    mine = (await ac.api("GET", f"/contacts/{contact['id']}/contactAutomations")).json["contactAutomations"]
    assert [one["automation"] for one in mine] == ["2", "2"]
    for row in mine:
        assert (await ac.api("DELETE", f"/contactAutomations/{row['id']}")).json == {}
    gone = await ac.api("DELETE", f"/contactAutomations/{mine[0]['id']}")
    assert gone.status == 403
    for wrong in ({"contact": "999", "automation": "2"}, {"contact": contact["id"], "automation": "3"}):
        refused = await ac.api("POST", "/contactAutomations", {"contactAutomation": wrong})
        assert (refused.status, refused.json) == (403, {"message": "Could not create SubscriberSeries"})


async def test_a_tag_begins_an_automation(ac: Ac) -> None:
    contact = await ac.contact()
    tag = (await ac.api("GET", "/tags?search=cliente")).json["tags"][0]["id"]
    await ac.api("POST", "/contactTags", {"contactTag": {"contact": contact["id"], "tag": tag}})
    assert (await ac.kept())["automations"] == ["1"]
