"""Our requests and answers against the descriptions that the vendor publishes."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest
from tests.simulators.pipedrive.contract import deviations, differences, operation_of, operations

from vaivem.simulators.pipedrive.app import Pipedrive


class Recorder:
    """Makes calls and keeps what differs from the descriptions."""

    def __init__(self, crm: Any) -> None:
        self.crm = crm
        self.seen: set[str] = set()
        self.found: list[tuple[str, str, str, str]] = []

    async def __call__(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.crm.running.call(method, path, body, self.crm.headers)
        assert answer.status == status, (method, path, answer.text)
        operation = operation_of(method, path.split("?")[0])
        assert operation is not None, f"{method} {path} is not published"
        self.seen.add(operation.name)
        if body is not None and operation.body() is not None:
            assert differences(operation.body(), body) == [], (method, path)
        schema = operation.answer(status)
        if schema is not None:
            self.found += [(operation.name, *item) for item in differences(schema, answer.json)]
        return answer.json.get("data")


async def whole_account(crm: Any, ask: Recorder) -> None:
    """Call everything a client of issue-tracker size calls, so that every shape is seen filled and empty."""
    organization = await ask(
        "POST", "/api/v2/organizations", {"name": "Padaria", "website": "https://p.example"}
    )
    person = await ask(
        "POST",
        "/api/v2/persons",
        {
            "name": "Ana Lima",
            "org_id": organization["id"],
            "emails": [{"value": "ana@padaria.example", "primary": True, "label": "work"}],
            "phones": [{"value": "11 98888-7777", "primary": True, "label": "mobile"}],
            "custom_fields": {crm.code("person", "CPF"): "529.982.247-25"},
        },
    )
    deal = await ask(
        "POST",
        "/api/v2/deals",
        {
            "title": "Contrato",
            "person_id": person["id"],
            "org_id": organization["id"],
            "stage_id": 2,
            "value": 10,
            "custom_fields": {
                crm.code("deal", "Entrada"): {"value": 500, "currency": "BRL"},
                crm.code("deal", "Itens da instalação"): [
                    crm.option("deal", "Itens da instalação", "Painéis")
                ],
            },
        },
    )
    activity = await ask(
        "POST",
        "/api/v2/activities",
        {
            "subject": "Ligar",
            "type": "call",
            "deal_id": deal["id"],
            "due_date": "2026-12-01",
            "due_time": "14:00",
            "participants": [{"person_id": person["id"], "primary": True}],
            "location": {"value": "Rua A"},
        },
    )
    for table, record in (
        ("organizations", organization),
        ("persons", person),
        ("deals", deal),
        ("activities", activity),
    ):
        own = f"/api/v2/{table}/{record['id']}"
        await ask("GET", own)
        await ask("GET", f"/api/v2/{table}?limit=2")
        await ask(
            "GET",
            f"/api/v2/{table}?updated_since=2026-01-01T00:00:00Z&sort_by=update_time&sort_direction=desc",
        )
        changed = {"deals": {"status": "lost", "lost_reason": "Preço"}, "activities": {"done": True}}
        await ask("PATCH", own, changed.get(table, {"name": "Outro Nome"}))
    await ask("PATCH", f"/api/v2/deals/{deal['id']}", {"status": "won", "won_time": "2026-01-01T12:00:00Z"})
    counted = (
        "open_deals_count,won_deals_count,activities_count,notes_count,next_activity_id,marketing_status"
    )
    await ask("GET", f"/api/v2/persons/{person['id']}?include_fields={counted}&include_labels=true")
    await lists_and_fields(crm, ask, deal)
    await searches(crm, ask)
    await old_version(crm, ask, deal, person)
    await ask("DELETE", f"/api/v2/activities/{activity['id']}")
    await ask("DELETE", f"/api/v2/persons/{person['id']}")
    await ask("DELETE", f"/api/v2/deals/{deal['id']}")
    await ask("DELETE", f"/api/v2/organizations/{organization['id']}")


async def lists_and_fields(crm: Any, ask: Recorder, deal: Any) -> None:
    await ask("GET", "/api/v2/deals/archived")
    pipeline = await ask("POST", "/api/v2/pipelines", {"name": "Parcerias"})
    stage = await ask("POST", "/api/v2/stages", {"name": "Contato", "pipeline_id": pipeline["id"]})
    for table, record in (("pipelines", pipeline), ("stages", stage)):
        await ask("GET", f"/api/v2/{table}")
        await ask("GET", f"/api/v2/{table}/{record['id']}")
        await ask("PATCH", f"/api/v2/{table}/{record['id']}", {"name": "Novo"})
    await ask("DELETE", f"/api/v2/stages/{stage['id']}")
    await ask("DELETE", f"/api/v2/pipelines/{pipeline['id']}")
    prices = [{"price": 10, "currency": "BRL"}]
    product = await ask("POST", "/api/v2/products", {"name": "Cabo", "prices": prices}, 201)
    await ask("GET", "/api/v2/products")
    await ask("GET", f"/api/v2/products/{product['id']}")
    await ask("PATCH", f"/api/v2/products/{product['id']}", {"name": "Cabo 6 mm"})
    items = f"/api/v2/deals/{deal['id']}/products"
    item = await ask("POST", items, {"product_id": product["id"], "item_price": 10, "quantity": 2}, 201)
    await ask("GET", items)
    await ask("PATCH", f"{items}/{item['id']}", {"quantity": 3})
    await ask("DELETE", f"{items}/{item['id']}")
    several = {"data": [{"product_id": product["id"], "item_price": 10, "quantity": 2}] * 2}
    assert len(await ask("POST", f"{items}/bulk", several, 201)) == 2
    assert len((await ask("DELETE", items))["ids"]) == 2
    user = next(iter(crm.simulator.account.tables["users"]))
    for path in (f"deals/{deal['id']}", "persons/1", "organizations/1", "products/1"):
        await ask("POST", f"/api/v2/{path}/followers", {"user_id": user}, 201)
        await ask("GET", f"/api/v2/{path}/followers")
        await ask("GET", f"/api/v1/{path}/followers")
        await ask("GET", f"/api/v1/{path}/permittedUsers")
        await ask("DELETE", f"/api/v2/{path}/followers/{user}")
    await ask("POST", f"/api/v1/deals/{deal['id']}/duplicate")
    await ask("GET", "/api/v1/pipelines/1/deals")
    await ask("GET", "/api/v1/stages/1/deals")
    await ask("DELETE", f"/api/v2/products/{product['id']}")
    for entity in ("deal", "person", "organization", "product", "activity"):
        path = f"/api/v2/{entity}Fields"
        await ask("GET", path)
        await ask("GET", f"{path}/id")
        if entity == "activity":
            continue
        await ask(
            "GET", f"{path}?include_fields=ui_visibility,important_fields" if entity != "product" else path
        )
        sent = {"field_name": "Origem", "field_type": "enum", "options": [{"label": "Site"}]}
        field = await ask("POST", path, sent)
        own = f"{path}/{field['field_code']}"
        await ask("GET", own)
        await ask("PATCH", own, {"field_name": "Origem do lead"})
        made = await ask("POST", f"{own}/options", [{"label": "Feira"}])
        await ask("PATCH", f"{own}/options", [{"id": made[0]["id"], "label": "Feiras"}])
        await ask("DELETE", f"{own}/options", [{"id": made[0]["id"]}])
        await ask("DELETE", own)


async def searches(crm: Any, ask: Recorder) -> None:
    await crm.advance(10)
    for path in ("persons/search", "organizations/search", "deals/search", "products/search", "itemSearch"):
        assert (await ask("GET", f"/api/v2/{path}?term=ar"))["items"] is not None
    found = await ask(
        "GET",
        "/api/v2/persons/search?term=marina@duarte-arquitetura.example.com.br&fields=email&exact_match=true",
    )
    assert len(found["items"]) == 1
    await ask("GET", "/api/v2/itemSearch?term=Duarte&search_for_related_items=true")
    code = crm.code("person", "CPF")
    await ask("GET", f"/api/v2/itemSearch/field?entity_type=person&field={code}&term=111.444.777-35")


async def old_version(crm: Any, ask: Recorder, deal: Any, person: Any) -> None:
    for path in (
        "users/me",
        "users",
        "users/find?term=J%C3%BAlia",
        "activityTypes",
        "currencies",
        "leadLabels",
        "leadSources",
        "leadFields",
        "noteFields",
        "filters",
        "dealFields",
        "personFields",
        "organizationFields",
        "productFields",
        "activityFields",
    ):
        await ask("GET", f"/api/v1/{path}")
    me = await ask("GET", "/api/v1/users/me")
    await ask("GET", f"/api/v1/users/{me['id']}")
    note = await ask("POST", "/api/v1/notes", {"content": "<p>Oi</p>", "deal_id": deal["id"]})
    await ask("GET", "/api/v1/notes?limit=1")
    await ask("GET", f"/api/v1/notes/{note['id']}")
    await ask("PUT", f"/api/v1/notes/{note['id']}", {"content": "Tchau"})
    await ask("GET", "/api/v1/recents?since_timestamp=2026-01-01%2000:00:00")
    await ask("GET", f"/api/v1/deals/{deal['id']}/changelog")
    await ask("GET", f"/api/v1/persons/{person['id']}/changelog")
    await ask("DELETE", f"/api/v1/notes/{note['id']}")
    value = {"amount": 100, "currency": "BRL"}
    lead = await ask(
        "POST", "/api/v1/leads", {"title": "Lead", "person_id": person["id"], "value": value}, 201
    )
    await ask("POST", "/api/v1/leads", {"title": "Outro", "person_id": person["id"]}, 201)
    await ask("GET", "/api/v1/leads")
    await ask("GET", "/api/v1/leads/archived")
    await ask("GET", f"/api/v1/leads/{lead['id']}")
    await ask("PATCH", f"/api/v1/leads/{lead['id']}", {"title": "Lead 2"})
    await ask("GET", "/api/v1/leads/search?term=Lead")
    conversion = await ask("POST", f"/api/v2/leads/{lead['id']}/convert/deal", {"stage_id": 1})
    status = f"/api/v2/leads/{lead['id']}/convert/status/{conversion['conversion_id']}"
    assert (await ask("GET", status))["status"] == "running"
    await crm.advance(10)
    assert (await ask("GET", status))["status"] == "completed"
    other = (await ask("GET", "/api/v1/leads"))[0]
    await ask("DELETE", f"/api/v1/leads/{other['id']}")
    await ask("DELETE", f"/api/v1/leads/{other['id']}", status=404)
    for number in range(2):
        hook = {
            "subscription_url": f"https://hub.example/{number}",
            "event_action": "change",
            "event_object": "deal",
            "name": "hub",
            "version": "2.0",
            "http_auth_user": "u",
            "http_auth_password": "p",
        }
        made = await ask("POST", "/api/v1/webhooks", hook, 201)
    await ask("GET", "/api/v1/webhooks")
    await ask("DELETE", f"/api/v1/webhooks/{made['id']}")
    await ask("DELETE", f"/api/v1/webhooks/{made['id']}", status=404)
    twin = await crm.made("persons", name="Ana Lima")
    await ask("PUT", f"/api/v1/persons/{twin['id']}/merge", {"merge_with_id": person["id"]})
    second = await crm.made("deals", title="Contrato")
    await ask("PUT", f"/api/v1/deals/{second['id']}/merge", {"merge_with_id": deal["id"]})
    company = await crm.made("organizations", name="Padaria")
    await ask("PUT", f"/api/v1/organizations/{company['id']}/merge", {"merge_with_id": 1})
    await ask("GET", f"/api/v1/deals/{deal['id']}/files")
    await ask("GET", "/api/v1/files")


async def test_every_answer_fits_or_is_written_down(crm):
    ask = Recorder(crm)
    await whole_account(crm, ask)
    known, used, unknown = deviations(), set(), []
    for call, field, differs, message in ask.found:
        fitting = [
            item
            for item in known
            if fnmatchcase(field, item.field) and differs == item.differs and fnmatchcase(call, item.calls)
        ]
        used.update(fitting)
        if not fitting:
            unknown.append((call, field, differs, message))
    assert sorted(set(unknown)) == []
    assert [item.field for item in known if item not in used] == [], "these are no longer needed"


async def test_an_error_has_the_published_shape(crm):
    wrong = {"x-api-token": "wrong"}
    for path in ("/api/v1/users/me", "/api/v1/webhooks"):
        answer = await crm.call("GET", path, headers=wrong)
        assert answer.status == 401
        assert differences(operation_of("GET", path).answer(401), answer.json) == []
    hook = {"subscription_url": "ftp://x", "event_action": "change", "event_object": "deal", "name": "n"}
    answer = await crm.v1("POST", "webhooks", hook)
    assert answer.json["errors"] == {"subscription_url": ["invalid or non-reachable URL"]}
    assert differences(operation_of("POST", "/api/v1/webhooks").answer(400), answer.json) == []


def served(version: str) -> dict[tuple[str, str], Any]:
    """The operations that the simulator serves, by method and published path."""
    return {(item.method, item.path): item for item in Pipedrive().calls(version)}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_costs_and_scopes_are_the_published_ones(version):
    published = {(item.method, item.path): item for item in operations(version)}
    ours = served(version)
    both = published.keys() & ours.keys()
    assert len(both) >= 50
    assert [key for key in both if ours[key].cost != published[key].cost] == []
    assert [key for key in both if set(ours[key].scopes) != published[key].scopes] == []
