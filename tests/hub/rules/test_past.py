"""Bringing in the past of a rule: what each person may do, and what the page says as it goes on."""

from __future__ import annotations

import json
import re

from django.db import connection as database
from tests.hub.workplace import DEFINITION, Workplace

from vaivem.hub.rules import backfilling


def moved(state: int, counts: str = "{}") -> None:
    """Let a worker have come so far."""
    with database.cursor() as cursor:
        cursor.execute("update backfill set state = %s, at = until, counts = %s::jsonb", [state, counts])


def test_it_is_looked_at_started_stopped_and_gone_on_with(workplace: Workplace) -> None:
    site = workplace.site
    rule = workplace.rule()
    browser = site.browser(site.owner)
    address = site.url(f"rules/{rule.pk}/past/")
    assert f"rules/{rule.pk}/past/" in browser.get(site.url(f"rules/{rule.pk}/")).content.decode()
    assert 'name="days"' in browser.get(address).content.decode()
    assert browser.post(address, {"act": "look", "days": "90"}).status_code == 302
    page = browser.get(address).content.decode()
    assert 'role="progressbar"' in page
    assert "hx-get" in page
    counted = {"by_step": {"deal": 1200}, "by_tag": {"cliente": 7}, "by_step_seen": {"x": 1}, "unforeseen": 4}
    counted |= {"more_tags": 1}
    moved(1, json.dumps({"events": 3, "records": 2, "people": 5, "records_seen": {"x": 1}, **counted}))
    page = browser.get(address).content.decode()
    assert "1.200 records" in page
    assert "Tag “cliente”" in page
    assert "4 events are not among them" in page
    assert "There are more tags than these." in page
    moved(1, '{"events": 3, "unforeseen": 3}')
    assert "3 events are not among them" in browser.get(address).content.decode()
    moved(1, json.dumps({"events": 3, "records": 2, "people": 5, "records_seen": {"x": 1}, **counted}))
    page = browser.get(address).content.decode()
    assert 'value="start"' in page
    assert ">5<" in page
    browser.post(address, {"act": "start", "step": ["gone"]})
    found = backfilling.last(rule)
    assert found is not None
    assert (int(found.state), found.steps, found.counts["events"]) == (2, (), 3)
    assert found.at == found.since
    assert not {"records_seen", "by_step_seen"} & found.counts.keys()
    browser.post(address, {"act": "stop"})
    page = browser.get(address).content.decode()
    assert 'value="go_on"' in page
    browser.post(address, {"act": "go_on"})
    assert 'value="stop"' in browser.get(address).content.decode()
    moved(3, '{"begun": 1, "taken": 3}')
    assert 'value="look"' in browser.get(address).content.decode()


def test_only_who_may_change_rules_starts_it_and_strangers_see_nothing(workplace: Workplace) -> None:
    site = workplace.site
    rule = workplace.rule()
    viewer, stranger = site.viewer, site.stranger
    address = site.url(f"rules/{rule.pk}/past/")
    assert site.browser(viewer).get(address).status_code == 200
    assert site.browser(viewer).post(address, {"act": "look"}).status_code == 403
    assert site.browser(stranger).get(address).status_code == 404
    assert site.browser(stranger).post(address, {"act": "look"}).status_code == 404
    assert backfilling.last(rule) is None


def test_a_draft_that_was_never_on_has_no_past(workplace: Workplace) -> None:
    site = workplace.site
    rule = workplace.rule()
    rule.version = None
    rule.save()
    response = site.browser(site.owner).post(site.url(f"rules/{rule.pk}/past/"), {"act": "look"})
    assert response.status_code == 302
    assert backfilling.last(rule) is None


def test_what_is_in_already_is_said_and_what_was_left_out_is_offered(workplace: Workplace) -> None:
    site = workplace.site
    tell = {"id": "tell", "kind": "notify", "member": site.owner.email, "text": {"text": "feito"}}
    rule = workplace.rule(then=[*DEFINITION["then"], tell])
    browser, address = site.browser(site.owner), site.url(f"rules/{rule.pk}/past/")
    browser.post(address, {"act": "look", "days": "90"})
    moved(1, json.dumps({"events": 1300, "known": 1200, "failed": 3, "left_out": {"tell": 1100}}))
    page = browser.get(address).content.decode()
    assert "1.200 events are in already" in page
    assert "was left out of 1.100 events that are in already" in page
    assert "3 events that are in already have failed." in page
    assert "Bring it in" in page
    history = browser.get(re.search(r'href="([^"]*status=failed)"', page)[1].replace("&amp;", "&"))  # type: ignore[index]
    assert history.status_code == 200
    moved(1, json.dumps({"events": 1200, "known": 1200, "left_out": {"tell": 1}}))
    page = browser.get(address).content.decode()
    assert "was left out of 1 event that is in already" in page
    assert "Make up for what is ticked" in page
    assert "The rule of today runs for each" not in page
    moved(1, json.dumps({"events": 1, "known": 1, "left_out": {}}))
    page = browser.get(address).content.decode()
    assert "All of this is in already" in page
    assert 'value="start"' not in page
    again = re.search(r'href="([^"]*)">To run the rule of today for some of it once more', page)
    assert again is not None
    assert browser.get(again[1]).status_code == 200
    moved(1, json.dumps({"events": 1200, "known": 1200, "left_out": {"tell": 1}}))
    browser.post(address, {"act": "start", "step": ["tell"]})
    found = backfilling.last(rule)
    assert found is not None
    assert (found.steps, dict(found.counts)) == (("tell",), {"events": 1200, "begun": 1})
    moved(3, json.dumps({"begun": 1, "made_up": 7, "known": 5, "waits": 2}))
    page = browser.get(address).content.decode()
    assert "Events that steps were made up for" in page
    assert "2 events that are in already wait for something" in page


def test_of_two_people_one_does_not_begin_what_the_other_saw(workplace: Workplace) -> None:
    site = workplace.site
    rule = workplace.rule()
    one, other = site.browser(site.owner), site.browser(site.owner)
    address = site.url(f"rules/{rule.pk}/past/")
    one.post(address, {"act": "look", "days": "30"})
    moved(1, '{"events": 3}')
    seen = re.search(r'name="seen" value="(\d+)"', one.get(address).content.decode())
    assert seen is not None
    other.post(address, {"act": "look", "days": "90"})
    moved(1, '{"events": 9}')
    page = one.post(address, {"act": "start", "seen": seen[1]}, follow=True).content.decode()
    assert "Nothing was changed" in page
    now = re.search(r'name="seen" value="(\d+)"', page)
    assert now is not None
    assert (
        "Nothing was changed"
        not in one.post(address, {"act": "start", "seen": now[1]}, follow=True).content.decode()
    )
    with database.cursor() as cursor:
        cursor.execute("select state from backfill order by id")
        assert cursor.fetchall() == [(1,), (2,)], "the look of before stays a look"
    twice = other.post(address, {"act": "start", "seen": now[1]}, follow=True).content.decode()
    assert "Nothing was changed" in twice
    late = other.post(address, {"act": "look", "days": "30"}, follow=True).content.decode()
    assert "The past of this rule is being brought in." in late
    found = backfilling.last(rule)
    assert found is not None
    assert (str(found.id), int(found.state)) == (now[1], 2)
