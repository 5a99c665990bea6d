"""The account as a person sees it and works with it."""

from __future__ import annotations

import re

import pytest

PATHS = (
    "/", "/pipeline/2", "/deal/1", "/deal/6", "/deal/7", "/persons", "/persons?q=marina", "/person/1",
    "/organizations", "/organization/1", "/settings/api", "/settings/apps", "/settings/webhooks",
    "/settings/users", "/settings/fields", "/settings/usage",
)  # fmt: skip


@pytest.mark.parametrize("language", ["pt_BR", "en", "fr", "es"])
async def test_every_page_in_every_language(crm, language):
    hook = {
        "subscription_url": "https://hub.example/1",
        "event_action": "*",
        "event_object": "*",
        "name": "hub",
    }
    await crm.v1("POST", "webhooks", hook)
    await crm.v2("GET", "deals")
    for path in PATHS:
        mark = "&" if "?" in path else "?"
        page = await crm.call("GET", f"{path}{mark}lang={language}")
        assert page.status == 200, (path, page.text)
        assert f'lang="{language.replace("_", "-")}"' in page.text
        assert "style=" not in page.text
        assert "onclick" not in page.text


async def act(crm, path, status=303, **fields):
    answer = await crm.running.form(path, fields)
    assert answer.status == status, answer.text
    return answer


async def deal(crm, own=1):
    return (await crm.v2("GET", f"deals/{own}")).json["data"]


async def test_a_deal_is_won_reopened_lost_moved_and_revalued(crm):
    await act(crm, "/deal/1/win")
    assert (await deal(crm))["status"] == "won"
    await act(crm, "/deal/1/reopen")
    await act(crm, "/deal/1/lose", reason="Sem retorno")
    lost = await deal(crm)
    assert (lost["status"], lost["lost_reason"]) == ("lost", "Sem retorno")
    await act(crm, "/deal/1/reopen")
    await act(crm, "/deal/1/move", stage_id="3")
    await act(crm, "/deal/1/value", value="1500,50")
    moved = await deal(crm)
    assert (moved["stage_id"], moved["value"]) == (3, 1500.5)
    page = (await crm.call("GET", "/deal/1?lang=pt_BR")).text
    assert "Marcado como perdido: Usina de telhado" in page
    assert "Movido para Visita técnica" in page
    await act(crm, "/deal/1/note", content="Ligou de volta <b>")
    assert "Ligou de volta" in (await crm.call("GET", "/deal/1")).text
    await act(crm, "/deal/1/archive")
    assert (await deal(crm))["is_archived"] is True
    await act(crm, "/deal/1/delete")
    assert (await crm.call("GET", "/deal/1")).status == 404
    await act(crm, "/deal/2/dance", status=404)


async def test_what_the_account_refuses_is_said(crm):
    answer = await act(crm, "/deal/2/move", status=422, stage_id="999")
    assert 'role="alert"' in answer.text
    assert (await act(crm, "/persons", status=422, name=" ")).text.count('role="alert"') == 1


async def test_a_new_deal_person_and_organization(crm):
    made = await act(crm, "/persons", name="Ana Lima", email="ana@estrela.example", phone="11 91111-1111")
    own = int(re.search(r"/person/(\d+)", made.headers["location"]).group(1))
    await act(crm, "/deals/new", title="Padaria", value="900", person_id=str(own), stage_id="2")
    assert [item["value"] for item in await crm.control(f"deals?person_id={own}")] == [900]
    await act(crm, f"/person/{own}", name="Ana Souza", email="nova@estrela.example", phone="", org_id="1")
    person = (await crm.v2("GET", f"persons/{own}")).json["data"]
    assert (person["name"], person["org_id"], person["phones"]) == ("Ana Souza", 1, [])
    assert person["emails"][0]["value"] == "nova@estrela.example"
    await act(crm, "/organizations", name="Padaria Estrela")
    await act(crm, "/organization/5", name="Padaria Estrela Ltda.", address="Rua B")
    assert (await crm.v2("GET", "organizations/5")).json["data"]["address"]["value"] == "Rua B"
    await act(crm, f"/person/{own}/delete")
    assert (await crm.call("GET", f"/person/{own}")).status == 404


async def test_settings(crm):
    hidden, shown = await crm.call("GET", "/settings/api"), await act(crm, "/settings/api", status=200)
    token = crm.credentials["api_token"]
    assert (token in hidden.text, token in shown.text) == (False, True)
    url = "https://hub.example/1"
    await act(
        crm,
        "/settings/webhooks",
        name="hub",
        subscription_url=url,
        event_action="change",
        event_object="deal",
    )
    hooks = (await crm.v1("GET", "webhooks")).json["data"]
    assert [(hook["type"], hook["subscription_url"]) for hook in hooks] == [("general", url)]
    await act(crm, "/settings/webhooks", status=422, name="hub", subscription_url="ftp://x")
    await act(crm, f"/settings/webhooks/{hooks[0]['id']}/delete")
    assert (await crm.v1("GET", "webhooks")).json["data"] == []
    last = max(crm.simulator.account.tables["users"])
    await act(crm, "/settings/users", user_id=str(last))
    assert crm.simulator.account.tables["users"][last]["active_flag"] is True
    field = next(iter(crm.simulator.account.tables["fields"].values()))
    await act(crm, "/settings/fields", field_id=str(field["id"]))
    assert field["field_code"] not in (await crm.v2("GET", "persons/1")).json["data"]["custom_fields"]
    user = next(iter(crm.simulator.account.tables["users"]))
    await act(crm, "/settings/apps", client_id=crm.credentials["client_id"], user_id=str(user))
    bearer = {"authorization": f"Bearer {crm.credentials['access_token']}"}
    assert (await crm.v1("GET", "users/me", headers=bearer)).status == 401


async def test_control(crm):
    assert (await crm.control("counts"))["deals"] == 7
    await crm.made("persons", name="Outra", emails=[{"value": "MARINA@duarte-arquitetura.example.com.br"}])
    doubles = await crm.control("duplicates")
    assert [group["value"] for group in doubles["persons_by_email"]] == [
        "marina@duarte-arquitetura.example.com.br"
    ]
    found = await crm.control("persons?email=marina@duarte-arquitetura.example.com.br")
    assert len(found) == 2
    assert [item["id"] for item in await crm.control("deals?reference=RS-2026003")] == [3]
    won = await crm.call("POST", "/_control/deals/3/win", {})
    assert won.json["status"] == "won"
    assert (await crm.call("POST", "/_control/quirks", {"search_lag_seconds": "3"})).status == 400
    await crm.control("reset", {})
    assert (await crm.control("counts"))["persons"] == 6
    assert (await crm.v1("GET", "users/me")).status == 200, "the tokens stay"
