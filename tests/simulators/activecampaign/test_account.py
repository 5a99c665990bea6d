"""Faults, keeping the account, the pages in four languages, and what a person does on them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyreqwest.exceptions import RequestError

from vaivem.simulators.activecampaign.app import ActiveCampaign
from vaivem.simulators.kit.account import Settings
from vaivem.simulators.kit.pages import LANGUAGES, placeholders, texts

if TYPE_CHECKING:
    from tests.simulators.activecampaign.conftest import Ac


async def test_faults_before_and_after_the_write(ac: Ac) -> None:
    count = len(ac.simulator.account["contacts"])
    path = "/api/3/contact/sync"
    for fault, made in (("429", 0), ("500", 0), ("html", 0), ("500_after_write", 1), ("empty", 1)):
        await ac.control("faults", {"next": [{"path": path, "fault": fault}]})
        await ac.api("POST", "/contact/sync", {"contact": {"email": f"{fault}@example.com"}})
        count += made
        assert (await ac.control("counts"))["contacts"] == count, fault
    await ac.control("faults", {"next": [{"path": path, "fault": "reset_after_write"}]})
    with pytest.raises(RequestError):
        await ac.contact()
    assert await ac.kept() is not None


async def test_account_is_kept_and_put_back(start: Callable[..., Awaitable[Any]], tmp_path: Path) -> None:
    first = ActiveCampaign()
    first.quirks.change({"plan": "plus"})
    second = ActiveCampaign()
    second.restore_all(first.state())
    assert second.snapshot() == first.snapshot()
    assert second.credentials() == first.credentials()
    running = await start(second, Settings(limits="off", state=tmp_path / "ac.json"))
    headers = {"Api-Token": first.credentials()["api_token"]}
    made = await running.call("POST", "/api/3/contacts", {"contact": {"email": "a@example.com"}}, headers)
    assert made.json["contact"]["id"] == "7", "numbers go on after a restart"
    second.reset_all()
    assert (len(second.account["contacts"]), second.quirks.plan) == (6, "enterprise")
    assert second.credentials() == first.credentials()
    assert (await running.call("GET", "/api/3/users/me", None, headers)).status == 200


@pytest.mark.parametrize("language", LANGUAGES)
async def test_pages_answer_in_every_language(ac: Ac, language: str) -> None:
    schema = (await ac.schema()).json["schema"]["id"]
    fields = [{"id": "status", "value": "Sent"}]
    record = {"externalId": "e", "fields": fields, "relationships": {"primary-contact": [1]}}
    await ac.api("POST", f"/customObjects/records/{schema}", {"record": record})
    hook = {"name": "Hub", "url": "https://h.example/", "events": ["update"], "sources": ["api"]}
    await ac.api("POST", "/webhooks", {"webhook": hook})
    sent = [{"email": "ana@example.com"}, *({"email": f"{number}@nowhere"} for number in range(4))]
    for contacts in (sent[:2], sent):
        assert (await ac.api("POST", "/import/bulk_import", {"contacts": contacts})).status == 200
        await ac.control("settle", {})
    for path in (
        "/",
        "/?q=lucia",
        "/?q=nada",
        *(f"/app/contacts/{number}" for number in range(1, 7)),
        "/imports",
        "/automations",
        "/deals",
        "/objects",
        "/settings/developer",
    ):
        page = await ac.call("GET", path, None, {"Accept-Language": language.replace("_", "-")})
        assert page.status == 200, path
        assert f'<html lang="{language.replace("_", "-")}"' in page.text
        assert "<h1>" in page.text
        assert not re.search(r"<script|<style|\son\w+=|\sstyle=", page.text)
    assert "Sent" in (await ac.call("GET", "/app/contacts/1")).text


def test_texts_are_the_same_in_every_language() -> None:
    folder = ActiveCampaign().folder()
    reference = texts(folder, "en")
    for language in LANGUAGES:
        found = texts(folder, language)
        assert found.keys() == reference.keys()
        assert all(placeholders(found[key]) == placeholders(reference[key]) for key in found)
        assert all(found.values())


def test_every_text_is_used() -> None:
    folder = ActiveCampaign().folder()
    code = "".join(path.read_text() for path in [*folder.glob("*.py"), *folder.glob("templates/*.html")])
    begun = (
        "kit_",
        "said_",
        "field_",
        "list_status_",
        "deal_status_",
        "task_status_",
        "delivery_",
        "import_state_",
        "import_why_",
        "source_",
    )
    own = [key for key in texts(folder, "en") if not key.startswith(begun)]
    assert [key for key in own if f'"{key}"' not in code and f"'{key}'" not in code] == []


async def test_a_person_handles_a_contact(ac: Ac) -> None:
    made = await ac.form("/contacts", {"email": "ana@example.com", "firstName": "Ana <b>"})
    assert made.status == 303
    page = made.headers["location"].split("?")[0]
    assert (await ac.form("/contacts", {"email": "ana@example.com"})).status == 422
    await ac.form(f"{page}/tag", {"tag": "novo"})
    await ac.form(f"{page}/subscribe", {"list": "1"})
    await ac.form(f"{page}/unsubscribe", {"list": "1"})
    await ac.form(f"{page}/subscribe", {"list": "1"})
    await ac.form(f"{page}/enrol", {"automation": "2"})
    kept = await ac.kept()
    assert (kept["tags"], kept["lists"], kept["automations"]) == (["novo"], {"1": "1"}, ["2"])
    shown = (await ac.call("GET", page)).text
    assert "Ana &lt;b&gt;" in shown
    link = re.findall(r'name="link" value="(\d+)"', shown)[0]
    row = re.findall(r'name="row" value="(\d+)"', shown)[0]
    assert (await ac.form(f"{page}/untag", {"link": link})).status == 303
    assert (await ac.form(f"{page}/leave", {"row": row})).status == 303
    edit = {"email": "ana@new.example", "firstName": "Ana", "lastName": "Lima", "phone": ""}
    assert (await ac.form(f"{page}/edit", edit)).status == 303
    assert (await ac.form(f"{page}/edit", {**edit, "email": "bia.salles@example.com"})).status == 422
    kept = await ac.kept("ana@new.example")
    assert (kept["tags"], kept["automations"], kept["lastName"]) == ([], [], "Lima")
    assert (await ac.form(f"{page}/dance", {})).status == 404
    assert (await ac.form(f"{page}/delete", {})).status == 303
    assert (await ac.call("GET", page)).status == 404


async def test_a_person_wins_a_deal_and_sets_a_webhook(ac: Ac) -> None:
    assert (await ac.form("/deals/2/win", {})).status == 303
    assert (await ac.api("GET", "/deals/2")).json["deal"]["status"] == "1"
    assert "18.700,00" in (await ac.call("GET", "/deals")).text
    fields = {"name": "Hub", "url": "https://hub.example.com/", "events": "update", "sources": "api"}
    assert (await ac.form("/settings/webhooks", fields)).status == 303
    assert (await ac.form("/settings/webhooks", {**fields, "url": "https://h.example:1/"})).status == 422
    hook = (await ac.api("GET", "/webhooks")).json["webhooks"][0]
    assert (await ac.form(f"/settings/webhooks/{hook['id']}/delete", {})).status == 303
    assert (await ac.api("GET", "/webhooks")).json["webhooks"] == []


async def test_control_refuses_what_it_does_not_know(ac: Ac) -> None:
    for body in ({"plan": "gold"}, {"nothing": 1}, {"deals": "no"}):
        assert (await ac.call("POST", "/_control/quirks", body)).status == 400
    found = await ac.control("duplicates")
    assert found == {"deals": [], "notes": [], "tasks": [], "automations": []}
