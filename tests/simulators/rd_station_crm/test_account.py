"""Limits, faults, control, pages, and keeping the account."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyreqwest.exceptions import RequestError

from vaivem.simulators.kit.account import Settings
from vaivem.simulators.kit.pages import LANGUAGES, placeholders, texts
from vaivem.simulators.rd_station_crm.app import RdStationCrm

if TYPE_CHECKING:
    from tests.simulators.rd_station_crm.conftest import Crm


async def test_limits_answer_as_each_api_does(crm: Crm) -> None:
    await crm.control("limits", {"mode": "2/60"})
    assert [(await crm.v2("GET", "users")).status for _ in range(2)] == [200, 200]
    second = await crm.v2("GET", "users")
    assert second.status == 429
    assert 1 <= int(second.headers["retry-after"]) <= 60
    assert second.json["errors"]
    first = await crm.v1("GET", "users")
    message = {"error_type": "RATE_LIMIT_EXCEDDED", "error_message": "API usage limit exceeded"}
    assert (first.status, first.json) == (429, {"errors": message})
    assert "retry-after" not in first.headers
    assert (await crm.call("GET", "/")).status == 200


def test_documented_limit() -> None:
    limit = RdStationCrm.documented_limit
    assert (limit.count, limit.seconds) == (120, 60)


async def test_faults_before_and_after_the_write(crm: Crm) -> None:
    count = len(crm.simulator.account.tables["contacts"])
    for fault, made in (("500", 0), ("html", 0), ("500_after_write", 1), ("empty", 1)):
        shot = {"method": "POST", "path": "/crm/v2/contacts", "fault": fault}
        await crm.control("faults", {"next": [shot]})
        await crm.v2("POST", "contacts", {"name": "Ana Lima"})
        count += made
        assert (await crm.control("counts"))["contacts"] == count
    await crm.control("faults", {"next": [{"path": "/api/v1/deals", "fault": "500"}]})
    broken = await crm.v1("GET", "deals")
    assert (broken.status, broken.headers["content-type"].split(";")[0]) == (500, "text/html")


async def test_cut_after_the_write_has_written(crm: Crm) -> None:
    shot = {"method": "POST", "path": "/crm/v2/deals", "fault": "reset_after_write"}
    await crm.control("faults", {"next": [shot]})
    with pytest.raises(RequestError):
        await crm.new_deal("Cortado")
    assert len(await crm.control("deals?name=Cortado")) == 1


async def test_doubles_are_found(crm: Crm) -> None:
    assert not any((await crm.control("duplicates")).values())
    one = await crm.new_deal("Igual", custom_fields={"referencia-externa": "R1"})
    two = await crm.new_deal("Igual", custom_fields={"referencia-externa": "R1"})
    await crm.new_contact(emails=[{"email": "ana@example.com"}])
    await crm.new_contact(emails=[{"email": "ANA@example.com"}])
    found = await crm.control("duplicates")
    pair = [one["id"], two["id"]]
    assert found["deals_by_reference"] == [{"field": "referencia-externa", "value": "R1", "ids": pair}]
    assert found["deals_by_name"] == [{"value": "Igual", "ids": pair}]
    assert [len(group["ids"]) for group in found["contacts_by_email"]] == [2]
    assert [deal["id"] for deal in await crm.control("deals?reference=R1")] == pair


async def test_acts_and_switches_over_control(crm: Crm) -> None:
    deal, path = crm.first("deals"), f"deals/{crm.first('deals')['id']}"
    stage = crm.simulator.account.stages_of(deal["pipeline_id"])[5]
    assert (await crm.control(f"{path}/move", {"stage_id": stage["id"]}))["stage_id"] == stage["id"]
    for act, status in (("pause", "paused"), ("resume", "ongoing"), ("win", "won"), ("lose", "lost")):
        assert (await crm.control(f"{path}/{act}", {}))["status"] == status
    for address, body, status in (
        (f"{path}/dance", {}, 400),
        (f"deals/{'0' * 24}/win", {}, 404),
        (f"{path}/move", {"stage_id": "x"}, 422),
        ("quirks", {"page_size": "20"}, 400),
        ("quirks", {"nothing": 1}, 400),
    ):
        assert (await crm.call("POST", f"/_control/{address}", body)).status == status
    assert (await crm.control("quirks", {"page_size": 20}))["page_size"] == 20
    assert "size%5D=20" in (await crm.v2("GET", "users")).json["links"]["self"]


async def test_account_is_kept_and_put_back(start: Callable[..., Awaitable[Any]], tmp_path: Path) -> None:
    first = RdStationCrm()
    contact = first.account.create("contacts", {"name": "Ana Lima", "emails": [{"email": "ana@example.com"}]})
    first.access.exchange({**first.credentials(), "grant_type": "refresh_token"})
    second = RdStationCrm()
    second.restore_all(first.state())
    assert second.snapshot() == first.snapshot()
    assert second.credentials() == first.credentials()
    assert second.account.tables["contacts"].find("email", "ana@example.com") == [contact]
    running = await start(second, Settings(limits="off", state=tmp_path / "crm.json"))
    headers = {"Authorization": f"Bearer {first.credentials()['access_token']}"}
    assert (await running.call("GET", f"/crm/v2/contacts/{contact['id']}", None, headers)).status == 200
    second.reset_all()
    assert contact["id"] not in second.account.tables["contacts"]
    assert second.credentials() == first.credentials()
    assert (await running.call("GET", "/crm/v2/contacts", None, headers)).status == 200


@pytest.mark.parametrize("language", LANGUAGES)
async def test_pages_answer_in_every_language(crm: Crm, language: str) -> None:
    deal, contact, organization = (crm.first(table)["id"] for table in ("deals", "contacts", "organizations"))
    for path in (
        "/",
        f"/?funil={crm.simulator.account.tables['pipelines'].dump()[1]['id']}",
        *(f"/negocios/{deal}?aba={tab}" for tab in ("history", "contacts", "tasks")),
        "/contatos?q=marina",
        f"/contatos/{contact}",
        "/empresas?q=nada",
        f"/empresas/{organization}",
        "/perfil",
        "/integracoes/webhooks",
        f"/oauth/authorize?client_id={crm.credentials['client_id']}&redirect_uri=http://localhost/&response_type=code",
    ):
        page = await crm.call("GET", path, None, {"Accept-Language": language.replace("_", "-")})
        assert page.status == 200, path
        assert f'<html lang="{language.replace("_", "-")}"' in page.text
        assert "<h1>" in page.text
        assert not re.search(r"<script|<style|\son\w+=|\sstyle=", page.text)


def test_texts_are_the_same_in_every_language() -> None:
    folder = RdStationCrm().folder()
    reference = texts(folder, "en")
    for language in LANGUAGES:
        found = texts(folder, language)
        assert found.keys() == reference.keys()
        assert all(placeholders(found[key]) == placeholders(reference[key]) for key in found)
        assert all(found.values())


async def test_person_handles_a_deal(crm: Crm) -> None:
    contact = crm.first("contacts")
    deal = await crm.new_deal("Contrato <b>novo</b>", contact_ids=[contact["id"]], one_time_price=1234.5)
    board = (await crm.call("GET", "/")).text
    assert "Funil de Vendas" in board
    assert "Contrato &lt;b&gt;novo&lt;/b&gt;" in board
    assert "1.234,50" in board
    page = f"/negocios/{deal['id']}"
    assert contact["emails"][0]["email"] in (await crm.call("GET", f"{page}?aba=contacts")).text
    stage = crm.simulator.account.stages_of(deal["pipeline_id"])[2]
    moved = await crm.form(f"{page}/move", {"stage_id": stage["id"]})
    assert (moved.status, moved.headers["location"]) == (303, f"{page}?said=move")
    assert "Movida para Identificação do interesse" in (await crm.call("GET", page)).text
    await crm.form(f"{page}/lose", {"lost_reason_id": crm.first("lost_reasons")["id"]})
    read = (await crm.v2("GET", f"deals/{deal['id']}")).json["data"]
    assert (read["stage_id"], read["status"], bool(read["lost_reason_id"])) == (stage["id"], "lost", True)
    refused = await crm.form(f"{page}/move", {"stage_id": "x"})
    assert (refused.status, "BSON::ObjectId" in refused.text) == (422, True)


async def test_person_takes_the_token_and_sets_a_webhook(crm: Crm) -> None:
    assert crm.token not in (await crm.call("GET", "/perfil")).text
    shown = await crm.form("/perfil", {})
    assert crm.token in shown.text
    assert shown.headers["cache-control"] == "no-store"
    fields = {
        "name": "Hub",
        "url": "https://hub.example.com/in",
        "event_name": "crm_deal_updated",
        "auth_header": "",
    }
    assert (await crm.form("/integracoes/webhooks", fields)).status == 303
    assert (await crm.form("/integracoes/webhooks", {**fields, "url": "http://example.com"})).status == 422
    webhook = crm.first("webhooks")
    assert (await crm.form(f"/integracoes/webhooks/{webhook['id']}/delete", {})).status == 303
    assert (await crm.v2("GET", "webhooks")).json["data"] == []
