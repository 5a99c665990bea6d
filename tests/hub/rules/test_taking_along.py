"""Publishing while others wait inside: what is asked, who goes on in the new version, who stays and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.hub.api.test_api import program
from tests.hub.past import Past
from tests.hub.workplace import DEFINITION, Workplace

AUTOMATION = {"person": "signer.email", "inside": "wait"}
DEAL = DEFINITION["then"][0]


def pause(days: int = 2, step: str = "pause") -> dict[str, Any]:
    return {"id": step, "kind": "wait", "for": {"days": days}}


@pytest.fixture
def past(workplace: Workplace) -> Past:
    return Past(workplace)


@pytest.fixture
def rule(workplace: Workplace) -> Any:
    return workplace.rule(automation=AUTOMATION, then=[pause(), pause(5, "later"), DEAL])


def enters(past: Past, rule: Any, person: str, step: str = "pause", state: str = "wait") -> int:
    """Have a person wait at a step; return the run."""
    due = past.now + timedelta(days=1)
    run = past.waiting(state, "waits_as_the_rule_says", rule=rule.pk, params={"step": step}, due=due)
    past.insert("inside", ws=past.ws, rule=rule.pk, person=f"email:{person}", run_id=run, since=past.now)
    return run


def drafted(rule: Any, *steps: Any) -> None:
    from vaivem.hub.rules import publishing

    publishing.save_draft(rule, {**rule.draft, "then": list(steps)})


def versions(past: Past) -> list[tuple[Any, ...]]:
    return past.sql(
        "select i.version, p.version from item i join pending p using (ws, run_id) order by i.run_id"
    )


def test_who_publishes_is_asked_what_becomes_of_those_inside(
    workplace: Workplace, past: Past, rule: Any
) -> None:
    from vaivem.hub.workspaces.models import AuditEntry

    site = workplace.site
    goes, stays = enters(past, rule, "ana@example.com"), enters(past, rule, "bia@example.com", "later")
    drafted(rule, pause(9), DEAL)
    browser, address = site.browser(site.owner), site.url(f"rules/{rule.pk}/publish/")
    asked = browser.post(address)
    assert (asked.status_code, asked["location"]) == (302, address)
    rule.refresh_from_db()
    assert rule.version == 1
    text = browser.get(address).text
    assert "Wait for 2 days" in text
    assert "bia@example.com" in text
    assert "ana@example.com" not in text
    assert "this step is not in the new version" in text
    done = browser.post(address, {"inside": "move"}, follow=True)
    assert "1 of those inside finishes the version it is in." in done.text
    assert versions(past) == [(2, 2), (1, 1)]
    assert past.sql("select run_id, step from step where name = 'crossed'") == [(goes, "pause")]
    assert f"Moved to version 2 by {site.owner}" in browser.get(site.url(f"history/{goes}/")).text
    assert "Moved to version" not in browser.get(site.url(f"history/{stays}/")).text
    [entry] = AuditEntry.objects.filter(action="rule.moved_inside")
    assert (entry.member, entry.after) == (site.owner, {"version": 2, "moved": 1})


def test_who_says_nothing_else_has_them_finish_their_version(
    workplace: Workplace, past: Past, rule: Any
) -> None:
    site = workplace.site
    enters(past, rule, "ana@example.com")
    drafted(rule, pause(9), DEAL)
    site.browser(site.owner).post(site.url(f"rules/{rule.pk}/publish/"), {"inside": "finish"})
    rule.refresh_from_db()
    assert rule.version == 2
    assert versions(past) == [(1, 1)]


def test_nobody_is_asked_where_nobody_waits_or_nothing_changed(
    workplace: Workplace, past: Past, rule: Any
) -> None:
    site = workplace.site
    enters(past, rule, "ana@example.com", state="retry")
    drafted(rule, pause(9), DEAL)
    browser, address = site.browser(site.owner), site.url(f"rules/{rule.pk}/publish/")
    assert browser.post(address)["location"] == site.url(f"rules/{rule.pk}/")
    enters(past, rule, "bia@example.com")
    assert browser.get(address)["location"] == site.url(f"rules/{rule.pk}/")
    rule.refresh_from_db()
    assert rule.version == 2


def test_a_draft_that_cannot_be_published_says_so_first(workplace: Workplace, past: Past, rule: Any) -> None:
    site = workplace.site
    enters(past, rule, "ana@example.com")
    drafted(rule, pause(9), {**DEAL, "action": "gone"})
    answer = site.browser(site.owner).get(site.url(f"rules/{rule.pk}/publish/"))
    assert answer.status_code == 422
    assert "It was not published" in answer.text


def test_the_editor_leads_to_the_question(workplace: Workplace, past: Past, rule: Any) -> None:
    from tests.hub.forms import fields_of

    site = workplace.site
    enters(past, rule, "ana@example.com")
    browser, address = site.browser(site.owner), site.url(f"rules/{rule.pk}/edit/")
    drafted(rule, pause(9), DEAL)
    form = fields_of(browser.get(address).text, "rule-form")
    answer = browser.post(address, {**form, "act": "publish"})
    assert answer["location"] == site.url(f"rules/{rule.pk}/publish/")


def test_one_or_all_are_moved_later(workplace: Workplace, past: Past, rule: Any) -> None:
    site = workplace.site
    runs = [enters(past, rule, f"p{number}@example.com") for number in range(3)]
    enters(past, rule, "stuck@example.com", state="retry")
    drafted(rule, pause(9), DEAL)
    browser, here = site.browser(site.owner), site.url(f"rules/{rule.pk}/inside/")
    browser.post(site.url(f"rules/{rule.pk}/publish/"), {"inside": "finish"})
    text = browser.get(here).text
    assert text.count("Move to version 2") == 3
    assert "Move 3 to version 2" in text
    assert "Move to version 2" not in site.browser(site.viewer).get(here).text
    assert browser.post(f"{here}{runs[0]}/move/").status_code == 302
    assert versions(past) == [(2, 2), (1, 1), (1, 1), (1, 1)]
    assert "Not moved" in browser.post(f"{here}{runs[0]}/move/", follow=True).text
    assert "2 people go on in version 2." in browser.post(f"{here}move/", follow=True).text
    assert versions(past) == [(2, 2), (2, 2), (2, 2), (1, 1)]


def test_nobody_else_moves_anybody(workplace: Workplace, past: Past, rule: Any) -> None:
    site = workplace.site
    run = enters(past, rule, "ana@example.com")
    drafted(rule, pause(9), DEAL)
    for who, expected in ((site.viewer, 403), (site.stranger, 404)):
        browser = site.browser(who)
        for act in (f"inside/{run}/move/", "inside/move/", "publish/"):
            assert (
                browser.post(site.url(f"rules/{rule.pk}/{act}"), {"inside": "move"}).status_code == expected
            )
        assert browser.get(site.url(f"rules/{rule.pk}/publish/")).status_code == expected
    other = workplace.rule(title="Outra", automation=AUTOMATION, then=[pause(), DEAL])
    wrong = site.browser(site.owner).post(site.url(f"rules/{other.pk}/inside/{run}/move/"))
    assert wrong.status_code == 404
    assert versions(past) == [(1, 1)]


def test_programs_ask_and_move_too(workplace: Workplace, past: Past, rule: Any) -> None:
    run = enters(past, rule, "ana@example.com")
    enters(past, rule, "bia@example.com", "later")
    drafted(rule, pause(9), DEAL)
    owner, reader = program(workplace), program(workplace, "rules:read")
    seen = reader.get(f"/rules/{rule.pk}/inside/move?draft=true")
    assert (seen["going"], seen["staying"]) == (1, 1)
    assert {one["step"]: one["code"] for one in seen["groups"]} == {"pause": "", "later": "step_gone"}
    assert reader.get(f"/rules/{rule.pk}/inside/move")["groups"] == []
    for path in (
        f"/rules/{rule.pk}/publish",
        f"/rules/{rule.pk}/inside/move",
        f"/rules/{rule.pk}/inside/{run}/move",
    ):
        assert reader.ask("POST", path, {})[0] == 403
    assert owner.ask("POST", f"/rules/{rule.pk}/publish", {"inside": "nonsense"})[0] == 422
    owner.post(f"/rules/{rule.pk}/publish", {"inside": "finish"})
    assert [one["can_move"] for one in reader.get(f"/rules/{rule.pk}/inside")["items"]] == [True, False]
    assert owner.post(f"/rules/{rule.pk}/inside/{run}/move") == {"moved": 1, "staying": 1}
    assert owner.post(f"/rules/{rule.pk}/inside/move") == {"moved": 0, "staying": 1}
    drafted(rule, pause(9), pause(5, "later"), DEAL)
    assert owner.ask("POST", f"/rules/{rule.pk}/publish", {"inside": "move"})[0] == 200
    assert versions(past) == [(3, 3), (3, 3)]


def test_programs_of_others_see_and_move_nobody(workplace: Workplace, past: Past, rule: Any) -> None:
    from tests.hub.api.test_api import Program

    from vaivem.hub.workspaces.access import token_for

    run = enters(past, rule, "ana@example.com")
    stranger = Program(token_for(workplace.site.stranger.workspaces.get(), "t"))
    for method, path in (("GET", "move"), ("POST", "move"), ("POST", f"{run}/move")):
        assert stranger.ask(method, f"/rules/{rule.pk}/inside/{path}")[0] == 404
