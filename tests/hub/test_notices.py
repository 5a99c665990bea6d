"""What rules tell members: on their own Home until it is put away, and in one letter."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.hub.past import Past
from tests.hub.test_alerts import past, posted
from tests.hub.workplace import systems, workplace

__all__ = ["past", "posted", "systems", "workplace"]


@pytest.fixture
def rule(past: Past) -> int:
    from vaivem.hub.rules.models import Rule

    return Rule.objects.create(workspace=past.workplace.site.workspace, title="Contratos").pk


def tell(past: Past, rule: int, text: str, *, who: str = "owner", ago: timedelta = timedelta()) -> int:
    """Write a notice as the engine does."""
    from vaivem.hub.workspaces.models import Membership

    site = past.workplace.site
    membership = Membership.objects.get(member=getattr(site, who), workspace=site.workspace)
    run = past.run(rule)
    past.insert(
        "notice", workspace_id=site.workspace.pk, membership_id=membership.pk, run=run, place=1000,
        rule_id=rule, text=text, about="Contrato Duarte", at=past.now - ago,
    )  # fmt: skip
    return run


def letters() -> list[str]:
    from vaivem.hub.connections.lines import vault
    from vaivem.hub.mail.models import Letter

    rows = Letter.objects.filter(kind="notices").order_by("id")
    return [f"{row.recipient}\n{row.subject}\n{vault().open(bytes(row.content))['text']}" for row in rows]


def test_a_notice_stands_on_the_members_own_home_until_it_is_put_away(past: Past, rule: int) -> None:
    site = past.workplace.site
    run = tell(past, rule, "Marina assinou <hoje>")
    tell(past, rule, "Outra coisa")
    page = site.browser(site.owner).get(site.url("")).content.decode()
    assert "Marina assinou &lt;hoje&gt;" in page
    assert site.url(f"history/{run}/") in page
    other = site.browser(site.viewer).get(site.url("")).content.decode()
    assert "Marina assinou" not in other
    (number,) = past.sql("select id from notice where run = %s", run)[0]
    assert site.browser(site.viewer).post(site.url(f"notices/{number}/away/")).status_code == 404
    assert site.browser(site.owner).post(site.url(f"notices/{number}/away/")).status_code == 302
    page = site.browser(site.owner).get(site.url("")).content.decode()
    assert "Marina assinou" not in page
    assert "Outra coisa" in page
    site.browser(site.viewer).post(site.url("notices/0/away/"))
    assert past.sql("select count(*) from notice where seen is null") == [(1,)]
    site.browser(site.owner).post(site.url("notices/0/away/"))
    assert past.sql("select count(*) from notice where seen is null") == [(0,)]


def test_new_notices_come_in_one_letter_once(past: Past, rule: int) -> None:
    from vaivem.hub.alerts.notices import mail_notices

    run = tell(past, rule, "Marina assinou")
    assert mail_notices() == 1
    assert mail_notices() == 0
    (letter,) = letters()
    assert letter.startswith(f"{past.workplace.site.owner.email}\nMarina assinou\n")
    assert f"/history/{run}/" in letter
    tell(past, rule, "Um")
    tell(past, rule, "Dois")
    assert mail_notices() == 1
    assert "2 avisos das suas regras" in letters()[1]


def test_what_was_put_away_or_is_old_is_not_mailed(past: Past, rule: int) -> None:
    from vaivem.hub.alerts.models import Notice
    from vaivem.hub.alerts.notices import mail_notices

    tell(past, rule, "Ontem", ago=timedelta(days=2))
    run = tell(past, rule, "Visto")
    Notice.objects.filter(run=run).update(seen=past.now)
    assert mail_notices() == 0
    assert past.sql("select count(*) from notice where mailed is null") == [(0,)]
    assert letters() == []
