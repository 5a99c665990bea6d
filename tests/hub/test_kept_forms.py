"""What was typed is not lost: after a session that ended, and on a page that was open for a day."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from tests.hub.conftest import PASSWORD, Site

FORM = {
    "name": "Raiar & “Sol” <b>",
    "zone": "America/Manaus",
    "language": "fr",
    "currency": "EUR",
    "number_format": "1,234.56",
    "retention_days": "7777",
    "late_minutes": "45",
    "decision_hours": "9",
    "record_changes": "20",
    "busy_runs": "100",
}


def page_of(site: Site) -> str:
    return f"http://127.0.0.1{site.url('settings/')}"


def send_late(site: Site, browser: Any, form: dict[str, str] | None = None, **headers: str) -> Any:
    """Send the company's form as a browser does from its page."""
    return browser.post(
        site.url("settings/company/"), form or FORM,
        headers={"referer": page_of(site), "origin": "http://127.0.0.1", **headers},
    )  # fmt: skip


def sign_in(site: Site, browser: Any, back: str) -> Any:
    return browser.post("/account/login/", {"login": site.owner.email, "password": PASSWORD, "next": back})


def value_of(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*name="{name}"[^>]*\svalue="([^"]*)"', page)
    assert found, name
    return html.unescape(found[1])


def test_after_signing_in_again_the_form_is_filled_and_nothing_was_sent(site: Site) -> None:
    browser = site.browser()
    led = send_late(site, browser)
    assert led.headers["location"] == f"/account/login/?next={site.url('settings/')}"
    assert "is kept" in browser.get("/account/login/", headers={"accept-language": "en"}).text
    assert sign_in(site, browser, site.url("settings/")).headers["location"] == site.url("settings/")
    site.workspace.refresh_from_db()
    assert site.workspace.name == "Raiar Solar"
    page = browser.get(site.url("settings/")).text
    assert value_of(page, "name") == FORM["name"]
    assert value_of(page, "retention_days") == "7777"
    for name in ("zone", "language", "currency", "number_format"):
        select = page.partition(f'name="{name}"')[2].partition("</select>")[0]
        chosen = re.findall(r'<option value="([^"]*)" selected', select)
        assert chosen == [FORM[name]]
    assert "What you typed is back" in page
    again = browser.get(site.url("settings/")).text
    assert "What you typed is back" not in again
    assert value_of(again, "name") == "Raiar Solar"


def test_it_comes_back_through_the_second_step_too(site: Site) -> None:
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    TOTP.activate(site.owner, generate_totp_secret())
    code = RecoveryCodes.activate(site.owner).generate_codes()[0]
    browser = site.browser()
    send_late(site, browser)
    asked = sign_in(site, browser, site.url("settings/"))
    assert asked.headers["location"].startswith("/account/2fa/authenticate/")
    done = browser.post(asked.headers["location"], {"code": code})
    assert done.headers["location"] == site.url("settings/")
    assert value_of(browser.get(site.url("settings/")).text, "name") == FORM["name"]


def test_a_page_that_was_open_for_a_day_comes_back_filled(site: Site) -> None:
    browser = site.browser(site.owner, csrf=True)
    answer = send_late(site, browser)  # its token is of another day
    assert answer.headers["location"] == site.url("settings/")
    page = browser.get(site.url("settings/")).text
    assert value_of(page, "name") == FORM["name"]
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    sent = send_late(site, browser, {**FORM, "retention_days": "90", "csrfmiddlewaretoken": token[1]})
    assert sent.status_code == 302
    site.workspace.refresh_from_db()
    assert site.workspace.name == FORM["name"]


def test_a_part_of_a_page_takes_the_whole_page_along(site: Site) -> None:
    browser = site.browser()
    answer = send_late(site, browser, **{"hx-request": "true", "hx-current-url": page_of(site)})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (
        401, f"/account/login/?next={site.url('settings/')}",
    )  # fmt: skip
    stale = site.browser(site.owner, csrf=True)
    refused = send_late(site, stale, **{"hx-request": "true", "hx-current-url": page_of(site)})
    assert (refused.status_code, refused.headers["hx-redirect"]) == (403, site.url("settings/"))
    assert value_of(stale.get(site.url("settings/")).text, "name") == FORM["name"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example", "referer": "https://evil.example/x"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"referer": "http://127.0.0.1.evil.example/", "origin": "http://127.0.0.1.evil.example"},
        {"referer": ""},
    ],
)
def test_a_form_from_elsewhere_is_refused_and_not_kept(site: Site, headers: dict[str, str]) -> None:
    browser = site.browser(site.owner, csrf=True)
    assert send_late(site, browser, **headers).status_code == 403
    assert "What you typed is back" not in browser.get(site.url("settings/")).text
    assert "kept_form" not in browser.session


