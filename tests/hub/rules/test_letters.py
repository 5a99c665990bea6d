"""The e-mail of a draft: seen with an example in it, in a frame that can do nothing, and sent as a test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.hub.test_mail import Office, office, posted
from tests.hub.workplace import Workplace

from vaivem.config import Config

__all__ = ["office", "posted"]
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

HTML = '<h1>{{ document.name }}</h1><script>alert(1)</script><p style="color:red">Olá</p>'


def rule(workplace: Workplace, **parts: Any) -> str:
    """Make a draft with an e-mail; return the address of its page."""
    from vaivem.hub.rules import publishing

    tell = {"id": "tell", "kind": "email", "to": {"text": "cliente@fora.example"},
            "subject": {"text": "Assinado: {{ document.name }}"}, "html": {"text": HTML}} | parts  # fmt: skip
    definition = {
        "title": "Avisar",
        "when": {"connection": "assinaturas", "trigger": "document_completed"},
        "then": [tell],
    }
    row = publishing.create(workplace.site.workspace, definition, workplace.site.owner)
    return workplace.site.url(f"rules/{row.pk}/letters/tell/")


def test_it_is_seen_with_the_example_and_framed_safely(workplace: Workplace) -> None:
    browser, url = workplace.site.browser(workplace.site.owner), rule(workplace)
    page = browser.get(url)
    assert "cliente@fora.example" in page.text
    assert 'sandbox=""' in page.text
    policy = page.headers["content-security-policy"]
    assert "frame-src 'self'" in policy
    assert "script-src 'self'" in policy
    raw = browser.get(f"{url}html/")
    assert "<script" not in raw.text
    assert '<p style="color:red">Olá</p>' in raw.text
    assert "{{" not in raw.text
    assert raw.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert raw.headers["x-frame-options"] == "SAMEORIGIN"


def test_a_test_goes_to_who_asks_and_to_nobody_else(
    workplace: Workplace, posted: Config, office: tuple[Office, str]
) -> None:
    browser, url = workplace.site.browser(workplace.site.owner), rule(workplace)
    assert browser.post(url).status_code == 302
    (sent,) = office[0].letters
    assert sent["To"] == workplace.site.owner.email
    assert sent["Subject"].startswith("Test: Assinado: ")
    plain, html = sent.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert "<script" not in html.get_content()
    assert "Olá" in plain.get_content()
    office[0].answers = ["550 no such user"]
    refused = browser.post(url)
    assert refused.status_code == 422
    assert "no such user" in refused.text


def test_tests_are_held_off(workplace: Workplace, posted: Config, office: tuple[Office, str]) -> None:
    browser, url = workplace.site.browser(workplace.site.owner), rule(workplace)
    statuses = [browser.post(url).status_code for _ in range(11)]
    assert statuses == [302] * 10 + [429]
    assert len(office[0].letters) == 10


def test_in_the_demo_it_is_kept_on_a_page(workplace: Workplace, hub: Config) -> None:
    from django.test.utils import override_settings

    from vaivem.hub.mail.models import Letter

    with override_settings(VAIVEM=replace(hub, smtp_url="outbox:")):
        browser, url = workplace.site.browser(workplace.site.owner), rule(workplace)
        assert "demo" in browser.post(url, follow=True).text
        row = Letter.objects.get()
        assert (row.recipient, row.kind) == (workplace.site.owner.email, "trial")
        assert "Olá" in browser.get(workplace.site.url(f"settings/mail/{row.pk}/html/")).text


def test_without_a_mail_server_it_says_so(workplace: Workplace) -> None:
    browser, url = workplace.site.browser(workplace.site.owner), rule(workplace)
    assert "No mail server" in browser.get(url).text
    assert browser.post(url).status_code == 422


def test_what_keeps_it_from_being_written_is_said(workplace: Workplace) -> None:
    browser = workplace.site.browser(workplace.site.owner)
    page = browser.get(rule(workplace, to={"from": "document.name"}))
    assert "e-mail address" in page.text
    assert "Send me a test" not in page.text


def test_the_editor_writes_html_and_the_mark(workplace: Workplace) -> None:
    from tests.hub.forms import fields_of

    from vaivem.hub.rules.models import Rule

    browser, url = workplace.site.browser(workplace.site.owner), rule(workplace, transactional=True)
    edit = url.partition("letters/")[0] + "edit/"
    form = fields_of(browser.get(edit).text, "rule-form")
    place = next(name for name in form if name.endswith(":html"))
    assert form[place] == [HTML]
    browser.post(edit, form)
    kept = Rule.objects.get().draft["then"][0]
    assert (kept["html"], kept["transactional"]) == ({"text": HTML}, True)
    form = fields_of(browser.get(edit).text, "rule-form")
    form[place] = [""]
    form.pop(place.replace(":html", ":transactional"))
    browser.post(edit, form)
    kept = Rule.objects.get().draft["then"][0]
    assert "html" not in kept
    assert "transactional" not in kept
