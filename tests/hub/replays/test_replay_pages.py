"""Repeating runs by clicking: before and after, who may, and what is said."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from tests.hub.past import BODY, Past
from tests.hub.workplace import DEFINITION, SECRET, Workplace


@pytest.fixture
def past(workplace: Workplace) -> Past:
    return Past(workplace)


@pytest.fixture
def owner(workplace: Workplace) -> Any:
    return workplace.site.browser(workplace.site.owner)


def url(past: Past, rest: str = "") -> str:
    return past.workplace.site.url(f"history/replays/{rest}")


def plain(page: Any) -> str:
    text = page.content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text[text.index("<main") :])).split())


def corrected(past: Past, number: int = 3) -> tuple[int, list[int]]:
    """Let runs fail with a rule, and publish a corrected one."""
    from vaivem.hub.rules import publishing

    rule = past.workplace.rule()
    runs = []
    for one in range(number):
        body = {**BODY, "document": {"key": f"doc-{one}", "name": f"Contrato {one}"}}
        event = past.event(f"Contrato {one}", record=f"doc-{one}", body=json.dumps(body).encode())
        runs.append(past.run(rule.pk, 2, event=event, code="record_refused", finished=past.now))
    step = DEFINITION["then"][0]  # type: ignore[index]
    fields = {**step["fields"], "deal.name": {"text": "Negócio {{ document.name }}"}}
    publishing.save_draft(rule, {**DEFINITION, "then": [{**step, "fields": fields}]})
    publishing.publish(rule)
    return rule.pk, runs


def looked_at(past: Past, replay: int, part: int = 1) -> None:
    """Do as the worker does, without one."""
    past.sql("update replay set state = 1 where id = %s", replay)
    past.sql(
        "update replay_run q set state = %s, version = r.version from rule r"
        " where r.id = q.rule and replay = %s",
        part, replay,
    )  # fmt: skip


def asked(past: Past, owner: Any, data: dict[str, Any]) -> int:
    answer = owner.post(url(past, "ask/"), data)
    assert answer.status_code == 302
    return int(answer.url.rstrip("/").rpartition("/")[2])


def test_a_filter_becomes_a_set_with_before_and_after(past: Past, owner: Any) -> None:
    rule, runs = corrected(past)
    past.run(rule, 1)
    listed = owner.get(past.workplace.site.url(f"history/?status=failed&rule={rule}"))
    assert "Repeat all of these" in plain(listed)
    replay = asked(past, owner, {"all": "1", "status": "failed", "rule": str(rule)})
    assert past.sql("select run_id from replay_run order by 1") == [(run,) for run in runs]
    page = owner.get(url(past, f"{replay}/"))
    assert "0 of 3 runs looked at" in plain(page)
    assert 'hx-trigger="every 2s"' in page.content.decode()
    looked_at(past, replay)
    page = owner.get(url(past, f"{replay}/"))
    text = plain(page)
    assert "3 of 3 runs would be done" in text
    assert "Contrato Contrato 0" in text
    assert "Negócio Contrato 0" in text
    assert "Repeat 3 runs" in text
    assert SECRET not in page.content.decode()
    begun = owner.post(url(past, f"{replay}/start/"), follow=True)
    assert "You can leave this page" in plain(begun)
    assert past.sql("select state, again, older from replay") == [(2, [], False)]
    actions = past.sql("select action from audit_entry where action like 'replay%%' order by id")
    assert [row[0] for row in actions] == [
        "replay.asked", "replay.started",
    ]  # fmt: skip


def test_progress_is_found_again_with_its_time_left(past: Past, owner: Any) -> None:
    _, runs = corrected(past, 4)
    replay = asked(past, owner, {"run": [str(run) for run in runs]})
    looked_at(past, replay)
    past.sql("update replay set state = 2, started = vv_now() - interval '10 minutes'")
    past.sql("update replay_run set state = 7 where run_id = %s", runs[0])
    past.sql("update replay_run set state = 6 where run_id = %s", runs[1])
    text = plain(owner.get(url(past, f"{replay}/")))
    assert "1 of 4" in text
    assert "about 30 minutes left" in text
    part = owner.get(url(past, f"{replay}/?live=1"), headers={"HX-Request": "true"})
    assert 'aria-valuenow="25"' in part.content.decode()
    assert "4 picked runs" in plain(owner.get(url(past)))
    stopped = owner.post(url(past, f"{replay}/stop/"), follow=True)
    assert "What had begun ends" in plain(stopped)
    assert past.sql("select state from replay") == [(4,)]


def test_every_run_can_be_paged_to_and_filtered(past: Past, owner: Any) -> None:
    _, runs = corrected(past, 25)
    replay = asked(past, owner, {"run": [str(run) for run in runs]})
    looked_at(past, replay)
    past.sql("update replay_run set state = 2, code = 'mapping_failed' where run_id = %s", runs[24])
    first = owner.get(url(past, f"{replay}/"))
    assert [one["row"].run for one in first.context["rows"]] == runs[:20]
    second = owner.get(url(past, f"{replay}/?after={first.context['next']}"))
    assert [one["row"].run for one in second.context["rows"]] == runs[20:]
    failing = owner.get(url(past, f"{replay}/?part=2"))
    assert [one["row"].run for one in failing.context["rows"]] == [runs[24]]
    assert owner.get(url(past, f"{replay}/?part=99")).status_code == 404


def test_a_value_that_still_does_not_fit_is_shown_at_its_field(past: Past, owner: Any) -> None:
    from vaivem.hub.rules import publishing
    from vaivem.hub.rules.models import Rule

    number, runs = corrected(past, 1)
    step = DEFINITION["then"][0]  # type: ignore[index]
    fields = {**step["fields"], "deal.custom.cpf": {"from": "signer.name"}}
    rule = Rule.objects.get(pk=number)
    publishing.save_draft(rule, {**DEFINITION, "then": [{**step, "fields": fields}]})
    publishing.publish(rule)
    replay = asked(past, owner, {"run": str(runs[0])})
    looked_at(past, replay)
    text = plain(owner.get(url(past, f"{replay}/")))
    assert "CPF do cliente" in text
    assert "Marina Duarte" in text


def test_a_changed_rule_is_looked_at_anew(past: Past, owner: Any) -> None:
    _, runs = corrected(past, 1)
    replay = asked(past, owner, {"run": str(runs[0])})
    looked_at(past, replay)
    past.sql("update replay_run set version = 1")
    page = owner.post(url(past, f"{replay}/start/"), follow=True)
    assert "looked at anew" in plain(page)
    assert past.sql("select p.state, q.state from replay p, replay_run q") == [(0, 0)]


def test_only_steps_that_had_been_done_can_be_ticked(past: Past, owner: Any) -> None:
    _, runs = corrected(past, 1)
    past.call(runs[0], 1001)
    replay = asked(past, owner, {"run": str(runs[0])})
    looked_at(past, replay)
    page = owner.post(url(past, f"{replay}/start/"), {"again": "1:other"}, follow=True)
    assert "is not a step" in plain(page)
    assert past.sql("select state from replay") == [(1,)]


def test_a_repeated_run_is_repeated_through_its_newest(past: Past, owner: Any) -> None:
    rule, runs = corrected(past, 1)
    newer = past.run(rule, 2, replay_of=runs[0])
    past.sql("update run set replayed_by = %s where id = %s", newer, runs[0])
    asked(past, owner, {"run": str(runs[0])})
    assert past.sql("select run_id from replay_run") == [(newer,)]
    old = plain(owner.get(past.workplace.site.url(f"history/{runs[0]}/")))
    assert "It was repeated" in old
    assert "Retry from where it stopped" not in old
    assert "It repeats an earlier run" in plain(owner.get(past.workplace.site.url(f"history/{newer}/")))


def test_nothing_to_repeat_is_said(past: Past, owner: Any) -> None:
    answer = owner.post(url(past, "ask/"), {"run": "77"}, follow=True)
    assert "There is nothing to repeat" in plain(answer)
    assert past.sql("select count(*) from replay") == [(0,)]
    assert "Nothing repeated yet" in plain(owner.get(url(past)))
    assert owner.post(url(past, "ask/"), {"all": "1", "status": "other"}).status_code == 404


def test_three_people(past: Past, owner: Any) -> None:
    site = past.workplace.site
    _, runs = corrected(past, 1)
    replay = asked(past, owner, {"run": str(runs[0])})
    for rest in ("", f"{replay}/"):
        assert site.browser(site.viewer).get(url(past, rest)).status_code == 200
        assert site.browser(site.stranger).get(url(past, rest)).status_code == 404
        assert site.browser().get(url(past, rest)).status_code == 302
    looked_at(past, replay)
    for rest in ("ask/", f"{replay}/start/", f"{replay}/stop/"):
        assert site.browser(site.viewer).post(url(past, rest), {"run": "1"}).status_code == 403
        assert site.browser(site.stranger).post(url(past, rest), {"run": "1"}).status_code == 404
        assert site.browser(site.owner).get(url(past, rest)).status_code == 405
        assert site.browser(site.owner, csrf=True).post(url(past, rest)).status_code == 403
    assert past.sql("select state from replay") == [(1,)]
    other = f"/w/outra/history/replays/{replay}/"
    assert site.browser(site.stranger).get(other).status_code == 404
    assert site.browser(site.stranger).post(f"{other}start/").status_code == 404
    viewed = plain(site.browser(site.viewer).get(site.url("history/")))
    assert "Pick" not in viewed


def test_picked_runs_go_on_from_where_they_stopped(past: Past, owner: Any) -> None:
    rule, runs = corrected(past, 2)
    done = past.run(rule, 1)
    picked = [str(number) for number in (*runs, done, 5)]
    page = owner.post(past.workplace.site.url("history/retry/"), {"run": picked}, follow=True)
    assert "2 runs go on" in plain(page)
    assert "2 were left as they are" in plain(page)
    assert past.sql("select count(*) from item") == [(2,)]
