"""The gate, lists and pages of lists, webhooks and the account's other resources."""

from __future__ import annotations

import time

import pytest

from vaivem.simulators.clicksign.seed import ACCESS_TOKEN, TEMPLATE_ID, docx


async def test_ways_to_give_the_token(clicksign):
    path = "/api/v3/envelopes?page[size]=1"
    ways = [
        ({"Authorization": ACCESS_TOKEN}, path, 200),
        ({"Authorization": f"Bearer {ACCESS_TOKEN}"}, path, 200),
        ({"Authorization": f"<{ACCESS_TOKEN}>"}, path, 401),
        ({"Authorization": "wrong"}, f"{path}&access_token={ACCESS_TOKEN}", 401),
    ]
    for headers, address, status in ways:
        assert (await clicksign.call("GET", address, headers=headers)).status == status
    await clicksign.call("POST", "/_control/switches", {"lenient_bearer": False})
    strict = await clicksign.call("GET", path, headers={"Authorization": f"Bearer {ACCESS_TOKEN}"})
    assert strict.json["errors"][0] == {
        "code": "unauthorized",
        "status": 401,
        "title": "Não autorizado",
        "detail": "Access Token inválido",
    }


async def test_token_in_the_query_alone(clicksign):
    answer = (
        await clicksign.client.get(f"{clicksign.base_url}/api/v3/envelopes?access_token={ACCESS_TOKEN}")
        .build()
        .send()
    )
    assert answer.status == 200
    logged = (await clicksign.call("GET", "/_control/requests?path=/api/v3/envelopes")).json[-1]
    assert logged["query"] == "access_token=***"
    v1 = await clicksign.call("GET", f"/api/v1/accounts?access_token={ACCESS_TOKEN}")
    assert v1.json["account"]["name"] == "Raiar Solar"


@pytest.mark.parametrize(
    ("switch", "status"),
    [({"blocked": True}, 403), ({"api_user": None}, 403), ({"envelopes_enabled": False}, 503)],
)
async def test_account_switches(clicksign, switch, status):
    await clicksign.call("POST", "/_control/switches", switch)
    answer = await clicksign.call("GET", "/api/v3/envelopes")
    assert answer.status == status
    assert answer.json["errors"][0]["status"] == status


async def test_pages_of_a_list(clicksign, sender):
    for number in range(5):
        await sender.envelope(name=f"Envelope {number}")
    first = (await clicksign.call("GET", "/api/v3/envelopes?page[size]=2&sort=-name")).json
    assert first["meta"] == {"record_count": 5}
    assert [e["attributes"]["name"] for e in first["data"]] == ["Envelope 4", "Envelope 3"]
    assert "prev" not in first["links"]
    names, address = [], first["links"]["first"]
    while address:
        page = (await clicksign.call("GET", address.removeprefix(clicksign.base_url))).json
        names += [e["attributes"]["name"] for e in page["data"]]
        address = page["links"].get("next")
    assert names == [f"Envelope {n}" for n in (4, 3, 2, 1, 0)]
    assert len((await clicksign.call("GET", "/api/v3/envelopes?page[size]=500")).json["data"]) == 5
    assert (await clicksign.call("GET", "/api/v3/envelopes?page[size]=x")).status == 400


async def test_filters(clicksign, sender):
    wanted = await sender.envelope(name="Contrato #1")
    await sender.envelope(name="Contrato #2")
    by_name = (await clicksign.call("GET", "/api/v3/envelopes?filter[name]=Contrato%20%231")).json
    assert [e["id"] for e in by_name["data"]] == [wanted]
    modified = by_name["data"][0]["attributes"]["modified"].replace("+", "%2B")
    span = f"{modified},{modified}"
    assert wanted in [
        e["id"]
        for e in (await clicksign.call("GET", f"/api/v3/envelopes?filter[modified]={span}")).json["data"]
    ]
    nobody = await clicksign.call(
        "GET", "/api/v3/envelopes?filter[status]=closed&filter[name]=Contrato%20%231"
    )
    assert nobody.json["meta"]["record_count"] == 0
    refused = await clicksign.call("GET", "/api/v3/folders?filter[name]=x")
    assert refused.json["errors"][0] == {
        "title": "Filtro não permitido",
        "detail": "name não é permitido",
        "code": "102",
        "status": "400",
    }
    assert (await clicksign.call("GET", "/api/v3/envelopes?filter[modified]=ontem")).status == 400
    assert (await clicksign.call("GET", "/api/v3/envelopes?sort=status")).status == 400


