"""Custom fields: every type's value in API v2, in webhooks and in API v1; definitions and options."""

from __future__ import annotations

import pytest


def values(crm):
    """One good value of every type, and what webhooks make of it."""
    user = next(iter(crm.simulator.account.tables["users"]))
    pix = crm.option("deal", "Forma de pagamento", "Pix")
    parts = [crm.option("deal", "Itens da instalação", name) for name in ("Painéis", "Inversor")]
    zone = {"timezone_id": 467, "timezone_name": "America/Sao_Paulo"}
    return {
        "Referência externa": ("X-1", {"type": "varchar", "value": "X-1"}),
        "Observações do projeto": ("longo", {"type": "text", "value": "longo"}),
        "Potência (kWp)": (5.5, {"type": "double", "value": 5.5}),
        "Forma de pagamento": (pix, {"type": "enum", "id": pix}),
        "Itens da instalação": (parts, {"type": "set", "values": [{"id": item} for item in parts]}),
        "Entrada": ({"value": 500, "currency": "BRL"}, {"type": "monetary", "value": 500, "currency": "BRL"}),
        "Data da visita": ("2026-12-01", {"type": "date", "value": "2026-12-01"}),
        "Período da obra": (
            {"value": "2026-12-01", "until": "2026-12-10"},
            {"type": "daterange", "value": "2026-12-01", "until": "2026-12-10"},
        ),
        "Horário da visita": ({"value": "09:00:00", **zone}, {"type": "time", "value": "09:00:00", **zone}),
        "Janela de instalação": (
            {"value": "09:00:00", "until": "11:00:00", **zone},
            {"type": "timerange", "value": "09:00:00", "until": "11:00:00", **zone},
        ),
        "Instalador": (user, {"type": "user", "id": user}),
        "Empresa parceira": (1, {"type": "org", "id": 1}),
    }


async def test_every_type_is_read_back_as_it_was_written(crm, receiver):
    hook = {"subscription_url": receiver.url, "event_action": "create", "event_object": "deal", "name": "hub"}
    await crm.v1("POST", "webhooks", hook)
    wanted = {crm.code("deal", name): pair for name, pair in values(crm).items()}
    deal = await crm.made("deals", title="A", custom_fields={code: pair[0] for code, pair in wanted.items()})
    assert {code: deal["custom_fields"][code] for code in wanted} == {
        code: p[0] for code, p in wanted.items()
    }
    sent = (await receiver.count(1))[0].json["data"]["custom_fields"]
    assert {code: sent[code] for code in wanted} == {code: pair[1] for code, pair in wanted.items()}
    cleared = await crm.v2("PATCH", f"deals/{deal['id']}", {"custom_fields": dict.fromkeys(wanted)})
    assert set(cleared.json["data"]["custom_fields"].values()) == {None}


async def test_an_address_is_taken_by_its_text(crm):
    code = crm.code("deal", "Endereço da obra")
    deal = await crm.made("deals", title="A", custom_fields={code: {"value": "Rua A, 1"}})
    assert deal["custom_fields"][code]["formatted_address"] == "Rua A, 1"
    assert deal["custom_fields"][code]["country"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Referência externa", 1),
        ("Referência externa", "x" * 256),
        ("Potência (kWp)", "5.5"),
        ("Forma de pagamento", "Pix"),
        ("Forma de pagamento", 999_999),
        ("Itens da instalação", []),
        ("Entrada", 500),
        ("Entrada", {"value": "500", "currency": "BRL"}),
        ("Data da visita", "01/12/2026"),
        ("Período da obra", {"value": "2026-12-01"}),
        ("Horário da visita", "09:00"),
        ("Instalador", 5),
    ],
)
async def test_what_is_refused(crm, name, value):
    code = crm.code("deal", name)
    answer = await crm.v2("POST", "deals", {"title": "A", "custom_fields": {code: value}})
    assert answer.status == 400
    assert code in answer.json["error"]


async def test_labels_of_options(crm):
    code, pix = crm.code("deal", "Forma de pagamento"), crm.option("deal", "Forma de pagamento", "Pix")
    deal = await crm.made("deals", title="A", custom_fields={code: pix})
    asked = await crm.v2("GET", f"deals/{deal['id']}", include_option_labels="true", custom_fields=code)
    assert asked.json["data"]["custom_fields"] == {code: {"id": pix, "label": "Pix"}}
    codes = ",".join("a" * 40 for _ in range(16))
    assert (await crm.v2("GET", f"deals/{deal['id']}", custom_fields=codes)).status == 400


async def test_a_field_from_its_making_to_its_end(crm):
    sent = {"field_name": "Canal", "field_type": "enum", "options": [{"label": "Site"}, {"label": "Feira"}]}
    field = (await crm.v2("POST", "personFields", sent)).json["data"]
    code, (site, fair) = field["field_code"], [option["id"] for option in field["options"]]
    assert len(code) == 40
    person = await crm.made("persons", name="Ana", custom_fields={code: fair})
    refused = await crm.v2("POST", f"personFields/{code}/options", [{"label": "Rádio"}, {"name": "?"}])
    assert refused.status == 400
    made = (await crm.v2("POST", f"personFields/{code}/options", [{"label": "Rádio"}])).json["data"]
    await crm.v2("PATCH", f"personFields/{code}/options", [{"id": site, "label": "Página"}])
    await crm.v2("DELETE", f"personFields/{code}/options", [{"id": fair}])
    labels = (await crm.v2("GET", f"personFields/{code}")).json["data"]["options"]
    assert [(o["id"], o["label"]) for o in labels] == [(site, "Página"), (made[0]["id"], "Rádio")]
    path = f"persons/{person['id']}"
    assert (await crm.v2("GET", path)).json["data"]["custom_fields"][code] is None, "its option is gone"
    await crm.v2("DELETE", f"personFields/{code}")
    assert code not in (await crm.v2("GET", path)).json["data"]["custom_fields"]
    ignored = await crm.v2("PATCH", path, {"custom_fields": {code: site}})
    assert ignored.status == 200, "writes that name a deleted field pass over it"
    assert (await crm.v2("GET", f"personFields/{code}")).status == 404


async def test_fields_the_vendor_made_cannot_be_changed(crm):
    assert (await crm.v2("PATCH", "dealFields/title", {"field_name": "Nome"})).status == 400
    reasons = (await crm.v2("GET", "dealFields/lost_reason")).json["data"]["options"]
    assert reasons[0]["label"] == "Preço"


async def test_the_old_shape_is_flat(crm):
    wanted = {crm.code("deal", name): pair[0] for name, pair in values(crm).items()}
    deal = await crm.made("deals", title="A", custom_fields=wanted)
    old = (await crm.v1("GET", f"deals/{deal['id']}")).json["data"]
    entry, parts = crm.code("deal", "Entrada"), crm.code("deal", "Itens da instalação")
    assert (old[entry], old[f"{entry}_currency"]) == (500, "BRL")
    assert old[parts] == ",".join(str(item) for item in wanted[parts])
    changed = await crm.v1("PUT", f"deals/{deal['id']}", {entry: 700, f"{entry}_currency": "USD", parts: ""})
    assert changed.status == 200
    new = (await crm.v2("GET", f"deals/{deal['id']}")).json["data"]["custom_fields"]
    assert (new[entry], new[parts]) == ({"value": 700, "currency": "USD"}, None)
