"""Members: invited by link, joining with an account or a new one, leaving, workspaces of their own."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.hub.conftest import PASSWORD, Site

if TYPE_CHECKING:
    from vaivem.hub.workspaces.models import Invitation

NEW = {"name": "Nova Pessoa", "password": "uma-frase-bem-comprida"}


def invited(site: Site, email: str, role: str = "editor", **more: object) -> str:
    """Invite somebody as the owner and return the path of the link that is shown."""
    page = site.browser(site.owner).post(
        site.url("settings/members/invite/"), {"email": email, "role": role, **more}
    )
    assert page.status_code == 200, page.text
    found = re.search(r"http://127\.0\.0\.1(/invitation/[^<\"]+/)", html.unescape(page.text))
    assert found
    return found[1]


def only_invitation() -> Invitation:
    from vaivem.hub.workspaces.models import Invitation

    return Invitation.objects.get()


def test_somebody_new_makes_an_account_and_is_in(site: Site) -> None:
    from vaivem.hub.workspaces.models import AuditEntry, Invitation, Membership

    link = invited(site, "Nova@raiar.example")
    person = site.browser()
    for _ in range(2):  # a preview uses nothing up
        assert person.get(link).status_code == 200
    made = person.post(link, NEW)
    assert made.headers["location"] == site.url()
    assert person.get(site.url()).status_code == 200
    assert person.get(site.url("settings/members/")).status_code == 403
    joined = Membership.objects.get(member__email="nova@raiar.example")
    assert (joined.role, joined.member.name) == ("editor", "Nova Pessoa")
    assert not Invitation.objects.exists()
    assert site.browser().get(link).status_code == 410
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"member.invited", "member.joined"} <= actions


def test_the_link_is_shown_once_and_kept_only_as_a_hash(site: Site) -> None:
    from vaivem.hub.workspaces.models import Invitation

    link = invited(site, "nova@raiar.example")
    assert link not in site.browser(site.owner).get(site.url("settings/members/")).text
    assert link.split("/")[2] not in str(list(Invitation.objects.values()))


def test_who_has_an_account_signs_in_and_joins_with_it(site: Site) -> None:
    from vaivem.hub.workspaces.models import Membership

    link = invited(site, site.stranger.email, "viewer")
    person = site.browser()
    page = person.get(link)
    assert f"/account/login/?next={link}" in page.text.replace("%2F", "/")
    assert person.post(link, NEW).status_code == 200  # nothing is made over an account that exists
    assert not Membership.objects.filter(workspace=site.workspace, member=site.stranger).exists()
    signed_in = person.post(
        "/account/login/", {"login": site.stranger.email, "password": PASSWORD, "next": link}
    )
    assert signed_in.headers["location"] == link
    assert person.post(link).headers["location"] == site.url()
    assert Membership.objects.get(workspace=site.workspace, member=site.stranger).role == "viewer"


def test_an_invitation_is_for_its_address_only(site: Site) -> None:
    from vaivem.hub.workspaces.models import Membership

    link = invited(site, "nova@raiar.example", "admin")
    assert site.browser(site.stranger).post(link).status_code == 403
    assert not Membership.objects.filter(workspace=site.workspace, member=site.stranger).exists()


def test_an_invitation_ends_after_seven_days_or_when_withdrawn(site: Site) -> None:
    from vaivem.hub.workspaces.models import Invitation

    link = invited(site, "nova@raiar.example")
    made = only_invitation()
    assert timedelta(days=6) < made.expires - made.created < timedelta(days=8)
    Invitation.objects.update(expires=made.created)
    assert site.browser().post(link, NEW).status_code == 410
    again = invited(site, "nova@raiar.example")
    assert site.browser().get(link).status_code == 410  # the older link
    assert site.browser().get(again).status_code == 200
    withdraw = site.url(f"settings/invitations/{only_invitation().pk}/withdraw/")
    assert site.browser(site.owner).post(withdraw).status_code == 302
    assert site.browser().get(again).status_code == 410


def test_a_member_is_not_invited_again(site: Site) -> None:
    page = site.browser(site.owner).post(
        site.url("settings/members/invite/"), {"email": site.viewer.email.upper(), "role": "admin"}
    )
    assert page.status_code == 422
    assert "already a member" in page.text


def test_a_weak_password_makes_no_account(site: Site) -> None:
    from vaivem.hub.workspaces.models import Member

    link = invited(site, "nova@raiar.example")
    assert site.browser().post(link, {"name": "Nova", "password": "123"}).status_code == 422
    assert not Member.objects.filter(email="nova@raiar.example").exists()


def test_leaving_takes_ones_own_access_only_and_not_the_last_owners(site: Site) -> None:
    from vaivem.hub.workspaces.models import Membership

    viewer = site.browser(site.viewer)
    assert viewer.get("/workspaces/raiar-solar/leave/").status_code == 200
    assert viewer.post("/workspaces/raiar-solar/leave/").status_code == 302
    assert viewer.get(site.url()).status_code == 404
    assert site.browser(site.owner).post("/workspaces/raiar-solar/leave/").status_code == 422
    assert site.browser(site.stranger).post("/workspaces/raiar-solar/leave/").status_code == 404
    assert Membership.objects.get(workspace=site.workspace).member == site.owner


def test_an_owner_makes_another_workspace_and_switches(site: Site) -> None:
    from vaivem.hub.workspaces.models import Workspace

    browser = site.browser(site.owner)
    form = {"name": "Segunda Empresa", "zone": "America/Manaus"}
    assert browser.post("/workspaces/new/", form).headers["location"] == "/w/segunda-empresa/"
    made = Workspace.objects.get(slug="segunda-empresa")
    assert (made.zone, made.currency, made.number_format) == ("America/Manaus", "BRL", "1.234,56")
    page = browser.get("/w/segunda-empresa/").text
    assert 'href="/w/raiar-solar/"' in page
    assert browser.get("/").headers["location"] == "/w/segunda-empresa/"
    assert site.browser(site.viewer).get("/workspaces/new/").status_code == 403
    assert site.browser(site.viewer).get("/w/segunda-empresa/").status_code == 404


def test_the_table_of_roles_is_on_the_page(site: Site) -> None:
    from vaivem.hub.workspaces.permissions import PERMISSIONS

    page = html.unescape(site.browser(site.owner).get(site.url("settings/members/")).text)
    from django.utils import translation

    with translation.override("en"):
        assert [str(one.text) for one in PERMISSIONS if str(one.text) not in page] == []


@pytest.mark.soak
def test_many_invitations_are_held_off(site: Site) -> None:
    browser = site.browser(site.owner)
    statuses = [
        browser.post(
            site.url("settings/members/invite/"), {"email": f"p{number}@raiar.example", "role": "viewer"}
        ).status_code
        for number in range(62)
    ]
    assert statuses[:60] == [200] * 60
    assert statuses[-1] == 429


@pytest.mark.parametrize("path", ["members/invite/", "invitations/{i}/again/", "invitations/{i}/withdraw/"])
def test_an_administrator_cannot_invite_an_owner_by_a_detour(site: Site, path: str) -> None:
    from vaivem.hub.workspaces.models import Membership

    Membership.objects.filter(member=site.viewer).update(role="admin")
    invited(site, "dona@raiar.example", "owner")
    url = site.url("settings/" + path.format(i=only_invitation().pk))
    form = {"email": "dona@raiar.example", "role": "owner"}
    assert site.browser(site.viewer).post(url, form).status_code == 403
    assert only_invitation().role == "owner"