def test_secrets_are_not_kept_and_the_rest_is_sealed(site: Site) -> None:
    from django.contrib.sessions.models import Session

    browser = site.browser()
    url = site.url("connections/new/clicksign/")
    typed = {"name": "Minha conta", "token": "um-token-digitado", "password": "uma-senha-digitada"}
    browser.post(url, typed, headers={"referer": f"http://127.0.0.1{url}", "origin": "http://127.0.0.1"})
    kept = str([session.get_decoded() for session in Session.objects.all()])
    assert "kept_form" in kept
    assert not any(secret in kept for secret in typed.values())
    sign_in(site, browser, url)
    page = browser.get(url).text
    assert value_of(page, "name") == "Minha conta"
    assert "um-token-digitado" not in page
    assert "uma-senha-digitada" not in page


def test_what_finds_no_place_is_shown(site: Site) -> None:
    browser = site.browser()
    send_late(site, browser, {**FORM, "step_2_text": "Olá <script>"})
    sign_in(site, browser, site.url("settings/"))
    page = browser.get(site.url("settings/")).text
    assert "<dt>step_2_text</dt><dd>Olá &lt;script&gt;</dd>" in page


def test_it_is_kept_for_a_day_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaivem.hub.shell import kept_forms

    browser = site.browser()
    send_late(site, browser)
    sign_in(site, browser, site.url("settings/"))
    monkeypatch.setattr(kept_forms, "LASTS_SECONDS", -1)
    assert "What you typed is back" not in browser.get(site.url("settings/")).text


def test_a_viewer_who_signs_in_instead_sees_nothing_of_it(site: Site) -> None:
    browser = site.browser()
    send_late(site, browser)
    browser.post("/account/login/", {"login": site.viewer.email, "password": PASSWORD})
    assert browser.get(site.url("settings/")).status_code == 403
    assert FORM["retention_days"] not in browser.get(site.url()).text


PAGE = """<form method="get" action="/a/"><input name="q" value="x"></form>
<form method="post" action="/a/"><input type="hidden" name="csrf" value="fresh">
<input name="q" value='old' required><input type="checkbox" name="yes" value="1" checked>
<input type="checkbox" name="no" value="1">
<input type="radio" name="r" value="1" checked><input type="radio" name="r" value="2">
<select name="s"><option value="a" selected>A<option value="b">B</select>
<textarea name="t">old &amp; text</textarea><input name="many"><input name="many"></form>
<p title="a > b">&eacute; &#233;</p>"""


def test_each_kind_of_field_is_filled() -> None:
    from django.http import QueryDict

    from vaivem.hub.shell.filling import fill

    fields = QueryDict("q=new%22&no=1&r=2&s=b&t=%3Cb%3E+%26&many=1&many=2&csrf=old")
    page, lost = fill(PAGE, "/a/", "/a/", fields)
    assert '<form method="get" action="/a/"><input name="q" value="x"></form>' in page
    assert '<input name="q" required value="new&quot;">' in page
    assert 'name="csrf" value="fresh"' in page
    assert '<input type="checkbox" name="yes" value="1">' in page
    assert '<input type="checkbox" name="no" value="1" checked>' in page
    assert '<input type="radio" name="r" value="1">' in page
    assert '<input type="radio" name="r" value="2" checked>' in page
    assert '<option value="a">A<option value="b" selected>B' in page
    assert '<textarea name="t">\n&lt;b&gt; &amp;</textarea>' in page
    assert '<input name="many" value="1"><input name="many" value="2">' in page
    assert '<p title="a > b">&eacute; &#233;</p>' in page
    assert lost == {}


def test_a_page_without_the_form_is_left_as_it_is() -> None:
    from django.http import QueryDict

    from vaivem.hub.shell.filling import fill

    assert fill(PAGE, "/a/", "/b/", QueryDict("q=1&q=2")) == (PAGE, {"q": ["1", "2"]})
