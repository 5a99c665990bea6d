"""The history's pages: who sees them, what they say, what can be done there."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from tests.hub.past import Past
from tests.hub.workplace import SECRET, Workplace


@pytest.fixture
def past(workplace: Workplace) -> Past:
    return Past(workplace)


@pytest.fixture
def owner(workplace: Workplace) -> Any:
    return workplace.site.browser(workplace.site.owner)


def url(past: Past, rest: str = "") -> str:
    return past.workplace.site.url(f"history/{rest}")


def plain(page: Any) -> str:
    """Return a page's text without its tags."""
    text = page.content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text[text.index("<main") :])).split())


def failed_run(past: Past) -> int:
    rule = past.workplace.rule()
    problem = {"code": "record_refused", "params": {"message": "não é um número"}, "path": "price"}
    run = past.run(rule.pk, 2, code="record_refused", params=json.dumps({"problems": [problem]}))
    past.call(run, 1000, name="deals.find", write=False, method="GET", status=200, response=b"[]")
    past.call(
        run, 1001, **{"try": 1, "status": 0, "response": None, "code": "vendor_timed_out", "done": False}
    )
    answer = (
        b'{"errors": [{"field": "price", "detail": "<script>alert(1)</script>"}], "api_token": "segredo"}'
    )
    past.call(
        run, 1001, **{"try": 2, "status": 422, "response": answer, "code": "record_refused", "done": False}
    )
    return run


def addresses(past: Past) -> list[str]:
    run, unused = failed_run(past), past.event("Solto", items=0)
    past.rejected()
    return ["", "events/", f"events/{unused}/", "rejected/", f"{run}/"]


def test_three_people(past: Past) -> None:
    site = past.workplace.site
    for rest in addresses(past):
        assert site.browser(site.owner).get(url(past, rest)).status_code == 200, rest
        assert site.browser(site.viewer).get(url(past, rest)).status_code == 200, rest
        assert site.browser(site.stranger).get(url(past, rest)).status_code == 404, rest
        assert site.browser().get(url(past, rest)).status_code == 302, rest


def test_a_viewer_and_a_stranger_change_nothing(past: Past) -> None:
    site = past.workplace.site
    failed, waiting, rejected = failed_run(past), past.waiting("decision", "several_matches"), past.rejected()
    decision = past.decision(waiting)
    acts = [
        f"{failed}/retry/",
        f"{waiting}/stop/",
        f"{waiting}/decisions/{decision}/",
        f"rejected/{rejected}/retake/",
    ]
    for rest in acts:
        assert site.browser(site.viewer).post(url(past, rest), {"answer": "skip"}).status_code == 403, rest
        assert site.browser(site.stranger).post(url(past, rest), {"answer": "skip"}).status_code == 404, rest
        assert site.browser(site.owner, csrf=True).post(url(past, rest)).status_code == 403, rest
    assert past.sql("select count(*) from decision where answer is null") == [(1,)]
    page = site.browser(site.viewer).get(url(past, f"{waiting}/")).content.decode()
    assert "An editor or administrator can answer." in page
    assert 'name="answer"' not in page


def test_no_secret_is_on_any_page(past: Past, owner: Any) -> None:
    body = {
        "event": "document_closed",
        "access_token": "muito-secreto",
        "document": {"key": "1", "name": "x"},
    }
    event = past.event("Com segredo", items=0, body=json.dumps(body).encode())
    for rest in [*addresses(past), f"events/{event}/"]:
        page = owner.get(url(past, rest)).content.decode()
        for secret in (SECRET, "muito-secreto", "segredo&quot;", '"segredo"'):
            assert secret not in page, rest


def test_the_list_says_what_came_of_each_run(past: Past, owner: Any) -> None:
    rule = past.workplace.rule()
    record = {"conn": str(past.workplace.crm.pk), "object": "deal", "id": "d1", "did": "created", "name": "D"}
    past.run(rule.pk, records=json.dumps([record]))
    past.run(rule.pk, 3, code="filtered")
    past.waiting(rule=rule.pk)
    page = plain(owner.get(url(past)))
    for said in (
        "created deal",
        "No action",
        "The rule's conditions did not hold",
        "Acme CRM is out of service",
    ):
        assert said in page, said
    assert page.count("Today,") == 1


