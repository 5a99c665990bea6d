"""Search, which finds a record some seconds after it was written."""

from __future__ import annotations

import pytest


async def test_a_new_person_is_found_only_after_a_while(crm):
    person = await crm.made("persons", name="Ana Lima", emails=[{"value": "Ana@Estrela.example"}])
    asked = {"term": "ana@estrela.example", "fields": "email", "exact_match": "true"}
    assert await crm.found("persons/search", **asked) == []
    await crm.advance(4)
    found = await crm.found("persons/search", **asked)
    assert [item["id"] for item in found] == [person["id"]]
    assert (found[0]["emails"], found[0]["organization"]) == (["Ana@Estrela.example"], None)
    await crm.v2("PATCH", f"persons/{person['id']}", {"emails": [{"value": "nova@estrela.example"}]})
    new = {**asked, "term": "nova@estrela.example"}
    assert len(await crm.found("persons/search", **asked)) == 1, "the old address is still in the index"
    assert await crm.found("persons/search", **new) == []
    await crm.advance(4)
    assert await crm.found("persons/search", **asked) == []
    assert len(await crm.found("persons/search", **new)) == 1
    await crm.v2("DELETE", f"persons/{person['id']}")
    await crm.advance(4)
    assert await crm.found("persons/search", **new) == []


async def test_fields_and_exactness(crm):
    await crm.control("quirks", {"search_lag_seconds": 0})
    assert [item["name"] for item in await crm.found("persons/search", term="marina")] == ["Marina Duarte"]
    assert await crm.found("persons/search", term="marina", exact_match="true") == []
    assert len(await crm.found("persons/search", term="MARINA DUARTE", exact_match="true")) == 1
    assert await crm.found("persons/search", term="marina", fields="phone") == []
    assert len(await crm.found("persons/search", term="111.444.777-35")) == 1, "custom fields too"
    assert len(await crm.found("persons/search", term="duarte", organization_id=2)) == 0
    found = await crm.found("organizations/search", term="Duarte Arquitetura Ltda.", exact_match="true")
    assert found[0]["address"] == "Rua Augusta, 1200, São Paulo, SP"
    deals = await crm.found("deals/search", term="kit residencial", status="open")
    assert [deal["stage"]["name"] for deal in deals] == ["Qualificado"]
    assert deals[0]["organization"] is None


async def test_by_one_custom_field(crm):
    code = crm.code("deal", "Referência externa")
    asked = {"entity_type": "deal", "field": code}
    found = (await crm.v2("GET", "itemSearch/field", **asked, term="RS-2026001")).json["data"]
    assert found == [{"id": 1, "name": "Usina de telhado, Duarte Arquitetura"}]
    assert (await crm.v2("GET", "itemSearch/field", **asked, term="rs-2026001")).json["data"] == []
    several = await crm.v2("GET", "itemSearch/field", **asked, term="rs-2026", match="beginning", limit=2)
    assert len(several.json["data"]) == 2
    cursor = several.json["additional_data"]["next_cursor"]
    more = await crm.v2("GET", "itemSearch/field", **asked, term="rs-2026", match="beginning", cursor=cursor)
    assert len(more.json["data"]) == 5


async def test_mixed(crm):
    found = await crm.found("itemSearch", term="Duarte")
    assert {item["type"] for item in found} == {"person", "organization", "deal"}
    only = await crm.found("itemSearch", term="Duarte", item_types="person")
    assert [item["type"] for item in only] == ["person"]


@pytest.mark.parametrize(
    "query",
    [
        {"term": "a"},
        {"term": "", "exact_match": "true"},
        {"term": "ana", "fields": "title"},
        {"term": "ana", "exact_match": "yes"},
    ],
)
async def test_what_is_refused(crm, query):
    assert (await crm.v2("GET", "persons/search", **query)).status == 400


async def test_a_field_that_cannot_be_searched(crm):
    asked = {"entity_type": "deal", "field": crm.code("deal", "Data da visita"), "term": "2026-12-01"}
    assert (await crm.v2("GET", "itemSearch/field", **asked)).status == 400
