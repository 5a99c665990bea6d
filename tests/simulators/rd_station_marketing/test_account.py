"""Faults, keeping the account, the pages in four languages, and what a person does on them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyreqwest.exceptions import RequestError

from vaivem.simulators.kit.account import Settings
from vaivem.simulators.kit.pages import LANGUAGES, placeholders, texts
from vaivem.simulators.rd_station_marketing.app import RdStationMarketing

if TYPE_CHECKING:
    from tests.simulators.rd_station_marketing.conftest import Rd

ANA = "ana@example.com"


async def test_faults_before_and_after_the_write(rd: Rd) -> None:
    body = {
        "event_type": "CONVERSION",
        "event_family": "CDP",
        "payload": {"email": ANA, "conversion_identifier": "a"},
    }
    queued = 0
    for fault, made in (("429", 0), ("500", 0), ("html", 0), ("500_after_write", 1), ("empty", 1)):
        await rd.control("faults", {"next": [{"path": "/platform/events", "fault": fault}]})
        answer = await rd.api("POST", "/platform/events", body)
        queued += made
        assert (await rd.control("counts"))["queued"] == queued, fault
        if fault == "429":
            assert answer.json["errors"]["error_type"] == "RATE_LIMIT_EXCEDDED"
        if fault == "500":
            assert answer.json["errors"]["error_type"] == "SERVICE_UNAVAILABLE"
    await rd.control("faults", {"next": [{"path": "/platform/events", "fault": "reset_after_write"}]})
    with pytest.raises(RequestError):
        await rd.api("POST", "/platform/events", body)
    assert (await rd.control("counts"))["queued"] == queued + 1


async def test_account_is_kept_and_put_back(start: Callable[..., Awaitable[Any]], tmp_path: Path) -> None:
    first = RdStationMarketing()
    first.happening.accept(
        {"event_type": "CONVERSION", "payload": {"email": ANA, "conversion_identifier": "a"}}
    )
    first.quirks.change({"probe": "none"})
    second = RdStationMarketing()
    second.restore_all(first.state())
    assert second.snapshot() == first.snapshot()
    assert second.credentials() == first.credentials()
    running = await start(second, Settings(limits="off", state=tmp_path / "rd.json"))
    headers = {"Authorization": f"Bearer {first.credentials()['access_token']}"}
    path = "/platform/contacts/email:lucia.ferraz@example.com"
    assert (await running.call("GET", path, None, headers)).status == 200
    second.reset_all()
    assert (second.account.queue, second.quirks.probe) == ([], "post_json")
    assert second.credentials() == first.credentials()
    assert (await running.call("GET", path, None, headers)).status == 200


@pytest.mark.parametrize("language", LANGUAGES)
async def test_pages_answer_in_every_language(rd: Rd, language: str) -> None:
    uuids = list(rd.simulator.account.leads)
    consent = f"client_id={rd.credentials['client_id']}&redirect_uri=http://localhost/"
    await rd.form("/integracoes/webhooks", {"url": "https://h.example/", "event_type": "WEBHOOK.CONVERTED"})
    for path in (
        "/",
        "/?q=lucia",
        "/?q=nada",
        *(f"/leads/{uuid}" for uuid in uuids),
        "/paginas",
        *(f"/paginas/{form['slug']}" for form in rd.simulator.account.forms),
        "/campos",
        "/integracoes",
        f"/auth/dialog?{consent}",
        f"/oauth/authorize?{consent}&response_type=code",
    ):
        page = await rd.call("GET", path, None, {"Accept-Language": language.replace("_", "-")})
        assert page.status == 200, path
        assert f'<html lang="{language.replace("_", "-")}"' in page.text
        assert "<h1>" in page.text
        assert not re.search(r"<script|<style|\son\w+=|\sstyle=", page.text)


def test_texts_are_the_same_in_every_language() -> None:
    folder = RdStationMarketing().folder()
    reference = texts(folder, "en")
    for language in LANGUAGES:
        found = texts(folder, language)
        assert found.keys() == reference.keys()
        assert all(placeholders(found[key]) == placeholders(reference[key]) for key in found)
        assert all(found.values())


def test_every_text_is_used() -> None:
    folder = RdStationMarketing().folder()
    code = "".join(path.read_text() for path in [*folder.glob("*.py"), *folder.glob("templates/*.html")])
    begun = ("stage_", "happened_", "kind_", "delivery_", "basis_", "format_", "trigger_", "field_", "said_")
    own = [key for key in texts(folder, "en") if not key.startswith(("kit_", *begun))]
    assert [key for key in own if f'"{key}"' not in code and f"'{key}'" not in code] == []


async def test_a_visitor_converts_and_a_person_marks_the_sale(rd: Rd) -> None:
    fields = {
        "email": ANA,
        "name": "Ana <b>Lima</b>",
        "company_name": "Acme",
        "cf_tipo_de_imovel": "Casa",
        "cf_conta_de_luz": "420",
    }
    sent = await rd.form("/paginas/orcamento-energia-solar", fields)
    assert (sent.status, sent.headers["location"]) == (303, "/paginas/orcamento-energia-solar?said=converted")
    lead = await rd.lead(ANA)
    assert (lead["values"]["cf_conta_de_luz"], lead["tags"]) == (420, ["orçamento"])
    page = f"/leads/{lead['uuid']}"
    public = await rd.call("GET", f"/leads/public/{lead['uuid']}")
    assert (public.status, public.headers["location"]) == (302, page)
    shown = (await rd.call("GET", page)).text
    assert "Converteu em “Orçamento de energia solar”" in shown
    assert "Ana &lt;b&gt;Lima&lt;/b&gt;" in shown
    assert (await rd.form(f"{page}/opportunity", {"value": "31.900,00"})).status == 303
    assert "★" in (await rd.call("GET", "/")).text
    assert (await rd.form(f"{page}/sale", {"value": "mil"})).status == 422
    await rd.form(f"{page}/sale", {"value": "31.900,50"})
    await rd.form(f"{page}/lost", {"reason": "Preço"})
    shown = (await rd.call("GET", page)).text
    assert "31.900,50" in shown
    assert "Oportunidade perdida · Preço" in shown
    assert (await rd.lead(ANA))["funnel"]["lifecycle_stage"] == "Client"
    assert (await rd.form("/paginas/newsletter", {"email": "ana"})).status == 422


async def test_a_person_makes_edits_and_deletes_a_lead(rd: Rd) -> None:
    made = await rd.form("/leads", {"email": ANA, "name": "Ana"})
    assert made.status == 303
    assert (await rd.form("/leads", {"email": ANA, "name": "Ana"})).status == 422
    lead = await rd.lead(ANA)
    assert lead["events"] == []
    path = f"/leads/{lead['uuid']}"
    edit = {"email": "ana@new.example", "name": "Ana Lima", "stage": "Qualified Lead"}
    edit["owner"] = "julia@raiarsolar.example.com.br"
    assert (await rd.form(f"{path}/edit", edit)).status == 303
    changed = await rd.lead("ana@new.example")
    assert (changed["uuid"], changed["events"]) == (lead["uuid"], [])
    assert changed["funnel"]["contact_owner_email"] == edit["owner"]
    taken = await rd.form(f"{path}/edit", {**edit, "email": "lucia.ferraz@example.com"})
    assert taken.status == 422
    assert (await rd.form(f"{path}/delete", {})).status == 303
    assert (await rd.call("GET", path)).status == 404


async def test_control_refuses_what_it_does_not_know(rd: Rd) -> None:
    await rd.control("convert", {"identifier": "feira", "email": ANA, "name": "Ana"})
    assert (await rd.control(f"leads/email:{ANA}/sale", {"value": 5}))["events"][-1]["payload"]["value"] == 5
    for path, body, status in (
        ("convert", {"email": ANA}, 400),
        (f"leads/email:{ANA}/dance", {}, 400),
        ("leads/email:nobody@example.com/sale", {}, 404),
        ("leads/nobody/sale", {}, 404),
        ("quirks", {"probe": "often"}, 400),
        ("quirks", {"nothing": 1}, 400),
        ("quirks", {"strict_social": "no"}, 400),
        ("apps", {"name": "x"}, 400),
    ):
        assert (await rd.call("POST", f"/_control/{path}", body)).status == status, path
    assert (await rd.control("quirks", {"conversion_seconds": 0}))["conversion_seconds"] == 0
    await rd.event("CONVERSION", ANA, conversion_identifier="na hora")
    assert (await rd.lead(ANA))["events"][-1]["event_identifier"] == "na hora"
