"""Bringing in the past of a rule: what each person may do, and what the page says as it goes on."""

from __future__ import annotations

import json

from django.db import connection as database
from tests.hub.workplace import Workplace

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
