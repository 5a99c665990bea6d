"""API v1: shapes, the oddities of its writes, and its many errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.simulators.rd_station_crm.conftest import Crm


async def make_deal(crm: Crm, name: str = "Contrato – Ana Lima", **more: Any) -> dict[str, Any]:
    answer = await crm.v1("POST", "deals", {"deal": {"name": name}, **more})
    assert answer.status == 200, answer.text
    deal: dict[str, Any] = answer.json
    return deal


async def test_token_check_and_bad_tokens(crm: Crm) -> None:
    assert (await crm.v1("GET", "token/check")).json == {
        "email": "julia@raiarsolar.example.com.br",
        "name": "Júlia Prates",
        "organization": "Raiar Solar",
    }
    for path in ("/api/v1/token/check", "/api/v1/deals?token=wrong"):
        answer = await crm.call("GET", path)
        assert (answer.status, answer.json) == (401, {"error": "Permission denied."})


async def test_deal_with_new_contacts_as_documented(crm: Crm) -> None:
    fields = (await crm.v1("GET", "custom_fields", **{"for": "deal"})).json
    key = next(field for field in fields if field["label"] == "Chave do documento")
    stage, source = crm.simulator.account.stages_of(crm.first("pipelines")["id"])[3], crm.first("sources")
    body = {
        "deal": {
            "name": "Contrato – Ana Lima",
            "deal_stage_id": stage["id"],
            "rating": 3,
            "prediction_date": "2026-12-31",
            "deal_custom_fields": [{"custom_field_id": key["id"], "value": "abc-123"}],
        },
        "contacts": [
            {
                "name": "Ana Lima",
                "emails": [{"email": "ana@example.com"}],
                "phones": [{"phone": "+5511912345678", "type": "work"}],
            }
        ],
        "organization": {"_id": crm.first("organizations")["id"]},
        "deal_source": {"_id": source["id"]},
        "campaign": {"_id": crm.first("campaigns")["id"]},
    }
    answer = await crm.v1("POST", "deals", body)
    assert answer.status == 200
    deal = answer.json
    assert deal["_id"] == deal["id"]
    assert (deal["win"], deal["hold"], deal["rating"]) == (None, None, 3)
    assert deal["deal_stage"]["id"] == stage["id"]
    assert deal["user"]["name"] == "Júlia Prates"
    assert deal["deal_custom_fields"][0]["value"] == "abc-123"
    assert deal["deal_source"]["name"] == source["name"]
    assert deal["organization"]["name"] == crm.first("organizations")["name"]
    assert deal["created_at"].endswith("-03:00")
    assert "amount_montly" in deal
    found = (await crm.v1("GET", "contacts", email="ANA@example.com")).json
    assert found["total"] == 1
    assert found["contacts"][0]["deal_ids"] == [deal["id"]]
    listed = (await crm.v1("GET", f"deals/{deal['id']}/contacts")).json
    assert listed["contacts"][0]["emails"] == [{"email": "ana@example.com"}]
    in_v2 = (await crm.v2("GET", f"deals/{deal['id']}")).json["data"]
    assert in_v2["custom_fields"]["chave-do-documento"] == "abc-123"


async def test_existing_contacts_are_linked_and_bad_ones_reported(crm: Crm) -> None:
    known, count = crm.first("contacts"), len(crm.simulator.account.tables["contacts"])
    deal = await make_deal(crm, set_contacts=[{"_id": known["id"]}])
    assert [contact["id"] for contact in deal["contacts"]] == [known["id"]]
    broken = await make_deal(crm, "Outro", contacts=[{"name": "Rui", "emails": [{"email": "rui"}]}])
    assert (broken["contacts"], list(broken["contact_errors"])) == ([], ["0"])
    assert len(crm.simulator.account.tables["contacts"]) == count


async def test_stage_stands_beside_the_deal_on_a_change(crm: Crm) -> None:
    stages = crm.simulator.account.stages_of(crm.first("pipelines")["id"])
    deal = await make_deal(crm, deal_stage_id=stages[3]["id"])
    assert deal["deal_stage"]["id"] == stages[0]["id"]
    path = f"deals/{deal['id']}"
    inside = (await crm.v1("PUT", path, {"deal": {"deal_stage_id": stages[2]["id"]}})).json
    assert inside["deal_stage"]["id"] == stages[0]["id"]
    beside = (await crm.v1("PUT", path, {"deal": {}, "deal_stage_id": stages[2]["id"]})).json
    assert beside["deal_stage"]["id"] == stages[2]["id"]
    assert [step["deal_stage_id"] for step in beside["deal_stage_histories"]] == [
        stages[0]["id"],
        stages[2]["id"],
    ]


@pytest.mark.parametrize(
    ("sent", "status", "shown"),
    [
        ({"win": True}, "won", (True, None)),
        ({"win": False}, "lost", (False, None)),
        ({"hold": True}, "paused", (None, True)),
        ({"win": None}, "ongoing", (None, None)),
    ],
)
async def test_win_and_hold(crm: Crm, sent: dict[str, Any], status: str, shown: tuple[Any, Any]) -> None:
    deal = await make_deal(crm)
    changed = (await crm.v1("PUT", f"deals/{deal['id']}", {"deal": sent})).json
    assert (changed["win"], changed["hold"]) == shown
    assert (await crm.v2("GET", f"deals/{deal['id']}")).json["data"]["status"] == status


async def test_lost_with_reason_and_note(crm: Crm) -> None:
    deal, reason = await make_deal(crm), crm.first("lost_reasons")
    sent = {"win": False, "deal_lost_reason_id": reason["id"], "deal_lost_note": "Foi caro"}
    lost = (await crm.v1("PUT", f"deals/{deal['id']}", {"deal": sent})).json
    assert (lost["deal_lost_reason_id"], lost["deal_lost_note"]) == (reason["id"], "Foi caro")


async def test_deal_search(crm: Crm) -> None:
    deal = await make_deal(crm, "Contrato A")
    other = await make_deal(crm, "Contrato A e B")
    pipeline = crm.first("pipelines")["id"]

    async def found(**query: str) -> list[str]:
        answer = await crm.v1("GET", "deals", **query)
        assert answer.status == 200, answer.text
        return [one["id"] for one in answer.json["deals"]]

    assert await found(name="contrato a") == [other["id"], deal["id"]]
    assert await found(name="Contrato A", exact_name="true", deal_pipeline_id=pipeline) == [deal["id"]]
    await crm.v1("PUT", f"deals/{deal['id']}", {"deal": {"win": True}})
    assert await found(win="true") == [deal["id"]]
    assert await found(closed_at="true") == [deal["id"]]
    assert deal["id"] not in await found(win="null", limit="200")
    assert (await found(order="updated_at", direction="desc"))[0] == deal["id"]
    period = {
        "created_at_period": "true",
        "start_date": "2020-12-14T15:00:00",
        "end_date": "2020-12-15T15:00:00",
    }
    assert await found(**period) == []


async def test_pages_and_the_cursor(crm: Crm) -> None:
    for number in range(25):
        await make_deal(crm, f"Negócio {number:02}")
    first = (await crm.v1("GET", "deals")).json
    assert (len(first["deals"]), first["has_more"], first["total"]) == (20, True, 31)
    await make_deal(crm, "Chegou no meio")
    second = (await crm.v1("GET", "deals", next_page=first["next_page"])).json
    assert second["next_page"] is None
    seen = [deal["id"] for deal in first["deals"] + second["deals"]]
    assert len(seen) == len(set(seen)) == 31
    assert len((await crm.v1("GET", "deals", limit="500")).json["deals"]) == 32
    stages = (
        await crm.v1("GET", "deal_stages", limit="50", deal_pipeline_id=crm.first("pipelines")["id"])
    ).json
    assert (len(stages["deal_stages"]), stages["has_more"]) == (6, False)


async def test_contact_deal_ids_replace(crm: Crm) -> None:
    one, two = await make_deal(crm, "Um"), await make_deal(crm, "Dois")
    sent = {
        "contact": {
            "name": "Ana Lima",
            "birthday": {"day": 7, "month": 3, "year": 1980},
            "deal_ids": [one["id"]],
        }
    }
    contact = (await crm.v1("POST", "contacts", sent)).json
    assert contact["deal_ids"] == [one["id"]]
    assert contact["birthday"] == {"day": 7, "month": 3, "year": 1980}
    path = f"contacts/{contact['id']}"
    both = (await crm.v1("PUT", path, {"contact": {"deal_ids": [one["id"], two["id"]]}})).json
    assert both["deal_ids"] == [one["id"], two["id"]]
    last = (await crm.v1("PUT", path, {"contact": {"deal_ids": [two["id"]], "title": "CFO"}})).json
    assert (last["deal_ids"], last["title"]) == ([two["id"]], "CFO")
    assert (await crm.v2("GET", f"deals/{one['id']}")).json["data"]["contact_ids"] == []


async def test_dates_are_brazilian_in_custom_fields(crm: Crm) -> None:
    fields = (await crm.v1("GET", "custom_fields", **{"for": "deal"})).json
    signed = next(field["id"] for field in fields if field["type"] == "date")
    deal = await make_deal(crm)

    async def put(value: str) -> Any:
        values = [{"custom_field_id": signed, "value": value}]
        return await crm.v1("PUT", f"deals/{deal['id']}", {"deal": {"deal_custom_fields": values}})

    assert (await put("2026-11-19")).status == 422
    assert (await put("19/11/2026")).json["deal_custom_fields"][0]["value"] == "19/11/2026"
    read = (await crm.v2("GET", f"deals/{deal['id']}")).json["data"]
    assert read["custom_fields"]["data-da-assinatura"] == "2026-11-19"


async def test_notes_tasks_and_products(crm: Crm) -> None:
    deal = await make_deal(crm)
    note = await crm.v1(
        "POST", "activities", {"activity": {"deal_id": deal["id"], "text": "Assinado por Ana"}}
    )
    assert note.status == 200
    assert (await crm.v1("GET", "activities", deal_id=deal["id"])).json["activities"][0][
        "text"
    ] == "Assinado por Ana"
    task = {"deal_id": deal["id"], "subject": "Ligar", "type": "call", "date": "2026-11-25", "hour": "10:00"}
    made = (await crm.v1("POST", "tasks", {"task": task})).json
    assert (made["date"], made["hour"], made["done"]) == ("2026-11-25", "10:00", False)
    in_v2 = (await crm.v2("GET", f"tasks/{made['id']}")).json["data"]
    assert in_v2["due_date"] == "2026-11-25T13:00:00.000Z"
    short = await crm.v1("POST", "tasks", {"task": {**task, "subject": "Oi"}})
    text = "Assunto está muito curto, use no mínimo 3 caracteres."
    assert (short.status, short.json) == (422, {"errors": {"subject": [text]}})
    kind = await crm.v1("POST", "tasks", {"task": {**task, "type": "party"}})
    assert kind.json == {"errors": {"type": ["Não está incluído na lista."]}}
    path, product = f"deals/{deal['id']}/deal_products", crm.first("products")["id"]
    item = {"product_id": product, "price": 100, "amount": 2, "discount_type": "value", "discount": 50}
    added = await crm.v1("POST", path, {**item, "recurrence": "spare"})
    assert (added.status, added.json["total"]) == (201, 150.0)
    batch = await crm.v1(
        "POST", f"{path}/batch", {"deal_products": [item, {**item, "recurrence": "monthly"}]}
    )
    assert batch.status == 201
    read = (await crm.v1("GET", f"deals/{deal['id']}")).json
    assert (read["amount_unique"], read["amount_montly"], read["amount_total"]) == (300.0, 150.0, 450.0)
    assert (await crm.v1("POST", f"{path}/batch", {"deal_products": [item] * 101})).status == 413
    ids = [{"_id": one["id"]} for one in batch.json["deal_products"]]
    assert (await crm.v1("DELETE", f"{path}/batch/destroy", {"deal_products": ids})).status == 204
    assert len((await crm.v1("GET", path)).json["deal_products"]) == 1


async def test_organizations_and_names(crm: Crm) -> None:
    sent = {"name": "Sol Nascente", "address": "Rua B, 2", "organization_segments": ["Comércio", "Energia"]}
    made = (await crm.v1("POST", "organizations", {"organization": sent})).json
    assert [segment["name"] for segment in made["organization_segments"]] == ["Comércio", "Energia"]
    twin = await crm.v1("POST", "organizations", {"organization": {"name": "Sol Nascente"}})
    assert (twin.status, twin.json) == (422, {"errors": {"name": ["Nome Empresa já cadastrada."]}})
    found = (await crm.v1("GET", "organizations", q="nascente")).json
    assert ("custom_fields" in found["organizations"][0], found["total"]) == (True, 1)
    source = (await crm.v1("POST", "deal_sources", {"deal_source": {"name": "Vaivém"}})).json
    assert (await crm.v1("GET", f"deal_sources/{source['id']}")).json["name"] == "Vaivém"
    assert (await crm.v1("POST", "deal_lost_reasons", {"name": "x" * 41})).status == 422


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "answer"),
    [
        (
            "GET",
            f"contacts/{'0' * 24}",
            None,
            404,
            {"errors": {"error_type": "RESOURCE_NOT_FOUND", "error_message": "Contact not found."}},
        ),
        (
            "POST",
            "deals",
            {"deal": {"name": "Contrato", "deal_custom_fields": [{"custom_field_id": "x", "value": "1"}]}},
            400,
            {"errors": 'Could not find a custom field that matches: {:custom_field_id=>"x"}'},
        ),
        (
            "POST",
            "contacts",
            {"contact": {"name": 7}},
            422,
            {"errors": {"name": [{"error_type": "MUST_BE_STRING", "error_message": "Name must be string."}]}},
        ),
        (
            "POST",
            "contacts",
            {"contact": {"name": "A"}},
            422,
            {"errors": {"name": ["Nome está muito curto, use no mínimo 2 caracteres."]}},
        ),
    ],
)
async def test_errors(crm: Crm, method: str, path: str, body: Any, status: int, answer: Any) -> None:
    got = await crm.v1(method, path, body)
    assert (got.status, got.json) == (status, answer)


async def test_bad_parameters_break_the_vendor(crm: Crm) -> None:
    for got in (
        await crm.v1("GET", "deals", page="x"),
        await crm.v1("GET", "deals", order="nothing"),
        await crm.v1("POST", "deals", {"deal": "text"}),
    ):
        assert (got.status, got.headers["content-type"].split(";")[0]) == (500, "text/html")


async def test_webhooks_are_shared_with_v2(crm: Crm) -> None:
    sent = {"event_type": "crm_deal_created", "url": "https://hub.example.com/in", "http_method": "POST"}
    made = await crm.v1("POST", "webhooks", sent)
    assert (made.status, made.json["status"], made.json["source"]) == (200, "active", "CRM")
    uuid = made.json["uuid"]
    assert (await crm.v2("GET", f"webhooks/{uuid}")).json["data"]["event_name"] == "crm_deal_created"
    assert (await crm.v1("DELETE", f"webhooks/{uuid}")).status == 204
    assert (await crm.v1("GET", "webhooks")).json == {"webhooks": []}
