"""Contacts: upsert by e-mail, values, tags, lists, searches, the changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vaivem.simulators.activecampaign.app import ActiveCampaign

if TYPE_CHECKING:
    from tests.simulators.activecampaign.conftest import Ac


async def test_sync_makes_and_changes_by_email(ac: Ac) -> None:
    values = [{"field": "1", "value": "935.411.347-80"}, {"field": 5, "value": "||Painéis||Bateria||"}]
    body = {"contact": {"email": "ana@example.com", "firstName": "Ana", "fieldValues": values}}
    made = await ac.api("POST", "/contact/sync", body)
    assert made.status == 201
    assert [(one["field"], one["value"]) for one in made.json["fieldValues"]] == [
        ("1", "935.411.347-80"),
        ("5", "||Painéis||Bateria||"),
    ]
    again = {"contact": {"email": "ANA@example.com", "lastName": "Lima"}}
    changed = await ac.api("POST", "/contact/sync", again)
    assert changed.status == 200
    assert changed.json["contact"]["id"] == made.json["contact"]["id"]
    contact = (await ac.api("GET", f"/contacts/{made.json['contact']['id']}")).json
    assert (contact["contact"]["firstName"], contact["contact"]["lastName"]) == ("Ana", "Lima")
    assert {one["field"]: one["value"] for one in contact["fieldValues"]}["1"] == "935.411.347-80"
    await ac.control("quirks", {"sync_existing_status": 201})
    assert (await ac.api("POST", "/contact/sync", again)).status == 201


async def test_post_put_and_delete(ac: Ac) -> None:
    made = await ac.api("POST", "/contacts", {"contact": {"email": "ana@example.com", "phone": "1"}})
    assert made.status == 201
    path = f"/contacts/{made.json['contact']['id']}"
    twice = await ac.api("POST", "/contacts", {"contact": {"email": "Ana@example.com"}})
    assert twice.json == {
        "errors": [
            {
                "title": "Email address already exists in the system",
                "detail": "",
                "code": "duplicate",
                "source": {"pointer": "/data/attributes/email"},
            }
        ]
    }
    assert twice.status == 422
    assert (await ac.api("PUT", path, {"contact": {"phone": None}})).json["contact"]["phone"] == ""
    taken = {"contact": {"email": "bia.salles@example.com"}}
    assert (await ac.api("PUT", path, taken)).status == 422
    moved = await ac.api("PUT", path, {"contact": {"email": "ana@new.example"}})
    assert moved.json["contact"]["email"] == "ana@new.example"
    assert (await ac.api("DELETE", path)).json == {}
    gone = await ac.api("GET", path)
    text = f"No Result found for Subscriber with id {made.json['contact']['id']}"
    assert (gone.status, gone.json) == (404, {"message": text})


@pytest.mark.parametrize(
    ("contact", "code"),
    [({}, "field_missing"), ({"email": ""}, "field_missing"), ({"email": "ana"}, "email_invalid")],
)
async def test_wrong_emails(ac: Ac, contact: dict[str, Any], code: str) -> None:
    answer = await ac.api("POST", "/contact/sync", {"contact": contact})
    assert (answer.status, answer.json["errors"][0]["code"]) == (422, code)


async def test_finding(ac: Ac) -> None:
    await ac.contact("ana+rd@example.com", firstName="Ana", phone="+5531")

    async def found(query: str) -> list[str]:
        answer = await ac.api("GET", f"/contacts?{query}")
        return [one["email"] for one in answer.json["contacts"]]

    assert await found("email=ana%2Brd@example.com") == ["ana+rd@example.com"]
    assert await found("email=ana+rd@example.com") == [], "a plus sign in an address is a blank"
    assert await found("email=nobody@example.com") == []
    assert await found("email_like=ana%2B") == ["ana+rd@example.com"]
    assert await found("search=salles") == ["bia.salles@example.com"]
    assert await found("phone=%2B5531&id_greater=6") == ["ana+rd@example.com"]
    assert await found("ids[]=1&ids[]=2&orders[id]=DESC") == [
        "paulo.nunes@bompreco.example.com.br",
        "helena@duartearquitetura.example.com.br",
    ]
    tag = (await ac.api("GET", "/tags?search=síndico")).json["tags"][0]["id"]
    assert await found(f"tagid={tag}") == ["bia.salles@example.com"]
    assert len(await found("listid=1&limit=2")) == 2
    assert await found("seriesid=1&status=1&orders[email]=ASC") == [
        "helena@duartearquitetura.example.com.br",
        "lucia.ferraz@example.com",
    ]


async def test_changed_since(ac: Ac) -> None:
    await ac.control("clock", {"at": "2030-03-10T12:00:00-03:00"})
    contact = await ac.contact(firstName="Ana")

    async def found(query: str) -> list[str]:
        answer = await ac.api("GET", f"/contacts?filters[{query}")
        return [one["email"] for one in answer.json["contacts"]]

    assert await found("updated_after]=2030-03-10") == ["ana@example.com"]
    assert await found("updated_after%5D=2030-03-10T14:59:00Z") == ["ana@example.com"]
    assert await found("updated_after]=2030-03-10T12:01:00-03:00") == []
    assert len(await found("created_before]=2030-03-10")) == 6
    assert (await ac.api("GET", "/contacts?filters[updated_after]=ontem")).status == 400
    await ac.control("clock", {"at": "2030-03-11T12:00:00-03:00"})
    await ac.api("POST", "/contactTags", {"contactTag": {"contact": contact["id"], "tag": "1"}})
    assert await found("updated_after]=2030-03-11") == [], "a tag does not change the contact's date"
    value = {"fieldValue": {"contact": contact["id"], "field": 1, "value": "x"}}
    assert (await ac.api("POST", "/fieldValues", value)).status == 200
    assert await found("updated_after]=2030-03-11") == ["ana@example.com"]
    assert (await ac.api("GET", f"/contacts/{contact['id']}")).json["contact"]["udate"][-6:] == "-03:00"


async def test_lists_are_cut_at_a_hundred(ac: Ac) -> None:
    for number in range(120):
        await ac.api("POST", "/tags", {"tag": {"tag": f"t{number}", "tagType": "contact"}})
    first = (await ac.api("GET", "/tags")).json
    assert (len(first["tags"]), first["meta"]["total"]) == (20, "124")
    assert len((await ac.api("GET", "/tags?limit=500")).json["tags"]) == 100
    assert len((await ac.api("GET", "/tags?limit=100&offset=100")).json["tags"]) == 24
    assert (await ac.api("GET", "/tags?limit=x")).status == 400


async def test_tags(ac: Ac) -> None:
    contact = await ac.contact()
    body = {"tag": {"tag": "docusign-integration", "tagType": "contact", "description": "Vaivém"}}
    tag = (await ac.api("POST", "/tags", body)).json["tag"]
    assert (await ac.api("POST", "/tags", body)).status == 422
    link = {"contactTag": {"contact": contact["id"], "tag": tag["id"]}}
    first = await ac.api("POST", "/contactTags", link)
    second = await ac.api("POST", "/contactTags", link)
    assert (first.status, second.json) == (201, first.json)
    assert (await ac.kept())["tags"] == ["docusign-integration"]
    listed = (await ac.api("GET", f"/contacts/{contact['id']}/contactTags")).json["contactTags"]
    assert [one["id"] for one in listed] == [first.json["contactTag"]["id"]]
    assert (await ac.api("DELETE", f"/contactTags/{listed[0]['id']}")).json == {}
    gone = await ac.api("DELETE", f"/contactTags/{listed[0]['id']}")
    assert gone.json == {"message": f"No Result found for SubscriberTag with id {listed[0]['id']}"}
    for wrong, status in (({"contact": "999", "tag": tag["id"]}, 404), ({"tag": tag["id"]}, 422)):
        assert (await ac.api("POST", "/contactTags", {"contactTag": wrong})).status == status
    exact = await ac.api("GET", "/tags?filters[search][eq]=docusign-integration")
    assert [one["id"] for one in exact.json["tags"]] == [tag["id"]]
    assert (await ac.api("GET", "/tags?filters[search][starts_with]=integration")).json["tags"] == []
    await ac.api("POST", "/contactTags", link)
    assert (await ac.api("DELETE", f"/tags/{tag['id']}")).status == 200
    assert (await ac.kept())["tags"] == []


async def test_lists(ac: Ac) -> None:
    contact = await ac.contact()
    assert (await ac.api("GET", "/lists?filters[name]=Clientes")).json["lists"][0]["id"] == "2"

    async def wish(status: int, **more: Any) -> str:
        body = {"contactList": {"list": 2, "contact": contact["id"], "status": status, **more}}
        answer = await ac.api("POST", "/contactLists", body)
        assert answer.status == 200
        return str(answer.json["contactList"]["status"])

    assert await wish(1) == "1"
    assert await wish(2) == "2"
    assert await wish(1) == "2", "who has left does not come back by itself"
    assert await wish(1, sourceid=4) == "1"
    assert (await ac.api("POST", "/contactLists", {"contactList": {"list": 9}})).status == 400
    hidden = await ac.api("GET", "/lists", token=ac.credentials["restricted_token"])
    detail = "You do not have permission to view lists."
    assert hidden.json == {"errors": [{"status": 403, "title": "Forbidden", "detail": detail}]}


async def test_fields(ac: Ac) -> None:
    listed = (await ac.api("GET", "/fields?limit=100")).json
    house = next(field for field in listed["fields"] if field["perstag"] == "TIPO_DE_IMOVEL")
    options = [one["value"] for one in listed["fieldOptions"] if one["field"] == house["id"]]
    assert (house["type"], options) == ("dropdown", ["Casa", "Apartamento", "Comércio", "Sítio"])
    assert len(house["options"]) == 4
    assert (await ac.api("GET", "/fields?filters[perstag]=CPF")).json["meta"] == {"total": "1"}
    body = {"field": {"title": "Envelope", "type": "text"}}
    made = await ac.api("POST", "/fields", body)
    assert made.status == 201
    new = made.json["fields"][-1]
    assert new["perstag"] == "ENVELOPE"
    twice = await ac.api("POST", "/fields", body)
    assert (twice.status, twice.json["errors"][0]["code"]) == (422, "duplicate")
    rel = await ac.api("POST", "/fieldRels", {"fieldRel": {"field": new["id"], "relid": 0}})
    assert (rel.status, rel.json["fieldRel"]["relid"]) == (201, 0)
    option = {"orderid": 1, "value": "X", "label": "Option X", "isdefault": False, "field": new["id"]}
    assert (await ac.api("POST", "/fieldOption/bulk", {"fieldOptions": [option]})).status == 201
    for odd in ({}, {"fieldOptions": [[]]}, {"fieldOptions": 1}):
        wrong = await ac.api("POST", "/fieldOption/bulk", odd)
        assert (wrong.status, type(wrong.json["errors"])) == (422, str)
    contact = await ac.contact(
        fieldValues=[{"field": new["id"], "value": "env-1"}, {"field": 99, "value": 1}]
    )
    query = f"filters[fieldid]={new['id']}&filters[val]=env-1"
    found = (await ac.api("GET", f"/fieldValues?{query}")).json["fieldValues"]
    assert [(one["contact"], one["owner"]) for one in found] == [(contact["id"], contact["id"])]
    path = f"/fieldValues/{found[0]['id']}"
    changed = await ac.api("PUT", path, {"fieldValue": {"value": ["a", "b"]}})
    assert changed.json["fieldValue"]["value"] == "||a||b||"
    assert (await ac.api("DELETE", f"/fields/{new['id']}")).json == {}
    assert (await ac.api("GET", path)).status == 404


async def test_keys_and_bad_requests(ac: Ac) -> None:
    me = (await ac.api("GET", "/users/me")).json["user"]
    assert (me["id"], me["firstName"]) == ("1", "Júlia")
    for headers in ({}, {"Api-Token": "x"}):
        refused = await ac.call("GET", "/api/3/users/me", None, headers)
        assert (refused.status, refused.json) == (403, {"message": "Forbidden"})
    await ac.control("quirks", {"bad_key_status": 401})
    assert (await ac.api("GET", "/users/me", token="x")).status == 401
    assert (await ac.api("POST", "/contact/sync", {})).json == {}
    assert (await ac.api("POST", "/contact/sync", [])).status == 400
    assert (await ac.api("GET", "/nothing")).json == {"message": "Not Found"}
    await ac.control("quirks", {"unpaid": True})
    assert (await ac.api("GET", "/users/me")).status == 402


async def test_the_limit_and_its_headers(ac: Ac) -> None:
    limit = ActiveCampaign.documented_limit
    assert (limit.count, limit.seconds) == (5, 1)
    await ac.control("limits", {"mode": "5/60"})
    answers = [await ac.api("GET", "/users/me") for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert answers[0].headers["ratelimit-limit"] == "5"
    assert answers[4].headers["ratelimit-remaining"] == "0"
    assert 1 <= int(answers[5].headers["retry-after"]) <= 60
    assert answers[5].json == {"message": "Too Many Requests"}


async def test_what_the_vendors_own_client_needs(ac: Ac) -> None:
    made = await ac.api("POST", "/fields", {"field": {"title": "Do cliente", "type": "dropdown"}})
    key = made.json["field"]["id"]
    option = {"orderid": 1, "value": "X", "label": "X", "isdefault": False, "field": key}
    assert (await ac.api("POST", "/fieldOptions/bulk", {"fieldOptions": [option]})).status == 201
    assert len((await ac.api("GET", f"/fields/{key}/options")).json["fieldOptions"]) == 1
    renamed = await ac.api("PUT", "/lists/1", {"list": {"name": "Boletim"}})
    assert (renamed.status, renamed.json["list"]["name"]) == (200, "Boletim")
    assert (await ac.api("GET", "/campaigns")).json == {"campaigns": [], "meta": {"total": "0"}}
    assert len((await ac.api("GET", "/groups")).json["groups"]) == 2
