"""Opting out: by the link without signing in, by members, by programs; noted, found, and taken back."""

from __future__ import annotations

import re

import pytest
from tests.hub.conftest import Site

LANGUAGES = {"en": "Unsubscribe", "pt-br": "Cancelar", "fr": "désabonner", "es": "Cancelar la"}


def address(site: Site, text: str = "ana@cliente.example") -> str:
    """Make an address as the engine does; return the path of its link."""
    from vaivem.hub.mail.models import Address

    row = Address.objects.create(workspace=site.workspace, address=text, token=f"token-{len(text)}")
    return f"/unsubscribe/{row.token}/"


def out(site: Site) -> list[tuple[str, str]]:
    from vaivem.hub.mail.opting_out import opted_out

    return list(opted_out(site.workspace).values_list("address", "how"))


def test_only_the_button_unsubscribes_and_it_can_be_undone(site: Site) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    path, browser = address(site), site.browser()
    for _ in range(2):  # a link preview, a virus scanner
        assert "ana@cliente.example" in browser.get(path).text
        browser.head(path)
    assert out(site) == []
    page = browser.post(path, {"act": "stop"})
    assert out(site) == [("ana@cliente.example", "link")]
    assert 'value="undo"' in page.text
    browser.post(path, {"act": "undo"})
    assert out(site) == []
    acts = AuditEntry.objects.filter(object="ana@cliente.example").order_by("pk")
    assert list(acts.values_list("action", flat=True)) == ["address.opted_out", "address.opted_in"]


def test_one_click_of_a_mail_program_needs_no_cookie_and_no_token_of_ours(site: Site) -> None:
    from django.test import Client

    path = address(site)
    program = Client(enforce_csrf_checks=True)
    for _ in range(2):  # again: stays
        assert program.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
        assert out(site) == [("ana@cliente.example", "link")]


@pytest.mark.parametrize("token", ["token-20", "token-19%20", "%00", "1"])
def test_a_made_up_link_opens_nothing(site: Site, token: str) -> None:
    address(site)
    answer = site.browser().post(f"/unsubscribe/{token}/", {"act": "stop"})
    assert answer.status_code in (404, 410)
    assert out(site) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_speaks_the_browsers_language(site: Site, language: str) -> None:
    page = site.browser().get(address(site), headers={"accept-language": language})
    assert LANGUAGES[language] in page.text
    assert page.headers["X-Robots-Tag"] == "noindex"


def test_members_add_find_and_remove_and_it_is_noted(site: Site) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    browser, url = site.browser(site.owner), site.url("settings/mail/opted-out/")
    wrong = browser.post(url, {"address": "nada"})
    assert (wrong.status_code, out(site)) == (422, [])
    assert "not an e-mail address" in wrong.text
    for text in (" Bia@Cliente.example ", "caio@outro.example"):
        assert browser.post(url, {"address": text}).status_code == 302
    assert [one for one, _ in out(site)] == ["caio@outro.example", "bia@cliente.example"]
    browser.get(url)  # what the message says is read
    found = browser.get(url, {"q": "BIA"}).text
    assert "bia@cliente.example" in found
    assert "caio@outro.example" not in found
    number = re.search(r"opted-out/(\d+)/remove/", found)
    assert number
    assert browser.post(site.url(f"settings/mail/opted-out/{number[1]}/remove/")).status_code == 302
    assert [one for one, _ in out(site)] == ["caio@outro.example"]
    entry = AuditEntry.objects.get(action="address.opted_in")
    assert (entry.member, entry.object) == (site.owner, "bia@cliente.example")


def test_the_list_goes_on_over_pages(site: Site) -> None:
    from vaivem.hub.mail.opting_out import add

    for number in range(52):
        add(site.workspace, f"p{number}@cliente.example", site.owner, "member")
    url = site.url("settings/mail/opted-out/")
    first = site.browser(site.owner).get(url).text
    last = site.browser(site.owner).get(url, {"page": "2"}).text
    assert "p51@cliente.example" in first
    assert ">p1@cliente.example" not in first
    assert "p1@cliente.example" in last


def test_programs_add_and_remove(site: Site) -> None:
    from django.test import Client

    from vaivem.hub.workspaces.access import token_for

    token = token_for(site.workspace, "CRM", ("settings:read", "settings:write"))
    program = Client(headers={"authorization": f"Bearer {token}"})
    sent = {"address": "Ana@Cliente.example"}
    made = program.post("/api/v1/opted-out", sent, content_type="application/json")
    assert (made.status_code, made.json()["address"]) == (201, "ana@cliente.example")
    again = program.post("/api/v1/opted-out", sent, content_type="application/json")
    assert again.json()["id"] == made.json()["id"]
    refused = program.post("/api/v1/opted-out", {"address": "ana"}, content_type="application/json")
    assert (refused.status_code, refused.json()["error"]["path"]) == (422, "address")
    listed = program.get("/api/v1/opted-out", {"q": "ana@"}).json()
    assert [one["how"] for one in listed["items"]] == ["api"]
    number = made.json()["id"]
    assert program.delete(f"/api/v1/opted-out/{number}").status_code == 200
    assert program.delete(f"/api/v1/opted-out/{number}").status_code == 404
    assert out(site) == []
