"""API v2: the documented examples, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.simulators.rd_station_crm.conftest import Crm


async def test_contact_as_documented(crm: Crm) -> None:
    organization = crm.first("organizations")
    sent = {
        "name": "Ana Lima",
        "job_title": "CFO",
        "emails": [{"email": "ana@example.com"}],
        "phones": [{"phone": "+5511912345678", "type": "mobile"}],
        "organization_id": organization["id"],
        "custom_fields": {"cpf": "000.000.000-00"},
        "legal_bases": [{"category": "communications", "type": "consent", "status": "granted"}],
    }
    answer = await crm.v2("POST", "contacts", sent)
    assert answer.status == 201
    contact = answer.json["data"]
    assert {key: contact[key] for key in sent if key != "custom_fields"} == {
        key: value for key, value in sent.items() if key != "custom_fields"
    }
    assert contact["custom_fields"]["cpf"] == "000.000.000-00"
    assert contact["custom_fields"]["interesses"] is None
    assert (contact["social_profiles"], contact["birthday"]) == ([], None)
    assert contact["created_at"].endswith("Z")
    assert len(contact["id"]) == 24
    found = await crm.v2("GET", "contacts", filter="email:ana@example.com")
    assert [item["id"] for item in found.json["data"]] == [contact["id"]]
    assert (await crm.v2("GET", f"contacts/{contact['id']}")).json["data"] == contact


async def test_deal_as_documented(crm: Crm) -> None:
    contact, organization = crm.first("contacts"), crm.first("organizations")
    stage = crm.first("stages")
    deal = await crm.new_deal(
        stage_id=stage["id"],
        pipeline_id=stage["pipeline_id"],
        contact_ids=[contact["id"]],
        organization_id=organization["id"],
        custom_fields={"chave-do-documento": "abc-123"},
    )
    expected = {
        "recurrence_price": 0.0,
        "one_time_price": 0.0,
        "total_price": 0.0,
        "expected_close_date": None,
        "rating": 1,
        "status": "ongoing",
        "closed_at": None,
        "stage_id": stage["id"],
        "pipeline_id": stage["pipeline_id"],
        "contact_ids": [contact["id"]],
        "campaign_id": None,
        "lost_reason_id": None,
    }
    assert {key: deal[key] for key in expected} == expected
    assert deal["custom_fields"]["chave-do-documento"] == "abc-123"
    assert not [key for key in deal if key.startswith("_")]


async def test_put_changes_only_what_is_sent_and_replaces_lists(crm: Crm) -> None:
    first = [await crm.new_contact(name) for name in ("Ana Lima", "Rui Sá")]
    deal = await crm.new_deal(contact_ids=[first[0]["id"]], custom_fields={"referencia-externa": "R1"})
    changes = {"contact_ids": [first[1]["id"]], "custom_fields": {"numero-do-orcamento": "ORC-1"}}
    changed = (await crm.v2("PUT", f"deals/{deal['id']}", changes)).json["data"]
    assert changed["contact_ids"] == [first[1]["id"]]
    assert changed["name"] == deal["name"]
    assert changed["custom_fields"]["referencia-externa"] == "R1"
    assert changed["custom_fields"]["numero-do-orcamento"] == "ORC-1"


async def test_won_lost_and_reopened(crm: Crm) -> None:
    deal, reason = await crm.new_deal(), crm.first("lost_reasons")
    path = f"deals/{deal['id']}"
    won = (await crm.v2("PUT", path, {"status": "won"})).json["data"]
    assert (won["status"], bool(won["closed_at"])) == ("won", True)
    lost = (await crm.v2("PUT", path, {"status": "lost", "lost_reason_id": reason["id"]})).json["data"]
    assert (lost["status"], lost["lost_reason_id"]) == ("lost", reason["id"])
    again = (await crm.v2("PUT", path, {"status": "ongoing"})).json["data"]
    assert (again["status"], again["closed_at"], again["lost_reason_id"]) == ("ongoing", None, None)


async def test_stage_decides_the_pipeline(crm: Crm) -> None:
    pipelines = crm.simulator.account.tables["pipelines"].dump()
    stage = crm.simulator.account.stages_of(pipelines[1]["id"])[2]
    deal = await crm.new_deal(stage_id=stage["id"])
    assert deal["pipeline_id"] == pipelines[1]["id"]
    moved = (await crm.v2("PUT", f"deals/{deal['id']}", {"pipeline_id": pipelines[0]["id"]})).json["data"]
    assert moved["stage_id"] == crm.simulator.account.stages_of(pipelines[0]["id"])[0]["id"]
    both = {"pipeline_id": pipelines[0]["id"], "stage_id": stage["id"]}
    back = (await crm.v2("PUT", f"deals/{deal['id']}", both)).json["data"]
    assert (back["stage_id"], back["pipeline_id"]) == (stage["id"], pipelines[1]["id"])
    bare = await crm.new_deal("Sem etapa")
    assert bare["stage_id"] == crm.simulator.account.stages_of(pipelines[0]["id"])[0]["id"]


@pytest.mark.parametrize(
    ("table", "change", "detail"),
    [
        ("contacts", {"name": None}, "Name não pode ficar em branco."),
        ("contacts", {"emails": [{"email": "not an address"}]}, "Emails Não é válido."),
        ("contacts", {"emails": ["ana@example.com"]}, "Emails Não é válido."),
        ("contacts", {"phones": [{"phone": "1", "type": "cellphone"}]}, "Phones Não está incluído na lista."),
        ("contacts", {"birthday": "2020-02-31"}, "Birthday Não é válido."),
        (
            "contacts",
            {"organization_id": "7"},
            "organization_id must be BSON::ObjectId or is in invalid format",
        ),
        ("contacts", {"organization_id": "0" * 24}, "organization_id não encontrado."),
        ("contacts", {"custom_fields": {"canal-preferido": "Fax"}}, "Deal custom fields Não é válido."),
        ("contacts", {"custom_fields": {"cliente-desde": "31/12/2026"}}, "Deal custom fields Não é válido."),
        ("contacts", {"custom_fields": {"cpf": 12}}, "Deal custom fields Não é válido."),
        (
            "contacts",
            {"legal_bases": [{"category": "consent", "type": "marketing_email", "status": "active"}]},
            "Legal bases Não está incluído na lista.",
        ),
        ("deals", {"status": "won"}, "Status must be ongoing on creation."),
        ("deals", {"rating": 6}, "Rating Não está incluído na lista."),
        ("deals", {"owner_id": None}, "owner_id não pode ficar em branco."),
        ("deals", {"one_time_price": "a combinar"}, "One time price Não é um número."),
        ("organizations", {"name": "Mercado Bom Preço"}, "Nome Empresa já cadastrada."),
        ("organizations", {"name": "X"}, "Name é muito curto (mínimo: 2 caracteres)."),
        ("tasks", {"created_by_id": None}, "Created by is required"),
        ("products", {"price": None}, "Price não pode ficar em branco."),
        ("webhooks", {"url": "http://example.com/in"}, "Url must be a valid HTTPS URL."),
        ("webhooks", {"auth_header": "X-Key"}, "auth_header and auth_key must be sent together."),
        ("webhooks", {"event_name": "crm_deal_delete"}, "Event name Não está incluído na lista."),
    ],
)
async def test_refused(crm: Crm, table: str, change: dict[str, object], detail: str) -> None:
    user, deal = crm.first("users")["id"], crm.first("deals")["id"]
    whole: dict[str, dict[str, object]] = {
        "contacts": {"name": "Ana Lima"},
        "deals": {"name": "Contrato", "owner_id": user},
        "organizations": {"name": "Nova Ltda."},
        "tasks": {"name": "Ligar", "deal_id": deal, "created_by_id": user},
        "products": {"name": "Cabo", "price": 3, "visible": True},
        "webhooks": {"event_name": "crm_deal_updated", "url": "https://hub.example.com/in"},
    }
    count = len(crm.simulator.account.tables[table])
    answer = await crm.v2("POST", table, {**whole[table], **change})
    assert answer.status == 422
    assert answer.json == {"errors": [{"detail": detail}]}
    assert len(crm.simulator.account.tables[table]) == count
    assert (await crm.v2("POST", table, whole[table])).status == 201


async def test_inactive_owner_is_refused(crm: Crm) -> None:
    inactive = next(user for user in crm.simulator.account.tables["users"] if not user["active"])
    answer = await crm.v2("POST", "deals", {"name": "Contrato", "owner_id": inactive["id"]})
    assert (answer.status, answer.json) == (422, {"errors": [{"detail": "owner_id inativo."}]})
    active = await crm.v2("GET", "users", filter="is:active")
    assert inactive["id"] not in [user["id"] for user in active.json["data"]]


async def test_custom_fields_unknown_unique_and_new_options(crm: Crm) -> None:
    deal = await crm.new_deal(custom_fields={"nao-existe": "x", "chave-do-documento": "K1"})
    assert "nao-existe" not in deal["custom_fields"]
    again = {"name": "Outro", "owner_id": deal["owner_id"], "custom_fields": {"chave-do-documento": "K1"}}
    taken = await crm.v2("POST", "deals", again)
    assert (taken.status, taken.json["errors"][0]["detail"]) == (
        422,
        "Deal custom fields Chave do documento já está em uso.",
    )
    same = await crm.v2("PUT", f"deals/{deal['id']}", {"custom_fields": {"chave-do-documento": "K1"}})
    assert same.status == 200
    await crm.new_deal("Novo", custom_fields={"itens-da-instalacao": ["Painéis", "Estrutura"]})
    fields = (await crm.v2("GET", "custom_fields", filter="slug:itens-da-instalacao")).json["data"]
    assert "Estrutura" in fields[0]["options"]


async def test_custom_field_is_made_and_deleted(crm: Crm) -> None:
    made = await crm.v2(
        "POST", "custom_fields", {"name": "ID do orçamento ERP", "type": "text", "entity": "deal"}
    )
    assert (made.status, made.json["data"]["slug"]) == (201, "id-do-orcamento-erp")
    twin = await crm.v2(
        "POST", "custom_fields", {"name": "ID do Orçamento (ERP)", "type": "text", "entity": "deal"}
    )
    assert twin.json["data"]["slug"] == "id-do-orcamento-erp-2"
    deal = await crm.new_deal(custom_fields={"id-do-orcamento-erp": "ORC-1"})
    assert (await crm.v2("DELETE", f"custom_fields/{made.json['data']['id']}")).status == 204
    read = (await crm.v2("GET", f"deals/{deal['id']}")).json["data"]
    assert "id-do-orcamento-erp" not in read["custom_fields"]
    assert "id-do-orcamento-erp-2" in read["custom_fields"]


async def test_field_can_be_required_at_a_stage(crm: Crm) -> None:
    stages = crm.simulator.account.stages_of(crm.first("pipelines")["id"])
    rule = {"property": "deal_stage_id", "value": stages[4]["id"], "always": False}
    field = {"name": "Prazo", "type": "text", "entity": "deal", "required_rules": [rule]}
    assert (await crm.v2("POST", "custom_fields", field)).status == 201
    deal = await crm.new_deal(stage_id=stages[0]["id"])
    path = f"deals/{deal['id']}"
    refused = await crm.v2("PUT", path, {"stage_id": stages[4]["id"]})
    assert (refused.status, refused.json["errors"][0]["detail"]) == (422, "Prazo não pode ficar em branco.")
    assert (await crm.v2("GET", path)).json["data"]["stage_id"] == stages[0]["id"]
    moved = await crm.v2("PUT", path, {"stage_id": stages[4]["id"], "custom_fields": {"prazo": "30 dias"}})
    assert moved.json["data"]["stage_id"] == stages[4]["id"]


async def test_products_decide_the_prices(crm: Crm) -> None:
    deal, product = await crm.new_deal(one_time_price=5), crm.first("products")
    path = f"deals/{deal['id']}/products"
    sent = {
        "product_id": product["id"],
        "price": 100,
        "quantity": 3,
        "discount_type": "percentage",
        "discount": 10,
    }
    item = (await crm.v2("POST", path, sent)).json["data"]
    assert item["total_price"] == 270.0
    monthly = {"product_id": product["id"], "price": 50, "billing_frequency": "monthly"}
    assert (await crm.v2("POST", path, monthly)).status == 201
    read = (await crm.v2("GET", f"deals/{deal['id']}")).json["data"]
    assert (read["one_time_price"], read["recurrence_price"], read["total_price"]) == (270.0, 50.0, 320.0)
    found = await crm.v2("GET", "deals", filter=f"product_ids:{product['id']} has:product")
    assert [one["id"] for one in found.json["data"]] == [deal["id"]]
    assert (await crm.v2("DELETE", f"{path}/{item['id']}")).status == 204
    assert (await crm.v2("GET", f"deals/{deal['id']}")).json["data"]["one_time_price"] == 0.0


async def test_notes_tasks_stages_and_files(crm: Crm) -> None:
    deal, user = await crm.new_deal(), crm.first("users")["id"]
    note = await crm.v2(
        "POST", f"deals/{deal['id']}/notes", {"description": "Ticket 42 fechado", "user_id": user}
    )
    assert (note.status, note.json["data"]["description"]) == (201, "Ticket 42 fechado")
    long = await crm.v2("POST", f"deals/{deal['id']}/notes", {"description": "x" * 524_289})
    assert long.status == 422
    task = {"name": "Ligar", "type": "call", "due_date": "2026-11-25T13:00:00Z", "deal_id": deal["id"]}
    made = (await crm.v2("POST", "tasks", {**task, "owner_ids": [user], "created_by_id": user})).json["data"]
    done = (await crm.v2("PUT", f"tasks/{made['id']}", {"status": "completed"})).json["data"]
    assert (made["due_date"], bool(done["completed_at"])) == ("2026-11-25T13:00:00.000Z", True)
    pipeline = (await crm.v2("POST", "pipelines", {"name": "Parcerias"})).json["data"]
    stage = await crm.v2("POST", f"pipelines/{pipeline['id']}/stages", {"name": "Assinado"})
    listed = (await crm.v2("GET", f"pipelines/{pipeline['id']}/stages", sort_order="asc")).json["data"]
    assert listed[-1]["id"] == stage.json["data"]["id"]
    read = (await crm.v2("GET", f"pipelines/{pipeline['id']}")).json["data"]
    assert read["stage_ids"] == [one["id"] for one in listed]
    body = (
        b'--B\r\nContent-Disposition: form-data; name="data[file]"; filename="c.txt"\r\n\r\nola\r\n--B--\r\n'
    )
    request = crm.running.client.post(f"{crm.base_url}/crm/v2/deals/{deal['id']}/files").body_bytes(body)
    headers = {
        "Authorization": f"Bearer {crm.credentials['access_token']}",
        "Content-Type": "multipart/form-data; boundary=B",
    }
    sent = await request.headers(headers).build().send()
    file = (await sent.json())["data"]
    assert (sent.status, file["size"]) == (201, 3)
    assert (await crm.call("GET", file["url"].removeprefix(crm.base_url))).body == b"ola"


async def test_errors_around_the_records(crm: Crm) -> None:
    missing = await crm.v2("GET", f"deals/{'0' * 24}")
    assert (missing.status, missing.json) == (404, {"errors": [{"detail": "Deal not found."}]})
    assert (await crm.v2("DELETE", f"deals/{crm.first('deals')['id']}")).status == 404
    for path in ("/crm/v2/nada", "/api/v2/contacts", "/api/v2/deals?page%5Bnumber%5D=2"):
        answer = await crm.call("GET", path)
        assert (answer.status, answer.json) == (404, {"message": "no Route matched with those values"})
    bare = await crm.call(
        "POST",
        "/crm/v2/contacts",
        {"name": "Ana"},
        {"Authorization": f"Bearer {crm.credentials['access_token']}"},
    )
    assert bare.status == 400
    bad = await crm.v2("GET", "contacts", token="wrong")
    assert (bad.status, bad.json["errors"][0]["status"]) == (401, "401")
    none = await crm.call("GET", "/crm/v2/contacts")
    assert (none.status, none.json) == (401, {"message": "Unauthorized"})