def test_filters_narrow_and_stay_in_the_form(past: Past, owner: Any) -> None:
    rule = past.workplace.rule()
    past.run(rule.pk, 2, event=past.event("Falhou mesmo"), code="record_refused")
    past.run(rule.pk, event=past.event("Deu certo"))
    page = owner.get(url(past), {"status": "failed", "rule": rule.pk, "q": "mesmo"})
    assert "Falhou mesmo" in plain(page)
    assert "Deu certo" not in plain(page)
    assert '<option value="failed" selected>' in page.content.decode()
    nothing = plain(owner.get(url(past), {"q": "zebra"}))
    assert "We looked for “zebra”" in nothing
    assert owner.get(url(past), {"status": "x"}).status_code == 404
    assert owner.get(url(past), {"before": "x"}).status_code == 404


def test_pages_go_on_by_key(past: Past, owner: Any) -> None:
    for number in range(60):
        past.run(event=past.event(f"Contrato {number}"))
    first = owner.get(url(past)).content.decode()
    following = re.search(r'href="\?before=(\d+)"', first)
    assert following
    rest = owner.get(url(past), {"before": following[1]}).content.decode()
    assert (first.count('class="main"'), rest.count('class="main"')) == (50, 10)
    assert 'id="pager"' in rest


def test_new_runs_are_only_counted(past: Past, owner: Any) -> None:
    seen = past.run()
    quiet = owner.get(url(past), {"fresh": seen}).content.decode()
    assert "Show" not in quiet
    assert f"fresh={seen}" in quiet
    past.run()
    assert "Show 1 new" in owner.get(url(past), {"fresh": seen}).content.decode()


def test_a_failed_run_says_what_was_sent_and_what_came_back(past: Past, owner: Any) -> None:
    run = failed_run(past)
    page = owner.get(url(past, f"{run}/"))
    text = plain(page)
    for said in (
        "Failed at step 1",
        "“Create or update a deal” was not done",
        "não é um número",
        "Try 2:",
        "Received from Assinaturas Raiar",
        "Document name Contrato Duarte",
        "3 calls",
        "Retry from where it stopped",
    ):
        assert said in text, said
    raw = page.content.decode()
    assert "<script>alert" not in raw
    assert '<span class="k">"detail"</span>: "&lt;script&gt;' in raw
    answer = owner.post(url(past, f"{run}/retry/"), follow=True)
    assert "On its way" in plain(answer)
    assert past.sql("select count(*) from item where run_id = %s", run) == [(1,)]


def test_a_finished_run_leads_to_its_records(past: Past, owner: Any) -> None:
    rule = past.workplace.rule()
    conn = str(past.workplace.crm.pk)
    records = [
        {"conn": conn, "object": "deal", "id": "d1", "did": "created", "name": "Contrato", "url": ""},
        {"conn": conn, "object": "contact", "id": "c1", "did": "found", "name": "Ana", "url": "javascript:x"},
    ]
    run = past.run(rule.pk, records=json.dumps(records))
    page = owner.get(url(past, f"{run}/")).content.decode()
    assert 'href="https://crm.acme.example/app/deal/d1"' in page
    assert "javascript:" not in page
    assert "created deal" in page


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("deal.pipeline", "p1", "Vendas"),
        ("deal.stage", "s12", "Contrato assinado"),
        ("deal.stage", "s21", ""),  # of another funnel
        ("deal.name", "p1", ""),
    ],
)
def test_a_code_out_of_an_account_s_list_is_told_by_its_name(
    past: Past, key: str, value: str, name: str
) -> None:
    from vaivem.hub.history.names import Names
    from vaivem.hub.history.why import choice_name

    seen = Names(past.workplace.site.workspace).seen(past.workplace.crm.pk)
    assert seen is not None
    told = choice_name(seen, key, value, {"deal": {"pipeline": "p1", "stage": value}})
    assert told == name


def test_a_run_without_effect_says_which_condition_failed(past: Past, owner: Any) -> None:
    rule = past.workplace.rule()
    tests = [
        {"field": "document.name", "is": "contains", "value": "Contrato", "seen": "Termo", "passed": False}
    ]
    run = past.run(rule.pk, 3, code="filtered", params=json.dumps({"tests": tests}))
    text = plain(owner.get(url(past, f"{run}/")))
    assert "Why did nothing happen?" in text
    assert "Document name contains “Contrato”: it was “Termo”" in text


