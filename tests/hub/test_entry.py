"""Getting in: the first owner, sign-in links, passwords, forms from elsewhere."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from tests.hub.conftest import PASSWORD, Site

from vaivem.config import Config


def token_of(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[1]


def test_the_front_page_leads_to_the_start_until_there_is_an_owner(hub: Config) -> None:
    from django.test import Client

    assert Client().get("/").headers["location"] == "/start/"


def test_the_first_owner_needs_the_code(hub: Config) -> None:
    from django.test import Client

    from vaivem.hub.workspaces.access import owner_code
    from vaivem.hub.workspaces.models import Member

    browser = Client()
    form = {
        "code": "AAAA-BBBB-CCCC",
        "workspace": "Raiar Solar",
        "name": "Júlia",
        "email": "Julia@Raiar.example",
        "password": PASSWORD,
    }
    refused = browser.post("/start/", form)
    assert refused.status_code == 422
    assert not Member.objects.exists()
    code = owner_code()
    assert (hub.data_dir / "owner.code").stat().st_mode & 0o777 == 0o600
    typed = f" {code.lower().replace('-', ' ')} "
    made = browser.post("/start/", form | {"code": typed})
    assert made.headers["location"] == "/w/raiar-solar/"
    member = Member.objects.get()
    assert (member.email, member.operator) == ("julia@raiar.example", True)
    assert browser.get("/w/raiar-solar/").status_code == 200
    assert not (hub.data_dir / "owner.code").exists()
    assert Client().get("/start/").status_code == 404


def test_a_weak_password_is_refused_with_its_reason(hub: Config) -> None:
    from django.test import Client

    from vaivem.hub.workspaces.access import owner_code

    form = {"code": owner_code(), "workspace": "R", "name": "J", "email": "j@r.example", "password": "123"}
    page = Client(headers={"accept-language": "en"}).post("/start/", form)
    assert page.status_code == 422
    assert "at least 10 characters" in page.text


def test_a_login_link_survives_a_preview_and_works_once(site: Site) -> None:
    from vaivem.hub.workspaces.access import make_login_link

    path = make_login_link("JULIA@raiar.example")
    for _ in range(2):  # what a chat's preview does
        assert site.browser().get(path).status_code == 200
        assert site.browser().head(path).status_code == 200
    person = site.browser()
    assert person.post(path).headers["location"] == "/"
    assert person.get("/").headers["location"] == site.url()
    again = site.browser()
    assert again.post(path).status_code == 410
    assert again.get(path).status_code == 410
    assert "_auth_user_id" not in again.session


def test_a_login_link_is_for_the_first_operator_unless_it_says_whom(site: Site) -> None:
    from vaivem.hub.workspaces.access import find_link, make_login_link

    link = find_link(token_of(make_login_link()))
    assert link is not None
    assert link.member == site.owner


def test_a_login_link_ends_after_15_minutes(site: Site) -> None:
    from vaivem.hub.workspaces.access import make_login_link
    from vaivem.hub.workspaces.models import LoginLink

    path = make_login_link()
    link = LoginLink.objects.get()
    assert timedelta(minutes=14) < link.expires - link.created < timedelta(minutes=16)
    LoginLink.objects.update(expires=link.created)
    assert site.browser().get(path).status_code == 410
    assert site.browser().post(path).status_code == 410


def test_a_link_for_nobody_is_refused_in_words(site: Site) -> None:
    from vaivem.hub.workspaces.access import AccessError, make_login_link

    with pytest.raises(AccessError, match="no member with the e-mail"):
        make_login_link("ninguem@raiar.example")


def test_the_token_of_a_link_is_kept_only_as_a_hash(site: Site) -> None:
    from vaivem.hub.workspaces.access import make_login_link
    from vaivem.hub.workspaces.models import LoginLink

    token = token_of(make_login_link())
    assert token not in str(LoginLink.objects.values().get())


def test_signing_in_with_a_password_and_back_to_the_page_asked_for(site: Site) -> None:
    browser = site.browser()
    asked = browser.get(site.url())
    assert asked.headers["location"] == f"/account/login/?next={site.url()}"
    assert browser.get("/account/login/").status_code == 200
    wrong = browser.post("/account/login/", {"login": site.owner.email, "password": "errada"})
    assert wrong.status_code == 200
    assert "_auth_user_id" not in browser.session
    right = browser.post(
        "/account/login/", {"login": "JULIA@raiar.example", "password": PASSWORD, "next": site.url()}
    )
    assert right.headers["location"] == site.url()


def test_who_has_no_password_is_led_to_choose_one_when_asked_who_they_are(site: Site) -> None:
    browser = site.browser(site.owner)
    assert browser.get("/account/reauthenticate/").status_code == 200
    site.owner.set_unusable_password()
    site.owner.save()
    browser = site.browser(site.owner)
    led = browser.get("/account/reauthenticate/", follow=True)
    assert led.redirect_chain == [("/account/password/set/", 302)]
    assert "You have no password yet" in led.content.decode()
    assert "placeholder" not in led.content.decode()


def test_many_wrong_passwords_are_held_off(site: Site) -> None:
    browser = site.browser()
    for _ in range(10):
        browser.post("/account/login/", {"login": site.owner.email, "password": "errada"})
    right = browser.post(
        "/account/login/",
        {"login": site.owner.email, "password": PASSWORD},
        headers={"accept-language": "en"},
    )
    assert "_auth_user_id" not in browser.session
    assert "Too many failed" in right.text


def test_nobody_signs_up(site: Site) -> None:
    assert site.browser().get("/account/signup/").status_code in {404}


@pytest.mark.parametrize(
    "path", ["/theme/", "/language/", "/profile/", "/account/login/", "/account/logout/"]
)
def test_a_form_from_elsewhere_changes_nothing(site: Site, path: str) -> None:
    browser = site.browser(site.owner, csrf=True)
    assert browser.post(path, {"theme": "dark", "language": "fr"}).status_code == 403
    site.owner.refresh_from_db()
    assert (site.owner.theme, site.owner.language) == ("auto", "en")


def test_a_form_of_ours_passes_with_its_token(site: Site) -> None:
    browser = site.browser(site.owner, csrf=True)
    page = browser.get("/profile/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    answer = browser.post("/theme/", {"theme": "dark", "csrfmiddlewaretoken": token[1], "next": "/profile/"})
    assert answer.headers["location"] == "/profile/"
    assert 'data-theme="dark"' in browser.get("/profile/").text


def test_the_language_follows_the_member_not_the_browser(site: Site) -> None:
    browser = site.browser(site.owner)
    assert '<html lang="en"' in browser.get("/profile/", headers={"accept-language": "fr"}).text
    browser.post("/language/", {"language": "fr", "next": "https://evil.example/"})
    assert '<html lang="fr"' in browser.get("/profile/", headers={"accept-language": "en"}).text


def test_before_sign_in_the_browser_chooses_and_pt_br_is_the_default(site: Site) -> None:
    assert '<html lang="pt-br"' in site.browser().get("/account/login/").text
    spanish = site.browser().get("/account/login/", headers={"accept-language": "es-AR,es;q=0.9"})
    assert '<html lang="es"' in spanish.text


def test_going_back_never_leaves_the_site(site: Site) -> None:
    browser = site.browser(site.owner)
    for wanted in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        assert browser.post("/theme/", {"theme": "dark", "next": wanted}).headers["location"] == "/"


def test_the_second_step_is_asked_for_after_a_link_too(site: Site) -> None:
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    from vaivem.hub.workspaces.access import make_login_link

    TOTP.activate(site.owner, generate_totp_secret())
    browser = site.browser()
    answer = browser.post(make_login_link())
    assert answer.headers["location"].startswith("/account/2fa/authenticate/")
    assert browser.get("/account/2fa/authenticate/").status_code == 200
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize(
    "path",
    ["/profile/", "/account/2fa/", "/account/password/change/", "/account/logout/"],
)
def test_the_account_pages_open(site: Site, path: str) -> None:
    assert site.browser(site.owner).get(path).status_code == 200


def test_the_second_step_can_be_set_up(site: Site) -> None:
    browser = site.browser(site.owner)
    again = browser.get("/account/2fa/totp/activate/").headers["location"]
    assert browser.get(again).status_code == 200
    assert browser.post(again, {"password": PASSWORD}).headers["location"] == "/account/2fa/totp/activate/"
    page = browser.get("/account/2fa/totp/activate/")
    assert page.status_code == 200
    assert "data:image/svg+xml" in page.text
