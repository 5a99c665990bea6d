"""Accounts, deals with their money in cents, notes, and the custom fields of accounts and deals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.simulators.activecampaign.conftest import Ac


async def test_accounts(ac: Ac) -> None:
    fields = [{"customFieldId": 1, "fieldValue": "11.222.333/0001-81"}]
    body = {"account": {"name": "Acme", "accountUrl": "https://acme.example", "fields": fields}}
    made = await ac.api("POST", "/accounts", body)
    assert made.status == 201
    account = made.json["account"]
    assert account["fields"] == [{**fields[0], "accountId": account["id"]}]
    twice = await ac.api("POST", "/accounts", {"account": {"name": "acme"}})
    assert (twice.status, twice.json["errors"][0]["code"]) == (422, "duplicate")
    assert (await ac.api("POST", "/accounts", {"account": {}})).json["errors"][0]["code"] == "field_missing"
    path = f"/accounts/{account['id']}"
    assert (await ac.api("PUT", path, {"account": {"owner": 2}})).json["account"]["owner"] == "2"
    assert (await ac.api("PUT", path, {"account": {"name": "Acme"}})).status == 200
    found = (await ac.api("GET", "/accounts?search=cme")).json
    assert [one["name"] for one in found["accounts"]] == ["Acme"]
    data = (await ac.api("GET", f"/accountCustomFieldData?filters[accountId]={account['id']}")).json
    assert [one["fieldValue"] for one in data["accountCustomFieldData"]] == ["11.222.333/0001-81"]
    assert (await ac.api("DELETE", path)).json == {}
    assert (await ac.api("GET", path)).status == 404


async def test_a_contact_is_in_one_account(ac: Ac) -> None:
    contact = await ac.contact()
    body = {"contact": contact["id"], "account": "1", "jobTitle": "Sócia"}
    made = await ac.api("POST", "/accountContacts", {"accountContact": body})
    assert made.status == 201
    other = await ac.api("POST", "/accountContacts", {"accountContact": {**body, "account": "2"}})
    assert (other.status, other.json["errors"][0]["code"]) == (422, "field_invalid")
    missing = await ac.api("POST", "/accountContacts", {"accountContact": {"contact": contact["id"]}})
    assert missing.json["errors"][0]["source"] == {"pointer": "/data/attributes/account"}
    query = f"/accountContacts?filters[contact]={contact['id']}"
    assert [one["account"] for one in (await ac.api("GET", query)).json["accountContacts"]] == ["1"]
    whole = (await ac.api("GET", f"/contacts/{contact['id']}")).json
    assert (whole["contact"]["orgname"], len(whole["accountContacts"])) == ("Duarte Arquitetura", 1)
    path = f"/accountContacts/{made.json['accountContact']['id']}"
    changed = await ac.api("PUT", path, {"accountContact": {"jobTitle": "CEO"}})
    assert changed.json["accountContact"]["jobTitle"] == "CEO"
    assert (await ac.api("DELETE", path)).status == 200
    assert (await ac.api("GET", query)).json["accountContacts"] == []


async def test_deals(ac: Ac) -> None:
    contact = await ac.contact()
    deal = {"title": "Kit 5 kWp", "value": 1_870_050, "currency": "BRL", "group": 1, "contact": contact["id"]}
    made = await ac.api("POST", "/deals", {"deal": {**deal, "owner": 1}})
    assert made.status == 201
    assert (made.json["deal"]["value"], made.json["deal"]["status"]) == (1_870_050, 0)
    assert made.json["dealStages"][0]["title"] == "Contato inicial"
    assert made.json["contacts"][0]["id"] == contact["id"]
    path = f"/deals/{made.json['deal']['id']}"
    read = (await ac.api("GET", path)).json["deal"]
    assert (read["value"], read["currency"], read["status"]) == ("1870050", "brl", "0")
    stages = (await ac.api("GET", "/dealStages?filters[d_groupid]=1")).json["dealStages"]
    assert [stage["title"] for stage in stages][-1] == "Contrato"
    won = await ac.api("PUT", path, {"deal": {"status": 1, "stage": stages[-1]["id"]}})
    assert (won.json["deal"]["status"], won.json["deal"]["stage"]) == (1, stages[-1]["id"])
    mine = (await ac.api("GET", f"/contacts/{contact['id']}/deals")).json["deals"]
    assert [one["id"] for one in mine] == [read["id"]]
    listed = (await ac.api("GET", "/deals?filters[status]=1&orders[value]=ASC")).json
    assert [one["value"] for one in listed["deals"]] == ["1870050", "3190000"]
    assert listed["meta"]["total"] == 2
    assert listed["meta"]["currencies"]["BRL"]["value"] == "5060050"
    assert len((await ac.api("GET", "/deals?filters[minimum_value]=100000")).json["deals"]) == 1
    assert (await ac.api("DELETE", path)).status == 200
    assert (await ac.api("GET", path)).status == 404
    groups = (await ac.api("GET", "/dealGroups")).json
    assert (groups["dealGroups"][0]["stages"], len(groups["dealStages"])) == (["1", "2", "3", "4"], 4)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": None}, "title"),
        ({"value": None}, "value"),
        ({"value": "10.50"}, "value"),
        ({"currency": ""}, "currency"),
        ({"group": None}, "group"),
        ({"status": 7}, "status"),
    ],
)
async def test_wrong_deals(ac: Ac, change: dict[str, Any], pointer: str) -> None:
    deal = {"title": "Kit", "value": 100, "currency": "brl", "group": 1, "owner": 1, **change}
    answer = await ac.api("POST", "/deals", {"deal": deal})
    assert answer.status == 422
    assert answer.json["errors"][0]["source"] == {"pointer": f"/data/attributes/{pointer}"}
    assert (await ac.control("counts"))["deals"] == 4


async def test_deals_changed_since(ac: Ac) -> None:
    await ac.control("clock", {"at": "2030-03-10T12:00:00-03:00"})
    await ac.api("PUT", "/deals/2", {"deal": {"title": "Outro"}})
    found = (await ac.api("GET", "/deals?filters[updated_after]=2030-03-10T12:00:00-03:00")).json["deals"]
    assert [one["title"] for one in found] == ["Outro"]


async def test_deals_without_permission_and_without_the_plan(ac: Ac) -> None:
    token = ac.credentials["restricted_token"]
    shown = (await ac.api("GET", "/deals/1", token=token)).json["deal"]
    assert shown == {"id": "1", "isDisabled": True, "title": "Usina de telhado, Duarte Arquitetura"}
    await ac.control("quirks", {"deals": False})
    refused = await ac.api("GET", "/deals")
    assert (refused.status, refused.json) == (403, {"message": "Forbidden"})


async def test_custom_fields_of_deals(ac: Ac) -> None:
    meta = {"fieldLabel": "Itens", "fieldType": "multiselect", "fieldOptions": ["a", "b"]}
    made = await ac.api("POST", "/dealCustomFieldMeta", {"dealCustomFieldMetum": meta})
    assert made.status == 201
    key = made.json["dealCustomFieldMetum"]["id"]
    datum = {"dealId": 1, "customFieldId": key, "fieldValue": ["a", "b"]}
    stored = await ac.api("POST", "/dealCustomFieldData", {"dealCustomFieldDatum": datum})
    assert (stored.status, stored.json["dealCustomFieldDatum"]["fieldValue"]) == (200, ["a", "b"])
    path = f"/dealCustomFieldData/{stored.json['dealCustomFieldDatum']['id']}"
    changed = await ac.api("PUT", path, {"dealCustomFieldDatum": {"fieldValue": ["b"]}})
    assert changed.json["dealCustomFieldDatum"]["fieldValue"] == ["b"]
    wrong = {"dealId": 1, "customFieldId": 2, "fieldValue": "abc"}
    refused = await ac.api("POST", "/dealCustomFieldData", {"dealCustomFieldDatum": wrong})
    detail = "The custom field value `abc` could not be saved to the custom field of type `date`."
    assert (refused.status, refused.json) == (422, {"errors": [{"detail": detail}]})
    listed = (await ac.api("GET", "/dealCustomFieldData?filters[dealId]=1")).json["dealCustomFieldData"]
    assert [(one["dealId"], one["customFieldId"]) for one in listed] == [(1, int(key))]


async def test_notes(ac: Ac) -> None:
    contact = await ac.contact()
    body = {"note": "Ligou hoje.", "relid": contact["id"], "reltype": "Subscriber"}
    made = await ac.api("POST", "/notes", {"note": body})
    assert made.status == 201
    assert made.json["note"]["owner"] == {"type": "contact", "id": contact["id"]}
    path = f"/notes/{made.json['note']['id']}"
    assert (await ac.api("PUT", path, {"note": {"note": "Ligou."}})).json["note"]["note"] == "Ligou."
    listed = (await ac.api("GET", f"/contacts/{contact['id']}/notes")).json["notes"]
    assert [one["note"] for one in listed] == ["Ligou."]
    on_deal = await ac.api("POST", "/notes", {"note": {"note": "x", "relid": 1, "reltype": "Deal"}})
    assert on_deal.json["note"]["owner"] == {"type": "deal", "id": 1}, "an id sent as a number"
    assert (await ac.api("POST", "/notes", {"note": {**body, "relid": 999}})).status == 400
    assert (await ac.api("DELETE", path)).status == 200
    gone = await ac.api("GET", path)
    text = f"No Result found for Note with id {path.split('/')[-1]}"
    assert (gone.status, gone.json) == (403, {"message": text})
    assert (await ac.api("POST", "/deals/1/notes", {"note": {"note": "x"}})).status == 404
    await ac.control("quirks", {"object_notes": True})
    assert (await ac.api("POST", "/deals/1/notes", {"note": {"note": "x"}})).status == 201