def test_a_waiting_run_says_since_when_and_how_many_wait_behind(past: Past, owner: Any) -> None:
    rule = past.workplace.rule()
    run = past.waiting(rule=rule.pk, lane=9)
    past.item(rule.pk, lane=9, seq=2)
    text = plain(owner.get(url(past, f"{run}/")))
    for said in (
        "Waiting for Acme CRM",
        "2 tries so far",
        "1 later event of the same record waits behind it",
    ):
        assert said in text, said
    assert "Stopped. What waited behind it goes on." in plain(
        owner.post(url(past, f"{run}/stop/"), follow=True)
    )
    assert past.sql("select status from run where id = %s", run) == [(4,)]


def test_a_write_in_doubt_is_settled_on_the_page(past: Past, owner: Any) -> None:
    rule = past.workplace.rule()
    run = past.waiting("decision", "write_in_doubt", rule=rule.pk)
    decision = past.decision(run)
    text = plain(owner.get(url(past, f"{run}/")))
    assert "Was this done in Acme CRM?" in text
    assert '"name" : "Contrato Duarte"' in text
    address = url(past, f"{run}/decisions/{decision}/")
    unanswered = owner.post(address)
    assert unanswered.status_code == 422
    assert "Choose one of the answers." in plain(unanswered)
    owner.post(address, {"answer": "done", "record": "d9"})
    assert past.sql("select answer ->> 'record' from decision") == [("d9",)]
    again = owner.post(address, {"answer": "do"}, follow=True)
    assert "This was decided already." in plain(again)
    assert "Júlia Prates" in plain(again)


def test_candidates_stand_side_by_side(past: Past, owner: Any) -> None:
    run = past.waiting("decision", "several_matches")
    candidates = [
        {"id": "1", "name": "Ana Lima", "email": "ana@x.example"},
        {"id": "2", "name": "Ana L.", "phone": "+5511"},
    ]
    decision = past.decision(run, "choice", object="contact", candidates=candidates)
    page = owner.get(url(past, f"{run}/")).content.decode()
    for said in ("Ana Lima", "Contact e-mail: ana@x.example", 'value="record:2"', "None of these"):
        assert said in page, said
    other = past.waiting("decision", "several_matches")
    assert owner.post(url(past, f"{other}/decisions/{decision}/"), {"answer": "skip"}).status_code == 404
    owner.post(url(past, f"{run}/decisions/{decision}/"), {"answer": "record:2", "remember": "on"})
    [(answer,)] = past.sql("select answer::text from decision")
    assert json.loads(answer) == {"choice": "record", "record": "2", "remember": True}


def test_an_event_without_a_rule_says_why(past: Past, owner: Any) -> None:
    nobody = past.event("Antes de tudo", items=0)
    assert "No rule starts from “Assinaturas Raiar”" in plain(owner.get(url(past, f"events/{nobody}/")))
    rule = past.workplace.rule()
    early = past.event("Cedo", items=0, occurred=past.now - timedelta(days=1))
    other = past.event("Outro", items=0, kind="sign")
    assert "It was switched on after this happened" in plain(owner.get(url(past, f"events/{early}/")))
    assert f"{rule.title} : It starts from another kind of event." in plain(
        owner.get(url(past, f"events/{other}/"))
    )
    assert "Antes de tudo" in plain(owner.get(url(past, "events/")))


def test_a_delivery_that_no_connector_can_read_is_shown_as_it_came(past: Past, owner: Any) -> None:
    event = past.event("Estranho", items=0, body=b"\xff\x00<xml>")
    page = owner.get(url(past, f"events/{event}/"))
    assert page.status_code == 200
    assert "&lt;xml&gt;" in page.content.decode()


def test_refused_deliveries_are_read_again_or_dismissed(past: Past, owner: Any) -> None:
    first, second = past.rejected(), past.rejected()
    assert "The delivery is authentic but could not be read" in plain(owner.get(url(past, "rejected/")))
    assert "being read again" in plain(owner.post(url(past, f"rejected/{first}/retake/"), follow=True))
    assert past.sql("select count(*) from pgqueuer") == [(1,)]
    owner.post(url(past, f"rejected/{second}/dismiss/"))
    assert past.sql("select id from rejected where state = 0") == [(first,)]
    assert owner.post(url(past, f"rejected/{second}/dismiss/")).status_code == 404


