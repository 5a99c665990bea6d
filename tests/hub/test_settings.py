"""Settings: roles, the company, tokens from the command line; nobody takes over what is not theirs."""

from __future__ import annotations

import re

import pytest
from tests.hub.conftest import Site


def membership(site: Site, email: str) -> int:
    """Return the number of a person's membership."""
    from vaivem.hub.workspaces.models import Membership

    return Membership.objects.get(workspace=site.workspace, member__email=email).pk


@pytest.fixture
def admin(site: Site) -> Site:
    """Make the viewer an administrator."""
    from vaivem.hub.workspaces.models import Membership

    Membership.objects.filter(member=site.viewer).update(role="admin")
    return site


def test_an_administrator_cannot_sign_in_as_somebody_of_another_workspace(admin: Site) -> None:
    from vaivem.hub.workspaces.models import LoginLink, Membership

    shared = Membership.objects.create(member=admin.stranger, workspace=admin.workspace, role="viewer")
    url = admin.url(f"settings/members/{shared.pk}/link/")
    assert admin.browser(admin.viewer).post(url).status_code == 403
    assert not LoginLink.objects.exists()


def test_an_administrator_cannot_touch_or_make_an_owner(admin: Site) -> None:
    from vaivem.hub.workspaces.models import LoginLink, Membership

    owner, own = membership(admin, admin.owner.email), membership(admin, admin.viewer.email)
    browser = admin.browser(admin.viewer)
    for path, form in (
        (f"settings/members/{owner}/link/", {}),
        (f"settings/members/{owner}/remove/", {}),
        (f"settings/members/{owner}/role/", {"role": "viewer"}),
        (f"settings/members/{own}/role/", {"role": "owner"}),
        ("settings/members/invite/", {"email": "x@x.example", "role": "owner"}),
        ("settings/address/", {"address": "https://x.example"}),
    ):
        assert browser.post(admin.url(path), form).status_code == 403, path
    assert not LoginLink.objects.exists()
    assert Membership.objects.get(pk=owner).role == "owner"
    assert Membership.objects.get(pk=own).role == "admin"


def test_the_last_owner_stays(site: Site) -> None:
    from vaivem.hub.workspaces.models import Membership

    owner = membership(site, site.owner.email)
    browser = site.browser(site.owner)
    assert browser.post(site.url(f"settings/members/{owner}/remove/")).status_code == 422
    assert browser.post(site.url(f"settings/members/{owner}/role/"), {"role": "viewer"}).status_code == 422
    assert Membership.objects.get(pk=owner).role == "owner"


def test_removing_a_member_ends_their_access(site: Site) -> None:
    viewer = site.browser(site.viewer)
    assert viewer.get(site.url()).status_code == 200
    number = membership(site, site.viewer.email)
    assert site.browser(site.owner).post(site.url(f"settings/members/{number}/remove/")).status_code == 302
    assert viewer.get(site.url()).status_code == 404
    assert viewer.get("/").status_code == 200  # the page that says so


def test_the_company_is_changed_and_noted(site: Site) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    browser = site.browser(site.owner)
    form = {
        "name": "Raiar", "zone": "America/Manaus", "language": "es", "retention_days": "120",
        "currency": "EUR", "number_format": "1 234,56", "late_minutes": "60", "decision_hours": "4",
        "record_changes": "30", "busy_runs": "500",
    }  # fmt: skip
    assert browser.post(site.url("settings/company/"), form).status_code == 302
    site.workspace.refresh_from_db()
    assert (site.workspace.name, site.workspace.zone) == ("Raiar", "America/Manaus")
    assert "€\xa031\u202f900,50" in browser.get(site.url("settings/")).text
    entry = AuditEntry.objects.get(action="workspace.changed")
    assert entry.before["zone"] == "America/Sao_Paulo"
    assert entry.after["retention_days"] == 120
    assert browser.post(site.url("settings/company/"), form | {"retention_days": "5"}).status_code == 422


def test_the_workspaces_zone_rules_the_hours(site: Site) -> None:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from django.utils import timezone

    from vaivem.hub.shell.templatetags.shell import ago_text, day_time

    now = datetime(2026, 11, 19, 14, 42, tzinfo=UTC)
    with timezone.override(ZoneInfo("America/Sao_Paulo")):
        from django.utils import translation

        with translation.override("en"):
            assert day_time(now, now) == "today, 11:42"
            assert day_time(datetime(2026, 11, 19, 2, 59, tzinfo=UTC), now) == "yesterday, 23:59"
            assert ago_text(datetime(2026, 11, 19, 14, 41, 20, tzinfo=UTC), now) == "40 s ago"
            assert day_time(datetime(2025, 3, 1, 12, tzinfo=UTC), now) == "03/01/2025"


def test_tokens_from_the_command_line_ask_which_workspace(site: Site) -> None:
    from vaivem.hub.workspaces.access import AccessError, find_token, make_api_token

    with pytest.raises(AccessError, match="several workspaces"):
        make_api_token(None, "x")
    with pytest.raises(AccessError, match="no workspace nada"):
        make_api_token("nada", "x")
    with pytest.raises(AccessError, match="no scope"):
        make_api_token("outra", "x", ("everything",))
    found = find_token(make_api_token("outra", "x"))
    assert found is not None
    assert found.workspace.slug == "outra"


def test_every_noted_action_has_its_words() -> None:
    import re
    from pathlib import Path

    import vaivem.hub
    from vaivem.hub.shell.templatetags.shell import audit_words

    noted: set[str] = set()
    for file in Path(str(vaivem.hub.__file__)).parent.rglob("*.py"):
        for call in file.read_text("utf-8").split("audit.note(")[1:]:
            noted |= set(re.findall(r'"([a-z_]+\.[a-z_]+)"', call.split("\n\n")[0][:400]))
    assert {"rule.published", "connection.made", "oauth_app.changed"} <= noted
    assert [action for action in sorted(noted) if audit_words(action) == action] == []


def test_the_audit_log_leaves_out_the_number_that_only_programs_know(site: Site) -> None:
    from vaivem.hub.workspaces import audit
    from vaivem.hub.workspaces.models import AuditEntry
    from vaivem.hub.workspaces.trail import changes

    audit.note(site.workspace, site.owner, "rule.created", "Vendas", after={"id": 4171, "title": "Vendas"})
    assert changes(AuditEntry.objects.latest("pk")) == [("title", None, "Vendas")]


def test_the_audit_log_says_what_changed_in_words(site: Site) -> None:
    from vaivem.hub.workspaces import audit

    rule = {"before": {"then": [], "state": "draft"}, "after": {"then": ["x"], "state": "on"}}
    audit.note(site.workspace, site.owner, "rule.published", "Vendas", **rule)
    audit.note(site.workspace, site.owner, "connection.made", "Caixa", after={"connector": "clicksign"})
    site.owner.language = "pt_BR"
    site.owner.save()
    browser = site.browser(site.owner)
    text = " ".join(
        re.sub(r"<[^>]+>", " ", browser.get(site.url("settings/audit/")).content.decode()).split()
    )
    assert "passos, situação" in text or "situação, passos" in text
    assert "Rascunho Ligada" in text
    assert "sistema clicksign" in text