async def test_webhook_subscriptions(clicksign, sender):
    without = await sender.post("/webhooks", "webhooks", {"endpoint": "https://example.com/a"})
    assert without.json["errors"][0]["detail"] == "events deve ser informado(a)"
    hook = await sender.webhook("https://example.com/a", "sign")
    assert len(hook["attributes"]["secret"]) == 32
    again = await sender.post(
        "/webhooks", "webhooks", {"endpoint": "https://example.com/a", "events": ["sign"]}
    )
    assert (again.status, again.json["errors"][0]["detail"]) == (422, "endpoint - já está em uso")
    plain = await sender.post(
        "/webhooks", "webhooks", {"endpoint": "http://example.com/b", "events": ["sign"]}
    )
    assert plain.status == 422
    unreal = await sender.post(
        "/webhooks", "webhooks", {"endpoint": "https://e.com", "events": ["envelope.finished"]}
    )
    assert unreal.status == 400
    changed = await sender.patch(f"/webhooks/{hook['id']}", "webhooks", hook["id"], {"status": "inactive"})
    assert changed.json["data"]["attributes"]["status"] == "inactive"
    assert changed.json["data"]["attributes"]["secret"] == hook["attributes"]["secret"]
    assert (await clicksign.call("DELETE", f"/api/v3/webhooks/{hook['id']}")).status == 204
    assert (await clicksign.call("DELETE", f"/api/v3/webhooks/{hook['id']}")).status == 404
    await sender.webhook("https://example.com/a", "sign")


async def test_templates(clicksign, sender):
    import base64

    content = base64.b64encode(docx("Olá {{nome}}, valor {{valor}}")).decode()
    made = await sender.post("/templates", "templates", {"name": "Proposta", "content_base64": content})
    assert made.status == 201
    template = made.json["data"]["id"]
    bad = await sender.post(
        "/templates", "templates", {"name": "x", "content_base64": content, "color": "red"}
    )
    assert bad.json["errors"][0]["detail"] == "color - não está incluído na lista"
    broken = await sender.post("/templates", "templates", {"name": "x", "content_base64": "AAAA"})
    assert broken.status == 422
    envelope = await sender.envelope()
    source = {"key": template, "data": {"nome": "Ana", "Valor": "10"}}
    made = await sender.post(
        f"/envelopes/{envelope}/documents", "documents", {"filename": "p.docx", "template": source}
    )
    original = made.json["data"]["links"]["files"]["original"].removeprefix(clicksign.base_url)
    text = (await clicksign.call("GET", original)).body.decode("cp1252")
    assert "Olá Ana, valor )" in text, "a key in the wrong case leaves a blank"
    assert (await clicksign.call("GET", f"/api/v3/templates/{TEMPLATE_ID}")).status == 200
    await clicksign.call("POST", "/_control/switches", {"templates_enabled": False})
    assert (await clicksign.call("GET", "/api/v3/templates")).status == 403


async def test_people_folders_and_acceptances(clicksign, sender):
    users = (await clicksign.call("GET", "/api/v3/users?filter[email]=julia@raiarsolar.example")).json["data"]
    assert [u["attributes"]["name"] for u in users] == ["Júlia Prado"]
    stranger = await sender.post("/users", "users", {"name": "X Y", "email": "x@other.example"})
    assert stranger.status == 403
    folder = await sender.post("/folders", "folders", {"name": "Vendas"})
    inside = await sender.post(
        "/folders", "folders", {"name": "2026"}, folder=("folders", folder.json["data"]["id"])
    )
    assert inside.json["data"]["attributes"]["path"] == "/Vendas"
    given = {"title": "t", "message": "m", "sender_name_option": "account_name", "signer_name": "Ana Souza"}
    acceptance = await sender.post("/acceptance_term/whatsapps", "acceptance_term_whatsapps", given)
    assert acceptance.status == 400, "the signer's telephone is missing"
    given["signer_phone"] = "11987654321"
    acceptance = await sender.post("/acceptance_term/whatsapps", "acceptance_term_whatsapps", given)
    record = acceptance.json["data"]
    assert record["attributes"]["status"] == "enqueued"
    path = f"/acceptance_term/whatsapps/{record['id']}"
    canceled = await sender.patch(path, "acceptance_term_whatsapps", record["id"], {"status": "canceled"})
    assert canceled.json["data"]["attributes"]["status"] == "canceled"