def test_a_run_whose_event_and_rule_are_gone_still_has_its_page(past: Past, owner: Any) -> None:
    run = past.run(rule=987654, event=past.id())
    past.call(run)
    page = plain(owner.get(url(past, f"{run}/")))
    assert "The event is no longer kept." in page
    assert "rule 987654" in page


def test_an_answered_run_goes_on_in_a_moment(past: Past, owner: Any) -> None:
    run = past.waiting("decision", "write_in_doubt", rule=past.workplace.rule().pk)
    decision = past.decision(run)
    owner.post(url(past, f"{run}/decisions/{decision}/"), {"answer": "do"})
    page = owner.get(url(past, f"{run}/"))
    assert "answered; it goes on in a moment" in plain(page)
    assert 'hx-trigger="every 4s"' in page.content.decode()
    assert "Try now" not in plain(page)


def test_reading_again_after_a_wait_is_no_failed_try(past: Past, owner: Any) -> None:
    run = past.run(past.workplace.rule().pk)
    for attempt in (1, 2):
        past.call(run, 1000, **{"try": attempt, "write": False, "method": "GET", "status": 200})
    assert "Try 2:" not in plain(owner.get(url(past, f"{run}/")))


def test_what_came_twice_is_found_and_explained(past: Past, owner: Any) -> None:
    rule = past.workplace.rule()
    event = past.event("Contrato Lúcia Ramos", found_by=("Contrato Lúcia Ramos",))
    run = past.run(rule.pk, event=event)
    unused = past.event("Aditivo Ramos", items=0, found_by=("Aditivo Ramos",))
    for number, times in ((event, 2), (unused, 1)):
        past.insert("repeated", ws=past.ws, event_id=number, times=times, last=past.now, alike=True)
    found = plain(owner.get(url(past) + "?q=lucia+ramos"))
    assert "came 2 more times, taken once" in found
    for page in (f"{run}/", f"events/{event}/"):
        text = plain(owner.get(url(past, page)))
        assert "The same event came 2 more times" in text
        assert "was recognised and did nothing: this is where all of it was done" in text
        assert "choose at the connection a field" not in text  # this system names its deliveries itself
    assert "came once more, taken once" in plain(owner.get(url(past, "events/") + "?q=aditivo"))
    assert "The same event came once more" in plain(owner.get(url(past, f"events/{unused}/")))
    past.sql("delete from repeated")
    assert "came once more" not in plain(owner.get(url(past, "events/") + "?q=aditivo"))


def test_a_retry_that_would_put_old_data_over_new_asks_first(past: Past, owner: Any) -> None:
    rule = past.workplace.rule()
    old, other = past.event(found_by=("doc-1",)), past.event("Outro", record="doc-2", found_by=("doc-2",))
    failed = [past.run(rule.pk, 2, event=event, code="record_refused") for event in (old, other)]
    newer = past.run(rule.pk, event=past.event("Mais novo", found_by=("doc-1",)))
    answer = owner.post(url(past, f"{failed[0]}/retry/"))
    text = plain(answer)
    assert answer.status_code == 409
    assert "a newer event of the same record came first" in text
    assert f"history/{newer}/" in answer.content.decode()
    assert past.sql("select count(*) from item") == [(0,)]
    assert past.sql("select status from run where id = %s", failed[0]) == [(2,)]
    picked = owner.post(url(past, "retry/"), {"run": failed}, follow=True)
    assert "1 run goes on from where it stopped" in plain(picked)
    assert "1 was left as it is: a newer event of its record came first" in plain(picked)
    assert past.sql("select run_id from item") == [(failed[1],)]
    assert owner.post(url(past, f"{failed[0]}/retry/"), {"older": "on"}).status_code == 302
    # By what their deliveries say they are of one record: the older one goes first.
    assert past.sql("select run_id from item order by seq") == [(number,) for number in failed]


def test_what_a_link_found_is_said_of_the_step_and_is_no_failure(past: Past, owner: Any) -> None:
    run = past.run(past.workplace.rule().pk, 1)
    found = {"name": "linked deal", "write": False, "method": "", "url": "", "status": 0, "request": None}
    past.call(run, 1000, **found, response=b'"d77"', code="linked")
    past.call(run, 1001)
    page = plain(owner.get(url(past, f"{run}/")))
    assert '"d77" found by the link between the records' in page
    assert "linked deal" not in page
    assert "failed" not in page
