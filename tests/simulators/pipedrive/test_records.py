"""Persons, organizations, deals, activities through API v2: what is filled in, refused, listed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest


async def test_a_lead_becomes_person_organization_and_deal(crm):
    organization = await crm.made("organizations", name="Padaria Estrela")
    person = await crm.made(
        "persons", name="Ana Lima Souza", org_id=organization["id"], emails=[{"value": "ana@estrela.example"}]
    )
    assert (person["first_name"], person["last_name"]) == ("Ana", "Lima Souza")
    assert person["emails"] == [{"value": "ana@estrela.example", "primary": True, "label": "work"}]
    deal = await crm.made(
        "deals", title="Contrato", person_id=person["id"], org_id=organization["id"], stage_id=3, value=2300
    )
    assert (deal["pipeline_id"], deal["currency"], deal["status"]) == (1, "BRL", "open")
    assert deal["owner_id"] == deal["creator_user_id"] == next(iter(crm.simulator.account.tables["users"]))
    assert (deal["won_time"], deal["is_archived"], deal["origin"]) == (None, False, "API")
    assert set(deal["custom_fields"].values()) == {None}
    read = (await crm.v2("GET", f"deals/{deal['id']}")).json["data"]
    assert read == deal


async def test_won_lost_and_reopened(crm):
    deal = await crm.made("deals", title="A")
    await crm.control("clock", {"at": "2026-12-01T01:30:00+00:00"})
    won = (await crm.v2("PATCH", f"deals/{deal['id']}", {"status": "won"})).json["data"]
    assert won["won_time"].startswith("2026-12-01T01:30")
    assert won["close_time"] == won["won_time"]
    assert won["local_won_date"] == "2026-11-30", "the day in the account's own time zone"
    lost = {"status": "lost", "lost_reason": "Preço"}
    lost = (await crm.v2("PATCH", f"deals/{deal['id']}", lost)).json["data"]
    assert (lost["won_time"], lost["local_won_date"], lost["lost_reason"]) == (None, None, "Preço")
    again = (await crm.v2("PATCH", f"deals/{deal['id']}", {"status": "open"})).json["data"]
    assert [again[key] for key in ("lost_time", "close_time", "lost_reason")] == [None, None, None]
    stated = {"status": "won", "won_time": "2025-03-01T12:00:00Z"}
    assert (await crm.v2("PATCH", f"deals/{deal['id']}", stated)).json["data"]["won_time"] == stated[
        "won_time"
    ]


@pytest.mark.parametrize(
    ("table", "body", "field"),
    [
        ("deals", {"value": 1}, "title"),
        ("deals", {"title": "A", "value": "1"}, "value"),
        ("deals", {"title": "A", "owner_id": "12"}, "owner_id"),
        ("deals", {"title": "A", "person_id": 999}, "person_id"),
        ("deals", {"title": "A", "lost_reason": "x"}, "lost_reason"),
        ("deals", {"title": "A", "won_time": "2025-03-01T12:00:00Z"}, "won_time"),
        ("deals", {"title": "A", "status": "won", "won_time": "01/03/2025"}, "won_time"),
        ("deals", {"title": "A", "stage_id": 6, "pipeline_id": 1}, "pipeline_id"),
        ("deals", {"title": "A", "currency": "XXX"}, "currency"),
        ("deals", {"title": "A", "colour": "red"}, "colour"),
        ("deals", {"title": "A", "custom_fields": {"a" * 40: 1}}, "custom_fields." + "a" * 40),
        ("persons", {"emails": []}, "name"),
        ("persons", {"name": "A", "emails": "a@b.example"}, "emails"),
        ("persons", {"name": "A", "emails": [{"value": v, "primary": True} for v in "ab"]}, "emails"),
        ("organizations", {"name": " "}, "name"),
        ("organizations", {"name": "A", "visible_to": 2}, "visible_to"),
        ("activities", {"type": "dance"}, "type"),
        ("activities", {"done": 1}, "done"),
    ],
)  # fmt: skip
async def test_what_is_refused(crm, table, body, field):
    before = await crm.control("counts")
    answer = await crm.v2("POST", table, body)
    assert answer.status == 400, answer.text
    assert answer.json["error"].startswith(f"Validation failed: {field}:")
    assert (answer.json["success"], answer.json["code"]) == (False, "ERR_SCHEMA_VALIDATION_FAILED")
    assert await crm.control("counts") == before


async def test_addresses_are_replaced_as_a_whole(crm):
    person = await crm.made(
        "persons", name="Ana", emails=[{"value": "a@x.example"}, {"value": "b@x.example"}]
    )
    path = f"persons/{person['id']}"
    changed = await crm.v2("PATCH", path, {"emails": [{"value": "c@x.example", "label": "home"}]})
    assert changed.json["data"]["emails"] == [{"value": "c@x.example", "primary": True, "label": "home"}]
    assert (await crm.v2("PATCH", path, {"emails": None})).json["data"]["emails"] == []
    assert (await crm.v2("PATCH", path, {"name": "Ana Lima"})).json["data"]["last_name"] == "Lima"
    assert (await crm.v2("PATCH", path, {"last_name": "Souza"})).json["data"]["name"] == "Ana Souza"


async def test_an_inactive_owner_is_refused(crm):
    user = max(crm.simulator.account.tables["users"])
    answer = await crm.v2("POST", "deals", {"title": "A", "owner_id": user})
    assert answer.status == 400
    await crm.control(f"users/{user}", {"active": True})
    assert (await crm.v2("POST", "deals", {"title": "A", "owner_id": user})).status == 200


async def test_a_write_that_changes_nothing_is_none(crm):
    deal = await crm.made("deals", title="A", value=10)
    await crm.advance(60)
    same = await crm.v2("PATCH", f"deals/{deal['id']}", {"title": "A", "value": 10})
    assert same.json["data"]["update_time"] == deal["update_time"]


async def test_lists_by_cursor(crm):
    titles = [f"Lista {number}" for number in range(7)]
    for title in titles:
        await crm.made("deals", title=title, person_id=1)
    seen, cursor = [], {}
    while True:
        answer = (await crm.v2("GET", "deals", limit=3, person_id=1, **cursor)).json
        seen += [row["title"] for row in answer["data"]]
        if answer["additional_data"]["next_cursor"] is None:
            break
        cursor = {"cursor": answer["additional_data"]["next_cursor"]}
    assert seen[-7:] == titles
    assert len(seen) == len(set(seen)) == 8
    newest = await crm.v2("GET", "deals", sort_by="add_time", sort_direction="desc", limit=1)
    assert newest.json["data"][0]["title"] == "Lista 6"
    for query in ({"cursor": "nonsense"}, {"limit": 501}, {"sort_by": "title"}, {"owner_id": "me"}):
        assert (await crm.v2("GET", "deals", **query)).status == 400, query


async def test_updated_since_tiles(crm):
    day = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()  # all others are older
    await crm.control("clock", {"at": f"{day}T10:00:00+00:00"})
    first = await crm.made("persons", name="Primeira")
    await crm.control("clock", {"at": f"{day}T11:00:00+00:00"})
    second = await crm.made("persons", name="Segunda")
    middle = second["update_time"]
    since = await crm.v2("GET", "persons", updated_since=middle)
    assert [row["id"] for row in since.json["data"]] == [second["id"]]
    until = await crm.v2("GET", "persons", updated_since=f"{day}T10:00:00Z", updated_until=middle)
    assert [row["id"] for row in until.json["data"]] == [first["id"]]


async def test_deleted_records(crm):
    deal, person = await crm.made("deals", title="A"), await crm.made("persons", name="B")
    assert (await crm.v2("DELETE", f"deals/{deal['id']}")).json["data"] == {"id": deal["id"]}
    await crm.v2("DELETE", f"persons/{person['id']}")
    listed = (await crm.v2("GET", "deals", ids=deal["id"])).json["data"]
    deleted = (await crm.v2("GET", "deals", status="deleted")).json["data"]
    assert (listed, [row["id"] for row in deleted]) == ([], [deal["id"]])
    assert (await crm.v2("GET", f"persons/{person['id']}")).json["data"]["is_deleted"] is True
    assert (await crm.v2("PATCH", f"persons/{person['id']}", {"name": "C"})).status == 404
    await crm.control("quirks", {"deleted_by_id": False})
    missing = await crm.v2("GET", f"persons/{person['id']}")
    assert (missing.status, missing.json["error"]) == (404, "Entity was not found")
    await crm.control("quirks", {"deleted_by_id": True})
    await crm.advance(31 * 24 * 3600)
    assert (await crm.v2("GET", f"persons/{person['id']}")).status == 404, "purged after 30 days"


async def test_archived_deals_are_listed_apart(crm):
    deal = await crm.made("deals", title="A", person_id=3)
    await crm.v2("PATCH", f"deals/{deal['id']}", {"is_archived": True})
    here = [row["id"] for row in (await crm.v2("GET", "deals")).json["data"]]
    there = [row["id"] for row in (await crm.v2("GET", "deals/archived")).json["data"]]
    assert (deal["id"] in here, there) == (False, [deal["id"]])


async def test_activities_take_their_person_from_the_participants(crm):
    told = await crm.made("activities", subject="Ligar", person_id=1, participants=[{"person_id": 2}])
    assert (told["person_id"], told["type"], told["done"]) == (2, "call", False)
    assert (await crm.made("activities", subject="Ligar", person_id=1))["person_id"] is None
    done = (await crm.v2("PATCH", f"activities/{told['id']}", {"done": True})).json["data"]
    assert done["marked_as_done_time"]
    listed = (await crm.v2("GET", "activities", done="true")).json["data"]
    assert [row["id"] for row in listed] == [told["id"]]


async def test_products_of_a_deal_make_its_value(crm):
    deal = await crm.made("deals", title="A", value=5)
    path = f"deals/{deal['id']}/products"
    item = await crm.v2("POST", path, {"product_id": 1, "item_price": 100, "quantity": 3, "discount": 10})
    assert (item.status, item.json["data"]["sum"], item.json["data"]["name"]) == (201, 270, "Painel 550 W")
    assert (await crm.v2("GET", f"deals/{deal['id']}")).json["data"]["value"] == 270
    one = f"{path}/{item.json['data']['id']}"
    assert (await crm.v2("PATCH", one, {"quantity": 1})).json["data"]["sum"] == 90
    assert (await crm.v2("DELETE", one)).status == 200
    assert (await crm.v2("GET", path)).json["data"] == []


async def test_pipelines_and_stages(crm):
    pipeline = await crm.made("pipelines", name="Parcerias")
    assert (await crm.v2("POST", "deals", {"title": "A", "pipeline_id": pipeline["id"]})).status == 400
    stage = await crm.made("stages", name="Contato", pipeline_id=pipeline["id"])
    deal = await crm.made("deals", title="A", pipeline_id=pipeline["id"])
    assert deal["stage_id"] == stage["id"]
    assert (await crm.v2("DELETE", f"stages/{stage['id']}")).status == 400, "it has a deal"
    listed = (await crm.v2("GET", "stages", pipeline_id=1, sort_by="order_nr")).json["data"]
    assert [row["order_nr"] for row in listed] == [1, 2, 3, 4, 5]


async def test_the_plans_cap_of_open_deals(crm):
    await crm.control("quirks", {"open_deals_limit": 5})
    answer = await crm.v2("POST", "deals", {"title": "Mais um"})
    assert (answer.status, answer.json["code"]) == (403, "feature_capping_deals_limit")