async def test_watchers_and_custom_events(clicksign, sender):
    envelope = await sender.envelope()
    path = f"/envelopes/{envelope}/signature_watchers"
    wrong = await sender.post(path, "signature_watchers", {"email": "a@b.example", "kind": "now"})
    assert wrong.json["errors"][0]["detail"] == "kind deve estar em: all_steps, on_finished"
    made = await sender.post(path, "signature_watchers", {"email": "a@b.example", "kind": "all_steps"})
    assert (await clicksign.call("DELETE", f"/api/v3{path}/{made.json['data']['id']}")).status == 204
    document = await sender.document(envelope)
    path = f"/envelopes/{envelope}/documents/{document}/events"
    future = {"name": "custom", "data": {"occurred_at": "2199-01-01T00:00:00-03:00"}}
    assert (await sender.post(path, "events", future)).status == 422
    past = {"name": "custom", "data": {"occurred_at": "2025-08-06T15:33:33-03:00", "title": "Prova"}}
    assert (await sender.post(path, "events", past)).status == 201
    names = [e["attributes"]["name"] for e in (await clicksign.call("GET", f"/api/v3{path}")).json["data"]]
    assert names == ["upload", "custom"]
    only = (await clicksign.call("GET", f"/api/v3{path}?filter[name]=custom")).json
    assert only["meta"]["record_count"] == 1


async def test_limit_headers_and_429(clicksign):
    await clicksign.call("POST", "/_control/limits", {"mode": "3/60"})
    answers = [await clicksign.call("GET", "/api/v3/webhooks") for _ in range(4)]
    assert [a.status for a in answers] == [200, 200, 200, 429]
    assert [a.headers["x-rate-limit-remaining"] for a in answers] == ["2", "1", "0", "0"]
    assert answers[0].headers["x-rate-limit"] == "3"
    assert 55 < int(answers[3].headers["x-rate-limit-reset"]) - time.time() < 62
    assert (await clicksign.call("GET", "/")).status == 200, "pages are not limited"
    assert (await clicksign.call("GET", "/_control/limits")).json["refused"] == 1


async def test_reset_after_write_changed_the_account(clicksign, sender):
    shot = {"method": "POST", "path": "/api/v3/envelopes", "fault": "reset_after_write"}
    await clicksign.call("POST", "/_control/faults", {"next": [shot]})
    from pyreqwest.exceptions import PyreqwestError

    with pytest.raises(PyreqwestError):
        await sender.envelope(name="Feito às escuras")
    found = await clicksign.call("GET", "/api/v3/envelopes?filter[name]=Feito%20%C3%A0s%20escuras")
    assert found.json["meta"]["record_count"] == 1


async def test_expired_tokens_and_unknown_routes(clicksign):
    assert (await clicksign.call("GET", "/api/v3/nothing")).json["errors"][0]["status"] == 404
    await clicksign.call("POST", "/_control/faults", {"expire_tokens": True})
    assert (await clicksign.call("GET", "/api/v3/envelopes")).status == 401


async def test_state_survives_a_snapshot_and_reset_forgets(clicksign, sender):
    made = await sender.running()
    simulator = clicksign.simulator
    saved = simulator.state()
    await clicksign.call("POST", "/_control/reset")
    assert (await clicksign.call("GET", "/api/v3/envelopes")).json["meta"]["record_count"] == 0
    simulator.restore_all(saved)
    answer = await clicksign.call("POST", "/_control/sign", {"envelope": made["envelope"]})
    assert answer.json["signed"][0]["document"] == made["documents"][0]
