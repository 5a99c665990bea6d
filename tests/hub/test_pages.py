"""Every page of a workspace: who may open it, who may change what, and that no secret is on it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.hub.conftest import Site

SECRET = "5f2c8e1a-segredo-nunca-mostrado"
APP_SECRET = "app-segredo-nunca-mostrado"


@dataclass(frozen=True)
class Furnished:
    """A workspace with a connection, an app, a token."""

    site: Site
    connection: int
    app: int
    token: int
    membership: int

    def url(self, rest: str) -> str:
        """Return an address inside the workspace, its numbers filled in."""
        return self.site.url(rest.format(c=self.connection, a=self.app, t=self.token, m=self.membership))


@pytest.fixture
def furnished(site: Site) -> Furnished:
    from vaivem.connectors.sdk import Account
    from vaivem.hub.connections.oauth_apps import save_app
    from vaivem.hub.connections.saving import Access, save_new
    from vaivem.hub.workspaces.access import token_for
    from vaivem.hub.workspaces.models import ApiToken, Membership

    access = Access("clicksign", "token", {"token": SECRET}, {}, Account("7", "Raiar Energia"))
    row = save_new(site.workspace, site.owner, "Raiar Solar", access)
    app = save_app(site.workspace, "rd_station_crm", "id-da-app", APP_SECRET, site.owner)
    token_for(site.workspace, "Planilha")
    viewer = Membership.objects.get(member=site.viewer)
    return Furnished(site, row.pk, app.pk, ApiToken.objects.get().pk, viewer.pk)


OPEN_TO_ALL = ["", "connections/", "connections/{c}/", "test-accounts/"]
FOR_ADMINS = [
    "connections/new/",
    "connections/new/clicksign/",
    "connections/new/rd_station_crm/?method=oauth",
    "connections/new/rd_station_crm/?method=token",
    "connections/new/webhook/",
    "connections/new/http/",
    "connections/{c}/reconnect/",
    "connections/{c}/name/",
    "connections/{c}/settings/",
    "connections/{c}/remove/",
    "settings/",
    "settings/members/",
    "settings/mail/",
    "settings/tokens/",
    "settings/audit/",
]
CHANGES = [
    "connections/new/clicksign/",
    "connections/new/rd_station_crm/app/",
    "connections/new/clicksign/stage/account/",
    "connections/{c}/reconnect/",
    "connections/{c}/name/",
    "connections/{c}/settings/",
    "connections/{c}/remove/",
    "connections/{c}/test/",
    "connections/{c}/prepare/reference_field/",
    "settings/company/",
    "settings/address/",
    "settings/members/invite/",
    "settings/members/{m}/link/",
    "settings/members/{m}/role/",
    "settings/members/{m}/remove/",
    "settings/tokens/make/",
    "settings/tokens/{t}/revoke/",
    "settings/apps/{a}/remove/",
]


@pytest.mark.parametrize("path", OPEN_TO_ALL)
def test_members_see_it_and_nobody_else(furnished: Furnished, path: str) -> None:
    site, url = furnished.site, furnished.url(path)
    assert site.browser(site.owner).get(url).status_code == 200
    assert site.browser(site.viewer).get(url).status_code == 200
    assert site.browser(site.stranger).get(url).status_code == 404
    assert site.browser().get(url).headers["location"].startswith("/account/login/")


@pytest.mark.parametrize("path", FOR_ADMINS)
def test_only_administrators_open_what_changes_things(furnished: Furnished, path: str) -> None:
    site, url = furnished.site, furnished.url(path)
    assert site.browser(site.owner).get(url).status_code == 200
    assert site.browser(site.viewer).get(url).status_code == 403
    assert site.browser(site.stranger).get(url).status_code == 404
    assert site.browser().get(url).headers["location"].startswith("/account/login/")


@pytest.mark.parametrize("path", CHANGES)
def test_a_viewer_and_a_stranger_change_nothing(furnished: Furnished, path: str) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    site, url = furnished.site, furnished.url(path)
    before = AuditEntry.objects.count()
    form = {"name": "Outro", "role": "owner", "address": "https://x.example", "email": "x@x.example"}
    assert site.browser(site.viewer).post(url, form).status_code == 403
    assert site.browser(site.stranger).post(url, form).status_code == 404
    assert site.browser().post(url, form).headers["location"].startswith("/account/login/")
    assert site.browser(site.owner, csrf=True).post(url, form).status_code == 403
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("path", OPEN_TO_ALL + FOR_ADMINS)
def test_no_page_shows_a_secret(furnished: Furnished, path: str) -> None:
    from vaivem.hub.connections.models import Connection, OAuthApp

    text = furnished.site.browser(furnished.site.owner).get(furnished.url(path)).text
    assert SECRET not in text
    assert APP_SECRET not in text
    for sealed in (Connection.objects.get().credentials, OAuthApp.objects.get().client_secret):
        assert bytes(sealed).decode() not in text


@pytest.mark.parametrize("path", [*OPEN_TO_ALL, *FOR_ADMINS])
@pytest.mark.parametrize("language", ["pt_BR", "fr"])
def test_each_page_renders_in_other_languages(furnished: Furnished, path: str, language: str) -> None:
    site = furnished.site
    site.owner.language = language
    site.owner.save()
    page = site.browser(site.owner).get(furnished.url(path))
    assert f'<html lang="{language.lower().replace("_", "-")}"' in page.text


@pytest.mark.parametrize("path", OPEN_TO_ALL + FOR_ADMINS)
def test_each_page_forbids_what_it_does_not_need(furnished: Furnished, path: str) -> None:
    page = furnished.site.browser(furnished.site.owner).get(furnished.url(path))
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"].startswith(("private", "max-age=0"))
    assert " style=" not in page.text
    assert " onclick=" not in page.text
    assert "<script>" not in page.text


def test_the_audit_log_keeps_no_secret(furnished: Furnished) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    kept = str(list(AuditEntry.objects.values()))
    assert "connection.made" in kept
    assert SECRET not in kept
    assert APP_SECRET not in kept


def test_a_part_of_a_page_sends_the_signed_out_to_sign_in(site: Site) -> None:
    answer = site.browser().get(
        site.url(), headers={"hx-request": "true", "hx-current-url": f"http://127.0.0.1{site.url()}"}
    )
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == f"/account/login/?next={site.url()}"


def test_what_belongs_to_another_workspace_is_not_found(furnished: Furnished) -> None:
    site = furnished.site
    theirs = site.browser(site.stranger)
    for rest in ("connections/{c}/", "connections/{c}/remove/", "connections/{c}/settings/"):
        number = rest.format(c=furnished.connection)
        assert theirs.get(f"/w/outra/{number}").status_code == 404
    assert theirs.post(f"/w/outra/settings/tokens/{furnished.token}/revoke/").status_code == 404
    assert theirs.post(f"/w/outra/settings/members/{furnished.membership}/remove/").status_code == 404
    assert theirs.post(f"/w/outra/settings/apps/{furnished.app}/remove/").status_code == 404
