"""A rule that the breaker holds: it says why, everywhere, and one click lets it go on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.hub.history_rows import add_event, add_run, add_waiting
from tests.hub.workplace import Workplace

WHY = {
    "code": "record_changed_too_often",
    "params": {"times": 21, "most": 20, "record": "d77", "name": "Casa Verde", "conn": "2", "object": "deal"},
}


@pytest.fixture
def held(workplace: Workplace) -> Any:
    """A rule that is held, with one run that waits."""
    from vaivem.hub.rules.models import Rule
    from vaivem.hub.shell.clock import now

    rule = workplace.rule()
    Rule.objects.filter(pk=rule.pk).update(state="paused", held=WHY, held_since=now() - timedelta(minutes=9))
    ws, moment = workplace.site.workspace.pk, now()
    add_run(ws, add_event(ws, workplace.sign.pk, moment), rule.pk, moment)
    add_waiting(ws, workplace.crm.pk, moment, rule.pk)
    rule.refresh_from_db()
    return rule


def test_it_is_told_on_its_page_in_the_list_and_on_home(workplace: Workplace, held: Any) -> None:
    site = workplace.site
    for who in (site.owner, site.viewer):
        browser = site.browser(who)
        page = browser.get(site.url(f"rules/{held.pk}/")).text
        assert "This rule is held" in page
        assert "21 times within an hour (“Casa Verde”, number d77); 20 are allowed" in page
        assert ("Let it go on" in page) == (who == site.owner)
        assert "Held" in browser.get(site.url("rules/")).text
        home = browser.get(site.url()).text
        assert "is held" in home
        assert "Casa Verde" in home


def test_it_is_an_alert_that_lasts_until_it_goes_on(workplace: Workplace, held: Any) -> None:
    from vaivem.hub.alerts.troubles import read_troubles
    from vaivem.hub.rules import publishing
    from vaivem.hub.shell.clock import now

    workspace = workplace.site.workspace
    told = [one for one in read_troubles(workspace, now()) if one.kind == "held"]
    assert [one.path for one in told] == [workplace.site.url(f"rules/{held.pk}/")]
    assert "Casa Verde" in told[0].text
    publishing.resume(held, workplace.site.owner)
    assert not [one for one in read_troubles(workspace, now()) if one.kind == "held"]


def test_one_click_lets_it_go_on_and_counts_anew(workplace: Workplace, held: Any) -> None:
    from django.db import connection

    site = workplace.site
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into rule_hour (rule, hour, ws, runs) values (%s, date_trunc('hour', vv_now()), %s, 400)",
            [held.pk, site.workspace.pk],
        )
    assert site.browser(site.viewer).post(site.url(f"rules/{held.pk}/resume/")).status_code == 403
    assert site.browser(site.owner).post(site.url(f"rules/{held.pk}/resume/")).status_code == 302
    held.refresh_from_db()
    assert (held.state, held.held) == ("on", None)
    assert held.let_go is not None
    with connection.cursor() as cursor:
        cursor.execute("select runs - let_go from rule_hour")
        assert cursor.fetchone() == (0,)
        cursor.execute("select count(*) from lane where state = 3")
        assert cursor.fetchone() == (0,)


def test_a_rule_has_limits_of_its_own(workplace: Workplace) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    site, rule = workplace.site, workplace.rule()
    browser, address = site.browser(site.owner), site.url(f"rules/{rule.pk}/limits/")
    assert 'placeholder="20"' in browser.get(site.url(f"rules/{rule.pk}/")).text
    assert browser.post(address, {"record_changes": "0", "busy_runs": ""}).status_code == 422
    assert browser.post(address, {"record_changes": "50", "busy_runs": ""}).status_code == 302
    rule.refresh_from_db()
    assert (rule.record_changes, rule.busy_runs) == (50, None)
    entry = AuditEntry.objects.get(action="rule.limits")
    assert (entry.before, entry.after) == ({"record_changes": None}, {"record_changes": 50})
