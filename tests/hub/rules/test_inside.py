"""Who is where in an automation: seen by members, changed by editors, and nobody else's."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from tests.hub.past import Past
from tests.hub.workplace import DEFINITION, Workplace

AUTOMATION = {"person": "signer.email", "inside": "wait"}
STEPS = [{"id": "pause", "kind": "wait", "for": {"days": 2}}, *DEFINITION["then"]]


@pytest.fixture
def past(workplace: Workplace) -> Past:
    return Past(workplace)


@pytest.fixture
def rule(workplace: Workplace) -> Any:
    return workplace.rule(automation=AUTOMATION, then=STEPS)


def enters(past: Past, rule: Any, person: str, state: str = "wait", **parts: Any) -> int:
    """Have a person wait at the first step; return the run."""
    code = "waits_as_the_rule_says" if state == "wait" else "vendor_unavailable"
    run = past.waiting(
        state, code, rule=rule.pk, params={"step": "pause"} if state == "wait" else {}, **parts
    )
    past.insert("inside", ws=past.ws, rule=rule.pk, person=f"email:{person}", run_id=run, since=past.now)
    return run


def page(workplace: Workplace, rule: Any, who: Any, query: str = "") -> Any:
    site = workplace.site
    return site.browser(who).get(site.url(f"rules/{rule.pk}/inside/{query}"))


def test_it_lists_who_is_at_which_step_and_until_when(workplace: Workplace, past: Past, rule: Any) -> None:
    enters(past, rule, "ana@example.com", due=past.now + timedelta(days=1))
    stuck = enters(past, rule, "bia@example.com", "retry")
    past.call(stuck, 2001)
    text = page(workplace, rule, workplace.site.viewer).text
    ana, bia = (part for part in text.split("<tr")[2:])
    assert "ana@example.com" in ana
    assert "1. Wait for 2 days" in ana
    assert "bia@example.com" in bia
    assert "2. " in bia
    assert "Go on now" not in text
    assert "Go on now" in page(workplace, rule, workplace.site.owner).text


def test_who_left_is_not_there_and_an_empty_automation_says_so(
    workplace: Workplace, past: Past, rule: Any
) -> None:
    past.insert("inside", ws=past.ws, rule=rule.pk, person="email:x@y.co", run_id=past.id(), since=past.now)
    text = page(workplace, rule, workplace.site.owner).text
    assert "Nobody is in it now" in text
    assert "x@y.co" not in text


def test_pages_follow_each_other(workplace: Workplace, past: Past, rule: Any) -> None:
    for number in range(52):
        enters(past, rule, f"p{number:02}@example.com")
    first = page(workplace, rule, workplace.site.owner).text
    assert "p49@example.com" in first
    assert "p50@example.com" not in first
    [query] = re.findall(r'href="(\?after=[^"]+)"', first)
    second = page(workplace, rule, workplace.site.owner, query).text
    assert "p50@example.com" in second
    assert "p49@example.com" not in second


def test_an_editor_lets_a_person_go_on_or_takes_them_out(workplace: Workplace, past: Past, rule: Any) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    site = workplace.site
    go = enters(past, rule, "ana@example.com", due=past.now + timedelta(days=1))
    out = enters(past, rule, "bia@example.com")
    browser = site.browser(site.owner)
    for run, act in ((go, "go"), (out, "remove")):
        answer = browser.post(site.url(f"rules/{rule.pk}/inside/{run}/{act}/"))
        assert answer.status_code == 302
    assert past.sql("select due <= vv_now() from lane where key = %s", go) == [(True,)]
    assert past.sql("select status, code from run where id = %s", out) == [(4, "stopped_by_person")]
    assert "bia@example.com" not in page(workplace, rule, site.owner).text
    kept = AuditEntry.objects.filter(workspace=site.workspace).values_list("action", flat=True)
    assert {"run.retried", "run.stopped"} <= set(kept)


def test_nobody_else_changes_anything(workplace: Workplace, past: Past, rule: Any) -> None:
    site = workplace.site
    run = enters(past, rule, "ana@example.com")
    other = workplace.rule(title="Outra", automation=AUTOMATION, then=STEPS)
    for who, expected in ((site.viewer, 403), (site.stranger, 404)):
        for act in ("go", "remove"):
            answer = site.browser(who).post(site.url(f"rules/{rule.pk}/inside/{run}/{act}/"))
            assert answer.status_code == expected
    wrong_rule = site.browser(site.owner).post(site.url(f"rules/{other.pk}/inside/{run}/remove/"))
    assert wrong_rule.status_code == 404
    assert page(workplace, rule, site.stranger).status_code == 404
    assert past.sql("select count(*) from pending where run_id = %s", run) == [(1,)]


def test_the_rule_and_the_list_lead_there(workplace: Workplace, past: Past, rule: Any) -> None:
    site = workplace.site
    enters(past, rule, "ana@example.com")
    plain = workplace.rule(title="Sem pessoas")
    browser = site.browser(site.viewer)
    link = site.url(f"rules/{rule.pk}/inside/")
    assert link in browser.get(site.url(f"rules/{rule.pk}/")).text
    assert "1 person" in browser.get(site.url(f"rules/{rule.pk}/")).text
    assert link in browser.get(site.url("rules/")).text
    assert f"rules/{plain.pk}/inside/" not in browser.get(site.url("rules/")).text


def test_the_api_lists_them_too(workplace: Workplace, past: Past, rule: Any) -> None:
    from tests.hub.api.test_api import program

    run = enters(past, rule, "ana@example.com", due=past.now + timedelta(days=1))
    [one] = program(workplace).get(f"/rules/{rule.pk}/inside")["items"]
    assert (one["person"], one["run"], one["step"], one["code"]) == (
        "ana@example.com", str(run), "pause", "waits_as_the_rule_says",
    )  # fmt: skip
